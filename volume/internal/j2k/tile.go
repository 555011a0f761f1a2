package j2k

import (
	"fmt"
	"math"
)

// band is a subband of a tile.
type band struct {
	kind           int
	x0, y0, x1, y1 int
	planes         int     // Mb: bit planes a coefficient can have
	step           float32 // of the quantizer; 1 where reversible
	offX, offY     int     // where its samples go in the coefficients
}

// precinctBand is the part of a subband in a precinct.
type precinctBand struct {
	band                  *band
	w, h                  int // code-blocks
	blocks                []codeBlock
	inclusion, zeroPlanes *tagTree
}

type precinct struct {
	bands []*precinctBand
}

type resolution struct {
	x0, y0, x1, y1 int
	pw, ph         int // precincts
	precincts      []*precinct
}

// tileDecoder decodes one tile.
type tileDecoder struct {
	*tile
	at             int
	arrivals       []arrival
	x0, y0, x1, y1 int
	resolutions    []*resolution
}

// Bounds of what a tile's structure may cost, whatever its header says.
const (
	maxPrecincts = 1 << 20
	maxBlocks    = 1 << 20
)

func (d *decoder) decodeTile(n int, tl *tile) error {
	if tl.cod == nil || tl.qcd == nil {
		return fmt.Errorf("%w: tile %d has no coding style", ErrCorrupt, n)
	}
	p, q := n%d.cols, n/d.cols
	t := &tileDecoder{
		tile: tl,
		x0:   max(d.tx0+p*d.tw, d.x0), y0: max(d.ty0+q*d.th, d.y0),
		x1: min(d.tx0+(p+1)*d.tw, d.x1), y1: min(d.ty0+(q+1)*d.th, d.y1),
	}
	if err := t.build(d.precision); err != nil {
		return err
	}
	if err := t.packets(); err != nil {
		return err
	}
	return t.reconstruct(d)
}

// build lays out resolutions, subbands, precincts and code-blocks (Annex B).
func (t *tileDecoder) build(precision int) error {
	c := t.cod
	total, blocks := 0, 0
	for r := range c.levels + 1 {
		down := c.levels - r
		res := &resolution{
			x0: ceilShift(t.x0, down), y0: ceilShift(t.y0, down),
			x1: ceilShift(t.x1, down), y1: ceilShift(t.y1, down),
		}
		t.resolutions = append(t.resolutions, res)
		ppx, ppy := c.precinctX[r], c.precinctY[r]
		if res.x1 > res.x0 {
			res.pw = ceilShift(res.x1, ppx) - res.x0>>ppx
		}
		if res.y1 > res.y0 {
			res.ph = ceilShift(res.y1, ppy) - res.y0>>ppy
		}
		if total += res.pw * res.ph; total > maxPrecincts || res.pw > maxPrecincts || res.ph > maxPrecincts {
			return fmt.Errorf("%w: more than %d precincts", ErrTooLarge, maxPrecincts)
		}
		bands, err := t.bands(r, precision)
		if err != nil {
			return err
		}
		if r > 0 { // code-blocks lie in the subbands, at half the size
			ppx, ppy = ppx-1, ppy-1
		}
		xcb, ycb := min(c.xcb, ppx), min(c.ycb, ppy)
		px, py := res.x0>>c.precinctX[r], res.y0>>c.precinctY[r]
		for k := range res.pw * res.ph {
			p := &precinct{}
			left, top := (px+k%res.pw)<<ppx, (py+k/res.pw)<<ppy
			for _, b := range bands {
				x0, y0 := max(b.x0, left), max(b.y0, top)
				x1, y1 := min(b.x1, left+1<<ppx), min(b.y1, top+1<<ppy)
				if x0 >= x1 || y0 >= y1 {
					continue
				}
				w, h := ceilShift(x1, xcb)-x0>>xcb, ceilShift(y1, ycb)-y0>>ycb
				if blocks += w * h; blocks > maxBlocks {
					return fmt.Errorf("%w: more than %d code-blocks", ErrTooLarge, maxBlocks)
				}
				p.bands = append(p.bands, newPrecinctBand(b, x0, y0, x1, y1, xcb, ycb))
			}
			res.precincts = append(res.precincts, p)
		}
	}
	return nil
}

