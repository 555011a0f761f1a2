package torchfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

const (
	maxDims     = 8
	maxElements = 1 << 31
	chunkBytes  = 1 << 20
)

// storage is a run of elements in a file of the container.
type storage struct {
	dtype DType
	key   string
	count int // elements
	file  *File
}

// Tensor is a view of a storage. Its numbers are read by Float32.
type Tensor struct {
	DType DType
	Shape []int

	strides []int // elements
	offset  int   // elements
	storage *storage
}

// newTensor checks what _rebuild_tensor_v2 is given: storage, offset, shape,
// strides, and more that does not matter here.
func newTensor(args tuple) (*Tensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("%w: a tensor of %d arguments", ErrCorrupt, len(args))
	}
	s, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("%w: a tensor that lies in %s", ErrCorrupt, kind(args[0]))
	}
	offset, ok := args[1].(int64)
	shape, err1 := ints(args[2])
	strides, err2 := ints(args[3])
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if !ok || offset < 0 || offset > maxElements || len(shape) != len(strides) || len(shape) > maxDims {
		return nil, fmt.Errorf("%w: a tensor of shape %v, strides %v, offset %v", ErrCorrupt, shape, strides, args[1])
	}
	t := &Tensor{DType: s.dtype, Shape: shape, strides: strides, offset: int(offset), storage: s}
	last, n := offset, int64(1)
	for i, d := range shape {
		if d == 0 {
			n = 0
			break
		}
		if n > maxElements/int64(d) || strides[i] > maxElements {
			return nil, fmt.Errorf("%w: a tensor of shape %v", ErrTooLarge, shape)
		}
		n *= int64(d)
		last += int64(d-1) * int64(strides[i])
		if last > maxElements {
			break // beyond any storage
		}
	}
	if n > 0 && last >= int64(s.count) || n > int64(s.count) {
		return nil, fmt.Errorf("%w: a tensor of shape %v, strides %v, offset %d reaches beyond its storage of %d elements",
			ErrCorrupt, shape, strides, offset, s.count)
	}
	return t, nil
}

func ints(v any) ([]int, error) {
	in, ok := v.(tuple)
	if !ok {
		return nil, fmt.Errorf("%w: a shape that is %s", ErrCorrupt, kind(v))
	}
	if len(in) > maxDims {
		return nil, fmt.Errorf("%w: a tensor of %d axes", ErrTooLarge, len(in))
	}
	out := make([]int, len(in))
	for i, x := range in {
		n, ok := x.(int64)
		if !ok || n < 0 || n > maxElements {
			return nil, fmt.Errorf("%w: an axis of %v elements", ErrCorrupt, x)
		}
		out[i] = int(n)
	}
	return out, nil
}

// Elements is the product of the shape.
func (t *Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// SameAs says whether two tensors are the same view of one storage, as
// aliased parameters are.
func (t *Tensor) SameAs(o *Tensor) bool {
	return t.storage == o.storage && t.offset == o.offset &&
		slices.Equal(t.Shape, o.Shape) && slices.Equal(t.strides, o.strides)
}

// contiguous says whether the elements follow one another in C order.
func (t *Tensor) contiguous() bool {
	want := 1
	for i, n := range slices.Backward(t.Shape) {
		if n != 1 && t.strides[i] != want {
			return false
		}
		want *= n
	}
	return true
}

// Float32 reads the tensor in C order. The whole storage's checksum is
// checked on the way. The errors are ErrCorrupt, and ErrUnsupported where the
// elements are no floating-point numbers.
func (t *Tensor) Float32() ([]float32, error) {
	if !t.DType.Floating() {
		return nil, fmt.Errorf("%w: elements of type %v where floating-point numbers are wanted", ErrUnsupported, t.DType)
	}
	n := t.Elements()
	if n == 0 {
		return nil, nil
	}
	span := n
	if !t.contiguous() {
		span = 1
		for i, d := range t.Shape {
			span += (d - 1) * t.strides[i]
		}
	}
	flat, err := t.storage.read(t.offset, span)
	if err != nil {
		return nil, err
	}
	if t.contiguous() {
		return flat, nil
	}
	out := make([]float32, 0, n)
	at := make([]int, len(t.Shape))
	for index := 0; ; {
		out = append(out, flat[index])
		axis := len(at) - 1
		for ; axis >= 0; axis-- {
			at[axis]++
			index += t.strides[axis]
			if at[axis] < t.Shape[axis] {
				break
			}
			index -= at[axis] * t.strides[axis]
			at[axis] = 0
		}
		if axis < 0 {
			return out, nil
		}
	}
}

// read decodes count elements from the one at offset on.
func (s *storage) read(offset, count int) (_ []float32, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: tensor data %s: %w", ErrCorrupt, s.key, err)
		}
	}()
	entry, err := s.file.data(s.key)
	if err != nil {
		return nil, err
	}
	size := s.dtype.Size()
	if want := uint64(s.count) * uint64(size); entry.UncompressedSize64 != want { //nolint:gosec // not negative
		return nil, fmt.Errorf("it has %d bytes, not %d", entry.UncompressedSize64, want)
	}
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	if _, err := io.CopyN(io.Discard, r, int64(offset)*int64(size)); err != nil {
		return nil, err
	}
	out := make([]float32, count)
	buf := make([]byte, min(count*size, chunkBytes))
	for rest := out; len(rest) > 0; {
		n := min(len(rest), len(buf)/size)
		if _, err := io.ReadFull(r, buf[:n*size]); err != nil {
			return nil, err
		}
		decode(rest[:n], buf, s.dtype, s.file.order)
		rest = rest[n:]
	}
	_, err = io.Copy(io.Discard, r) //nolint:gosec // stored, not compressed; at its end the checksum is checked
	return out, err
}

func decode(out []float32, in []byte, d DType, order binary.ByteOrder) {
	switch d {
	case Float32:
		for i := range out {
			out[i] = math.Float32frombits(order.Uint32(in[4*i:]))
		}
	case Float64:
		for i := range out {
			out[i] = float32(math.Float64frombits(order.Uint64(in[8*i:])))
		}
	case BFloat16:
		for i := range out {
			out[i] = math.Float32frombits(uint32(order.Uint16(in[2*i:])) << 16)
		}
	case Float16:
		for i := range out {
			out[i] = half(order.Uint16(in[2*i:]))
		}
	}
}

// half widens an IEEE 754 binary16 number.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case 0:
		v := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
