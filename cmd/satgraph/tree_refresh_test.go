package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/treefile"
	"satgraph/store/sqlite"
)

// A store with another tree gets this program's, can be put back, and is left
// alone once somebody has changed it.
func TestTreeRefresh(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "tree.db")
	file := filepath.Join(dir, "more.tsv")
	if err := os.WriteFile(file, []byte("id\tname\nX:1\tthing of its own\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", store}, args...)...)
		if code != want {
			t.Fatalf("%s: exit %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errOut)
		}
		return out + errOut
	}
	if out := run(0, "tree", "refresh"); !strings.Contains(out, "holds the tree of this version") {
		t.Errorf("a new store: %s", out)
	}
	run(0, "tree", "import", file)
	if out := run(exitRefused, "tree", "refresh"); !strings.Contains(out, "--anyway") {
		t.Errorf("a changed store: %s", out)
	}
	run(0, "tree", "show", "X:1")
	run(0, "tree", "refresh", "--anyway")
	run(exitRefused, "tree", "show", "X:1")
	if out := run(0, "tree", "refresh"); !strings.Contains(out, "holds the tree of this version") {
		t.Errorf("after the refresh: %s", out)
	}
}

// A store that another version filled and nobody changed has this version's tree
// when it is next opened.
func TestUntouchedStoreIsRenewed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree.db")
	older := func() (*graph.Snapshot, error) {
		s := &graph.Snapshot{Terms: []graph.Term{{ID: "X:1", Name: "heart of old", Kind: graph.KindAnatomy}}}
		var err error
		s.Revision, err = treefile.Revision(s)
		return s, err
	}
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{Seed: older})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := satgraph(t, "--store", "sqlite:"+path, "tree", "stats", "--json")
	if code != 0 || !strings.Contains(out, `"terms": 6502`) || !strings.Contains(errOut, "another version") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	if _, _, errOut := satgraph(t, "--store", "sqlite:"+path, "tree", "stats"); strings.Contains(errOut, "another version") {
		t.Errorf("renewed again: %s", errOut)
	}
}
