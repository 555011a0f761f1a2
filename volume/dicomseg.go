package volume

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"satgraph/volume/internal/dcm"
	"satgraph/volume/segcode"
)

// ErrEmptyMask says: a mask without voxels, which a DICOM segmentation cannot
// hold.
var ErrEmptyMask = errors.New("mask has no voxels")

// Segment describes one structure of a DICOM segmentation.
type Segment struct {
	// Name is the SegmentLabel, up to 64 characters.
	Name        string
	Description string
	Codes       segcode.Codes
	// Color is what to show it in, as sRGB; black for none.
	Color [3]uint8
	// Algorithm names the model that drew it, or whose annotation it is.
	Algorithm string
	// Annotated says that people drew it or had a hand in it (SEMIAUTOMATIC).
	Annotated bool
}

// SEGOptions says what a DICOM segmentation tells of itself.
type SEGOptions struct {
	// Time is when the content was made; the zero time means now.
	Time time.Time
	// Description is the SeriesDescription; SeriesNumber its number, 0 for 1000.
	Description  string
	SeriesNumber int
	// Version is the program's, for SoftwareVersions.
	Version string
}

// SEG writes a DICOM segmentation (PS3.3 A.51) of a series: BINARY, one segment a
// structure, one frame for each slice of it that is not empty, on the planes of
// the series and with references to its images. Segments are added one by one
// and go to disk at once, so that no more than one mask need be in memory; they
// may overlap.
//
// Where the source's UIDs are blank, new ones take their place and references to
// images are left out.
type SEG struct {
	path     string
	series   *Series
	grid     Grid
	options  SEGOptions
	segments []Segment
	frames   []segFrame
	spool    *os.File
	out      *bitStream
	sum      hash.Hash
}

type segFrame struct{ segment, slice int }

// NewSEG begins a segmentation that Close will write to path. ErrShape where the
// series has not as many slices as the grid.
func NewSEG(path string, series *Series, g Grid, o SEGOptions) (_ *SEG, err error) {
	if len(series.Slices) != g.Shape[2] || series.head == nil {
		return nil, fileError("write", path, fmt.Errorf("%w: a series of %d slices, a grid of %v", ErrShape, len(series.Slices), g.Shape))
	}
	if o.Time.IsZero() {
		o.Time = time.Now()
	}
	s := &SEG{path: path, series: series, grid: g, options: o, sum: sha256.New()}
	if s.spool, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp"); err != nil {
		return nil, fileError("write", path, err)
	}
	s.out = &bitStream{w: io.MultiWriter(s.spool, s.sum)}
	return s, nil
}

// Add writes a segment's frames. ErrEmptyMask and ErrShape leave the segmentation
// as it was; after any other error it must be aborted.
func (s *SEG) Add(seg Segment, m *Bits) error {
	if m.Shape != s.grid.Shape || !m.Equal(s.grid, gridSlack) {
		return fileError("write", s.path, fmt.Errorf("%w: the mask of %q is on another grid than the series", ErrShape, seg.Name))
	}
	if len(s.segments) == math.MaxUint16 {
		return fileError("write", s.path, fmt.Errorf("%w: more than %d segments", ErrTooLarge, math.MaxUint16))
	}
	nx, area := s.grid.Shape[0], s.grid.Shape[0]*s.grid.Shape[1]
	frame, slice := make([]byte, (area+7)/8), -1
	var err error
	flush := func() {
		if slice >= 0 {
			s.frames = append(s.frames, segFrame{len(s.segments) + 1, slice})
			err = s.out.write(frame, area)
			clear(frame)
		}
	}
	m.Runs(func(r Run) bool {
		if r.K != slice {
			flush()
			slice = r.K
		}
		for p := r.J*nx + r.From; p < r.J*nx+r.To; p++ {
			frame[p/8] |= 1 << (p % 8)
		}
		return err == nil
	})
	if err == nil {
		flush()
	}
	if slice < 0 {
		return fileError("write", s.path, fmt.Errorf("%w: %q", ErrEmptyMask, seg.Name))
	}
	s.segments = append(s.segments, seg)
	return fileError("write", s.path, err)
}

