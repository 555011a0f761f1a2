package dcm

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Transfer syntaxes by which data sets are encoded.
const (
	ImplicitLittle = "1.2.840.10008.1.2"
	ExplicitLittle = "1.2.840.10008.1.2.1"
	Deflated       = "1.2.840.10008.1.2.1.99"
	ExplicitBig    = "1.2.840.10008.1.2.2"
)

// Bounds of what a header may cost.
const (
	maxDepth    = 16
	maxElements = 2 << 20
	maxValue    = 64 << 10 // a longer value is passed over
	maxKept     = 256 << 20
	maxFrames   = 1 << 20 // fragments of encapsulated pixel data
	undefined   = 0xffffffff
)

// Piece is a run of bytes of a File's Data.
type Piece struct{ Offset, Size int64 }

// Pixels says where pixel data lie.
type Pixels struct {
	// Tag is PixelData, FloatPixelData or DoublePixelData; 0 where there are none.
	Tag Tag
	// Native is the run of uncompressed pixel data.
	Native Piece
	// Encapsulated says that they lie in fragments.
	Encapsulated bool
	// Offsets is the basic offset table, which may be empty.
	Offsets []uint32
	// Starts are the offsets of the fragments' items, as the table counts them.
	Starts    []int64
	Fragments []Piece
}

// File is a parsed DICOM file.
type File struct {
	Meta, Dataset *Dataset
	// Syntax is the transfer syntax; one that was guessed where the file doesn't
	// say.
	Syntax  string
	Guessed bool
	Pixels  Pixels
	// Data is where Pixels' offsets point into: the file, or what it inflates to.
	Data io.ReaderAt
	// BigEndian is the byte order of native pixel data.
	BigEndian bool
}

// parser walks through a file.
type parser struct {
	r        io.ReaderAt
	at, end  int64
	buf      []byte
	bufAt    int64
	order    binary.ByteOrder
	explicit bool
	elements int
	kept     int64
	file     *File
}

// Looks reports whether the first bytes of a file (132 or more, if it has them)
// may be those of a DICOM file, with or without the preamble.
func Looks(b []byte) bool {
	if len(b) >= 132 && string(b[128:132]) == "DICM" {
		return true
	}
	if len(b) < 8 {
		return false
	}
	group, element := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	if b[0] == 0 && b[1] == 8 {
		group, element = 8, binary.BigEndian.Uint16(b[2:])
	}
	if group != 8 && group != 2 || element > 0x70 {
		return false
	}
	if isVR(b[4:6]) {
		return true
	}
	return binary.LittleEndian.Uint32(b[4:]) <= 64
}

func isVR(b []byte) bool { return b[0] >= 'A' && b[0] <= 'Z' && b[1] >= 'A' && b[1] <= 'Z' }

