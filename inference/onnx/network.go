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
// when they no longer are, and what the work on them takes.
func (g *network) peak(shapes map[string][]int64) int64 {
	given := map[string]bool{}
	for _, p := range g.inputs {
		given[p.name] = true
	}
	for name := range g.weights {
		given[name] = true
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
		for _, name := range n.out {
			bytes := 4 * elements(shapes[name])
			if n.op == "ConvTranspose" {
				work += bytes // its columns
			}
			first := ""
			if len(n.in) > 0 {
				first = find(n.in[0])
			}
			if first == name || root[name] != "" { // a graph that no network has
				continue
			}
			switch {
			case first != "" && isView(n.op) && !slices.Contains(g.outputs, name):
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
func (g *network) results(shapes map[string][]int64) int64 {
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