func newPrecinctBand(b *band, x0, y0, x1, y1, xcb, ycb int) *precinctBand {
	bx, by := x0>>xcb, y0>>ycb
	pb := &precinctBand{band: b, w: ceilShift(x1, xcb) - bx, h: ceilShift(y1, ycb) - by}
	pb.blocks = make([]codeBlock, pb.w*pb.h)
	for n := range pb.blocks {
		left, top := (bx+n%pb.w)<<xcb, (by+n/pb.w)<<ycb
		k := &pb.blocks[n]
		k.x0, k.y0 = max(left, x0), max(top, y0)
		k.x1, k.y1 = min(left+1<<xcb, x1), min(top+1<<ycb, y1)
	}
	pb.inclusion, pb.zeroPlanes = newTagTree(pb.w, pb.h), newTagTree(pb.w, pb.h)
	return pb
}

// bands makes the subbands of a resolution (B-15, Annex E).
func (t *tileDecoder) bands(r, precision int) ([]*band, error) {
	c := t.cod
	kinds := []int{bandHL, bandLH, bandHH}
	level := c.levels - r + 1
	if r == 0 {
		kinds, level = []int{bandLL}, c.levels
	}
	var out []*band
	for _, kind := range kinds {
		b := &band{kind: kind, step: 1}
		xo, yo := kind&1, kind>>1
		at := func(v, o int) int {
			if level == 0 {
				return v
			}
			return ceilShift(v-o<<(level-1), level)
		}
		b.x0, b.y0, b.x1, b.y1 = at(t.x0, xo), at(t.y0, yo), at(t.x1, xo), at(t.y1, yo)
		index := 0
		if r > 0 {
			index = 3*(r-1) + kind
			// High-pass samples stand behind the low-pass ones of the resolution below.
			low := t.resolutions[r-1]
			b.offX, b.offY = xo*(low.x1-low.x0), yo*(low.y1-low.y0)
		}
		b.planes = t.qcd.guard + t.qcd.exponent[index] - 1
		if b.planes > 30 {
			return nil, fmt.Errorf("%w: %d bit planes", ErrUnsupported, b.planes)
		}
		b.planes = max(b.planes, 0)
		if !c.reversible {
			gain := [4]int{0, 1, 1, 2}[kind]
			b.step = float32(math.Ldexp(1+float64(t.qcd.mantissa[index])/2048, precision+gain-t.qcd.exponent[index]))
		}
		out = append(out, b)
	}
	return out, nil
}

// packets reads all packets in the order of the progression (B.12).
func (t *tileDecoder) packets() error {
	c := t.cod
	each := func(r int, layer int) error {
		for _, p := range t.resolutions[r].precincts {
			if err := t.packet(p, layer); err != nil {
				return err
			}
		}
		return nil
	}
	switch c.progression {
	case 0: // layer, resolution, position
		for layer := range c.layers {
			for r := range t.resolutions {
				if err := each(r, layer); err != nil {
					return err
				}
			}
		}
		return nil
	case 1: // resolution, layer, position
		for r := range t.resolutions {
			for layer := range c.layers {
				if err := each(r, layer); err != nil {
					return err
				}
			}
		}
		return nil
	case 2: // resolution, position
		for r := range t.resolutions {
			if err := t.positions(r, r+1); err != nil {
				return err
			}
		}
		return nil
	}
	return t.positions(0, len(t.resolutions)) // position, resolution; with one component 3 and 4 are one
}

