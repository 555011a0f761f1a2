package volume

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/internal/sharedtest"
	"satgraph/internal/tooltest"
	"satgraph/volume/internal/dcm"
	"satgraph/volume/segcode"
)

// foundSegment is what read_seg.py says of a segment.
type foundSegment struct {
	Number                int
	Label, Category, Type string
	Highdicom, Dcmqi      int
	Low, High             [3]float64
	DcmqiMeta             struct {
		SegmentLabel                              string
		SegmentedPropertyTypeCodeSequence         struct{ CodeValue string }
		SegmentedPropertyTypeModifierCodeSequence struct{ CodeMeaning string }
		AnatomicRegionSequence                    struct{ CodeValue string }
		AnatomicRegionModifierSequence            struct{ CodeMeaning string }
	}
}

// readBack reads a segmentation with highdicom and dcmqi.
func readBack(t *testing.T, path string) []foundSegment {
	t.Helper()
	python := tooltest.Get(t.Context(), t, "../scripts/dicom-tools.sh")
	cmd := exec.CommandContext(t.Context(), python, "testdata/read_seg.py", path)
	var report strings.Builder
	cmd.Stderr = &report
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, report.String())
	}
	var out []foundSegment
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// segmentOf describes a structure by its name in the corpus.
func segmentOf(name string) Segment {
	codes, _ := segcode.For(name)
	return Segment{Name: name, Codes: codes, Color: [3]uint8{200, 30, 40}, Algorithm: "test model"}
}

