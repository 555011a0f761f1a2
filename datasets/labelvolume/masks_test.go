package labelvolume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/labelmap"
	"satgraph/volume"
)

// A folder of masks on grids of their own, one axis running the other way: the
// sides are those of the body, whose middle lies between all of them.
func TestMasks(t *testing.T) {
	dir := t.TempDir()
	ras := volume.Grid{Shape: [3]int{21, 5, 6}, Affine: volume.Affine{{2, 0, 0, -20}, {0, 1, 0, 10}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	lps := volume.Grid{Shape: [3]int{21, 5, 6}, Affine: volume.Affine{{-2, 0, 0, 20}, {0, -1, 0, 10}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	for name, m := range map[string]struct {
		g  volume.Grid
		at [][4]int // voxels and their values
	}{
		"a": {ras, [][4]int{{2, 1, 2, 1}, {3, 1, 2, 255}, {4, 1, 2, 1}}}, // around x = -14
		"b": {lps, [][4]int{{2, 1, 2, 1}}},                               // x = 16
		"c": {ras, [][4]int{{10, 0, 2, 1}}},                              // x = 0, at the edge
		"d": {ras, nil},
	} {
		out := &volume.LabelMap{Grid: m.g, Data: make([]uint16, m.g.Voxels())}
		for _, v := range m.at {
			out.Data[m.g.Index(v[0], v[1], v[2])] = uint16(v[3])
		}
		if err := volume.WriteLabelMap(filepath.Join(dir, name+".nii.gz"), out); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "e.nii.gz"), []byte("no volume"), 0o600); err != nil {
		t.Fatal(err)
	}
	var given []labelmap.RawLabel
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		given = append(given, labelmap.RawLabel{Name: name, File: name + ".nii.gz"})
	}
	told := 0
	got, err := Masks(context.Background(), dir, given, volume.ReadOptions{}, func(_, total int) { told += total })
	if err != nil || told != 25 {
		t.Fatalf("%v, told %d", err, told)
	}
	want := []labelmap.Geometry{
		{Voxels: 3, VolumeML: 0.018, Centroid: [3]float64{-14, 11, 6}, Side: "left"},
		{Voxels: 1, VolumeML: 0.006, Centroid: [3]float64{16, 9, 6}, Side: "right"},
		{Voxels: 1, VolumeML: 0.006, Centroid: [3]float64{0, 10, 6}},
	}
	for i, w := range want {
		if g := got[i].Geometry; g == nil || *g != w {
			t.Errorf("%s: %+v, want %+v", got[i].Name, g, w)
		}
	}
	if !slices.Contains(got[2].Flags, labelmap.FlagBorder) || len(got[0].Flags) > 0 {
		t.Errorf("flags %q and %q", got[2].Flags, got[0].Flags)
	}
	if got[3].Geometry != nil || !slices.Equal(got[3].Flags, []string{FlagEmpty}) {
		t.Errorf("an empty mask: %+v", got[3])
	}
	if got[4].Geometry != nil || len(got[4].Flags) != 1 || !strings.HasPrefix(got[4].Flags[0], FlagUnread+": ") {
		t.Errorf("no volume: %+v", got[4])
	}
	if given[0].Geometry != nil || given[3].Flags != nil {
		t.Error("the labels that were given have changed")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Masks(ctx, dir, given, volume.ReadOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
