package picture

import (
	"math"
	"slices"
)

// A Window is the range of intensities shown, from black at Center-Width/2 to
// white at Center+Width/2 (HU for a CT). Zero width means: choose one.
type Window struct{ Center, Width float64 }

// softTissue is the usual CT window of the abdomen, in HU.
var softTissue = Window{Center: 40, Width: 400}

// sampled bounds how many voxels AutoWindow looks at.
const sampled = 1 << 18

// AutoWindow chooses a window for voxels of unknown kind. Values that reach
// well below zero, as fat, lung and air do in HU, are taken for a CT and get
// its soft-tissue window (40/400), unless hardly a voxel falls into it.
// Anything else gets the range from the 1st to the 99.5th percentile. NaN and
// infinite voxels count for nothing.
func AutoWindow(data []float32) Window {
	step := max(1, len(data)/sampled)
	if step > 1 {
		step |= 1 // an odd step does not fall in with the usual even rows
	}
	values := make([]float32, 0, len(data)/step+1)
	inside := 0
	lo, hi := softTissue.limits()
	for i := 0; i < len(data); i += step {
		v := float64(data[i])
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		values = append(values, data[i])
		if v > lo && v < hi {
			inside++
		}
	}
	if len(values) == 0 {
		return softTissue
	}
	slices.Sort(values)
	if values[0] < -100 && inside*100 > len(values) {
		return softTissue
	}
	lo = float64(values[len(values)/100])
	hi = float64(values[len(values)-1-len(values)/200])
	if hi <= lo { // nearly constant: show what little differs
		lo, hi = float64(values[0]), float64(values[len(values)-1])
	}
	if hi <= lo {
		hi = lo + 1
	}
	return Window{Center: (lo + hi) / 2, Width: hi - lo}
}

func (w Window) limits() (lo, hi float64) {
	return w.Center - w.Width/2, w.Center + w.Width/2
}

// grey returns the brightness of an intensity, 0 to 1; NaN is black.
func (w Window) grey(v float32) float64 {
	lo, hi := w.limits()
	g := (float64(v) - lo) / (hi - lo)
	if !(g > 0) {
		return 0
	}
	return min(g, 1)
}
