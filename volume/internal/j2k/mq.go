package j2k

// mqState is a row of Table C.2: the probability estimate, the next states after
// a more and a less probable symbol, and whether the latter swaps the senses.
type mqState struct {
	qe         uint32
	nmps, nlps uint8
	swap       uint8
}

var mqStates = [47]mqState{
	{0x5601, 1, 1, 1},
	{0x3401, 2, 6, 0},
	{0x1801, 3, 9, 0},
	{0x0ac1, 4, 12, 0},
	{0x0521, 5, 29, 0},
	{0x0221, 38, 33, 0},
	{0x5601, 7, 6, 1},
	{0x5401, 8, 14, 0},
	{0x4801, 9, 14, 0},
	{0x3801, 10, 14, 0},
	{0x3001, 11, 17, 0},
	{0x2401, 12, 18, 0},
	{0x1c01, 13, 20, 0},
	{0x1601, 29, 21, 0},
	{0x5601, 15, 14, 1},
	{0x5401, 16, 14, 0},
	{0x5101, 17, 15, 0},
	{0x4801, 18, 16, 0},
	{0x3801, 19, 17, 0},
	{0x3401, 20, 18, 0},
	{0x3001, 21, 19, 0},
	{0x2801, 22, 19, 0},
	{0x2401, 23, 20, 0},
	{0x2201, 24, 21, 0},
	{0x1c01, 25, 22, 0},
	{0x1801, 26, 23, 0},
	{0x1601, 27, 24, 0},
	{0x1401, 28, 25, 0},
	{0x1201, 29, 26, 0},
	{0x1101, 30, 27, 0},
	{0x0ac1, 31, 28, 0},
	{0x09c1, 32, 29, 0},
	{0x08a1, 33, 30, 0},
	{0x0521, 34, 31, 0},
	{0x0441, 35, 32, 0},
	{0x02a1, 36, 33, 0},
	{0x0221, 37, 34, 0},
	{0x0141, 38, 35, 0},
	{0x0111, 39, 36, 0},
	{0x0085, 40, 37, 0},
	{0x0049, 41, 38, 0},
	{0x0025, 42, 39, 0},
	{0x0015, 43, 40, 0},
	{0x0009, 44, 41, 0},
	{0x0005, 45, 42, 0},
	{0x0001, 45, 43, 0},
	{0x5601, 46, 46, 0},
}

// mq is the arithmetic decoder of Annex C. A context is its state's number
// times two, plus the sense of its more probable symbol.
type mq struct {
	b    []byte
	at   int
	a, c uint32
	ct   int
	ctx  [19]uint8
}

// resetContexts sets the contexts to Table D.7.
func (m *mq) resetContexts() {
	m.ctx = [19]uint8{}
	m.ctx[0], m.ctx[ctxRun], m.ctx[ctxUniform] = 4<<1, 3<<1, 46<<1
}

// start begins a codeword segment.
func (m *mq) start(b []byte) {
	m.b, m.at = b, 0
	m.c = uint32(m.byteAt(0)) << 16
	m.byteIn()
	m.c <<= 7
	m.ct -= 7
	m.a = 0x8000
}

// byteAt gives 0xff behind the end, as D.4.1 has it.
func (m *mq) byteAt(i int) byte {
	if i < len(m.b) {
		return m.b[i]
	}
	return 0xff
}

func (m *mq) byteIn() {
	if m.byteAt(m.at) == 0xff {
		if next := m.byteAt(m.at + 1); next > 0x8f {
			m.c += 0xff00
			m.ct = 8
		} else {
			m.at++
			m.c += uint32(next) << 9
			m.ct = 7
		}
		return
	}
	m.at++
	m.c += uint32(m.byteAt(m.at)) << 8
	m.ct = 8
}

// decode returns the next decision in a context.
func (m *mq) decode(ctx int) uint32 {
	cx := &m.ctx[ctx]
	s := &mqStates[*cx>>1]
	d := uint32(*cx & 1)
	m.a -= s.qe
	if m.c>>16 < s.qe { // the less probable path
		if m.a < s.qe {
			*cx = s.nmps<<1 | *cx&1
		} else {
			d ^= 1
			*cx = s.nlps<<1 | (*cx & 1) ^ s.swap
		}
		m.a = s.qe
	} else {
		m.c -= s.qe << 16
		if m.a&0x8000 != 0 {
			return d
		}
		if m.a < s.qe {
			d ^= 1
			*cx = s.nlps<<1 | (*cx & 1) ^ s.swap
		} else {
			*cx = s.nmps<<1 | *cx&1
		}
	}
	for {
		if m.ct == 0 {
			m.byteIn()
		}
		m.a <<= 1
		m.c <<= 1
		m.ct--
		if m.a&0x8000 != 0 {
			return d
		}
	}
}

// rawBits reads the bits of a lazy pass (D.6): after 0xff a stuffed 0.
type rawBits struct {
	b    []byte
	at   int
	n    int // bits left of cur
	cur  byte
	last byte
}

func (r *rawBits) bit() uint32 {
	if r.n == 0 {
		r.last = r.cur
		r.cur = 0xff
		if r.at < len(r.b) {
			r.cur = r.b[r.at]
			r.at++
		}
		r.n = 8
		if r.last == 0xff {
			r.n = 7
		}
	}
	r.n--
	return uint32(r.cur>>r.n) & 1
}
