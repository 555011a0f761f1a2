package inference

import (
	"math"
	"slices"

	"satgraph/internal/parallel"
)

// negligible is the logit below which a class says nothing of a brick: where no
// voxel of a window's part of it reaches that, nothing is added, which changes
// no averaged probability by more than sigmoid(-12) = 6e-6. Options.SATExact
// adds everything.
const negligible = -12

// stitcher averages the windows' probabilities for any number of classes: for
// each voxel the sum over windows of sigmoid(logit) times Gaussian weight, over
// the sum of weights, as SAT does.
//
// Windows come in the order in which they begin along one axis. As soon as no
// later one reaches a layer of bricks, the layer is restored to the scan and
// its sums are given up, so that no class is ever held as a whole.
type stitcher struct {
	shape, patch [3]int
	across       [3]int // bricks along each axis
	axis         int    // along which windows advance
	others       [2]int // the other two
	places       []window
	gauss        []float32
	sigmoid      *sigmoidTable
	cold         float32
	pool         *pool
	to           *restorer
	done         int // layers that are finished
}

func newStitcher(shape, patch [3]int, to *restorer, p *pool, exact bool) *stitcher {
	s := &stitcher{
		shape: shape, patch: patch, axis: slabAxis(shape, patch), places: windows(shape, patch),
		gauss: gaussian(patch), sigmoid: newSigmoidTable(), cold: negligible, pool: p, to: to,
	}
	if exact {
		s.cold = float32(math.Inf(-1))
	}
	for a := range 3 {
		s.across[a] = (shape[a] + brickSide - 1) / brickSide
	}
	s.others = [2]int{(s.axis + 1) % 3, (s.axis + 2) % 3}
	slices.SortStableFunc(s.places, func(a, b window) int { return a.lo[s.axis] - b.lo[s.axis] })
	return s
}

// slabAxis is the axis along which the least of the volume is open at a time;
// among equals the first, which is that of SAT's own order.
func slabAxis(shape, patch [3]int) int {
	best, least := 0, math.Inf(1)
	for a := range 3 {
		if open := math.Min(1, float64(patch[a])/float64(shape[a])); open < least {
			best, least = a, open
		}
	}
	return best
}

func (s *stitcher) newField(call int) *field {
	return &field{call: call, layers: make([][]*brick, s.across[s.axis]), bits: s.to.empty()}
}

// slot is where a brick lies in its layer.
func (s *stitcher) slot(b [3]int) int { return b[s.others[0]]*s.across[s.others[1]] + b[s.others[1]] }

// find gives a field's brick, nil where there is none.
func (s *stitcher) find(f *field, b [3]int) *brick {
	layer := f.layers[b[s.axis]]
	if layer == nil {
		return nil
	}
	return layer[s.slot(b)]
}

// make gives a field a brick that it has not, or nil where memory is at its
// limit.
func (s *stitcher) make(f *field, b [3]int) *brick {
	layer := &f.layers[b[s.axis]]
	if *layer == nil {
		*layer = make([]*brick, s.across[s.others[0]]*s.across[s.others[1]])
	}
	made := s.pool.take()
	(*layer)[s.slot(b)] = made
	return made
}

// add puts one class's logits of a window in. It may run for several classes at
// a time. A class that gets no more memory is dropped.
func (s *stitcher) add(f *field, w window, logits []float32) {
	var b, lo, n [3]int
	for b[0] = w.lo[0] / brickSide; b[0]*brickSide < w.hi[0]; b[0]++ {
		for b[1] = w.lo[1] / brickSide; b[1]*brickSide < w.hi[1]; b[1]++ {
			for b[2] = w.lo[2] / brickSide; b[2]*brickSide < w.hi[2]; b[2]++ {
				for a := range 3 {
					lo[a] = max(b[a]*brickSide, w.lo[a])
					n[a] = min((b[a]+1)*brickSide, w.hi[a]) - lo[a]
				}
				from := ((lo[0]-w.lo[0])*s.patch[1]+lo[1]-w.lo[1])*s.patch[2] + lo[2] - w.lo[2]
				sums := s.find(f, b)
				if sums == nil {
					if s.quiet(logits[from:], n) {
						continue
					}
					if sums = s.make(f, b); sums == nil {
						f.drop(s.pool)
						return
					}
				}
				to := (lo[0]%brickSide*brickSide+lo[1]%brickSide)*brickSide + lo[2]%brickSide
				if !s.sum(sums[to:], logits[from:], s.gauss[from:], n) {
					f.nan = true
					f.drop(s.pool)
					return
				}
			}
		}
	}
}

// quiet says whether no logit of a box is above the negligible. NaN is not
// quiet.
func (s *stitcher) quiet(logits []float32, n [3]int) bool {
	cold := s.cold
	for x := range n[0] {
		for y := range n[1] {
			row := logits[(x*s.patch[1]+y)*s.patch[2]:][:n[2]]
			// Most bricks of most classes end here: eight at a time.
			for ; len(row) >= 8; row = row[8:] {
				r := row[:8]
				if !(r[0] <= cold && r[1] <= cold && r[2] <= cold && r[3] <= cold &&
					r[4] <= cold && r[5] <= cold && r[6] <= cold && r[7] <= cold) {
					return false
				}
			}
			for _, l := range row {
				if !(l <= cold) {
					return false
				}
			}
		}
	}
	return true
}

