package volume

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/internal/sharedtest"
)

// The real series is JPEG 2000 as its scanner's archive gave it, and was
// decompressed by pydicom; dcm2niix made a NIfTI file of it.
func TestRealSeriesEqualsDcm2niix(t *testing.T) {
	want, err := ReadImage(sharedtest.Path(t, "data/real-ct-dicom/reference_dcm2niix.nii.gz"), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want, _ = ReorientRAS(want)
	var expected struct {
		Affine Affine `json:"ras_affine_xyz_order"`
		Order  []struct {
			File string  `json:"file"`
			Z    float64 `json:"z"`
		} `json:"order_by_z_ascending"`
	}
	b, err := os.ReadFile(sharedtest.Path(t, "data/real-ct-dicom/expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &expected); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"as-given", "decompressed"} {
		im, err := ReadImage(sharedtest.Path(t, "data/real-ct-dicom/"+folder), ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if im.Affine != expected.Affine {
			t.Errorf("%s: affine %v, want %v", folder, im.Affine, expected.Affine)
		}
		if im.Modality != "ct" || im.Format != DICOM {
			t.Errorf("%s: %s %s", folder, im.Format, im.Modality)
		}
		for i, s := range im.Series.Slices {
			if s.Position[2] != expected.Order[i].Z || folder == "as-given" && filepath.Base(s.Path) != expected.Order[i].File {
				t.Errorf("%s: slice %d is %s at %g, want %s at %g", folder, i, s.Path, s.Position[2], expected.Order[i].File, expected.Order[i].Z)
			}
		}
		got, _ := ReorientRAS(im)
		if !got.Equal(want.Grid, 1e-4) {
			t.Errorf("%s: grid %v, dcm2niix has %v", folder, got.Grid, want.Grid)
		}
		if !slices.Equal(got.Data, want.Data) {
			t.Errorf("%s: other voxels than dcm2niix", folder)
		}
	}
}

// Each odd file is read as pydicom reads it, or refused by name.
func TestOddDICOM(t *testing.T) {
	var expected map[string]struct {
		Slope  *float64 `json:"RescaleSlope"`
		Inter  *float64 `json:"RescaleIntercept"`
		Pixels *struct {
			Min, Max, Sum float64
		}
	}
	b, err := os.ReadFile(sharedtest.Path(t, "data/odd-dicom/expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &expected); err != nil {
		t.Fatal(err)
	}
	refused := map[string]error{
		"SC_rgb_small_odd.dcm": ErrBadAffine, // colour, and without a place
		"image_dfl.dcm":        ErrBadAffine, // a secondary capture without a place
		"JPGExtended.dcm":      ErrBadAffine, // nuclear medicine without a place
		"rtdose.dcm":           ErrNotImage, "rtstruct.dcm": ErrNotImage,
		"no_meta.dcm": ErrNotNIfTI, // begins with a stray byte
		"badVR.dcm":   ErrNotImage, "liver_1frame.dcm": ErrNotImage,
	}
	for name, want := range expected {
		im, err := ReadImage(sharedtest.Path(t, "data/odd-dicom/"+name), ReadOptions{})
		if is, ok := refused[name]; ok {
			if !errors.Is(err, is) {
				t.Errorf("%s: %v, want %v", name, err, is)
			}
			t.Log(err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		slope, inter := 1.0, 0.0
		if want.Slope != nil {
			slope, inter = *want.Slope, *want.Inter
		}
		lo, hi, sum := math.Inf(1), math.Inf(-1), 0.0
		for _, v := range im.Data {
			lo, hi, sum = min(lo, float64(v)), max(hi, float64(v)), sum+float64(v)
		}
		n := float64(len(im.Data))
		if lo != want.Pixels.Min*slope+inter || hi != want.Pixels.Max*slope+inter || sum != want.Pixels.Sum*slope+inter*n {
			t.Errorf("%s: min %g max %g sum %g, want stored %+v with slope %g, intercept %g", name, lo, hi, sum, *want.Pixels, slope, inter)
		}
	}
}
