package onnxfile

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// MaxInline is as many bytes of weights as a model holds in its own file. A
// file of protocol buffers ends at 2 GiB; much earlier it costs, since weights
// beside the model are mapped to memory and not parsed.
const MaxInline = 256 << 20

// alignment of a weight in a data file, so that it can be mapped to memory.
const alignment = 4096

var (
	// ErrHalfRange says that a weight is too large for float16.
	ErrHalfRange = errors.New("a weight does not fit float16 (65504 at most)")
	// ErrNotFinite says that a weight is NaN or infinite.
	ErrNotFinite = errors.New("a weight is not finite")
)

// Bytes is the size of the weights as they are stored.
func (g *Graph) Bytes() int64 {
	var n int64
	for i := range g.weights {
		n += g.weights[i].bytes()
	}
	return n
}

// Write writes the model. Where data is given, weights of more than a page go
// there, and the model names that file as dataName. The errors are those of
// the writers, of the weights' Data, ErrNotFinite and ErrHalfRange (naming the
// weight), and the context's.
func (g *Graph) Write(ctx context.Context, model, data io.Writer, dataName string) error {
	tensors := make([]byte, 0, 1<<16) // the initializers, but for raw bytes
	type part struct{ head, tail int }
	parts := make([]part, len(g.weights))
	var rawBytes, offset int64
	for i := range g.weights {
		w := &g.weights[i]
		n := w.bytes()
		meta := w.meta()
		if data != nil && n > alignment {
			at := (offset + alignment - 1) / alignment * alignment
			meta = append(meta, external(dataName, at, n)...)
			offset = at + n
			tensors = message(tensors, 5, meta)
			parts[i] = part{len(tensors), -1}
			continue
		}
		raw := header(nil, 9, n)
		tensors = header(tensors, 5, int64(len(meta))+int64(len(raw))+n)
		tensors = append(append(tensors, meta...), raw...)
		parts[i] = part{len(tensors), 0}
		rawBytes += n
	}
	graph := append([]byte(nil), g.nodes...)
	graph = text(graph, 2, g.Name)
	ports := slices.Concat(g.inputs, g.outputs, g.values)

	out := bufio.NewWriterSize(model, 1<<18)
	head := number(nil, 1, irVersion)
	head = text(head, 2, producer)
	head = header(head, 7, int64(len(graph)+len(tensors)+len(ports))+rawBytes)
	_, _ = out.Write(head) // a failure shows in Flush
	_, _ = out.Write(graph)
	from := 0
	beside := &padded{w: data}
	for i, p := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, _ = out.Write(tensors[from:p.head])
		from = p.head
		to := io.Writer(out)
		if p.tail < 0 {
			if err := beside.align(); err != nil {
				return err
			}
			to = beside
		}
		if err := g.weights[i].write(to); err != nil {
			return err
		}
	}
	_, _ = out.Write(ports)
	tail := message(nil, 8, number(text(nil, 1, ""), 2, opset))
	for _, p := range g.Properties {
		tail = message(tail, 14, text(text(nil, 1, p[0]), 2, p[1]))
	}
	_, _ = out.Write(tail)
	return out.Flush()
}

func (w *Weight) bytes() int64 {
	n := w.typ.size()
	for _, d := range w.Dims {
		n *= int64(d)
	}
	return n
}

// meta is the TensorProto without its bytes.
func (w *Weight) meta() []byte {
	var b []byte
	for _, d := range w.Dims {
		b = number(b, 1, int64(d))
	}
	b = number(b, 2, int64(w.typ))
	return text(b, 8, w.Name)
}

// external says where the bytes are.
func external(name string, offset, length int64) []byte {
	var b []byte
	for _, kv := range [][2]string{
		{"location", name},
		{"offset", strconv.FormatInt(offset, 10)},
		{"length", strconv.FormatInt(length, 10)},
	} {
		b = message(b, 13, text(text(nil, 1, kv[0]), 2, kv[1]))
	}
	return number(b, 14, 1)
}

// padded counts what goes to a data file.
type padded struct {
	w io.Writer
	n int64
}

func (p *padded) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

func (p *padded) align() error {
	_, err := p.Write(make([]byte, (alignment-p.n%alignment)%alignment))
	return err
}

func (w *Weight) write(to io.Writer) error {
	if w.raw != nil {
		_, err := to.Write(w.raw)
		return err
	}
	values, err := w.Data()
	if err != nil {
		return fmt.Errorf("%s: %w", w.Name, err)
	}
	if int64(len(values))*w.typ.size() != w.bytes() {
		return fmt.Errorf("%s: %d numbers for shape %v", w.Name, len(values), w.Dims)
	}
	const chunk = 1 << 16
	buf := make([]byte, 0, 4*min(chunk, len(values)))
	for len(values) > 0 {
		n := min(chunk, len(values))
		buf = buf[:0]
		for _, v := range values[:n] {
			if bits := math.Float32bits(v); bits&0x7f800000 == 0x7f800000 {
				return fmt.Errorf("%s: %w (%g)", w.Name, ErrNotFinite, v)
			}
			if w.typ == Float {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
				continue
			}
			h := narrow(v)
			if h&0x7fff == 0x7c00 {
				return fmt.Errorf("%s: %w (%g)", w.Name, ErrHalfRange, v)
			}
			buf = binary.LittleEndian.AppendUint16(buf, h)
		}
		if _, err := to.Write(buf); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// narrow rounds to the nearest float16, ties to even; what is too large
// becomes infinite.
func narrow(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	exp, frac := int(bits>>23&0xff)-127, bits&0x7fffff
	switch {
	case exp > 15:
		return sign | 0x7c00
	case exp < -25:
		return sign
	}
	mant, shift := frac|0x800000, 13
	out := uint32(exp+15) << 10 //nolint:gosec // not negative where it counts
	if exp < -14 {              // subnormal
		shift += -14 - exp
		out = 0
	} else {
		mant &= 0x7fffff
	}
	out += mant >> shift
	rest, halfway := mant&(1<<shift-1), uint32(1)<<(shift-1)
	if rest > halfway || rest == halfway && out&1 == 1 {
		out++ // may carry into the exponent, as it should
	}
	return sign | uint16(out) //nolint:gosec // at most 0x7c00
}
