package volume

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// A series that was written is read as the same image: whole values to the bit,
// others within half a step, on the same grid, oblique ones too.
func TestWriteSeriesRoundTrip(t *testing.T) {
	turn := 0.3
	oblique := Affine{
		{0.7 * math.Cos(turn), -0.9 * math.Sin(turn), 0, -31.25},
		{0.7 * math.Sin(turn), 0.9 * math.Cos(turn), 0, 12.5},
		{0, 0, 2.5, -400},
		{0, 0, 0, 1},
	}
	sheared := oblique // as by a tilted gantry
	sheared[1][2] = 0.4
	for name, tc := range map[string]struct {
		affine   Affine
		modality string
		value    func(i int) float32
		step     float64
	}{
		"whole values":  {oblique, "ct", func(i int) float32 { return float32(i%4000 - 1024) }, 0},
		"fractions":     {oblique, "mri", func(i int) float32 { return float32(i) / 7 }, 4 * 5 * 6 / 7.0 / 65535},
		"a wide range":  {sheared, "pet", func(i int) float32 { return float32(i) * 1000 }, 4 * 5 * 6 * 1000 / 65535.0},
		"all one value": {oblique, "mri", func(int) float32 { return 0.1 }, 1e-6},
	} {
		t.Run(name, func(t *testing.T) {
			im := &Image{Grid: Grid{Shape: [3]int{4, 5, 6}, Affine: tc.affine}}
			for i := range im.Voxels() {
				im.Data = append(im.Data, tc.value(i))
			}
			dir := t.TempDir()
			if err := WriteSeries(t.Context(), dir, im, SeriesOptions{Identity: "a", Modality: tc.modality, PatientID: `p\1`}); err != nil {
				t.Fatal(err)
			}
			got, err := ReadImage(dir, ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(im.Grid, gridSlack) || got.Modality != tc.modality || got.Series.UID == "" {
				t.Errorf("%v, %s; want %v", got.Grid, got.Modality, im.Grid)
			}
			for i, v := range got.Data {
				if d := math.Abs(float64(v - im.Data[i])); d > tc.step/2*1.001+1e-6*math.Abs(float64(v))*min(1, tc.step) {
					t.Fatalf("voxel %d is %g, want %g within half of %g", i, v, im.Data[i], tc.step)
				}
			}
		})
	}
}

func TestWriteSeriesRefuses(t *testing.T) {
	good := Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
	left, skewed := good, good
	left[0][0], skewed[0][1] = -1, 0.3
	for name, tc := range map[string]struct {
		affine   Affine
		modality string
		value    float32
		want     error
	}{
		"left-handed axes": {left, "ct", 0, ErrBadAffine},
		"skewed axes":      {skewed, "ct", 0, ErrBadAffine},
		"not a number":     {good, "ct", float32(math.NaN()), ErrRange},
		"ultrasound":       {good, "us", 0, ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			im := &Image{Grid: Grid{Shape: [3]int{2, 2, 2}, Affine: tc.affine}, Data: make([]float32, 8)}
			im.Data[3] = tc.value
			if err := WriteSeries(t.Context(), dir, im, SeriesOptions{Modality: tc.modality}); !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if err := WriteSeries(t.Context(), filepath.Join(t.TempDir(), "none"), &Image{Grid: Grid{Shape: [3]int{1, 1, 1}, Affine: good}, Data: []float32{1}}, SeriesOptions{Modality: "ct"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
