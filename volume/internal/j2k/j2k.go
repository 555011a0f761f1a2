// Package j2k decodes JPEG 2000 codestreams (ISO/IEC 15444-1) of one component,
// as DICOM keeps slices in them: reversible and irreversible, of up to 31 bits,
// signed or not, in tiles, layers, precincts and any of the five progression
// orders, bare or in a JP2 box.
//
// It never encodes, never returns part of a damaged image, and refuses by name
// what slices are not made of: several components, subsampling, regions of
// interest, progression changes, packed packet headers, high throughput coding.
// Start from [Decode].
package j2k

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrCorrupt says: the data are not a valid codestream.
	ErrCorrupt = errors.New("damaged JPEG 2000 data")
	// ErrUnsupported says: a codestream of a kind that is refused on purpose.
	ErrUnsupported = errors.New("unsupported kind of JPEG 2000 data")
	// ErrTooLarge says: the image has more pixels than the caller allows.
	ErrTooLarge = errors.New("JPEG 2000 image is too large")
)

// Image is a decoded image of one component.
type Image struct {
	Width, Height int
	// Precision is the number of bits of a sample.
	Precision int
	Signed    bool
	// Data holds the samples, row after row.
	Data []int32
}

// Markers (Table A.2).
const (
	mSOC, mSOT, mSOD, mEOC = 0xff4f, 0xff90, 0xff93, 0xffd9
	mSIZ, mCOD, mCOC, mRGN = 0xff51, 0xff52, 0xff53, 0xff5e
	mQCD, mQCC, mPOC       = 0xff5c, 0xff5d, 0xff5f
	mPPM, mPPT, mCAP       = 0xff60, 0xff61, 0xff50
)

// coding is what COD or COC says.
type coding struct {
	sop, eph             bool
	progression          byte
	layers               int
	levels               int
	xcb, ycb             int // exponents of the code-block size
	style                byte
	reversible           bool
	precinctX, precinctY [33]int // exponents, per resolution
}

// quantization is what QCD or QCC says.
type quantization struct {
	style    byte
	guard    int
	exponent [97]int
	mantissa [97]int
}

// decoder holds the state of one codestream.
type decoder struct {
	b    []byte
	at   int
	x0   int // image area on the reference grid
	y0   int
	x1   int
	y1   int
	tw   int // tiles
	th   int
	tx0  int
	ty0  int
	cols int
	rows int

	precision int
	signed    bool
	cod       *coding
	qcd       *quantization
	hasCOC    bool // the component's own values stand before the general ones
	hasQCC    bool

	tiles map[int]*tile
	out   []int32
}

type tile struct {
	cod            *coding
	qcd            *quantization
	hasCOC, hasQCC bool
	data           []byte
}

