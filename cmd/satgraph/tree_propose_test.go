package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two datasets want the same new term; it is applied once, both labels follow,
// and an undo of the tree lists them for another look.
func TestNewTermByCommands(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(file, []byte("value,label\n1,calyx stone\n2,liver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(args ...string) (int, string) {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "s.db")}, args...)...)
		return code, out + errOut
	}
	do := func(args ...string) string {
		t.Helper()
		code, out := at(args...)
		if code != exitDone {
			t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	var set string
	for _, d := range []string{"D1", "D2"} {
		do("labels", "import", file, "--dataset", d)
		do("labels", "accept", "1", "--dataset", d, "--new-term", "renal calyx stone", "--part-of", "kidney", "--by", "ann")
	}
	if code, out := at("labels", "accept", "2", "--dataset", "D1", "--new-term", "Liver"); code != exitRefused || !strings.Contains(out, "--term") {
		t.Errorf("a term that the tree has: %d: %s", code, out)
	}
	var doc struct {
		Proposals []proposal `json:"proposals"`
	}
	if err := json.Unmarshal([]byte(do("tree", "proposals", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Proposals) != 1 || len(doc.Proposals[0].Labels) != 2 || len(doc.Proposals[0].Set.Changes) != 2 {
		t.Fatalf("proposals: %+v", doc.Proposals)
	}
	set = doc.Proposals[0].Set.ID
	if out := do("tree", "apply", set, "--author", "carol"); strings.Count(out, "exact renal calyx stone") != 2 {
		t.Errorf("labels do not follow: %s", out)
	}
	if out := do("tree", "show", "renal calyx stone"); !strings.Contains(out, "kidney") {
		t.Errorf("the term in the tree: %s", out)
	}
	if out := do("labels", "suggest", file); !strings.Contains(out, "renal calyx stone") && !strings.Contains(out, "1 of 2") {
		t.Errorf("suggestions know the term: %s", out)
	}
	if code, out := at("tree", "apply", set); code != exitRefused {
		t.Errorf("applied again: %d: %s", code, out)
	}
	do("tree", "undo", set, "--author", "carol")
	if out := do("labels", "list", "--touched"); strings.Count(out, "is gone from the tree") != 2 {
		t.Errorf("after the undo of the tree: %s", out)
	}
}
