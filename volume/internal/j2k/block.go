package j2k

// Contexts (Table D.1 and on): 0..8 significance, 9..13 sign, 14..16 magnitude.
const (
	ctxSign    = 9
	ctxRefine  = 14
	ctxRun     = 17
	ctxUniform = 18
)

// Flags of a coefficient: which of its neighbours are significant, which of
// those at its edges are negative, and its own state.
const (
	fNE, fSE, fSW, fNW  = 1, 2, 4, 8
	fN, fE, fS, fW      = 16, 32, 64, 128
	fNegN, fNegE        = 256, 512
	fNegS, fNegW        = 1024, 2048
	fSig, fRefined      = 4096, 8192
	fVisited            = 16384
	fNeighbours         = 255
	fSouth              = fSE | fS | fSW | fNegS
	styleBypass         = 1
	styleReset          = 2
	styleTerminate      = 4
	styleCausal         = 8
	styleSegmentSymbols = 32
)

// Kinds of subband.
const (
	bandLL = iota
	bandHL
	bandLH
	bandHH
)

var (
	significance = significanceTable()
	signs        = signTable()
)

// significanceTable is Table D.1, by kind of band and the flags of neighbours.
//
//nolint:gosec // contexts are at most 8
func significanceTable() (t [4][256]uint8) {
	count := func(f int, bits ...int) (n int) {
		for _, b := range bits {
			if f&b != 0 {
				n++
			}
		}
		return n
	}
	for f := range 256 {
		h, v, d := count(f, fE, fW), count(f, fN, fS), count(f, fNE, fSE, fSW, fNW)
		t[bandLL][f] = edgeContext(h, v, d)
		t[bandLH][f] = t[bandLL][f]
		t[bandHL][f] = edgeContext(v, h, d)
		hv := h + v
		switch {
		case d >= 3:
			t[bandHH][f] = 8
		case d == 2:
			t[bandHH][f] = uint8(6 + min(hv, 1))
		case d == 1:
			t[bandHH][f] = uint8(3 + min(hv, 2))
		default:
			t[bandHH][f] = uint8(min(hv, 2))
		}
	}
	return t
}

//nolint:gosec // contexts are at most 8
func edgeContext(h, v, d int) uint8 {
	switch {
	case h == 2:
		return 8
	case h == 1 && v >= 1:
		return 7
	case h == 1 && d >= 1:
		return 6
	case h == 1:
		return 5
	case v == 2:
		return 4
	case v == 1:
		return 3
	}
	return uint8(min(d, 2))
}

// signTable is Tables D.2 and D.3: the context, and in bit 7 the bit to swap
// with, by flags>>4 (edges and their signs).
//
//nolint:gosec // contexts are at most 13
func signTable() (t [256]uint8) {
	side := func(f, sig, neg int) int {
		switch {
		case f&sig == 0:
			return 0
		case f&neg != 0:
			return -1
		}
		return 1
	}
	for i := range t {
		f := i << 4
		h := max(-1, min(1, side(f, fE, fNegE)+side(f, fW, fNegW)))
		v := max(-1, min(1, side(f, fN, fNegN)+side(f, fS, fNegS)))
		swap := uint8(0)
		if h < 0 || h == 0 && v < 0 {
			h, v, swap = -h, -v, 128
		}
		t[i] = swap | uint8(ctxSign+[2][3]int{{0, 0, 1}, {2, 3, 4}}[h][v+1])
	}
	return t
}

// blockDecoder decodes code-blocks (Annex D); it is used again and again.
type blockDecoder struct {
	mq     mq
	raw    rawBits
	lazy   bool // the present pass is of raw bits
	w, h   int
	stride int
	flags  []uint16 // with a border of one
	data   []int32  // magnitude and sign, doubled, so that halves can be told
	zc     *[256]uint8
	causal bool
}

// segment is a codeword segment: some bytes, for some coding passes.
type segment struct {
	data   []byte
	passes int
}

// decode decodes a block of w×h coefficients with the given number of bit
// planes. Its data are twice the coefficients, plus half of the last bit plane
// decoded; the reader divides.
func (d *blockDecoder) decode(w, h, planes int, band int, style byte, segments []segment) {
	d.w, d.h, d.stride = w, h, w+2
	if n := d.stride * (h + 2); cap(d.flags) < n {
		d.flags = make([]uint16, n)
	} else {
		d.flags = d.flags[:n]
		clear(d.flags)
	}
	if cap(d.data) < w*h {
		d.data = make([]int32, w*h)
	} else {
		d.data = d.data[:w*h]
		clear(d.data)
	}
	d.zc, d.causal = &significance[band], style&styleCausal != 0
	d.mq.resetContexts()
	plane, kind := planes, 2 // the first pass is a cleanup
	for _, s := range segments {
		d.lazy = style&styleBypass != 0 && plane <= planes-4 && kind < 2
		if d.lazy {
			d.raw = rawBits{b: s.data}
		} else {
			d.mq.start(s.data)
		}
		for range s.passes {
			if plane < 1 {
				return
			}
			switch kind {
			case 0:
				d.significancePass(plane)
			case 1:
				d.refinementPass(plane)
			default:
				d.cleanupPass(plane)
				if style&styleSegmentSymbols != 0 {
					for range 4 {
						d.mq.decode(ctxUniform)
					}
				}
			}
			if style&styleReset != 0 {
				d.mq.resetContexts()
			}
			if kind++; kind == 3 {
				kind, plane = 0, plane-1
			}
		}
	}
}

