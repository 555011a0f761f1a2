package torchfile

import (
	"fmt"
	"slices"
)

// What a pickle of plain data is made of, beside nil, bool, int64, float64,
// string and []byte.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct{ keys, values []any }
	// global is a name that the pickle asks for; only those of allowed.
	global struct{ module, name string }
	mark   struct{}
)

// get returns the last value under a text key, as Python would keep it.
func (d *dict) get(key string) (any, bool) {
	for i, k := range slices.Backward(d.keys) {
		if k, ok := k.(string); ok && k == key {
			return d.values[i], true
		}
	}
	return nil, false
}

func (g global) String() string { return g.module + "." + g.name }

var (
	orderedDict  = global{"collections", "OrderedDict"}
	rebuild      = global{"torch._utils", "_rebuild_tensor_v2"}
	rebuildParam = global{"torch._utils", "_rebuild_parameter"}
)

// storages are torch's typed storages and their elements.
var storages = map[global]DType{
	{"torch", "FloatStorage"}:    Float32,
	{"torch", "HalfStorage"}:     Float16,
	{"torch", "BFloat16Storage"}: BFloat16,
	{"torch", "DoubleStorage"}:   Float64,
	{"torch", "LongStorage"}:     Int64,
	{"torch", "IntStorage"}:      Int32,
	{"torch", "ShortStorage"}:    Int16,
	{"torch", "CharStorage"}:     Int8,
	{"torch", "ByteStorage"}:     Uint8,
	{"torch", "BoolStorage"}:     Bool,
}

func allowed(g global) bool {
	_, ok := storages[g]
	return ok || g == orderedDict || g == rebuild || g == rebuildParam
}

// DType is the type of a tensor's elements.
type DType uint8

// The element types that torch saves in typed storages.
const (
	Float32 DType = iota
	Float16
	BFloat16
	Float64
	Int64
	Int32
	Int16
	Int8
	Uint8
	Bool
)

var dtypes = [...]struct {
	name string
	size int
}{
	Float32: {"float32", 4}, Float16: {"float16", 2}, BFloat16: {"bfloat16", 2}, Float64: {"float64", 8},
	Int64: {"int64", 8}, Int32: {"int32", 4}, Int16: {"int16", 2}, Int8: {"int8", 1}, Uint8: {"uint8", 1}, Bool: {"bool", 1},
}

func (d DType) String() string { return dtypes[d].name }

// Size is the number of bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

// Floating says whether the elements are floating-point numbers.
func (d DType) Floating() bool { return d <= Float64 }

// kind names a value for an error.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case global:
		return v.String()
	case *dict:
		return "a dict"
	case *list:
		return "a list"
	case tuple:
		return "a tuple"
	case *Tensor:
		return "a tensor"
	case *storage:
		return "a storage"
	case mark:
		return "a mark"
	default:
		return fmt.Sprintf("a value of type %T", v)
	}
}
