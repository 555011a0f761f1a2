package rawdata

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/labelmap"
	"satgraph/volume"
)

// atom is a source of the recipes: some values of one file, or of one of its
// channels.
type atom struct {
	source labelmap.Source
	label  string // the label whose steps the file needs, if it is one's own
	bits   *volume.Bits
	absent bool // the scan lacks the file
}

// group is the atoms of one file.
type group struct {
	file  string
	atoms []*atom
	// optional files may be absent: those of a choice of several.
	optional bool
	known    []labelmap.Range
}

// plan is what to read of a scan for its recipes.
type plan struct {
	groups []*group
	byText map[string]*atom
}

func (s *Source) plan() *plan {
	p := &plan{byText: map[string]*atom{}}
	for i := range s.recipes {
		p.collect(&s.recipes[i].expr, false)
	}
	for i := range s.dataset.Labels {
		l := &s.dataset.Labels[i]
		if s.moved() && l.Release != nil {
			for _, src := range l.Release.Sources() {
				if a, ok := p.byText[src.String()]; ok && src.File != "" {
					a.label = l.Name
				}
			}
		}
	}
	for _, g := range p.groups {
		g.known = s.known(g)
	}
	return p
}

func (p *plan) collect(e *labelmap.Expr, optional bool) {
	for i := range e.Args {
		p.collect(&e.Args[i], optional || e.Op == labelmap.OpFirst)
	}
	if e.Source == nil {
		return
	}
	key := e.Source.String()
	if p.byText[key] != nil {
		return
	}
	a := &atom{source: *e.Source}
	p.byText[key] = a
	i := slices.IndexFunc(p.groups, func(g *group) bool { return g.file == a.source.File })
	if i < 0 {
		i = len(p.groups)
		p.groups = append(p.groups, &group{file: a.source.File, optional: optional})
	}
	p.groups[i].atoms = append(p.groups[i].atoms, a)
}

// known are the values that a file may hold: background, those that recipes
// take, those of labels that make no class.
func (s *Source) known(g *group) []labelmap.Range {
	out := []labelmap.Range{labelmap.Value(0)}
	for _, a := range g.atoms {
		out = append(out, a.source.Values...)
	}
	if s.dataset.Masks.Background != nil {
		out = append(out, s.dataset.Masks.Background.Source.Values...)
	}
	if g.file != "" {
		return out
	}
	if s.dataset.Masks.Kind == catalog.Channels {
		return append(out, labelmap.Value(1))
	}
	for i := range s.dataset.Labels {
		l := &s.dataset.Labels[i]
		if l.Value != nil && (!s.moved() || l.Release == nil) {
			out = append(out, labelmap.Value(float64(*l.Value)))
		}
		if s.moved() && l.Release != nil {
			for _, src := range l.Release.Sources() {
				if src.File == "" {
					out = append(out, src.Values...)
				}
			}
		}
	}
	return out
}

// masks reads the files of a scan and carries the recipes out.
func (s *Source) masks(ctx context.Context, scan *Scan, im *opened) error {
	if rule := s.dataset.Masks.Published; s.options.AsPublished && (rule == catalog.Scaled || rule == catalog.StackMax) {
		return s.scaled(scan, im)
	}
	p := s.plan()
	lacking, there := []string{}, 0
	for _, g := range p.groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := s.files(&scan.Case, g.file)
		if err != nil {
			return &fileError{g.file, err}
		}
		if len(names) == 0 {
			for _, a := range g.atoms {
				a.absent = true
			}
			if !g.optional {
				lacking = append(lacking, g.file)
			}
			continue
		}
		there++
		if err := s.readGroup(ctx, scan, im, g, names); err != nil {
			return err
		}
	}
	if err := s.lacking(scan, lacking, there); err != nil {
		return err
	}
	return s.evaluate(scan, p)
}

