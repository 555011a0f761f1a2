package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata/rawtest"
)

func TestDatasetsCheck(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"ACDC", "PDDCA"} {
		d, _ := c.Dataset(name)
		if _, err := rawtest.Write(root, d, catalog.Release, rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	var doc checkDocument
	code, out, errs := satgraph(t, "datasets", "check", "--raw", root, "--json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitDone {
		t.Fatalf("exit code %d, %v, %s", code, err, errs)
	}
	if len(doc.Datasets) != 2 || doc.Datasets[0].Scans != 2 || doc.Datasets[0].Masks != 8 || doc.Datasets[1].Classes["parotid gland"] != 1 || doc.Datasets[1].Layout != "release" {
		t.Errorf("got %s", out)
	}
	if err := os.Remove(filepath.Join(root, "ACDC/database/testing/patient101/patient101_frame01_gt.nii.gz")); err != nil {
		t.Fatal(err)
	}
	code, out, _ = satgraph(t, "datasets", "check", "ACDC", "--raw", root)
	if code != exitPartial || !strings.Contains(out, "2 scans (layout release), 1 failed") || !strings.Contains(out, "patient101_frame01.nii.gz") {
		t.Errorf("a missing mask: exit code %d\n%s", code, out)
	}
	if code, _, errs := satgraph(t, "datasets", "check", "BTCV", "--raw", root); code != exitPartial {
		t.Errorf("a dataset that is not there: exit code %d, %s", code, errs)
	}
	if code, _, _ := satgraph(t, "datasets", "check", "--raw", t.TempDir()); code != exitUsage {
		t.Errorf("an empty folder: exit code %d", code)
	}
	if code, out, _ := satgraph(t, "datasets", "check"); code != exitDone || !strings.Contains(out, "licence: unknown: check") {
		t.Errorf("records alone: exit code %d\n%s", code, out)
	}
}
