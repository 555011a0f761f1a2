package rawdata

import (
	"errors"
	"fmt"

	"satgraph/datasets/catalog"
	"satgraph/labelmap"
	"satgraph/volume"
)

// errAbsent says that a recipe wants a file that the scan lacks.
var errAbsent = errors.New("not annotated")

// evaluate makes the masks of all classes from what was read.
func (s *Source) evaluate(scan *Scan, p *plan) error {
	for i := range s.recipes {
		r := &s.recipes[i]
		e := &evaluation{plan: p, grid: scan.Grid, empty: s.options.AsPublished && s.dataset.Masks.Absent}
		b, err := e.of(&r.expr)
		if errors.Is(err, errAbsent) {
			scan.Absent = append(scan.Absent, r.class)
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrRecipe, r.class, err)
		}
		if s.dataset.Masks.Published == catalog.Sum && e.overlap > 0 {
			scan.raise("", false, fmt.Errorf("%w: %s: %d", ErrOverlap, r.class, e.overlap))
		}
		scan.Masks = append(scan.Masks, Mask{Class: r.class, Name: r.name, Bits: b})
	}
	return nil
}

type evaluation struct {
	plan    *plan
	grid    volume.Grid
	empty   bool // an absent file is an empty mask
	overlap int  // voxels that arguments of a union share
}

// of carries an expression out. What it returns may be an atom's own voxels.
func (e *evaluation) of(x *labelmap.Expr) (*volume.Bits, error) {
	switch x.Op {
	case labelmap.OpSource:
		a := e.plan.byText[x.Source.String()]
		if a.absent {
			if e.empty {
				return volume.NewBits(e.grid), nil
			}
			return nil, errAbsent
		}
		return a.bits, nil
	case labelmap.OpFirst:
		for i := range x.Args {
			b, err := e.of(&x.Args[i])
			if !errors.Is(err, errAbsent) {
				return b, err
			}
		}
		return nil, errAbsent
	case labelmap.OpUnion, labelmap.OpIntersect, labelmap.OpDifference:
		return e.combine(x)
	case labelmap.OpMidplane:
		b, err := e.of(&x.Args[0])
		if err != nil {
			return nil, err
		}
		return half(b, x.Side), nil
	case labelmap.OpComponent:
		b, err := e.of(&x.Args[0])
		if err != nil {
			return nil, err
		}
		return sidedComponents(b, x.Side), nil
	}
	return nil, fmt.Errorf("unknown operation %q", x.Op)
}

