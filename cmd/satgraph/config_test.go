package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The documentation's table and deploy/satgraph.yaml are what the program
// prints; with SATGRAPH_UPDATE=1 they are written anew.
func TestSettingsAreDocumented(t *testing.T) {
	const begin, end = "<!-- satgraph config example --markdown -->\n", "<!-- end -->"
	_, table, _ := satgraph(t, "config", "example", "--markdown")
	_, example, _ := satgraph(t, "config", "example")
	page, err := os.ReadFile("../../docs/operator.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("docs/operator.md has no place for the settings")
	}
	for name, want := range map[string]string{
		"../../docs/operator.md":     before + begin + table + end + after,
		"../../deploy/satgraph.yaml": example,
	} {
		if os.Getenv("SATGRAPH_UPDATE") != "" {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil { //nolint:gosec // documentation
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(name); err != nil || string(have) != want {
			t.Errorf("%s differs from what the program says (%v); SATGRAPH_UPDATE=1 go test -run %s ./cmd/satgraph writes it", name, err, t.Name())
		}
	}
}

// Every flag of the service is a setting, so that a file can hold it.
func TestEveryFlagIsASetting(t *testing.T) {
	a := &app{}
	root := a.rootCommand()
	serve, _, err := root.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	keys := a.serveSettings(new(serveOptions)).Keys()
	serve.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !slices.Contains(keys, f.Name) {
			t.Errorf("--%s stands in no table; add it in settings.go", f.Name)
		}
	})
}

func TestConfigCommands(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for name, text := range map[string]string{
		good: "addr: 127.0.0.1:1234\nstore: sqlite:" + filepath.Join(dir, "tree.db") + "\nneo4j-password: hunter2\n",
		bad:  "adr: 127.0.0.1:1234\nlog-format: xml\nthreads: -1\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, stderr := satgraph(t, "config", "check", "--config", bad, "--save-every", "0")
	for _, want := range []string{`did you mean "addr"?`, "log-format", "threads", "save-every"} {
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, and it does not name %s: %s%s", code, want, out, stderr)
		}
	}
	if code, _, stderr := satgraph(t, "serve", "--config", bad); code != exitUsage || !strings.Contains(stderr, "log-format") {
		t.Errorf("serve: exit code %d: %s", code, stderr)
	}
	if code, _, stderr := satgraph(t, "config", "check", "--config", good); code != exitDone {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	t.Setenv("SATGRAPH_THREADS", "3")
	t.Setenv("NEO4J_PASSWORD", "") // restored at the end: services of tests set it
	if err := os.Unsetenv("NEO4J_PASSWORD"); err != nil {
		t.Fatal(err)
	}
	code, out, _ = satgraph(t, "config", "show", "--json", "--config", good, "--addr", "127.0.0.1:9")
	var shown []struct{ Key, Value, Source string }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != exitDone {
		t.Fatal(code, err)
	}
	got := map[string]string{}
	for _, s := range shown {
		got[s.Key] = s.Value + " / " + s.Source
	}
	for key, want := range map[string]string{
		"addr": "127.0.0.1:9 / flag --addr", "threads": "3 / environment SATGRAPH_THREADS",
		"neo4j-password": "(secret) / " + good + ", line 3", "save-every": "20s / default",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	// Another command takes the store from the same file, and minds nothing else in it.
	if code, _, stderr := satgraph(t, "tree", "stats", "--config", good); code != exitDone {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "tree.db")); err != nil {
		t.Error("the store of the file was not used")
	}
}
