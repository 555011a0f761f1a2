package sat

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
	"satgraph/volume"
)

// found is a line of what testdata/check.py prints.
type found struct {
	Split, Dataset, ID, Modality, Patient string
	Image                                 []float32
	Labels                                []string
	Masks                                 map[string][]int
}

// The training code's way of reading gives every voxel, on the RAS axes.
func TestReadAsByTrainingCode(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Nested)
	for _, s := range c.List {
		s.Classes[0].Label = "Heart" // as some rows spell it
	}
	c.List[1].Sequence = "CT contrast"
	dir, _ := exporttest.Export(t, New(Options{AsIs: true}), c, export.Options{Format: "sat"})
	var got []found
	if err := json.Unmarshal([]byte(exporttest.Python(t, "testdata/check.py", dir)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(c.List) {
		t.Fatalf("%d rows, want %d", len(got), len(c.List))
	}
	for _, f := range got {
		i := slices.IndexFunc(c.List, func(s *export.Sample) bool {
			return s.Dataset == f.Dataset && strings.ReplaceAll(s.ID, " ", "_") == f.ID
		})
		if i < 0 {
			t.Fatalf("no sample for %s/%s", f.Dataset, f.ID)
		}
		s := c.List[i]
		if f.Split != s.Split || f.Patient != s.Patient || f.Modality != map[bool]string{true: "CT contrast", false: "CT"}[i == 1] {
			t.Errorf("%s: %s, %s, %s", s.Name(), f.Split, f.Patient, f.Modality)
		}
		ras, turn := volume.ReorientRAS(c.Images[s.Name()])
		if !slices.Equal(f.Image, ras.Data) {
			t.Errorf("%s: the image differs", s.Name())
		}
		for k, class := range s.Classes {
			want := exporttest.Voxels(volume.BitsOf(c.Mask(s, class.Name).Dense().Reorient(turn)))
			if f.Labels[k] != class.Spelling() || !reflect.DeepEqual(f.Masks[class.Spelling()], want) {
				t.Errorf("%s: %q has %d voxels, want %d", s.Name(), f.Labels[k], len(f.Masks[class.Spelling()]), len(want))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(s *export.Sample)
		o      Options
		want   error
	}{
		"not standardised": {func(*export.Sample) {}, Options{}, export.ErrGeometry},
		"another spacing":  {func(s *export.Sample) { s.Normalised = true }, Options{}, export.ErrGeometry},
		"a slash":          {func(s *export.Sample) { s.Classes[0].Label = "liver/spleen" }, Options{AsIs: true}, export.ErrNames},
		"dots":             {func(s *export.Sample) { s.Classes[0].Name = ".." }, Options{AsIs: true}, export.ErrNames},
		"one file for two": {func(s *export.Sample) { s.Classes[0].Label, s.Classes[1].Label = "A", "a" }, Options{AsIs: true}, export.ErrNames},
	} {
		t.Run(name, func(t *testing.T) {
			c := exporttest.New(t, 1, exporttest.Disjoint)
			tc.change(c.List[0])
			_, err := export.Run(t.Context(), New(tc.o), c, export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "sat"})
			if !errors.Is(err, tc.want) {
				t.Errorf("the error is %v, want %v", err, tc.want)
			}
		})
	}
}
