package volume

import (
	"fmt"
	"math/bits"
)

// Bricks of a Bits: 64 voxels along the first axis, 8 along the others, one
// bit each.
const (
	brickRow  = 64
	brickSide = 8
	brickWord = brickSide * brickSide
)

type bitBrick [brickWord]uint64

// Bits is a mask that stores only the parts of its grid that hold something:
// hundreds of structures of one scan take little more memory than their voxels
// do. The zero value is not usable; NewBits makes an empty one. It may be read
// by several goroutines, or written to by one.
type Bits struct {
	Grid
	across [3]int // bricks along each axis
	layers [][]*bitBrick
}

// NewBits returns an empty mask on g.
func NewBits(g Grid) *Bits {
	b := &Bits{Grid: g, across: [3]int{
		(g.Shape[0] + brickRow - 1) / brickRow,
		(g.Shape[1] + brickSide - 1) / brickSide,
		(g.Shape[2] + brickSide - 1) / brickSide,
	}}
	b.layers = make([][]*bitBrick, b.across[2])
	return b
}

// BitsOf converts a dense mask.
func BitsOf(m *Mask) *Bits {
	b := NewBits(m.Grid)
	n := 0
	for k := range m.Shape[2] {
		for j := range m.Shape[1] {
			row := m.Data[n : n+m.Shape[0]]
			n += m.Shape[0]
			for i := 0; i < len(row); {
				if row[i] == 0 {
					i++
					continue
				}
				from := i
				for i < len(row) && row[i] != 0 {
					i++
				}
				b.SetRun(from, i, j, k)
			}
		}
	}
	return b
}

// brick gives the brick that holds a voxel's row, nil where there is none.
func (b *Bits) brick(bi, j, k int) *bitBrick {
	layer := b.layers[k/brickSide]
	if layer == nil {
		return nil
	}
	return layer[bi+b.across[0]*(j/brickSide)]
}

func wordOf(j, k int) int { return j%brickSide + brickSide*(k%brickSide) }

// need is brick, made where there is none.
func (b *Bits) need(bi, j, k int) *bitBrick {
	layer := &b.layers[k/brickSide]
	if *layer == nil {
		*layer = make([]*bitBrick, b.across[0]*b.across[1])
	}
	at := &(*layer)[bi+b.across[0]*(j/brickSide)]
	if *at == nil {
		*at = new(bitBrick)
	}
	return *at
}

// At reports whether voxel (i, j, k) is in the mask.
func (b *Bits) At(i, j, k int) bool {
	brick := b.brick(i/brickRow, j, k)
	return brick != nil && brick[wordOf(j, k)]>>(i%brickRow)&1 == 1
}

// SetRun adds the voxels (from..to-1, j, k).
func (b *Bits) SetRun(from, to, j, k int) {
	for from < to {
		end := min(to, (from/brickRow+1)*brickRow)
		word := ^uint64(0) >> (brickRow - (end - from)) << (from % brickRow)
		b.need(from/brickRow, j, k)[wordOf(j, k)] |= word
		from = end
	}
}

// Union adds the voxels of another mask. ErrShape where it has another shape.
func (b *Bits) Union(o *Bits) error {
	return b.combine(o, true, func(a, b uint64) uint64 { return a | b })
}

// Subtract takes out the voxels of another mask. ErrShape as for Union.
func (b *Bits) Subtract(o *Bits) error {
	return b.combine(o, false, func(a, b uint64) uint64 { return a &^ b })
}

// combine changes words of b by those of o; grow also where b has no brick.
func (b *Bits) combine(o *Bits, grow bool, f func(a, b uint64) uint64) error {
	if b.Shape != o.Shape {
		return fmt.Errorf("%w: masks of %v and %v", ErrShape, b.Shape, o.Shape)
	}
	for k, layer := range o.layers {
		if layer == nil || !grow && b.layers[k] == nil {
			continue
		}
		if b.layers[k] == nil {
			b.layers[k] = make([]*bitBrick, len(layer))
		}
		for n, from := range layer {
			to := b.layers[k][n]
			if from == nil || to == nil && !grow {
				continue
			}
			if to == nil {
				to = new(bitBrick)
				b.layers[k][n] = to
			}
			for w := range to {
				to[w] = f(to[w], from[w])
			}
		}
	}
	return nil
}