// seen is a coefficient's flags as its context may see them: with vertically
// causal contexts, nothing of the stripe below.
func (d *blockDecoder) seen(f uint16, y int) uint16 {
	if d.causal && y&3 == 3 {
		return f &^ fSouth
	}
	return f
}

// become makes the coefficient at data index i, flag index p significant.
func (d *blockDecoder) become(i, p, plane int, f uint16) {
	var negative bool
	if d.lazy {
		negative = d.raw.bit() != 0
	} else {
		s := signs[f>>4&255]
		negative = d.mq.decode(int(s&127))^uint32(s>>7) != 0
	}
	v := int32(3) << plane >> 1
	fl, s := d.flags, d.stride
	if negative {
		v = -v
		fl[p-s] |= fS | fNegS
		fl[p+s] |= fN | fNegN
		fl[p-1] |= fE | fNegE
		fl[p+1] |= fW | fNegW
	} else {
		fl[p-s] |= fS
		fl[p+s] |= fN
		fl[p-1] |= fE
		fl[p+1] |= fW
	}
	d.data[i] = v
	fl[p-s-1] |= fSE
	fl[p-s+1] |= fSW
	fl[p+s-1] |= fNE
	fl[p+s+1] |= fNW
	fl[p] |= fSig
}

func (d *blockDecoder) significancePass(plane int) {
	for y0 := 0; y0 < d.h; y0 += 4 {
		y1 := min(y0+4, d.h)
		for x := range d.w {
			p, i := (y0+1)*d.stride+x+1, y0*d.w+x
			for y := y0; y < y1; y, p, i = y+1, p+d.stride, i+d.w {
				f := d.seen(d.flags[p], y)
				if f&fNeighbours == 0 || f&fSig != 0 {
					continue
				}
				var bit uint32
				if d.lazy {
					bit = d.raw.bit()
				} else {
					bit = d.mq.decode(int(d.zc[f&fNeighbours]))
				}
				if bit != 0 {
					d.become(i, p, plane, f)
				}
				d.flags[p] |= fVisited
			}
		}
	}
}

func (d *blockDecoder) refinementPass(plane int) {
	half := int32(1) << plane >> 1
	for y0 := 0; y0 < d.h; y0 += 4 {
		y1 := min(y0+4, d.h)
		for x := range d.w {
			p, i := (y0+1)*d.stride+x+1, y0*d.w+x
			for y := y0; y < y1; y, p, i = y+1, p+d.stride, i+d.w {
				if d.flags[p]&(fSig|fVisited) != fSig {
					continue
				}
				var bit uint32
				if d.lazy {
					bit = d.raw.bit()
				} else {
					f, ctx := d.seen(d.flags[p], y), ctxRefine
					switch {
					case f&fRefined != 0:
						ctx += 2
					case f&fNeighbours != 0:
						ctx++
					}
					bit = d.mq.decode(ctx)
				}
				// The half that stood for this plane and below gives way to the bit.
				delta := half
				if bit == 0 {
					delta = -half
				}
				if d.data[i] < 0 {
					delta = -delta
				}
				d.data[i] += delta
				d.flags[p] |= fRefined
			}
		}
	}
}

func (d *blockDecoder) cleanupPass(plane int) {
	d.lazy = false
	s := d.stride
	for y0 := 0; y0 < d.h; y0 += 4 {
		y1 := min(y0+4, d.h)
		for x := range d.w {
			p, i := (y0+1)*s+x+1, y0*d.w+x
			y := y0
			run := false
			if y1-y0 == 4 {
				const busy = fNeighbours | fSig | fVisited
				last := d.seen(d.flags[p+3*s], y0+3)
				if (d.flags[p]|d.flags[p+s]|d.flags[p+2*s]|last)&busy == 0 {
					if d.mq.decode(ctxRun) == 0 {
						continue
					}
					skip := int(d.mq.decode(ctxUniform)<<1 | d.mq.decode(ctxUniform))
					y, p, i, run = y+skip, p+skip*s, i+skip*d.w, true
				}
			}
			for ; y < y1; y, p, i = y+1, p+s, i+d.w {
				if !run && d.flags[p]&(fSig|fVisited) != 0 {
					d.flags[p] &^= fVisited
					continue
				}
				f := d.seen(d.flags[p], y)
				if run || d.mq.decode(int(d.zc[f&fNeighbours])) != 0 {
					d.become(i, p, plane, f)
				}
				run = false
				d.flags[p] &^= fVisited
			}
		}
	}
}