// Abort gives up and leaves nothing.
func (s *SEG) Abort() {
	_ = s.spool.Close()
	_ = os.Remove(s.spool.Name())
}

// Close writes the file, whole or not at all. ErrEmptyMask where no segment was
// added.
func (s *SEG) Close() error {
	defer s.Abort()
	if len(s.segments) == 0 {
		return fileError("write", s.path, fmt.Errorf("%w: no segment", ErrEmptyMask))
	}
	if err := s.out.flush(); err != nil {
		return fileError("write", s.path, err)
	}
	size := s.out.bytes + s.out.bytes&1
	if size >= math.MaxUint32 {
		return fileError("write", s.path, fmt.Errorf("%w: %d bytes of frames", ErrTooLarge, size))
	}
	head := s.header()
	return WriteAtomic(s.path, func(w io.Writer) error {
		if _, err := w.Write(dcm.AppendHead(head, dcm.PixelData, "OB", uint32(size))); err != nil { //nolint:gosec // it was checked
			return err
		}
		if _, err := io.Copy(w, io.NewSectionReader(s.spool, 0, s.out.bytes)); err != nil {
			return err
		}
		_, err := w.Write(make([]byte, size-s.out.bytes))
		return err
	})
}

// bitStream packs frames bit after bit, the first pixel in the lowest bit, with
// no gap between frames (PS3.5 8.1.1).
type bitStream struct {
	w     io.Writer
	bytes int64
	rest  byte
	used  int // bits of rest
}

func (b *bitStream) write(frame []byte, n int) error {
	if b.used == 0 && n%8 == 0 {
		b.bytes += int64(len(frame))
		_, err := b.w.Write(frame)
		return err
	}
	out := make([]byte, 0, len(frame)+1)
	for _, v := range frame {
		k := min(8, n)
		n -= k
		v &= 0xff >> (8 - k)
		b.rest |= v << b.used
		if b.used+k < 8 {
			b.used += k
			continue
		}
		out = append(out, b.rest)
		b.rest, b.used = v>>(8-b.used), b.used+k-8
	}
	b.bytes += int64(len(out))
	_, err := b.w.Write(out)
	return err
}

func (b *bitStream) flush() error {
	if b.used == 0 {
		return nil
	}
	b.bytes++
	b.used = 0
	_, err := b.w.Write([]byte{b.rest})
	return err
}

// implementation is the program's ImplementationClassUID.
const implementation = "2.25.254817466087134622961346275411063284257"

// uid makes a UID of what the segmentation holds and a word, by PS3.5 B.2: the
// same content at the same time has the same UID.
func (s *SEG) uid(word string) string {
	h := sha256.New()
	h.Write(s.sum.Sum(nil))
	_, _ = fmt.Fprint(h, word, s.options.Time.UnixNano(), s.series.UID)
	for _, seg := range s.segments {
		_, _ = fmt.Fprint(h, seg)
	}
	return uidOf(h.Sum(nil))
}

// standIn is a UID in place of a blank one of the source: the same for all that
// is made of the series.
func (s *SEG) standIn(uid, word string) string {
	if uid != "" {
		return uid
	}
	h := sha256.New()
	_, _ = fmt.Fprint(h, word, s.series.UID, s.series.StudyUID, s.grid, s.series.head.String(dcm.StudyDate), s.series.head.String(dcm.StudyTime))
	return uidOf(h.Sum(nil))
}

func uidOf(sum []byte) string { return "2.25." + new(big.Int).SetBytes(sum[:16]).String() }

const segmentationClass = "1.2.840.10008.5.1.4.1.1.66.4"

// header encodes all but the pixel data.
func (s *SEG) header() []byte {
	instance := s.uid("instance")
	d := s.instance(instance)
	for _, e := range s.image() {
		d.Set(e)
	}
	return d.Append(dcm.AppendMeta(nil, segmentationClass, instance, dcm.ExplicitLittle, implementation))
}

