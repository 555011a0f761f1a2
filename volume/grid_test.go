package volume

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The orientations were read off nibabel 5.4.2's aff2axcodes; the oblique ones
// are worked out below.
func TestOrientation(t *testing.T) {
	c, s := math.Cos(math.Pi/6), math.Sin(math.Pi/6) // 30°
	tests := []struct {
		want string
		a    Affine
	}{
		{"RAS", Identity()},
		{"LPS", Affine{{-2, 0, 0, 5}, {0, -2, 0, 5}, {0, 0, 3, 5}, {0, 0, 0, 1}}},
		// i goes to +y, j to -z, k to +x.
		{"AIR", Affine{{0, 0, 2, 0}, {2, 0, 0, 0}, {0, -2, 0, 0}, {0, 0, 0, 1}}},
		// 30° about z: each axis still lies closest to its own.
		{"RAS", Affine{{c, -s, 0, 0}, {s, c, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}},
		// 60° about z: i lies closest to y, j to -x.
		{"ALS", Affine{{s, -c, 0, 0}, {c, s, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}},
		// A very anisotropic grid: lengths do not count.
		{"LSP", Affine{{-0.1, 0, 0, 0}, {0, 0, -50, 0}, {0, 5, 0, 0}, {0, 0, 0, 1}}},
	}
	for _, tt := range tests {
		if got := tt.a.Orientation(); got != tt.want {
			t.Errorf("got %s, want %s for %v", got, tt.want, tt.a)
		}
	}
}

func TestAffineArithmetic(t *testing.T) {
	a := Affine{{2, 0, 0, 10}, {0, 0, -3, 20}, {0, 4, 0, 30}, {0, 0, 0, 1}}
	if got := a.Apply([3]float64{1, 2, 3}); got != [3]float64{12, 11, 38} {
		t.Errorf("Apply: %v", got)
	}
	if got := a.Spacing(); got != [3]float64{2, 4, 3} {
		t.Errorf("Spacing: %v", got)
	}
	if got := a.Det(); got != 24 {
		t.Errorf("Det: %g", got)
	}
	inv, err := a.Inverse()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Affine{{0.5, 0, 0, -5}, {0, 0, 0.25, -7.5}, {0, -1. / 3, 0, 20. / 3}, {0, 0, 0, 1}}); !inv.near(want, 1e-15) {
		t.Errorf("Inverse: %v", inv)
	}
	if got := a.Mul(inv); !got.near(Identity(), 1e-14) {
		t.Errorf("Mul: %v", got)
	}
	for _, bad := range []Affine{{}, {{1}, {0, 1}, {0, 0, math.Inf(1)}}, {{1, 1}, {1, 1}, {0, 0, 1}}} {
		if _, err := bad.Inverse(); !errors.Is(err, ErrBadAffine) {
			t.Errorf("inverse of %v: %v", bad, err)
		}
	}
}

// all48 are the reorientations there are: 6 orders of axes, 8 sets of flips.
func all48() []Reorientation {
	var rs []Reorientation
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for f := range 8 {
			rs = append(rs, Reorientation{Perm: p, Flip: [3]bool{f&1 != 0, f&2 != 0, f&4 != 0}})
		}
	}
	return rs
}

// Each voxel of a reoriented image lies where it lay before.
func TestReorientationKeepsPlaces(t *testing.T) {
	g := Grid{Shape: [3]int{2, 3, 4}, Affine: Affine{{-1, 0.5, 0, 3}, {0, 2, 0, -7}, {0.25, 0, 4, 11}, {0, 0, 0, 1}}}
	im := numbered(g)
	for _, r := range all48() {
		rg := r.Grid(g)
		data := FlipPermute(r, g.Shape, im.Data)
		for k := range rg.Shape[2] {
			for j := range rg.Shape[1] {
				for i := range rg.Shape[0] {
					n := int(data[rg.Index(i, j, k)])
					was := g.Affine.Apply([3]float64{float64(n % 2), float64(n / 2 % 3), float64(n / 6)})
					is := rg.Affine.Apply([3]float64{float64(i), float64(j), float64(k)})
					for x := range 3 {
						near(t, "place", is[x], was[x], 1e-12)
					}
				}
			}
		}
		if back := FlipPermute(r.Invert(), rg.Shape, data); !slices.Equal(back, im.Data) {
			t.Errorf("%v is not undone by its inverse", r)
		}
		if r.Invert().Invert() != r {
			t.Errorf("%v is not its inverse's inverse", r)
		}
	}
}

