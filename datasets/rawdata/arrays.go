package rawdata

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"satgraph/volume"
)

// maxArray bounds the bytes of an array that is read.
func (s *Source) maxArray() int64 {
	if s.options.MaxBytes > 0 {
		return s.options.MaxBytes
	}
	return volume.DefaultMaxBytes
}

// number decodes a stored number.
type number struct {
	size int
	load func(b []byte, o binary.ByteOrder) float32
}

// numbers by NumPy's letter and size.
var numbers = map[string]number{
	"b1": {1, func(b []byte, _ binary.ByteOrder) float32 { return float32(b[0]) }},
	"u1": {1, func(b []byte, _ binary.ByteOrder) float32 { return float32(b[0]) }},
	"i1": {1, func(b []byte, _ binary.ByteOrder) float32 { return float32(int8(b[0])) }},
	"u2": {2, func(b []byte, o binary.ByteOrder) float32 { return float32(o.Uint16(b)) }},
	"i2": {2, func(b []byte, o binary.ByteOrder) float32 { return float32(int16(o.Uint16(b))) }},
	"u4": {4, func(b []byte, o binary.ByteOrder) float32 { return float32(o.Uint32(b)) }},
	"i4": {4, func(b []byte, o binary.ByteOrder) float32 { return float32(int32(o.Uint32(b))) }},
	"u8": {8, func(b []byte, o binary.ByteOrder) float32 { return float32(o.Uint64(b)) }},
	"i8": {8, func(b []byte, o binary.ByteOrder) float32 { return float32(int64(o.Uint64(b))) }},
	"f4": {4, func(b []byte, o binary.ByteOrder) float32 { return math.Float32frombits(o.Uint32(b)) }},
	"f8": {8, func(b []byte, o binary.ByteOrder) float32 { return float32(math.Float64frombits(o.Uint64(b))) }},
}

var (
	npyType  = regexp.MustCompile(`'descr'\s*:\s*'([<>|=])([a-z]\d)'`)
	npyOrder = regexp.MustCompile(`'fortran_order'\s*:\s*False`)
	npyShape = regexp.MustCompile(`'shape'\s*:\s*\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,?\s*\)`)
)