// instance says whose and what the segmentation is.
func (s *SEG) instance(instance string) *dcm.Dataset {
	src, o := s.series.head, s.options
	d := dcm.New()
	for _, t := range []dcm.Tag{ // type 2 at least: there, if empty
		dcm.PatientName, dcm.PatientID, dcm.PatientBirthDate, dcm.PatientSex, dcm.StudyDate, dcm.StudyTime,
		dcm.AccessionNumber, dcm.ReferringPhysicianName, dcm.StudyID, dcm.PositionReference,
	} {
		e := dcm.Text(t)
		if v, ok := src.Get(t); ok {
			e.Value = v.Value
		}
		d.Set(e)
	}
	for _, t := range []dcm.Tag{dcm.SpecificCharacterSet, dcm.PatientAge, dcm.PatientSize, dcm.PatientWeight, dcm.StudyDescription} {
		if v, ok := src.Get(t); ok && len(v.Value) > 0 {
			e := dcm.Text(t)
			e.Value = v.Value
			d.Set(e)
		}
	}
	if !d.Has(dcm.SpecificCharacterSet) {
		d.Set(dcm.Text(dcm.SpecificCharacterSet, "ISO_IR 192"))
	}
	number := o.SeriesNumber
	if number == 0 {
		number = 1000
	}
	date, clock := o.Time.Format("20060102"), o.Time.Format("150405")
	for _, e := range []dcm.Element{
		dcm.Text(dcm.SOPClassUID, segmentationClass), dcm.Text(dcm.SOPInstanceUID, instance),
		dcm.Text(dcm.StudyInstanceUID, s.standIn(s.series.StudyUID, "study")),
		dcm.Text(dcm.SeriesInstanceUID, s.uid("series")), dcm.Uint(dcm.SeriesNumber, number),
		dcm.Text(dcm.Modality, "SEG"), dcm.Text(dcm.SeriesDescription, s.text(o.Description, 64)),
		dcm.Text(dcm.SeriesDate, date), dcm.Text(dcm.SeriesTime, clock),
		dcm.Text(dcm.ContentDate, date), dcm.Text(dcm.ContentTime, clock), dcm.Uint(dcm.InstanceNumber, 1),
		dcm.Text(dcm.FrameOfReferenceUID, s.standIn(s.series.FrameOfReferenceUID, "frame of reference")),
		dcm.Text(dcm.Manufacturer, "satgraph"), dcm.Text(dcm.ManufacturerModelName, "satgraph"),
		dcm.Text(dcm.DeviceSerialNumber, "1"), dcm.Text(dcm.SoftwareVersions, s.text(o.Version, 64)),
		dcm.Text(dcm.ContentLabel, "SEGMENTATION"), dcm.Text(dcm.ContentDescription, s.text(o.Description, 64)),
		dcm.Text(dcm.ContentCreatorName, "satgraph"),
	} {
		d.Set(e)
	}
	if refs := s.references(); len(refs) > 0 && s.series.UID != "" {
		d.Set(dcm.Sequence(dcm.ReferencedSeriesSequence, dcm.New(
			dcm.Text(dcm.SeriesInstanceUID, s.series.UID), dcm.Sequence(dcm.ReferencedInstanceSequence, refs...))))
	}
	return d
}

// text makes a text fit for the character set of the source's patient data:
// where that is not UTF-8, only ASCII is certain.
func (s *SEG) text(v string, most int) string {
	utf := !s.series.head.Has(dcm.SpecificCharacterSet) || s.series.head.String(dcm.SpecificCharacterSet) == "ISO_IR 192"
	v = strings.Map(func(r rune) rune {
		if r < ' ' || r == '\\' || r > '~' && !utf {
			return '_'
		}
		return r
	}, v)
	if r := []rune(v); len(r) > most {
		v = string(r[:most])
	}
	return v
}