func (e *evaluation) combine(x *labelmap.Expr) (*volume.Bits, error) {
	first, err := e.of(&x.Args[0])
	if err != nil {
		return nil, err
	}
	out := first.Clone()
	for i := range x.Args[1:] {
		b, err := e.of(&x.Args[i+1])
		if err != nil {
			return nil, err
		}
		switch x.Op {
		case labelmap.OpUnion:
			before := out.Count()
			if err := out.Union(b); err != nil {
				return nil, err
			}
			e.overlap += before + b.Count() - out.Count()
		case labelmap.OpDifference:
			if err := out.Subtract(b); err != nil {
				return nil, err
			}
		default:
			outside := out.Clone()
			if err := outside.Subtract(b); err != nil {
				return nil, err
			}
			if err := out.Subtract(outside); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// middle is the world x (mm, growing to the right) of the middle of a grid.
func middle(g volume.Grid) float64 {
	return g.Affine.Apply([3]float64{float64(g.Shape[0]-1) / 2, float64(g.Shape[1]-1) / 2, float64(g.Shape[2]-1) / 2})[0]
}

// half keeps the voxels on one side of the middle of the scan; those in the
// middle belong to neither.
func half(b *volume.Bits, side string) *volume.Bits {
	out, mid := volume.NewBits(b.Grid), middle(b.Grid)
	b.Runs(func(r volume.Run) bool {
		for i := r.From; i < r.To; i++ {
			x := b.Affine.Apply([3]float64{float64(i), float64(r.J), float64(r.K)})[0]
			if side == "left" && x < mid || side == "right" && x > mid {
				out.SetRun(i, i+1, r.J, r.K)
			}
		}
		return true
	})
	return out
}

// sidedComponents keeps the components (voxels that share a face) whose centre
// lies on one side of the middle of the scan.
func sidedComponents(b *volume.Bits, side string) *volume.Bits {
	var runs []volume.Run
	b.Runs(func(r volume.Run) bool { runs = append(runs, r); return true })
	up := make([]int, len(runs))
	for i := range up {
		up[i] = i
	}
	root := func(i int) int {
		for up[i] != i {
			up[i] = up[up[i]]
			i = up[i]
		}
		return i
	}
	type place struct{ j, k int }
	rows := map[place][]int{}
	for i, r := range runs {
		rows[place{r.J, r.K}] = append(rows[place{r.J, r.K}], i)
		for _, before := range []place{{r.J - 1, r.K}, {r.J, r.K - 1}} {
			for _, n := range rows[before] {
				if o := runs[n]; o.From < r.To && r.From < o.To {
					up[root(n)] = root(i)
				}
			}
		}
	}
	sum, count := make([]float64, len(runs)), make([]float64, len(runs))
	for i, r := range runs {
		x := b.Affine.Apply([3]float64{float64(r.From+r.To-1) / 2, float64(r.J), float64(r.K)})[0]
		n := float64(r.To - r.From)
		sum[root(i)] += x * n
		count[root(i)] += n
	}
	out, mid := volume.NewBits(b.Grid), middle(b.Grid)
	for i, r := range runs {
		x := sum[root(i)] / count[root(i)]
		if side == "left" && x < mid || side == "right" && x > mid {
			out.SetRun(r.From, r.To, r.J, r.K)
		}
	}
	return out
}

// scaled makes masks as the published loaders do that scale first: the volume,
// or the stack of all masks, is brought to 0..1 by its least and greatest value,
// and what is above half is in.
func (s *Source) scaled(scan *Scan, im *opened) error {
	n := scan.Grid.Voxels()
	sums := make([][]float32, len(s.recipes))
	for i := range s.recipes {
		sums[i] = make([]float32, n)
		for _, src := range s.recipes[i].expr.Sources() {
			if err := s.addRaw(scan, im, src, sums[i]); err != nil {
				return err
			}
		}
	}
	low, high := sums[0][0], sums[0][0]
	for _, values := range sums {
		for _, v := range values {
			low, high = min(low, v), max(high, v)
		}
	}
	for i := range s.recipes {
		b := volume.NewBits(scan.Grid)
		if high > low {
			for at, v := range sums[i] {
				if (v-low)/(high-low) > 0.5 {
					row := at / scan.Grid.Shape[0]
					b.SetRun(at%scan.Grid.Shape[0], at%scan.Grid.Shape[0]+1, row%scan.Grid.Shape[1], row/scan.Grid.Shape[1])
				}
			}
		}
		scan.Masks = append(scan.Masks, Mask{Class: s.recipes[i].class, Name: s.recipes[i].name, Bits: b})
	}
	return nil
}

// addRaw adds the values of a source's file: as they are in SAT-DS's own form,
// and 1 for each voxel of the source elsewhere.
func (s *Source) addRaw(scan *Scan, im *opened, src *labelmap.Source, to []float32) error {
	names, err := s.files(&scan.Case, src.File)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return &fileError{scan.Mask, ErrMissing}
	}
	raw := src.File == ""
	at := 0
	f, err := s.stream(im, names, func(_ [3]int, _, channel int, values []float32) error {
		if raw && src.Channel >= 0 && channel != src.Channel {
			return nil
		}
		if at+len(values) > len(to) {
			return fmt.Errorf("%w: more voxels than the image", ErrGrid)
		}
		for i, v := range values {
			switch {
			case raw:
				to[at+i] += v
			case holds(src.Values, v):
				to[at+i]++
			}
		}
		at += len(values)
		return nil
	})
	if err != nil {
		return &fileError{names[0], err}
	}
	if at != len(to) || !f.ofImage && !near(f.Grid, im.grid) {
		return &fileError{names[0], fmt.Errorf("%w: its shape is %v, the image's %v", ErrGrid, f.Shape, im.grid.Shape)}
	}
	return nil
}