// Decode decodes one codestream, or the one that a JP2 file holds. The image may
// have at most maxPixels pixels. Errors wrap ErrCorrupt, ErrUnsupported or
// ErrTooLarge.
func Decode(b []byte, maxPixels int) (im *Image, err error) {
	defer func() {
		if p := recover(); p != nil { // damaged data must not end the process
			im, err = nil, fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	b, err = unbox(b)
	if err != nil {
		return nil, err
	}
	d := &decoder{b: b, tiles: map[int]*tile{}}
	if err := d.mainHeader(maxPixels); err != nil {
		return nil, err
	}
	if err := d.tileParts(); err != nil {
		return nil, err
	}
	width, height := d.x1-d.x0, d.y1-d.y0
	d.out = make([]int32, width*height)
	for n := range d.cols * d.rows {
		t := d.tiles[n]
		if t == nil {
			return nil, fmt.Errorf("%w: tile %d of %d is missing", ErrCorrupt, n, d.cols*d.rows)
		}
		if err := d.decodeTile(n, t); err != nil {
			return nil, err
		}
	}
	return &Image{Width: width, Height: height, Precision: d.precision, Signed: d.signed, Data: d.out}, nil
}

// unbox finds the codestream in a JP2 file.
func unbox(b []byte) ([]byte, error) {
	if len(b) < 12 || string(b[4:8]) != "jP  " {
		return b, nil
	}
	for len(b) >= 8 {
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		if size == 1 && len(b) >= 16 {
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size == 0 {
			size = uint64(len(b))
		}
		if size < head || size > uint64(len(b)) {
			if string(b[4:8]) == "jp2c" && size >= head { // cut short: let the codestream say so
				return b[head:], nil
			}
			break
		}
		if string(b[4:8]) == "jp2c" {
			return b[head:size], nil
		}
		b = b[size:]
	}
	return nil, fmt.Errorf("%w: a JP2 file without a codestream", ErrCorrupt)
}

// u16 reads the next two bytes.
func (d *decoder) u16() (int, error) {
	if len(d.b)-d.at < 2 {
		return 0, fmt.Errorf("%w: it ends at byte %d", ErrCorrupt, d.at)
	}
	v := int(binary.BigEndian.Uint16(d.b[d.at:]))
	d.at += 2
	return v, nil
}

// segment reads a marker segment's parameters.
func (d *decoder) segment() ([]byte, error) {
	n, err := d.u16()
	if err != nil {
		return nil, err
	}
	if n < 2 || len(d.b)-d.at < n-2 {
		return nil, fmt.Errorf("%w: a marker segment of %d bytes at byte %d", ErrCorrupt, n, d.at)
	}
	s := d.b[d.at : d.at+n-2]
	d.at += n - 2
	return s, nil
}

func (d *decoder) mainHeader(maxPixels int) error {
	if m, err := d.u16(); err != nil || m != mSOC {
		return fmt.Errorf("%w: no start of codestream", ErrCorrupt)
	}
	sized := false
	for {
		m, err := d.u16()
		if err != nil {
			return err
		}
		if m == mSOT {
			d.at -= 2
			if !sized || d.cod == nil || d.qcd == nil {
				return fmt.Errorf("%w: SIZ, COD or QCD is missing", ErrCorrupt)
			}
			return nil
		}
		s, err := d.segment()
		if err != nil {
			return err
		}
		if m == mSIZ {
			sized = true
			if err := d.siz(s, maxPixels); err != nil {
				return err
			}
			continue
		}
		general := &tile{cod: d.cod, qcd: d.qcd, hasCOC: d.hasCOC, hasQCC: d.hasQCC}
		if err := general.marker(m, s); err != nil {
			return err
		}
		d.cod, d.qcd, d.hasCOC, d.hasQCC = general.cod, general.qcd, general.hasCOC, general.hasQCC
	}
}

// siz reads the image and tile size (A.5.1).
func (d *decoder) siz(s []byte, maxPixels int) error {
	if len(s) < 39 {
		return fmt.Errorf("%w: SIZ of %d bytes", ErrCorrupt, len(s))
	}
	v := func(i int) int { return int(binary.BigEndian.Uint32(s[2+4*i:])) }
	d.x1, d.y1, d.x0, d.y0 = v(0), v(1), v(2), v(3)
	d.tw, d.th, d.tx0, d.ty0 = v(4), v(5), v(6), v(7)
	if n := int(binary.BigEndian.Uint16(s[34:])); n != 1 {
		return fmt.Errorf("%w: %d components", ErrUnsupported, n)
	}
	d.precision, d.signed = int(s[36]&0x7f)+1, s[36]&0x80 != 0
	if d.precision > 31 {
		return fmt.Errorf("%w: %d bits a sample", ErrUnsupported, d.precision)
	}
	if s[37] != 1 || s[38] != 1 {
		return fmt.Errorf("%w: subsampled by %d×%d", ErrUnsupported, s[37], s[38])
	}
	if d.x1 > 1<<31-1 || d.y1 > 1<<31-1 || d.x0 >= d.x1 || d.y0 >= d.y1 || d.tw == 0 || d.th == 0 || d.tx0 > d.x0 || d.ty0 > d.y0 ||
		d.tx0+d.tw <= d.x0 || d.ty0+d.th <= d.y0 {
		return fmt.Errorf("%w: image or tile size makes no sense", ErrCorrupt)
	}
	if w, h := d.x1-d.x0, d.y1-d.y0; h > maxPixels/w {
		return fmt.Errorf("%w: %d×%d", ErrTooLarge, w, h)
	}
	d.cols, d.rows = ceilDiv(d.x1-d.tx0, d.tw), ceilDiv(d.y1-d.ty0, d.th)
	if d.cols*d.rows > 65535 {
		return fmt.Errorf("%w: %d×%d tiles", ErrCorrupt, d.cols, d.rows)
	}
	return nil
}

// marker takes up a segment of a main or tile-part header.
func (t *tile) marker(m int, s []byte) error {
	switch m {
	case mCOD:
		c, err := readCOD(s)
		if err != nil {
			return err
		}
		if t.hasCOC && t.cod != nil {
			own := *t.cod
			own.sop, own.eph, own.progression, own.layers = c.sop, c.eph, c.progression, c.layers
			c = &own
		}
		t.cod = c
	case mCOC:
		if len(s) < 2 || s[0] != 0 {
			return fmt.Errorf("%w: COC of another component", ErrCorrupt)
		}
		c := &coding{}
		if t.cod != nil {
			c.sop, c.eph, c.progression, c.layers = t.cod.sop, t.cod.eph, t.cod.progression, t.cod.layers
		}
		if err := c.parameters(s[2:], s[1]&1 != 0); err != nil {
			return err
		}
		t.cod, t.hasCOC = c, true
	case mQCD:
		q, err := readQuantization(s)
		if err != nil {
			return err
		}
		if !t.hasQCC {
			t.qcd = q
		}
	case mQCC:
		if len(s) < 1 || s[0] != 0 {
			return fmt.Errorf("%w: QCC of another component", ErrCorrupt)
		}
		q, err := readQuantization(s[1:])
		if err != nil {
			return err
		}
		t.qcd, t.hasQCC = q, true
	case mRGN:
		return fmt.Errorf("%w: a region of interest", ErrUnsupported)
	case mPOC:
		return fmt.Errorf("%w: a change of the progression order", ErrUnsupported)
	case mPPM, mPPT:
		return fmt.Errorf("%w: packed packet headers", ErrUnsupported)
	case mCAP:
		return fmt.Errorf("%w: extended capabilities, as of high-throughput JPEG 2000", ErrUnsupported)
	}
	return nil // comments, lengths and the like
}

func readCOD(s []byte) (*coding, error) {
	if len(s) < 10 {
		return nil, fmt.Errorf("%w: COD of %d bytes", ErrCorrupt, len(s))
	}
	c := &coding{
		sop: s[0]&2 != 0, eph: s[0]&4 != 0,
		progression: s[1], layers: int(binary.BigEndian.Uint16(s[2:])),
	}
	if c.progression > 4 || c.layers == 0 {
		return nil, fmt.Errorf("%w: progression order %d, %d layers", ErrCorrupt, c.progression, c.layers)
	}
	return c, c.parameters(s[5:], s[0]&1 != 0)
}

// parameters reads SPcod or SPcoc (Table A.15).
func (c *coding) parameters(s []byte, precincts bool) error {
	if len(s) < 5 {
		return fmt.Errorf("%w: coding style of %d bytes", ErrCorrupt, len(s))
	}
	c.levels, c.xcb, c.ycb, c.style = int(s[0]), int(s[1])+2, int(s[2])+2, s[3]
	c.reversible = s[4] == 1
	if c.levels > 32 || c.xcb > 10 || c.ycb > 10 || c.xcb+c.ycb > 12 || s[4] > 1 {
		return fmt.Errorf("%w: %d levels, code-blocks of 2^%d×2^%d, transform %d", ErrCorrupt, c.levels, c.xcb, c.ycb, s[4])
	}
	if c.style&^0x3f != 0 {
		return fmt.Errorf("%w: code-block style %#x", ErrUnsupported, c.style)
	}
	for r := range c.levels + 1 {
		c.precinctX[r], c.precinctY[r] = 15, 15
		if !precincts {
			continue
		}
		if len(s) < 6+r {
			return fmt.Errorf("%w: precinct sizes are missing", ErrCorrupt)
		}
		c.precinctX[r], c.precinctY[r] = int(s[5+r]&15), int(s[5+r]>>4)
		if r > 0 && (c.precinctX[r] == 0 || c.precinctY[r] == 0) {
			return fmt.Errorf("%w: precincts of one sample", ErrCorrupt)
		}
	}
	return nil
}

// readQuantization reads Sqcd and SPqcd (Table A.27 and on).
func readQuantization(s []byte) (*quantization, error) {
	if len(s) < 2 {
		return nil, fmt.Errorf("%w: quantization of %d bytes", ErrCorrupt, len(s))
	}
	q := &quantization{style: s[0] & 31, guard: int(s[0] >> 5)}
	s = s[1:]
	switch q.style {
	case 0:
		for i := range min(len(s), len(q.exponent)) {
			q.exponent[i] = int(s[i] >> 3)
		}
	case 1, 2:
		for i := range min(len(s)/2, len(q.exponent)) {
			v := int(binary.BigEndian.Uint16(s[2*i:]))
			q.exponent[i], q.mantissa[i] = v>>11, v&0x7ff
		}
		if q.style == 1 { // one value for all: E-5
			for i := 1; i < len(q.exponent); i++ {
				q.exponent[i], q.mantissa[i] = max(0, q.exponent[0]-(i-1)/3), q.mantissa[0]
			}
		}
	default:
		return nil, fmt.Errorf("%w: quantization style %d", ErrCorrupt, q.style)
	}
	return q, nil
}

// tileParts gathers the packets of each tile.
func (d *decoder) tileParts() error {
	for {
		start := d.at
		m, err := d.u16()
		if err != nil {
			return fmt.Errorf("%w: no end of codestream", ErrCorrupt)
		}
		if m == mEOC {
			return nil
		}
		if m != mSOT {
			return fmt.Errorf("%w: marker %#x where a tile-part should start", ErrCorrupt, m)
		}
		s, err := d.segment()
		if err != nil {
			return err
		}
		if len(s) < 8 {
			return fmt.Errorf("%w: SOT of %d bytes", ErrCorrupt, len(s))
		}
		n, size := int(binary.BigEndian.Uint16(s)), int(binary.BigEndian.Uint32(s[2:]))
		if n >= d.cols*d.rows {
			return fmt.Errorf("%w: tile %d of %d", ErrCorrupt, n, d.cols*d.rows)
		}
		end := start + size
		if size == 0 { // up to the end of the codestream
			end = len(d.b)
			if end-2 >= d.at && binary.BigEndian.Uint16(d.b[end-2:]) == mEOC {
				end -= 2
			}
		}
		if end > len(d.b) || end < d.at {
			return fmt.Errorf("%w: tile %d ends at byte %d of %d", ErrCorrupt, n, end, len(d.b))
		}
		if err := d.tilePart(n, end); err != nil {
			return err
		}
	}
}

func (d *decoder) tilePart(n, end int) error {
	t := d.tiles[n]
	if t == nil {
		// A tile's own COD or QCD stands before even the main header's COC or QCC.
		t = &tile{cod: d.cod, qcd: d.qcd}
		d.tiles[n] = t
	}
	for {
		m, err := d.u16()
		if err != nil {
			return err
		}
		if m == mSOD {
			break
		}
		s, err := d.segment()
		if err != nil {
			return err
		}
		if err := t.marker(m, s); err != nil {
			return err
		}
	}
	if end < d.at {
		return fmt.Errorf("%w: the header of tile %d is longer than its part", ErrCorrupt, n)
	}
	t.data = append(t.data, d.b[d.at:end]...)
	d.at = end
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// ceilShift is ⌈a / 2^n⌉, for negative a too.
func ceilShift(a, n int) int { return -(-a >> n) }