// references lists the source's images, each once.
func (s *SEG) references() (out []*dcm.Dataset) {
	seen := map[string]bool{}
	for _, sl := range s.series.Slices {
		if sl.InstanceUID == "" || sl.ClassUID == "" || seen[sl.InstanceUID] {
			continue
		}
		seen[sl.InstanceUID] = true
		out = append(out, dcm.New(dcm.Text(dcm.ReferencedSOPClassUID, sl.ClassUID), dcm.Text(dcm.ReferencedSOPInstanceUID, sl.InstanceUID)))
	}
	return out
}

// image says what the frames are and where they lie.
func (s *SEG) image() []dcm.Element {
	organization := s.uid("dimensions")
	dimension := func(pointer, group dcm.Tag, label string) *dcm.Dataset {
		return dcm.New(dcm.Text(dcm.DimensionOrganizationUID, organization), dcm.Tags(dcm.DimensionIndexPointer, pointer),
			dcm.Tags(dcm.FunctionalGroupPointer, group), dcm.Text(dcm.DimensionDescriptionLabel, label))
	}
	segments := make([]*dcm.Dataset, len(s.segments))
	for n, seg := range s.segments {
		segments[n] = s.describe(n+1, seg)
	}
	frames := make([]*dcm.Dataset, len(s.frames))
	for n, f := range s.frames {
		frames[n] = s.frame(f)
	}
	step := s.grid.Spacing()[2]
	return []dcm.Element{
		dcm.Text(dcm.ImageType, "DERIVED", "PRIMARY"), dcm.Text(dcm.LossyImageCompression, "00"),
		dcm.Uint(dcm.SamplesPerPixel, 1), dcm.Text(dcm.Photometric, "MONOCHROME2"), dcm.Uint(dcm.NumberOfFrames, len(s.frames)),
		dcm.Uint(dcm.Rows, s.grid.Shape[1]), dcm.Uint(dcm.Columns, s.grid.Shape[0]),
		dcm.Uint(dcm.BitsAllocated, 1), dcm.Uint(dcm.BitsStored, 1), dcm.Uint(dcm.HighBit, 0), dcm.Uint(dcm.PixelRepresentation, 0),
		dcm.Text(dcm.SegmentationType, "BINARY"), dcm.Text(dcm.SegmentsOverlap, "UNDEFINED"),
		dcm.Sequence(dcm.SegmentSequence, segments...),
		dcm.Sequence(dcm.DimensionOrganizationSeq, dcm.New(dcm.Text(dcm.DimensionOrganizationUID, organization))),
		dcm.Sequence(dcm.DimensionIndexSequence,
			dimension(dcm.ReferencedSegmentNumber, dcm.SegmentIdentificationSeq, "Segment"),
			dimension(dcm.ImagePositionPatient, dcm.PlanePositionSequence, "Position")),
		dcm.Sequence(dcm.SharedFunctionalGroups, dcm.New(
			dcm.Sequence(dcm.PlaneOrientationSequence, dcm.New(dcm.Decimal(dcm.ImageOrientationPatient, s.series.Orientation[:]...))),
			dcm.Sequence(dcm.PixelMeasuresSequence, dcm.New(
				dcm.Decimal(dcm.PixelSpacing, s.series.Spacing[:]...), dcm.Decimal(dcm.SliceThickness, step),
				dcm.Decimal(dcm.SpacingBetweenSlices, step))))),
		dcm.Sequence(dcm.PerFrameFunctionalGroups, frames...),
	}
}

func coded(t dcm.Tag, c segcode.Code) dcm.Element {
	return dcm.Sequence(t, dcm.New(dcm.Text(dcm.CodeValue, c.Value), dcm.Text(dcm.CodingSchemeDesignator, c.Scheme),
		dcm.Text(dcm.CodeMeaning, c.Meaning)))
}

