package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"satgraph/inference"
)

// Data types of the protocol that the networks use.
const (
	fp32   = "FP32"
	int64s = "INT64"
)

// tensor is a tensor as it travels: little-endian, C order.
type tensor struct {
	name  string
	kind  string
	shape []int64
	data  []byte
}

// port is an input or output of a model; -1 in a shape is any.
type port struct {
	name  string
	kind  string
	shape []int64
}

type metadata struct{ inputs, outputs []port }

// transport is one server, by HTTP or gRPC. Errors that another try may mend
// are *transient; what a server says that is wrong is inference.ErrModelOutput.
type transport interface {
	// ready asks whether a model can be called.
	ready(ctx context.Context, model string) error
	describe(ctx context.Context, model string) (metadata, error)
	// infer runs a model. The reply has the outputs asked for, of at most limit
	// bytes together.
	infer(ctx context.Context, model string, in []tensor, out []string, limit int64) ([]tensor, error)
	close() error
}

// transient marks an error that another server, or the same one later, may not
// give.
type transient struct{ error }

func (t *transient) Unwrap() error { return t.error }

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{inference.ErrModelOutput}, args...)...)
}

func floats(name string, data []float32, shape ...int64) tensor {
	raw := make([]byte, 4*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	return tensor{name, fp32, shape, raw}
}

func integers(name string, data []int64, shape ...int64) tensor {
	raw := make([]byte, 8*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint64(raw[8*i:], uint64(v)) //nolint:gosec // the same bits
	}
	return tensor{name, int64s, shape, raw}
}

// values reads a tensor's float32 numbers into a slice that is used again.
func (t *tensor) values(into []float32) []float32 {
	n := len(t.data) / 4
	into = slices.Grow(into[:0], n)[:n]
	for i := range into {
		into[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
	}
	return into
}

// elements is the product of a shape.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/8/d {
			return 0, errors.New("the shape is negative or too large")
		}
		n *= d
	}
	return n, nil
}

// check holds a tensor of a reply to what was asked for: FP32, its shape (-1 is
// any), and as many bytes as these come to.
func (t *tensor) check(shape ...int64) error {
	if t.kind != fp32 {
		return wrong("output %q has the type %s, not %s", t.name, t.kind, fp32)
	}
	agrees := len(t.shape) == len(shape)
	for i := 0; agrees && i < len(shape); i++ {
		agrees = t.shape[i] == shape[i] || shape[i] < 0 && t.shape[i] > 0
	}
	if !agrees {
		return wrong("output %q has the shape %v, not %v (-1 is any)", t.name, t.shape, shape)
	}
	n, err := elements(t.shape)
	if err != nil || n*4 != int64(len(t.data)) {
		return wrong("output %q of shape %v has %d bytes", t.name, t.shape, len(t.data))
	}
	return nil
}

// pick sorts the tensors of a reply by the names that were asked for.
func pick(reply []tensor, names []string) ([]tensor, error) {
	out := make([]tensor, len(names))
	for i, name := range names {
		at := slices.IndexFunc(reply, func(t tensor) bool { return t.name == name })
		if at < 0 {
			return nil, wrong("the reply has no output %q", name)
		}
		out[i] = reply[at]
	}
	return out, nil
}
