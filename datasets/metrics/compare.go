package metrics

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"satgraph/volume"
)

// DefaultTolerance is the tolerance of NSD in mm that SAT reports.
const DefaultTolerance = 1.0

// Options says how masks are compared.
type Options struct {
	// Tolerance of NSD in mm; 0 means DefaultTolerance.
	Tolerance float64
	// SATExact reproduces the official evaluation of SAT: spacing is taken as
	// (1, 1, 3) mm whatever the grid's is, and a structure that both masks lack
	// counts 1.
	SATExact bool
	// Workers bounds the structures that are compared at a time; 0 means all
	// cores.
	Workers int
}

// Status says which of the two masks have voxels.
type Status string

// The four cases. Where one mask is empty, DSC and NSD are 0 and distances
// infinite; where both are, there is nothing to measure and all are NaN.
const (
	Both       Status = "compared"
	OnlyPred   Status = "not in the reference"
	OnlyRef    Status = "not in the prediction"
	NeitherHas Status = "in neither"
)

// Result is how one structure's prediction agrees with its reference.
type Result struct {
	Status                Status
	PredVoxels, RefVoxels int
	// Dice is 2|A∩B| / (|A|+|B|).
	Dice float64
	// NSD is the part of both surfaces that lies within the tolerance of the other.
	NSD float64
	// HD95 is the distance in mm within which 95% of either surface lies of the
	// other: the greater of the two, weighted by area.
	HD95 float64
	// ASSD is the mean distance in mm over both surfaces, weighted by area.
	ASSD float64
	// PredVolume and RefVolume are in mL; VolumeError is (pred-ref)/ref.
	PredVolume, RefVolume, VolumeError float64
	// PredSurface and RefSurface are areas in mm².
	PredSurface, RefSurface float64
	// PredSurfels and RefSurfels count the elements of the surfaces.
	PredSurfels, RefSurfels int
}

// worker holds what is used again from structure to structure.
type worker struct {
	spacing                          [3]float64
	tolerance                        float64
	sat                              bool
	areas                            [256]float64
	spiral                           []offset
	radius2                          float64
	pred, ref, predBorder, refBorder bitmap
	predSurfels, refSurfels          []surfel
	far                              []query
	parabolas                        []parabola
	nearRow                          []uint16
}

func newWorker(g volume.Grid, o Options) *worker {
	w := &worker{spacing: g.Spacing(), tolerance: cmp.Or(o.Tolerance, DefaultTolerance), sat: o.SATExact}
	if o.SATExact {
		w.spacing = [3]float64{1, 1, 3}
	}
	w.areas = areas(w.spacing)
	w.spiral, w.radius2 = spiral(w.spacing)
	return w
}

// Compare compares one structure's masks on a grid; nil is an empty mask.
func Compare(pred, ref *Structure, g volume.Grid, o Options) Result {
	return newWorker(g, o).compare(pred, ref, g)
}

func (w *worker) compare(pred, ref *Structure, g volume.Grid) Result {
	ml := g.VoxelVolume() / 1000
	r := Result{Status: Both}
	if pred != nil {
		r.PredVoxels = pred.Voxels
	}
	if ref != nil {
		r.RefVoxels = ref.Voxels
	}
	r.PredVolume, r.RefVolume = float64(r.PredVoxels)*ml, float64(r.RefVoxels)*ml
	r.VolumeError = float64(r.PredVoxels-r.RefVoxels) / float64(r.RefVoxels)
	switch {
	case r.PredVoxels == 0 && r.RefVoxels == 0:
		r.Status = NeitherHas
		r.Dice, r.NSD, r.HD95, r.ASSD, r.VolumeError = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
		if w.sat {
			r.Dice, r.NSD = 1, 1
		}
		return r
	case r.PredVoxels == 0:
		r.Status = OnlyRef
	case r.RefVoxels == 0:
		r.Status = OnlyPred
	}
	box := volume.Box{Min: g.Shape}
	for _, s := range []*Structure{pred, ref} {
		if s == nil || s.Voxels == 0 {
			continue
		}
		for a := range 3 {
			box.Min[a], box.Max[a] = min(box.Min[a], s.Box.Min[a]), max(box.Max[a], s.Box.Max[a])
		}
	}
	w.pred.fill(pred, box, g)
	w.ref.fill(ref, box, g)
	r.Dice = 2 * float64(overlap(&w.pred, &w.ref)) / float64(r.PredVoxels+r.RefVoxels)
	w.predBorder.border(&w.pred)
	w.refBorder.border(&w.ref)
	w.predSurfels = w.measure(w.predSurfels[:0], &w.pred, &w.predBorder, &w.refBorder, r.RefVoxels == 0)
	w.refSurfels = w.measure(w.refSurfels[:0], &w.ref, &w.refBorder, &w.predBorder, r.PredVoxels == 0)
	w.summarise(&r)
	return r
}

