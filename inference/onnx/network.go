package onnx

import (
	"encoding/binary"
	"slices"
)

// network is what an ONNX file's graph computes, as far as it is needed to see
// how much memory that takes.
type network struct {
	nodes   []node
	inputs  []port
	outputs []string
	weights map[string]weight
	// external names the files beside the network that hold weights.
	external []string
}

type node struct {
	op      string
	in, out []string
	ints    map[string][]int64 // attributes of whole numbers
	text    map[string]string
}

// weight is an initializer: its shape, and its values where they are a few
// whole numbers, as shapes are.
type weight struct {
	shape  []int64
	values []int64
	file   string // where it is kept, if not in the network
}

// Field numbers of onnx.proto (NodeProto, AttributeProto, TensorProto), beside
// those of signature.go.
const (
	graphNode       = 1
	nodeInput       = 1
	nodeOutput      = 2
	nodeOp          = 4
	nodeAttribute   = 5
	attributeName   = 1
	attributeInt    = 3
	attributeText   = 4
	attributeTensor = 5
	attributeInts   = 8
	tensorDims      = 1
	tensorInt64     = 7
	tensorRaw       = 9
	tensorExternal  = 13
)

// mostValues is how long a tensor of whole numbers may be to be looked into.
const mostValues = 16

// readNetwork reads a file's main graph. The error is that of a file that is
// none.
func readNetwork(data []byte) (*network, error) {
	g := &network{weights: map[string]weight{}}
	err := fields(data, func(n uint64, part []byte, _ uint64) error {
		if n != modelGraph {
			return nil
		}
		return fields(part, func(n uint64, b []byte, _ uint64) error {
			switch n {
			case graphNode:
				return g.readNode(b)
			case graphTensor:
				name, w, err := readWeight(b)
				g.weights[name] = w
				if w.file != "" && !slices.Contains(g.external, w.file) {
					g.external = append(g.external, w.file)
				}
				return err
			case graphInput, graphOutput:
				p, err := readPort(b)
				if n == graphInput {
					g.inputs = append(g.inputs, p)
				} else {
					g.outputs = append(g.outputs, p.name)
				}
				return err
			}
			return nil
		})
	})
	return g, err
}

// bind gives the patch's size to inputs that leave it open.
func (g *network) bind(patch [3]int) {
	for i := range g.inputs {
		if p := &g.inputs[i]; len(p.shape) == 5 {
			for a, n := range patch {
				if p.shape[2+a] < 0 {
					p.shape[2+a] = int64(n)
				}
			}
		}
	}
}

func (g *network) readNode(b []byte) error {
	n := node{ints: map[string][]int64{}, text: map[string]string{}}
	var constant *weight
	err := fields(b, func(f uint64, b []byte, _ uint64) error {
		switch f {
		case nodeInput:
			n.in = append(n.in, string(b))
		case nodeOutput:
			n.out = append(n.out, string(b))
		case nodeOp:
			n.op = string(b)
		case nodeAttribute:
			return n.readAttribute(b, &constant)
		}
		return nil
	})
	if n.op == "Constant" && constant != nil && len(n.out) == 1 {
		g.weights[n.out[0]] = *constant
		return err
	}
	g.nodes = append(g.nodes, n)
	return err
}

func (n *node) readAttribute(b []byte, constant **weight) error {
	var name, text string
	var list []int64
	err := fields(b, func(f uint64, b []byte, v uint64) error {
		switch f {
		case attributeName:
			name = string(b)
		case attributeInt:
			list = append(list, int64(v)) //nolint:gosec // a two's complement
		case attributeText:
			text = string(b)
		case attributeInts:
			list = appendInts(list, b, v)
		case attributeTensor:
			_, w, err := readWeight(b)
			*constant = &w
			return err
		}
		return nil
	})
	n.ints[name], n.text[name] = list, text
	return err
}

// appendInts takes a repeated whole number, packed or not.
func appendInts(list []int64, packed []byte, one uint64) []int64 {
	if packed == nil {
		return append(list, int64(one)) //nolint:gosec // a two's complement
	}
	for len(packed) > 0 {
		v, n := binary.Uvarint(packed)
		if n <= 0 {
			return list
		}
		list, packed = append(list, int64(v)), packed[n:] //nolint:gosec // a two's complement
	}
	return list
}

func readWeight(b []byte) (name string, w weight, err error) {
	var raw []byte
	err = fields(b, func(f uint64, b []byte, v uint64) error {
		switch f {
		case tensorName:
			name = string(b)
		case tensorDims:
			w.shape = appendInts(w.shape, b, v)
		case tensorInt64:
			if len(w.values) < mostValues {
				w.values = appendInts(w.values, b, v)
			}
		case tensorRaw:
			raw = b
		case tensorExternal:
			key, value, err := readPair(b)
			if key == "location" {
				w.file = value
			}
			return err
		}
		return nil
	})
	if len(raw) == int(8*elements(w.shape)) && len(raw) <= 8*mostValues {
		for i := 0; i < len(raw); i += 8 {
			w.values = append(w.values, int64(binary.LittleEndian.Uint64(raw[i:]))) //nolint:gosec // a two's complement
		}
	}
	return name, w, err
}