// Parse reads the header of a file of the given size. maxInflated bounds what a
// deflated file may inflate to. Errors wrap ErrNotDICOM, ErrCorrupt, ErrTruncated
// or ErrTooLarge, or are those of r.
func Parse(r io.ReaderAt, size, maxInflated int64) (_ *File, err error) {
	defer func() {
		if p := recover(); p != nil { // a damaged file must not end the process
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	f := &File{Data: r, Meta: &Dataset{order: binary.LittleEndian}}
	p := &parser{r: r, end: size, order: binary.LittleEndian, explicit: true, file: f}
	head, err := p.peek(min(size, 132))
	if err != nil {
		return nil, err
	}
	if !Looks(head) {
		return nil, ErrNotDICOM
	}
	if len(head) == 132 && string(head[128:]) == "DICM" {
		p.at = 132
	}
	if err := p.meta(); err != nil {
		return nil, err
	}
	if err := p.chooseSyntax(maxInflated); err != nil {
		return nil, err
	}
	f.BigEndian = p.order == binary.BigEndian
	f.Dataset, err = p.dataset(p.end, 0)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// meta reads group 2, which is explicit and little-endian whatever follows.
func (p *parser) meta() error {
	for {
		b, err := p.peek(min(8, p.end-p.at))
		if err != nil {
			return err
		}
		if len(b) < 8 || binary.LittleEndian.Uint16(b) != 2 {
			p.file.Syntax = p.file.Meta.String(TransferSyntaxUID)
			return nil
		}
		e, _, err := p.element(p.end, 0)
		if err != nil {
			return err
		}
		p.file.Meta.Elements = append(p.file.Meta.Elements, e)
	}
}

// chooseSyntax sets byte order and explicitness; a file that doesn't tell its
// transfer syntax shows them by its first element.
func (p *parser) chooseSyntax(maxInflated int64) error {
	f := p.file
	switch f.Syntax {
	case ImplicitLittle:
		p.explicit = false
	case ExplicitBig:
		p.order = binary.BigEndian
	case Deflated:
		b, err := io.ReadAll(io.LimitReader(flate.NewReader(io.NewSectionReader(p.r, p.at, p.end-p.at)), maxInflated+1))
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if err != nil {
			return fmt.Errorf("%w: the deflated data set has no end", ErrTruncated)
		}
		if int64(len(b)) > maxInflated {
			return fmt.Errorf("%w: it inflates to more than %d bytes", ErrTooLarge, maxInflated)
		}
		p.r, p.at, p.end, p.buf = bytes.NewReader(b), 0, int64(len(b)), nil
		f.Data = p.r
	case "":
		b, err := p.peek(min(8, p.end-p.at))
		if err != nil {
			return err
		}
		if len(b) < 8 {
			return fmt.Errorf("%w: no data set", ErrTruncated)
		}
		f.Guessed, f.Syntax = true, ExplicitLittle
		if b[0] == 0 && b[1] != 0 {
			p.order, f.Syntax = binary.BigEndian, ExplicitBig
		}
		if !isVR(b[4:6]) {
			p.explicit, f.Syntax = false, ImplicitLittle
		}
	}
	return nil
}

// peek returns the next n bytes and stays where it is.
func (p *parser) peek(n int64) ([]byte, error) {
	if n > p.end-p.at || n < 0 {
		return nil, fmt.Errorf("%w: it ends at byte %d", ErrTruncated, p.end)
	}
	if p.at < p.bufAt || p.at+n > p.bufAt+int64(len(p.buf)) {
		size := min(max(n, 16<<10), p.end-p.at)
		if int64(cap(p.buf)) < size {
			p.buf = make([]byte, size)
		}
		p.buf, p.bufAt = p.buf[:size], p.at
		if k, err := p.r.ReadAt(p.buf, p.at); k < len(p.buf) {
			p.buf = nil
			if errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: it ends at byte %d", ErrTruncated, p.at+int64(k))
			}
			return nil, err
		}
	}
	from := p.at - p.bufAt
	return p.buf[from : from+n], nil
}

func (p *parser) read(n int64) ([]byte, error) {
	b, err := p.peek(n)
	p.at += n
	return b, err
}

// dataset reads elements up to an offset, or to the delimiter of its item.
func (p *parser) dataset(end int64, depth int) (*Dataset, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: sequences nested more than %d deep", ErrTooLarge, maxDepth)
	}
	d := &Dataset{order: p.order}
	sorted := true
	for p.at < end {
		if depth == 0 && end-p.at < 8 {
			break // padding behind the last element
		}
		e, keep, err := p.element(end, depth)
		if err != nil {
			return nil, err
		}
		if e.Tag == itemDelimiter {
			break
		}
		if !keep {
			continue
		}
		if n := len(d.Elements); n > 0 && d.Elements[n-1].Tag >= e.Tag {
			sorted = false
		}
		d.Elements = append(d.Elements, e)
		if depth == 0 && isPixels(e.Tag) {
			break // what follows is padding and signatures
		}
	}
	if !sorted { // against the standard, but read by all
		slices.SortStableFunc(d.Elements, func(a, b Element) int {
			switch {
			case a.Tag < b.Tag:
				return -1
			case a.Tag > b.Tag:
				return 1
			}
			return 0
		})
		d.Elements = slices.CompactFunc(d.Elements, func(a, b Element) bool { return a.Tag == b.Tag })
	}
	return d, nil
}

// longVRs have a length of four bytes, behind two that are reserved.
const longVRs = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"

// head reads tag, VR and length.
func (p *parser) head() (t Tag, vr string, length int64, err error) {
	b, err := p.read(8)
	if err != nil {
		return 0, "", 0, err
	}
	t = Tag(uint32(p.order.Uint16(b))<<16 | uint32(p.order.Uint16(b[2:])))
	if t>>16 == 0xfffe || !p.explicit {
		vr = representations[t]
		if vr == "" {
			vr = "UN"
		}
		return t, vr, int64(p.order.Uint32(b[4:])), nil
	}
	if !isVR(b[4:6]) {
		return 0, "", 0, fmt.Errorf("%w: %s at byte %d has the value representation %q", ErrCorrupt, t, p.at-8, b[4:6])
	}
	vr = string(b[4:6])
	if !strings.Contains(longVRs, vr) {
		return t, vr, int64(p.order.Uint16(b[6:])), nil
	}
	b, err = p.read(4)
	if err != nil {
		return 0, "", 0, err
	}
	return t, vr, int64(p.order.Uint32(b)), nil
}

// element reads the next element; keep is false for what is passed over.
func (p *parser) element(end int64, depth int) (e Element, keep bool, err error) {
	if p.elements++; p.elements > maxElements {
		return e, false, fmt.Errorf("%w: more than %d elements", ErrTooLarge, maxElements)
	}
	start := p.at
	t, vr, length, err := p.head()
	if err != nil {
		return e, false, err
	}
	e = Element{Tag: t, VR: vr}
	if t == itemDelimiter {
		return e, false, nil
	}
	if t>>16 == 0xfffe {
		return e, false, fmt.Errorf("%w: a delimiter at byte %d where an element should be", ErrCorrupt, start)
	}
	if length != undefined && length > end-p.at {
		if isPixels(t) && depth == 0 {
			return e, false, fmt.Errorf("%w: %d of %d bytes of pixel data", ErrTruncated, end-p.at, length)
		}
		return e, false, fmt.Errorf("%w: %s claims %d bytes, %d are left", ErrTruncated, t, length, end-p.at)
	}
	switch {
	case isPixels(t) && depth == 0:
		p.file.Pixels.Tag = t
		if length == undefined {
			return e, true, p.fragments()
		}
		p.file.Pixels.Native = Piece{p.at, length}
		p.at += length
		return e, true, nil
	case vr == "SQ" || length == undefined:
		e.VR = "SQ"
		if vr == "UN" && p.explicit { // such sequences are implicit and little-endian
			was := *p
			p.explicit, p.order = false, binary.LittleEndian
			e.Items, err = p.sequence(length, end, depth)
			p.explicit, p.order = was.explicit, was.order
		} else {
			e.Items, err = p.sequence(length, end, depth)
		}
		return e, t>>16&1 == 0, err
	case length > maxValue || t>>16&1 == 1: // long, or private
		p.at += length
		return e, false, nil
	}
	if p.kept += length + 64; p.kept > maxKept {
		return e, false, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxKept)
	}
	b, err := p.read(length)
	e.Value = bytes.Clone(b)
	return e, true, err
}

