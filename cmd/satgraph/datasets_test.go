package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/volume"
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

// newDataset writes a dataset that no record knows: CT scans with a label map, in
// the layout of nnU-Net, or with a mask file for each structure.
func newDataset(t *testing.T, structures bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Mine")
	g := volume.Grid{Shape: [3]int{6, 5, 4}, Affine: volume.Identity()}
	write := func(name string, data []float32) {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := volume.WriteImage(at, &volume.Image{Grid: g, Data: data}, volume.Int16); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"001", "002", "003", "010"} {
		if structures {
			write("s"+id+"/ct.nii.gz", make([]float32, g.Voxels()))
			for i, name := range []string{"kidney_left", "kidney_right", "liver"} {
				m := make([]float32, g.Voxels())
				m[i] = 1
				write("s"+id+"/segmentations/"+name+".nii.gz", m)
			}
			continue
		}
		m := make([]float32, g.Voxels())
		for v := range 5 {
			m[v] = float32(v)
		}
		write("imagesTr/ab_"+id+"_0000.nii.gz", make([]float32, g.Voxels()))
		write("labelsTr/ab_"+id+".nii.gz", m)
	}
	if !structures {
		table := `{"channel_names":{"0":"CT"},"labels":{"background":0,"liver":1,"left kidney":2,"right kidney":3,"xyzzy":4},"file_ending":".nii.gz","numTraining":4}`
		if err := os.WriteFile(filepath.Join(dir, "dataset.json"), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Adding a dataset is a file and a command: proposed from its folder, reviewed,
// taken in, checked on its files.
func TestDatasetsAdd(t *testing.T) {
	for _, c := range []struct {
		structures bool
		kind       string
		code       int
		kidney     string
	}{
		{false, "nnunet", exitPartial, "{2, 3}"},
		{true, "structures", exitDone, "kidney_left.nii.gz{1} + kidney_right.nii.gz{1}"},
	} {
		dir, records := newDataset(t, c.structures), filepath.Join(t.TempDir(), "records")
		draft := filepath.Join(t.TempDir(), "Mine.yaml")
		code, out, errs := satgraph(t, "datasets", "add", dir, "--modality", "ct", "-o", draft, "--json")
		var doc addDocument
		if err := json.Unmarshal([]byte(out), &doc); err != nil || code != c.code {
			t.Fatalf("%s: exit code %d, %v, %s\n%s", c.kind, code, err, errs, out)
		}
		kidney, _ := doc.Dataset.Recipe("kidney")
		if doc.Kind != c.kind || !doc.Dataset.Draft || kidney == nil || kidney.Expr.String() != c.kidney || doc.Dataset.Region != "abdomen" || len(doc.Dataset.Recipes) != 4 {
			t.Errorf("%s: got %s", c.kind, out)
		}
		if doc.Check.Scans != 3 || doc.Check.Failed != 0 || doc.Check.Classes["kidney"] != 3 {
			t.Errorf("%s: check %+v", c.kind, *doc.Check)
		}
		if !c.structures && (len(doc.Open) != 1 || doc.Open[0].Label != "xyzzy") {
			t.Errorf("open: %+v", doc.Open)
		}
		if code, _, errs := satgraph(t, "datasets", "add", draft, "--catalog", records); code != exitRefused || !strings.Contains(errs, "draft") {
			t.Errorf("a draft: exit code %d, %s", code, errs)
		}
		text, err := os.ReadFile(draft)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(draft, []byte(strings.Replace(string(text), "draft: true\n", "", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := satgraph(t, "datasets", "add", draft, "--catalog", records); code != exitDone {
			t.Fatalf("exit code %d, %s%s", code, out, errs)
		}
		code, out, errs = satgraph(t, "datasets", "check", "Mine", "--catalog", records, "--raw", dir)
		if code != exitDone || !strings.Contains(out, "4 scans (layout release), 0 failed; 16 masks, 0 of them empty, of 4 classes") {
			t.Errorf("exit code %d, %s%s", code, out, errs)
		}
		if code, _, _ := satgraph(t, "datasets", "add", draft, "--catalog", records); code != exitUsage {
			t.Errorf("twice: exit code %d", code)
		}
	}
	if code, _, errs := satgraph(t, "datasets", "add", t.TempDir()); code != exitUsage || !strings.Contains(errs, "--image and --mask") {
		t.Errorf("an empty folder: exit code %d, %s", code, errs)
	}
}