// elements is the number of a shape's values, 0 where it is not known.
func elements(shape []int64) int64 {
	if shape == nil {
		return 0
	}
	n := int64(1)
	for _, d := range shape {
		if d < 0 || d > 0 && n > maxElements/d {
			return 0
		}
		n *= d
	}
	return n
}

const maxElements = 1 << 40

// peak is about how many bytes the network holds at a time, weights and inputs
// aside: the sum of the values that are still needed, which ONNX Runtime frees
// when they no longer are, and what the work on them takes. Shapes that a file
// leaves open are taken as open.
func (g *network) peak(open int64) int64 {
	shapes := map[string][]int64{}
	given := map[string]bool{}
	for _, p := range g.inputs {
		shape := slices.Clone(p.shape)
		for i, d := range shape {
			if d < 0 {
				shape[i] = open
			}
		}
		shapes[p.name], given[p.name] = shape, true
	}
	for name, w := range g.weights {
		shapes[name], given[name] = w.shape, true
	}
	// Values that are the same memory under several names.
	root := map[string]string{}
	find := func(name string) string {
		for root[name] != "" {
			name = root[name]
		}
		return name
	}
	last := map[string]int{} // where a value is used last
	for i, n := range g.nodes {
		for _, name := range n.in {
			last[name] = i
		}
	}
	for _, name := range g.outputs {
		last[name] = len(g.nodes)
	}
	users := map[string]int{} // names of one memory that are still needed
	size := map[string]int64{}
	live, most := int64(0), int64(0)
	for i, n := range g.nodes {
		var work int64
		for k, name := range n.out {
			shape := g.shape(&n, k, shapes)
			shapes[name] = shape
			bytes := 4 * elements(shape)
			if n.op == "ConvTranspose" {
				work += bytes // its columns
			}
			first := ""
			if len(n.in) > 0 {
				first = find(n.in[0])
			}
			switch {
			case first != "" && isView(n.op):
				root[name] = first
				if given[first] {
					continue // no memory of its own
				}
			case first != "" && inPlace(n.op) && !given[first] && users[first] == 1 && last[n.in[0]] == i && size[first] == bytes:
				root[name] = first
			default:
				size[name] = bytes
				live += bytes
			}
			users[find(name)]++
		}
		most = max(most, live+work)
		for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(n.in, n.out)))) {
			if l, used := last[name]; used && l > i || given[name] || name == "" {
				continue
			}
			memory := find(name)
			if given[memory] {
				continue
			}
			if users[memory]--; users[memory] == 0 {
				live -= size[memory]
			}
		}
	}
	return most
}

// results is how many bytes the network's outputs take.
func (g *network) results() int64 {
	shapes := map[string][]int64{}
	for _, p := range g.inputs {
		shapes[p.name] = p.shape
	}
	for name, w := range g.weights {
		shapes[name] = w.shape
	}
	for _, n := range g.nodes {
		for k, name := range n.out {
			shapes[name] = g.shape(&n, k, shapes)
		}
	}
	total := int64(0)
	for _, name := range g.outputs {
		total += 4 * elements(shapes[name])
	}
	return total
}

func isView(op string) bool {
	return slices.Contains([]string{"Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten"}, op)
}

// inPlace says whether an operator may write over its first input.
func inPlace(op string) bool {
	return slices.Contains([]string{"LeakyRelu", "Relu", "Add", "Mul", "Sub", "Div", "Erf", "Sigmoid", "Tanh", "Clip"}, op)
}

// shape is the shape of a node's output; nil where it is not known, which is
// so for what is small in networks of this kind.
func (g *network) shape(n *node, output int, shapes map[string][]int64) []int64 {
	in := make([][]int64, len(n.in))
	for i, name := range n.in {
		in[i] = shapes[name]
	}
	if len(in) == 0 || in[0] == nil || output > 0 {
		return nil
	}
	x := in[0]
	switch n.op {
	case "Conv", "ConvTranspose", "AveragePool", "MaxPool":
		return slide(n, in)
	case "Concat":
		return concat(n, in)
	case "Transpose":
		perm := n.ints["perm"]
		if len(perm) != len(x) {
			return nil
		}
		out := make([]int64, len(x))
		for i, p := range perm {
			if p < 0 || p >= int64(len(x)) {
				return nil
			}
			out[i] = x[p]
		}
		return out
	case "Reshape":
		if len(n.in) < 2 {
			return nil
		}
		return reshape(x, g.weights[n.in[1]].values)
	case "MatMul":
		if len(in) < 2 || len(x) < 2 || len(in[1]) < 2 {
			return nil
		}
		out := broadcast(x[:len(x)-2], in[1][:len(in[1])-2])
		return append(out, x[len(x)-2], in[1][len(in[1])-1])
	case "Einsum":
		return einsum(n.text["equation"], in)
	case "Add", "Mul", "Sub", "Div":
		if len(in) < 2 || in[1] == nil {
			return x
		}
		return broadcast(x, in[1])
	case "Pad":
		return g.pad(n, x)
	case "Unsqueeze":
		return g.unsqueeze(n, x)
	case "Slice", "Gather", "Split", "Expand", "Tile", "Shape", "Resize", "Range",
		"ReduceSum", "ReduceSumSquare", "ReduceMean":
		return nil
	default: // element by element
		return x
	}
}

