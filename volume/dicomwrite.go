package volume

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"

	"satgraph/volume/internal/dcm"
)

// SeriesOptions says what the images of a DICOM series tell of themselves.
type SeriesOptions struct {
	// Identity is what the UIDs are made of: the same identity gives the same UIDs.
	Identity string
	// Modality is "ct", "mri" or "pet".
	Modality string
	// PatientID and Description are texts of up to 64 characters.
	PatientID, Description string
}

// imageClasses are the SOP classes of images by modality, and DICOM's code of it.
var imageClasses = map[string][2]string{
	"ct":  {"1.2.840.10008.5.1.4.1.1.2", "CT"},
	"mri": {"1.2.840.10008.5.1.4.1.1.4", "MR"},
	"pet": {"1.2.840.10008.5.1.4.1.1.128", "PT"},
}

// WriteSeries writes an image as a DICOM series, a file for each slice across the
// third axis (00001.dcm, …), into a folder that exists. Whole values from -32768
// to 32767 are stored as they are; others in 65,536 steps from the least to the
// greatest, so that a voxel is off by half a step at most (RescaleSlope).
//
// The images are marked DERIVED. What a scanner would know (dates, protocol,
// tracer) is left empty where the standard allows it. Axes must be right-handed
// (see Affine.Det) and the first two at right angles, as DICOM has them: else
// ErrBadAffine. Other errors are ErrUnsupported for an unknown modality, ErrRange
// for voxels that are not numbers, the system's and the context's.
func WriteSeries(ctx context.Context, dir string, im *Image, o SeriesOptions) error {
	s := &seriesWriter{im: im, o: o}
	if err := s.prepare(); err != nil {
		return fileError("write", dir, err)
	}
	for k := range im.Shape[2] {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, fmt.Sprintf("%05d.dcm", k+1))
		if err := WriteAtomic(path, func(w io.Writer) error { return s.slice(w, k) }); err != nil {
			return err
		}
	}
	return nil
}

type seriesWriter struct {
	im           *Image
	o            SeriesOptions
	class        [2]string
	orientation  []float64
	slope, inter float64
	signed       int // PixelRepresentation
}

func (s *seriesWriter) prepare() error {
	var ok bool
	if s.class, ok = imageClasses[s.o.Modality]; !ok {
		return fmt.Errorf("%w: images of modality %q", ErrUnsupported, s.o.Modality)
	}
	if err := s.im.check(len(s.im.Data)); err != nil {
		return err
	}
	if s.im.Shape[0] > math.MaxUint16 || s.im.Shape[1] > math.MaxUint16 {
		return fmt.Errorf("%w: slices of %d×%d", ErrTooLarge, s.im.Shape[0], s.im.Shape[1])
	}
	a, spacing := s.im.Affine, s.im.Spacing()
	for c := range 2 {
		s.orientation = append(s.orientation, -a[0][c]/spacing[c], -a[1][c]/spacing[c], a[2][c]/spacing[c])
	}
	row, col := [3]float64(s.orientation[:3]), [3]float64(s.orientation[3:])
	switch {
	case a.Det() <= 0:
		return fmt.Errorf("%w: its axes are left-handed", ErrBadAffine)
	case math.Abs(dot(row, col)) > 1e-4:
		return fmt.Errorf("%w: its first two axes are not at right angles", ErrBadAffine)
	}
	low, high, wholes := math.Inf(1), math.Inf(-1), true
	for i, v := range s.im.Data {
		x := float64(v)
		if !finite(x) {
			return fmt.Errorf("%w: voxel %d is %g", ErrRange, i, x)
		}
		low, high, wholes = min(low, x), max(high, x), wholes && x == math.Trunc(x)
	}
	s.slope, s.inter, s.signed = 1, 0, 1
	if !wholes || low < math.MinInt16 || high > math.MaxInt16 {
		s.slope, s.inter, s.signed = rounded((high-low)/math.MaxUint16), rounded(low), 0
		if s.slope == 0 {
			s.slope = 1
		}
	}
	return nil
}

// rounded is a number as 16 characters hold it.
func rounded(v float64) float64 {
	out, err := dcm.New(dcm.Decimal(dcm.RescaleSlope, v)).Floats(dcm.RescaleSlope)
	if err != nil || len(out) != 1 {
		return v
	}
	return out[0]
}

func (s *seriesWriter) uid(word string) string {
	sum := sha256.Sum256([]byte(word + "\x00" + s.o.Identity))
	return uidOf(sum[:])
}

