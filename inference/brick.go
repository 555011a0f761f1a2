package inference

import (
	"math"
	"sync"
	"sync/atomic"

	"satgraph/volume"
)

// Sums are kept in bricks of 8x8x8 voxels, and only where a class has anything
// to say: what a structure takes goes with its own size, not with the scan's.
const (
	brickSide   = 8
	brickVoxels = brickSide * brickSide * brickSide
	brickBytes  = 4 * brickVoxels
	// chunkBricks are allocated at a time.
	chunkBricks = 64
)

// brick holds weighted sums of probabilities, C order.
type brick [brickVoxels]float32

// pool hands out bricks up to a limit and takes them back.
type pool struct {
	mu        sync.Mutex
	free      []*brick
	made      int // bricks that exist
	limit     int
	live, top int // in use now, and at most
}

// take gives an empty brick, or nil where the limit is reached.
func (p *pool) take() *brick {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		n := min(chunkBricks, p.limit-p.made)
		if n <= 0 {
			return nil
		}
		chunk := make([]brick, n)
		for i := range chunk {
			p.free = append(p.free, &chunk[i])
		}
		p.made += n
	}
	last := len(p.free) - 1
	b := p.free[last]
	p.free = p.free[:last]
	*b = brick{}
	p.live++
	p.top = max(p.top, p.live)
	return b
}

// give takes back a brick; nil is none.
func (p *pool) give(b *brick) {
	if b == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
	p.live--
}

// empty lets go of the bricks that are not in use.
func (p *pool) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made -= len(p.free)
	p.free = nil
}

// field is what is known of one class while windows are stitched: sums where
// windows are still to come, and voxels of the scan behind them.
type field struct {
	call    int // number of the class in the plan's calls
	layers  [][]*brick
	bits    *volume.Bits
	dropped atomic.Bool // it found no more memory; another pass has to do it
	nan     bool        // the model gave NaN
	seconds float64
}

// drop frees all that the field holds.
func (f *field) drop(p *pool) {
	for i, layer := range f.layers {
		for _, b := range layer {
			p.give(b)
		}
		f.layers[i] = nil
	}
	f.bits = nil
	f.dropped.Store(true)
}

// sigmoidTable holds 1/(1+exp(a)) for a = 0, 1/256, ... 24. Between them it is
// interpolated, which is exact to 2e-7; beyond, the formula itself is used.
type sigmoidTable [sigmoidSize + 1]float32

const (
	sigmoidEnd   = 24
	sigmoidSteps = 256
	// sigmoidSize is a power of two, not less than sigmoidEnd*sigmoidSteps+1.
	sigmoidSize = 1 << 13
)

func newSigmoidTable() *sigmoidTable {
	t := &sigmoidTable{}
	for i := range t {
		t[i] = float32(1 / (1 + math.Exp(float64(i)/sigmoidSteps)))
	}
	return t
}

// at is 1/(1+exp(-l)); NaN for NaN.
func (t *sigmoidTable) at(l float32) float32 {
	x := float32(math.Abs(float64(l))) * sigmoidSteps
	var v float32
	if x < sigmoidEnd*sigmoidSteps {
		i := int(x)
		a, b := t[i], t[i+1]
		v = a + (x-float32(i))*(b-a)
	} else {
		v = float32(1 / (1 + math.Exp(math.Abs(float64(l)))))
	}
	if l > 0 {
		v = 1 - v
	}
	return v
}
