// Package labelmaps writes what the formats with one label a voxel have in common
// (nnU-Net, MONAI's decathlon): images and label maps in folders for training and
// testing, a dataset or all datasets together, under names that are safe.
//
// A [Packer] puts the masks of a scan into one label map whose labels mean the
// same in every scan. The i-th class, from 0, has the label i+1 where it lies alone. With
// export.Regions each combination of classes that shares a voxel somewhere gets
// a further label, in the order in which they are met, and a class is the union
// of its labels; with export.Refuse the first such combination is an
// *export.OverlapError. Start from [NewWriter].
package labelmaps

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// Packer makes the label maps of one export.
type Packer struct {
	classes []string
	place   map[string]int
	policy  export.Overlap
	sets    [][]int // the combinations beyond single classes, by label
	labels  map[string]uint16
}

// NewPacker makes a packer of the classes, in the order of their labels. The
// policy is Refuse or Regions.
func NewPacker(classes []string, policy export.Overlap) *Packer {
	p := &Packer{classes: classes, place: map[string]int{}, policy: policy, labels: map[string]uint16{}}
	for i, name := range classes {
		p.place[name] = i
	}
	return p
}

// Record is what a sample added to the table of labels.
type Record struct {
	// Sets are the combinations of classes met in this sample for the first time.
	Sets [][]int `json:"sets,omitempty"`
	// Voxels counts the voxels of each class of the packer.
	Voxels []int `json:"voxels"`
}

