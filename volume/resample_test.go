package volume

import (
	"errors"
	"math"
	"testing"
)

func TestRespaced(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      Grid
		spacing [3]float64
		shape   [3]int
		affine  Affine
	}{
		{
			// 10 voxels of 2 mm span 18 mm between centres: 19 voxels of 1 mm;
			// 5 of 1.5 mm span 6 mm: 3 of 3 mm.
			"finer and coarser",
			Grid{[3]int{10, 4, 5}, Affine{{2, 0, 0, -7}, {0, 1, 0, 3}, {0, 0, 1.5, 5}, {0, 0, 0, 1}}},
			[3]float64{1, 1, 3},
			[3]int{19, 4, 3},
			Affine{{1, 0, 0, -7}, {0, 1, 0, 3}, {0, 0, 3, 5}, {0, 0, 0, 1}},
		},
		{
			// LPS: x and y turn round, so the first voxel is the old last one.
			"turned to RAS",
			Grid{[3]int{3, 5, 2}, Affine{{-2, 0, 0, 10}, {0, -2, 0, 20}, {0, 0, 2, 0}, {0, 0, 0, 1}}},
			[3]float64{2, 2, 2},
			[3]int{3, 5, 2},
			Affine{{2, 0, 0, 6}, {0, 2, 0, 12}, {0, 0, 2, 0}, {0, 0, 0, 1}},
		},
		{
			// 1.0004 mm is within the tolerance and stays; 0.8 mm does not:
			// 4 steps of 0.8 are 3.2 mm, 4.2 voxels of 1 mm.
			"an axis within the tolerance keeps its spacing",
			Grid{[3]int{4, 5, 2}, Affine{{1.0004, 0, 0, 0}, {0, 0.8, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}},
			[3]float64{1, 1, 3},
			[3]int{4, 4, 2},
			Affine{{1.0004, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}},
		},
		{
			// 3 steps of 0.5 mm are 1.5 voxels of 1 mm: 2.5 is rounded to even.
			"half a voxel is rounded to even",
			Grid{[3]int{4, 4, 4}, Affine{{0.5, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 0.5, 0}, {0, 0, 0, 1}}},
			[3]float64{1, 1, 1},
			[3]int{2, 2, 2},
			Identity(),
		},
		{
			"one slice",
			Grid{[3]int{4, 4, 1}, Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 5, 0}, {0, 0, 0, 1}}},
			[3]float64{1, 1, 3},
			[3]int{4, 4, 1},
			Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.in.Respaced(c.spacing)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Equal(Grid{c.shape, c.affine}, 1e-6) {
				t.Errorf("got %v, want %v %v", got, c.shape, c.affine)
			}
		})
	}
}

func TestRespacedRefuses(t *testing.T) {
	good := Grid{[3]int{4, 4, 4}, Identity()}
	flat := Grid{[3]int{4, 4, 4}, Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}}}
	if _, err := flat.Respaced([3]float64{1, 1, 1}); !errors.Is(err, ErrBadAffine) {
		t.Errorf("a singular affine: %v", err)
	}
	for _, spacing := range [][3]float64{{0, 1, 1}, {1, -1, 1}, {1, 1, math.NaN()}, {math.Inf(1), 1, 1}} {
		if _, err := good.Respaced(spacing); !errors.Is(err, ErrShape) {
			t.Errorf("spacing %v: %v", spacing, err)
		}
	}
	if _, err := (Grid{Affine: Identity()}).Respaced([3]float64{1, 1, 1}); !errors.Is(err, ErrShape) {
		t.Errorf("no voxels: %v", err)
	}
}

