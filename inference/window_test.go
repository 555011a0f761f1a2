package inference

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/npy/npytest"
	"satgraph/internal/sharedtest"
)

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		shape, patch [3]int
		want         []window
	}{
		// One axis moves back to end with the volume, the others fit.
		{[3]int{70, 64, 32}, [3]int{64, 64, 32}, []window{
			{[3]int{0, 0, 0}, [3]int{64, 64, 32}},
			{[3]int{6, 0, 0}, [3]int{70, 64, 32}},
		}},
		// Smaller than the patch: one window of the volume's own size.
		{[3]int{10, 64, 1}, [3]int{64, 64, 32}, []window{{[3]int{0, 0, 0}, [3]int{10, 64, 1}}}},
	} {
		if got := windows(c.shape, c.patch, [3]int{0, 1, 2}); !slices.Equal(got, c.want) {
			t.Errorf("windows(%v, %v) = %v, want %v", c.shape, c.patch, got, c.want)
		}
	}
}

func TestWindowsAgreeWithSAT(t *testing.T) {
	text, err := os.ReadFile(sharedtest.Path(t, "fixtures/stitch/windows.json"))
	if err != nil {
		t.Fatal(err)
	}
	type official struct {
		Patch, Shape [3]int
		Windows      [][6]int
	}
	var groups struct{ Small, Official []official }
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	if len(groups.Small) == 0 || len(groups.Official) == 0 {
		t.Fatal("the fixture is empty")
	}
	for _, group := range [][]official{groups.Small, groups.Official} {
		for _, c := range group {
			got := windows(c.Shape, c.Patch, [3]int{0, 1, 2})
			if len(got) != len(c.Windows) {
				t.Errorf("shape %v, patch %v: %d windows, SAT has %d", c.Shape, c.Patch, len(got), len(c.Windows))
				continue
			}
			for i, w := range c.Windows {
				want := window{[3]int{w[0], w[2], w[4]}, [3]int{w[1], w[3], w[5]}}
				if got[i] != want {
					t.Errorf("shape %v, patch %v, window %d: %v, SAT has %v", c.Shape, c.Patch, i, got[i], want)
				}
			}
		}
	}
}

// Every voxel must lie in a window, or its weight would be 0.
func TestWindowsCoverTheVolume(t *testing.T) {
	for n := 1; n <= 200; n++ {
		seen := make([]bool, n)
		for _, w := range windows([3]int{n, 1, 1}, [3]int{32, 32, 32}, [3]int{0, 1, 2}) {
			for i := w.lo[0]; i < w.hi[0]; i++ {
				seen[i] = true
			}
		}
		if slices.Contains(seen, false) {
			t.Fatalf("%d voxels: one is in no window", n)
		}
	}
}

func TestGaussianAgreesWithSAT(t *testing.T) {
	dir := sharedtest.Path(t, "fixtures/stitch")
	small := gaussian([3]int{64, 64, 32})
	npytest.Compare(t, "64x64x32", small, npytest.Float32s(t, filepath.Join(dir, "gaussian_64x64x32.npy")), 0)

	patch := [3]int{288, 288, 96}
	full := gaussian(patch)
	at := func(x, y, z int) float32 { return full[(x*patch[1]+y)*patch[2]+z] }
	a, err := npy.ReadFile(filepath.Join(dir, "gaussian_288x288x96_sub.npy"))
	if err != nil {
		t.Fatal(err)
	}
	var sub []float32
	for x := 0; x < patch[0]; x += 16 {
		for y := 0; y < patch[1]; y += 16 {
			for z := 0; z < patch[2]; z += 8 {
				sub = append(sub, at(x, y, z))
			}
		}
	}
	npytest.Compare(t, "288x288x96 every 16th", sub, a.Float32s(), 0)
}

func TestToHalf(t *testing.T) {
	for x, want := range map[float64]float32{
		0: 0, 1: 1, 10: 10,
		1 + 1.0/2048: 1,               // a tie goes to the even half
		1 + 3.0/2048: 1 + 2.0/1024,    // as here, upwards
		0.1:          0.0999755859375, // numpy.float16(0.1)
		5e-8:         5.9604645e-08,   // the smallest subnormal
		2.9e-8:       0,
	} {
		if got := toHalf(x); got != want {
			t.Errorf("toHalf(%g) = %g, want %g", x, got, want)
		}
	}
}

func TestCutPadsAtTheFarEnd(t *testing.T) {
	// A 2x1x2 volume in a 2x2x3 patch.
	out := make([]float32, 12)
	cut([]float32{1, 2, 3, 4}, [3]int{2, 1, 2}, window{hi: [3]int{2, 1, 2}}, [3]int{2, 2, 3}, out)
	want := []float32{1, 2, 0, 0, 0, 0, 3, 4, 0, 0, 0, 0}
	if !slices.Equal(out, want) {
		t.Errorf("got %v, want %v", out, want)
	}
}