// lacking judges missing files: one that a scan may lack, another version's
// folder, or a mistake.
func (s *Source) lacking(scan *Scan, lacking []string, there int) error {
	if len(lacking) == 0 {
		return nil
	}
	if lacking[0] == "" {
		return &fileError{scan.Mask, fmt.Errorf("%w: the label file", ErrMissing)}
	}
	if other := s.unknownFiles(scan); len(lacking) > there && len(other) > 0 {
		return &fileError{scan.Mask, fmt.Errorf("%w: it lacks %d of %d files, such as %s, and has %d that the record does not know, such as %s",
			ErrVersion, len(lacking), len(lacking)+there, lacking[0], len(other), other[0])}
	}
	if !s.dataset.Masks.Absent || there == 0 {
		return &fileError{scan.Mask, fmt.Errorf("%w: %s", ErrMissing, list(lacking))}
	}
	scan.raise(scan.Mask, false, fmt.Errorf("%w: %s: not annotated in this scan", ErrMissing, list(lacking)))
	return nil
}

// list writes the first of many names.
func list(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// unknownFiles are files that look like masks of the scan and that no label of
// the record, nor an image, is: in the folder of masks, and in folders within it
// where labels of the record have folders of their own.
func (s *Source) unknownFiles(scan *Scan) []string {
	if !scan.Folder {
		return nil
	}
	entries, err := s.options.Place().ReadDir(s.path(scan.Mask))
	if err != nil {
		return nil // what cannot be listed says nothing
	}
	var labels []catalog.Pattern
	behind := map[string]bool{} // what is behind the first folder of labels
	for i := range s.dataset.Labels {
		l := &s.dataset.Labels[i]
		for _, name := range s.labelFiles(&scan.Case, l) {
			if _, rest, ok := strings.Cut(name, "/"); ok {
				behind[rest] = true
			}
		}
		if l.Release != nil {
			for _, src := range l.Release.Sources() {
				if p, err := catalog.ParsePattern(src.File); err == nil {
					labels = append(labels, p)
				}
			}
		}
	}
	known := func(name string) bool {
		return slices.ContainsFunc(labels, func(p catalog.Pattern) bool { _, ok := p.Match(name); return ok }) ||
			slices.ContainsFunc(s.layout.Scans, func(o catalog.Scans) bool { _, ok := o.Image.Match(path.Join(scan.Mask, name)); return ok })
	}
	var out []string
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if !e.IsDir() {
			if (strings.HasSuffix(name, ".nii.gz") || strings.HasSuffix(name, ".nii") || strings.HasSuffix(name, ".nrrd")) && !known(e.Name()) {
				out = append(out, e.Name())
			}
			continue
		}
		for _, rest := range slices.Sorted(maps.Keys(behind)) {
			at := path.Join(e.Name(), rest)
			if _, err := s.options.Place().Stat(s.path(path.Join(scan.Mask, at))); err == nil && !known(at) {
				out = append(out, at)
			}
		}
	}
	return out
}

// readGroup reads a file, or the files that a pattern stands for, and puts the
// voxels of its atoms down.
func (s *Source) readGroup(ctx context.Context, scan *Scan, im *opened, g *group, names []string) error {
	batches := make([][]string, 0, len(names))
	if strings.EqualFold(path.Ext(names[0]), ".png") {
		batches = append(batches, names) // slices of one stack
	} else {
		for _, name := range names {
			batches = append(batches, []string{name})
		}
	}
	for _, batch := range batches {
		t := newTally(ctx, g)
		at, err := s.stream(im, batch, t.take)
		if err != nil {
			return &fileError{batch[0], err}
		}
		if t.volumes != t.seen {
			return &fileError{batch[0], fmt.Errorf("%w: it ends early", volume.ErrTruncated)}
		}
		if err := s.judge(scan, g, t, batch[0]); err != nil {
			return err
		}
		for i, a := range g.atoms {
			if a.source.Channel >= t.volumes {
				return &fileError{batch[0], fmt.Errorf("%w: it has %d channels, the record wants number %d", ErrVersion, t.volumes, a.source.Channel)}
			}
			bits, err := s.onImage(scan, a, t.bits[i], at, im.grid)
			if err != nil {
				return &fileError{batch[0], err}
			}
			if a.bits == nil {
				a.bits = bits
			} else if err := a.bits.Union(bits); err != nil {
				return &fileError{batch[0], err}
			}
		}
	}
	return nil
}

