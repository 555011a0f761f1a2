package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

type values struct {
	addr     string
	every    time.Duration
	threads  int
	share    float64
	open     bool
	servers  []string
	password string
}

func (v *values) table() Table {
	return Table{
		{"Service", []*Setting{
			New("addr", &v.addr, "127.0.0.1:1", "where to listen"),
			New("open", &v.open, false, "let all in"),
			New("format", new(string), "text", "of the log", OneOf("text", "json")),
		}},
		{"Work", []*Setting{
			New("save-every", &v.every, 20*time.Second, "how often to save", Min(time.Second)),
			New("threads", &v.threads, 0, "threads", Min(0)),
			New("share", &v.share, 0.5, "a share", Min(0.0), Max(1.0)),
			New("remote", &v.servers, nil, "servers"),
			New("db-password", &v.password, "", "of the database").Secret().From("DB_PASSWORD"),
		}},
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads the settings as a command with these arguments would.
func load(t *testing.T, args []string, env map[string]string, file string) (values, []Effective, error) {
	t.Helper()
	var v values
	table := v.table()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	table.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	effective, err := table.Load(Input{File: file, Lookup: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}})
	return v, effective, err
}

func TestPrecedence(t *testing.T) {
	secret := write(t, "password", "s3cret\n")
	file := write(t, "satgraph.yaml", "addr: file:1\nsave-every: 1m\nthreads: 3\nremote: [http://a:1, http://b:2]\ndb-password-file: "+secret+"\n")
	got, effective, err := load(t, []string{"--addr", "flag:1", "--open"},
		map[string]string{"SATGRAPH_ADDR": "env:1", "SATGRAPH_SAVE_EVERY": "2m", "SATGRAPH_SHARE": "0.25"}, file)
	if err != nil {
		t.Fatal(err)
	}
	want := values{
		addr: "flag:1", every: 2 * time.Minute, threads: 3, share: 0.25, open: true,
		servers: []string{"http://a:1", "http://b:2"}, password: "s3cret",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	source := map[string]string{}
	for _, e := range effective {
		source[e.Key] = e.Value + " from " + e.Source
	}
	for key, want := range map[string]string{
		"addr": "flag:1 from flag --addr", "save-every": "2m from environment SATGRAPH_SAVE_EVERY", "format": "text from default",
		"threads": "3 from " + file + ", line 3", "remote": "[http://a:1, http://b:2] from " + file + ", line 4",
		"db-password": "(secret) from " + file + ", line 5: " + secret,
	} {
		if source[key] != want {
			t.Errorf("%s is %s, want %s", key, source[key], want)
		}
	}
}

func TestEveryProblemIsNamed(t *testing.T) {
	file := write(t, "satgraph.yaml", `address: 1
share: 1.5
db-password: hunter2
format: xml
remote:
  deep: 1
threads: [1, 2]
share: 2
zzzzzzzzzzzzz: 1
`)
	_, effective, err := load(t, []string{"--save-every", "fast"},
		map[string]string{"DB_PASSWORD": "hunter2", "DB_PASSWORD_FILE": "/nowhere", "SATGRAPH_OPEN": "perhaps"}, file)
	var bad *Error
	if !errors.As(err, &bad) || !errors.Is(err, ErrConfig) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{
		`address (` + file + `, line 1): there is no such setting; did you mean "addr"?`,
		`share = "1.5" (` + file + `, line 2): it must be at most 1`,
		`format = "xml" (` + file + `, line 4): it must be one of text, json`,
		`remote (` + file + `, line 5): its value must be`,
		`threads (` + file + `, line 7): it takes one value and not a list`,
		`share (` + file + `, line 8): it stands twice; it also stands in line 2`,
		`zzzzzzzzzzzzz (` + file + `, line 9): there is no such setting` + "\n",
		`save-every = "fast" (flag --save-every): it is not a duration`,
		`open = "perhaps" (environment SATGRAPH_OPEN): it is neither true nor false`,
		`DB_PASSWORD and DB_PASSWORD_FILE are both set`,
	} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("the error does not say %s", want)
		}
	}
	if len(bad.Problems) != 10 {
		t.Errorf("%d problems: %v", len(bad.Problems), err)
	}
	for _, e := range effective {
		if strings.Contains(e.Value, "hunter2") {
			t.Errorf("%s shows the secret", e.Key)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
}

func TestBrokenFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":    "a: [",
		"a list":     "- addr",
		"an alias":   "remote: &x [a]\nopen: *x",
		"a bomb":     "a: &a [x,x]\nb: &b [*a,*a]\nremote: [*b,*b]",
		"too long":   strings.Repeat("#", longestFile+1),
		"two halves": "addr: \"\x00\"",
	} {
		if _, _, err := load(t, nil, nil, write(t, "satgraph.yaml", text)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if _, _, err := load(t, nil, nil, filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	for _, text := range []string{"", "# only a comment\n"} {
		if _, _, err := load(t, nil, nil, write(t, "satgraph.yaml", text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The example, with its comments taken away, is a file that sets the defaults.
func TestExampleIsTheDefaults(t *testing.T) {
	var lines []string
	for line := range strings.Lines(new(values).table().Example()) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "#") && !strings.Contains(rest, "password") {
			line = rest
		}
		lines = append(lines, line)
	}
	got, effective, err := load(t, nil, nil, write(t, "satgraph.yaml", strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	var want values
	want.table()
	want.servers = []string{} // written out
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, e := range effective {
		if e.Source == "default" && e.Key != "db-password" {
			t.Errorf("the example does not hold %s", e.Key)
		}
	}
}

func TestUnknownEnvironment(t *testing.T) {
	got := new(values).table().UnknownEnv([]string{"SATGRAPH_ADR=1", "SATGRAPH_HOME=/x", "HOME=/y", "SATGRAPH_SHARE=1"}, []string{"SATGRAPH_HOME"})
	if want := [][2]string{{"SATGRAPH_ADR", "SATGRAPH_ADDR"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("addr: x\nremote: [a, b]\n")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		_, _, err := load(t, nil, nil, write(t, "satgraph.yaml", text))
		if err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("the error is %v", err)
		}
	})
}
