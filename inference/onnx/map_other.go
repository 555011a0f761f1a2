//go:build !linux && !darwin

package onnx

// mapFile maps no file here; it is read instead.
func mapFile(string, int64) ([]byte, func() error) { return nil, nil }
