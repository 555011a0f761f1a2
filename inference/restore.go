package inference

import (
	"math"
	"runtime"
	"sync"

	"satgraph/volume"
)

// threshold is the probability above which, strictly, a voxel belongs to a
// structure.
const threshold = 0.5

// restore puts a structure back on the scan's own grid. prob holds
// probabilities on the model's grid, C order; each voxel centre of the scan is
// looked up in it by trilinear interpolation and belongs to the structure where
// that is above the threshold. Positions up to half a voxel outside the model's
// grid take its border's value; beyond lies nothing.
//
// Only the part of the scan where the structure can be is looked at, so the
// cost goes with the structure's size. The result does not depend on threads.
func (p *prepared) restore(prob []float32, threads int) (*volume.Mask, error) {
	mask := volume.NewMask(p.source)
	lo, hi, ok := above(prob, p.grid.Shape)
	if !ok {
		return mask, nil
	}
	box, err := p.reach(lo, hi)
	if err != nil {
		return nil, err
	}
	parallel(box.Max[2]-box.Min[2], threads, func(n int) {
		k := box.Min[2] + n
		for j := box.Min[1]; j < box.Max[1]; j++ {
			row := mask.Data[p.source.Index(0, j, k):]
			at := p.toModel.Apply([3]float64{0, float64(j), float64(k)})
			for i := box.Min[0]; i < box.Max[0]; i++ {
				x := float64(i)
				v := lookup(prob, p.grid.Shape,
					at[0]+x*p.toModel[0][0], at[1]+x*p.toModel[1][0], at[2]+x*p.toModel[2][0])
				if v > threshold {
					row[i] = 1
				}
			}
		}
	})
	return mask, nil
}

// above is the box [lo, hi] of voxels above the threshold.
func above(prob []float32, shape [3]int) (lo, hi [3]int, ok bool) {
	lo = shape
	n := 0
	for x := range shape[0] {
		for y := range shape[1] {
			for z, v := range prob[n : n+shape[2]] {
				if v > threshold {
					ok = true
					for a, c := range [3]int{x, y, z} {
						lo[a], hi[a] = min(lo[a], c), max(hi[a], c)
					}
				}
			}
			n += shape[2]
		}
	}
	return lo, hi, ok
}

// reach is the box of the scan's voxels that lie within one model voxel of the
// model's box [lo, hi]: interpolation exceeds the threshold nowhere else.
func (p *prepared) reach(lo, hi [3]int) (volume.Box, error) {
	back, err := p.toModel.Inverse()
	if err != nil {
		return volume.Box{}, err
	}
	var from, to [3]float64
	for a := range 3 {
		from[a], to[a] = math.Inf(1), math.Inf(-1)
	}
	for n := range 8 {
		var c [3]float64
		for a := range 3 {
			c[a] = float64(lo[a] - 1)
			if n>>a&1 == 1 {
				c[a] = float64(hi[a] + 1)
			}
		}
		for a, v := range back.Apply(c) {
			from[a], to[a] = math.Min(from[a], v), math.Max(to[a], v)
		}
	}
	var b volume.Box
	for a := range 3 {
		limit := float64(p.source.Shape[a])
		b.Min[a] = int(math.Min(math.Max(math.Floor(from[a]), 0), limit))
		b.Max[a] = int(math.Min(math.Max(math.Ceil(to[a])+1, 0), limit))
	}
	return b, nil
}

// lookup interpolates a C-order volume at a voxel position.
func lookup(data []float32, shape [3]int, x, y, z float64) float32 {
	i, u, ok := place(x, shape[0])
	if !ok {
		return 0
	}
	j, v, ok := place(y, shape[1])
	if !ok {
		return 0
	}
	k, w, ok := place(z, shape[2])
	if !ok {
		return 0
	}
	// A weight of 0 means that the second neighbour may not exist.
	var di, dj, dk int
	if u > 0 {
		di = shape[1] * shape[2]
	}
	if v > 0 {
		dj = shape[2]
	}
	if w > 0 {
		dk = 1
	}
	o := (i*shape[1]+j)*shape[2] + k
	line := func(o int) float32 { return data[o] + w*(data[o+dk]-data[o]) }
	a, b := line(o), line(o+di)
	if v > 0 {
		a += v * (line(o+dj) - a)
		b += v * (line(o+di+dj) - b)
	}
	return a + u*(b-a)
}

// place cuts a position on an axis of n voxels into a voxel and a fraction.
func place(p float64, n int) (int, float32, bool) {
	if !(p >= -0.5 && p <= float64(n)-0.5) {
		return 0, 0, false
	}
	p = math.Min(math.Max(p, 0), float64(n-1))
	const snap = 1e-6 // positions on a voxel centre must give its own value
	if near := math.Round(p); math.Abs(p-near) < snap {
		return int(near), 0, true
	}
	i := int(p)
	return i, float32(p - float64(i)), true
}

// parallel calls f for 0..n-1, spread over threads; 0 means all processors.
func parallel(n, threads int, f func(i int)) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = min(threads, n)
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() {
			for i := t; i < n; i += threads {
				f(i)
			}
		})
	}
	wg.Wait()
}
