package volume

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/internal/sharedtest"
)

// expectation is one entry of odd-nifti/expected.json, which nibabel 5.4.2 made.
type expectation struct {
	Expect string
	Header *struct {
		Version, Endian, Magic, DatatypeName string
		Dim                                  [8]int64
		Datatype                             DType
		Bitpix                               int
		Pixdim                               [8]float64
		VoxOffset                            float64 `json:"vox_offset"`
		SclSlope                             float64 `json:"scl_slope"`
		SclInter                             float64 `json:"scl_inter"`
		Units                                int     `json:"xyzt_units"`
		QForm                                int     `json:"qform_code"`
		SForm                                int     `json:"sform_code"`
		Intent                               int     `json:"intent_code"`
	}
	Shape      []int
	Spacing    [3]float64
	Affine     Affine
	Axcodes    string
	Extensions []struct{ Code, Size int32 }
	Data       struct {
		Sum, Mean, Min, Max        float64
		Nonzero, Nonfinite, Voxels int
	}
	Samples []struct {
		Index []int
		Value float64
	}
}

func TestOddNIfTIReadsAsExpected(t *testing.T) {
	dir := sharedtest.Path(t, "data/odd-nifti")
	raw, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]expectation
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("expected.json is empty")
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if want.Expect != "read" {
				checkRefused(t, path, want.Expect)
				return
			}
			checkInfo(t, path, want)
			checkVoxels(t, path, want)
		})
	}
}

func checkRefused(t *testing.T, path, expect string) {
	t.Helper()
	if _, err := ReadAny(path, ReadOptions{}); err == nil {
		t.Error("ReadAny took it")
	} else {
		t.Log(err)
	}
	if _, err := ReadInfo(path); err == nil && expect == "reject" {
		t.Error("ReadInfo took it")
	}
}

func checkInfo(t *testing.T, path string, want expectation) {
	t.Helper()
	info, err := ReadInfo(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(info.Shape, want.Shape) {
		t.Errorf("shape %v, want %v", info.Shape, want.Shape)
	}
	if info.Orientation != want.Axcodes {
		t.Errorf("orientation %s, want %s", info.Orientation, want.Axcodes)
	}
	for i, s := range info.Spacing {
		near(t, "spacing", s, want.Spacing[i], 1e-6)
	}
	for r := range info.Affine {
		for c := range info.Affine[r] {
			near(t, "affine", info.Affine[r][c], want.Affine[r][c], 1e-6)
		}
	}
	h, w := info.Header, want.Header
	if got := "nifti" + string(rune('0'+h.Version)); got != w.Version {
		t.Errorf("version %s, want %s", got, w.Version)
	}
	if h.BigEndian != (w.Endian == "big") || h.Pair != (w.Magic[:2] == "ni") {
		t.Errorf("big-endian %t, pair %t; want %s, %q", h.BigEndian, h.Pair, w.Endian, w.Magic)
	}
	if h.Dim != w.Dim || h.DType != w.Datatype || h.BitPix != w.Bitpix || h.VoxOffset != int64(w.VoxOffset) {
		t.Errorf("dim %v, datatype %d, bitpix %d, vox_offset %d; want %v", h.Dim, h.DType, h.BitPix, h.VoxOffset, w)
	}
	if h.PixDim != w.Pixdim || h.Slope != w.SclSlope || h.Inter != w.SclInter || h.XYZTUnits != w.Units {
		t.Errorf("pixdim %v, scl %g %g, units %d; want %v", h.PixDim, h.Slope, h.Inter, h.XYZTUnits, w)
	}
	if h.QFormCode != w.QForm || h.SFormCode != w.SForm || h.IntentCode != w.Intent {
		t.Errorf("codes %d %d %d, want %v", h.QFormCode, h.SFormCode, h.IntentCode, w)
	}
	if len(h.Extensions) != len(want.Extensions) {
		t.Fatalf("extensions %v, want %v", h.Extensions, want.Extensions)
	}
	for i, e := range want.Extensions {
		if h.Extensions[i] != (Extension{Code: e.Code, Size: e.Size}) {
			t.Errorf("extension %d is %v, want %v", i, h.Extensions[i], e)
		}
	}
}

func checkVoxels(t *testing.T, path string, want expectation) {
	t.Helper()
	a, err := ReadAny(path, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Data) != want.Data.Voxels {
		t.Fatalf("%d voxels, want %d", len(a.Data), want.Data.Voxels)
	}
	sum, low, high, nonzero := 0.0, math.Inf(1), math.Inf(-1), 0
	for _, v := range a.Data {
		sum += v
		low, high = math.Min(low, v), math.Max(high, v)
		if v != 0 {
			nonzero++
		}
	}
	near(t, "sum", sum, want.Data.Sum, 1e-9*(1+math.Abs(want.Data.Sum)))
	near(t, "min", low, want.Data.Min, 1e-9)
	near(t, "max", high, want.Data.Max, 1e-9)
	if nonzero != want.Data.Nonzero {
		t.Errorf("%d voxels not 0, want %d", nonzero, want.Data.Nonzero)
	}
	for _, s := range want.Samples {
		at, stride := 0, 1
		for axis, i := range s.Index {
			at += i * stride
			stride *= a.Shape[axis]
		}
		near(t, "sample", a.Data[at], s.Value, 1e-9)
	}
	im, err := ReadImage(path, ReadOptions{})
	if err != nil {
		return // several volumes: tested elsewhere
	}
	for i, v := range im.Data {
		if v != float32(a.Data[i]) {
			t.Fatalf("ReadImage: voxel %d is %g, ReadAny says %g", i, v, a.Data[i])
		}
	}
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: got %.17g, want %.17g", what, got, want)
	}
}
