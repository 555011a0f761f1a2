package inference

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// officialCase is one entry of the preprocess fixture: what SAT's own loader
// made of an odd file.
type officialCase struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	Steps struct {
		Spacing struct {
			Shape   []int         `json:"shape"`
			Affine  volume.Affine `json:"affine"`
			Spaced  []float64     `json:"spacing_out"`
			Changed bool          `json:"resampled"`
		} `json:"spacing"`
		Crop struct {
			Affine       volume.Affine `json:"affine"`
			Start        []int         `json:"box_start"`
			End          []int         `json:"box_end"`
			Sensitive    bool          `json:"box_noise_sensitive"`
			CleanStart   []int         `json:"box_start_without_noise"`
			CleanEnd     []int         `json:"box_end_without_noise"`
			ResultNoise  string        `json:"-"`
			CleanResults struct {
				File string `json:"file"`
			} `json:"result_without_noise"`
		} `json:"crop_foreground"`
	} `json:"steps"`
}

func officialCases(t *testing.T) (dir string, byName map[string]officialCase) {
	t.Helper()
	dir = sharedtest.Path(t, "fixtures/preprocess")
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Cases []json.RawMessage `json:"cases"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	byName = map[string]officialCase{}
	for _, raw := range doc.Cases {
		var head struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		var c officialCase
		if err := json.Unmarshal(raw, &c); err != nil {
			continue // the cases that SAT fails on have other steps
		}
		byName[head.Name] = c
	}
	return dir, byName
}

// satManifest prepares as SAT's published models do.
var satManifest = &Manifest{Name: "sat", Spacing: [3]float64{1, 1, 3}, Patch: [3]int{288, 288, 96}}

func TestPrepareAgreesWithSAT(t *testing.T) {
	dir, cases := officialCases(t)
	for _, c := range []struct {
		name string
		m    Modality
	}{
		{"c01_ras_int16_ct", CT},
		{"c02_lps_float32_mr_aniso", MRI},
		{"c03_las_uint8_pet_exact", PET},
		{"c04_spr_oblique_float64_mr", MRI},
		{"c05_qform_only_int16_ct", CT},
		{"c06_near_target_ct", CT},
		{"c07_just_outside_tol_ct", CT},
		{"c09_4d_singleton_mr", MRI},
		{"c14_sform_wins_bigendian_ct", CT},
		{"c16_no_form_codes_ct", CT},
		{"c17_sheared_sform_ct", CT},
		{"c18_single_slice_ct", CT},
		{"c22_us_modality", MRI}, // prepared as everything that is not CT
		{"c23_float64_fraction_origin_ct", CT},
		{"c24_mixed_tolerance_ct", CT},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, ok := cases[c.name]
			if !ok {
				t.Fatal("no such case")
			}
			im, err := volume.ReadImage(filepath.Join(dir, want.Image), volume.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkSpacing(t, dir, im, &want)
			p, err := prepare(context.Background(), im, c.m, satManifest, 1<<30, 2)
			if err != nil {
				t.Fatal(err)
			}
			start, end, file := want.Steps.Crop.Start, want.Steps.Crop.End, c.name+".npy"
			if want.Steps.Crop.Sensitive {
				file = c.name + "_without_noise.npy"
				start, end = want.Steps.Crop.CleanStart, want.Steps.Crop.CleanEnd
			}
			for a := range 3 {
				if p.grid.Shape[a] != end[a]-start[a] {
					t.Fatalf("cropped to %v, SAT to %v..%v", p.grid.Shape, start, end)
				}
			}
			if !want.Steps.Crop.Sensitive && !p.grid.Equal(volume.Grid{Shape: p.grid.Shape, Affine: want.Steps.Crop.Affine}, 1e-4) {
				t.Errorf("affine %v, SAT %v", p.grid.Affine, want.Steps.Crop.Affine)
			}
			compare(t, "normalised", p.data, readNpy(t, filepath.Join(dir, "expected", file)), 1e-5)
		})
	}
}

// checkSpacing compares the volume after Spacing.
func checkSpacing(t *testing.T, dir string, im *volume.Image, want *officialCase) {
	t.Helper()
	grid, err := im.Respaced(satManifest.Spacing)
	if err != nil {
		t.Fatal(err)
	}
	spaced, err := im.Resample(grid, 2)
	if err != nil {
		t.Fatal(err)
	}
	shape := want.Steps.Spacing.Shape
	if [3]int(shape[len(shape)-3:]) != grid.Shape {
		t.Fatalf("spaced to %v, SAT to %v", grid.Shape, shape)
	}
	if !grid.Equal(volume.Grid{Shape: grid.Shape, Affine: want.Steps.Spacing.Affine}, 1e-4) {
		t.Errorf("spaced affine %v, SAT %v", grid.Affine, want.Steps.Spacing.Affine)
	}
	got := takeBox(spaced, volume.Box{Max: grid.Shape})
	official := readNpy(t, filepath.Join(dir, "expected", want.Name+"_spaced.npy"))
	scale := 0.0
	for _, v := range official {
		scale = math.Max(scale, math.Abs(float64(v)))
	}
	compare(t, "spaced", got, official, 1e-6*scale)
}

func readNpy(t *testing.T, path string) []float32 {
	t.Helper()
	a, err := npy.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return a.Float32s()
}

// compare fails where two arrays differ by more than tol anywhere.
func compare(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: element %d is %g, want %g (tolerance %g)", what, at, got[at], want[at], tol)
	}
}

// SAT reads spine scans along other axes ("ASR"); a bundle's spacing is along
// R, A and S, so the same volume comes out with its axes named differently.
func TestPrepareAgreesWithSATInOtherAxes(t *testing.T) {
	dir, cases := officialCases(t)
	c := cases["c13_sagittal_asr_code_mr"]
	im, err := volume.ReadImage(filepath.Join(dir, c.Image), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// SAT: A, S, R at 1, 1, 3 mm.
	man := &Manifest{Spacing: [3]float64{3, 1, 1}, Patch: satManifest.Patch}
	p, err := prepare(context.Background(), im, MRI, man, 1<<30, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := p.grid.Shape
	turned := make([]float32, 0, len(p.data))
	for y := range s[1] {
		for z := range s[2] {
			for x := range s[0] {
				turned = append(turned, p.data[(x*s[1]+y)*s[2]+z])
			}
		}
	}
	compare(t, "normalised", turned, readNpy(t, filepath.Join(dir, "expected", c.Name+".npy")), 1e-5)
}

// SAT makes empty or NaN volumes of these without a word.
func TestPrepareRefusesWhatSATSilentlySpoils(t *testing.T) {
	grid := volume.Grid{Shape: [3]int{4, 4, 4}, Affine: volume.Identity()}
	fill := func(f func(i int) float32) *volume.Image {
		im := &volume.Image{Grid: grid, Data: make([]float32, 64)}
		for i := range im.Data {
			im.Data[i] = f(i)
		}
		return im
	}
	nan := float32(math.NaN())
	man := &Manifest{Spacing: [3]float64{1, 1, 1}, Patch: [3]int{32, 32, 32}}
	for name, c := range map[string]struct {
		im   *volume.Image
		m    Modality
		want error
	}{
		"all zero":                  {fill(func(int) float32 { return 0 }), CT, ErrEmptyImage},
		"all negative":              {fill(func(i int) float32 { return float32(-i) - 1 }), CT, ErrEmptyImage},
		"all NaN":                   {fill(func(int) float32 { return nan }), CT, ErrNotFinite},
		"constant":                  {fill(func(int) float32 { return 40 }), CT, ErrConstantImage},
		"constant to a CT's window": {fill(func(i int) float32 { return float32(2000 + i) }), CT, ErrConstantImage},
		"constant fraction":         {fill(func(int) float32 { return 0.1 }), MRI, ErrConstantImage},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := prepare(context.Background(), c.im, c.m, man, 1<<30, 1); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}

	t.Run("one NaN is taken as the lowest value", func(t *testing.T) {
		p, err := prepare(context.Background(), fill(func(i int) float32 {
			if i == 7 {
				return nan
			}
			return float32(i)
		}), CT, man, 1<<30, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.warnings) != 1 {
			t.Errorf("warnings %q, want one", p.warnings)
		}
		for _, v := range p.data {
			if !isFinite(v) {
				t.Fatal("a voxel is not finite")
			}
		}
	})
	t.Run("too large at the model's spacing", func(t *testing.T) {
		_, err := prepare(context.Background(), fill(func(i int) float32 { return float32(i) }), CT, man, 63, 1)
		if !errors.Is(err, ErrGridTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPercentile(t *testing.T) {
	// numpy.percentile([3, -1, 2, -5], q): sorted -5 -1 2 3, position 3q/100.
	data := []float32{3, -1, 2, -5}
	for q, want := range map[float64]float32{0: -5, 50: 0.5, 100: 3, 25: -2, 99.5: 2.985} {
		if got := percentile(data, q); math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("percentile %g is %g, want %g", q, got, want)
		}
	}
	if got := percentile([]float32{7}, 99.5); got != 7 {
		t.Errorf("percentile of one value is %g", got)
	}
}
