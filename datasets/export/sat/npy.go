package sat

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// header writes the head of a .npy file of version 1.0, padded to 64 bytes as
// NumPy pads it.
func header(w io.Writer, descr, shape string) error {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	const fixed = 10 // magic, version, length
	pad := 64 - (fixed+len(dict)+1)%64
	dict += strings.Repeat(" ", pad%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(dict))) //nolint:gosec // at most a few hundred
	_, err := w.Write(append(b, dict...))
	return err
}

// planes is how many planes across the first axis are turned at a time: enough
// to use whole cache lines of the volume.
const planes = 16

// writeImage writes an image as (1, H, W, D), the last axis fastest.
func writeImage(w io.Writer, im *volume.Image) error {
	nx, ny, nz := im.Shape[0], im.Shape[1], im.Shape[2]
	if err := header(w, "<f4", fmt.Sprintf("1, %d, %d, %d", nx, ny, nz)); err != nil {
		return err
	}
	buf := make([]byte, 4*planes*ny*nz)
	for x := 0; x < nx; x += planes {
		n := min(planes, nx-x)
		for k := range nz {
			for j := range ny {
				row := im.Data[im.Index(x, j, k):][:n]
				for i, v := range row {
					binary.LittleEndian.PutUint32(buf[4*((i*ny+j)*nz+k):], math.Float32bits(v))
				}
			}
		}
		if _, err := w.Write(buf[:4*n*ny*nz]); err != nil {
			return err
		}
	}
	return nil
}

// writeMask writes the part of a mask inside its box as bool, the last axis
// fastest.
func writeMask(to *export.Folder, name string, m *volume.Bits, b volume.Box) error {
	s := b.Shape()
	out := make([]byte, s[0]*s[1]*s[2])
	m.Runs(func(r volume.Run) bool {
		for x := r.From; x < r.To; x++ {
			out[((x-b.Min[0])*s[1]+r.J-b.Min[1])*s[2]+r.K-b.Min[2]] = 1
		}
		return true
	})
	return to.Write(name, func(w io.Writer) error {
		if err := header(w, "|b1", fmt.Sprintf("%d, %d, %d", s[0], s[1], s[2])); err != nil {
			return err
		}
		_, err := w.Write(out)
		return err
	})
}
