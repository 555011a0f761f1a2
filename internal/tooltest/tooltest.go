// Package tooltest gets tools of others that tests hold the program against, by
// the scripts of this project, and has the one rule of what becomes of a test
// whose machine lacks something. It is for tests only.
package tooltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Get runs a script, named from the test's folder, that fetches a tool or finds
// it fetched, and returns where the tool is: what the script prints. Where it
// can't be had it is missing, for the reason that the script gives.
func Get(ctx context.Context, t testing.TB, script string, args ...string) string {
	t.Helper()
	path, err := Find(ctx, script, args...)
	if err != nil {
		Missing(t, "%v", err)
	}
	return path
}

// Find is Get for tests that have a rule of their own for what is missing.
func Find(ctx context.Context, script string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, script, args...).Output() //nolint:gosec // a script of the project
	if err == nil {
		return strings.TrimSpace(string(out)), nil
	}
	words := ""
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		words = string(exit.Stderr)
	}
	return "", fmt.Errorf("%s: %w: %s", script, err, words)
}

// Missing ends a test whose machine lacks what it needs: it is skipped, with the
// reason. Where tests are required to be whole (CI is set, or
// SATGRAPH_REQUIRE_SHARED is 1) it has failed.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("SATGRAPH_REQUIRE_SHARED") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
