package view_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/build"
	"satgraph/datasets/build/view"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/export/croissant"
	"satgraph/datasets/export/sat"
	"satgraph/datasets/standard"
	"satgraph/internal/npy"
	"satgraph/volume"
)

// built makes a corpus of one scan and opens it.
func built(t *testing.T, set standard.Settings) *view.Corpus {
	t.Helper()
	dir := t.TempDir()
	if _, err := build.Run(t.Context(), one{}, build.Options{Dir: dir, Settings: set}); err != nil {
		t.Fatal(err)
	}
	records, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := view.Open(dir, records)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A corpus that was built with SAT's settings is exported for SAT's training
// voxel by voxel as it lies on disk.
func TestExportForSAT(t *testing.T) {
	c := built(t, standard.SAT())
	dir := filepath.Join(t.TempDir(), "sat")
	if _, err := export.Run(t.Context(), sat.New(sat.Options{}), c, export.Options{Dir: dir, Format: "sat"}); err != nil {
		t.Fatal(err)
	}
	kept, err := c.Scan(c.Scans[0])
	if err != nil {
		t.Fatal(err)
	}
	im, err := kept.ReadImage()
	if err != nil {
		t.Fatal(err)
	}
	a, err := npy.ReadFile(filepath.Join(dir, "KiTS23", "renorm_image", "case.npy"))
	if err != nil {
		t.Fatal(err)
	}
	got := a.Float32s()
	if len(a.Shape) != 4 || [3]int(a.Shape[1:]) != im.Shape {
		t.Fatalf("an array of %v, want %v", a.Shape, im.Shape)
	}
	for k := range im.Shape[2] {
		for j := range im.Shape[1] {
			for i := range im.Shape[0] {
				if got[(i*im.Shape[1]+j)*im.Shape[2]+k] != im.Data[im.Index(i, j, k)] {
					t.Fatalf("voxel %d, %d, %d differs", i, j, k)
				}
			}
		}
	}
	rows, err := os.ReadFile(filepath.Join(dir, "train.jsonl"))
	if err != nil || !strings.Contains(string(rows), `"modality":"CT"`) || !strings.Contains(string(rows), `"kidney cyst"`) {
		t.Errorf("%v, %s", err, rows)
	}
}

// Other formats get the scan's own units: here the very values of the scan, whose
// voxels were only turned.
func TestExportInOwnUnits(t *testing.T) {
	set := standard.SAT()
	set.Spacing = [3]float64{3, 3, 3}
	c := built(t, set)
	c.Units = true
	dir := filepath.Join(t.TempDir(), "out")
	r, err := export.Run(t.Context(), croissant.New(croissant.Options{}), c, export.Options{Dir: dir, Format: "croissant"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := volume.ReadImage(filepath.Join(dir, "scans", "KiTS23", "case", "image.nii.gz"), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := one{}.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want, _ := volume.ReorientRAS(raw.Image)
	if got.Shape != want.Shape {
		t.Fatalf("%v, want %v", got.Shape, want.Shape)
	}
	for i, v := range got.Data {
		if math.Abs(float64(v-want.Data[i])) > 1e-3 {
			t.Fatalf("voxel %d is %g, want %g", i, v, want.Data[i])
		}
	}
	// KiTS23's licence lets its scans be passed on.
	if len(r.Warnings) > 0 {
		t.Errorf("warnings %q", r.Warnings)
	}
}
