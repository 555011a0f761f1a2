package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A curator's day: import, suggestions accepted in bulk, a wrong accept undone,
// a second reviewer who disagrees, a third who settles it, decisions out and in
// again.
func TestCuratorsDay(t *testing.T) {
	dir := t.TempDir()
	labels := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(labels, []byte("value,label\n1,liver\n2,right kidney\n3,left kidney\n4,tumour thing\n5,=1+1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := func(name string) string { return "sqlite:" + filepath.Join(dir, name+".db") }
	at := func(name string, args ...string) (int, string) {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", store(name), "labels"}, args...)...)
		return code, out + errOut
	}
	do := func(name string, args ...string) string {
		t.Helper()
		code, out := at(name, args...)
		if code != 0 {
			t.Fatalf("labels %s: exit %d: %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	row := func(name, label string) stateRow {
		t.Helper()
		var doc struct{ Labels []stateRow }
		if err := json.Unmarshal([]byte(do(name, "list", "--dataset", "My set", "--json")), &doc); err != nil {
			t.Fatal(err)
		}
		for _, r := range doc.Labels {
			if r.Label == label {
				return r
			}
		}
		t.Fatalf("no label %q in %+v", label, doc.Labels)
		return stateRow{}
	}
	set := []string{"--dataset", "My set"}
	with := func(args ...string) []string { return append(args, set...) }

	do("a", with("import", labels, "--modality", "ct", "--by", "ann")...)
	if out := do("a", with("import", labels, "--modality", "ct", "--by", "ann")...); !strings.Contains(out, "0 written, 5 there") {
		t.Errorf("imported again: %s", out)
	}
	do("a", with("policy", "--reviewers", "2", "--by", "chief")...)
	if out := do("a", with("accept", "--all", "--preview", "--by", "ann")...); !strings.Contains(out, "3 labels would change") {
		t.Errorf("preview: %s", out)
	}
	if r := row("a", "1 liver"); r.Status != "open" {
		t.Errorf("a preview decided: %+v", r)
	}
	do("a", with("accept", "--all", "--by", "ann")...)
	do("a", with("accept", "--all", "--by", "bob")...)
	if r := row("a", "1 liver"); r.Status != "settled" || r.Targets[0].TermID != "UBERON:0002107" {
		t.Errorf("two agree: %+v", r)
	}
	do("a", with("accept", "tumour thing", "--none", "--by", "ann")...)
	wrong := do("a", with("accept", "tumour thing", "--term", "liver tumor", "--predicate", "broad", "--by", "bob", "--json")...)
	if r := row("a", "4 tumour thing"); r.Status != "disputed" {
		t.Errorf("they disagree: %+v", r)
	}
	var written struct{ Batch string }
	if err := json.Unmarshal([]byte(wrong), &written); err != nil {
		t.Fatal(err)
	}
	do("a", "undo", written.Batch, "--by", "bob", "--comment", "wrong key")
	if r := row("a", "4 tumour thing"); r.Status != "awaiting" {
		t.Errorf("after the undo: %+v", r)
	}
	do("a", with("accept", "tumour thing", "--term", "liver tumor", "--by", "bob")...)
	if code, out := at("a", with("accept", "tumour thing", "--adjudicate", "--none", "--by", "bob")...); code != exitRefused {
		t.Errorf("bob settling his own dispute exits %d: %s", code, out)
	}
	do("a", with("accept", "tumour thing", "--adjudicate", "--term", "liver tumor", "--by", "carol")...)
	if r := row("a", "4 tumour thing"); r.Status != "settled" || r.SettledBy[0] != "carol" {
		t.Errorf("carol settles it: %+v", r)
	}
	do("a", with("flag", "=1+1", "--comment", "what is this?", "--by", "ann")...)

	table := do("a", with("export", "--format", "csv")...)
	if !strings.Contains(table, "5 =1+1") {
		t.Errorf("the odd label is lost: %s", table)
	}
	ledger, mappings := filepath.Join(dir, "ledger.jsonl"), filepath.Join(dir, "set.sssom.tsv")
	do("a", "export", "--format", "ledger", "-o", ledger)
	do("a", with("export", "--format", "sssom", "-o", mappings)...)
	do("b", "import", "--ledger", ledger)
	if a, b := do("a", "list", "--json"), do("b", "list", "--json"); a != b {
		t.Errorf("the ledger gives another state:\n%s\n%s", a, b)
	}
	do("c", with("import", labels, "--modality", "ct")...)
	do("c", with("import", "--decisions", mappings)...)
	for _, label := range []string{"1 liver", "2 right kidney", "3 left kidney", "4 tumour thing"} {
		a, c := row("a", label), row("c", label)
		if a.Status != c.Status || a.Outcome != c.Outcome || len(a.Votes) != len(c.Votes) || strings.Join(a.SettledBy, ",") != strings.Join(c.SettledBy, ",") {
			t.Errorf("SSSOM gives another state of %s:\n%+v\n%+v", label, a, c)
		}
	}
	if out := do("c", with("import", "--decisions", mappings)...); !strings.Contains(out, "0 written") {
		t.Errorf("decisions imported again: %s", out)
	}
	if out := do("a", with("history", "tumour thing")...); strings.Count(out, "event ") < 6 {
		t.Errorf("the history has lost something: %s", out)
	}
}

// What was settled on one dataset speaks for the next, with its reason; a name
// of a few letters is a hint alone, and a decision on the own dataset is none.
func TestEarlierDecisionsSpeak(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(file, []byte("value,label\n1,zwerchfellkuppel 7b\n2,QX\n3,label_9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "s.db"), "labels"}, args...)...)
		if code != exitDone {
			t.Fatalf("labels %s: exit %d: %s", strings.Join(args, " "), code, errOut)
		}
		return out
	}
	suggested := func() []suggestionRow {
		t.Helper()
		var doc struct{ Labels []suggestionRow }
		if err := json.Unmarshal([]byte(do("suggest", file, "--dataset", "next", "--modality", "ct", "--json")), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.Labels
	}
	if l := suggested()[0]; !l.Abstained {
		t.Fatalf("understood before anyone has decided: %+v", l)
	}
	do("import", file, "--dataset", "first", "--modality", "ct")
	for _, value := range []string{"1", "2", "3"} {
		do("accept", value, "--dataset", "first", "--term", "diaphragm", "--by", "ann")
	}
	next := suggested()
	if l := next[0]; l.Abstained || l.Suggestions[0].Name != "diaphragm" || l.Suggestions[0].Reasons[0] != "decided so for first by ann" || l.Suggestions[0].Score < 0.8 {
		t.Errorf("an equal label: %+v", l)
	}
	if l := next[1]; len(l.Suggestions) == 0 || l.Suggestions[0].Name != "diaphragm" || l.Suggestions[0].Score >= 0.8 {
		t.Errorf("two letters: %+v", l)
	}
	if l := next[2]; !l.Abstained {
		t.Errorf("a name without meaning: %+v", l)
	}
	do("import", file, "--dataset", "next", "--modality", "ct")
	if out := do("accept", "--all", "--dataset", "next", "--preview"); !strings.Contains(out, "diaphragm") || !strings.Contains(out, "1 labels would change") {
		t.Errorf("accepting in bulk: %s", out)
	}
}
