//go:build !linux && !darwin

package onnx

// mapFile maps no file here; it is read instead.
func mapFile(string, int64) ([]byte, func() error) { return nil, nil }

// newFloats makes room for n numbers.
func newFloats(n int64) (data []float32, free func(), err error) {
	return make([]float32, n), func() {}, nil
}
