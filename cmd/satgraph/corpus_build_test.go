package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata/rawtest"
)

// runJSON runs a command with --json and reads what it prints.
func runJSON(t *testing.T, into any, args ...string) int {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), append(args, "--json"), &out, os.Stderr)
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("exit code %d: %v: %s", code, err, out.String())
	}
	return code
}

// From files in their raw layouts to a corpus, to its gates and an export.
func TestCorpusBuild(t *testing.T) {
	t.Setenv("SATGRAPH_HOME", t.TempDir())
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"MSD_Spleen", "MSD_Lung", "SegTHOR"} {
		d, _ := c.Dataset(name)
		if _, err := rawtest.Write(root, d, d.Layouts[0].Names[0], rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	corpus := filepath.Join(t.TempDir(), "corpus")
	args := []string{"corpus", "build", "--raw", root, "-o", corpus, "--spacing", "0.5,0.5,0.5"}
	var first, again, broken buildDocument
	if code := runJSON(t, &first, args...); code != exitDone || first.Built != 3 || len(first.Missing) != 69 {
		t.Errorf("code %d, %+v", code, first)
	}
	if code := runJSON(t, &again, args...); code != exitDone || again.Unchanged != 3 || again.Version.Hash != first.Version.Hash {
		t.Errorf("again: code %d, %+v", code, again)
	}

	var held buildDocument
	if code := runJSON(t, &held, "corpus", "build", "--raw", root, "-o", filepath.Join(t.TempDir(), "held"), "--spacing", "0.5,0.5,0.5", "--memory", "1M", "--workers", "4"); code != exitDone || held.Version.Hash != first.Version.Hash {
		t.Errorf("with little memory: code %d, %+v", code, held)
	}

	// The generated images are one picture, which gates must see.
	var report struct {
		Gates []struct {
			Status   string
			Findings []struct{ What string }
		}
	}
	if code := runJSON(t, &report, "corpus", "gates", "--corpus", corpus, "--gate", "same-content,empty-masks"); code != exitDone {
		t.Errorf("gates: code %d", code)
	}
	if g := report.Gates; len(g) != 2 || len(g[0].Findings) == 0 || !strings.Contains(g[0].Findings[0].What, "same picture") || g[1].Status != "passed" {
		t.Errorf("gates: %+v", report)
	}
	var exported struct{ Samples int }
	if code := runJSON(t, &exported, "corpus", "export", corpus, "--format", "index", "-o", filepath.Join(t.TempDir(), "index")); code != exitDone || exported.Samples != 3 {
		t.Errorf("export: code %d, %+v", code, exported)
	}

	if err := os.Truncate(filepath.Join(root, "MSD/Task06_Lung/labelsTr/lung_001.nii.gz"), 60); err != nil {
		t.Fatal(err)
	}
	if code := runJSON(t, &broken, args...); code != exitPartial || len(broken.Failures) != 1 || broken.Unchanged != 2 {
		t.Errorf("broken: code %d, %+v", code, broken)
	}
	for _, wrong := range [][]string{
		{"-o", corpus},
		{"--raw", root},
		{"--raw", root, "-o", corpus, "--spacing", "1,1"},
		{"--raw", root, "-o", corpus, "--spacing", "1,1,0"},
		{"--raw", root, "-o", corpus, "--labels", "cubic"},
		{"--raw", root, "-o", corpus, "--workers", "-1"},
		{"--raw", root, "-o", corpus, "--memory", "some"},
		{"--raw", t.TempDir(), "-o", corpus},
	} {
		if code := run(t.Context(), append([]string{"corpus", "build"}, wrong...), &bytes.Buffer{}, &bytes.Buffer{}); code != exitUsage {
			t.Errorf("%v: code %d", wrong, code)
		}
	}
}
