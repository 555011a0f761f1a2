package volume

import "fmt"

// ReadVolumes reads the 3-D volumes of a NIfTI file of three or four axes one
// after the other, without keeping them: put is given the scaled voxels piece by
// piece, the first axis fastest, with the number of the volume from 0, in slices
// that are used again. Of MaxBytes, the size in the file counts. Other formats
// hold one volume.
//
// Errors are those of ReadImage, ErrNotVolume where there are more axes, and
// those of put.
func ReadVolumes(path string, o ReadOptions, put func(g Grid, volumes, n int, values []float32) error) (Grid, error) {
	format, err := sniff(path, o)
	if err != nil {
		return Grid{}, err
	}
	if format != NIfTI {
		im, err := ReadImage(path, o)
		if err != nil {
			return Grid{}, err
		}
		return im.Grid, put(im.Grid, 1, 0, im.Data)
	}
	f, err := open(path, o)
	if err != nil {
		return Grid{}, fileError("read", path, err)
	}
	defer f.close()
	g, err := f.readVolumes(o, put)
	return g, fileError("read", path, err)
}

func (f *file) readVolumes(o ReadOptions, put func(g Grid, volumes, n int, values []float32) error) (Grid, error) {
	dim := f.header.Dim
	shape := [4]int{1, 1, 1, 1}
	for i := range dim[0] {
		if n := int(dim[i+1]); i < 4 {
			shape[i] = n
		} else if n != 1 {
			return Grid{}, fmt.Errorf("%w: %d axes, want three or four", ErrNotVolume, dim[0])
		}
	}
	a, err := f.header.Affine()
	if err != nil {
		return Grid{}, err
	}
	g := Grid{Shape: [3]int(shape[:3]), Affine: a}
	total, err := reserve(f, o, 0)
	if err != nil {
		return Grid{}, err
	}
	slope, inter := f.header.scale()
	decode := decoder[float32](f.header.DType, f.header.order(), slope, inter)
	size, each, done := f.header.DType.Size(), g.Voxels(), 0
	values := make([]float32, blockBytes)
	return g, f.readVoxels(total*int64(size), func(b []byte) error {
		decode(values, b)
		for rest := values[:len(b)/size]; len(rest) > 0; {
			piece := rest[:min(len(rest), each-done%each)]
			if err := put(g, shape[3], done/each, piece); err != nil {
				return err
			}
			done += len(piece)
			rest = rest[len(piece):]
		}
		return nil
	})
}