// Overlaps reports whether a voxel lies in both masks.
func (b *Bits) Overlaps(o *Bits) bool {
	if b.Shape != o.Shape {
		return false
	}
	for k, layer := range o.layers {
		if layer == nil || b.layers[k] == nil {
			continue
		}
		for n, x := range layer {
			y := b.layers[k][n]
			if x == nil || y == nil {
				continue
			}
			for w := range x {
				if x[w]&y[w] != 0 {
					return true
				}
			}
		}
	}
	return false
}

// Clone copies the mask.
func (b *Bits) Clone() *Bits {
	out := NewBits(b.Grid)
	_ = out.Union(b) // of one shape
	return out
}

// Count is the number of voxels in the mask.
func (b *Bits) Count() int {
	n := 0
	for _, layer := range b.layers {
		for _, brick := range layer {
			if brick == nil {
				continue
			}
			for _, w := range brick {
				n += bits.OnesCount64(w)
			}
		}
	}
	return n
}

// Bytes is about how much memory the mask takes.
func (b *Bits) Bytes() int64 {
	n := int64(24 * len(b.layers))
	for _, layer := range b.layers {
		n += int64(8 * len(layer))
		for _, brick := range layer {
			if brick != nil {
				n += 8 * brickWord
			}
		}
	}
	return n
}

// Run is a line of voxels along the first axis: (From..To-1, J, K).
type Run struct{ From, To, J, K int }

// Runs calls f for every run of the mask, in the order of the voxels in a
// file, until it returns false. Runs do not touch each other.
func (b *Bits) Runs(f func(Run) bool) {
	for k := range b.Shape[2] {
		layer := b.layers[k/brickSide]
		if layer == nil {
			continue
		}
		for j := range b.Shape[1] {
			if !b.rowRuns(layer, j, k, f) {
				return
			}
		}
	}
}

func (b *Bits) rowRuns(layer []*bitBrick, j, k int, f func(Run) bool) bool {
	row := layer[b.across[0]*(j/brickSide):][:b.across[0]]
	word := wordOf(j, k)
	open := -1
	for n, brick := range row {
		var w uint64
		if brick != nil {
			w = brick[word]
		}
		base := n * brickRow
		if open >= 0 { // a run reaches this word
			ones := bits.TrailingZeros64(^w)
			if ones == brickRow {
				continue
			}
			if !f(Run{open, base + ones, j, k}) {
				return false
			}
			open = -1
			w &= ^uint64(0) << ones
		}
		for w != 0 {
			from := bits.TrailingZeros64(w)
			n := bits.TrailingZeros64(^(w >> from))
			if from+n == brickRow {
				open = base + from
				break
			}
			if !f(Run{base + from, base + from + n, j, k}) {
				return false
			}
			w &= ^uint64(0) << (from + n)
		}
	}
	return open < 0 || f(Run{open, b.Shape[0], j, k})
}

// Bounds is the smallest box around the mask's voxels; false for an empty mask.
func (b *Bits) Bounds() (Box, bool) {
	box := Box{Min: b.Shape}
	b.Runs(func(r Run) bool {
		box.Min = [3]int{min(box.Min[0], r.From), min(box.Min[1], r.J), min(box.Min[2], r.K)}
		box.Max = [3]int{max(box.Max[0], r.To), max(box.Max[1], r.J+1), max(box.Max[2], r.K+1)}
		return true
	})
	return box, box.Max[0] > 0
}

// Volume is the mask's volume in mL (cm³).
func (b *Bits) Volume() float64 { return float64(b.Count()) * b.VoxelVolume() / 1000 }

// Dense gives the mask with a byte for every voxel of the grid.
func (b *Bits) Dense() *Mask {
	m := NewMask(b.Grid)
	b.Runs(func(r Run) bool {
		row := m.Data[b.Index(r.From, r.J, r.K):][:r.To-r.From]
		for i := range row {
			row[i] = 1
		}
		return true
	})
	return m
}
