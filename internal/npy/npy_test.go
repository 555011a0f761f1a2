package npy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// file builds a version 1.0 .npy file by hand, as the format's document
// (numpy.lib.format) lays it out.
func file(descr, order, shape string, data ...byte) []byte {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape)
	b := append([]byte(magic), 1, 0, byte(len(h)), byte(len(h)>>8))
	return append(append(b, h...), data...)
}

func TestReadElementTypes(t *testing.T) {
	tests := []struct {
		name, descr string
		data        []byte
		want        []float64
	}{
		{"float32", "<f4", []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []float64{1, -2}},
		{"big-endian float32", ">f4", []byte{0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}, []float64{1, -2}},
		{"float64", "<f8", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0}, []float64{1.5, -2}},
		{"float16", "<f2", []byte{0x00, 0x3c, 0x01, 0x80}, []float64{1, -math.Ldexp(1, -24)}},
		{"uint8", "|u1", []byte{7, 255}, []float64{7, 255}},
		{"int8", "|i1", []byte{7, 255}, []float64{7, -1}},
		{"bool", "|b1", []byte{0, 1}, []float64{0, 1}},
		{"int16", "<i2", []byte{0xfe, 0xff, 2, 1}, []float64{-2, 258}},
		{"int64", "<i8", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 0, 0, 0}, []float64{-1, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Read(bytes.NewReader(file(tt.descr, "False", "(1, 2)", tt.data...)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(a.Shape, []int{1, 2}) {
				t.Errorf("shape %v", a.Shape)
			}
			if got := a.Float64s(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReadScalarAndBytes(t *testing.T) {
	a, err := Read(bytes.NewReader(file("<i8", "False", "()", 9, 0, 0, 0, 0, 0, 0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Uint8s()
	if err != nil || len(got) != 1 || got[0] != 9 || len(a.Shape) != 0 {
		t.Errorf("got %v %v, shape %v", got, err, a.Shape)
	}
	if a, err = Read(bytes.NewReader(file("<i2", "False", "(1,)", 0, 1))); err != nil {
		t.Fatal(err)
	}
	if _, err = a.Uint8s(); !errors.Is(err, ErrFormat) {
		t.Errorf("256 as a byte: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	tests := map[string][]byte{
		"empty":         nil,
		"other file":    []byte("PK\x03\x04 and more"),
		"Fortran order": file("<f4", "True", "(1,)", 0, 0, 0, 0),
		"object array":  file("|O8", "False", "(1,)", 0, 0, 0, 0, 0, 0, 0, 0),
		"short data":    file("<f4", "False", "(2,)", 0, 0, 0, 0),
		"huge shape":    file("<f8", "False", "(4294967296, 4294967296)"),
		"short header":  append([]byte(magic), 1, 0, 200, 0, '{'),
	}
	for name, b := range tests {
		if _, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
