package inference

import "math"

// window is a box of voxels [lo, hi) along the three axes, at most a patch
// large.
type window struct{ lo, hi [3]int }

// windows cuts a volume into patches that overlap by half, as SAT does. The
// first of the axes varies slowest; SAT's own order is 0, 1, 2.
func windows(shape, patch, axes [3]int) (out []window) {
	var w window
	for _, x := range windowsAlong(shape[axes[0]], patch[axes[0]]) {
		w.lo[axes[0]], w.hi[axes[0]] = x[0], x[1]
		for _, y := range windowsAlong(shape[axes[1]], patch[axes[1]]) {
			w.lo[axes[1]], w.hi[axes[1]] = y[0], y[1]
			for _, z := range windowsAlong(shape[axes[2]], patch[axes[2]]) {
				w.lo[axes[2]], w.hi[axes[2]] = z[0], z[1]
				out = append(out, w)
			}
		}
	}
	return out
}

// windowsAlong are the windows along one axis, from their first voxel to the one
// behind the last: ceil(n/step)-1 of them (at least one) a step of half a patch
// apart, the last one moved back to end with the volume. A volume smaller than
// the patch gives one window of its own size.
func windowsAlong(n, patch int) (out [][2]int) {
	step := max(patch/2, 1)
	for i := range max((n+step-1)/step-1, 1) {
		lo, hi := i*step, i*step+patch
		if hi > n {
			lo, hi = max(n-patch, 0), n
		}
		out = append(out, [2]int{lo, hi})
	}
	return out
}

// gaussian weighs the voxels of a patch by their distance from its centre: the
// response of SciPy's gaussian_filter (sigma an eighth of the patch, cut at 4
// sigma) to a point at patch/2, scaled to a maximum of 10 and rounded to half
// precision, with zeros raised to the smallest value that is left. C order.
//
// The rounding is SAT's and is kept because near the corners it is most of the
// weight.
func gaussian(patch [3]int) []float32 {
	var k [3][]float64
	peak := 1.0
	for a := range k {
		k[a] = gaussianAxis(patch[a])
		peak *= k[a][patch[a]/2]
	}
	out := make([]float32, 0, patch[0]*patch[1]*patch[2])
	least := float32(math.Inf(1))
	for _, x := range k[0] {
		for _, y := range k[1] {
			for _, z := range k[2] {
				v := toHalf(x * y * z / peak * 10)
				if v > 0 {
					least = min(least, v)
				}
				out = append(out, v)
			}
		}
	}
	for i, v := range out {
		if v == 0 {
			out[i] = least
		}
	}
	return out
}

// gaussianAxis is a Gaussian kernel of sigma n/8 with radius round(4 sigma),
// of sum 1, laid over n voxels with its middle at n/2.
func gaussianAxis(n int) []float64 {
	sigma := float64(n) / 8
	radius := int(4*sigma + 0.5)
	weight := func(d int) float64 { return math.Exp(-0.5 / (sigma * sigma) * float64(d*d)) }
	sum := 0.0
	for d := -radius; d <= radius; d++ {
		sum += weight(d)
	}
	out := make([]float64, n)
	for i := range out {
		if d := i - n/2; d >= -radius && d <= radius {
			out[i] = weight(d) / sum
		}
	}
	return out
}

// toHalf rounds a non-negative number below 65504 to the nearest IEEE 754 half,
// ties to even.
func toHalf(x float64) float32 {
	if x == 0 {
		return 0
	}
	_, exp := math.Frexp(x)
	// 11 significant bits; halves below 2^-14 are multiples of 2^-24.
	unit := math.Ldexp(1, max(exp-11, -24))
	return float32(math.RoundToEven(x/unit) * unit)
}

// cut copies a window of a C-order volume into a patch, zero beyond the window
// (at the far end of each axis, as SAT pads; after normalisation zero is the
// scan's mean).
func cut(data []float32, shape [3]int, w window, patch [3]int, out []float32) {
	clear(out)
	n := w.hi[2] - w.lo[2]
	for x := w.lo[0]; x < w.hi[0]; x++ {
		for y := w.lo[1]; y < w.hi[1]; y++ {
			from := (x*shape[1]+y)*shape[2] + w.lo[2]
			to := ((x-w.lo[0])*patch[1] + y - w.lo[1]) * patch[2]
			copy(out[to:to+n], data[from:from+n])
		}
	}
}