// numpy reads an array of three axes in C order. Its last axis becomes the
// first of the voxels.
func (s *Source) numpy(name string, take func(shape [3]int, values []float32) error) (volume.Grid, error) {
	fail := func(why string) (volume.Grid, error) {
		return volume.Grid{}, fmt.Errorf("%w: %s: %s", ErrFormat, name, why)
	}
	f, err := s.options.Place().Open(s.path(name))
	if err != nil {
		return volume.Grid{}, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	var head [12]byte
	if _, err := io.ReadFull(f, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return fail("no array of NumPy")
	}
	length := int64(binary.LittleEndian.Uint16(head[8:]))
	if head[6] >= 2 {
		if _, err := io.ReadFull(f, head[10:]); err != nil {
			return fail("it ends in its header")
		}
		length = int64(binary.LittleEndian.Uint32(head[8:]))
	}
	if length > 64<<10 {
		return fail("a header of more than 64 KiB")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(f, text); err != nil {
		return fail("it ends in its header")
	}
	kind, dims := npyType.FindSubmatch(text), npyShape.FindSubmatch(text)
	if kind == nil || dims == nil || !npyOrder.Match(text) {
		return fail("want numbers, three axes, C order")
	}
	n, ok := numbers[string(kind[2])]
	if !ok {
		return fail("numbers of type " + string(kind[2]))
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if kind[1][0] == '>' {
		order = binary.BigEndian
	}
	var array [3]int
	total := int64(1)
	for i := range array {
		array[i], err = strconv.Atoi(string(dims[i+1]))
		if err != nil || array[i] == 0 || int64(array[i]) > s.maxArray()/(total*int64(n.size)) {
			return fail("too many voxels, or none")
		}
		total *= int64(array[i])
	}
	axes, spacing := s.axesOf()
	g := arrayGrid(array, axes, spacing)
	buf := make([]byte, 64<<10)
	values := make([]float32, len(buf)/n.size)
	for left := total * int64(n.size); left > 0; {
		b := buf[:min(int64(len(buf)), left)]
		if _, err := io.ReadFull(f, b); err != nil {
			return volume.Grid{}, fmt.Errorf("%s: %w", name, volume.ErrTruncated)
		}
		left -= int64(len(b))
		for i := range len(b) / n.size {
			values[i] = n.load(b[i*n.size:], order)
		}
		if err := take(g.Shape, values[:len(b)/n.size]); err != nil {
			return g, err
		}
	}
	return g, nil
}

// Data types of MATLAB's level 5 files, and numbers by them.
const (
	matArray      = 14
	matCompressed = 15
	maxNesting    = 1
)

var matNumbers = map[uint32]string{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}

// matlab reads the array Mask of a MATLAB file of level 5: rows, columns and
// slices, as they belong to the image's slices by the order of names.
func (s *Source) matlab(im *opened, name string, take put) error {
	f, err := s.options.Place().Open(s.path(name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	shape := im.grid.Shape
	// No more than the image's voxels at full width, and room for small arrays.
	a, err := readMAT(f, "Mask", min(s.maxArray(), 8*int64(im.grid.Voxels())+1<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if a.dims != [3]int{shape[1], shape[0], shape[2]} {
		return fmt.Errorf("%w: %s is of %d rows, %d columns and %d slices, the image of %d, %d and %d", ErrGrid, name, a.dims[0], a.dims[1], a.dims[2], shape[1], shape[0], shape[2])
	}
	values := make([]float32, shape[0]*shape[1])
	for _, place := range im.sliceOrder() {
		for j := range shape[1] {
			for i := range shape[0] {
				values[i+shape[0]*j] = a.at(j + shape[1]*(i+shape[0]*place))
			}
		}
		if err := take(shape, 1, 0, values); err != nil {
			return err
		}
	}
	return nil
}

// matData is an array of three axes, the first fastest.
type matData struct {
	name   string
	dims   [3]int
	number number
	order  binary.ByteOrder
	data   []byte
}

func (a *matData) at(n int) float32 { return a.number.load(a.data[n*a.number.size:], a.order) }

// readMAT reads the numeric array of a name. Errors wrap ErrFormat.
func readMAT(r io.Reader, name string, limit int64) (*matData, error) {
	head := make([]byte, 128)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: it is no MATLAB file", ErrFormat)
	}
	var order binary.ByteOrder
	switch string(head[126:]) {
	case "IM":
		order = binary.LittleEndian
	case "MI":
		order = binary.BigEndian
	default:
		return nil, fmt.Errorf("%w: it is no MATLAB file of level 5; save it with -v7", ErrFormat)
	}
	if order.Uint16(head[124:]) != 0x0100 {
		return nil, fmt.Errorf("%w: it is a MATLAB file of another version (HDF5); save it with -v7", ErrFormat)
	}
	m := &matReader{order: order, limit: limit, want: name}
	err := m.elements(r, 0)
	if m.found != nil {
		return m.found, nil
	}
	if err == nil {
		err = fmt.Errorf("%w: it holds no array %s of numbers and up to three axes", ErrFormat, name)
	}
	return nil, err
}

type matReader struct {
	order binary.ByteOrder
	limit int64
	want  string
	found *matData
}

// elements reads data elements one after the other until the array is found.
func (m *matReader) elements(r io.Reader, depth int) error {
	for m.found == nil {
		kind, n, small, err := m.tag(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || small != nil {
			return fmt.Errorf("%w: a damaged element", ErrFormat)
		}
		if int64(n) > m.limit {
			return fmt.Errorf("%w: %d bytes", volume.ErrTooLarge, n)
		}
		body := io.LimitReader(r, int64(n))
		switch {
		case kind == matCompressed && depth < maxNesting:
			z, err := zlib.NewReader(body)
			if err != nil {
				return fmt.Errorf("%w: %w", volume.ErrCorrupt, err)
			}
			if err := m.elements(io.LimitReader(z, m.limit), depth+1); err != nil {
				return err
			}
		case kind == matArray:
			if err := m.array(body); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return fmt.Errorf("%w: %w", volume.ErrCorrupt, err)
		}
	}
	return nil
}

// tag reads an element's type and size; the data of a small element stand in the
// tag itself.
func (m *matReader) tag(r io.Reader) (kind, n uint32, small []byte, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, nil, err
	}
	kind, n = m.order.Uint32(b[:]), m.order.Uint32(b[4:])
	if size := kind >> 16; size > 0 {
		if size > 4 {
			return 0, 0, nil, fmt.Errorf("%w: a damaged element", ErrFormat)
		}
		return kind & 0xffff, size, b[4 : 4+size], nil
	}
	return kind, n, nil, nil
}

// part reads a whole element inside an array.
func (m *matReader) part(r io.Reader) (uint32, []byte, error) {
	kind, n, small, err := m.tag(r)
	if err != nil || small != nil {
		return kind, small, err
	}
	if int64(n) > m.limit {
		return 0, nil, fmt.Errorf("%w: %d bytes", volume.ErrTooLarge, n)
	}
	var b bytes.Buffer // grows with what is there, not with what is claimed
	got, err := io.CopyN(&b, r, int64(n))
	if err != nil || got < int64(n) {
		return 0, nil, fmt.Errorf("%w: an element of %d bytes ends after %d", volume.ErrTruncated, n, got)
	}
	_, err = io.CopyN(io.Discard, r, int64(-n&7))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return kind, b.Bytes(), err
}

func (m *matReader) array(r io.Reader) error {
	var parts [4][]byte // flags, dimensions, name, data
	var kind uint32
	for i := range parts {
		var err error
		if kind, parts[i], err = m.part(r); err != nil {
			return fmt.Errorf("%w: a damaged array: %w", ErrFormat, err)
		}
		if i == 2 && !strings.EqualFold(string(parts[2]), m.want) {
			return nil
		}
	}
	a := &matData{name: string(parts[2]), order: m.order, data: parts[3], dims: [3]int{1, 1, 1}}
	var ok bool
	if a.number, ok = numbers[matNumbers[kind]]; !ok || len(parts[1])%4 != 0 || len(parts[1]) > 12 || len(parts[1]) == 0 {
		return nil // a cell, a structure, or of more axes
	}
	total := int64(1)
	for i := range len(parts[1]) / 4 {
		a.dims[i] = int(int32(m.order.Uint32(parts[1][4*i:]))) //nolint:gosec // the stored bits
		if a.dims[i] <= 0 || int64(a.dims[i]) > m.limit/total {
			return fmt.Errorf("%w: a side of %d voxels", ErrFormat, a.dims[i])
		}
		total *= int64(a.dims[i])
	}
	if total*int64(a.number.size) != int64(len(a.data)) {
		return fmt.Errorf("%w: %d bytes for %d voxels", ErrFormat, len(a.data), total)
	}
	m.found = a
	return nil
}
