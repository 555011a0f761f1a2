package jpegx

import (
	"encoding/binary"
	"fmt"
	mathbits "math/bits"
)

// JPEG-LS (T.87, the LOCO-I algorithm).

// preset is what an LSE segment sets (C.2.4.1.1); 0 means the default.
type preset struct{ most, t1, t2, t3, reset int }

func (d *decoder) lse(s []byte) error {
	if len(s) < 1 {
		return fmt.Errorf("%w: LSE", ErrCorrupt)
	}
	if s[0] != 1 {
		return fmt.Errorf("%w: JPEG-LS mapping tables or sizes (LSE %d)", ErrUnsupported, s[0])
	}
	if len(s) < 11 {
		return fmt.Errorf("%w: LSE", ErrCorrupt)
	}
	v := func(i int) int { return int(binary.BigEndian.Uint16(s[1+2*i:])) }
	d.preset = &preset{v(0), v(1), v(2), v(3), v(4)}
	return nil
}

// runOrder is J of A.2.1: the order of each run length code.
var runOrder = [32]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// loco holds the state of a scan, by the names of the standard.
type loco struct {
	most, near, rng, qbpp, limit, reset int
	t                                   [3]int
	a, b, c, n                          [367]int
	nn                                  [2]int
	run                                 int
	r                                   lsBits
}

// lsBits reads JPEG-LS data: after 0xff, the next byte has seven bits.
type lsBits struct {
	b     []byte
	at    int
	cur   byte
	n     int
	over  bool
	stuff bool
}

func (r *lsBits) bit() int {
	if r.n == 0 {
		r.stuff = r.cur == 0xff
		if r.at >= len(r.b) || r.stuff && r.b[r.at] >= 0x80 { // the end, or a marker
			r.over, r.cur = true, 0
		} else {
			r.cur = r.b[r.at]
			r.at++
		}
		r.n = 8
		if r.stuff {
			r.n = 7
		}
	}
	r.n--
	return int(r.cur>>r.n) & 1
}

func (r *lsBits) take(n int) (v int) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

func (d *decoder) loco(near, interleave, shift int) error {
	im := d.im
	if interleave != 0 || shift != 0 || d.restart != 0 {
		return fmt.Errorf("%w: JPEG-LS interleaving, point transform or restarts", ErrUnsupported)
	}
	s := &loco{most: 1<<im.Precision - 1, near: near, reset: 64, r: lsBits{b: d.b, at: d.at}}
	p := preset{}
	if d.preset != nil {
		p = *d.preset
	}
	if p.most != 0 {
		s.most = p.most
	}
	if s.most >= 1<<im.Precision || s.most < 1 || near > min(255, s.most/2) {
		return fmt.Errorf("%w: JPEG-LS maximum %d, near %d", ErrCorrupt, s.most, near)
	}
	s.defaults(p)
	w := im.Width
	previous, row := make([]int, w+2), make([]int, w+2)
	for y := range im.Height {
		previous[w+1] = previous[w]
		row[0] = previous[1]
		if err := s.row(previous, row, w); err != nil || s.r.over {
			return fmt.Errorf("%w: it ends or fails in row %d of %d", ErrCorrupt, y, im.Height)
		}
		for x, v := range row[1 : w+1] {
			im.Data[y*w+x] = int32(v) //nolint:gosec // at most 16 bits
		}
		previous, row = row, previous
	}
	return nil
}

// defaults sets the thresholds and contexts (C.2.4.1.1.1, A.2.1).
func (s *loco) defaults(p preset) {
	clamp := func(i, j int) int {
		if i > s.most || i < j {
			return j
		}
		return i
	}
	if s.most >= 128 {
		f := (min(s.most, 4095) + 128) / 256
		s.t[0] = clamp(f*(3-2)+2+3*s.near, s.near+1)
		s.t[1] = clamp(f*(7-3)+3+5*s.near, s.t[0])
		s.t[2] = clamp(f*(21-4)+4+7*s.near, s.t[1])
	} else {
		f := 256 / (s.most + 1)
		s.t[0] = clamp(max(2, 3/f+3*s.near), s.near+1)
		s.t[1] = clamp(max(3, 7/f+5*s.near), s.t[0])
		s.t[2] = clamp(max(4, 21/f+7*s.near), s.t[1])
	}
	for i, v := range []int{p.t1, p.t2, p.t3} {
		if v != 0 {
			s.t[i] = v
		}
	}
	if p.reset != 0 {
		s.reset = p.reset
	}
	s.rng = (s.most+2*s.near)/(2*s.near+1) + 1
	s.qbpp = mathbits.Len(uint(s.rng - 1))
	bpp := max(2, mathbits.Len(uint(s.most)))
	s.limit = 2 * (bpp + max(8, bpp))
	for q := range s.a {
		s.a[q], s.n[q] = max(2, (s.rng+32)/64), 1
	}
}

