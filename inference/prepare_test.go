package inference

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
	man := &Manifest{Spacing: [3]float64{1, 1, 1}, Patch: [3]int{32, 32, 32}}
	for name, c := range map[string]struct {
		im   *volume.Image
		m    Modality
		want error
	}{
		"all zero":                  {fill(func(int) float32 { return 0 }), CT, ErrEmptyImage},
		"all NaN":                   {fill(func(int) float32 { return nan }), CT, ErrNotFinite},
		"constant":                  {fill(func(int) float32 { return 40 }), CT, ErrConstantImage},
		"constant to a CT's window": {fill(func(i int) float32 { return float32(2000 + i) }), CT, ErrConstantImage},
		"constant fraction":         {fill(func(int) float32 { return 0.1 }), MRI, ErrConstantImage},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := prepare(context.Background(), c.im, c.m, man, Options{}.withDefaults()); !errors.Is(err, c.want) {
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
		}), CT, man, Options{}.withDefaults())
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
		_, err := prepare(context.Background(), fill(func(i int) float32 { return float32(i) }), CT, man, Options{MaxVoxels: 63})
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
