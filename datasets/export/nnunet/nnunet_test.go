package nnunet

import (
	"encoding/json"
	"errors"
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
	Heads   int
	Regions bool
	Cases   map[string]struct {
		Side    string
		Image   [3]float64
		Classes map[string][]int
	}
}

// read runs nnU-Net's integrity check over the folders.
func read(t *testing.T, dir string, folders ...string) map[string]found {
	t.Helper()
	args := []string{"testdata/check.py"}
	for _, f := range folders {
		args = append(args, filepath.Join(dir, f))
	}
	var out map[string]found
	if err := json.Unmarshal([]byte(exporttest.Torch(t, args...)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func backNames(t *testing.T, path string) (n struct{ Classes, Cases map[string]string }) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// same asks that nnU-Net sees every voxel of every class of the samples.
func same(t *testing.T, c *exporttest.Corpus, got found, names struct{ Classes, Cases map[string]string }, want int) {
	t.Helper()
	if len(got.Cases) != want {
		t.Fatalf("%d cases, want %d", len(got.Cases), want)
	}
	for file, scan := range got.Cases {
		i := slices.IndexFunc(c.List, func(s *export.Sample) bool { return s.Name() == names.Cases[file] })
		if i < 0 {
			t.Fatalf("names.json has no sample of the case %q", file)
		}
		s := c.List[i]
		if side := map[bool]string{true: "Ts", false: "Tr"}[s.Split == export.Test]; scan.Side != side {
			t.Errorf("%s is in %s, want %s", s.Name(), scan.Side, side)
		}
		if scan.Image != exporttest.Summary(c.Images[s.Name()]) {
			t.Errorf("%s: the image is %v, want %v", s.Name(), scan.Image, exporttest.Summary(c.Images[s.Name()]))
		}
		for class, voxels := range scan.Classes {
			if want := exporttest.Voxels(c.Mask(s, names.Classes[class])); !reflect.DeepEqual(voxels, want) {
				t.Errorf("%s: %q has %d voxels, want %d", s.Name(), class, len(voxels), len(want))
			}
		}
	}
}

// Each dataset of the corpus becomes one of nnU-Net, which passes its check.
func TestPerDataset(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Disjoint)
	c.List[0].Split = export.Validation
	dir, _ := exporttest.Export(t, New(Options{FirstID: 7}), c, export.Options{Format: "nnunet"})
	got := read(t, dir, "Dataset007_Torso_B_2", "Dataset008_Torso_A")
	for folder, f := range got {
		if f.Regions || f.Heads != len(exporttest.Disjoint)+1 {
			t.Errorf("%s: %d heads, regions %v", folder, f.Heads, f.Regions)
		}
		same(t, c, f, backNames(t, filepath.Join(dir, folder, "names.json")), 2)
	}
	b, err := os.ReadFile(filepath.Join(dir, "Dataset008_Torso_A", "splits_final.json"))
	if want := "[\n  {\n    \"train\": [],\n    \"val\": [\n      \"Torso_A_case_00\"\n    ]\n  }\n]\n"; err != nil || string(b) != want {
		t.Errorf("splits_final.json: %v, %s", err, b)
	}
}

// Structures that overlap become regions, in one dataset of all.
func TestMergedRegions(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Nested)
	settings := labelmaps.Settings{Overlap: export.Regions, Merge: "all torsos"}
	dir, _ := exporttest.Export(t, New(Options{Settings: settings}), c, export.Options{Format: "nnunet"})
	const folder = "Dataset001_all_torsos"
	got := read(t, dir, folder)[folder]
	if !got.Regions || got.Heads != len(exporttest.Nested) {
		t.Errorf("%d heads, regions %v", got.Heads, got.Regions)
	}
	same(t, c, got, backNames(t, filepath.Join(dir, folder, "names.json")), 3)

	var doc struct {
		Labels map[string]any
		Order  []int `json:"regions_class_order"`
	}
	b, err := os.ReadFile(filepath.Join(dir, folder, "dataset.json"))
	if err != nil || json.Unmarshal(b, &doc) != nil {
		t.Fatalf("dataset.json: %v", err)
	}
	place := func(class string) int {
		return slices.Index(doc.Order, slices.Index(exporttest.Nested, class)+1)
	}
	for whole, part := range map[string]string{"heart": "myocardium", "left lung": "left lung upper lobe"} {
		if place(whole) > place(part) {
			t.Errorf("%v: %q is written over its part %q", doc.Order, whole, part)
		}
	}
}

func TestOverlapIsRefusedByName(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Nested)
	dir := filepath.Join(t.TempDir(), "out")
	_, err := export.Run(t.Context(), New(Options{}), c, export.Options{Dir: dir, Format: "nnunet"})
	var overlap *export.OverlapError
	if !errors.As(err, &overlap) || overlap.A != "heart" || overlap.B != "left heart ventricle" || overlap.Sample == "" {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was left in the target")
	}
}

func TestPartialClasses(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Disjoint)
	c.List[1].Dataset, c.List[1].Classes = "Torso_A", c.List[1].Classes[:2]
	c.Images[c.List[1].Name()], c.Masks[c.List[1].Name()] = c.Images["Torso B/2/case 01"], c.Masks["Torso B/2/case 01"]
	dir := t.TempDir()
	_, err := export.Run(t.Context(), New(Options{}), c, export.Options{Dir: filepath.Join(dir, "a"), Format: "nnunet"})
	if !errors.Is(err, export.ErrPartial) {
		t.Errorf("the error is %v", err)
	}
	f := New(Options{Settings: labelmaps.Settings{LeaveOut: true}})
	r, err := export.Run(t.Context(), f, c, export.Options{Dir: filepath.Join(dir, "b"), Format: "nnunet"})
	if err != nil || len(r.Warnings) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := f.Groups()[0].Classes; !reflect.DeepEqual(got, exporttest.Disjoint[:2]) {
		t.Errorf("classes %q", got)
	}
}
