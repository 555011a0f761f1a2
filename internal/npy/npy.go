// Package npy reads NumPy .npy files, the form in which the tests' expected
// arrays are kept. It exists for tests only: the program itself neither reads
// nor writes .npy.
//
// It takes format versions 1.0 to 3.0, C order, little or big endian, of the
// element types float16/32/64, int8..int64, uint8..uint64 and bool; anything
// else (Fortran order, structured or object arrays) is an error, never a guess.
// The type to start from is [Array].
package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// ErrFormat says that a file is not a .npy file that this package takes.
var ErrFormat = errors.New("npy: unsupported or malformed file")

// Array is an n-dimensional array in C order: the last axis varies fastest.
type Array struct {
	// Shape holds the length of each axis; empty for a scalar.
	Shape []int
	// DType is NumPy's code without its byte-order mark, such as "f4" or "u1".
	DType string

	raw   []byte
	order binary.ByteOrder
}

const (
	magic = "\x93NUMPY"
	// maxHeader bounds the text header; NumPy itself writes a few hundred bytes.
	maxHeader = 1 << 16
)

var (
	reDescr   = regexp.MustCompile(`'descr'\s*:\s*'([<>|=])([a-z]\d+)'`)
	reFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	reShape   = regexp.MustCompile(`'shape'\s*:\s*\(([\d\s,]*)\)`)
)

// ReadFile reads the .npy file at path.
func ReadFile(path string) (*Array, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a, err := Read(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// Read reads one .npy array from r. Bytes after the array are ignored.
func Read(r io.Reader) (*Array, error) {
	header, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	descr := reDescr.FindStringSubmatch(header)
	fortran := reFortran.FindStringSubmatch(header)
	shape := reShape.FindStringSubmatch(header)
	if descr == nil || fortran == nil || shape == nil {
		return nil, fmt.Errorf("%w: header %q", ErrFormat, header)
	}
	if fortran[1] == "True" {
		return nil, fmt.Errorf("%w: Fortran order", ErrFormat)
	}
	a := &Array{DType: descr[2], order: binary.LittleEndian}
	if descr[1] == ">" {
		a.order = binary.BigEndian
	}
	size, ok := itemSize(a.DType)
	if !ok {
		return nil, fmt.Errorf("%w: element type %s", ErrFormat, a.DType)
	}
	n := 1
	for s := range strings.SplitSeq(shape[1], ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil || (d > 0 && n > math.MaxInt32*64/d) {
			return nil, fmt.Errorf("%w: shape (%s)", ErrFormat, shape[1])
		}
		a.Shape = append(a.Shape, d)
		n *= d
	}
	// Copied through a buffer so that a short file cannot claim a huge one.
	var buf bytes.Buffer
	want := int64(n) * int64(size)
	got, err := io.CopyN(&buf, r, want)
	if err != nil {
		return nil, fmt.Errorf("%w: %d of %d data bytes: %w", ErrFormat, got, want, err)
	}
	a.raw = buf.Bytes()
	return a, nil
}

func readHeader(r io.Reader) (string, error) {
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil || string(pre[:6]) != magic {
		return "", fmt.Errorf("%w: no .npy magic", ErrFormat)
	}
	var n uint32
	switch pre[6] {
	case 1:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", fmt.Errorf("%w: short header", ErrFormat)
		}
		n = uint32(binary.LittleEndian.Uint16(b[:]))
	case 2, 3:
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", fmt.Errorf("%w: short header", ErrFormat)
		}
		n = binary.LittleEndian.Uint32(b[:])
	default:
		return "", fmt.Errorf("%w: version %d", ErrFormat, pre[6])
	}
	if n > maxHeader {
		return "", fmt.Errorf("%w: header of %d bytes", ErrFormat, n)
	}
	h := make([]byte, n)
	if _, err := io.ReadFull(r, h); err != nil {
		return "", fmt.Errorf("%w: short header", ErrFormat)
	}
	return string(h), nil
}

func itemSize(dtype string) (int, bool) {
	switch dtype {
	case "b1", "i1", "u1":
		return 1, true
	case "i2", "u2", "f2":
		return 2, true
	case "i4", "u4", "f4":
		return 4, true
	case "i8", "u8", "f8":
		return 8, true
	}
	return 0, false
}

// Len is the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// Float64s returns the elements as float64, in C order. Integers beyond 2^53
// lose precision.
func (a *Array) Float64s() []float64 {
	out := make([]float64, a.Len())
	size, _ := itemSize(a.DType)
	for i := range out {
		b := a.raw[i*size : (i+1)*size]
		switch a.DType {
		case "f4":
			out[i] = float64(math.Float32frombits(a.order.Uint32(b)))
		case "f8":
			out[i] = math.Float64frombits(a.order.Uint64(b))
		case "f2":
			out[i] = float16(a.order.Uint16(b))
		default:
			out[i] = float64(a.integer(b))
		}
	}
	return out
}

// Float32s returns the elements as float32, in C order.
func (a *Array) Float32s() []float32 {
	out := make([]float32, a.Len())
	for i, v := range a.Float64s() {
		out[i] = float32(v)
	}
	return out
}

// Int64s returns the elements of an integer or boolean array, in C order; a
// floating-point array is an error.
func (a *Array) Int64s() ([]int64, error) {
	if a.DType[0] == 'f' {
		return nil, fmt.Errorf("%w: %s array asked for as integers", ErrFormat, a.DType)
	}
	out := make([]int64, a.Len())
	size, _ := itemSize(a.DType)
	for i := range out {
		out[i] = a.integer(a.raw[i*size : (i+1)*size])
	}
	return out, nil
}

// Uint8s returns the elements of an integer or boolean array as bytes; a value
// outside 0..255 is an error.
func (a *Array) Uint8s() ([]uint8, error) {
	v, err := a.Int64s()
	if err != nil {
		return nil, err
	}
	out := make([]uint8, len(v))
	for i, x := range v {
		if x < 0 || x > math.MaxUint8 {
			return nil, fmt.Errorf("%w: element %d is %d, not a byte", ErrFormat, i, x)
		}
		out[i] = uint8(x)
	}
	return out, nil
}

// integer decodes one element of an integer or boolean type; uint64 values
// wrap beyond the range of int64.
func (a *Array) integer(b []byte) int64 {
	switch a.DType {
	case "i1":
		return int64(int8(b[0])) //nolint:gosec // reinterpreting the stored bits is meant
	case "i2":
		return int64(int16(a.order.Uint16(b))) //nolint:gosec // as above
	case "i4":
		return int64(int32(a.order.Uint32(b))) //nolint:gosec // as above
	case "i8", "u8":
		return int64(a.order.Uint64(b)) //nolint:gosec // as above
	case "u2":
		return int64(a.order.Uint16(b))
	case "u4":
		return int64(a.order.Uint32(b))
	}
	return int64(b[0]) // u1, b1
}

// float16 decodes an IEEE 754 half-precision value.
func float16(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exp, frac := int(h>>10&0x1f), float64(h&0x3ff)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1+frac/1024, exp-15)
}
