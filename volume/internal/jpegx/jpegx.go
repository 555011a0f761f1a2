// Package jpegx decodes the kinds of JPEG that the standard library does not, as
// DICOM keeps slices in them: lossless JPEG (ITU-T T.81 process 14, all
// predictors), sequential JPEG of 8 or 12 bits (processes 2 and 4), and JPEG-LS,
// lossless and near-lossless (ITU-T T.87), each of one component.
//
// It never encodes and never returns part of a damaged image; what slices are
// not made of (several components, progressive or arithmetic coding, mapping
// tables) is refused by name. Start from [Decode].
package jpegx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	// ErrCorrupt says: the data are not a valid image.
	ErrCorrupt = errors.New("damaged JPEG data")
	// ErrUnsupported says: an image of a kind that is refused on purpose.
	ErrUnsupported = errors.New("unsupported kind of JPEG")
	// ErrTooLarge says: the image has more pixels than the caller allows.
	ErrTooLarge = errors.New("JPEG image is too large")
)

// Image is a decoded image of one component; samples are unsigned.
type Image struct {
	Width, Height int
	// Precision is the number of bits of a sample, 2 to 16.
	Precision int
	// Data holds the samples, row after row.
	Data []int32
}

// Markers (T.81 table B.1, T.87).
const (
	mSOI, mEOI, mSOS, mDQT, mDHT, mDRI = 0xd8, 0xd9, 0xda, 0xdb, 0xc4, 0xdd
	mSOF0, mSOF1, mSOF3, mSOF55, mLSE  = 0xc0, 0xc1, 0xc3, 0xf7, 0xf8
)

// decoder holds what the markers say.
type decoder struct {
	b       []byte
	at      int
	im      *Image
	sof     byte
	quant   [4][64]int32
	huffman [2][4]*huffman // DC and lossless, AC
	restart int
	tq      byte
	preset  *preset
}

