// Package tooltest gets tools of others that tests hold the program against, by
// the scripts of this project. It is for tests only.
package tooltest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Get runs a script, named from the test's folder, that fetches a tool or finds
// it fetched, and returns where the tool is: what the script prints. Where it
// can't be had the test is skipped with the script's words; under CI and
// SATGRAPH_REQUIRE_SHARED=1 that is a failure.
func Get(ctx context.Context, t testing.TB, script string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(ctx, script, args...).Output() //nolint:gosec // a script of the project
	if err == nil {
		return strings.TrimSpace(string(out))
	}
	words := ""
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		words = string(exit.Stderr)
	}
	if os.Getenv("CI") != "" || os.Getenv("SATGRAPH_REQUIRE_SHARED") == "1" {
		t.Fatalf("%s: %v: %s", script, err, words)
	}
	t.Skipf("%s: %v: %s", script, err, words)
	return ""
}
