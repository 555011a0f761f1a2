package volume

import (
	"hash/crc32"
	"io"
	"strings"
)

// WriteBits is WriteMask for a Bits: the same voxels under the same header. The
// work goes with the mask's runs, not with its grid: background is never looked
// at, nor compressed byte by byte.
//
// Errors are as for WriteMask.
func WriteBits(path string, m *Bits, like *Header) error {
	return fileError("write", path, writeBits(path, m, like))
}

func writeBits(path string, m *Bits, like *Header) error {
	name := strings.ToLower(path)
	gz := strings.HasSuffix(name, ".nii.gz")
	if !gz && !strings.HasSuffix(name, ".nii") {
		return ErrFileName
	}
	g, err := maskGrid(m.Grid, like)
	if err != nil {
		return err
	}
	if err := g.check(m.Voxels()); err != nil {
		return err
	}
	header, _, err := headerFor(g, like, Uint8) // a byte has no byte order
	if err != nil {
		return err
	}
	return WriteAtomic(path, func(w io.Writer) error {
		if gz {
			return writeRuns(w, header, m)
		}
		if _, err := w.Write(header); err != nil {
			return err
		}
		zeros, ones := make([]byte, blockBytes), make([]byte, blockBytes)
		for i := range ones {
			ones[i] = 1
		}
		return eachRun(m, func(value byte, n int) error {
			from := zeros
			if value == 1 {
				from = ones
			}
			for ; n > 0; n -= len(from) {
				if _, err := w.Write(from[:min(n, len(from))]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// eachRun gives the mask's voxels as runs of 0 and 1, in file order.
func eachRun(m *Bits, f func(value byte, n int) error) error {
	at := 0
	var err error
	m.Runs(func(r Run) bool {
		start := m.Index(r.From, r.J, r.K)
		if start > at {
			if err = f(0, start-at); err != nil {
				return false
			}
		}
		at = start + r.To - r.From
		err = f(1, r.To-r.From)
		return err == nil
	})
	if err == nil && m.Voxels() > at {
		err = f(0, m.Voxels()-at)
	}
	return err
}

// writeRuns writes a gzip stream (RFC 1952) of one stored block, the header,
// and one block with Huffman codes of its own (RFC 1951), in which every run is
// a literal and matches at distance 1. The longest match has a code of one bit,
// so that background takes two bits for each 258 voxels, which is as small as
// deflate can make anything.
func writeRuns(w io.Writer, header []byte, m *Bits) error {
	const noTime, unknownSystem = 0, 255
	d := &runWriter{w: w}
	d.bytes(0x1f, 0x8b, 8, 0, noTime, noTime, noTime, noTime, 0, unknownSystem)
	// A stored block of the header, not the last.
	d.bits(0, 3)
	d.align()
	d.bits(uint64(len(header)), 16)
	d.bits(uint64(^uint16(len(header))), 16) //nolint:gosec // a header has a few hundred bytes
	d.bytes(header...)
	d.sum = crc32.Update(0, crc32.IEEETable, header)
	d.begin()
	d.zeros, d.ones = make([]byte, blockBytes), make([]byte, blockBytes)
	for i := range d.ones {
		d.ones[i] = 1
	}
	if err := eachRun(m, d.run); err != nil {
		return err
	}
	d.code(endOfBlock)
	d.align()
	d.bits(uint64(d.sum), 32)
	d.bits(uint64(uint32(len(header)+m.Voxels())), 32) //nolint:gosec // modulo 2^32, as the format says
	d.flush()
	return d.err
}

// Symbols of deflate's literal/length alphabet.
const (
	endOfBlock = 256
	match258   = 285
	symbols    = 286
)

// lengths of codes: 1 for the longest match, 3 for each literal, and 6 or 7
// for the 29 other symbols, which makes the code complete.
func codeLengths() []uint8 {
	out := make([]uint8, symbols)
	for s := endOfBlock; s < match258; s++ {
		out[s] = 7
	}
	out[0], out[1], out[match258] = 3, 3, 1
	for s := match258 - 3; s < match258; s++ { // lengths 163..257
		out[s] = 6
	}
	return out
}

// canonical assigns the codes of RFC 1951, 3.2.2, bits reversed for writing.
func canonical(lengths []uint8) []uint16 {
	out := make([]uint16, len(lengths))
	code := uint16(0)
	for n := uint8(1); n < 16; n++ {
		for s, l := range lengths {
			if l != n {
				continue
			}
			for b := range n {
				out[s] |= code >> b & 1 << (n - 1 - b)
			}
			code++
		}
		code <<= 1
	}
	return out
}

// lengthCode is a match length's symbol and extra bits (RFC 1951, 3.2.5).
func lengthCode(n int) (symbol int, extra uint64, bits uint) {
	switch {
	case n == 258:
		return match258, 0, 0
	case n < 11:
		return 254 + n, 0, 0
	}
	for bits = 1; ; bits++ {
		if first := 3 + 4<<bits; n < first+4<<bits {
			rest := n - first
			return 261 + 4*int(bits) + rest>>bits, uint64(rest) & (1<<bits - 1), bits //nolint:gosec // not negative
		}
	}
}

// runWriter packs bits, the lowest first.
type runWriter struct {
	w           io.Writer
	buf         []byte
	acc         uint64
	n           uint // bits in acc, less than 8 between calls of bits
	sum         uint32
	lengths     []uint8
	codes       []uint16
	match       [259]struct{ bits, n uint64 } // code and extra bits by length, distance included
	zeros, ones []byte
	err         error
}

func (d *runWriter) bits(v uint64, n uint) {
	d.acc |= v << d.n
	d.n += n
	for d.n >= 8 {
		d.buf = append(d.buf, byte(d.acc)) //nolint:gosec // the lowest eight bits are meant
		d.acc >>= 8
		d.n -= 8
	}
	if len(d.buf) >= 32<<10 {
		d.flush()
	}
}

func (d *runWriter) bytes(b ...byte) { d.buf = append(d.buf, b...) }

func (d *runWriter) align() {
	if d.n > 0 {
		d.bits(0, 8-d.n)
	}
}

func (d *runWriter) flush() {
	if d.err == nil {
		_, d.err = d.w.Write(d.buf)
	}
	d.buf = d.buf[:0]
}

func (d *runWriter) code(symbol int) {
	d.bits(uint64(d.codes[symbol]), uint(d.lengths[symbol]))
}

// begin writes the head of the block of runs (RFC 1951, 3.2.7).
func (d *runWriter) begin() {
	d.lengths = codeLengths()
	d.codes = canonical(d.lengths)
	d.bits(1, 1) // the last block
	d.bits(2, 2) // with codes of its own
	d.bits(symbols-257, 5)
	d.bits(0, 5) // one distance code
	// Code lengths 1, 3, 6, 7 and "11 to 138 zeros" (18) get codes of 3 bits, in
	// the order that the format fixes.
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	used := make([]uint8, 19)
	for _, s := range []int{1, 3, 6, 7, 18} {
		used[s] = 3
	}
	used[1], used[6], used[18] = 2, 2, 2 // three of a quarter and two of an eighth: complete
	d.bits(15, 4)                        // all 19 lengths
	for _, s := range order {
		d.bits(uint64(used[s]), 3)
	}
	codes := canonical(used)
	put := func(s int) { d.bits(uint64(codes[s]), uint(used[s])) }
	for s := 0; s < symbols; s++ {
		if s == 2 { // 254 zeros
			put(18)
			d.bits(138-11, 7)
			put(18)
			d.bits(116-11, 7)
			s = endOfBlock
		}
		put(int(d.lengths[s]))
	}
	put(1) // the distance code has one bit
	for n := 3; n <= 258; n++ {
		symbol, extra, bits := lengthCode(n)
		length := uint64(d.lengths[symbol])
		m := &d.match[n]
		m.bits = uint64(d.codes[symbol]) | extra<<length
		m.n = length + uint64(bits) + 1 // and the distance's 0
	}
}

// run writes n times a value.
func (d *runWriter) run(value byte, n int) error {
	from := d.zeros
	if value == 1 {
		from = d.ones
	}
	for left := n; left > 0; left -= len(from) {
		d.sum = crc32.Update(d.sum, crc32.IEEETable, from[:min(left, len(from))])
	}
	d.code(int(value))
	n--
	// Matches of 258 are a 1-bit code and a 1-bit distance: many at a time.
	long := d.match[258]
	for ; n >= 258*16; n -= 258 * 16 {
		d.bits(long.bits*0x55555555, 32)
	}
	for ; n >= 258; n -= 258 {
		d.bits(long.bits, 2)
	}
	if n >= 3 {
		d.bits(d.match[n].bits, uint(d.match[n].n))
		n = 0
	}
	for ; n > 0; n-- {
		d.code(int(value))
	}
	return d.err
}
