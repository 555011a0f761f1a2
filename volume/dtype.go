package volume

import "fmt"

// DType is a NIfTI voxel data type, by its code in the header.
type DType int16

// The data types that are read. Colour, complex, 128-bit and one-bit voxels
// are known by name and refused.
const (
	Uint8   DType = 2
	Int16   DType = 4
	Int32   DType = 8
	Float32 DType = 16
	Float64 DType = 64
	Int8    DType = 256
	Uint16  DType = 512
	Uint32  DType = 768
	Int64   DType = 1024
	Uint64  DType = 1280
)

// dtypes gives name and bits of every code of the standard (nifti1.h, nifti2.h).
var dtypes = map[DType]struct {
	name     string
	bits     int
	readable bool
}{
	1:       {"bit", 1, false},
	Uint8:   {"uint8", 8, true},
	Int16:   {"int16", 16, true},
	Int32:   {"int32", 32, true},
	Float32: {"float32", 32, true},
	32:      {"complex64", 64, false},
	Float64: {"float64", 64, true},
	128:     {"rgb24", 24, false},
	Int8:    {"int8", 8, true},
	Uint16:  {"uint16", 16, true},
	Uint32:  {"uint32", 32, true},
	Int64:   {"int64", 64, true},
	Uint64:  {"uint64", 64, true},
	1536:    {"float128", 128, false},
	1792:    {"complex128", 128, false},
	2048:    {"complex256", 256, false},
	2304:    {"rgba32", 32, false},
}

// String is NumPy's name of the type, such as "int16".
func (d DType) String() string {
	if t, ok := dtypes[d]; ok {
		return t.name
	}
	return fmt.Sprintf("unknown (code %d)", int16(d))
}

// Size is the number of bytes of a voxel; 0 for a type that is not read.
func (d DType) Size() int {
	if t := dtypes[d]; t.readable {
		return t.bits / 8
	}
	return 0
}