// positions reads the packets of resolutions from..to by the place of their
// precincts on the reference grid.
func (t *tileDecoder) positions(from, to int) error {
	c := t.cod
	// The finest step at which any precinct can begin.
	dx, dy := 62, 62
	for r := from; r < to; r++ {
		dx = min(dx, c.precinctX[r]+c.levels-r)
		dy = min(dy, c.precinctY[r]+c.levels-r)
	}
	for y := t.y0; y < t.y1; y = (y>>dy + 1) << dy {
		for x := t.x0; x < t.x1; x = (x>>dx + 1) << dx {
			for r := from; r < to; r++ {
				res, down := t.resolutions[r], c.levels-r
				if res.pw == 0 || res.ph == 0 {
					continue
				}
				sy, sx := c.precinctY[r]+down, c.precinctX[r]+down
				if y&(1<<sy-1) != 0 && (y != t.y0 || res.y0<<down&(1<<sy-1) == 0) ||
					x&(1<<sx-1) != 0 && (x != t.x0 || res.x0<<down&(1<<sx-1) == 0) {
					continue
				}
				k := ceilShift(x, down)>>c.precinctX[r] - res.x0>>c.precinctX[r]
				k += (ceilShift(y, down)>>c.precinctY[r] - res.y0>>c.precinctY[r]) * res.pw
				for layer := range c.layers {
					if err := t.packet(res.precincts[k], layer); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// reconstruct decodes the code-blocks, inverts the wavelet transform and puts
// the tile's samples into the image.
func (t *tileDecoder) reconstruct(d *decoder) error {
	w, h := t.x1-t.x0, t.y1-t.y0
	width := d.x1 - d.x0
	place := func(y int) []int32 {
		at := (t.y0-d.y0+y)*width + t.x0 - d.x0
		return d.out[at : at+w]
	}
	shift, low, high := int32(0), int32(-1)<<(d.precision-1), int32(1)<<(d.precision-1)-1
	if !d.signed {
		shift = int32(1) << (d.precision - 1)
		low, high = 0, int32(uint32(1)<<d.precision-1) //nolint:gosec // at most 31 bits
	}
	if t.cod.reversible {
		data := make([]int32, w*h)
		t.blocks(func(b *band, at int, v []int32) {
			row := data[at : at+len(v)]
			for i, c := range v {
				row[i] = c / 2
			}
		}, w)
		inverse53(data, w, t.resolutions)
		for y := range h {
			for x, v := range data[y*w : (y+1)*w] {
				data[y*w+x] = max(low, min(high, v+shift))
			}
			copy(place(y), data[y*w:(y+1)*w])
		}
		return nil
	}
	data := make([]float32, w*h)
	t.blocks(func(b *band, at int, v []int32) {
		row, step := data[at:at+len(v)], b.step/2
		for i, c := range v {
			row[i] = float32(c) * step
		}
	}, w)
	inverse97(data, w, t.resolutions)
	for y := range h {
		row := place(y)
		for x, v := range data[y*w : (y+1)*w] {
			r := math.RoundToEven(float64(v)) + float64(shift)
			row[x] = int32(max(float64(low), min(float64(high), r)))
		}
	}
	return nil
}

// blocks decodes every code-block and hands its rows on with their place among
// the tile's coefficients, which lie in rows of w.
func (t *tileDecoder) blocks(put func(b *band, at int, v []int32), w int) {
	var dec blockDecoder
	for _, res := range t.resolutions {
		for _, p := range res.precincts {
			for _, pb := range p.bands {
				b := pb.band
				for n := range pb.blocks {
					k := &pb.blocks[n]
					if k.planes <= 0 || len(k.segments) == 0 {
						continue
					}
					bw, bh := k.x1-k.x0, k.y1-k.y0
					dec.decode(bw, bh, k.planes, b.kind, t.cod.style, k.segments)
					for y := range bh {
						put(b, (b.offY+k.y0-b.y0+y)*w+b.offX+k.x0-b.x0, dec.data[y*bw:(y+1)*bw])
					}
				}
			}
		}
	}
}