// row decodes a row; both have a sample before the first and one behind the last.
func (s *loco) row(previous, row []int, w int) error {
	for x := 1; x <= w; x++ {
		ra, rb, rc, rd := row[x-1], previous[x], previous[x-1], previous[x+1]
		d1, d2, d3 := rd-rb, rb-rc, rc-ra
		if abs(d1) <= s.near && abs(d2) <= s.near && abs(d3) <= s.near {
			var err error
			if x, err = s.runMode(previous, row, x, w); err != nil {
				return err
			}
			continue
		}
		q, sign := (s.quantize(d1)*9+s.quantize(d2))*9+s.quantize(d3), 1
		if q < 0 {
			q, sign = -q, -1
		}
		p := ra + rb - rc
		if rc >= max(ra, rb) {
			p = min(ra, rb)
		} else if rc <= min(ra, rb) {
			p = max(ra, rb)
		}
		p = max(0, min(s.most, p+sign*s.c[q]))
		k := 0
		for ; s.n[q]<<k < s.a[q]; k++ { //nolint:revive // the loop is its own work
		}
		m, err := s.golomb(k, s.limit)
		if err != nil {
			return err
		}
		e := m / 2
		if m&1 == 1 {
			e = -(m + 1) / 2
		}
		if s.near == 0 && k == 0 && 2*s.b[q] <= -s.n[q] {
			e = -e - 1
		}
		s.update(q, e)
		row[x] = s.value(p + sign*e*(2*s.near+1))
	}
	return nil
}

func abs(v int) int { return max(v, -v) }

// quantize is A.3.3.
func (s *loco) quantize(d int) int {
	q, v := 0, abs(d)
	switch {
	case v >= s.t[2]:
		q = 4
	case v >= s.t[1]:
		q = 3
	case v >= s.t[0]:
		q = 2
	case v > s.near:
		q = 1
	}
	if d < 0 {
		return -q
	}
	return q
}

// golomb reads a limited-length code (A.5.3).
func (s *loco) golomb(k, limit int) (int, error) {
	zeros := 0
	for s.r.bit() == 0 {
		if zeros++; zeros > limit || s.r.over {
			return 0, ErrCorrupt
		}
	}
	if zeros < limit-s.qbpp-1 {
		return zeros<<k | s.r.take(k), nil
	}
	return s.r.take(s.qbpp) + 1, nil
}

// update is A.6.
func (s *loco) update(q, e int) {
	s.b[q] += e * (2*s.near + 1)
	s.a[q] += abs(e)
	if s.n[q] == s.reset {
		s.a[q] >>= 1
		s.b[q] >>= 1
		s.n[q] >>= 1
	}
	s.n[q]++
	if s.b[q] <= -s.n[q] {
		s.b[q] = max(s.b[q]+s.n[q], -s.n[q]+1)
		s.c[q] = max(s.c[q]-1, -128)
	} else if s.b[q] > 0 {
		s.b[q] = min(s.b[q]-s.n[q], 0)
		s.c[q] = min(s.c[q]+1, 127)
	}
}

// value brings a reconstructed value into its range (A.4.4).
func (s *loco) value(v int) int {
	if v < -s.near {
		v += s.rng * (2*s.near + 1)
	} else if v > s.most+s.near {
		v -= s.rng * (2*s.near + 1)
	}
	return max(0, min(s.most, v))
}

// runMode decodes a run and the sample that ends it (A.7); it returns the place
// of the last sample decoded.
func (s *loco) runMode(previous, row []int, x, w int) (int, error) {
	ra := row[x-1]
	for s.r.bit() == 1 {
		n := 1 << runOrder[s.run]
		for i := range min(n, w+1-x) {
			row[x+i] = ra
		}
		if n <= w+1-x && s.run < 31 {
			s.run++
		}
		if x += n; x > w {
			return w, nil
		}
		if s.r.over {
			return 0, ErrCorrupt
		}
	}
	n := s.r.take(runOrder[s.run])
	if x+n > w {
		return 0, ErrCorrupt
	}
	for range n {
		row[x] = ra
		x++
	}
	rb := previous[x]
	kind, p, sign := 0, rb, 1
	if abs(ra-rb) <= s.near {
		kind, p = 1, ra
	} else if ra > rb {
		sign = -1
	}
	q := 365 + kind
	sum := s.a[q]
	if kind == 1 {
		sum += s.n[q] >> 1
	}
	k := 0
	for ; s.n[q]<<k < sum; k++ { //nolint:revive // the loop is its own work
	}
	m, err := s.golomb(k, s.limit-runOrder[s.run]-1)
	if err != nil {
		return 0, err
	}
	odd := (m + kind) & 1
	e := (m + kind + odd) / 2
	if (odd == 1) == (k != 0 || 2*s.nn[kind] >= s.n[q]) {
		e = -e
	}
	if e < 0 {
		s.nn[kind]++
	}
	s.a[q] += (m + 1 - kind) >> 1
	if s.n[q] == s.reset {
		s.a[q] >>= 1
		s.n[q] >>= 1
		s.nn[kind] >>= 1
	}
	s.n[q]++
	row[x] = s.value(p + sign*e*(2*s.near+1))
	if s.run > 0 {
		s.run--
	}
	return x, nil
}
