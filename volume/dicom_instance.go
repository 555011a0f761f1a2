package volume

import (
	"errors"
	"fmt"
	"strings"

	"satgraph/volume/internal/dcm"
)

// instance is one DICOM file: what its header says that matters here.
type instance struct {
	path                           string
	classUID, instanceUID          string
	seriesUID, studyUID, reference string
	number, description, modality  string
	photometric, units             string
	syntax                         string
	guessed                        bool
	bigEndian                      bool
	rows, cols, samples            int
	allocated, stored, highBit     int
	signed                         bool
	lossy, table                   bool
	frames                         []frame
	pixels                         dcm.Pixels
	deflated                       bool
	head                           *dcm.Dataset
}

// frame is one image: a slice of a volume.
type frame struct {
	in          *instance
	index       int
	multi       bool
	placed      bool // position, orientation and spacing are given
	position    [3]float64
	orientation [6]float64
	spacing     [2]float64
	thickness   float64
	slope       float64
	inter       float64
	// apart tells images at the same place apart, such as echoes: name and value.
	// The DimensionIndexValues among it are so many.
	apart      map[string]string
	dimensions int
	number     int // in the order of acquisition
}

// readInstance parses one file's header. The error wraps dcm.ErrNotDICOM where
// the file is something else.
func readInstance(path string, o ReadOptions) (*instance, error) {
	f, err := o.Place().Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := dcm.Parse(f, fi.Size(), o.maxBytes())
	if err != nil {
		return nil, dicomError(err)
	}
	in := &instance{
		path: path, syntax: file.Syntax, guessed: file.Guessed, bigEndian: file.BigEndian,
		pixels: file.Pixels, deflated: file.Syntax == dcm.Deflated, head: file.Dataset,
	}
	in.identify(file)
	if in.notImage() != "" {
		return in, nil
	}
	if err := in.image(); err != nil {
		return nil, dicomError(err)
	}
	return in, nil
}

// dicomError turns the errors of package dcm into this package's.
func dicomError(err error) error {
	for _, m := range [...]struct{ from, to error }{
		{dcm.ErrCorrupt, ErrBadHeader},
		{dcm.ErrTruncated, ErrTruncated},
		{dcm.ErrTooLarge, ErrTooLarge},
		{dcm.ErrValue, ErrBadHeader},
	} {
		if errors.Is(err, m.from) {
			return fmt.Errorf("%w: %w", m.to, err)
		}
	}
	return err
}

func (in *instance) identify(file *dcm.File) {
	d := file.Dataset
	in.classUID, in.instanceUID = d.String(dcm.SOPClassUID), d.String(dcm.SOPInstanceUID)
	if in.classUID == "" {
		in.classUID = file.Meta.String(dcm.MediaStorageSOPClassUID)
	}
	in.seriesUID, in.studyUID = d.String(dcm.SeriesInstanceUID), d.String(dcm.StudyInstanceUID)
	in.reference = d.String(dcm.FrameOfReferenceUID)
	in.number, in.description = d.String(dcm.SeriesNumber), d.String(dcm.SeriesDescription)
	in.modality, in.units = d.String(dcm.Modality), d.String(dcm.Units)
	in.photometric = d.String(dcm.Photometric)
}

// seriesKey is the same for all images of a series. Where the UID is blank, what
// else tells series apart stands in for it.
func (in *instance) seriesKey() string {
	if in.seriesUID != "" {
		return in.seriesUID
	}
	return strings.Join([]string{"", in.studyUID, in.number, in.modality, in.description}, "\x00")
}

