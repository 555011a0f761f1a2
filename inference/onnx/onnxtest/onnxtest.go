// Package onnxtest runs single ONNX files, for tests of those who write them.
// The program itself opens bundles through inference/onnx. Start from [Open].
package onnxtest

import (
	"testing"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference/onnx"
	"satgraph/internal/tooltest"
)

// Need starts ONNX Runtime, or ends the test where it is missing
// ([tooltest.Missing]).
func Need(t testing.TB) {
	t.Helper()
	_, err := onnx.FindLibrary()
	if err == nil {
		_, err = onnx.Start()
	}
	if err != nil {
		tooltest.Missing(t, "%v", err)
	}
}

// Tensor is a value of a float32 or int64 type, in C order.
type Tensor struct {
	Shape  []int64
	Floats []float32
	Ints   []int64
}

// Open opens an ONNX file and returns a function that runs it. The file is
// closed with the test.
func Open(t testing.TB, path string, inputs, outputs []string) func(inputs ...Tensor) map[string]Tensor {
	t.Helper()
	Need(t)
	s, err := ort.NewDynamicAdvancedSession(path, inputs, outputs, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := s.Destroy(); err != nil {
			t.Error(err)
		}
	})
	return func(values ...Tensor) map[string]Tensor {
		t.Helper()
		var in []ort.Value
		for _, x := range values {
			v, err := x.value()
			if err != nil {
				t.Fatal(err)
			}
			defer v.Destroy() //nolint:errcheck // freeing only
			in = append(in, v)
		}
		out := make([]ort.Value, len(outputs))
		if err := s.Run(in, out); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		result := map[string]Tensor{}
		for i, name := range outputs {
			v, ok := out[i].(*ort.Tensor[float32])
			if !ok {
				t.Fatalf("%s: output %s is a %T", path, name, out[i])
			}
			result[name] = Tensor{Shape: v.GetShape(), Floats: append([]float32(nil), v.GetData()...)}
			if err := v.Destroy(); err != nil {
				t.Fatal(err)
			}
		}
		return result
	}
}

func (x Tensor) value() (ort.Value, error) {
	if x.Ints != nil {
		return ort.NewTensor(ort.NewShape(x.Shape...), x.Ints)
	}
	return ort.NewTensor(ort.NewShape(x.Shape...), x.Floats)
}
