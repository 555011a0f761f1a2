package onnxfile

import (
	"encoding/binary"
	"math"
	"strconv"
)

// What every file says of itself.
const (
	irVersion = 8
	opset     = 17
	producer  = "satgraph"
)

// Type is an element type of ONNX.
type Type int

// Element types, numbered as in onnx.proto.
const (
	Float   Type = 1
	Int64   Type = 7
	Float16 Type = 10
	Double  Type = 11 // of intermediate values; no weight is stored so
)

func (t Type) size() int64 {
	switch t {
	case Float16:
		return 2
	case Int64:
		return 8
	default:
		return 4
	}
}

// Graph is a model under construction. The zero value with a name is ready.
type Graph struct {
	Name string
	// Properties are the model's metadata, in order.
	Properties [][2]string

	nodes, inputs, outputs, values []byte // encoded fields of GraphProto
	weights                        []Weight
	constants                      map[string]bool
	count                          int
}

// Weight is a tensor that the graph holds. Data is asked for its numbers, in C
// order, when the graph is written, and may be asked again; the numbers are
// let go before the next weight's are asked for.
type Weight struct {
	Name string
	Dims []int
	Half bool // stored as float16
	Data func() ([]float32, error)

	raw []byte // of a constant, in place of Data
	typ Type
}

// Attr is an attribute of a node.
type Attr struct {
	Name string
	// Value is an int, a float64 (stored as float32) or an []int.
	Value any
}

// Node adds a node with one output and returns the output's name.
func (g *Graph) Node(op string, inputs []string, attrs ...Attr) string {
	g.count++
	out := op + "_" + strconv.Itoa(g.count)
	g.node(op, inputs, out, attrs)
	return out
}

// Rename gives a value the name of a graph output.
func (g *Graph) Rename(value, name string) { g.node("Identity", []string{value}, name, nil) }

func (g *Graph) node(op string, inputs []string, out string, attrs []Attr) {
	var n []byte
	for _, in := range inputs {
		n = text(n, 1, in)
	}
	n = text(n, 2, out)
	n = text(n, 3, out)
	n = text(n, 4, op)
	for _, a := range attrs {
		n = message(n, 5, a.encode())
	}
	g.nodes = message(g.nodes, 1, n)
}

func (a Attr) encode() []byte {
	b := text(nil, 1, a.Name)
	switch v := a.Value.(type) {
	case int:
		b = number(b, 3, int64(v))
		b = number(b, 20, 2)
	case float64:
		b = binary.AppendUvarint(b, 2<<3|5)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		b = number(b, 20, 1)
	case []int:
		for _, i := range v {
			b = number(b, 8, int64(i))
		}
		b = number(b, 20, 7)
	}
	return b
}

// Weight adds a weight and returns the name of its value as float32: where it
// is stored as float16, a cast stands behind it.
func (g *Graph) Weight(w Weight) string {
	w.typ = Float
	if w.Half {
		w.typ = Float16
	}
	g.weights = append(g.weights, w)
	if !w.Half {
		return w.Name
	}
	g.node("Cast", []string{w.Name}, w.Name+".f32", []Attr{{"to", int(Float)}})
	return w.Name + ".f32"
}

// Floats adds a float32 constant; no dims make it a scalar. Equal constants
// are stored once.
func (g *Graph) Floats(values []float32, dims ...int) string {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constant(Float, raw, dims)
}

// Ints adds an int64 vector.
func (g *Graph) Ints(values ...int) string {
	return g.constant(Int64, intBytes(values), []int{len(values)})
}

// Int adds an int64 scalar.
func (g *Graph) Int(value int) string { return g.constant(Int64, intBytes([]int{value}), nil) }

func intBytes(values []int) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v))) //nolint:gosec // two's complement
	}
	return raw
}

func (g *Graph) constant(t Type, raw []byte, dims []int) string {
	name := "const_" + digest(t, raw, dims)
	if !g.constants[name] {
		if g.constants == nil {
			g.constants = map[string]bool{}
		}
		g.constants[name] = true
		g.weights = append(g.weights, Weight{Name: name, Dims: dims, raw: raw, typ: t})
	}
	return name
}

// Input adds a graph input. A dimension is an int, or a string that names one
// left open.
func (g *Graph) Input(name string, t Type, dims ...any) {
	g.inputs = message(g.inputs, 11, port(name, t, dims))
}

// Output adds a graph output, whose value must have been named by Rename.
func (g *Graph) Output(name string, t Type, dims ...any) {
	g.outputs = message(g.outputs, 12, port(name, t, dims))
}

// Value says of what shape a value is that is neither input nor output. Where
// two values are said to have one, ONNX Runtime may use the memory of one for
// the other.
func (g *Graph) Value(name string, t Type, dims ...any) {
	g.values = message(g.values, 13, port(name, t, dims))
}

func port(name string, t Type, dims []any) []byte {
	var shape []byte
	for _, d := range dims {
		var dim []byte
		switch d := d.(type) {
		case int:
			dim = number(nil, 1, int64(d))
		case string:
			dim = text(nil, 2, d)
		}
		shape = message(shape, 1, dim)
	}
	tensor := message(number(nil, 1, int64(t)), 2, shape)
	return message(text(nil, 1, name), 2, message(nil, 1, tensor))
}
