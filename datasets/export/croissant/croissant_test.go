package croissant

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/exporttest"
)

type found struct {
	Log     string
	Version string
	Sets    struct {
		Splits  []struct{ Name, URL string }
		Classes []struct{ Name, File string }
		Scans   []struct {
			Scan, Dataset, ID, Patient, Split, Modality, Licence string
			Width, Height, Depth                                 int
			Found                                                [3]float64
		}
		Annotations []struct {
			Scan, Class, Label, Mask string
			Voxels                   int
			Volume                   float64 `json:"volume_ml"`
			Found                    []int
		}
	}
}

// mlcroissant finds no fault, loads every record, and the files that they name
// hold every voxel.
func TestValid(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Nested)
	c.List[1].Split = export.Unassigned
	c.List[2].Licence = "CC-BY-NC-4.0"
	o := Options{Name: "torsos", Version: "1.2.0", Date: "2026-01-31", CiteAs: "nobody"}
	dir, _ := exporttest.Export(t, New(o), c, export.Options{Format: "croissant"})
	var got found
	if err := json.Unmarshal([]byte(exporttest.Python(t, "testdata/check.py", dir)), &got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(got.Version, "/1.1") || strings.Contains(strings.ToLower(got.Log), "warning") {
		t.Errorf("version %s, %s", got.Version, got.Log)
	}
	if len(got.Sets.Splits) != 3 || len(got.Sets.Classes) != len(exporttest.Nested) || len(got.Sets.Scans) != 3 || len(got.Sets.Annotations) != 3*len(exporttest.Nested) {
		t.Fatalf("%d splits, %d classes, %d scans, %d annotations", len(got.Sets.Splits), len(got.Sets.Classes), len(got.Sets.Scans), len(got.Sets.Annotations))
	}
	sample := func(name string) *export.Sample {
		i := slices.IndexFunc(c.List, func(s *export.Sample) bool { return s.Name() == name })
		if i < 0 {
			t.Fatalf("no sample %q", name)
		}
		return c.List[i]
	}
	for _, row := range got.Sets.Scans {
		s := sample(row.Scan)
		im := c.Images[s.Name()]
		if row.Split != splitName(s) || row.Licence != s.Licence || [3]int{row.Width, row.Height, row.Depth} != im.Shape || row.Found != exporttest.Summary(im) {
			t.Errorf("%s: %+v", s.Name(), row)
		}
	}
	for _, row := range got.Sets.Annotations {
		m := c.Mask(sample(row.Scan), row.Class)
		if want := exporttest.Voxels(m); !reflect.DeepEqual(row.Found, want) || row.Voxels != len(want) || math.Abs(row.Volume-m.Volume()) > 1e-9 {
			t.Errorf("%s, %s: %d voxels in the file, %d in the table, want %d", row.Scan, row.Class, len(row.Found), row.Voxels, len(want))
		}
	}
}