// sum adds a box of logits; false where one is NaN.
func (s *stitcher) sum(sums, logits, gauss []float32, n [3]int) bool {
	good := true
	table := s.sigmoid
	for x := range n[0] {
		for y := range n[1] {
			at := (x*s.patch[1] + y) * s.patch[2]
			row, weights := logits[at:][:n[2]], gauss[at:][:n[2]]
			to := sums[(x*brickSide+y)*brickSide:][:n[2]]
			for i, l := range row {
				// table.at, which is too long to be inlined.
				a := l
				if a < 0 {
					a = -a
				}
				var v float32
				if a *= sigmoidSteps; a < sigmoidEnd*sigmoidSteps {
					j := int(a)
					p, q := table[j], table[j+1]
					if v = p + (a-float32(j))*(q-p); l > 0 {
						v = 1 - v
					}
				} else {
					v = table.at(l)
					good = good && l == l
				}
				to[i] += v * weights[i]
			}
		}
	}
	return good
}

// ready says how many planes along the axis are final once the first n windows
// are in.
func (s *stitcher) ready(n int) int {
	if n == len(s.places) {
		return s.shape[s.axis]
	}
	return s.places[n].lo[s.axis]
}

// finish restores the layers that are final once the first n windows are in.
func (s *stitcher) finish(fields []*field, n, threads int) {
	planes := s.ready(n)
	for s.done < s.across[s.axis] && (planes == s.shape[s.axis] || (s.done+1)*brickSide < planes) {
		layer := s.done
		s.done++
		live := slices.DeleteFunc(slices.Clone(fields), func(f *field) bool {
			// The next layer's first plane is the other end of interpolation.
			return f.dropped || f.layers[layer] == nil && (layer+1 == len(f.layers) || f.layers[layer+1] == nil)
		})
		if len(live) == 0 {
			continue
		}
		weights := s.weights(layer)
		parallel.For(len(live), threads, func(i int) {
			f := live[i]
			s.restoreLayer(f, layer, weights)
			s.pool.give(f.layers[layer])
			f.layers[layer] = nil
		})
	}
}

// slab is a part of the grid, of all its extent but along one axis.
type slab struct {
	lo, n [3]int
	data  []float32
}

func (s *slab) at(x, y, z int) int {
	return ((x-s.lo[0])*s.n[1]+y-s.lo[1])*s.n[2] + z - s.lo[2]
}

// weights sums the windows' weights over a layer and the plane behind it.
func (s *stitcher) weights(layer int) *slab {
	out := &slab{n: s.shape}
	out.lo[s.axis] = layer * brickSide
	out.n[s.axis] = min(brickSide+1, s.shape[s.axis]-out.lo[s.axis])
	out.data = make([]float32, out.n[0]*out.n[1]*out.n[2])
	for _, w := range s.places {
		lo, hi := w.lo, w.hi
		lo[s.axis] = max(lo[s.axis], out.lo[s.axis])
		hi[s.axis] = min(hi[s.axis], out.lo[s.axis]+out.n[s.axis])
		if lo[s.axis] >= hi[s.axis] {
			continue
		}
		n := hi[2] - lo[2]
		for x := lo[0]; x < hi[0]; x++ {
			for y := lo[1]; y < hi[1]; y++ {
				to := out.data[out.at(x, y, lo[2]):][:n]
				from := s.gauss[((x-w.lo[0])*s.patch[1]+y-w.lo[1])*s.patch[2]+lo[2]-w.lo[2]:][:n]
				for i, g := range from {
					to[i] += g
				}
			}
		}
	}
	return out
}

// restoreLayer puts the part of the scan that lies in one layer of bricks into
// the field's mask.
func (s *stitcher) restoreLayer(f *field, layer int, weights *slab) {
	var b [3]int
	b[s.axis] = layer
	var block block
	for b[s.others[0]] = range s.across[s.others[0]] {
		for b[s.others[1]] = range s.across[s.others[1]] {
			if s.gather(f, b, weights, &block) {
				s.to.add(f.bits, b, &block)
			}
		}
	}
}

// blockSide is a brick and the first voxels of its neighbours: what trilinear
// interpolation between the brick's voxels and the next needs.
const blockSide = brickSide + 1

// block holds probabilities, C order.
type block [blockSide * blockSide * blockSide]float32

// gather copies a block's probabilities, repeating the last voxels at the
// grid's far faces. False where none is above the threshold.
func (s *stitcher) gather(f *field, b [3]int, weights *slab, to *block) bool {
	var around [2][2][2]*brick
	there := false
	for n := range 8 {
		c := [3]int{b[0] + n>>2, b[1] + n>>1&1, b[2] + n&1}
		if c[0] < s.across[0] && c[1] < s.across[1] && c[2] < s.across[2] {
			found := s.find(f, c)
			around[n>>2][n>>1&1][n&1] = found
			there = there || found != nil
		}
	}
	if !there {
		return false
	}
	hot := false
	last := min(blockSide, s.shape[2]-b[2]*brickSide) // voxels along the third axis
	at := 0
	for dx := range blockSide {
		x := min(b[0]*brickSide+dx, s.shape[0]-1)
		for dy := range blockSide {
			y := min(b[1]*brickSide+dy, s.shape[1]-1)
			pair := &around[x/brickSide-b[0]][y/brickSide-b[1]]
			row := to[at : at+blockSide]
			at += blockSide
			if pair[0] == nil && pair[1] == nil {
				clear(row)
				continue
			}
			offset := (x%brickSide*brickSide + y%brickSide) * brickSide
			weight := weights.data[weights.at(x, y, b[2]*brickSide):][:last]
			for dz := range row {
				z := min(dz, last-1)
				v := float32(0)
				if from := pair[z/brickSide]; from != nil {
					v = from[offset+z%brickSide] / weight[z]
				}
				row[dz] = v
				hot = hot || v > threshold
			}
		}
	}
	return hot
}
