package volume

import "fmt"

// DefaultMaxBytes is the limit of ReadOptions.MaxBytes where it is 0.
const DefaultMaxBytes = 8 << 30

// ReadOptions limits what a file may cost.
type ReadOptions struct {
	// MaxBytes bounds the memory that the voxels may take once decoded, and
	// their size in the file; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Rectify takes the affine as MONAI's loader does: where the sform's column
	// lengths disagree with pixdim and the qform's agree, the qform counts, even
	// with a qform_code of 0. It is for reproducing what a model trained with
	// MONAI saw; Header.Warnings says where it made a difference.
	Rectify bool
	// Series chooses one of the DICOM series in a folder by its
	// SeriesInstanceUID, or BlankSeries for one without.
	Series string
	// Volume chooses one of the volumes that lie at the same place in a DICOM
	// series (echoes, phases, b-values), by its number from 1 or its name, as a
	// VolumesError lists them.
	Volume string
	// Alone refuses files that keep their voxels in another file, as a service
	// must whose folder holds files of several people.
	Alone bool
	// Files is where files are read from; nil means the local disk.
	Files Files
}

func (o ReadOptions) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return DefaultMaxBytes
}

// Info is what a file's header says of its voxels.
type Info struct {
	// Shape is the length of each axis, of which there may be 1 to 7.
	Shape []int `json:"shape"`
	// Spacing is the voxel size in mm along the first three axes.
	Spacing [3]float64 `json:"spacing"`
	Affine  Affine     `json:"affine"`
	// Orientation is the direction the first three axes increase towards.
	Orientation string `json:"orientation"`
	// DType is the type of the stored voxels, in NumPy's words.
	DType  string `json:"dtype"`
	Format Format `json:"format"`
	// Modality is "ct", "mri" or "pet" where the file says so, else empty.
	Modality string `json:"modality,omitempty"`
	// Series describes a DICOM series.
	Series *SeriesInfo `json:"series,omitempty"`
	// Warnings names what was odd but could be read.
	Warnings []string `json:"warnings,omitempty"`
	Header   *Header  `json:"-"`
}

// ReadInfo reads the header of a file, or of the slices of a DICOM folder, and
// no voxels; it does make sure that the file that holds them is there and, where
// it is not compressed, long enough. Of NIfTI it describes files that ReadImage
// refuses, such as colour images.
//
// The *FileError wraps fs.ErrNotExist, ErrNotNIfTI, ErrTruncated, ErrCorrupt,
// ErrBadHeader, ErrBadAffine or ErrTooLarge; for DICOM also ErrNotImage,
// ErrSeries (a *SeriesError where a folder holds several) or ErrUnsupported.
func ReadInfo(path string) (*Info, error) { return ReadInfoWith(path, ReadOptions{}) }

