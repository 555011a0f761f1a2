package index

import (
	"encoding/json"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
	"satgraph/volume"
)

type found struct {
	Scans []struct {
		ID                                              int
		Name, Dataset, Patient, Split, Modality, Digest string
		Width, Height, Depth                            int
		Spacing                                         []float64 `json:"spacing_mm"`
		Affine                                          []float64
		Shown                                           int `json:"shown_classes"`
	}
	Annotations []struct {
		Scan     int `json:"scan_id"`
		Class    string
		Voxels   int
		Volume   float64   `json:"volume_ml"`
		Box      []int     `json:"bbox"`
		Centroid []float64 `json:"centroid_mm"`
		Mask     []int
	}
	Classes []struct {
		Name        string
		Annotations int
		Annotated   int `json:"annotated_scans"`
	}
	Totals [][]any
}

// samples are those of a source.
func samples(t *testing.T, src export.Source) iter.Seq[*export.Sample] {
	t.Helper()
	return func(yield func(*export.Sample) bool) {
		for s, err := range src.Samples(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(s) {
				return
			}
		}
	}
}

// DuckDB reads every row, with sides that were chosen, and every voxel of every mask.
func TestReadByDuckDB(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Nested)
	src, _, err := export.OnSides(t.Context(), c, export.Sides{
		"Torso_A/case 00": export.Validation, "Torso_A/case 01": export.Train, "Torso B/2/case 02": export.Test, "Torso B/2/case 03": export.Train,
	}.Assign(&export.Select{}))
	if err != nil {
		t.Fatal(err)
	}
	c.List = slices.Collect(samples(t, src))
	// A mask that begins with the first voxel and ends with the last, and one of
	// nothing.
	s := c.List[0]
	m := volume.NewBits(c.Images[s.Name()].Grid)
	m.SetRun(0, m.Shape[0], 0, 0)
	m.SetRun(0, 2, 1, 0)
	m.SetRun(m.Shape[0]-1, m.Shape[0], m.Shape[1]-1, m.Shape[2]-1)
	c.Masks[s.Name()]["heart"] = m
	c.Masks[s.Name()]["left lung"] = volume.NewBits(m.Grid)
	dir, _ := exporttest.Export(t, New(), c, export.Options{Format: "index"})
	var got found
	if err := json.Unmarshal([]byte(exporttest.Python(t, "testdata/check.py", dir)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Scans) != len(c.List) || len(got.Classes) != len(exporttest.Nested) {
		t.Fatalf("%d scans, %d classes", len(got.Scans), len(got.Classes))
	}
	for i, row := range got.Scans {
		s := c.List[i]
		g := c.Images[s.Name()].Grid
		if row.Name != s.ID || row.Dataset != s.Dataset || row.Split != s.Split || row.Digest != s.Digest || [3]int{row.Width, row.Height, row.Depth} != g.Shape {
			t.Errorf("%s: %+v", s.Name(), row)
		}
		if row.Affine[3] != g.Affine[0][3] || row.Affine[6] != g.Affine[1][2] || math.Abs(row.Spacing[0]-8) > 1e-9 {
			t.Errorf("%s: affine %v, want %v", s.Name(), row.Affine, g.Affine)
		}
	}
	seen := map[int]map[string]bool{}
	for _, a := range got.Annotations {
		s := c.List[a.Scan-1]
		m := c.Mask(s, a.Class)
		if seen[a.Scan] == nil {
			seen[a.Scan] = map[string]bool{}
		}
		seen[a.Scan][a.Class] = true
		box, _ := m.Bounds()
		shape := box.Shape()
		want := []int{box.Min[0], box.Min[1], box.Min[2], shape[0], shape[1], shape[2]}
		if !reflect.DeepEqual(a.Mask, exporttest.Voxels(m)) || a.Voxels != m.Count() || math.Abs(a.Volume-m.Volume()) > 1e-9 || !reflect.DeepEqual(a.Box, want) {
			t.Errorf("%s, %s: %d voxels, %v; want %d, %v", s.Name(), a.Class, a.Voxels, a.Box, m.Count(), want)
		}
		if want := centroid(m); math.Abs(want[0]-a.Centroid[0])+math.Abs(want[1]-a.Centroid[1])+math.Abs(want[2]-a.Centroid[2]) > 1e-6 {
			t.Errorf("%s, %s: centroid %v, want %v", s.Name(), a.Class, a.Centroid, want)
		}
	}
	for i, s := range c.List {
		for _, class := range s.Classes {
			if has := c.Mask(s, class.Name).Count() > 0; has != seen[i+1][class.Name] {
				t.Errorf("%s: %q has a row: %v, want %v", s.Name(), class.Name, !has, has)
			}
		}
	}
	if len(got.Totals) != len(exporttest.Nested) {
		t.Errorf("totals: %v", got.Totals)
	}
	again, _ := exporttest.Export(t, New(), c, export.Options{Format: "index", Dir: filepath.Join(t.TempDir(), "b")})
	if a, b := sums(t, dir), sums(t, again); a != b {
		t.Error("two exports differ")
	}
}

func centroid(m *volume.Bits) (mean [3]float64) {
	n := 0.0
	for k := range m.Shape[2] {
		for j := range m.Shape[1] {
			for i := range m.Shape[0] {
				if m.At(i, j, k) {
					n++
					for a, v := range m.Affine.Apply([3]float64{float64(i), float64(j), float64(k)}) {
						mean[a] += v
					}
				}
			}
		}
	}
	return [3]float64{mean[0] / n, mean[1] / n, mean[2] / n}
}

func sums(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, export.SumsFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
