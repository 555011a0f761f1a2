package volume

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/internal/npy"
	"satgraph/volume/internal/dcm"
)

// slice crafts one CT slice of 3×2 pixels, 0.5 mm between columns and 2 mm
// between rows, at a height z; change may alter it.
func slice(t testing.TB, z float64, change func(d *dcm.Dataset)) []byte {
	t.Helper()
	pixels := make([]byte, 12)
	for i := range 6 {
		binary.LittleEndian.PutUint16(pixels[2*i:], uint16(int(z)*10+i))
	}
	d := dcm.New(
		dcm.Text(dcm.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2"),
		dcm.Text(dcm.SOPInstanceUID, fmt.Sprintf("1.2.%d", int(z*100)+100000)),
		dcm.Text(dcm.Modality, "CT"), dcm.Text(dcm.SeriesInstanceUID, "1.9"), dcm.Text(dcm.StudyInstanceUID, "1.8"),
		dcm.Text(dcm.FrameOfReferenceUID, "1.7"),
		dcm.Decimal(dcm.ImagePositionPatient, 10, 20, z), dcm.Decimal(dcm.ImageOrientationPatient, 1, 0, 0, 0, 1, 0),
		dcm.Decimal(dcm.PixelSpacing, 2, 0.5), dcm.Decimal(dcm.SliceThickness, 5),
		dcm.Uint(dcm.Rows, 2), dcm.Uint(dcm.Columns, 3), dcm.Uint(dcm.SamplesPerPixel, 1),
		dcm.Text(dcm.Photometric, "MONOCHROME2"),
		dcm.Uint(dcm.BitsAllocated, 16), dcm.Uint(dcm.BitsStored, 16), dcm.Uint(dcm.HighBit, 15),
		dcm.Uint(dcm.PixelRepresentation, 1),
		dcm.Element{Tag: dcm.PixelData, VR: "OW", Value: pixels},
	)
	if change != nil {
		change(d)
	}
	return d.Append(dcm.AppendMeta(nil, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", dcm.ExplicitLittle, "1.2"))
}

// folder writes files 0.dcm, 1.dcm, ... into a new folder.
func folder(t testing.TB, files ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, b := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.dcm", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func set(elements ...dcm.Element) func(*dcm.Dataset) {
	return func(d *dcm.Dataset) {
		for _, e := range elements {
			d.Set(e)
		}
	}
}

func TestSeriesIsSortedByPosition(t *testing.T) {
	// Names and instance numbers run against the position.
	number := func(n int) func(*dcm.Dataset) { return set(dcm.Uint(dcm.InstanceNumber, n)) }
	dir := folder(t, slice(t, 3, number(1)), slice(t, -1, number(3)), slice(t, 1, number(2)))
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := ReadImage(dir, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := Grid{Shape: [3]int{3, 2, 3}, Affine: Affine{{-0.5, 0, 0, -10}, {0, -2, 0, -20}, {0, 0, 2, -1}, {0, 0, 0, 1}}}
	if im.Grid != want {
		t.Errorf("grid %v, want %v", im.Grid, want)
	}
	if data := []float32{-10, -9, -8, -7, -6, -5, 10, 11, 12, 13, 14, 15, 30, 31, 32, 33, 34, 35}; !slices.Equal(im.Data, data) {
		t.Errorf("%v, want %v", im.Data, data)
	}
	if len(im.Warnings) != 1 || !strings.Contains(im.Warnings[0], "1 files") {
		t.Errorf("warnings %q", im.Warnings)
	}
	info, err := ReadInfo(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Modality != "ct" || info.Series.Images != 3 || info.Orientation != "LPS" || info.DType != "int16" {
		t.Errorf("%+v", info)
	}
}

func TestSeriesThatFormNoVolume(t *testing.T) {
	ok := func(z float64) []byte { return slice(t, z, nil) }
	for name, c := range map[string]struct {
		dir  string
		err  error
		word string
	}{
		"a slice is missing":  {folder(t, ok(0), ok(2), ok(6), ok(8)), ErrSeries, "about 1 missing"},
		"uneven":              {folder(t, ok(0), ok(2), ok(4.5), ok(6.5)), ErrSeries, "evenly"},
		"at the same place":   {folder(t, ok(0), ok(2), slice(t, 2, set(dcm.Text(dcm.SOPInstanceUID, "1.5"), dcm.Decimal(dcm.EchoTime, 30)))), ErrSeries, "EchoTime"},
		"another shape":       {folder(t, ok(0), slice(t, 2, set(dcm.Uint(dcm.Rows, 3), dcm.Uint(dcm.Columns, 2)))), ErrSeries, "shape"},
		"another orientation": {folder(t, ok(0), slice(t, 2, set(dcm.Decimal(dcm.ImageOrientationPatient, 0, 1, 0, 0, 0, 1)))), ErrSeries, "orientation"},
		"another spacing":     {folder(t, ok(0), slice(t, 2, set(dcm.Decimal(dcm.PixelSpacing, 2, 0.6)))), ErrSeries, "spacing"},
		"no place":            {folder(t, slice(t, 2, set(dcm.Text(dcm.ImagePositionPatient)))), ErrBadAffine, "ImagePositionPatient"},
		"no orientation":      {folder(t, slice(t, 2, set(dcm.Decimal(dcm.ImageOrientationPatient, 1, 0, 0, 1, 0, 0)))), ErrBadAffine, "right angles"},
		"colour":              {folder(t, slice(t, 2, set(dcm.Uint(dcm.SamplesPerPixel, 3), dcm.Uint(dcm.BitsAllocated, 0), dcm.Text(dcm.Photometric, "RGB")))), ErrUnsupported, "RGB"},
		"a table":             {folder(t, slice(t, 2, set(dcm.Sequence(dcm.ModalityLUTSequence, dcm.New())))), ErrUnsupported, "LUT"},
		"a segmentation":      {folder(t, slice(t, 2, set(dcm.Text(dcm.SOPClassUID), dcm.Text(dcm.Modality, "SEG")))), ErrNotImage, "SEG"},
		"nothing":             {t.TempDir(), ErrSeries, "no files"},
		"no DICOM":            {folder(t, []byte("text")), ErrSeries, "no DICOM file"},
		"a text for a number": {folder(t, slice(t, 2, set(dcm.Text(dcm.SliceThickness, "5 mm")))), ErrBadHeader, "5 mm"},
		"not finite":          {folder(t, slice(t, 2, set(dcm.Text(dcm.PixelSpacing, `NaN\1`)))), ErrBadHeader, "finite"},
		"a syntax":            {folder(t, encapsulated(t, "1.2.840.10008.1.2.4.201", []byte{1, 2})), ErrSyntax, "High-Throughput"},
		"damaged JPEG 2000":   {folder(t, encapsulated(t, "1.2.840.10008.1.2.4.90", []byte{0xff, 0x4f, 0xff, 0x51})), ErrCorrupt, "JPEG 2000"},
	} {
		_, err := ReadImage(c.dir, ReadOptions{})
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v; want %v with %q", name, err, c.err, c.word)
		}
	}
}

// encapsulated crafts a slice of compressed pixels.
func encapsulated(t testing.TB, syntax string, fragments ...[]byte) []byte {
	t.Helper()
	return encapsulatedAs(t, syntax, set(), fragments...)
}

func encapsulatedAs(t testing.TB, syntax string, change func(*dcm.Dataset), fragments ...[]byte) []byte {
	t.Helper()
	b := slice(t, 0, func(d *dcm.Dataset) {
		change(d)
		d.Elements = slices.DeleteFunc(d.Elements, func(e dcm.Element) bool { return e.Tag == dcm.PixelData })
	})
	b = slices.Concat(dcm.AppendMeta(nil, "1.2", "1.3", syntax, "1.2"), b[len(dcm.AppendMeta(nil, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", dcm.ExplicitLittle, "1.2")):])
	b = dcm.AppendHead(b, dcm.PixelData, "OB", 0xffffffff)
	for _, f := range append([][]byte{nil}, fragments...) {
		b = binary.LittleEndian.AppendUint32(append(b, 0xfe, 0xff, 0, 0xe0), uint32(len(f)))
		b = append(b, f...)
	}
	return append(b, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0)
}

// Each compressed transfer syntax, as its own encoder wrote it, in one or several
// fragments; a signed image keeps its sign.
func TestCompressedSyntaxes(t *testing.T) {
	for name, c := range map[string]struct {
		syntax string
		bits   int
	}{
		"dct-8": {"1.2.840.10008.1.2.4.50", 8}, "dct-12": {"1.2.840.10008.1.2.4.51", 12},
		"lossless-4": {"1.2.840.10008.1.2.4.57", 12}, "lossless-16": {"1.2.840.10008.1.2.4.70", 16},
		"ls-12": {"1.2.840.10008.1.2.4.80", 12}, "ls-near": {"1.2.840.10008.1.2.4.81", 12},
	} {
		b, err := os.ReadFile("internal/jpegx/testdata/" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		want, err := npy.ReadFile("internal/jpegx/testdata/" + name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		for _, signed := range []int{0, 1} {
			half := len(b) / 2
			file := encapsulatedAs(t, c.syntax, set(
				dcm.Uint(dcm.Rows, want.Shape[0]), dcm.Uint(dcm.Columns, want.Shape[1]), dcm.Uint(dcm.BitsAllocated, (c.bits+7)/8*8),
				dcm.Uint(dcm.BitsStored, c.bits), dcm.Uint(dcm.HighBit, c.bits-1), dcm.Uint(dcm.PixelRepresentation, signed),
			), b[:half], b[half:])
			im, err := ReadImage(folder(t, file), ReadOptions{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, v := range want.Float64s() {
				if signed == 1 && v >= float64(int(1)<<(c.bits-1)) {
					v -= float64(int(1) << c.bits)
				}
				if d := math.Abs(v - float64(im.Data[i])); d > 1 || d > 0 && c.bits != 8 && name != "dct-12" {
					t.Errorf("%s: voxel %d is %g, want %g", name, i, im.Data[i], v)
					break
				}
			}
		}
	}
}

func TestSeriesIsChosen(t *testing.T) {
	other := set(dcm.Text(dcm.SeriesInstanceUID), dcm.Text(dcm.SeriesDescription, "scout"))
	dir := folder(t, slice(t, 0, nil), slice(t, 2, nil), slice(t, 0, other))
	_, err := ReadImage(dir, ReadOptions{})
	list, ok := errors.AsType[*SeriesError](err)
	if !ok || !errors.Is(err, ErrSeries) || len(list.Series) != 2 || !strings.Contains(err.Error(), "scout") {
		t.Fatal(err)
	}
	for uid, slices := range map[string]int{"1.9": 2, BlankSeries: 1} {
		im, err := ReadImage(dir, ReadOptions{Series: uid})
		if err != nil || im.Shape[2] != slices {
			t.Errorf("%s: %v %v", uid, im, err)
		}
	}
	if _, err := ReadImage(dir, ReadOptions{Series: "1.2.3"}); !errors.Is(err, ErrSeries) || !strings.Contains(err.Error(), "no series 1.2.3") {
		t.Error(err)
	}
}

// A tilted gantry shifts slices against each other: the affine is sheared and
// every voxel lies where its slice's own header puts it.
func TestGantryTilt(t *testing.T) {
	var files [][]byte
	for i := range 4 {
		z := float64(2 * i)
		files = append(files, slice(t, z, set(dcm.Decimal(dcm.ImagePositionPatient, 10, 20+0.5*float64(i), z))))
	}
	im, err := ReadImage(folder(t, files...), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p, want := im.Affine.Apply([3]float64{1, 1, 3}), [3]float64{-10.5, -23.5, 6}; p != want {
		t.Errorf("voxel (1,1,3) lies at %v, want %v", p, want)
	}
	if len(im.Warnings) != 1 || !strings.Contains(im.Warnings[0], "14 degrees") {
		t.Errorf("warnings %q", im.Warnings)
	}
}

func TestStoredValues(t *testing.T) {
	pixels := func(b ...byte) dcm.Element { return dcm.Element{Tag: dcm.PixelData, VR: "OW", Value: b} }
	bits := func(allocated, stored, high, signed int) []dcm.Element {
		return []dcm.Element{
			dcm.Uint(dcm.BitsAllocated, allocated), dcm.Uint(dcm.BitsStored, stored), dcm.Uint(dcm.HighBit, high),
			dcm.Uint(dcm.PixelRepresentation, signed), dcm.Uint(dcm.Rows, 1), dcm.Uint(dcm.Columns, 2),
		}
	}
	for name, c := range map[string]struct {
		elements []dcm.Element
		want     [2]float32
	}{
		"8 bits":                     {append(bits(8, 8, 7, 0), pixels(1, 255)), [2]float32{1, 255}},
		"8 bits signed":              {append(bits(8, 8, 7, 1), pixels(1, 255)), [2]float32{1, -1}},
		"12 bits, overlay":           {append(bits(16, 12, 11, 0), pixels(1, 0xf0, 0xff, 0xff)), [2]float32{1, 4095}},
		"12 bits signed":             {append(bits(16, 12, 11, 1), pixels(1, 0xf8, 0xff, 0x0f)), [2]float32{-2047, -1}},
		"12 bits, at the top":        {append(bits(16, 12, 15, 1), pixels(0x1f, 0, 0xff, 0xff)), [2]float32{1, -1}},
		"16 bits unsigned":           {append(bits(16, 16, 15, 0), pixels(0, 0, 0xff, 0xff)), [2]float32{0, 65535}},
		"32 bits":                    {append(bits(32, 32, 31, 0), pixels(0, 0, 0, 0x80, 1, 0, 0, 0)), [2]float32{1 << 31, 1}},
		"32 bits signed":             {append(bits(32, 32, 31, 1), pixels(0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff)), [2]float32{-1 << 31, -1}},
		"rescaled":                   {append(bits(8, 8, 7, 0), pixels(1, 2), dcm.Decimal(dcm.RescaleSlope, 0.5), dcm.Decimal(dcm.RescaleIntercept, -10)), [2]float32{-9.5, -9}},
		"MONOCHROME1 is no negative": {append(bits(8, 8, 7, 0), pixels(1, 2), dcm.Text(dcm.Photometric, "MONOCHROME1")), [2]float32{1, 2}},
	} {
		im, err := ReadImage(folder(t, slice(t, 0, set(c.elements...))), ReadOptions{})
		if err != nil || [2]float32(im.Data) != c.want {
			t.Errorf("%s: %v %v, want %v", name, im, err, c.want)
		}
	}
}

// PET scanners give every slice a scale of its own.
func TestRescalePerSlice(t *testing.T) {
	scale := func(v float64) func(*dcm.Dataset) {
		return set(dcm.Decimal(dcm.RescaleSlope, v), dcm.Text(dcm.Modality, "PT"), dcm.Text(dcm.Units, "BQML"))
	}
	im, err := ReadImage(folder(t, slice(t, 1, scale(2)), slice(t, 2, scale(0.25))), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if im.Data[0] != 20 || im.Data[6] != 5 || im.Modality != "pet" || len(im.Warnings) != 1 {
		t.Errorf("%v %s %q", im.Data, im.Modality, im.Warnings)
	}
}

// enhanced crafts an enhanced file: one frame at each height.
func enhanced(t testing.TB, heights ...float64) []byte {
	t.Helper()
	var each []*dcm.Dataset
	var pixels []byte
	for i, z := range heights {
		each = append(each, dcm.New(
			dcm.Sequence(dcm.PlanePositionSequence, dcm.New(dcm.Decimal(dcm.ImagePositionPatient, 0, 0, z))),
			dcm.Sequence(dcm.FrameContentSequence, dcm.New(dcm.Uint(dcm.DimensionIndexValues, 1, i+1))),
		))
		pixels = append(pixels, byte(z), byte(z)+1)
	}
	return slice(t, 0, func(d *dcm.Dataset) {
		keep := slices.DeleteFunc(d.Elements, func(e dcm.Element) bool {
			return e.Tag == dcm.ImagePositionPatient || e.Tag == dcm.ImageOrientationPatient || e.Tag == dcm.PixelSpacing
		})
		d.Elements = keep
		set(
			dcm.Text(dcm.SOPClassUID, "1.2.840.10008.5.1.4.1.1.4.1"), dcm.Text(dcm.Modality, "MR"),
			dcm.Uint(dcm.NumberOfFrames, len(heights)), dcm.Uint(dcm.Rows, 1), dcm.Uint(dcm.Columns, 2),
			dcm.Uint(dcm.BitsAllocated, 8), dcm.Uint(dcm.BitsStored, 8), dcm.Uint(dcm.HighBit, 7), dcm.Uint(dcm.PixelRepresentation, 0),
			dcm.Sequence(dcm.SharedFunctionalGroups, dcm.New(
				dcm.Sequence(dcm.PlaneOrientationSequence, dcm.New(dcm.Decimal(dcm.ImageOrientationPatient, 1, 0, 0, 0, 1, 0))),
				dcm.Sequence(dcm.PixelMeasuresSequence, dcm.New(dcm.Decimal(dcm.PixelSpacing, 1, 1), dcm.Decimal(dcm.SliceThickness, 3))),
				dcm.Sequence(dcm.PixelValueTransformationSeq, dcm.New(dcm.Decimal(dcm.RescaleSlope, 2), dcm.Decimal(dcm.RescaleIntercept, 1))),
			)),
			dcm.Sequence(dcm.PerFrameFunctionalGroups, each...),
			dcm.Element{Tag: dcm.PixelData, VR: "OB", Value: pixels},
		)(d)
	})
}

func TestMultiFrame(t *testing.T) {
	path := filepath.Join(folder(t, enhanced(t, 30, 10, 20)), "0.dcm")
	im, err := ReadImage(path, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{21, 23, 41, 43, 61, 63}; !slices.Equal(im.Data, want) || im.Modality != "mri" {
		t.Errorf("%v %s, want %v", im.Data, im.Modality, want)
	}
	if s := im.Series.Slices; s[0].Frame != 2 || s[2].Frame != 1 || im.Affine[2] != [4]float64{0, 0, 10, 10} {
		t.Errorf("%+v %v", s, im.Affine)
	}
	_, err = ReadImage(folder(t, enhanced(t, 10, 20, 20)), ReadOptions{})
	if !errors.Is(err, ErrSeries) || !strings.Contains(err.Error(), "2 (repetition 2 by InstanceNumber, 1 images)") {
		t.Error(err)
	}
}

func TestHostileDICOM(t *testing.T) {
	whole := slice(t, 0, nil)
	dir := t.TempDir()
	path := filepath.Join(dir, "x.dcm")
	for n := 132; n < len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadImage(path, ReadOptions{}); !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrBadHeader) {
			t.Fatalf("cut at byte %d of %d: %v", n, len(whole), err)
		}
	}
	deep := dcm.New()
	for range 40 {
		deep = dcm.New(dcm.Sequence(dcm.DerivationImageSequence, deep))
	}
	for name, c := range map[string]struct {
		b   []byte
		err error
	}{
		"nested": {slice(t, 0, set(deep.Elements...)), ErrTooLarge},
		"frames": {slice(t, 0, set(dcm.Uint(dcm.NumberOfFrames, math.MaxInt32))), ErrBadHeader},
		"shape":  {slice(t, 0, set(dcm.Uint(dcm.Rows, 65535), dcm.Uint(dcm.Columns, 65535))), ErrTruncated},
		"bits":   {slice(t, 0, set(dcm.Uint(dcm.BitsStored, 17))), ErrUnsupported},
		"bomb": {func() []byte {
			b := encapsulated(t, syntaxRLE, make([]byte, 64))
			rows := dcm.AppendHead(nil, dcm.Rows, "US", 2)
			return bytes.Replace(b, append(rows, 2, 0), append(rows, 0xff, 0xff), 1)
		}(), ErrTooLarge},
	} {
		if err := os.WriteFile(path, c.b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadImage(path, ReadOptions{MaxBytes: 1 << 18}); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

func FuzzDICOM(f *testing.F) {
	f.Add(slice(f, 1, nil))
	f.Add(enhanced(f, 1, 2, 3))
	f.Add(encapsulated(f, syntaxRLE, make([]byte, 80)))
	f.Add(encapsulated(f, "1.2.840.10008.1.2.4.90", []byte{0xff, 0x4f}))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.dcm")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		im, err := ReadImage(path, ReadOptions{MaxBytes: 1 << 20})
		if err == nil && len(im.Data) != im.Voxels() {
			t.Errorf("%d voxels for %v", len(im.Data), im.Shape)
		}
		if _, ok := errors.AsType[*FileError](err); err != nil && !ok {
			t.Errorf("%T %v", err, err)
		}
	})
}
