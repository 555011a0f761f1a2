//go:build linux || darwin

package onnx

import (
	"os"
	"syscall"
	"unsafe"
)

// mapFile maps a regular file of 1 to limit bytes to memory; nil where it
// cannot.
func mapFile(path string, limit int64) ([]byte, func() error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close() //nolint:errcheck // the mapping stays
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > limit {
		return nil, nil
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	return data, func() error { return syscall.Munmap(data) }
}

// newFloats makes room for n numbers that free gives back to the system at once,
// which Go's collector does at its leisure.
func newFloats(n int64) (data []float32, free func(), err error) {
	if n == 0 {
		return nil, func() {}, nil
	}
	memory, err := syscall.Mmap(-1, 0, int(4*n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	//nolint:gosec // pages are aligned, and the slice ends with them
	return unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), n), func() { _ = syscall.Munmap(memory) }, nil
}
