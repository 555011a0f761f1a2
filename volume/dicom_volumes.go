package volume

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"satgraph/volume/internal/dcm"
)

// PartInfo is one of the volumes that lie at the same place in a series.
type PartInfo struct {
	// Name says what tells it from the others: "EchoTime 30".
	Name   string `json:"name"`
	Images int    `json:"images"`
}

// VolumesError says that a series holds several volumes at the same place (echoes,
// phases, b-values, repetitions), of which one must be chosen, or none that was
// asked for. It is an ErrSeries.
type VolumesError struct {
	// Asked is the volume that was asked for; empty where none was.
	Asked   string
	Volumes []PartInfo // the first is number 1
}

// Error lists the volumes.
func (e *VolumesError) Error() string {
	list := make([]string, len(e.Volumes))
	for i, v := range e.Volumes {
		list[i] = fmt.Sprintf("%d (%s, %d images)", i+1, v.Name, v.Images)
	}
	of := "volumes at the same place"
	if len(list) == 1 {
		of = "volume"
	}
	said := fmt.Sprintf("%v: it holds %d %s: %s", ErrSeries, len(list), of, strings.Join(list, ", "))
	if e.Asked != "" {
		said = fmt.Sprintf("%v: it holds no volume %s, but %s", ErrSeries, e.Asked, strings.Join(list, ", "))
	}
	return said
}

// Unwrap returns ErrSeries.
func (e *VolumesError) Unwrap() error { return ErrSeries }

// apartBy lists what tells images at the same place apart, the plainest first.
var apartBy = []struct {
	tag  dcm.Tag
	name string
}{
	{dcm.TemporalPosition, "TemporalPositionIdentifier"},
	{dcm.TemporalPositionIndex, "TemporalPositionIndex"},
	{dcm.EchoTime, "EchoTime"},
	{dcm.EffectiveEchoTime, "EffectiveEchoTime"},
	{dcm.BValue, "DiffusionBValue"},
	{dcm.InversionTime, "InversionTime"},
	{dcm.FlipAngle, "FlipAngle"},
	{dcm.CardiacPhase, "NominalPercentageOfCardiacPhase"},
	{dcm.TriggerDelay, "NominalCardiacTriggerDelayTime"},
	{dcm.TriggerTime, "TriggerTime"},
	{dcm.ImageType, "ImageType"},
	{dcm.SequenceName, "SequenceName"},
	{dcm.AcquisitionNumber, "AcquisitionNumber"},
	{dcm.AcquisitionTime, "AcquisitionTime"},
	{dcm.ContentTime, "ContentTime"},
}

// groupsApart are the functional groups of a frame in which these attributes
// stand (PS3.3 C.8.13.5 and C.7.6.16.2).
var groupsApart = []dcm.Tag{
	dcm.FrameContentSequence, dcm.MREchoSequence, dcm.MRDiffusionSequence, dcm.CardiacSynchronization, dcm.MRTimingSequence,
	dcm.MRModifierSequence, dcm.MRImageFrameType, dcm.CTImageFrameType,
}

// readApart reads what may tell a frame from another at its place. own and shared
// are its functional groups.
func (f *frame) readApart(own, shared *dcm.Dataset) {
	f.apart = map[string]string{}
	sets := []*dcm.Dataset{f.in.head}
	for _, groups := range []*dcm.Dataset{shared, own} { // what is nearer counts
		for _, g := range groupsApart {
			sets = append(sets, groups.First(g))
		}
	}
	for _, d := range sets {
		for _, a := range apartBy {
			if v := said(d, a.tag); v != "" {
				f.apart[a.name] = v
			}
		}
	}
	if idx, _ := own.First(dcm.FrameContentSequence).Floats(dcm.DimensionIndexValues); len(idx) > 0 { // a name only
		for i, v := range idx {
			f.apart[dimension(i)] = strconv.FormatFloat(v, 'g', -1, 64)
		}
		f.dimensions = len(idx)
	}
	f.number, _ = f.in.head.Int(dcm.InstanceNumber, 0) // an order only
	f.number += f.index
}

func dimension(i int) string { return fmt.Sprintf("DimensionIndexValues[%d]", i+1) }

