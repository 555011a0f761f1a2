package prepare

import (
	"context"
	"errors"
	"math"
	"testing"

	"satgraph/volume"
)

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
	one := [3]float64{1, 1, 1}
	for name, c := range map[string]struct {
		im   *volume.Image
		ct   bool
		want error
	}{
		"all zero":                  {fill(func(int) float32 { return 0 }), true, ErrEmpty},
		"all NaN":                   {fill(func(int) float32 { return nan }), true, ErrNotFinite},
		"constant":                  {fill(func(int) float32 { return 40 }), true, ErrConstant},
		"constant to a CT's window": {fill(func(i int) float32 { return float32(2000 + i) }), true, ErrConstant},
		"constant fraction":         {fill(func(int) float32 { return 0.1 }), false, ErrConstant},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Do(context.Background(), c.im, Options{Spacing: one, CT: c.ct}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}

	t.Run("one NaN is taken as the lowest value", func(t *testing.T) {
		p, err := Do(context.Background(), fill(func(i int) float32 {
			if i == 7 {
				return nan
			}
			return float32(i)
		}), Options{Spacing: one, CT: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Warnings) != 1 {
			t.Errorf("warnings %q, want one", p.Warnings)
		}
		for _, v := range p.Data {
			if !isFinite(v) {
				t.Fatal("a voxel is not finite")
			}
		}
	})
	t.Run("too large at the model's spacing", func(t *testing.T) {
		_, err := Do(context.Background(), fill(func(i int) float32 { return float32(i) }), Options{Spacing: one, CT: true, MaxVoxels: 63})
		if !errors.Is(err, ErrTooLarge) {
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

// Whatever the orientation, a voxel of the scan and its place in the prepared
// grid are the same place in the world.
func TestOrientations(t *testing.T) {
	source := volume.Grid{Shape: [3]int{7, 9, 5}, Affine: volume.Affine{{0, -1.5, 0.1, 20}, {0.7, 0, 0, -3}, {0, 0.1, 4, 11}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: source, Data: make([]float32, source.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i % 11)
	}
	for _, code := range []string{"", "RAS", "LPS", "ASR", "IPL", "SLA"} {
		p, err := Do(context.Background(), im, Options{Spacing: SATSpacing, Orientation: code})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Grid.Orientation(); got != code && code != "" {
			t.Errorf("orientation %s, asked for %s", got, code)
		}
		for _, v := range [][3]float64{{0, 0, 0}, {6, 1, 4}, {2, 8, 0}} {
			want, got := source.Affine.Apply(v), p.Grid.Affine.Apply(p.ToGrid.Apply(v))
			for a := range 3 {
				if math.Abs(got[a]-want[a]) > 1e-4 {
					t.Errorf("%q: voxel %v lies at %v, in the prepared grid at %v", code, v, want, got)
				}
			}
		}
	}
	for _, code := range []string{"RAR", "XYZ", "RA", "RASX"} {
		if _, err := Do(context.Background(), im, Options{Spacing: SATSpacing, Orientation: code}); !errors.Is(err, volume.ErrBadAffine) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