// ReadInfoWith is ReadInfo with options.
func ReadInfoWith(path string, o ReadOptions) (*Info, error) {
	format, err := sniff(path, o)
	if err != nil {
		return nil, err
	}
	if read := readers[format].info; read != nil {
		info, err := read(path, o)
		return info, fileError("read", path, err)
	}
	f, err := open(path, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.close()
	a, err := f.header.Affine()
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return &Info{
		Shape:       f.header.Shape(),
		Spacing:     a.Spacing(),
		Affine:      a,
		Orientation: a.Orientation(),
		DType:       f.header.DType.String(),
		Format:      NIfTI,
		Warnings:    f.header.Warnings,
		Header:      f.header,
	}, nil
}

// ReadImage reads one 3-D volume of intensities, scaled, as float32: a NIfTI,
// NRRD or MetaImage file, a folder of DICOM slices or a multi-frame DICOM file,
// told apart by content. Axes beyond the third may be there if their length is 1.
//
// The *FileError wraps, beside those of ReadInfo, ErrNotVolume (2-D, or several
// volumes), ErrUnsupported (colour, complex, 128-bit or one-bit voxels),
// ErrSyntax (DICOM compressed in a way that is not decoded) and ErrTooLarge.
func ReadImage(path string, o ReadOptions) (*Image, error) {
	format, err := sniff(path, o)
	if err != nil {
		return nil, err
	}
	if read := readers[format].image; read != nil {
		im, err := read(path, o)
		return im, fileError("read", path, err)
	}
	f, err := open(path, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.close()
	g, err := f.header.grid()
	if err != nil {
		return nil, fileError("read", path, err)
	}
	data, err := readScaled[float32](f, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return &Image{Grid: g, Data: data, Header: f.header, Format: NIfTI}, nil
}

// Array is the content of a NIfTI file of any number of axes.
type Array struct {
	// Shape is the length of each axis; Data holds the first one fastest.
	Shape  []int
	Affine Affine
	// Data holds the scaled values. 64-bit integers beyond 2^53 are rounded.
	Data   []float64
	Header *Header
}

// ReadAny reads a file of 1 to 7 axes at full precision. Errors are those of
// ReadImage, without ErrNotVolume.
func ReadAny(path string, o ReadOptions) (*Array, error) {
	f, err := open(path, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.close()
	a, err := f.header.Affine()
	if err != nil {
		return nil, fileError("read", path, err)
	}
	data, err := readScaled[float64](f, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return &Array{Shape: f.header.Shape(), Affine: a, Data: data, Header: f.header}, nil
}

// ReadLabelMap reads one 3-D volume of labels. Any real data type will do, but
// every scaled value must be a whole number (to within 1/1024, for files that
// went through a float32 scale) from 0 to 65535.
//
// Errors are those of ReadImage and ErrNotLabels.
func ReadLabelMap(path string, o ReadOptions) (*LabelMap, error) {
	format, err := sniff(path, o)
	if err != nil {
		return nil, err
	}
	if read := readers[format].image; read != nil {
		im, err := read(path, o)
		if err != nil {
			return nil, fileError("read", path, err)
		}
		m, err := im.labels()
		return m, fileError("read", path, err)
	}
	f, err := open(path, o)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.close()
	g, err := f.header.grid()
	if err != nil {
		return nil, fileError("read", path, err)
	}
	n, err := reserve(f, o, 2)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	data := make([]uint16, 0, n)
	err = readLabels(f, func(labels []uint16) error {
		data = append(data, labels...)
		return nil
	})
	if err != nil {
		return nil, fileError("read", path, err)
	}
	return &LabelMap{Grid: g, Data: data, Header: f.header}, nil
}

// ReadLabelRows reads one 3-D volume of labels without keeping it: put is given
// the voxels piece by piece, the first axis fastest, in slices that are used
// again. Of MaxBytes, the size in the file counts. Errors are those of
// ReadLabelMap and of put.
func ReadLabelRows(path string, o ReadOptions, put func(g Grid, labels []uint16) error) (Grid, error) {
	format, err := sniff(path, o)
	if err != nil {
		return Grid{}, err
	}
	if format != NIfTI {
		m, err := ReadLabelMap(path, o)
		if err != nil {
			return Grid{}, err
		}
		return m.Grid, put(m.Grid, m.Data)
	}
	f, err := open(path, o)
	if err != nil {
		return Grid{}, fileError("read", path, err)
	}
	defer f.close()
	g, err := f.header.grid()
	if err != nil {
		return Grid{}, fileError("read", path, err)
	}
	if _, err := reserve(f, o, 0); err != nil {
		return Grid{}, fileError("read", path, err)
	}
	return g, fileError("read", path, readLabels(f, func(labels []uint16) error { return put(g, labels) }))
}

// reserve checks type and size before anything is allocated: elem is the size
// in bytes of a decoded voxel.
func reserve(f *file, o ReadOptions, elem int64) (voxels int64, err error) {
	h := f.header
	if h.DType.Size() == 0 {
		return 0, fmt.Errorf("%w: voxels are %s; only real numbers of up to 64 bits are read", ErrUnsupported, h.DType)
	}
	n := h.voxels()
	if need, limit := n*max(elem, int64(h.DType.Size())), o.maxBytes(); need > limit {
		return 0, fmt.Errorf("%w: %d voxels take %d bytes, the limit is %d", ErrTooLarge, n, need, limit)
	}
	return n, f.checkSize(n * int64(h.DType.Size()))
}