// Decode decodes an image of at most maxPixels pixels. Errors wrap ErrCorrupt,
// ErrUnsupported or ErrTooLarge.
func Decode(b []byte, maxPixels int) (im *Image, err error) {
	defer func() {
		if p := recover(); p != nil { // damaged data must not end the process
			im, err = nil, fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	d := &decoder{b: b}
	if len(b) < 4 || b[0] != 0xff || b[1] != mSOI {
		return nil, fmt.Errorf("%w: no start of image", ErrCorrupt)
	}
	d.at = 2
	for {
		m, s, err := d.marker()
		if err != nil {
			return nil, err
		}
		switch {
		case m == mSOF1 || m == mSOF0 || m == mSOF3 || m == mSOF55:
			err = d.frame(m, s, maxPixels)
		case m >= 0xc0 && m <= 0xcf && m != mDHT && m != 0xc8 && m != 0xcc:
			return nil, fmt.Errorf("%w: process SOF%d", ErrUnsupported, m-0xc0)
		case m == mDHT:
			err = d.tables(s)
		case m == mDQT:
			err = d.quantization(s)
		case m == mDRI:
			if len(s) >= 2 {
				d.restart = int(binary.BigEndian.Uint16(s))
			}
		case m == mLSE:
			err = d.lse(s)
		case m == mEOI:
			return nil, fmt.Errorf("%w: an image without a scan", ErrCorrupt)
		case m == mSOS:
			if err := d.scan(s); err != nil {
				return nil, err
			}
			return d.im, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// marker reads the next marker and its segment.
func (d *decoder) marker() (m byte, segment []byte, err error) {
	for d.at < len(d.b) && d.b[d.at] != 0xff {
		d.at++
	}
	for d.at < len(d.b) && d.b[d.at] == 0xff {
		d.at++
	}
	if d.at >= len(d.b) {
		return 0, nil, fmt.Errorf("%w: it ends at byte %d", ErrCorrupt, d.at)
	}
	m = d.b[d.at]
	d.at++
	if m == mEOI || m == 0 || m == 1 || m >= 0xd0 && m <= 0xd7 {
		return m, nil, nil
	}
	if len(d.b)-d.at < 2 {
		return 0, nil, fmt.Errorf("%w: it ends at byte %d", ErrCorrupt, d.at)
	}
	n := int(binary.BigEndian.Uint16(d.b[d.at:]))
	if n < 2 || n > len(d.b)-d.at {
		return 0, nil, fmt.Errorf("%w: a segment of %d bytes at byte %d", ErrCorrupt, n, d.at)
	}
	segment = d.b[d.at+2 : d.at+n]
	d.at += n
	return m, segment, nil
}

func (d *decoder) frame(m byte, s []byte, maxPixels int) error {
	if d.im != nil || len(s) < 9 {
		return fmt.Errorf("%w: frame header", ErrCorrupt)
	}
	im := &Image{Precision: int(s[0]), Height: int(binary.BigEndian.Uint16(s[1:])), Width: int(binary.BigEndian.Uint16(s[3:]))}
	switch {
	case s[5] != 1:
		return fmt.Errorf("%w: %d components", ErrUnsupported, s[5])
	case im.Width == 0 || im.Height == 0:
		return fmt.Errorf("%w: an image of %d×%d", ErrUnsupported, im.Width, im.Height)
	case im.Height > maxPixels/im.Width:
		return fmt.Errorf("%w: %d×%d", ErrTooLarge, im.Width, im.Height)
	case im.Precision < 2 || im.Precision > 16 || (m == mSOF0 || m == mSOF1) && im.Precision != 8 && im.Precision != 12:
		return fmt.Errorf("%w: %d bits a sample", ErrUnsupported, im.Precision)
	case s[8] > 3 && m != mSOF55 && m != mSOF3:
		return fmt.Errorf("%w: quantization table %d", ErrCorrupt, s[8])
	}
	d.im, d.sof, d.tq = im, m, s[8]
	return nil
}

func (d *decoder) scan(s []byte) error {
	if d.im == nil || len(s) < 6 || s[0] != 1 {
		return fmt.Errorf("%w: scan header", ErrCorrupt)
	}
	d.im.Data = make([]int32, d.im.Width*d.im.Height)
	table, first, last, low := s[2], int(s[3]), int(s[4]), int(s[5])
	switch d.sof {
	case mSOF55:
		return d.loco(first, last, low)
	case mSOF3:
		return d.lossless(table>>4, first, low&15)
	}
	return d.sequential(table>>4, table&15)
}

// huffman decodes one table's codes (T.81 Annex C and F.2.2.3).
type huffman struct {
	quick  [256]uint16 // length and value of codes of up to 8 bits
	most   [17]int32   // the largest code of each length, -1 for none
	offset [17]int32
	values []byte
}

func (d *decoder) tables(s []byte) error {
	for len(s) >= 17 {
		class, n := s[0]>>4, s[0]&15
		total := 0
		for _, c := range s[1:17] {
			total += int(c)
		}
		if class > 1 || n > 3 || total > 256 || len(s) < 17+total {
			return fmt.Errorf("%w: Huffman table", ErrCorrupt)
		}
		h := &huffman{values: s[17 : 17+total]}
		code, k := int32(0), int32(0)
		for length := 1; length <= 16; length++ {
			count := int32(s[length])
			h.offset[length], h.most[length] = k-code, -1
			if count > 0 {
				if code+count > 1<<length {
					return fmt.Errorf("%w: Huffman table", ErrCorrupt)
				}
				h.most[length] = code + count - 1
			}
			if length <= 8 {
				for i := range count {
					from := (code + i) << (8 - length)
					for j := range int32(1) << (8 - length) {
						h.quick[from+j] = uint16(length)<<8 | uint16(h.values[k+i])
					}
				}
			}
			code, k = (code+count)<<1, k+count
		}
		d.huffman[class][n] = h
		s = s[17+total:]
	}
	return nil
}

// bits reads entropy-coded data: a zero follows each 0xff.
type bits struct {
	b    []byte
	at   int
	acc  uint64
	n    int
	over int // bits read behind the end
}

func (r *bits) fill() {
	for r.n <= 48 {
		if r.at >= len(r.b) || r.b[r.at] == 0xff && (r.at+1 >= len(r.b) || r.b[r.at+1] != 0) {
			r.acc <<= 8 // a marker, or the end
			r.n += 8
			r.over += 8
			continue
		}
		v := r.b[r.at]
		r.at++
		if v == 0xff {
			r.at++
		}
		r.acc = r.acc<<8 | uint64(v)
		r.n += 8
	}
}

// ended reports whether bits were used that the data do not have.
func (r *bits) ended() bool { return r.over > r.n }

func (r *bits) take(n int) int32 {
	if n == 0 {
		return 0
	}
	if r.n < n {
		r.fill()
	}
	r.n -= n
	return int32(r.acc >> r.n & (1<<n - 1)) //nolint:gosec // at most 16 bits
}

// decode reads a code; -1 where there is no such code.
func (r *bits) decode(h *huffman) int32 {
	if r.n < 16 {
		r.fill()
	}
	if q := h.quick[r.acc>>(r.n-8)&255]; q != 0 {
		r.n -= int(q >> 8)
		return int32(q & 255)
	}
	for length := 9; length <= 16; length++ {
		code := int32(r.acc >> (r.n - length) & (1<<length - 1)) //nolint:gosec // at most 16 bits
		if code <= h.most[length] {
			r.n -= length
			return int32(h.values[h.offset[length]+code])
		}
	}
	return -1
}

// extend turns the additional bits of a category into a number (F.2.2.1).
func extend(v int32, category int) int32 {
	if category > 0 && v < 1<<(category-1) {
		return v - 1<<category + 1
	}
	return v
}

// next passes over a restart marker; the decoder begins anew behind it.
func (r *bits) next() error {
	r.acc, r.n, r.over = 0, 0, 0
	for r.at+1 < len(r.b) {
		if r.b[r.at] == 0xff && r.b[r.at+1] >= 0xd0 && r.b[r.at+1] <= 0xd7 {
			r.at += 2
			return nil
		}
		r.at++
	}
	return fmt.Errorf("%w: a restart marker is missing", ErrCorrupt)
}

// lossless decodes process 14 (Annex H).
func (d *decoder) lossless(table byte, predictor, shift int) error {
	im := d.im
	if table > 3 || d.huffman[0][table] == nil || predictor < 1 || predictor > 7 || shift >= im.Precision {
		return fmt.Errorf("%w: predictor %d, point transform %d", ErrCorrupt, predictor, shift)
	}
	if d.restart%im.Width != 0 {
		return fmt.Errorf("%w: restarts within a row", ErrUnsupported)
	}
	h, r, w := d.huffman[0][table], &bits{b: d.b, at: d.at}, im.Width
	fresh := true // the first row, also after a restart
	for y := range im.Height {
		row := im.Data[y*w : (y+1)*w]
		if y > 0 && d.restart > 0 && y%(d.restart/w) == 0 {
			if err := r.next(); err != nil {
				return err
			}
			fresh = true
		}
		for x := range row {
			var p int32
			switch {
			case fresh && x == 0:
				p = 1 << (im.Precision - shift - 1)
			case fresh:
				p = row[x-1]
			case x == 0:
				p = im.Data[(y-1)*w]
			default:
				p = predict(predictor, row[x-1], im.Data[(y-1)*w+x], im.Data[(y-1)*w+x-1])
			}
			category := r.decode(h)
			if category < 0 || category > 16 {
				return fmt.Errorf("%w: no such code at pixel (%d, %d)", ErrCorrupt, x, y)
			}
			diff := int32(32768)
			if category < 16 {
				diff = extend(r.take(int(category)), int(category))
			}
			row[x] = (p + diff) & 0xffff
		}
		if r.ended() {
			return fmt.Errorf("%w: it ends in row %d of %d", ErrCorrupt, y, im.Height)
		}
		fresh = false
	}
	for i := range im.Data {
		im.Data[i] <<= shift
	}
	return nil
}

func predict(kind int, a, b, c int32) int32 {
	switch kind {
	case 1:
		return a
	case 2:
		return b
	case 3:
		return c
	case 4:
		return a + b - c
	case 5:
		return a + (b-c)>>1
	case 6:
		return b + (a-c)>>1
	}
	return (a + b) >> 1
}
