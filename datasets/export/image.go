package export

import (
	"errors"
	"fmt"
	"math"

	"satgraph/volume"
)

// errNotFinite says: an image with NaN or infinite voxels, which no trainer
// reads.
var errNotFinite = errors.New("image has voxels that are not numbers")

// CheckFinite is the error of an image of the sample with a voxel that is NaN or
// infinite.
func CheckFinite(s *Sample, im *volume.Image) error {
	for i, v := range im.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return &ScanError{s.Name(), fmt.Errorf("%w: voxel %d is %g", errNotFinite, i, v)}
		}
	}
	return nil
}

// WriteImage writes an image as NIfTI, without loss: as int16 where all its
// voxels are whole numbers of that range, else as float32.
func WriteImage(to *Folder, name string, im *volume.Image) error {
	path, err := to.Path(name)
	if err != nil {
		return err
	}
	dtype := volume.Int16
	for _, v := range im.Data {
		if v != float32(math.Trunc(float64(v))) || v < math.MinInt16 || v > math.MaxInt16 {
			dtype = volume.Float32
			break
		}
	}
	return volume.WriteImage(path, im, dtype)
}
