package monai

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
	"satgraph/datasets/export/labelmaps"
)

// found is what testdata/check.py prints of a folder.
type found struct {
	Properties struct {
		Name        string
		Modality    map[string]string
		NumTraining int
		NumTest     int
	}
	Scans map[string]struct {
		List    string
		Image   [3]float64
		Classes map[string][]int
	}
}

func read(t *testing.T, c *exporttest.Corpus, folder string) found {
	t.Helper()
	var out map[string]found
	if err := json.Unmarshal([]byte(exporttest.Torch(t, "testdata/check.py", folder)), &out); err != nil {
		t.Fatal(err)
	}
	var names struct{ Classes, Cases map[string]string }
	b, err := os.ReadFile(filepath.Join(folder, "names.json"))
	if err != nil || json.Unmarshal(b, &names) != nil {
		t.Fatalf("names.json: %v", err)
	}
	got := out[filepath.Base(folder)]
	for file, scan := range got.Scans {
		i := slices.IndexFunc(c.List, func(s *export.Sample) bool {
			return s.Name() == names.Cases[file[:len(file)-len(".nii.gz")]]
		})
		if i < 0 {
			t.Fatalf("no sample for %s", file)
		}
		s := c.List[i]
		if want := map[string]string{export.Train: "training", export.Validation: "validation", export.Test: "test"}[s.Split]; scan.List != want {
			t.Errorf("%s is in the list %q, want %q", s.Name(), scan.List, want)
		}
		if want := exporttest.Summary(c.Images[s.Name()]); scan.Image != want {
			t.Errorf("%s: the image is %v, want %v", s.Name(), scan.Image, want)
		}
		if len(scan.Classes) != len(s.Classes) {
			t.Errorf("%s: %d classes, want %d", s.Name(), len(scan.Classes), len(s.Classes))
		}
		for class, voxels := range scan.Classes {
			if want := exporttest.Voxels(c.Mask(s, names.Classes[class])); !reflect.DeepEqual(voxels, want) {
				t.Errorf("%s: %q has %d voxels, want %d", s.Name(), class, len(voxels), len(want))
			}
		}
	}
	return got
}

func TestPerDataset(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Disjoint)
	c.List[2].Split = export.Validation
	dir, _ := exporttest.Export(t, New(labelmaps.Settings{}), c, export.Options{Format: "monai"})
	a := read(t, c, filepath.Join(dir, "Torso_A"))
	b := read(t, c, filepath.Join(dir, "Torso_B_2"))
	if len(a.Scans) != 2 || a.Properties.NumTraining != 1 || a.Properties.NumTest != 1 || a.Properties.Modality["0"] != "CT" {
		t.Errorf("%+v", a.Properties)
	}
	if len(b.Scans) != 2 || b.Properties.Name != "Torso B/2" {
		t.Errorf("%+v", b.Properties)
	}
}

func TestRegions(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Nested)
	settings := labelmaps.Settings{Overlap: export.Regions, Merge: "all"}
	dir, _ := exporttest.Export(t, New(settings), c, export.Options{Format: "monai"})
	if got := read(t, c, filepath.Join(dir, "all")); len(got.Scans) != 2 {
		t.Errorf("%d scans", len(got.Scans))
	}
}
