package volume

import (
	"fmt"
	"math"
)

// readers are the formats beside NIfTI, whose own reader converts voxels as it
// decompresses them.
var readers = map[Format]formatReader{
	DICOM:     {dicomInfo, dicomImage},
	NRRD:      rasterReader(openNRRD),
	MetaImage: rasterReader(openMeta),
}

type formatReader struct {
	info  func(path string, o ReadOptions) (*Info, error)
	image func(path string, o ReadOptions) (*Image, error)
}

func rasterReader(read func(path string, o ReadOptions) (*raster, error)) formatReader {
	open := func(path string, o ReadOptions) (*raster, error) {
		r, err := read(path, o)
		if err != nil {
			return nil, err
		}
		if r.detached && o.Alone {
			return nil, fmt.Errorf("%w: it keeps its voxels in another file", ErrUnsupported)
		}
		if said := r.grid.Affine.skewed(); said != "" {
			r.warn("%s", said)
		}
		return r, nil
	}
	return formatReader{
		info: func(path string, o ReadOptions) (*Info, error) {
			r, err := open(path, o)
			if err != nil {
				return nil, err
			}
			return r.info(), nil
		},
		image: func(path string, o ReadOptions) (*Image, error) {
			r, err := open(path, o)
			if err != nil {
				return nil, err
			}
			return r.image(o)
		},
	}
}

func dicomInfo(path string, o ReadOptions) (*Info, error) {
	s, err := openSeries(path, o)
	if err != nil {
		return nil, err
	}
	g := s.grid
	return &Info{
		Shape: g.Shape[:], Spacing: g.Spacing(), Affine: g.Affine, Orientation: g.Orientation(),
		DType: s.dtype.String(), Format: DICOM, Modality: modalities[s.Modality], Warnings: s.warnings,
		Series: &SeriesInfo{
			UID: s.UID, Number: s.Number, Modality: s.Modality, Description: s.Description, Images: len(s.frames),
		},
	}, nil
}

func dicomImage(path string, o ReadOptions) (*Image, error) {
	s, err := openSeries(path, o)
	if err != nil {
		return nil, err
	}
	data, err := s.voxels(o)
	if err != nil {
		return nil, err
	}
	return &Image{
		Grid: s.grid, Data: data, Format: DICOM, Modality: modalities[s.Modality], Series: &s.Series, Warnings: s.warnings,
	}, nil
}

// labels takes an image's values as labels. float32 holds every label exactly.
func (im *Image) labels() (*LabelMap, error) {
	out := &LabelMap{Grid: im.Grid, Data: make([]uint16, len(im.Data)), Header: im.Header}
	for i, v := range im.Data {
		r := math.Round(float64(v))
		if !(math.Abs(float64(v)-r) <= labelSlack) || r < 0 || r > math.MaxUint16 {
			return nil, fmt.Errorf("%w: voxel %d is %g", ErrNotLabels, i, v)
		}
		out.Data[i] = uint16(r)
	}
	return out, nil
}

// ReadSeries reads the headers of a DICOM series and the grid of its volume, and
// no voxels. Errors are those of ReadInfo.
func ReadSeries(path string, o ReadOptions) (*Series, Grid, error) {
	s, err := openSeries(path, o)
	if err != nil {
		return nil, Grid{}, fileError("read", path, err)
	}
	return &s.Series, s.grid, nil
}