// said is an attribute's value as text.
func said(d *dcm.Dataset, t dcm.Tag) string {
	e, ok := d.Get(t)
	if !ok {
		return ""
	}
	switch e.VR {
	case "FD", "FL", "US", "SS", "UL", "SL":
		values, _ := d.Floats(t) // a name only
		list := make([]string, len(values))
		for i, v := range values {
			list[i] = strconv.FormatFloat(v, 'g', -1, 64)
		}
		return strings.Join(list, `\`)
	}
	return strings.Join(d.Strings(t), `\`)
}

// part is some frames, and what they have in common.
type part struct {
	name   string
	frames []frame
}

// oneVolume takes the volume that is asked for, by its number or its name, of
// those that lie at the same place in a series, or the only one. Files that are
// there twice count once.
func (s *seriesData) oneVolume(frames []frame, asked string) ([]frame, error) {
	frames = s.once(frames)
	parts := divide(frames)
	infos := make([]PartInfo, len(parts))
	for i, p := range parts {
		infos[i] = PartInfo{p.name, len(p.frames)}
	}
	for i, p := range parts {
		switch {
		case asked == "" && len(parts) == 1:
			return p.frames, nil
		case asked != "" && (asked == strconv.Itoa(i+1) || strings.EqualFold(asked, p.name)):
			if len(parts) > 1 {
				s.warn("volume %d of %d at the same place: %s", i+1, len(parts), p.name)
			}
			return p.frames, nil
		}
	}
	return nil, &VolumesError{Asked: asked, Volumes: infos}
}

// once leaves out files that are copies of others.
func (s *seriesData) once(frames []frame) []frame {
	seen := map[string]string{} // path by instance
	copies := 0
	kept := make([]frame, 0, len(frames))
	for _, f := range frames {
		uid := f.in.instanceUID
		if first, ok := seen[uid]; ok && uid != "" && first != f.in.path && slices.ContainsFunc(kept, func(k frame) bool { return k.copies(f) }) {
			copies++
			continue
		}
		if _, ok := seen[uid]; !ok {
			seen[uid] = f.in.path
		}
		kept = append(kept, f)
	}
	if copies > 0 {
		s.warn("%d images are there twice, with one SOPInstanceUID; each is taken once", copies)
	}
	return kept
}

// copies says that another frame is the same image.
func (f frame) copies(other frame) bool {
	return f.in.instanceUID == other.in.instanceUID && f.in.path != other.in.path && f.index == other.index &&
		f.position == other.position && f.in.pixels.Native.Size == other.in.pixels.Native.Size && maps.Equal(f.apart, other.apart)
}

// divide cuts frames into volumes, in which each place is taken once.
func divide(frames []frame) []part {
	most := crowd(frames)
	if most < 2 {
		return []part{{"all images", frames}}
	}
	for _, name := range attributes(frames) {
		parts := by(name, frames)
		if len(parts) < 2 || len(parts) > most || slices.ContainsFunc(parts, func(p part) bool { return crowd(p.frames) >= most }) {
			continue
		}
		var out []part
		for _, p := range parts {
			for _, q := range divide(p.frames) {
				if q.name == "all images" {
					q.name = p.name
				} else {
					q.name = p.name + ", " + q.name
				}
				out = append(out, q)
			}
		}
		return out
	}
	return inTurn(frames, most)
}

// attributes are the names of what tells frames apart.
func attributes(frames []frame) []string {
	var names []string
	for _, a := range apartBy {
		names = append(names, a.name)
	}
	n := 0
	for _, f := range frames {
		n = max(n, f.dimensions)
	}
	for i := range n {
		names = append(names, dimension(i))
	}
	return names
}

// by cuts frames by the value of an attribute, in its order.
func by(name string, frames []frame) []part {
	groups := map[string][]frame{}
	for _, f := range frames {
		groups[f.apart[name]] = append(groups[f.apart[name]], f)
	}
	values := slices.SortedFunc(maps.Keys(groups), func(a, b string) int {
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(a, b)
	})
	parts := make([]part, len(values))
	for i, v := range values {
		parts[i] = part{name + " " + cmp.Or(v, "not given"), groups[v]}
	}
	return parts
}

// inTurn cuts frames that nothing tells apart by the order of their numbers: the
// first image of each place, the second, and so on.
func inTurn(frames []frame, most int) []part {
	sorted := slices.Clone(frames)
	slices.SortStableFunc(sorted, func(a, b frame) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.in.path, b.in.path), cmp.Compare(a.index, b.index))
	})
	parts := make([]part, most)
	for i := range parts {
		parts[i].name = fmt.Sprintf("repetition %d by InstanceNumber", i+1)
	}
	at := places(sorted)
	turn := map[int]int{}
	for i, f := range sorted {
		p := &parts[turn[at[i]]]
		p.frames = append(p.frames, f)
		turn[at[i]]++
	}
	return parts
}

// crowd is how many frames lie at one place at most.
func crowd(frames []frame) int {
	count, most := map[int]int{}, 0
	for _, at := range places(frames) {
		count[at]++
		most = max(most, count[at])
	}
	return most
}

// places numbers the places of frames. Those that have none are all elsewhere,
// as are those of another orientation: assemble says what is wrong with them.
func places(frames []frame) []int {
	order := make([]int, len(frames))
	for i := range order {
		order[i] = i
	}
	along := func(i int) float64 {
		f := frames[i]
		return dot(f.position, cross([3]float64(f.orientation[:3]), [3]float64(f.orientation[3:])))
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(slices.Compare(frames[a].orientation[:], frames[b].orientation[:]), cmp.Compare(along(a), along(b)))
	})
	at := make([]int, len(frames))
	place := 0
	for k, i := range order {
		if k > 0 {
			before := order[k-1]
			if !frames[i].placed || !frames[before].placed || frames[i].orientation != frames[before].orientation || along(i)-along(before) >= sameMM {
				place++
			}
		}
		at[i] = place
	}
	return at
}
