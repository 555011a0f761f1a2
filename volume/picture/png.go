package picture

import (
	"image"
	"image/png"
	"io"

	"satgraph/volume"
)

// WritePNG writes the picture to path whole or not at all. The error is a
// *volume.FileError.
func WritePNG(path string, img image.Image) error {
	return volume.WriteAtomic(path, func(w io.Writer) error { return png.Encode(w, img) })
}