// slice writes one image.
func (s *seriesWriter) slice(w io.Writer, k int) error {
	nx, ny := s.im.Shape[0], s.im.Shape[1]
	instance := s.uid(fmt.Sprint("image ", k))
	spacing := s.im.Spacing()
	at := s.im.Affine.Apply([3]float64{0, 0, float64(k)})
	d := dcm.New(
		dcm.Text(dcm.SpecificCharacterSet, "ISO_IR 192"), dcm.Text(dcm.ImageType, "DERIVED", "SECONDARY", "AXIAL"),
		dcm.Text(dcm.SOPClassUID, s.class[0]), dcm.Text(dcm.SOPInstanceUID, instance),
		dcm.Text(dcm.StudyDate), dcm.Text(dcm.StudyTime), dcm.Text(dcm.AccessionNumber), dcm.Text(dcm.Modality, s.class[1]),
		dcm.Text(dcm.Manufacturer), dcm.Text(dcm.ReferringPhysicianName), dcm.Text(dcm.SeriesDescription, clean(s.o.Description)),
		dcm.Text(dcm.PatientName), dcm.Text(dcm.PatientID, clean(s.o.PatientID)), dcm.Text(dcm.PatientBirthDate), dcm.Text(dcm.PatientSex),
		dcm.Decimal(dcm.SliceThickness, spacing[2]),
		dcm.Text(dcm.StudyInstanceUID, s.uid("study")), dcm.Text(dcm.SeriesInstanceUID, s.uid("series")),
		dcm.Text(dcm.StudyID), dcm.Uint(dcm.SeriesNumber, 1), dcm.Text(dcm.AcquisitionNumber), dcm.Uint(dcm.InstanceNumber, k+1),
		dcm.Decimal(dcm.ImagePositionPatient, -at[0], -at[1], at[2]), dcm.Decimal(dcm.ImageOrientationPatient, s.orientation...),
		dcm.Text(dcm.FrameOfReferenceUID, s.uid("frame of reference")), dcm.Text(dcm.PositionReference),
		dcm.Uint(dcm.SamplesPerPixel, 1), dcm.Text(dcm.Photometric, "MONOCHROME2"), dcm.Uint(dcm.Rows, ny), dcm.Uint(dcm.Columns, nx),
		dcm.Decimal(dcm.PixelSpacing, spacing[1], spacing[0]),
		dcm.Uint(dcm.BitsAllocated, 16), dcm.Uint(dcm.BitsStored, 16), dcm.Uint(dcm.HighBit, 15), dcm.Uint(dcm.PixelRepresentation, s.signed),
		dcm.Decimal(dcm.RescaleIntercept, s.inter), dcm.Decimal(dcm.RescaleSlope, s.slope),
	)
	switch s.o.Modality {
	case "ct":
		d.Set(dcm.Text(dcm.RescaleType, "HU"))
		d.Set(dcm.Text(dcm.KVP))
	case "mri": // a research sequence of which no more is known
		for _, e := range []dcm.Element{
			dcm.Text(dcm.ScanningSequence, "RM"), dcm.Text(dcm.SequenceVariant, "NONE"), dcm.Text(dcm.ScanOptions),
			dcm.Text(dcm.MRAcquisitionType), dcm.Text(dcm.EchoTime), dcm.Text(dcm.EchoTrainLength),
		} {
			d.Set(e)
		}
	}
	head := d.Append(dcm.AppendMeta(nil, s.class[0], instance, dcm.ExplicitLittle, implementation))
	size := 2 * nx * ny
	if _, err := w.Write(dcm.AppendHead(head, dcm.PixelData, "OW", uint32(size))); err != nil { //nolint:gosec // each side has 16 bits
		return err
	}
	out := make([]byte, size)
	for i, v := range s.im.Data[k*nx*ny:][:nx*ny] {
		stored := math.RoundToEven((float64(v) - s.inter) / s.slope)
		if s.signed == 0 {
			stored = max(0, min(math.MaxUint16, stored)) // rounding of the slope may leave less than a step
		}
		binary.LittleEndian.PutUint16(out[2*i:], uint16(int32(stored))) //nolint:gosec // prepare checked the range
	}
	_, err := w.Write(out)
	return err
}

// clean makes a text fit for a value of up to 64 characters.
func clean(v string) string {
	r := []rune(v)
	for i, c := range r {
		if c < ' ' || c == '\\' {
			r[i] = '_'
		}
	}
	return string(r[:min(64, len(r))])
}
