package inference

import (
	"math"

	"satgraph/volume"
	"satgraph/volume/prepare"
)

// threshold is the probability above which, strictly, a voxel belongs to a
// structure.
const threshold = 0.5

// restorer puts structures back on the scan's own grid: each voxel centre of
// the scan is looked up among the probabilities on the model's grid, by
// trilinear interpolation (or at the nearest voxel), and belongs to the
// structure where that is above the threshold. Positions up to half a voxel
// outside the model's grid take its border's value; beyond lies nothing.
//
// It works block by block of the model's grid and looks only where a
// probability is above the threshold, so the cost goes with the structure.
type restorer struct {
	source  volume.Grid
	shape   [3]int // of the model's grid
	toModel volume.Affine
	back    volume.Affine
	nearest bool

	// aligned: each axis of the scan runs along one of the model's grid, so that
	// places are known axis by axis.
	aligned bool
	axis    [3]int      // the model's axis along which a scan's axis runs
	spots   [3][]spot   // by the scan's axis and index
	spans   [3][][2]int // by the scan's axis and the model's block: indices within
}

// spot is a place on one axis of the model's grid: a voxel and the weight of
// the next one.
type spot struct {
	cell int
	w    float32
	ok   bool // it is on the grid
}

func newRestorer(p *prepare.Scan, nearest bool) (*restorer, error) {
	r := &restorer{source: p.Source, shape: p.Grid.Shape, toModel: p.ToGrid, nearest: nearest}
	var err error
	if r.back, err = p.ToGrid.Inverse(); err != nil {
		return nil, err
	}
	r.align()
	return r, nil
}

func (r *restorer) empty() *volume.Bits { return volume.NewBits(r.source) }

// place finds a position on a model's axis.
func (r *restorer) place(axis int, at float64) spot {
	i, w, ok := place(at, r.shape[axis])
	if r.nearest && w > 0 {
		if w >= 0.5 {
			i++
		}
		w = 0
	}
	return spot{i, w, ok}
}

// align finds whether the grids' axes run along each other, and then where
// every index lies.
func (r *restorer) align() {
	const none = 1e-9 // voxels, over the whole scan
	var taken [3]bool
	for c := range 3 { // the scan's axes
		found := -1
		for a := range 3 {
			if math.Abs(r.toModel[a][c])*float64(r.source.Shape[c]) > none {
				if found >= 0 {
					return
				}
				found = a
			}
		}
		if found < 0 || taken[found] {
			return
		}
		taken[found] = true
		r.axis[c] = found
	}
	r.aligned = true
	for c, a := range r.axis {
		r.spots[c] = make([]spot, r.source.Shape[c])
		r.spans[c] = make([][2]int, (r.shape[a]+brickSide-1)/brickSide)
		for i := range r.spots[c] {
			s := r.place(a, float64(i)*r.toModel[a][c]+r.toModel[a][3])
			r.spots[c][i] = s
			if !s.ok {
				continue
			}
			span := &r.spans[c][s.cell/brickSide]
			if span[0] == span[1] {
				span[0] = i
			}
			span[1] = i + 1
		}
	}
}

// Strides of a block.
var blockStride = [3]int{blockSide * blockSide, blockSide, 1}

// cells classify the places between a block's voxels, by which trilinear
// interpolation need not be done for most of them: between voxels that are all
// above the threshold, or all not, it stays there.
type cells [brickVoxels]uint8

const (
	outside = iota
	inside
	mixed
)

func (b *block) classify(to *cells) {
	var above [blockSide * blockSide]uint16 // a bit for each voxel along the third axis
	for n := range above {
		for i, v := range b[n*blockSide:][:blockSide] {
			if v > threshold {
				above[n] |= 1 << i
			}
		}
	}
	for x := range brickSide {
		for y := range brickSide {
			n := x*blockSide + y
			all := above[n] & above[n+1] & above[n+blockSide] & above[n+blockSide+1]
			some := above[n] | above[n+1] | above[n+blockSide] | above[n+blockSide+1]
			all &= all >> 1
			some |= some >> 1
			row := to[(x*brickSide+y)*brickSide:][:brickSide]
			for z := range row {
				switch {
				case all>>z&1 == 1:
					row[z] = inside
				case some>>z&1 == 1:
					row[z] = mixed
				default:
					row[z] = outside
				}
			}
		}
	}
}

