package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/inference"
	"satgraph/volume"
)

// three structures on a 6x4x2 grid: b lies apart, c over a.
func threeStructures() (*volume.Image, []*inference.StructureResult) {
	g := volume.Grid{Shape: [3]int{6, 4, 2}, Affine: volume.Identity()}
	box := func(name string, from, to, j int) *inference.StructureResult {
		m := volume.NewBits(g)
		m.SetRun(from, to, j, 1)
		return &inference.StructureResult{TermID: "T:" + name, Term: name, Status: inference.Segmented, File: name + ".nii.gz", Mask: m}
	}
	return &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}, []*inference.StructureResult{
		box("a", 0, 3, 0), box("b", 0, 6, 2), box("c", 2, 5, 0),
	}
}

func writeLayout(t *testing.T, layout string, n int) (dir string, r *inference.Report, err error) {
	t.Helper()
	dir = t.TempDir()
	scan, all := threeStructures()
	out, err := newMasks(layout, dir, scan)
	if err != nil {
		return dir, nil, err
	}
	r = &inference.Report{}
	for _, s := range all[:n] {
		if err := out.add(s); err != nil {
			t.Fatal(err)
		}
		s.Mask = nil // as after a sink
		r.Structures = append(r.Structures, *s)
	}
	return dir, r, out.finish(r)
}

func readLabels(t *testing.T, path string) []uint16 {
	t.Helper()
	m, err := volume.ReadLabelMap(path, volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m.Data
}

func TestMultilabelHoldsWhatDoesNotOverlap(t *testing.T) {
	dir, r, err := writeLayout(t, layoutMultilabel, 2)
	if err != nil {
		t.Fatal(err)
	}
	data := readLabels(t, filepath.Join(dir, "labels.nii.gz"))
	if data[24] != 1 || data[26] != 1 || data[27] != 0 || data[24+12] != 2 || data[0] != 0 {
		t.Errorf("labels %v", data)
	}
	if r.Structures[1].File != "labels.nii.gz" {
		t.Errorf("the report names %q", r.Structures[1].File)
	}
}

func TestMultilabelRefusesAnOverlapByName(t *testing.T) {
	dir, r, err := writeLayout(t, layoutMultilabel, 3)
	if !errors.Is(err, volume.ErrOverlap) || exitCode(err) != exitRefused || !strings.Contains(err.Error(), `"a" and "c"`) {
		t.Errorf("got %v", err)
	}
	for i, name := range []string{"a.nii.gz", "b.nii.gz", "c.nii.gz"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || r.Structures[i].File != name {
			t.Errorf("%s: %v, the report names %q", name, err, r.Structures[i].File)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "labels.nii.gz")); err == nil {
		t.Error("a label map was written all the same")
	}
}

func TestLayersKeepOverlapsApart(t *testing.T) {
	dir, r, err := writeLayout(t, layoutLayers, 3)
	if err != nil {
		t.Fatal(err)
	}
	first, second := readLabels(t, filepath.Join(dir, "labels-1.nii.gz")), readLabels(t, filepath.Join(dir, "labels-2.nii.gz"))
	if first[26] != 1 || first[36] != 2 || second[26] != 1 || second[24] != 0 {
		t.Errorf("%v\n%v", first, second)
	}
	if r.Structures[0].File != "labels-1.nii.gz" || r.Structures[2].File != "labels-2.nii.gz" {
		t.Errorf("the report names %q and %q", r.Structures[0].File, r.Structures[2].File)
	}
	if _, _, err := writeLayout(t, layoutDICOM, 1); exitCode(err) != exitUsage {
		t.Errorf("a DICOM segmentation of no series: %v", err)
	}
	if _, _, err := writeLayout(t, "rle", 1); exitCode(err) != exitUsage {
		t.Errorf("an unknown layout: %v", err)
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "12GiB": 12 << 30, "1.5g": 3 << 29, "800 MB": 800 << 20, "2097152": 2 << 20, "64mib": 64 << 20} {
		if got, err := parseBytes(text); got != want || err != nil {
			t.Errorf("%q: %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"much", "-1GB", "5", "1e9", "99999999TiB"} {
		if _, err := parseBytes(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
