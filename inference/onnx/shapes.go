package onnx

import "slices"

// shaper works out the shapes of a network's values, and the few values that
// are shapes themselves.
type shaper struct {
	shapes map[string][]int64
	values map[string][]int64
}

// shapes gives the shape of every value, where that can be told, for inputs of
// given shapes; those of other inputs are the file's, with 1 for what it leaves
// open.
func (g *network) shapes(inputs map[string][]int64) map[string][]int64 {
	s := &shaper{map[string][]int64{}, map[string][]int64{}}
	for _, p := range g.inputs {
		shape := slices.Clone(p.shape)
		for i, d := range shape {
			shape[i] = max(d, 1)
		}
		s.shapes[p.name] = shape
		if given := inputs[p.name]; given != nil {
			s.shapes[p.name] = given
		}
	}
	for name, w := range g.weights {
		s.shapes[name] = w.shape
		if w.values != nil {
			s.values[name] = w.values
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		if len(n.in) == 0 || len(n.out) == 0 {
			continue
		}
		if v := s.value(n); v != nil && len(v) <= mostValues {
			s.values[n.out[0]] = v
			s.shapes[n.out[0]] = []int64{int64(len(v))}
			continue
		}
		s.shapes[n.out[0]] = s.shape(n)
	}
	return s.shapes
}

// value is a node's output where that is a shape or a part of one.
func (s *shaper) value(n *node) []int64 {
	in := make([][]int64, len(n.in))
	known := true
	for i, name := range n.in {
		in[i] = s.values[name]
		known = known && in[i] != nil
	}
	if n.op == "Shape" {
		x := s.shapes[n.in[0]]
		if x == nil {
			return nil
		}
		return part(x, first(n.ints["start"], 0), first(n.ints["end"], int64(len(x))))
	}
	if !known {
		return nil
	}
	switch n.op {
	case "Concat":
		return slices.Concat(in...)
	case "Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape":
		return in[0]
	case "Add", "Sub", "Mul", "Div":
		return calculate(n.op, in)
	case "Slice":
		if len(in) < 3 || len(in[1]) != 1 || len(in[2]) != 1 {
			return nil
		}
		return part(in[0], in[1][0], in[2][0])
	case "Gather":
		var out []int64
		for _, i := range in[1] {
			if i < 0 {
				i += int64(len(in[0]))
			}
			if i < 0 || i >= int64(len(in[0])) {
				return nil
			}
			out = append(out, in[0][i])
		}
		return out
	default:
		return nil
	}
}

// part is list[from:to] as ONNX counts: from the end where negative, and no
// further than there is.
func part(list []int64, from, to int64) []int64 {
	at := func(i int64) int64 {
		if i < 0 {
			i += int64(len(list))
		}
		return min(max(i, 0), int64(len(list)))
	}
	if at(from) >= at(to) {
		return []int64{}
	}
	return list[at(from):at(to)]
}

func first(list []int64, otherwise int64) int64 {
	if len(list) == 0 {
		return otherwise
	}
	return list[0]
}

// shape is the shape of a node's first output; nil where it is not known, which
// is so for what is small in networks of this kind.
func (s *shaper) shape(n *node) []int64 {
	in := make([][]int64, len(n.in))
	for i, name := range n.in {
		in[i] = s.shapes[name]
	}
	x := in[0]
	if x == nil {
		return nil
	}
	second := []int64(nil)
	if len(n.in) > 1 {
		second = s.values[n.in[1]]
	}
	switch n.op {
	case "Conv", "ConvTranspose", "AveragePool", "MaxPool":
		return slide(n, in)
	case "Concat":
		return concat(n, in)
	case "Transpose":
		return permute(x, n.ints["perm"])
	case "Reshape":
		return reshape(x, second)
	case "Unsqueeze":
		return unsqueeze(x, slices.Concat(second, n.ints["axes"]))
	case "Pad":
		return pad(x, slices.Concat(second, n.ints["pads"]))
	case "ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceMax", "ReduceMin":
		return reduce(x, slices.Concat(second, n.ints["axes"]), first(n.ints["keepdims"], 1) != 0)
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
	case "Slice":
		return s.slice(n, x)
	case "Gather", "Split", "Expand", "Tile", "Shape", "Resize", "Squeeze", "Flatten":
		return nil
	default: // element by element
		return x
	}
}

// calculate does with two lists, of which one may be a single number, what an
// operator does element by element.
func calculate(op string, in [][]int64) []int64 {
	if len(in) != 2 {
		return nil
	}
	out := make([]int64, max(len(in[0]), len(in[1])))
	for i := range out {
		if len(in[0]) == 0 || len(in[1]) == 0 {
			return nil
		}
		a, b := in[0][min(i, len(in[0])-1)], in[1][min(i, len(in[1])-1)]
		switch {
		case op == "Add":
			out[i] = a + b
		case op == "Sub":
			out[i] = a - b
		case op == "Mul":
			out[i] = a * b
		case b != 0:
			out[i] = a / b
		default:
			return nil
		}
	}
	return out
}

// slice is the shape of a part along named axes, without steps.
func (s *shaper) slice(n *node, x []int64) []int64 {
	if len(n.in) != 4 {
		return nil
	}
	from, to, axes := s.values[n.in[1]], s.values[n.in[2]], s.values[n.in[3]]
	if len(axes) == 0 || len(from) != len(axes) || len(to) != len(axes) {
		return nil
	}
	out := slices.Clone(x)
	for i, a := range axes {
		if a < 0 {
			a += int64(len(x))
		}
		if a < 0 || a >= int64(len(x)) {
			return nil
		}
		end := func(v int64) int64 {
			if v < 0 {
				v += x[a]
			}
			return min(max(v, 0), x[a])
		}
		out[a] = max(0, end(to[i])-end(from[i]))
	}
	return out
}

func permute(x, perm []int64) []int64 {
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
}

func unsqueeze(x, axes []int64) []int64 {
	out := slices.Clone(x)
	slices.Sort(axes)
	for _, a := range axes {
		if a < 0 {
			a += int64(len(x) + len(axes))
		}
		if a < 0 || a > int64(len(out)) {
			return nil
		}
		out = slices.Insert(out, int(a), 1)
	}
	return out
}

func pad(x, pads []int64) []int64 {
	if len(pads) != 2*len(x) {
		return nil
	}
	out := slices.Clone(x)
	for i := range out {
		out[i] += pads[i] + pads[i+len(x)]
	}
	return out
}

func reduce(x, axes []int64, keep bool) []int64 {
	gone := make([]bool, len(x))
	for i := range gone {
		gone[i] = len(axes) == 0
	}
	for _, a := range axes {
		if a < 0 {
			a += int64(len(x))
		}
		if a < 0 || a >= int64(len(x)) {
			return nil
		}
		gone[a] = true
	}
	out := []int64{}
	for i, d := range x {
		if !gone[i] {
			out = append(out, d)
		} else if keep {
			out = append(out, 1)
		}
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
	axis := first(n.ints["axis"], 0)
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
		out[open] = elements(x) / max(1, known)
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
