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
		{".", "--format", "index", "-o", "out", "--split", "half"},
		{".", "--format", "index", "-o", "out"}, // no phantoms
		{"nowhere", "--format", "index", "-o", "out"},
		{"--format", "index", "-o", "out"},
	} {
		if code, _, stderr := runExport(t, args...); code != exitUsage {
			t.Errorf("%q gives %d: %s", args, code, stderr)
		}
	}
}
