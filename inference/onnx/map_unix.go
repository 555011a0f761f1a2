//go:build linux || darwin

package onnx

import (
	"os"
	"syscall"
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
