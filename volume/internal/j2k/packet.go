package j2k

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// codeBlock is what the packets say of one code-block.
type codeBlock struct {
	x0, y0, x1, y1 int // in its subband
	included       bool
	planes         int // bit planes that are coded
	passes         int
	lblock         int
	segments       []segment
	open           int // passes that the last segment still takes
}

// tagTree is the structure of B.10.2, decoded node by node.
type tagTree struct {
	levels []treeLevel
}

type treeLevel struct {
	w, h  int
	nodes []treeNode
}

type treeNode struct {
	low   int
	known bool
}

func newTagTree(w, h int) *tagTree {
	t := &tagTree{}
	for {
		t.levels = append(t.levels, treeLevel{w, h, make([]treeNode, w*h)})
		if w*h <= 1 {
			return t
		}
		w, h = (w+1)/2, (h+1)/2
	}
}

// below reads until it is known whether the leaf's value is under the limit.
func (t *tagTree) below(r *headerBits, x, y, limit int) bool {
	low := 0
	for n := len(t.levels) - 1; n >= 0; n-- {
		l := &t.levels[n]
		node := &l.nodes[(y>>n)*l.w+x>>n]
		node.low = max(node.low, low)
		for node.low < limit && !node.known {
			if r.bit() != 0 {
				node.known = true
			} else {
				node.low++
			}
		}
		low = node.low
		if n == 0 {
			return node.known && node.low < limit
		}
	}
	return false
}

// value reads a leaf to its end.
func (t *tagTree) value(r *headerBits, x, y, most int) (int, error) {
	for limit := 1; limit <= most+1; limit++ {
		if t.below(r, x, y, limit) {
			return limit - 1, nil
		}
	}
	return 0, fmt.Errorf("%w: more than %d empty bit planes", ErrCorrupt, most)
}

// headerBits reads a packet header with its stuffed bits (B.10.1).
type headerBits struct {
	b    []byte
	at   int
	cur  byte
	n    int
	over bool // read behind the end
}

func (r *headerBits) bit() int {
	if r.n == 0 {
		last := r.cur
		if r.at >= len(r.b) {
			r.over, r.cur = true, 0
		} else {
			r.cur = r.b[r.at]
		}
		r.at++
		r.n = 8
		if last == 0xff {
			r.n = 7
		}
	}
	r.n--
	return int(r.cur>>r.n) & 1
}

func (r *headerBits) bits(n int) (v int) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// align ends the header: a last byte of 0xff has a stuffed one behind it.
func (r *headerBits) align() int {
	if r.cur == 0xff {
		r.at++
	}
	return r.at
}

// passes reads the number of new coding passes (Table B.4).
func (r *headerBits) passes() int {
	switch {
	case r.bit() == 0:
		return 1
	case r.bit() == 0:
		return 2
	}
	if n := r.bits(2); n < 3 {
		return 3 + n
	}
	if n := r.bits(5); n < 31 {
		return 6 + n
	}
	return 37 + r.bits(7)
}

// room is how many passes a new segment takes that starts at a given pass.
func room(style byte, pass int) int {
	switch {
	case style&styleTerminate != 0:
		return 1
	case style&styleBypass == 0:
		return 1 << 30
	case pass < 10:
		return 10 - pass
	case (pass-10)%3 == 0:
		return 2 // significance and refinement, raw
	}
	return 1
}

// arrival is a piece of a code-block in a packet.
type arrival struct {
	block  *codeBlock
	fresh  bool // begins a new segment
	passes int
	size   int
}

// packet reads one packet: of one layer, resolution and precinct.
func (t *tileDecoder) packet(p *precinct, layer int) error {
	if t.cod.sop && len(t.data)-t.at >= 6 && binary.BigEndian.Uint16(t.data[t.at:]) == 0xff91 {
		t.at += 6
	}
	r := &headerBits{b: t.data[t.at:]}
	t.arrivals = t.arrivals[:0]
	if r.bit() != 0 {
		for _, pb := range p.bands {
			if err := t.bandHeader(r, pb, layer); err != nil {
				return err
			}
		}
	}
	t.at += r.align()
	if r.over || t.at > len(t.data) {
		return fmt.Errorf("%w: a packet header is cut short", ErrCorrupt)
	}
	if t.cod.eph && len(t.data)-t.at >= 2 && binary.BigEndian.Uint16(t.data[t.at:]) == 0xff92 {
		t.at += 2
	}
	for _, a := range t.arrivals {
		if a.size > len(t.data)-t.at {
			return fmt.Errorf("%w: a packet is cut short", ErrCorrupt)
		}
		b := a.block
		piece := t.data[t.at : t.at+a.size]
		t.at += a.size
		if a.fresh {
			b.segments = append(b.segments, segment{data: slices.Clip(piece), passes: a.passes})
			continue
		}
		s := &b.segments[len(b.segments)-1]
		s.data = append(s.data, piece...) // capacity is clipped: this copies
		s.passes += a.passes
	}
	return nil
}

// bandHeader reads a packet header's part on one subband.
func (t *tileDecoder) bandHeader(r *headerBits, pb *precinctBand, layer int) error {
	for n := range pb.blocks {
		b := &pb.blocks[n]
		x, y := n%pb.w, n/pb.w
		if !b.included {
			if !pb.inclusion.below(r, x, y, layer+1) {
				continue
			}
			zero, err := pb.zeroPlanes.value(r, x, y, pb.band.planes)
			if err != nil {
				return err
			}
			b.included, b.planes, b.lblock = true, pb.band.planes-zero, 3
		} else if r.bit() == 0 {
			continue
		}
		passes := r.passes()
		for r.bit() != 0 {
			if b.lblock++; b.lblock > 31 {
				return fmt.Errorf("%w: a code-block of impossible length", ErrCorrupt)
			}
		}
		for passes > 0 {
			a := arrival{block: b}
			if b.open == 0 {
				a.fresh = true
				b.open = room(t.cod.style, b.passes)
			}
			a.passes = min(passes, b.open)
			width := b.lblock
			for k := a.passes; k > 1; k >>= 1 {
				width++
			}
			if width > 31 {
				return fmt.Errorf("%w: a code-block of impossible length", ErrCorrupt)
			}
			a.size = r.bits(width)
			b.open -= a.passes
			b.passes += a.passes
			passes -= a.passes
			t.arrivals = append(t.arrivals, a)
		}
		if r.over {
			return fmt.Errorf("%w: a packet header is cut short", ErrCorrupt)
		}
	}
	return nil
}