// Pack makes the label map of a scan, of those of its classes that the packer
// has. It holds two bytes a voxel and one mask. inOrder runs what depends on the
// scans packed before (export.Folder's InOrder). Errors are those of the scan, an
// *export.OverlapError, or ErrTooLarge of package volume for more than 65,535
// labels.
func (p *Packer) Pack(ctx context.Context, s *export.Sample, scan export.Scan, g volume.Grid, inOrder func(context.Context, func() error) error) (*volume.LabelMap, *Record, error) {
	out := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	rec := &Record{Voxels: make([]int, len(p.classes))}
	l := &local{p: p, s: s, sets: [][]int{nil}}
	for _, c := range p.order(s) {
		m, err := scan.Mask(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		if err := l.put(out, m, p.place[s.Classes[c].Name], rec); err != nil {
			return nil, nil, err
		}
	}
	if p.policy != export.Regions { // no combinations, whose labels depend on the order
		return out, rec, l.settle(out, rec)
	}
	return out, rec, inOrder(ctx, func() error { return l.settle(out, rec) })
}

// order lists a sample's classes by their labels, so that a combination is
// always built the same way.
func (p *Packer) order(s *export.Sample) []int {
	var out []int
	for i, c := range s.Classes {
		if _, ok := p.place[c.Name]; ok {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return p.place[s.Classes[a].Name] - p.place[s.Classes[b].Name] })
	return out
}

// local numbers the combinations of one scan, also those on the way to greater
// ones; settle turns its numbers into labels.
type local struct {
	p    *Packer
	s    *export.Sample
	sets [][]int
}

func (l *local) put(out *volume.LabelMap, m *volume.Bits, class int, rec *Record) (err error) {
	next := map[uint16]uint16{}
	var last, to uint16 // of the voxel before, which is most often as this one
	known := false
	m.Runs(func(r volume.Run) bool {
		row := out.Data[m.Index(r.From, r.J, r.K):][:r.To-r.From]
		rec.Voxels[class] += len(row)
		for i, v := range row {
			if !known || v != last {
				if to, known = next[v]; !known {
					if to, err = l.with(v, class); err != nil {
						return false
					}
					next[v], known = to, true
				}
				last = v
			}
			row[i] = to
		}
		return true
	})
	return err
}

// with numbers the classes of v and one more.
func (l *local) with(v uint16, class int) (uint16, error) {
	set := l.sets[v]
	if len(set) > 0 && l.p.policy != export.Regions {
		return 0, &export.OverlapError{
			Sample: l.s.Name(), A: l.p.classes[set[0]], B: l.p.classes[class],
			Hint: "ask for regions to keep both, or leave one class out",
		}
	}
	if len(l.sets) > math.MaxUint16 {
		return 0, tooMany(l.s)
	}
	l.sets = append(l.sets, append(slices.Clone(set), class))
	return uint16(len(l.sets) - 1), nil //nolint:gosec // it was checked
}

func tooMany(s *export.Sample) error {
	return fmt.Errorf("%s: %w: more than %d combinations of structures", s.Name(), volume.ErrTooLarge, math.MaxUint16)
}

// settle gives the combinations that are left in the scan their labels.
func (l *local) settle(out *volume.LabelMap, rec *Record) error {
	var to [1 << 16]uint16
	for _, v := range out.Values() {
		set := l.sets[v]
		if len(set) == 1 {
			to[v] = uint16(set[0] + 1) //nolint:gosec // common has fewer
			continue
		}
		label, known := l.p.labels[key(set)]
		if !known {
			if l.p.Labels() >= math.MaxUint16 {
				return tooMany(l.s)
			}
			rec.Sets = append(rec.Sets, set)
			label = l.p.learn(set)
		}
		to[v] = label
	}
	for i, v := range out.Data {
		out.Data[i] = to[v]
	}
	return nil
}

func (p *Packer) learn(set []int) uint16 {
	p.sets = append(p.sets, set)
	label := uint16(p.Labels()) //nolint:gosec // settle checked it
	p.labels[key(set)] = label
	return label
}

func key(set []int) string {
	var b []byte
	for _, c := range set {
		b = binary.AppendUvarint(b, uint64(c)) //nolint:gosec // a place in a list
	}
	return string(b)
}

// Replay learns what a sample that was packed before added.
func (p *Packer) Replay(rec *Record) {
	for _, set := range rec.Sets {
		p.learn(set)
	}
}

// Set lists the places of the classes that a label stands for; the label 0 has
// none.
func (p *Packer) Set(label uint16) []int {
	switch n := int(label); {
	case n == 0:
		return nil
	case n <= len(p.classes):
		return []int{n - 1}
	default:
		return p.sets[n-len(p.classes)-1]
	}
}

// Labels is the number of labels, background left out.
func (p *Packer) Labels() int { return len(p.classes) + len(p.sets) }

// Of lists the labels of a class: its own, and those of the combinations that it
// is in.
func (p *Packer) Of(class int) []int {
	out := []int{class + 1}
	for i, set := range p.sets {
		if slices.Contains(set, class) {
			out = append(out, len(p.classes)+i+1)
		}
	}
	return out
}

// Overlapping tells whether any structures share voxels.
func (p *Packer) Overlapping() bool { return len(p.sets) > 0 }

// common chooses the classes that an export with one label a voxel can hold:
// those annotated in all samples, since where a class is not annotated its
// voxels would pass for background. Others are an ErrPartial, unless they may be
// left out; they are returned then.
func common(samples []*export.Sample, leaveOut bool) (classes, left []string, err error) {
	count := map[string]int{}
	for _, s := range samples {
		for _, c := range s.Classes {
			count[c.Name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		switch {
		case count[name] == len(samples):
			classes = append(classes, name)
		case leaveOut:
			left = append(left, name)
		default:
			return nil, nil, fmt.Errorf("%w: %q is annotated in %d of %d scans of %s, and not in %s; ask to leave such classes out, or choose scans",
				export.ErrPartial, name, count[name], len(samples), samples[0].Dataset, without(samples, name))
		}
	}
	if len(classes) == 0 {
		return nil, nil, fmt.Errorf("%w: no class is annotated in all %d scans of %s", export.ErrPartial, len(samples), samples[0].Dataset)
	}
	if len(classes) > math.MaxUint16 {
		return nil, nil, fmt.Errorf("%w: %d classes", volume.ErrTooLarge, len(classes))
	}
	return classes, left, nil
}

func without(samples []*export.Sample, class string) string {
	for _, s := range samples {
		if !slices.ContainsFunc(s.Classes, func(c export.Class) bool { return c.Name == class }) {
			return s.Name()
		}
	}
	return "any"
}
