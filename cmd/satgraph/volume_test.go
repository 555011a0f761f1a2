package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

func TestVolumeOfADICOMSeries(t *testing.T) {
	series := sharedtest.Path(t, "data/real-ct-dicom/decompressed")
	code, out, errs := satgraph(t, "volume", "info", series, "--json")
	var info volume.Info
	if code != exitDone || json.Unmarshal([]byte(out), &info) != nil || info.Modality != "ct" || info.Format != volume.DICOM || info.Series.UID != "" {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	dir := t.TempDir()
	ct := filepath.Join(dir, "ct.nii.gz")
	if code, _, errs := satgraph(t, "volume", "convert", series, ct); code != exitDone {
		t.Fatal(errs)
	}
	im, err := volume.ReadImage(ct, volume.ReadOptions{})
	if err != nil || im.Header.DType != volume.Int16 {
		t.Error(im.Header.DType, err)
	}
	seg := filepath.Join(dir, "seg.dcm")
	labels := sharedtest.Path(t, "data/real-ct-dicom/example_seg_dicom.nii.gz")
	if code, _, errs := satgraph(t, "volume", "convert", labels, seg, "--source", series); code != exitDone {
		t.Fatal(errs)
	}
	if code, out, errs := satgraph(t, "volume", "info", seg); code != exitDone || strings.Count(out, "\n") != 31 {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, _, errs := satgraph(t, "volume", "convert", labels, seg); code != exitUsage || !strings.Contains(errs, "--source") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := satgraph(t, "volume", "info", series, "--series", "1.2.3"); code != exitUsage || !strings.Contains(errs, "no series 1.2.3") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := satgraph(t, "volume", "convert", seg, ct); code != exitUsage || !strings.Contains(errs, "segmentation") {
		t.Errorf("%d %s", code, errs)
	}
}

// labelFile writes a label map of a row of voxels of 1 mm.
func labelFile(t *testing.T, path string, values ...uint16) {
	t.Helper()
	g := volume.Grid{Shape: [3]int{len(values), 1, 1}, Affine: volume.Identity()}
	if err := volume.WriteLabelMap(path, &volume.LabelMap{Grid: g, Data: values}); err != nil {
		t.Fatal(err)
	}
}

func TestMetrics(t *testing.T) {
	pred, ref := t.TempDir(), t.TempDir()
	labelFile(t, filepath.Join(pred, "a.nii.gz"), 1, 1, 2, 0)
	labelFile(t, filepath.Join(ref, "a.nii.gz"), 1, 1, 0, 2)
	labelFile(t, filepath.Join(pred, "b.nii"), 1, 0, 2, 2)
	labelFile(t, filepath.Join(ref, "b.nii.gz"), 1, 1, 2, 2)
	labelFile(t, filepath.Join(ref, "heart.nii.gz"), 1, 0, 0, 0)
	table := `{"labels":[{"value":1,"name":"liver"},{"value":2,"name":"spleen"},{"value":3,"name":"aorta"}]}`
	if err := os.WriteFile(filepath.Join(ref, "a.labels.json"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := satgraph(t, "metrics", pred, ref, "--json", "--tolerance", "0.5")
	var report metricsReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitPartial {
		t.Fatalf("%d %v %s", code, err, errs)
	}
	if len(report.Unpaired) != 1 || filepath.Base(report.Unpaired[0]) != "heart.nii.gz" || report.Tolerance != 0.5 {
		t.Errorf("%+v", report)
	}
	want := map[string]float64{"a liver": 1, "a spleen": 0, "a aorta": math.NaN(), "b label 1": 2.0 / 3, "b label 2": 1}
	if len(report.Scores) != len(want) {
		t.Errorf("%+v", report.Scores)
	}
	for _, s := range report.Scores {
		dice, ok := want[s.Case+" "+s.Structure]
		if !ok || math.IsNaN(dice) != (s.Dice == nil) || s.Dice != nil && *s.Dice != dice {
			t.Errorf("%+v, want %g", s, dice)
		}
	}
	all := report.Summary[len(report.Summary)-1]
	if all.Structure != "all" || all.Cases != 5 || all.Dice.N != 4 || math.Abs(all.Dice.Mean-2.0/3) > 1e-12 || all.Dice.Low >= all.Dice.High {
		t.Errorf("%+v %+v", all, all.Dice)
	}
	if code, out, _ := satgraph(t, "metrics", filepath.Join(pred, "a.nii.gz"), filepath.Join(ref, "a.nii.gz")); code != exitDone || !strings.Contains(out, "a: liver") {
		t.Errorf("%d %s", code, out)
	}
	labelFile(t, filepath.Join(pred, "long.nii"), 1, 1, 1, 1, 1)
	for _, args := range [][]string{
		{"metrics", filepath.Join(pred, "long.nii"), filepath.Join(ref, "b.nii.gz")},
		{"metrics", pred, filepath.Join(ref, "b.nii.gz")},
		{"metrics", pred, t.TempDir()},
		{"metrics", pred, ref, "--tolerance", "-1"},
	} {
		if code, _, errs := satgraph(t, args...); code != exitUsage || errs == "" {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}

	// One pair that can't be compared does not keep the others from it.
	labelFile(t, filepath.Join(ref, "long.nii.gz"), 1)
	code, out, errs = satgraph(t, "metrics", pred, ref, "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitPartial {
		t.Fatalf("%d %v %s", code, err, errs)
	}
	if len(report.Scores) != len(want) || len(report.Failed) != 1 || report.Failed[0].Case != "long" || !strings.Contains(report.Failed[0].Reason, "grid") {
		t.Errorf("%+v", report.Failed)
	}
}

// Means are given by structure, by structure and dataset, by dataset and by
// region, with intervals over cases.
func TestMetricsByDatasetAndRegion(t *testing.T) {
	pred, ref := t.TempDir(), t.TempDir()
	table := `{"labels":[{"value":1,"name":"liver"},{"value":2,"name":"Spleen"},{"value":3,"name":"brainstem"}]}`
	for _, c := range []struct {
		at   string
		pred []uint16 // of the reference 1, 1, 2, 2, 3
	}{
		{"A/one", []uint16{1, 1, 2, 2, 3}}, {"A/two", []uint16{1, 0, 0, 0, 3}}, {"B/one", []uint16{1, 0, 2, 2, 0}},
	} {
		for _, dir := range []string{pred, ref} {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(c.at)), 0o750); err != nil {
				t.Fatal(err)
			}
		}
		labelFile(t, filepath.Join(pred, c.at+".nii.gz"), c.pred...)
		labelFile(t, filepath.Join(ref, c.at+".nii.gz"), 1, 1, 2, 2, 3)
		if err := os.WriteFile(filepath.Join(ref, c.at+".labels.json"), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := satgraph(t, "metrics", pred, ref, "--json")
	var report metricsReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		t.Fatalf("%d %v %s", code, err, errs)
	}
	got := map[string]summary{}
	for _, s := range report.Summary {
		got[s.name()] = s
	}
	for name, want := range map[string]struct {
		dice  float64
		cases int
	}{
		"liver": {(1 + 2.0/3 + 2.0/3) / 3, 3}, "A: liver": {(1 + 2.0/3) / 2, 2}, "B: brainstem": {0, 1},
		"dataset A": {(1 + (2.0/3+0+1)/3) / 2, 2}, "dataset B": {(2.0/3 + 1 + 0) / 3, 1},
		"region abdomen": {(1 + (2.0/3)/2 + (2.0/3+1)/2) / 3, 3}, "region brain": {2.0 / 3, 3},
	} {
		s, ok := got[name]
		if !ok || s.Dice == nil || s.Cases != want.cases || s.Dice.N != want.cases || math.Abs(s.Dice.Mean-want.dice) > 1e-12 ||
			s.Dice.Low > s.Dice.Mean || s.Dice.High < s.Dice.Mean || s.NSD == nil || s.VolumeError == nil {
			t.Errorf("%s: %+v %+v, want %+v", name, s, s.Dice, want)
		}
	}
}

// A series is chosen by its UID, and one that is not there is refused.
func TestSegmentChoosesASeries(t *testing.T) {
	series := sharedtest.Path(t, "data/real-ct-dicom/decompressed")
	out := filepath.Join(t.TempDir(), "out")
	if code, _, errs := satgraph(t, "segment", series, "--series", "1.2.3", "--query", "liver", "-o", out); code != exitUsage || !strings.Contains(errs, "no series 1.2.3") {
		t.Errorf("a series that is not there: exit %d: %s", code, errs)
	}
	if code, _, errs := satgraph(t, "segment", series, "--series", "blank", "--query", "liver", "-o", out); code != exitDone {
		t.Errorf("the series without a UID: exit %d: %s", code, errs)
	}
}