// judge says which values of a file no label explains.
func (s *Source) judge(scan *Scan, g *group, t *tally, name string) error {
	if e := s.dataset.Masks.OtherTable; e != nil && g.file == "" {
		for v := range t.values {
			if holds(e.Source.Values, v) {
				return &fileError{name, fmt.Errorf("%w: %g; the volume does not follow the codes of the record", ErrTable, v)}
			}
		}
	}
	var odd []string
	for _, v := range slices.SortedFunc(maps.Keys(t.values), compareFloats) {
		if !holds(g.known, v) {
			odd = append(odd, fmt.Sprintf("%g (%d voxels)", v, t.values[v]))
		}
	}
	if t.nan > 0 {
		odd = append(odd, fmt.Sprintf("not a number (%d voxels)", t.nan))
	}
	if len(odd) > 0 {
		scan.raise(name, false, fmt.Errorf("%w: %s", ErrValue, list(odd)))
	}
	return nil
}

func compareFloats(a, b float32) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func holds(ranges []labelmap.Range, v float32) bool {
	return slices.ContainsFunc(ranges, func(r labelmap.Range) bool { return r.Holds(float64(v)) })
}

// maxValues is how many different values of a file are told apart.
const maxValues = 1 << 16

// tally takes the voxels of a file in: what its atoms hold, and which values
// there are.
type tally struct {
	ctx     context.Context
	group   *group
	bits    []*volume.Bits
	of      map[float32][]int // atoms by value, of files without channels
	byCh    map[int][]int     // atoms by channel
	values  map[float32]int
	nan     int // voxels that are no number
	volumes int
	seen    int // volumes that were read to their end
	at      int // voxels of the present volume
}

func newTally(ctx context.Context, g *group) *tally {
	return &tally{ctx: ctx, group: g, bits: make([]*volume.Bits, len(g.atoms)), of: map[float32][]int{}, byCh: map[int][]int{}, values: map[float32]int{}}
}

func (t *tally) take(shape [3]int, volumes, n int, values []float32) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	t.volumes = volumes
	if t.bits[0] == nil {
		for i, a := range t.group.atoms {
			t.bits[i] = volume.NewBits(volume.Grid{Shape: shape})
			t.byCh[max(a.source.Channel, -1)] = append(t.byCh[max(a.source.Channel, -1)], i)
		}
		if volumes > 1 && len(t.byCh[-1]) > 0 {
			return fmt.Errorf("%w: %d volumes where one was expected", volume.ErrNotVolume, volumes)
		}
	}
	each := shape[0] * shape[1] * shape[2]
	row := shape[0]
	for len(values) > 0 {
		i := t.at % row
		piece := values[:min(len(values), row-i)]
		t.row(piece, i, t.at/row%shape[1], t.at/(row*shape[1]), n)
		t.at += len(piece)
		values = values[len(piece):]
	}
	if t.at == each {
		t.at = 0
		t.seen++
	}
	return nil
}

// row takes a part of a row of voxels in, run by run.
func (t *tally) row(values []float32, i, j, k, channel int) {
	for from := 0; from < len(values); {
		v := values[from]
		to := from + 1
		for to < len(values) && values[to] == v {
			to++
		}
		switch {
		case v == 0: // by far the most
		case math.IsNaN(float64(v)):
			t.nan++
		default:
			if n, ok := t.values[v]; ok || len(t.values) < maxValues {
				t.values[v] = n + to - from
			}
			for _, a := range t.atoms(v, channel) {
				t.bits[a].SetRun(i+from, i+to, j, k)
			}
		}
		from = to
	}
}

