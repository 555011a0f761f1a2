package dcm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"testing"
)

func parse(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := Parse(bytes.NewReader(b), int64(len(b)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	d := New(
		Text(PatientName, "Doe^Jane"), Text(ImageType, "DERIVED", "PRIMARY"), Uint(Rows, 512), Uint(NumberOfFrames, 7),
		Uint(DimensionIndexValues, 1, 70000), Decimal(PixelSpacing, 0.9765625, 1.0/3),
		Tags(DimensionIndexPointer, ImagePositionPatient), Text(SeriesDescription),
		Sequence(SegmentSequence, New(Uint(SegmentNumber, 1), Sequence(SegmentedPropertyTypeSeq, New(Text(CodeMeaning, "Liver")))), New()),
		Element{Tag: PixelData, VR: "OB", Value: []byte{1, 2, 3}},
	)
	b := d.Append(AppendMeta(nil, "1.2", "1.3", ExplicitLittle, "1.4"))
	f := parse(t, append(b, 9, 9, 9)) // with padding behind
	got := f.Dataset
	if got.String(PatientName) != "Doe^Jane" || !slices.Equal(got.Strings(ImageType), []string{"DERIVED", "PRIMARY"}) || got.Has(SeriesDescription) {
		t.Error(got.String(PatientName), got.Strings(ImageType))
	}
	if n, err := got.Int(Rows, 0); n != 512 || err != nil {
		t.Error(n, err)
	}
	if v, err := got.Floats(DimensionIndexValues); !slices.Equal(v, []float64{1, 70000}) || err != nil {
		t.Error(v, err)
	}
	if v, err := got.Floats(PixelSpacing); len(v) != 2 || v[0] != 0.9765625 || v[1]-1.0/3 > 1e-15 || err != nil {
		t.Error(v, err)
	}
	segments := got.Items(SegmentSequence)
	if len(segments) != 2 || segments[0].First(SegmentedPropertyTypeSeq).String(CodeMeaning) != "Liver" {
		t.Errorf("%+v", segments)
	}
	if p := f.Pixels; p.Tag != PixelData || p.Native.Size != 4 || f.Meta.String(MediaStorageSOPClassUID) != "1.2" {
		t.Errorf("%+v", p)
	}
}

// element writes an element without a VR.
func implicit(b []byte, t Tag, length uint32, value string) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(t>>16))
	b = binary.LittleEndian.AppendUint16(b, uint16(t))
	return append(binary.LittleEndian.AppendUint32(b, length), value...)
}

// An implicit data set without preamble or meta information, with sequences and
// items of undefined length, a private element and tags out of order.
func TestImplicitOfUndefinedLength(t *testing.T) {
	b := implicit(nil, SpecificCharacterSet, 10, "ISO_IR 100")
	b = implicit(b, Modality, 2, "CT")
	b = implicit(b, 0x00091010, 4, "priv")
	b = implicit(b, Rows, 2, "\x03\x00")
	b = implicit(b, PatientID, 2, "7 ")
	b = implicit(b, SegmentSequence, undefined, "")
	b = implicit(b, item, undefined, "")
	b = implicit(b, SegmentNumber, 2, "\x05\x00")
	b = implicit(b, 0x00081199, undefined, "") // a sequence that is not in the list
	b = implicit(b, item, 0, "")
	b = implicit(b, sequenceDelimiter, 0, "")
	b = implicit(b, itemDelimiter, 0, "")
	b = implicit(b, sequenceDelimiter, 0, "")
	f := parse(t, b)
	if f.Syntax != ImplicitLittle || !f.Guessed || f.Dataset.String(PatientID) != "7" {
		t.Errorf("%s %v %+v", f.Syntax, f.Guessed, f.Dataset)
	}
	if n, err := f.Dataset.First(SegmentSequence).Int(SegmentNumber, 0); n != 5 || err != nil {
		t.Error(n, err)
	}
	if n, err := f.Dataset.Int(Rows, 0); n != 3 || err != nil {
		t.Error(n, err)
	}
	if _, ok := f.Dataset.Get(0x00091010); ok {
		t.Error("a private element was kept")
	}
	for n := range b {
		if _, err := Parse(bytes.NewReader(b[:n]), int64(n), 1<<20); err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotDICOM) {
			t.Fatalf("cut at byte %d: %v", n, err)
		}
	}
}

func TestDecimalStaysWithinSixteenCharacters(t *testing.T) {
	for _, v := range []float64{0, 1, -1.0 / 3, 1e-7, -123456.789012345678, 1.2345678901234567e-12, -9.87654321e+20, 5e-324} {
		s := decimal(v)
		back, err := strconv.ParseFloat(s, 64)
		if len(s) > 16 || err != nil {
			t.Errorf("%g is %q", v, s)
		}
		if d := back - v; d > 1e-8*max(v, -v)+1e-90 || -d > 1e-8*max(v, -v)+1e-90 {
			t.Errorf("%g is %q", v, s)
		}
	}
}
