package inference

import (
	"math"
	"sync"
	"time"
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
// Windows come row by row, the rows along one axis. As soon as no later window
// reaches a block of voxels, it is restored to the scan and its sums are given
// up, so that of a class hardly more is ever held than half a row of windows
// and the window at hand.
type stitcher struct {
	shape, patch [3]int
	across       [3]int // bricks along each axis
	axis         int    // along which rows of windows advance
	others       [2]int // the other two, along which windows advance
	places       []window
	last         [3][][2]int // along each axis and by the window's number: the bricks that it is the last to reach
	gauss        []float32
	sigmoid      *sigmoidTable
	cold         float32
	pool         *pool
	to           *restorer
}

func newStitcher(shape, patch [3]int, to *restorer, p *pool, exact bool) *stitcher {
	s := &stitcher{
		shape: shape, patch: patch, axis: slabAxis(shape, patch),
		gauss: gaussian(patch), sigmoid: newSigmoidTable(), cold: negligible, pool: p, to: to,
	}
	if exact {
		s.cold = float32(math.Inf(-1))
	}
	s.others = [...][2]int{{1, 2}, {0, 2}, {0, 1}}[s.axis]
	s.places = windows(shape, patch, [3]int{s.axis, s.others[0], s.others[1]})
	for a := range 3 {
		s.across[a] = (shape[a] + brickSide - 1) / brickSide
		s.last[a] = lastBricks(windowsAlong(shape[a], patch[a]), s.across[a])
	}
	return s
}

// lastBricks says for each window along an axis which bricks it is the last to
// reach, from the first to the one behind the last; a brick is reached with the
// first voxel behind it, the other end of interpolation.
func lastBricks(along [][2]int, bricks int) [][2]int {
	out := make([][2]int, len(along))
	from := 0
	for n := range along {
		to := bricks
		if n+1 < len(along) { // which reaches the brick of the voxel before it
			to = max(from, (along[n+1][0]-1)/brickSide)
		}
		out[n] = [2]int{from, to}
		from = to
	}
	return out
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

// final gives the bricks, from lo up to hi, that window n is the last to reach.
func (s *stitcher) final(n int) (lo, hi [3]int) {
	for _, a := range [3]int{s.others[1], s.others[0], s.axis} { // the fastest first
		at := s.last[a][n%len(s.last[a])]
		lo[a], hi[a] = at[0], at[1]
		n /= len(s.last[a])
	}
	return lo, hi
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
				// table.at, which is too long to be inlined, and in which a processor
				// cannot guess the sign of an unsure logit: here nothing hangs on it.
				bits := math.Float32bits(l)
				positive := ^uint32(int32(bits) >> 31) //nolint:gosec // its sign, in all bits
				a := math.Float32frombits(bits&^(1<<31)) * sigmoidSteps
				var v float32
				if a < sigmoidEnd*sigmoidSteps {
					j := int(a) & (sigmoidSize - 1)
					p, q := table[j], table[j+1]
					v = p + (a-float32(j))*(q-p)
					v = math.Float32frombits(positive&one) + math.Float32frombits(math.Float32bits(v)^positive&(1<<31))
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

// one is the bits of 1.
const one = 0x3f800000

// finish has the crew restore what is final once window n is in.
func (s *stitcher) finish(c *crew, fields []*field, n int) {
	lo, hi := s.final(n)
	if lo[s.others[0]] == hi[s.others[0]] || lo[s.others[1]] == hi[s.others[1]] {
		return
	}
	for layer := lo[s.axis]; layer < hi[s.axis]; layer++ {
		lo, hi := lo, hi
		lo[s.axis], hi[s.axis] = layer, layer+1
		weights := sync.OnceValue(func() *slab { return s.weights(lo, hi) })
		c.add(len(fields), func(i int) { s.restore(fields[i], lo, hi, weights) })
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

// weights sums the windows' weights over bricks lo to hi and the voxels behind
// them.
func (s *stitcher) weights(lo, hi [3]int) *slab {
	out := &slab{}
	for a := range 3 {
		out.lo[a] = lo[a] * brickSide
		out.n[a] = min(hi[a]*brickSide+1, s.shape[a]) - out.lo[a]
	}
	out.data = make([]float32, out.n[0]*out.n[1]*out.n[2])
	for _, w := range s.places {
		lo, hi := w.lo, w.hi
		outside := false
		for a := range 3 {
			lo[a], hi[a] = max(lo[a], out.lo[a]), min(hi[a], out.lo[a]+out.n[a])
			outside = outside || lo[a] >= hi[a]
		}
		if outside {
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

// restore puts the part of the scan that lies in bricks lo to hi, which are of
// one layer, into the field's mask, and gives the bricks up.
func (s *stitcher) restore(f *field, lo, hi [3]int, weights func() *slab) {
	layer := lo[s.axis]
	// The next layer's first plane is the other end of interpolation.
	if f.dropped.Load() || f.layers[layer] == nil && (layer+1 == len(f.layers) || f.layers[layer+1] == nil) {
		return
	}
	start := time.Now()
	var block block
	var b [3]int
	for b[0] = lo[0]; b[0] < hi[0]; b[0]++ {
		for b[1] = lo[1]; b[1] < hi[1]; b[1]++ {
			for b[2] = lo[2]; b[2] < hi[2]; b[2]++ {
				if s.gather(f, b, weights, &block) {
					s.to.add(f.bits, b, &block)
				}
			}
		}
	}
	if own := f.layers[layer]; own != nil {
		for b[0] = lo[0]; b[0] < hi[0]; b[0]++ {
			for b[1] = lo[1]; b[1] < hi[1]; b[1]++ {
				for b[2] = lo[2]; b[2] < hi[2]; b[2]++ {
					at := &own[s.slot(b)]
					s.pool.give(*at)
					*at = nil
				}
			}
		}
	}
	f.seconds += time.Since(start).Seconds()
}

// blockSide is a brick and the first voxels of its neighbours: what trilinear
// interpolation between the brick's voxels and the next needs.
const blockSide = brickSide + 1

// block holds probabilities, C order.
type block [blockSide * blockSide * blockSide]float32

// gather copies a block's probabilities, repeating the last voxels at the
// grid's far faces. False where none is above the threshold.
func (s *stitcher) gather(f *field, b [3]int, sums func() *slab, to *block) bool {
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
	weights := sums()
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
