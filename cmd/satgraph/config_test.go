package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"satgraph/cmd/satgraph/internal/config"
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

// Every flag of what runs for long is a setting, so that a file can hold it.
func TestEveryFlagIsASetting(t *testing.T) {
	a := &app{}
	root := a.rootCommand()
	for name, table := range map[string]config.Table{
		"serve": a.serveSettings(new(serveOptions)), "worker": new(workerFlags).settings(), "mcp": new(mcpOptions).settings(),
	} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		want := pflag.NewFlagSet(name, pflag.ContinueOnError)
		table.AddFlags(want)
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && want.Lookup(f.Name) == nil {
				t.Errorf("%s --%s stands in no table; add it in settings.go", name, f.Name)
			}
		})
	}
}

// Ten faults of settings of every command are ten problems, told at once.
func TestTenFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	const text = `adr: 127.0.0.1:1234
log-format: xml
threads: -1
save-every: soon
trace-sample: 2
worker-memory: plenty
worker-jobs: 0
mcp-rot: /srv/scans
neo4j-password: one
neo4j-password-file: /nowhere/secret
scans: [a, b]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NEO4J_PASSWORD", "")
	t.Setenv("SATGRAPH_SAVE_EVRY", "20s")
	code, out, _ := satgraph(t, "config", "check", "--json", "--config", file)
	var said struct {
		OK                 bool
		Problems           []struct{ Key, Source, Why string }
		UnknownEnvironment [][2]string
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != exitUsage || said.OK {
		t.Fatal(code, err, out)
	}
	lines := strings.Split(text, "\n")
	for key, why := range map[string]string{
		"adr": `did you mean "addr"?`, "log-format": "one of text, json", "threads": "at least 0", "save-every": "not a duration",
		"trace-sample": "at most 1", "worker-memory": "12GiB", "worker-jobs": "at least 1", "mcp-rot": `did you mean "mcp-root"?`,
		"neo4j-password": "both set", "scans": "not a list",
	} {
		line := 1 + slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, key) })
		if key == "neo4j-password" {
			line++ // of the second of the two
		}
		if !slices.ContainsFunc(said.Problems, func(p struct{ Key, Source, Why string }) bool {
			return p.Key == key && strings.Contains(p.Why, why) && p.Source == fmt.Sprintf("%s, line %d", file, line)
		}) {
			t.Errorf("it does not say of %s that %s: %s", key, why, out)
		}
	}
	if len(said.Problems) != 10 {
		t.Errorf("%d problems: %s", len(said.Problems), out)
	}
	if !slices.Contains(said.UnknownEnvironment, [2]string{"SATGRAPH_SAVE_EVRY", "SATGRAPH_SAVE_EVERY"}) {
		t.Errorf("of the environment it says %v", said.UnknownEnvironment)
	}
	for _, command := range []string{"worker", "mcp"} {
		if code, _, stderr := satgraph(t, command, "--config", file); code != exitUsage || !strings.Contains(stderr, "threads") || !strings.Contains(stderr, "mcp-root") {
			t.Errorf("%s: exit code %d: %s", command, code, stderr)
		}
	}
}

// Settings that cannot be used together are told at once too.
func TestSettingsTogether(t *testing.T) {
	given := []string{"--oidc-issuer", "https://id.example.org", "--oidc-audience", "x", "--anonymous", "read", "--nats", "nats://127.0.0.1:1", "--nats-listen", "127.0.0.1:0"}
	for _, command := range [][]string{{"serve"}, {"config", "check"}} {
		code, _, stderr := satgraph(t, append(command, given...)...)
		for _, want := range []string{"oidc-issuer", "oidc-audience", "anonymous", "nats-listen"} {
			if code != exitUsage || !strings.Contains(stderr, want+" (with the others)") {
				t.Errorf("%v: exit code %d, nothing of %s: %s", command, code, want, stderr)
			}
		}
	}
}

// A worker, an agent's server and the commands of the corpus take their
// settings from where the service takes its own.
func TestOtherCommandsHaveSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "all.yaml")
	if err := os.WriteFile(file, []byte("mcp-root: "+filepath.Join(dir, "nowhere")+"\nscans: "+filepath.Join(dir, "no.jsonl")+"\nworkers: 0\nnats: nats://127.0.0.1:1\ndata: here\nworker-scratch: there\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ command, says string }{
		{"mcp", "nowhere"}, {"corpus stats", "no.jsonl"}, {"worker", "--scratch is for"},
	} {
		if code, _, stderr := satgraph(t, append(strings.Fields(tt.command), "--config", file)...); code != exitUsage || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit code %d, and it says %s", tt.command, code, stderr)
		}
	}
	if _, out, _ := satgraph(t, "corpus", "stats", "--json"); !strings.Contains(out, `"datasets": 72`) {
		t.Errorf("without a list: %.200s", out)
	}
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
