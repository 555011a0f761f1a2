package labelvolume

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/internal/sharedtest"
	"satgraph/labelmap"
	"satgraph/volume"
)

// written puts labels on a grid into a file.
func written(t *testing.T, g volume.Grid, put func(set func(i, j, k int, v uint16))) string {
	t.Helper()
	m := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	put(func(i, j, k int, v uint16) { m.Data[g.Index(i, j, k)] = v })
	path := filepath.Join(t.TempDir(), "labels.nii.gz")
	if err := volume.WriteLabelMap(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMeasure(t *testing.T) {
	// RAS, 2 x 1 x 3 mm, the first voxel at x = -20 mm: value 7 is three voxels in
	// a row from x = -16, value 300 lies at the right edge.
	g := volume.Grid{Shape: [3]int{21, 5, 6}, Affine: volume.Affine{{2, 0, 0, -20}, {0, 1, 0, 10}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	path := written(t, g, func(set func(i, j, k int, v uint16)) {
		for i := 2; i < 5; i++ {
			set(i, 1, 2, 7)
		}
		set(20, 2, 3, 300)
		set(19, 2, 3, 300)
	})
	m, err := Measure(context.Background(), path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Found{
		{7, labelmap.Geometry{Voxels: 3, VolumeML: 0.018, Centroid: [3]float64{-14, 11, 6}, Side: "left"}, false},
		{300, labelmap.Geometry{Voxels: 2, VolumeML: 0.012, Centroid: [3]float64{19, 12, 9}, Side: "right"}, true},
	}
	if len(m.Found) != 2 {
		t.Fatalf("%+v", m.Found)
	}
	for i, f := range m.Found {
		near := math.Abs(f.Geometry.VolumeML-want[i].Geometry.VolumeML) < 1e-9
		f.Geometry.VolumeML = want[i].Geometry.VolumeML
		if f != want[i] || !near {
			t.Errorf("%+v, want %+v", f, want[i])
		}
	}
}

// The same voxels on axes that run the other way lie at the same places.
func TestMeasureInLPS(t *testing.T) {
	g := volume.Grid{Shape: [3]int{21, 5, 6}, Affine: volume.Affine{{-2, 0, 0, 20}, {0, -1, 0, 10}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	path := written(t, g, func(set func(i, j, k int, v uint16)) {
		set(18, 1, 2, 1) // x = -16
		set(2, 1, 2, 2)  // x = 16
	})
	m, err := Measure(context.Background(), path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := m.Found[0].Geometry, m.Found[1].Geometry; a.Side != "left" || a.Centroid[0] != -16 || b.Side != "right" || b.Centroid[0] != 16 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestMeasureStops(t *testing.T) {
	g := volume.Grid{Shape: [3]int{4, 4, 4}, Affine: volume.Identity()}
	path := written(t, g, func(func(i, j, k int, v uint16)) {})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Measure(ctx, path, volume.ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled measurement: %v", err)
	}
	if _, err := Measure(context.Background(), path+".none", volume.ReadOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestJoin(t *testing.T) {
	m := &Measured{Found: []Found{
		{1, labelmap.Geometry{Voxels: 1, VolumeML: 1, Centroid: [3]float64{10, 0, 0}, Side: "right"}, false},
		{2, labelmap.Geometry{Voxels: 3, VolumeML: 3, Centroid: [3]float64{-10, 4, 0}, Side: "left"}, true},
		{9, labelmap.Geometry{Voxels: 5, VolumeML: 5}, false},
	}}
	got := m.Join([]labelmap.RawLabel{
		{Name: "background", Values: []int64{0}},
		{Name: "both", Values: []int64{1, 2}},
		{Name: "gone", Values: []int64{5}},
		{Name: "loose"},
		{Name: "part gone", Values: []int64{1, 6}},
	}, labelmap.RawLabel{Dataset: "D", File: "labels.nii.gz"})
	if len(got) != 6 {
		t.Fatalf("%d labels", len(got))
	}
	both := got[1]
	if g := both.Geometry; g == nil || g.Voxels != 4 || g.VolumeML != 4 || g.Centroid != [3]float64{-5, 3, 0} || g.Side != "" || !slices.Equal(both.Flags, []string{labelmap.FlagBorder}) {
		t.Errorf("two values: %+v %v", g, both.Flags)
	}
	for i, flags := range map[int][]string{0: nil, 2: {FlagAbsent}, 3: {FlagNoValue}, 4: nil, 5: {FlagUnnamed}} {
		if !slices.Equal(got[i].Flags, flags) {
			t.Errorf("%s: flags %q, want %q", got[i].Key(), got[i].Flags, flags)
		}
	}
	if last := got[5]; last.Key() != "9" || last.Dataset != "D" || last.Geometry.Voxels != 5 {
		t.Errorf("the value without a name: %+v", last)
	}
	if got[0].Geometry != nil || got[2].Geometry != nil {
		t.Error("what does not occur was measured")
	}
}

// The voxel counts of a real label map, as its description gives them.
func TestMeasureRealScan(t *testing.T) {
	path := sharedtest.Path(t, "data/real-ct/example_seg.nii.gz")
	text, err := os.ReadFile(sharedtest.Path(t, "data/real-ct/labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Maps map[string]map[string]string `json:"class_maps"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	m, err := Measure(context.Background(), path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]Found{}
	for _, f := range m.Found {
		for value, name := range doc.Maps["total"] {
			if value == labelKey(f.Value) {
				counts[name] = f
			}
		}
	}
	if len(m.Found) != 41 {
		t.Errorf("%d structures, want 41", len(m.Found))
	}
	for name, want := range map[string]struct {
		voxels int64
		side   string
	}{"liver": {38634, "right"}, "spleen": {9452, "left"}, "kidney_right": {3947, "right"}, "kidney_left": {3676, "left"}, "vertebrae_L1": {2139, ""}} {
		if g := counts[name].Geometry; g.Voxels != want.voxels || g.Side != want.side || math.Abs(g.VolumeML-float64(want.voxels)*0.027) > 1e-6 {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func labelKey(v int64) string { return (&labelmap.RawLabel{Values: []int64{v}}).Key() }

func TestSegmentsOfStructureSet(t *testing.T) {
	labels, err := Segments(sharedtest.Path(t, "data/odd-dicom/rtstruct.dcm"), labelmap.RawLabel{Dataset: "RT"})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range labels {
		if l.Name == "" || l.Values != nil || l.Dataset != "RT" {
			t.Errorf("%+v", l)
		}
	}
	if len(labels) == 0 {
		t.Error("no structure")
	}
	if _, err := Segments(sharedtest.Path(t, "data/odd-dicom/CT_small.dcm"), labelmap.RawLabel{}); !errors.Is(err, volume.ErrNotImage) {
		t.Errorf("a slice without structures: %v", err)
	}
}