// A trilinear function is reproduced exactly inside the image and held at its
// border's value outside.
func TestResampleReproducesALinearImage(t *testing.T) {
	for name, affine := range map[string]Affine{
		"aligned": {{2, 0, 0, 1}, {0, 2, 0, -3}, {0, 0, 3, 5}, {0, 0, 0, 1}},
		"LPS":     {{-2, 0, 0, 13}, {0, -2, 0, 9}, {0, 0, 3, 5}, {0, 0, 0, 1}},
		"PIR":     {{0, 0, 2, 1}, {-2, 0, 0, 9}, {0, -3, 0, 20}, {0, 0, 0, 1}},
		"oblique": {{1.9, 0.3, -0.2, 1}, {-0.3, 2, 0.4, -3}, {0.2, -0.4, 2.9, 5}, {0, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			im := &Image{Grid: Grid{[3]int{7, 6, 5}, affine}}
			value := func(p [3]float64) float64 { return 3*p[0] - 2*p[1] + 5*p[2] + 7 }
			for k := range 5 {
				for j := range 6 {
					for i := range 7 {
						im.Data = append(im.Data, float32(value(affine.Apply([3]float64{float64(i), float64(j), float64(k)}))))
					}
				}
			}
			back, err := affine.Inverse()
			if err != nil {
				t.Fatal(err)
			}
			to := Grid{[3]int{12, 11, 13}, Affine{{1, 0, 0, 0.5}, {0, 1, 0, -2.5}, {0, 0, 1, 5.25}, {0, 0, 0, 1}}}
			out, err := im.Resample(to, 2)
			if err != nil {
				t.Fatal(err)
			}
			inside := 0
			for k := range to.Shape[2] {
				for j := range to.Shape[1] {
					for i := range to.Shape[0] {
						p := to.Affine.Apply([3]float64{float64(i), float64(j), float64(k)})
						v := back.Apply(p)
						in := true
						for a := range 3 {
							limit := float64(im.Shape[a] - 1)
							in = in && v[a] >= 0 && v[a] <= limit
							v[a] = math.Min(math.Max(v[a], 0), limit)
						}
						if in {
							inside++
						}
						want := value(affine.Apply(v))
						if got := float64(out.Data[to.Index(i, j, k)]); math.Abs(got-want) > 1e-3 {
							t.Fatalf("voxel %d %d %d: %g, want %g", i, j, k, got, want)
						}
					}
				}
			}
			if inside == 0 {
				t.Fatal("the grids do not meet")
			}
		})
	}
}

// Where spacing and orientation are right already, no voxel changes.
func TestResampleOntoItself(t *testing.T) {
	im := &Image{Grid: Grid{[3]int{4, 3, 2}, Affine{{0, 0, 0.7, 1000.3}, {-1.1, 0, 0, -2000.7}, {0, 1.3, 0, 17.9}, {0, 0, 0, 1}}}}
	for i := range 24 {
		im.Data = append(im.Data, float32(i*i)*0.37)
	}
	spacing := [3]float64{0.7, 1.1, 1.3}
	grid, err := im.Respaced(spacing)
	if err != nil {
		t.Fatal(err)
	}
	out, err := im.Resample(grid, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, turn := ReorientRAS(im)
	if turn.Identity() {
		t.Fatal("the test turns nothing")
	}
	for i, v := range want.Data {
		if out.Data[i] != v {
			t.Fatalf("voxel %d is %g, want %g", i, out.Data[i], v)
		}
	}
	to, err := im.ToGrid(grid)
	if err != nil {
		t.Fatal(err)
	}
	// World axes R, A, S are the old k, i (backwards), j.
	if got := to.Apply([3]float64{1, 2, 0}); got != [3]float64{0, 2, 2} {
		t.Errorf("voxel 1 2 0 maps to %v, want 0 2 2", got)
	}
}

func TestToGridOfAnotherSpacing(t *testing.T) {
	g := Grid{[3]int{5, 4, 3}, Affine{{-2, 0, 0, 8}, {0, 2, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 1}}}
	to, err := g.Respaced([3]float64{1, 4, 2})
	if err != nil {
		t.Fatal(err)
	}
	m, err := g.ToGrid(to)
	if err != nil {
		t.Fatal(err)
	}
	// x: 8-2i mm from 0 mm on, 1 mm voxels; y: 2j mm, 4 mm voxels.
	if got := m.Apply([3]float64{1, 3, 2}); got != [3]float64{6, 1.5, 2} {
		t.Errorf("got %v, want 6 1.5 2", got)
	}
}

func TestResampleRefuses(t *testing.T) {
	g := Grid{[3]int{2, 2, 2}, Identity()}
	short := &Image{Grid: g, Data: make([]float32, 7)}
	if _, err := short.Resample(g, 1); !errors.Is(err, ErrShape) {
		t.Errorf("too few voxels: %v", err)
	}
	im := &Image{Grid: g, Data: make([]float32, 8)}
	if _, err := im.Resample(Grid{Affine: Identity()}, 1); !errors.Is(err, ErrShape) {
		t.Errorf("an empty grid: %v", err)
	}
}
