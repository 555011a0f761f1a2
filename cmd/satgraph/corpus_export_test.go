package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/export"
)

// runExport runs corpus export and gives its code and what it printed.
func runExport(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"corpus", "export"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestCorpusExport(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "phantoms"), filepath.Join(dir, "out")
	if code := run(t.Context(), []string{"phantom", "-o", in, "--count", "2", "--spacing", "10", "--full"}, &bytes.Buffer{}, os.Stderr); code != exitDone {
		t.Fatal("no phantoms")
	}
	code, _, stderr := runExport(t, in, "--format", "monai", "-o", out)
	if code != exitRefused || !strings.Contains(stderr, "share voxels in phantoms/phantom_1") {
		t.Errorf("an overlap gives %d: %s", code, stderr)
	}
	code, stdout, stderr := runExport(t, in, "--format", "monai", "--overlap", "regions", "-o", out, "--json")
	var r export.Report
	if err := json.Unmarshal([]byte(stdout), &r); code != exitDone || err != nil || r.Samples != 2 || len(r.Hash) != 64 {
		t.Fatalf("%d, %v: %s%s", code, err, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(out, "phantoms", "dataset.json")); err != nil {
		t.Error(err)
	}
	// Every format, with what it needs to keep structures that overlap.
	for format, flags := range map[string][]string{
		"sat": {"--as-is"}, "nnunet": {"--overlap", "regions", "--merge", "all"}, "croissant": nil,
		"bids": {"--overlap", "layers"}, "dicomseg": nil, "index": nil,
	} {
		to := filepath.Join(dir, format)
		args := append([]string{in, "--format", format, "-o", to}, flags...)
		if code, _, stderr := runExport(t, args...); code != exitDone {
			t.Errorf("%s: %d: %s", format, code, stderr)
		}
		if _, err := os.Stat(filepath.Join(to, export.ManifestFile)); err != nil {
			t.Error(err)
		}
	}
	testExportSplit(t, in, dir)
	// A scan that can't be read leaves the export unfinished.
	if err := os.WriteFile(filepath.Join(in, "phantom_2", "image.nii.gz"), []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(dir, "again")
	code, stdout, _ = runExport(t, in, "--format", "croissant", "-o", again, "--json")
	if code != exitPartial || !strings.Contains(stdout, `"phantoms/phantom_2"`) {
		t.Errorf("a broken scan gives %d: %s", code, stdout)
	}
	if code, _, stderr = runExport(t, in, "--format", "croissant", "-o", again, "--without", "phantoms/phantom_2"); code != exitDone {
		t.Errorf("without it: %d: %s", code, stderr)
	}
}

func TestCorpusExportUsage(t *testing.T) {
	for _, args := range [][]string{
		{".", "--format", "zip", "-o", "out"},
		{".", "--format", "sat"},
		{".", "--format", "sat", "-o", "out", "--overlap", "regions"},
		{".", "--format", "index", "-o", "out", "--side", "half"},
		{".", "--format", "index", "-o", "out", "--split", "train"},
		{".", "--format", "index", "-o", "out", "--split", "no-such-file.csv"},
		{".", "--format", "index", "-o", "out"}, // no phantoms
		{"nowhere", "--format", "index", "-o", "out"},
		{"--format", "index", "-o", "out"},
		{".", "--format", "index", "-o", "s3://bucket/out"},
		{"s3://bucket/corpus", "--format", "index", "-o", "out"},
	} {
		if code, _, stderr := runExport(t, args...); code != exitUsage {
			t.Errorf("%q gives %d: %s", args, code, stderr)
		}
	}
	if left, _ := filepath.Glob("s3:*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// testExportSplit exports two phantoms with the sides of files.
func testExportSplit(t *testing.T, in, dir string) {
	t.Helper()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "sides")
	whole := file("sides.csv", "scan,split,why\nphantoms/phantom_1,test,\"chosen, so\"\nphantoms/phantom_2,val,\n")
	code, _, stderr := runExport(t, in, "--format", "nnunet", "--overlap", "regions", "-o", out, "--split", whole)
	if code != exitDone {
		t.Fatalf("%d: %s", code, stderr)
	}
	folds, err := os.ReadFile(filepath.Join(out, "Dataset001_phantoms", "splits_final.json"))
	if err != nil || !strings.Contains(string(folds), "phantoms_phantom_2") || strings.Contains(string(folds), "phantoms_phantom_1") {
		t.Errorf("splits_final.json: %v, %s", err, folds)
	}
	if m, err := os.ReadFile(filepath.Join(out, export.ManifestFile)); err != nil || !strings.Contains(string(m), `"split": "file with the SHA-256 `) {
		t.Errorf("%v, %s", err, m)
	}
	part := file("part.tsv", "scan\tsplit\nphantoms/phantom_1\ttrain\n")
	if code, _, stderr := runExport(t, in, "--format", "index", "-o", out+"2", "--split", part); code != exitUsage || !strings.Contains(stderr, "phantoms/phantom_2") {
		t.Errorf("a scan without a side gives %d: %s", code, stderr)
	}
	if code, _, stderr := runExport(t, in, "--format", "index", "-o", out+"2", "--split", part, "--without", "phantoms/phantom_2"); code != exitDone {
		t.Errorf("without it: %d: %s", code, stderr)
	}
}
