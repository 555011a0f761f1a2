package measure_test

import (
	"errors"
	"math"
	"testing"

	"satgraph/volume"
	"satgraph/volume/measure"
)

// lps is a grid whose first two axes run to the left and to the back, as DICOM's
// do: voxels of 1 × 2 × 3 mm, voxel (0, 0, 0) at (100, 50, -20).
func lps() volume.Grid {
	return volume.Grid{Shape: [3]int{10, 8, 6}, Affine: volume.Affine{
		{-1, 0, 0, 100}, {0, -2, 0, 50}, {0, 0, 3, -20}, {0, 0, 0, 1},
	}}
}

func close3(a, b [3]float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-9 {
			return false
		}
	}
	return true
}

func TestFiguresWorkedOutByHand(t *testing.T) {
	g := lps()
	m := volume.NewBits(g)
	m.SetRun(2, 6, 3, 2) // four voxels of 6 mm³
	m.SetRun(2, 4, 4, 2) // and two beside them
	m.SetRun(3, 4, 3, 3) // and one above
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i, at := range []int{g.Index(2, 3, 2), g.Index(3, 3, 2), g.Index(4, 3, 2), g.Index(5, 3, 2), g.Index(2, 4, 2), g.Index(3, 4, 2), g.Index(3, 3, 3)} {
		im.Data[at] = float32(10 * (i + 1)) // 10 … 70
	}
	im.Data[g.Index(3, 3, 3)] = float32(math.NaN())

	f, err := measure.Of(m, im)
	if err != nil {
		t.Fatal(err)
	}
	if f.Voxels != 7 || math.Abs(f.VolumeML-0.042) > 1e-12 {
		t.Errorf("voxels %d, %.6f mL; want 7, 0.042 mL", f.Voxels, f.VolumeML)
	}
	if f.Box != (volume.Box{Min: [3]int{2, 3, 2}, Max: [3]int{6, 5, 4}}) || f.TouchesEdge {
		t.Errorf("box %+v, touches %v", f.Box, f.TouchesEdge)
	}
	// i from 2 to 5 is x from 98 to 95, and half a voxel more on both sides.
	if !close3(f.Low, [3]float64{94.5, 41, -15.5}) || !close3(f.High, [3]float64{98.5, 45, -9.5}) || !close3(f.ExtentMM(), [3]float64{4, 4, 6}) {
		t.Errorf("from %v to %v", f.Low, f.High)
	}
	centroid := [3]float64{22.0 / 7, 23.0 / 7, 15.0 / 7}
	if !close3(f.Centroid, centroid) || !close3(f.CentroidMM, [3]float64{100 - centroid[0], 50 - 2*centroid[1], -20 + 3*centroid[2]}) {
		t.Errorf("centroid %v, %v mm", f.Centroid, f.CentroidMM)
	}
	in := f.Intensity
	if in == nil || in.Values != 6 || in.Mean != 35 || in.Min != 10 || in.Max != 60 || in.Median != 35 || in.P5 != 12.5 || in.P95 != 57.5 {
		t.Fatalf("intensity %+v", in)
	}
	if want := math.Sqrt((25*25 + 15*15 + 5*5) / 3.0); math.Abs(in.SD-want) > 1e-9 {
		t.Errorf("SD %v, want %v", in.SD, want)
	}
	want := [3]measure.Slice{
		{Plane: "axial", Axis: 2, Index: 2, AreaMM2: 12, CenterMM: [3]float64{97 - 1.0/6, 50 - 2*(20.0/6), -14}},
		{Plane: "coronal", Axis: 1, Index: 3, AreaMM2: 15, CenterMM: [3]float64{100 - 17.0/5, 44, -20 + 3*(11.0/5)}},
		{Plane: "sagittal", Axis: 0, Index: 3, AreaMM2: 18, CenterMM: [3]float64{97, 50 - 2*(10.0/3), -20 + 3*(7.0/3)}},
	}
	for i, s := range f.Slices {
		w := want[i]
		if s.Plane != w.Plane || s.Axis != w.Axis || s.Index != w.Index || math.Abs(s.AreaMM2-w.AreaMM2) > 1e-9 || !close3(s.CenterMM, w.CenterMM) {
			t.Errorf("%s slice %+v, want %+v", w.Plane, s, w)
		}
	}
}

func TestEmptyMaskAndOtherGrid(t *testing.T) {
	if f, err := measure.Of(volume.NewBits(lps()), nil); f != nil || err != nil {
		t.Errorf("an empty mask gave %+v, %v", f, err)
	}
	other := lps()
	other.Affine[0][3]++
	im := &volume.Image{Grid: other, Data: make([]float32, other.Voxels())}
	if _, err := measure.Of(volume.NewBits(lps()), im); !errors.Is(err, measure.ErrGrid) {
		t.Errorf("an image on another grid gave %v", err)
	}
}

func TestEdgeIsSeen(t *testing.T) {
	m := volume.NewBits(lps())
	m.SetRun(0, 1, 3, 3)
	f, err := measure.Of(m, nil)
	if err != nil || !f.TouchesEdge || f.Intensity != nil {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestChange(t *testing.T) {
	before := &measure.Figures{VolumeML: 80, CentroidMM: [3]float64{1, 2, 3}}
	after := &measure.Figures{VolumeML: 100, CentroidMM: [3]float64{4, 6, 3}}
	c := measure.Compare(before, after)
	if c.VolumeML != 20 || c.Percent != 25 || c.ShiftMM != [3]float64{3, 4, 0} || c.DistanceMM != 5 {
		t.Errorf("%+v", c)
	}
}