func TestReorientRAS(t *testing.T) {
	// i runs to the inferior, j to the right, k to the posterior.
	g := Grid{Shape: [3]int{2, 3, 4}, Affine: Affine{{0, 1, 0, 5}, {0, 0, -2, 6}, {-3, 0, 0, 7}, {0, 0, 0, 1}}}
	ras, r := ReorientRAS(numbered(g))
	if r != (Reorientation{Perm: [3]int{1, 2, 0}, Flip: [3]bool{false, true, true}}) {
		t.Fatalf("got %v", r)
	}
	// The last k and the last i come first: y = 6-2·3 = 0, z = 7-3·1 = 4.
	want := Grid{Shape: [3]int{3, 4, 2}, Affine: Affine{{1, 0, 0, 5}, {0, 2, 0, 0}, {0, 0, 3, 4}, {0, 0, 0, 1}}}
	if ras.Grid != want || ras.Orientation() != "RAS" {
		t.Errorf("got %v", ras.Grid)
	}
	// RAS (1, 0, 0) was (i, j, k) = (1, 1, 3): number 1 + 2·1 + 6·3.
	if ras.Data[1] != 21 {
		t.Errorf("got voxel %g", ras.Data[1])
	}
	if again, r := ReorientRAS(ras); again != ras || !r.Identity() {
		t.Error("an RAS image was reoriented")
	}
}

func TestRestoreIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, r := range all48() {
		// Offsets that flipping twice would change in their last bits.
		g := Grid{Shape: [3]int{3, 5, 7}, Affine: Affine{{0.1, 0, 0, 1. / 3}, {0, 0.7, 0, -2. / 3}, {0, 0, 1.1, 1e-9}, {0, 0, 0, 1}}}
		m := NewMask(g)
		for i := range m.Data {
			m.Data[i] = uint8(rng.IntN(2))
		}
		back, err := m.Reorient(r).Restore(r, g)
		if err != nil || back.Grid != g || !slices.Equal(back.Data, m.Data) {
			t.Fatalf("%v: %v, %v", r, err, back)
		}
	}
	if _, err := NewMask(Grid{Shape: [3]int{1, 2, 3}}).Restore(Reorientation{Perm: [3]int{0, 1, 2}}, Grid{Shape: [3]int{3, 2, 1}}); !errors.Is(err, ErrShape) {
		t.Errorf("a foreign mask: %v", err)
	}
}

// numbered is an image in which voxel n holds n.
func numbered(g Grid) *Image {
	im := &Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i)
	}
	return im
}

func TestMask(t *testing.T) {
	g := Grid{Shape: [3]int{4, 5, 6}, Affine: Affine{{2, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, -5, 0}, {0, 0, 0, 1}}}
	m := NewMask(g)
	if _, ok := m.Bounds(); ok || m.Volume() != 0 {
		t.Error("an empty mask has bounds or volume")
	}
	m.Data[g.Index(1, 2, 3)] = 1
	m.Data[g.Index(3, 2, 4)] = 1
	if m.Count() != 2 {
		t.Errorf("count %d", m.Count())
	}
	if got := m.Volume(); got != 0.06 { // 2 × 30 mm³
		t.Errorf("volume %g mL", got)
	}
	box, ok := m.Bounds()
	if want := (Box{Min: [3]int{1, 2, 3}, Max: [3]int{4, 3, 5}}); !ok || box != want {
		t.Errorf("bounds %v", box)
	}
	if got, want := box.Pad(2, g), (Box{Min: [3]int{0, 0, 1}, Max: [3]int{4, 5, 6}}); got != want {
		t.Errorf("padded %v", got)
	}
	c, err := m.Crop(box)
	if err != nil {
		t.Fatal(err)
	}
	if c.Shape != [3]int{3, 1, 2} || c.Affine.Apply([3]float64{}) != [3]float64{2, 6, -15} {
		t.Errorf("cropped grid %v", c.Grid)
	}
	if want := []uint8{1, 0, 0, 0, 0, 1}; !slices.Equal(c.Data, want) {
		t.Errorf("cropped %v", c.Data)
	}
	back, err := c.Uncrop(g, box)
	if err != nil || back.Grid != g || !slices.Equal(back.Data, m.Data) {
		t.Errorf("uncropped: %v", err)
	}
	for _, bad := range []Box{{Max: [3]int{5, 1, 1}}, {Min: [3]int{-1, 0, 0}, Max: [3]int{1, 1, 1}}, {}} {
		if _, err := m.Crop(bad); !errors.Is(err, ErrShape) {
			t.Errorf("box %v: %v", bad, err)
		}
	}
	if _, err := c.Uncrop(g, box.Pad(1, g)); !errors.Is(err, ErrShape) {
		t.Errorf("a box of another size: %v", err)
	}
}

func TestLabelMapMask(t *testing.T) {
	m := &LabelMap{Grid: Grid{Shape: [3]int{6, 1, 1}}, Data: []uint16{0, 1, 2, 2, 3, 1}}
	if got := m.Mask(1, 3).Data; !slices.Equal(got, []uint8{0, 1, 0, 0, 1, 1}) {
		t.Errorf("got %v", got)
	}
	if got := m.Mask(0).Data; !slices.Equal(got, []uint8{1, 0, 0, 0, 0, 0}) {
		t.Errorf("background: %v", got)
	}
}
