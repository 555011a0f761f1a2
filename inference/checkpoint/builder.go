package checkpoint

import (
	"math"
	"slices"

	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/checkpoint/torchfile"
)

// builder adds operations to a graph, with weights from a checkpoint. Every
// method returns the name of its result.
type builder struct {
	*onnxfile.Graph
	from *source
	half bool
	// seen are the intermediate values that tests compare, by name.
	seen map[string]string
}

func newBuilder(name string, from *source, half bool) *builder {
	return &builder{Graph: &onnxfile.Graph{Name: name}, from: from, half: half, seen: map[string]string{}}
}

func (b *builder) op(kind string, inputs ...string) string { return b.Node(kind, inputs) }

// weight takes a tensor as it is.
func (b *builder) weight(key string, shape ...int) string {
	t := b.from.take(key, shape...)
	if t == nil {
		return ""
	}
	return b.Weight(onnxfile.Weight{Name: key, Dims: t.Shape, Half: b.half, Data: t.Float32})
}

// rows takes rows [from,to) of a matrix, transposed, so that
// x @ W needs no further step.
func (b *builder) rows(key, name string, from, to int, shape ...int) string {
	t := b.from.take(key, shape...)
	if t == nil {
		return ""
	}
	if to < 0 {
		to = t.Shape[0]
	}
	in := t.Shape[1]
	return b.Weight(onnxfile.Weight{Name: name, Dims: []int{in, to - from}, Half: b.half, Data: func() ([]float32, error) {
		w, err := t.Float32()
		if err != nil {
			return nil, err
		}
		return transpose(w[from*in:to*in], in), nil
	}})
}

// transpose turns rows of n numbers into columns.
func transpose(w []float32, n int) []float32 {
	out := make([]float32, len(w))
	rows := len(w) / n
	for r := range rows {
		for c, v := range w[r*n : (r+1)*n] {
			out[c*rows+r] = v
		}
	}
	return out
}

// part takes elements [from,to) of a vector.
func (b *builder) part(key, name string, from, to, length int) string {
	t := b.from.take(key, length)
	if t == nil {
		return ""
	}
	return b.Weight(onnxfile.Weight{Name: name, Dims: []int{to - from}, Half: b.half, Data: func() ([]float32, error) {
		w, err := t.Float32()
		if err != nil {
			return nil, err
		}
		return w[from:to], nil
	}})
}

// linear is x @ W^T + bias.
func (b *builder) linear(x, prefix string, out, in int) string {
	w := b.rows(prefix+".weight", prefix+".weight.T", 0, -1, out, in)
	return b.op("Add", b.op("MatMul", x, w), b.weight(prefix+".bias", out))
}

// gelu is the exact one, by the error function.
func (b *builder) gelu(x string) string {
	erf := b.op("Erf", b.op("Mul", x, b.Floats([]float32{1 / math.Sqrt2})))
	return b.op("Mul", b.op("Mul", x, b.op("Add", erf, b.Floats([]float32{1}))), b.Floats([]float32{0.5}))
}

// layerNorm is over the last axis.
func (b *builder) layerNorm(x, prefix string, n int) string {
	w, bias := b.weight(prefix+".weight", n), b.weight(prefix+".bias", n)
	return b.Node("LayerNormalization", []string{x, w, bias},
		onnxfile.Attr{Name: "axis", Value: -1}, onnxfile.Attr{Name: "epsilon", Value: 1e-5})
}

// attend is multi-head attention of projected q, k and v (B,n,C); bias, which
// may be empty, is added to the scores. It returns the result and the weights.
func (b *builder) attend(q, k, v string, heads, width int, bias string) (out, weights string) {
	each := width / heads
	split := b.Ints(0, -1, heads, each)
	q = b.op("Mul", q, b.Floats([]float32{float32(1 / math.Sqrt(float64(each)))}))
	q = b.permute(b.op("Reshape", q, split), 0, 2, 1, 3)
	k = b.permute(b.op("Reshape", k, split), 0, 2, 3, 1)
	v = b.permute(b.op("Reshape", v, split), 0, 2, 1, 3)
	score := b.op("MatMul", q, k)
	if bias != "" {
		score = b.op("Add", score, bias)
	}
	weights = b.Node("Softmax", []string{score}, onnxfile.Attr{Name: "axis", Value: -1})
	out = b.permute(b.op("MatMul", weights, v), 0, 2, 1, 3)
	return b.op("Reshape", out, b.Ints(0, -1, width)), weights
}

func (b *builder) permute(x string, axes ...int) string {
	return b.Node("Transpose", []string{x}, onnxfile.Attr{Name: "perm", Value: axes})
}

func (b *builder) cast(x string, to onnxfile.Type) string {
	return b.Node("Cast", []string{x}, onnxfile.Attr{Name: "to", Value: int(to)})
}

func (b *builder) concat(axis int, parts ...string) string {
	return b.Node("Concat", parts, onnxfile.Attr{Name: "axis", Value: axis})
}

// shape is a part of a value's shape, axes [from,to).
func (b *builder) shape(x string, from, to int) string {
	return b.Node("Shape", []string{x}, onnxfile.Attr{Name: "start", Value: from}, onnxfile.Attr{Name: "end", Value: to})
}

// expose makes the values in seen outputs of the graph; tests read them.
func (b *builder) expose(names []string) {
	for _, name := range names {
		b.Rename(b.seen[name], name)
		b.Output(name, onnxfile.Float)
	}
}

// parameters counts the numbers in the tensors that fit a test, each storage
// once though it has two names.
func parameters(f *torchfile.File, counts func(key string) bool) int64 {
	var seen []*torchfile.Tensor
	var n int64
	for _, key := range f.Names {
		t := f.Tensors[key]
		if !t.DType.Floating() || !counts(key) {
			continue
		}
		if _, second := primary(key); second && slices.ContainsFunc(seen, t.SameAs) {
			continue
		}
		seen = append(seen, t)
		n += int64(t.Elements())
	}
	return n
}
