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

	"satgraph/datasets/phantom"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
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
	file := filepath.Join(t.TempDir(), "seg.nii.gz")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := os.Create(strings.TrimSuffix(file, ".nii.gz") + ".txt")
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
	return file
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
		file := classMap(t, c.scan, c.classes, c.swapped)
		code, out, errOut := satgraph(t, "labels", "suggest", file, "--modality", c.modality, "--dataset", "D", "--json")
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

// phantomMasks writes the structures of a phantom into a file each, with left and
// right exchanged.
func phantomMasks(t *testing.T) string {
	t.Helper()
	p, err := phantom.Generate(phantom.Options{Seed: 3, Version: 1, Spacing: 6, FullFOV: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	swap := strings.NewReplacer("left", "right", "right", "left")
	for _, class := range []string{"left kidney", "right kidney", "left lung", "right lung", "liver"} {
		m := &volume.LabelMap{Grid: p.Tissues.Grid, Data: make([]uint16, len(p.Tissues.Data))}
		for i, v := range p.Tissues.Data {
			if slices.Contains(p.Classes[class], v) {
				m.Data[i] = 1
			}
		}
		if err := volume.WriteLabelMap(filepath.Join(dir, strings.ReplaceAll(swap.Replace(class), " ", "_")+".nii.gz"), m); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLabelsOfMasks suggests for a real folder of masks, as it is and with the
// files of the two kidneys exchanged, and for a phantom's with all sides
// exchanged.
func TestLabelsOfMasks(t *testing.T) {
	folder := sharedtest.Path(t, "data/real-ct/example_seg_fast")
	dir := t.TempDir()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	swap := strings.NewReplacer("kidney_left.", "kidney_right.", "kidney_right.", "kidney_left.")
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(folder, e.Name()), filepath.Join(dir, swap.Replace(e.Name()))); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path string
		more []string
		want []string // labels flagged for their side
		ml   bool     // measured
	}{
		{folder, nil, nil, true},
		{dir, nil, []string{"kidney_left", "kidney_right"}, true},
		{dir, []string{"--names-only"}, nil, false},
		{phantomMasks(t), nil, []string{"left_kidney", "left_lung", "right_kidney", "right_lung"}, true},
	} {
		code, out, errOut := satgraph(t, append([]string{"labels", "suggest", c.path, "--modality", "ct", "--dataset", "D", "--json"}, c.more...)...)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errOut)
		}
		var doc struct {
			Labels []suggestionRow `json:"labels"`
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		var flagged []string
		measured := 0
		for _, l := range doc.Labels {
			if l.Geometry != nil {
				measured++
			}
			for _, f := range l.Flags {
				if strings.Contains(f, "called left") || strings.Contains(f, "called right") || strings.Contains(f, "sides are swapped") {
					flagged = append(flagged, l.Raw)
				}
			}
		}
		slices.Sort(flagged)
		if flagged = slices.Compact(flagged); !slices.Equal(flagged, c.want) || (measured > 0) != c.ml {
			t.Errorf("%s %q: %q flagged for their side, want %q; %d of %d measured", c.path, c.more, flagged, c.want, measured, len(doc.Labels))
		}
		if c.ml != strings.Contains(errOut, "masks measured") {
			t.Errorf("told %q", errOut)
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
