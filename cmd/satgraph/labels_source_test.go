package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/internal/sharedtest"
)

// classMap writes the names of a real label map's values beside a copy of it, with
// left and right exchanged if asked for.
func classMap(t *testing.T, scan, classes string, swapped bool) string {
	t.Helper()
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
	data, err := os.ReadFile(sharedtest.Path(t, scan))
	if err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(t.TempDir(), "seg.nii.gz")
	if err := os.WriteFile(volume, data, 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := os.Create(strings.TrimSuffix(volume, ".nii.gz") + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(table)
	for value, name := range doc.Maps[classes] {
		if value == "5" {
			continue // the liver is left without a name
		}
		if swapped {
			name = strings.NewReplacer("left", "right", "right", "left").Replace(name)
		}
		if _, err := fmt.Fprintf(out, "%s\t%s\n", value, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return volume
}

func TestLabelsOfVolume(t *testing.T) {
	for _, c := range []struct {
		scan, classes, modality string
		swapped                 bool
		kidney                  int64
	}{
		{"data/real-ct/example_seg.nii.gz", "total", "ct", false, 3676},
		{"data/real-ct/example_seg.nii.gz", "total", "ct", true, 3947},
		{"data/real-mr/abdomen/example_seg_mr.nii.gz", "total_mr", "mri", false, 1442},
		{"data/real-mr/abdomen/example_seg_mr.nii.gz", "total_mr", "mri", true, 1721},
	} {
		volume := classMap(t, c.scan, c.classes, c.swapped)
		code, out, errOut := satgraph(t, "labels", "suggest", volume, "--modality", c.modality, "--dataset", "D", "--json")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		var doc struct {
			Labels []suggestionRow `json:"labels"`
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		wrongSide, sizes := 0, 0
		for _, l := range doc.Labels {
			for _, f := range l.Flags {
				if strings.Contains(f, "sides are swapped") {
					wrongSide++
				}
				if strings.Contains(f, "of an adult measures") {
					sizes++
					t.Logf("%s %s: %s", c.scan, l.Raw, f)
				}
			}
			switch {
			case l.Raw == "kidney_left" && (l.Geometry == nil || l.Geometry.Voxels != c.kidney):
				t.Errorf("%s: %+v", l.Raw, l.Geometry)
			case slices.Equal(l.Values, []int64{5}) && (l.Raw != "" || !l.Abstained || !slices.Contains(l.Flags, "value that no label names")):
				t.Errorf("the value without a name: %+v", l)
			case l.Raw == "brain" && !slices.Contains(l.Flags, "its value does not occur in the volume"):
				t.Errorf("the name without voxels: %q", l.Flags)
			}
		}
		if c.swapped != (wrongSide > 5) || !c.swapped && wrongSide > 0 || sizes > 0 {
			t.Errorf("%s, swapped %v: %d flagged for their side, %d for their size", c.scan, c.swapped, wrongSide, sizes)
		}
	}
}

func TestLabelsOfStructureSet(t *testing.T) {
	path := sharedtest.Path(t, "data/odd-dicom/rtstruct.dcm")
	code, out, errOut := satgraph(t, "labels", "suggest", path, "--dataset", "RT", "--json")
	if code != 0 || !strings.Contains(out, `"raw"`) {
		t.Errorf("exit %d: %s %s", code, out, errOut)
	}
	if code, _, errOut := satgraph(t, "labels", "suggest", sharedtest.Path(t, "data/odd-dicom/CT_small.dcm")); code != 2 || errOut == "" {
		t.Errorf("a slice exits %d: %s", code, errOut)
	}
	if code, _, _ := satgraph(t, "labels", "suggest", path, "--table", path); code != 2 {
		t.Errorf("a table for what is no volume exits %d", code)
	}
}
