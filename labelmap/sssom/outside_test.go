package sssom

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/internal/tooltest"
	"satgraph/labelmap"
)

// TestSSSOMPackage has the sssom package validate what is written, and reads
// back what it writes.
func TestSSSOMPackage(t *testing.T) {
	python := tooltest.Get(t.Context(), t, "../../scripts/python-tools.sh", "sssom-tools")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	want := set()
	for name, write := range map[string]func(*os.File) error{
		"ours.tsv":  func(f *os.File) error { return WriteTSV(f, want) },
		"ours.json": func(f *os.File) error { return WriteJSON(f, want) },
	} {
		f, err := os.Create(path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/validate.py",
		path("ours.tsv"), path("ours.json"), path("theirs.tsv"), path("theirs.json"))
	var report strings.Builder
	cmd.Stderr = &report
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, report.String())
	}
	var found struct {
		Faults  []string
		Records []int
	}
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Faults) > 0 {
		t.Errorf("not valid: %s", strings.Join(found.Faults, "\n"))
	}
	if !reflect.DeepEqual(found.Records, []int{len(want.Mappings), len(want.Mappings)}) {
		t.Errorf("%v records of %d", found.Records, len(want.Mappings))
	}
	for _, name := range []string{"theirs.tsv", "theirs.json"} {
		f, err := os.Open(path(name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(f)
		_ = f.Close() // read only
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		decisions, err := Decisions(got, "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		states := folded(decisions)
		for _, want := range judged() {
			st := states[want.Subject]
			if st.Status != want.Status || !st.Verdict.Agrees(want.Verdict) || !reflect.DeepEqual(st.SettledBy, want.SettledBy) ||
				len(st.Rejected) != len(want.Rejected) || len(st.Votes) != len(want.Votes) {
				t.Errorf("%s: %s:\n got %+v\nwant %+v", name, want.Subject, st, want)
			}
		}
	}
}

// folded are the states that decisions give, with two reviewers.
func folded(decisions []labelmap.Adopted) map[labelmap.Subject]labelmap.State {
	events := map[labelmap.Subject][]labelmap.Event{}
	for i, d := range decisions {
		events[d.Subject] = append(events[d.Subject], labelmap.Event{
			ID: string(rune('A' + i)), Actor: d.Actor, Time: d.Time, Subject: d.Subject, Action: d.Action, Verdict: &d.Verdict, Comment: d.Comment,
		})
	}
	out := map[labelmap.Subject]labelmap.State{}
	for s, list := range events {
		out[s] = labelmap.Fold(s, list, 2)
	}
	return out
}