func (w *worker) summarise(r *Result) {
	p, q := total(w.predSurfels, w.tolerance), total(w.refSurfels, w.tolerance)
	r.PredSurfels, r.RefSurfels = len(w.predSurfels), len(w.refSurfels)
	r.PredSurface, r.RefSurface = p.area, q.area
	r.NSD = (p.within + q.within) / (p.area + q.area)
	r.ASSD = (p.moment + q.moment) / (p.area + q.area)
	r.HD95 = math.Max(percentile(w.predSurfels, p.area, 0.95), percentile(w.refSurfels, q.area, 0.95))
}

type totals struct{ area, within, moment float64 }

func total(surfels []surfel, tolerance float64) (t totals) {
	for _, s := range surfels {
		t.area += s.area
		t.moment += s.area * s.distance
		if s.distance <= tolerance {
			t.within += s.area
		}
	}
	return t
}

// percentile is the least distance within which a part of the area lies; it
// sorts the surfels.
func percentile(surfels []surfel, area, part float64) float64 {
	slices.SortFunc(surfels, func(a, b surfel) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.area, b.area))
	})
	sum := 0.0
	for _, s := range surfels {
		if sum += s.area; sum/area >= part {
			return s.distance
		}
	}
	if len(surfels) == 0 {
		return 0
	}
	return surfels[len(surfels)-1].distance
}

// CompareAll compares the structures of two label maps: those named by labels,
// or all that either has where labels is nil. It uses all cores. ErrGrid where
// the two do not lie on the same grid (to 0.001 mm).
func CompareAll(pred, ref *Labels, labels []uint16, o Options) (map[uint16]Result, error) {
	if err := SameGrid(pred.Grid, ref.Grid); err != nil {
		return nil, err
	}
	if labels == nil {
		labels = append(pred.Sorted(), ref.Sorted()...)
		slices.Sort(labels)
		labels = slices.Compact(labels)
	}
	// The largest first, so that no core is left with one at the end.
	size := func(l uint16) (n int) {
		for _, m := range []*Labels{pred, ref} {
			if s := m.Structures[l]; s != nil {
				n += s.Voxels
			}
		}
		return n
	}
	order := slices.Clone(labels)
	slices.SortStableFunc(order, func(a, b uint16) int { return cmp.Compare(size(b), size(a)) })
	out := make(map[uint16]Result, len(labels))
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan uint16, len(order))
	for _, l := range order {
		next <- l
	}
	close(next)
	for range min(cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), len(order)) {
		wg.Go(func() {
			w := newWorker(ref.Grid, o)
			for l := range next {
				r := w.compare(pred.Structures[l], ref.Structures[l], ref.Grid)
				mu.Lock()
				out[l] = r
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out, nil
}

// gridSlack is how far, in mm, two affines may be apart: what is left of
// arithmetic and of float32 headers.
const gridSlack = 1e-3

// SameGrid says why two grids differ, as an ErrGrid.
func SameGrid(pred, ref volume.Grid) error {
	switch {
	case pred.Shape != ref.Shape:
		return fmt.Errorf("%w: the prediction's shape is %v, the reference's %v", ErrGrid, pred.Shape, ref.Shape)
	case !pred.Equal(ref, gridSlack):
		return fmt.Errorf("%w: the prediction's affine is %v, the reference's %v", ErrGrid, pred.Affine, ref.Affine)
	}
	return nil
}