func isPixels(t Tag) bool { return t == PixelData || t == FloatPixelData || t == DoublePixelData }

// sequence reads the items of a sequence.
func (p *parser) sequence(length, end int64, depth int) ([]*Dataset, error) {
	if length != undefined {
		end = p.at + length
	}
	var items []*Dataset
	for p.at < end {
		start := p.at
		t, _, n, err := p.head()
		if err != nil {
			return nil, err
		}
		if t == sequenceDelimiter {
			return items, nil
		}
		if t != item {
			return nil, fmt.Errorf("%w: %s at byte %d where an item should be", ErrCorrupt, t, start)
		}
		if p.elements++; p.elements > maxElements {
			return nil, fmt.Errorf("%w: more than %d elements", ErrTooLarge, maxElements)
		}
		stop := end
		if n != undefined {
			if n > end-p.at {
				return nil, fmt.Errorf("%w: an item claims %d bytes, %d are left", ErrTruncated, n, end-p.at)
			}
			stop = p.at + n
		}
		d, err := p.dataset(stop, depth+1)
		if err != nil {
			return nil, err
		}
		if n == undefined && p.at >= end && length == undefined {
			return nil, fmt.Errorf("%w: a sequence without an end", ErrTruncated)
		}
		items = append(items, d)
	}
	return items, nil
}

// fragments lists those of encapsulated pixel data (PS3.5 A.4).
func (p *parser) fragments() error {
	px := &p.file.Pixels
	px.Encapsulated = true
	first := int64(-1)
	for n := 0; ; n++ {
		start := p.at
		t, _, length, err := p.head()
		if err != nil {
			return err
		}
		if t == sequenceDelimiter {
			return nil
		}
		if t != item || length == undefined {
			return fmt.Errorf("%w: %s at byte %d where a fragment should be", ErrCorrupt, t, start)
		}
		if length > p.end-p.at {
			return fmt.Errorf("%w: a fragment claims %d bytes, %d are left", ErrTruncated, length, p.end-p.at)
		}
		if n > maxFrames {
			return fmt.Errorf("%w: more than %d fragments", ErrTooLarge, maxFrames)
		}
		if n == 0 { // the basic offset table
			if length > 4*maxFrames {
				return fmt.Errorf("%w: an offset table of %d bytes", ErrTooLarge, length)
			}
			b, err := p.read(length)
			if err != nil {
				return err
			}
			for ; len(b) >= 4; b = b[4:] {
				px.Offsets = append(px.Offsets, p.order.Uint32(b))
			}
			first = p.at
			continue
		}
		px.Starts = append(px.Starts, start-first)
		px.Fragments = append(px.Fragments, Piece{p.at, length})
		p.at += length
	}
}
