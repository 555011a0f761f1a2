package bids

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
)

type found struct {
	Issues []struct{ Code, SubCode, Severity, Location, IssueMessage string }
	Scans  []segmentation
}

type segmentation struct {
	File, Source, Scan string
	Annotated          []string
	Image              [3]float64
	Classes            map[string][]int
}

func check(t *testing.T, c *exporttest.Corpus, dir string) found {
	t.Helper()
	var got found
	if err := json.Unmarshal([]byte(exporttest.Python(t, "testdata/check.py", dir)), &got); err != nil {
		t.Fatal(err)
	}
	for _, i := range got.Issues {
		// Recommended metadata of scanner and protocol is not known of a corpus.
		if i.Severity == "error" || !slices.Contains([]string{"SIDECAR_KEY_RECOMMENDED", "TOO_FEW_AUTHORS", "JSON_KEY_RECOMMENDED"}, i.Code) {
			t.Errorf("the validator says %s %s %s of %s: %s", i.Severity, i.Code, i.SubCode, i.Location, i.IssueMessage)
		}
	}
	seen := map[string]map[string]bool{}
	for _, f := range got.Scans {
		i := slices.IndexFunc(c.List, func(s *export.Sample) bool { return s.Name() == f.Scan })
		if i < 0 {
			t.Fatalf("no sample %q", f.Scan)
		}
		s := c.List[i]
		if f.Image != exporttest.Summary(c.Images[s.Name()]) || len(f.Annotated) != len(s.Classes) {
			t.Errorf("%s: %v, %q", s.Name(), f.Image, f.Annotated)
		}
		for class, voxels := range f.Classes {
			if want := exporttest.Voxels(c.Mask(s, class)); !reflect.DeepEqual(voxels, want) || seen[f.Scan][class] {
				t.Errorf("%s: %q has %d voxels, want %d in one layer", s.Name(), class, len(voxels), len(want))
			}
			if seen[f.Scan] == nil {
				seen[f.Scan] = map[string]bool{}
			}
			seen[f.Scan][class] = true
		}
	}
	for _, s := range c.List {
		for _, class := range s.Classes {
			if has := c.Mask(s, class.Name).Count() > 0; has != seen[s.Name()][class.Name] {
				t.Errorf("%s: %q is there: %v, want %v", s.Name(), class.Name, !has, has)
			}
		}
	}
	return got
}

// The validator finds no error, and every voxel is in its class.
func TestValid(t *testing.T) {
	c := exporttest.New(t, 4, exporttest.Disjoint)
	c.List[1].Modality, c.List[1].Sequence = "mri", "MRI T1"
	c.List[2].Modality, c.List[2].Patient = "pet", ""
	c.List[3].Modality = "mri"
	dir, _ := exporttest.Export(t, New(Options{}), c, export.Options{Format: "bids"})
	got := check(t, c, dir)
	if len(got.Scans) != 4 {
		t.Fatalf("%d segmentations", len(got.Scans))
	}
	if !slices.ContainsFunc(got.Scans, func(f segmentation) bool { return strings.HasSuffix(f.Source, "_desc-corpus_T1w.nii.gz") }) {
		t.Error("no T1-weighted scan by BIDS's name")
	}
}

func TestLayers(t *testing.T) {
	c := exporttest.New(t, 2, exporttest.Nested)
	dir, _ := exporttest.Export(t, New(Options{Overlap: export.Layers}), c, export.Options{Format: "bids"})
	if got := check(t, c, dir); len(got.Scans) < 4 || !strings.Contains(got.Scans[1].File, "_desc-layer2_") {
		t.Errorf("%d segmentations", len(got.Scans))
	}
	_, err := export.Run(t.Context(), New(Options{}), c, export.Options{Dir: filepath.Join(t.TempDir(), "out"), Format: "bids"})
	var overlap *export.OverlapError
	if !errors.As(err, &overlap) || overlap.A != "heart" || overlap.B != "left heart ventricle" {
		t.Errorf("the error is %v", err)
	}
}