func (s *SEG) describe(number int, seg Segment) *dcm.Dataset {
	c := seg.Codes
	c.Type.Meaning = s.text(c.Type.Meaning, 64)
	if c.Site != (segcode.Code{}) && c.Side != (segcode.Code{}) {
		// The side is that of the site, which the finding shares.
		c.Site.Meaning = s.text(c.Site.Meaning, 64)
	}
	typed := coded(dcm.SegmentedPropertyTypeSeq, c.Type)
	drawn := "AUTOMATIC"
	if seg.Annotated {
		drawn = "SEMIAUTOMATIC"
	}
	d := dcm.New(
		dcm.Uint(dcm.SegmentNumber, number), dcm.Text(dcm.SegmentLabel, s.text(seg.Name, 64)),
		dcm.Text(dcm.SegmentAlgorithmType, drawn), dcm.Text(dcm.SegmentAlgorithmName, s.text(orElse(seg.Algorithm, "satgraph"), 64)),
		coded(dcm.SegmentedPropertyCategorySeq, c.Category),
	)
	switch {
	case c.Site != (segcode.Code{}):
		site := coded(dcm.AnatomicRegionSequence, c.Site)
		if c.Side != (segcode.Code{}) {
			site.Items[0].Set(coded(dcm.AnatomicRegionModifierSeq, c.Side))
		}
		d.Set(site)
	case c.Side != (segcode.Code{}):
		typed.Items[0].Set(coded(dcm.SegmentedPropertyModifierSeq, c.Side))
	}
	d.Set(typed)
	if seg.Description != "" {
		d.Set(dcm.Text(dcm.SegmentDescription, s.text(seg.Description, 1024)))
	}
	if seg.Color != ([3]uint8{}) {
		d.Set(dcm.Uint(dcm.RecommendedDisplayCIELab, cieLab(seg.Color)...))
	}
	return d
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s *SEG) frame(f segFrame) *dcm.Dataset {
	sl := s.series.Slices[f.slice]
	derivation := dcm.Sequence(dcm.DerivationImageSequence)
	if sl.InstanceUID != "" && sl.ClassUID != "" {
		source := dcm.New(dcm.Text(dcm.ReferencedSOPClassUID, sl.ClassUID), dcm.Text(dcm.ReferencedSOPInstanceUID, sl.InstanceUID),
			coded(dcm.PurposeOfReferenceCodeSeq, segcode.Code{Value: "121322", Scheme: "DCM", Meaning: "Source image for image processing operation"}))
		if sl.Frame > 0 {
			source.Set(dcm.Uint(dcm.ReferencedFrameNumber, sl.Frame))
		}
		derivation.Items = append(derivation.Items, dcm.New(
			dcm.Sequence(dcm.SourceImageSequence, source),
			coded(dcm.DerivationCodeSequence, segcode.Code{Value: "113076", Scheme: "DCM", Meaning: "Segmentation"})))
	}
	return dcm.New(derivation,
		dcm.Sequence(dcm.FrameContentSequence, dcm.New(dcm.Uint(dcm.DimensionIndexValues, f.segment, f.slice+1))),
		dcm.Sequence(dcm.PlanePositionSequence, dcm.New(dcm.Decimal(dcm.ImagePositionPatient, sl.Position[:]...))),
		dcm.Sequence(dcm.SegmentIdentificationSeq, dcm.New(dcm.Uint(dcm.ReferencedSegmentNumber, f.segment))))
}

// cieLab is a colour as DICOM keeps it: L*, a*, b* of CIE 1976 under D65, scaled
// to 16 bits (PS3.3 C.10.7.1.1).
func cieLab(rgb [3]uint8) []int {
	var lin [3]float64
	for i, v := range rgb {
		c := float64(v) / 255
		if lin[i] = c / 12.92; c > 0.04045 {
			lin[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124*lin[0] + 0.3576*lin[1] + 0.1805*lin[2]) / 0.9505)
	y := f(0.2126*lin[0] + 0.7152*lin[1] + 0.0722*lin[2])
	z := f((0.0193*lin[0] + 0.1192*lin[1] + 0.9505*lin[2]) / 1.089)
	scale := func(v, low, span float64) int {
		return int(math.Round(max(0, min(1, (v-low)/span)) * 65535))
	}
	return []int{scale(116*y-16, 0, 100), scale(500*(x-y), -128, 255), scale(200*(y-z), -128, 255)}
}