// Objects that hold no image of the patient: by SOP class (PS3.4) and, for files
// stripped of it, by modality (PS3.3 C.7.3.1.1.1).
var (
	notImageClasses = []struct{ uid, what string }{
		{"1.2.840.10008.1.3.10", "it is a DICOMDIR"},
		{"1.2.840.10008.5.1.4.1.1.66.4", "it is a segmentation (SEG); give the image series that it belongs to"},
		{"1.2.840.10008.5.1.4.1.1.66.7", "it is a label map segmentation (SEG); give the image series that it belongs to"},
		{"1.2.840.10008.5.1.4.1.1.66", "it is raw data, a registration or a surface"},
		{"1.2.840.10008.5.1.4.1.1.481.3", "it is a radiotherapy structure set (RTSTRUCT); give the image series that it belongs to"},
		{"1.2.840.10008.5.1.4.1.1.481.2", "it is a radiotherapy dose (RTDOSE), which is no image of the patient"},
		{"1.2.840.10008.5.1.4.1.1.481", "it is a radiotherapy object without an image"},
		{"1.2.840.10008.5.1.4.1.1.88", "it is a structured report (SR)"},
		{"1.2.840.10008.5.1.4.1.1.11", "it is a presentation state"},
		{"1.2.840.10008.5.1.4.1.1.104", "it is an encapsulated document"},
		{"1.2.840.10008.5.1.4.1.1.9", "it is a waveform"},
	}
	notImageModalities = map[string]string{
		"SEG":      "it is a segmentation (SEG); give the image series that it belongs to",
		"RTSTRUCT": "it is a radiotherapy structure set (RTSTRUCT); give the image series that it belongs to",
		"RTDOSE":   "it is a radiotherapy dose (RTDOSE), which is no image of the patient",
		"RTPLAN":   "it is a radiotherapy plan (RTPLAN)",
		"SR":       "it is a structured report (SR)", "KO": "it is a key object selection",
		"PR": "it is a presentation state", "DOC": "it is an encapsulated document", "REG": "it is a registration",
	}
)

// notImage says why an object is no image; empty for an image.
func (in *instance) notImage() string {
	for _, c := range notImageClasses {
		if in.classUID == c.uid || strings.HasPrefix(in.classUID, c.uid+".") {
			if in.classUID == "1.2.840.10008.5.1.4.1.1.481.1" { // a radiotherapy image
				return ""
			}
			return c.what
		}
	}
	return notImageModalities[in.modality]
}

// modalities maps DICOM's codes to the program's.
var modalities = map[string]string{"CT": "ct", "MR": "mri", "PT": "pet"}

// reader gathers the values of attributes, and the first error.
type reader struct {
	*dcm.Dataset
	err error
}

func (r *reader) integer(t dcm.Tag, def int) int {
	v, err := r.Int(t, def)
	if r.err == nil {
		r.err = err
	}
	return v
}

func (r *reader) float(t dcm.Tag, def float64) float64 {
	v, err := r.Float(t, def)
	if r.err == nil {
		r.err = err
	}
	return v
}

// vector reads exactly len(into) numbers; false where the attribute is absent.
func (r *reader) vector(t dcm.Tag, into []float64) bool {
	v, err := r.Floats(t)
	if err == nil && v != nil && len(v) != len(into) {
		err = fmt.Errorf("%w: %s has %d values, not %d", dcm.ErrValue, t, len(v), len(into))
	}
	if r.err == nil {
		r.err = err
	}
	return copy(into, v) == len(into) && err == nil
}

// maxSlices bounds the frames of one file.
const maxSlices = 1 << 20

