package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/datasets/impact"
)

// What a decision would change is said before it is made, and nothing is
// written: a class gained in the scans of a list, a recipe of a known dataset
// changed in those that were published.
func TestImpact(t *testing.T) {
	at := recipesOf(t, "kidney", "kidney tumor", "the other organ")
	report := func(args ...string) impact.Report {
		t.Helper()
		code, out := at(append(append([]string{"impact"}, args...), "--dataset", "D", "--json")...)
		if code != exitDone {
			t.Fatalf("%v: exit %d: %s", args, code, out)
		}
		var r impact.Report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := report("the other organ", "--term", "liver"); len(r.Classes) != 1 || r.Classes[0].Name != "liver" || r.Classes[0].Change != impact.Gained || r.Counted != "nothing" {
		t.Errorf("a label gains a class: %+v", r)
	}
	if r := report("kidney tumor", "--none"); len(r.Classes) != 2 || r.Classes[0].Change != impact.Changed || r.Classes[1].Change != impact.Lost {
		t.Errorf("without the tumour: %+v", r)
	}
	if r := report("--recipe", "kidney", "--expr", "{1}"); len(r.Classes) != 1 || r.Classes[0].Before != "{1, 2}" || r.Classes[0].After != "{1}" {
		t.Errorf("a recipe: %+v", r)
	}
	// A dataset of the catalog whose labels nobody has brought in makes what its
	// record says, and counts in its modality.
	code, out := at("impact", "--recipe", "kidney", "--expr", "{1}", "--dataset", "KiTS23", "--json")
	var r impact.Report
	if err := json.Unmarshal([]byte(out), &r); code != exitDone || err != nil {
		t.Fatalf("exit %d: %v: %s", code, err, out)
	}
	if len(r.Classes) != 1 || r.Classes[0].Change != impact.Changed || r.Classes[0].Before != "{1, 2, 3}" || r.Classes[0].Scans != 489 ||
		r.Classes[0].Datasets.Before != r.Classes[0].Datasets.After || r.Classes[0].Datasets.Before < 5 || r.Annotations != (impact.Span{Before: 3 * 489, After: 3 * 489}) {
		t.Errorf("a dataset of the catalog: %+v", r)
	}
	if code, out := at("list", "--dataset", "D", "--status", "open"); code != exitDone || !strings.Contains(out, "1 labels") {
		t.Errorf("something was written: %s", out)
	}
	if code, _ := at("impact", "--dataset", "D"); code != exitUsage {
		t.Errorf("no decision named: exit %d", code)
	}
	if code, out := at("impact", "kidney", "--none", "--dataset", "D", "--export", t.TempDir()); code != exitUsage {
		t.Errorf("a folder that is no export: exit %d: %s", code, out)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "export.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := at("impact", "kidney", "--none", "--dataset", "D", "--export", broken); code != exitUsage {
		t.Errorf("a broken export: exit %d: %s", code, out)
	}
}