// atoms are those that a value of a channel belongs to.
func (t *tally) atoms(v float32, channel int) []int {
	if list, ok := t.byCh[channel]; ok && channel >= 0 {
		if len(list) == 1 && holds(t.group.atoms[list[0]].source.Values, v) {
			return list
		}
		return slices.DeleteFunc(slices.Clone(list), func(a int) bool { return !holds(t.group.atoms[a].source.Values, v) })
	}
	if list, ok := t.of[v]; ok {
		return list
	}
	var list []int
	for _, a := range t.byCh[-1] {
		if holds(t.group.atoms[a].source.Values, v) {
			list = append(list, a)
		}
	}
	t.of[v] = list
	return list
}

// onImage brings an atom's voxels onto the image's grid.
func (s *Source) onImage(scan *Scan, a *atom, b *volume.Bits, at frame, image volume.Grid) (*volume.Bits, error) {
	on := []string{catalog.OnMask}
	if a.label != "" {
		on = append(on, a.label)
	}
	for _, op := range s.ops(&scan.Case, catalog.OpFlip, on...) {
		var r volume.Reorientation
		for axis := range 3 {
			r.Perm[axis], r.Flip[axis] = axis, strings.ContainsRune(op.Value, rune('i'+axis))
		}
		b = turn(b, r, volume.Grid{Shape: b.Shape})
	}
	if len(s.ops(&scan.Case, catalog.OpGeometry, on...)) > 0 {
		at.ofImage = true
	}
	if at.ofImage {
		if b.Shape != image.Shape {
			return nil, fmt.Errorf("%w: its shape is %v, the image's %v", ErrGrid, b.Shape, image.Shape)
		}
		b.Grid = image
		return b, nil
	}
	if near(at.Grid, image) {
		b.Grid = image
		return b, nil
	}
	// The same voxels with their axes in another order or direction.
	r, q := at.ToRAS(), image.ToRAS()
	if near(r.Grid(at.Grid), q.Grid(image)) {
		ras := turn(b, r, r.Grid(at.Grid))
		return turn(ras, q.Invert(), image), nil
	}
	return nil, fmt.Errorf("%w: its shape is %v, spacing %.3g mm, axes %s, first voxel at %.2f; the image's %v, %.3g, %s, %.2f", ErrGrid,
		at.Shape, at.Spacing(), at.Orientation(), at.Affine.Apply([3]float64{}), image.Shape, image.Spacing(), image.Orientation(), image.Affine.Apply([3]float64{}))
}

// tolerance is how far a corner of a mask may be from that of its image, in
// parts of the smallest voxel side.
const tolerance = 0.1

// near says whether two grids are the same up to rounding.
func near(a, b volume.Grid) bool {
	if a.Shape != b.Shape {
		return false
	}
	side := math.Inf(1)
	for _, s := range b.Spacing() {
		side = min(side, s)
	}
	for corner := range 8 {
		var p [3]float64
		for axis := range 3 {
			if corner>>axis&1 == 1 {
				p[axis] = float64(a.Shape[axis] - 1)
			}
		}
		u, v := a.Affine.Apply(p), b.Affine.Apply(p)
		if !(math.Hypot(math.Hypot(u[0]-v[0], u[1]-v[1]), u[2]-v[2]) <= tolerance*side) {
			return false
		}
	}
	return true
}

// turn reorients a mask onto the grid that the reorientation leads to.
func turn(b *volume.Bits, r volume.Reorientation, to volume.Grid) *volume.Bits {
	if r.Identity() {
		b.Grid = to
		return b
	}
	out := volume.NewBits(to)
	b.Runs(func(run volume.Run) bool {
		for i := run.From; i < run.To; i++ {
			from := [3]int{i, run.J, run.K}
			var p [3]int
			for o, source := range r.Perm {
				p[o] = from[source]
				if r.Flip[o] {
					p[o] = b.Shape[source] - 1 - from[source]
				}
			}
			out.SetRun(p[0], p[0]+1, p[1], p[2])
		}
		return true
	})
	return out
}
