package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