// image reads what an image's header says of its pixels and its place.
func (in *instance) image() error {
	r := &reader{Dataset: in.head}
	in.rows, in.cols = r.integer(dcm.Rows, 0), r.integer(dcm.Columns, 0)
	in.samples = r.integer(dcm.SamplesPerPixel, 1)
	in.allocated = r.integer(dcm.BitsAllocated, 0)
	in.stored = r.integer(dcm.BitsStored, in.allocated)
	in.highBit = r.integer(dcm.HighBit, in.stored-1)
	in.signed = r.integer(dcm.PixelRepresentation, 0) == 1
	in.lossy = in.head.String(dcm.LossyImageCompression) == "01"
	in.table = in.head.Has(dcm.ModalityLUTSequence) && !in.head.Has(dcm.RescaleSlope)
	frames := r.integer(dcm.NumberOfFrames, 1)
	if r.err != nil {
		return r.err
	}
	switch {
	case in.pixels.Tag == 0:
		return fmt.Errorf("%w: it has no pixel data", ErrTruncated)
	case in.rows < 1 || in.cols < 1 || in.rows > 65535 || in.cols > 65535:
		return fmt.Errorf("%w: an image of %d×%d", ErrBadHeader, in.cols, in.rows)
	case frames < 1 || frames > maxSlices:
		return fmt.Errorf("%w: %d frames", ErrBadHeader, frames)
	}
	if in.pixels.Tag != dcm.PixelData {
		in.allocated = map[dcm.Tag]int{dcm.FloatPixelData: 32, dcm.DoublePixelData: 64}[in.pixels.Tag]
		in.stored, in.highBit = in.allocated, in.allocated-1
	} else if in.samples == 1 && (in.allocated != 8 && in.allocated != 16 && in.allocated != 32 ||
		in.stored < 1 || in.stored > in.allocated || in.highBit >= in.allocated || in.highBit < in.stored-1) {
		return fmt.Errorf("%w: %d bits allocated, %d stored, high bit %d", ErrUnsupported, in.allocated, in.stored, in.highBit)
	}
	if !in.pixels.Encapsulated {
		need := int64(in.rows) * int64(in.cols) * int64(frames) * int64(in.samples) * int64(in.allocated/8)
		if in.pixels.Native.Size < need {
			return fmt.Errorf("%w: %d of %d bytes of pixel data", ErrTruncated, in.pixels.Native.Size, need)
		}
	} else if len(in.pixels.Fragments) == 0 {
		return fmt.Errorf("%w: it has no pixel data", ErrTruncated)
	}
	return in.place(frames)
}

// place reads where each frame lies, from the frame's own functional groups,
// the shared ones, or the data set itself.
func (in *instance) place(frames int) error {
	shared := in.head.First(dcm.SharedFunctionalGroups)
	each := in.head.Items(dcm.PerFrameFunctionalGroups)
	if len(each) > 0 && len(each) < frames {
		return fmt.Errorf("%w: functional groups of %d of %d frames", ErrBadHeader, len(each), frames)
	}
	in.frames = make([]frame, frames)
	for n := range in.frames {
		own := &dcm.Dataset{}
		if len(each) > 0 {
			own = each[n]
		}
		// group is the data set in which to look for the attributes of a
		// functional group.
		group := func(t dcm.Tag) *reader {
			for _, d := range []*dcm.Dataset{own, shared} {
				if items := d.Items(t); len(items) > 0 {
					return &reader{Dataset: items[0]}
				}
			}
			return &reader{Dataset: in.head}
		}
		f := &in.frames[n]
		*f = frame{in: in, index: n, multi: in.head.Has(dcm.NumberOfFrames) && (frames > 1 || len(each) > 0)}
		position, plane := group(dcm.PlanePositionSequence), group(dcm.PlaneOrientationSequence)
		measures, values := group(dcm.PixelMeasuresSequence), group(dcm.PixelValueTransformationSeq)
		f.placed = position.vector(dcm.ImagePositionPatient, f.position[:])
		f.placed = plane.vector(dcm.ImageOrientationPatient, f.orientation[:]) && f.placed
		f.placed = measures.vector(dcm.PixelSpacing, f.spacing[:]) && f.placed
		f.thickness = measures.float(dcm.SpacingBetweenSlices, measures.float(dcm.SliceThickness, 0))
		f.slope, f.inter = values.float(dcm.RescaleSlope, 1), values.float(dcm.RescaleIntercept, 0)
		if err := errors.Join(position.err, plane.err, measures.err, values.err); err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
		f.readApart(own, shared)
	}
	return nil
}