// writeSEG writes masks of the given names.
func writeSEG(t *testing.T, path string, im *Image, names []string, masks []*Bits) {
	t.Helper()
	s, err := NewSEG(path, im.Series, im.Grid, SEGOptions{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Description: "test", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range masks {
		if err := s.Add(segmentOf(names[i]), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// extent is the box of a mask's voxels in world mm.
func extent(m *Bits) (low, high [3]float64) {
	low, high = [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}, [3]float64{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	m.Runs(func(r Run) bool {
		for _, i := range []int{r.From, r.To - 1} {
			for a, v := range m.Affine.Apply([3]float64{float64(i), float64(r.J), float64(r.K)}) {
				low[a], high[a] = min(low[a], v), max(high[a], v)
			}
		}
		return true
	})
	return low, high
}

func checkBack(t *testing.T, got []foundSegment, names []string, masks []*Bits) {
	t.Helper()
	if len(got) != len(masks) {
		t.Fatalf("%d segments, want %d", len(got), len(masks))
	}
	for i, f := range got {
		want, _ := segcode.For(names[i])
		low, high := extent(masks[i])
		n := masks[i].Count()
		if f.Label != names[i] || f.Type != want.Type.Scheme+":"+want.Type.Value || f.Highdicom != n || f.Dcmqi != n {
			t.Errorf("%s: %+v, want %d voxels, %+v", names[i], f, n, want)
		}
		for a := range 3 {
			if math.Abs(f.Low[a]-low[a]) > 1e-3 || math.Abs(f.High[a]-high[a]) > 1e-3 {
				t.Errorf("%s: dcmqi has it at %v..%v, want %v..%v", names[i], f.Low, f.High, low, high)
			}
		}
		meta := f.DcmqiMeta
		side, region := meta.SegmentedPropertyTypeModifierCodeSequence.CodeMeaning, meta.AnatomicRegionSequence.CodeValue
		if want.Site.Value != "" {
			side = meta.AnatomicRegionModifierSequence.CodeMeaning
		}
		if meta.SegmentLabel != names[i] || meta.SegmentedPropertyTypeCodeSequence.CodeValue != want.Type.Value || side != want.Side.Meaning || region != want.Site.Value {
			t.Errorf("%s: dcmqi says %+v, want %+v", names[i], meta, want)
		}
	}
}

// The structures of a real series, as highdicom and dcmqi read them.
func TestSEGOfRealSeries(t *testing.T) {
	im, err := ReadImage(sharedtest.Path(t, "data/real-ct-dicom/decompressed"), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	labels, err := ReadLabelMap(sharedtest.Path(t, "data/real-ct-dicom/example_seg_dicom.nii.gz"), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// To the series' own grid, which runs the other way along the second axis.
	toRAS := im.ToRAS()
	onSeries := func(value uint16) *Bits {
		m := labels.Mask(value)
		m = m.Reorient(m.ToRAS())
		back, err := m.Restore(toRAS, im.Grid)
		if err != nil {
			t.Fatal(err)
		}
		return BitsOf(back)
	}
	var names []string
	var masks []*Bits
	for value, name := range map[uint16]string{1: "spleen", 2: "right kidney", 5: "liver", 52: "aorta", 3: "left kidney cyst"} {
		m := onSeries(value)
		if m.Count() == 0 {
			continue
		}
		names, masks = append(names, name), append(masks, m)
	}
	if len(masks) < 2 {
		t.Fatal("too few structures")
	}
	path := filepath.Join(t.TempDir(), "seg.dcm")
	writeSEG(t, path, im, names, masks)
	checkBack(t, readBack(t, path), names, masks)
}

// A tilted series whose frames are no whole number of bytes, with UIDs, and masks
// that overlap.
func TestSEGOfCraftedSeries(t *testing.T) {
	var files [][]byte
	for i := range 4 {
		z := float64(3 * i)
		files = append(files, slice(t, z, set(
			dcm.Uint(dcm.Rows, 5), dcm.Uint(dcm.Columns, 7), dcm.Element{Tag: dcm.PixelData, VR: "OW", Value: make([]byte, 70)},
			dcm.Decimal(dcm.ImageOrientationPatient, 0, 1, 0, 0, 0, -1), dcm.Decimal(dcm.ImagePositionPatient, 100-z, 20, 30),
			dcm.Text(dcm.PatientName, "Doe^Jane"), dcm.Text(dcm.PatientID, "7"))))
	}
	im, err := ReadImage(folder(t, files...), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := NewBits(im.Grid), NewBits(im.Grid), NewBits(im.Grid)
	for k := range 4 {
		for j := range 5 {
			if (j+k)%2 == 0 {
				a.SetRun(j%3, 4+j%4, j, k)
			}
		}
	}
	b.SetRun(0, 7, 4, 3)
	b.SetRun(6, 7, 0, 1)
	_ = c.Union(a)
	_ = c.Union(b)
	names, masks := []string{"left kidney", "hip", "left kidney cyst"}, []*Bits{a, b, c}
	path := filepath.Join(t.TempDir(), "seg.dcm")
	writeSEG(t, path, im, names, masks)

	info, err := ReadSegments(path)
	if err != nil {
		t.Fatal(err)
	}
	cyst, _ := segcode.For("left kidney cyst")
	if len(info) != 3 || info[0].Modifier.Meaning != "Left" || info[1].Type.Scheme != segcode.Private || info[2].Region != cyst.Site ||
		info[2].RegionModifier != cyst.Side || info[2].Number != 3 {
		t.Errorf("%+v", info)
	}
	again := filepath.Join(t.TempDir(), "again.dcm")
	writeSEG(t, again, im, names, masks)
	x, _ := os.ReadFile(path)
	y, _ := os.ReadFile(again)
	if string(x) != string(y) {
		t.Error("the same content at the same time gives other bytes")
	}
	if !strings.Contains(string(x), "Doe^Jane") || !strings.Contains(string(x), im.Series.Slices[2].InstanceUID) {
		t.Error("the patient or a source image is missing")
	}
	checkBack(t, readBack(t, path), names, masks)
}

func TestSEGRefuses(t *testing.T) {
	im, err := ReadImage(folder(t, slice(t, 0, nil), slice(t, 2, nil)), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "seg.dcm")
	s, err := NewSEG(path, im.Series, im.Grid, SEGOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(segmentOf("liver"), NewBits(im.Grid)); !errors.Is(err, ErrEmptyMask) {
		t.Error(err)
	}
	other := im.Grid
	other.Affine[0][3]++
	if err := s.Add(segmentOf("liver"), NewBits(other)); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, ErrEmptyMask) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
	other.Shape[2]++
	if _, err := NewSEG(path, im.Series, other, SEGOptions{}); !errors.Is(err, ErrShape) {
		t.Error(err)
	}
}

func TestReadSegments(t *testing.T) {
	got, err := ReadSegments(sharedtest.Path(t, "data/odd-dicom/liver_1frame.dcm"))
	if err != nil || len(got) == 0 || got[0].Label == "" || got[0].Type.Value == "" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = ReadSegments(sharedtest.Path(t, "data/odd-dicom/rtstruct.dcm")); err != nil || len(got) == 0 || got[0].Label == "" {
		t.Errorf("%+v %v", got, err)
	}
	for _, name := range []string{"data/odd-dicom/CT_small.dcm", "data/odd-nifti/anatomical.nii"} {
		if _, err := ReadSegments(sharedtest.Path(t, name)); !errors.Is(err, ErrNotImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCIELab(t *testing.T) {
	// White is L* 100, a* and b* 0; pure red is 53.24, 80.09, 67.20.
	for rgb, want := range map[[3]uint8][3]float64{{255, 255, 255}: {100, 0, 0}, {255, 0, 0}: {53.24, 80.09, 67.20}} {
		got := cieLab(rgb)
		lab := [3]float64{float64(got[0]) / 655.35, float64(got[1])/257 - 128, float64(got[2])/257 - 128}
		for i := range lab {
			if math.Abs(lab[i]-want[i]) > 0.05 {
				t.Errorf("%v: %v, want %v", rgb, lab, want)
			}
		}
	}
}
