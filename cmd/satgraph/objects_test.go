package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/volume/objects/objectstest"
)

// Raw datasets, scan lists and scans are read from a bucket as from a folder.
func TestFromObjectStore(t *testing.T) {
	t.Setenv("SATGRAPH_HOME", t.TempDir())
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	var first string
	for _, name := range []string{"MSD_Spleen", "MSD_Lung", "SegTHOR", "SLIVER07"} { // NIfTI, and MetaImage with its voxels apart
		d, _ := c.Dataset(name)
		written, err := rawtest.Write(root, d, d.Layouts[0].Names[0], rawtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = written[0].Image
		}
	}
	server := objectstest.New(t)
	server.PutFolder("raw/", root)
	build := func(raw string, more ...string) (doc buildDocument, code int) {
		t.Helper()
		args := append([]string{"corpus", "build", "--raw", raw, "-o", filepath.Join(t.TempDir(), "corpus"), "--spacing", "0.5,0.5,0.5"}, more...)
		return doc, runJSON(t, &doc, args...)
	}
	local, code := build(root)
	if code != exitDone || local.Built != 4 {
		t.Fatalf("code %d, %+v", code, local)
	}
	for _, more := range [][]string{{"--cache-size", "0"}, {"--cache", t.TempDir(), "--cache-size", "1G"}} {
		far, code := build(server.URL("raw"), more...)
		if code != exitDone || far.Version.Hash != local.Version.Hash {
			t.Errorf("%v: code %d, %+v", more, code, far)
		}
	}
	var check struct{ Datasets []struct{ Scans, Failed int } }
	if code := runJSON(t, &check, "datasets", "check", "MSD_Spleen", "--raw", server.URL("raw"), "--cache-size", "0"); code != exitDone || check.Datasets[0].Scans != 1 {
		t.Errorf("check: code %d, %+v", code, check)
	}
	var here, there any
	if code := runJSON(t, &here, "volume", "info", filepath.Join(root, first)); code != exitDone {
		t.Error(code)
	}
	if code := runJSON(t, &there, "volume", "info", server.URL("raw/"+first)); code != exitDone || there == nil {
		t.Error(code, there)
	}

	var list bytes.Buffer
	z := gzip.NewWriter(&list)
	_, _ = z.Write([]byte(`{"dataset":"MSD_Spleen","image":"MSD/Task09_Spleen/imagesTr/spleen_1.nii.gz","mask":"m","modality":"ct","labels":["spleen"],"split":"train","patient":"1"}`))
	_ = z.Close()
	server.Put("scans.jsonl.gz", list.Bytes())
	var stats struct{ Scans int }
	if code := runJSON(t, &stats, "corpus", "stats", "--scans", server.URL("scans.jsonl.gz")); code != exitDone || stats.Scans != 1 {
		t.Errorf("stats: code %d, %+v", code, stats)
	}

	for _, wrong := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"volume", "info", server.URL("none.nii.gz")}, exitUsage, "not exist"},
		{[]string{"volume", "info", "ftp://a/b"}, exitUsage, "s3://BUCKET"},
		{[]string{"corpus", "build", "--raw", server.URL("elsewhere"), "-o", t.TempDir()}, exitUsage, "none of the 72"},
		{[]string{"corpus", "build", "--raw", root, "-o", t.TempDir(), "--cache-size", "much"}, exitUsage, "cache-size"},
		{[]string{"corpus", "stats", "--scans", server.URL("none.jsonl")}, exitUsage, "not exist"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), wrong.args, &out, &errs); code != wrong.code || !strings.Contains(errs.String(), wrong.says) {
			t.Errorf("%v: code %d, %s", wrong.args, code, errs.String())
		}
	}
	// A store that refuses is no empty folder.
	server.Refuse.Store(true)
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"corpus", "build", "--raw", server.URL("raw"), "-o", t.TempDir()}, os.Stdout, &errs); code == exitDone || !strings.Contains(errs.String(), "no leave") {
		t.Errorf("refused: code %d, %s", code, errs.String())
	}
}