func (g *network) pad(n *node, x []int64) []int64 {
	if len(n.in) < 2 || len(g.weights[n.in[1]].values) != 2*len(x) {
		return nil
	}
	out := slices.Clone(x)
	for i, p := range g.weights[n.in[1]].values {
		out[i%len(x)] += p
	}
	return out
}

func (g *network) unsqueeze(n *node, x []int64) []int64 {
	if len(n.in) < 2 {
		return nil
	}
	out := slices.Clone(x)
	for _, axis := range g.weights[n.in[1]].values { // in rising order, as they are written
		if axis < 0 || axis > int64(len(out)) {
			return nil
		}
		out = slices.Insert(out, int(axis), 1)
	}
	return out
}

// slide is the shape behind a convolution or pooling.
func slide(n *node, in [][]int64) []int64 {
	x := in[0]
	if len(x) < 3 {
		return nil
	}
	dims := len(x) - 2
	at := func(name string, i int, otherwise int64) int64 {
		if list := n.ints[name]; i < len(list) {
			return list[i]
		}
		return otherwise
	}
	out := slices.Clone(x)
	kernel := n.ints["kernel_shape"]
	if n.op == "Conv" || n.op == "ConvTranspose" {
		if len(in) < 2 || len(in[1]) != len(x) {
			return nil
		}
		out[1] = in[1][0]
		if n.op == "ConvTranspose" {
			out[1] = in[1][1] * max(1, at("group", 0, 1))
		}
		kernel = in[1][2:]
	}
	if len(kernel) != dims {
		return nil
	}
	for i := range dims {
		stride := max(1, at("strides", i, 1))
		pads := at("pads", i, 0) + at("pads", i+dims, 0)
		reach := (kernel[i]-1)*max(1, at("dilations", i, 1)) + 1
		if n.op == "ConvTranspose" {
			out[i+2] = (x[i+2]-1)*stride + reach - pads + at("output_padding", i, 0)
		} else {
			out[i+2] = (x[i+2]+pads-reach)/stride + 1
		}
	}
	return out
}

func concat(n *node, in [][]int64) []int64 {
	out := slices.Clone(in[0])
	axis := int64(0)
	if list := n.ints["axis"]; len(list) > 0 {
		axis = list[0]
	}
	if axis < 0 {
		axis += int64(len(out))
	}
	if axis < 0 || axis >= int64(len(out)) {
		return nil
	}
	for _, other := range in[1:] {
		if len(other) != len(out) {
			return nil
		}
		out[axis] += other[axis]
	}
	return out
}

func reshape(x, to []int64) []int64 {
	if len(to) == 0 {
		return nil
	}
	out := slices.Clone(to)
	known, open := int64(1), -1
	for i, d := range out {
		switch {
		case d == 0 && i < len(x):
			out[i] = x[i]
		case d < 0:
			open = i
			continue
		}
		known *= max(1, out[i])
	}
	if open >= 0 {
		out[open] = elements(x) / known
	}
	return out
}

func broadcast(a, b []int64) []int64 {
	out := make([]int64, max(len(a), len(b)))
	for i := range out {
		d := int64(1)
		if k := i - len(out) + len(a); k >= 0 {
			d = a[k]
		}
		if k := i - len(out) + len(b); k >= 0 {
			d = max(d, b[k])
		}
		out[i] = d
	}
	return out
}

// einsum is the shape of an equation such as "bchwd,bnc->bnhwd".
func einsum(equation string, in [][]int64) []int64 {
	size := map[rune]int64{}
	operand, at := 0, 0
	var out []int64
	result := false
	for i, c := range equation {
		switch {
		case c == ' ' || c == '>':
		case c == '-':
			result = i+1 < len(equation) && equation[i+1] == '>'
		case result:
			out = append(out, size[c])
		case c == ',':
			operand, at = operand+1, 0
		case operand < len(in) && at < len(in[operand]):
			size[c] = in[operand][at]
			at++
		default:
			return nil
		}
	}
	return out
}
