package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/internal/sharedtest"
)

// A real label map gives exemplars of its structures, by a named term and by
// settled labels.
func TestTreeExemplars(t *testing.T) {
	scan := sharedtest.Path(t, "data/real-ct/example_ct_sm.nii.gz")
	mask := sharedtest.Path(t, "data/real-ct/example_seg.nii.gz")
	store := "sqlite:" + filepath.Join(t.TempDir(), "tree.db")
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", store, "tree", "exemplars"}, args...)...)
		if code != want {
			t.Fatalf("%s: exit %d, want %d: %s", strings.Join(args, " "), code, want, errOut)
		}
		return out
	}
	set := []string{scan, mask, "--dataset", "example", "--modality", "ct"}
	run(exitRefused, append([]string{"add"}, set...)...) // nothing is settled
	run(0, append([]string{"add", "--term", "liver", "--value", "5"}, set...)...)
	if out := run(0, append([]string{"add", "--term", "liver", "--value", "5"}, set...)...); !strings.Contains(out, "0 of them new") {
		t.Errorf("added again: %s", out)
	}
	var doc struct{ Exemplars []graph.Exemplar }
	if err := json.Unmarshal([]byte(run(0, "list", "liver", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Exemplars) != 1 || doc.Exemplars[0].Axis != 2 || doc.Exemplars[0].Slice < 0 || doc.Exemplars[0].Slice >= 30 {
		t.Errorf("exemplars of the liver: %+v", doc.Exemplars)
	}
	if out := run(0, "list", "spleen"); !strings.Contains(out, "0 exemplars") {
		t.Errorf("of the spleen: %s", out)
	}
	other := sharedtest.Path(t, "data/real-ct-heart/ct.nii.gz")
	run(exitUsage, "add", other, mask, "--dataset", "example", "--modality", "ct", "--term", "liver")
	if out := run(0, "remove", "example"); !strings.Contains(out, "1 exemplars forgotten") {
		t.Errorf("removed: %s", out)
	}
}
