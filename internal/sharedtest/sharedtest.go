// Package sharedtest finds the optional folder of shared test material (real
// scans, expected numbers of the official SAT code) that lies beside the
// project on some machines. It is for tests only; the program never needs it.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of rel inside the shared folder. Where the folder is
// absent the test is skipped with a word, unless SATGRAPH_REQUIRE_SHARED=1,
// which turns the skip into a failure. The folder is $SATGRAPH_SHARED, or
// "shared" beside the module's root.
func Path(t testing.TB, rel string) string {
	t.Helper()
	dir := os.Getenv("SATGRAPH_SHARED")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(moduleRoot(t)), "shared")
	}
	path := filepath.Join(dir, filepath.FromSlash(rel))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("SATGRAPH_REQUIRE_SHARED") == "1" {
			t.Fatalf("shared test material is required (SATGRAPH_REQUIRE_SHARED=1) and absent: %v", err)
		}
		t.Skipf("shared test material is absent here: %v", err)
	}
	return path
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}