// at interpolates between a cell's voxels.
func (b *block) at(cell [3]int, w [3]float32) float32 {
	o := cell[0]*blockStride[0] + cell[1]*blockStride[1] + cell[2]
	line := func(o int) float32 { return b[o] + w[2]*(b[o+1]-b[o]) }
	p, q := line(o), line(o+blockStride[0])
	if w[1] > 0 {
		p += w[1] * (line(o+blockStride[1]) - p)
		q += w[1] * (line(o+blockStride[0]+blockStride[1]) - q)
	}
	return p + w[0]*(q-p)
}

// add puts the part of the scan that lies in block number n into a mask.
func (r *restorer) add(to *volume.Bits, n [3]int, b *block) {
	var state cells
	b.classify(&state)
	if r.aligned {
		r.addAligned(to, n, b, &state)
		return
	}
	box := r.reach(n)
	for k := box.Min[2]; k < box.Max[2]; k++ {
		for j := box.Min[1]; j < box.Max[1]; j++ {
			row := r.toModel.Apply([3]float64{0, float64(j), float64(k)})
			open := -1
			for i := box.Min[0]; i < box.Max[0]; i++ {
				if r.within(row, float64(i), n, b, &state) {
					if open < 0 {
						open = i
					}
				} else if open >= 0 {
					to.SetRun(open, i, j, k)
					open = -1
				}
			}
			if open >= 0 {
				to.SetRun(open, box.Max[0], j, k)
			}
		}
	}
}

// within says whether the voxel at step i of a row of the scan lies in block
// number n and belongs to the structure.
func (r *restorer) within(row [3]float64, i float64, n [3]int, b *block, state *cells) bool {
	var cell [3]int
	var w [3]float32
	for a := range 3 {
		s := r.place(a, row[a]+i*r.toModel[a][0])
		cell[a], w[a] = s.cell-n[a]*brickSide, s.w
		if !s.ok || cell[a] < 0 || cell[a] >= brickSide {
			return false
		}
	}
	switch state[(cell[0]*brickSide+cell[1])*brickSide+cell[2]] {
	case outside:
		return false
	case inside:
		return true
	}
	return b.at(cell, w) > threshold
}

func (r *restorer) addAligned(to *volume.Bits, n [3]int, b *block, state *cells) {
	var box volume.Box
	for c, a := range r.axis {
		span := r.spans[c][n[a]]
		box.Min[c], box.Max[c] = span[0], span[1]
	}
	var cell [3]int
	var w [3]float32
	put := func(c, i int) {
		a := r.axis[c]
		cell[a], w[a] = r.spots[c][i].cell-n[a]*brickSide, r.spots[c][i].w
	}
	first := r.axis[0]
	step := [3]int{brickSide * brickSide, brickSide, 1}[first]
	spots := r.spots[0]
	for k := box.Min[2]; k < box.Max[2]; k++ {
		put(2, k)
		for j := box.Min[1]; j < box.Max[1]; j++ {
			put(1, j)
			cell[first] = 0
			base := (cell[0]*brickSide+cell[1])*brickSide + cell[2]
			open := -1
			for i := box.Min[0]; i < box.Max[0]; i++ {
				at := spots[i].cell - n[first]*brickSide
				in := false
				switch state[base+at*step] {
				case inside:
					in = true
				case mixed:
					cell[first], w[first] = at, spots[i].w
					in = b.at(cell, w) > threshold
				}
				if in == (open >= 0) {
					continue
				}
				if in {
					open = i
				} else {
					to.SetRun(open, i, j, k)
					open = -1
				}
			}
			if open >= 0 {
				to.SetRun(open, box.Max[0], j, k)
			}
		}
	}
}

// reach is a box of the scan around block number n of the model's grid, border
// included.
func (r *restorer) reach(n [3]int) volume.Box {
	var from, to [3]float64
	for a := range 3 {
		from[a], to[a] = math.Inf(1), math.Inf(-1)
	}
	for corner := range 8 {
		var c [3]float64
		for a := range 3 {
			c[a] = float64(n[a]*brickSide) - 0.6
			if corner>>a&1 == 1 {
				c[a] = float64((n[a]+1)*brickSide) + 0.6
			}
		}
		for a, v := range r.back.Apply(c) {
			from[a], to[a] = math.Min(from[a], v), math.Max(to[a], v)
		}
	}
	var b volume.Box
	for a := range 3 {
		limit := float64(r.source.Shape[a])
		b.Min[a] = int(math.Min(math.Max(math.Floor(from[a]), 0), limit))
		b.Max[a] = int(math.Min(math.Max(math.Ceil(to[a])+1, 0), limit))
	}
	return b
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
