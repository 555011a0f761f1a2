package sssom

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"satgraph/labelmap"
)

// judged is a label that two reviewers disagree on and a third has settled,
// one without a term, one of two terms, and one with a rejected term.
func judged() []labelmap.State {
	at := func(s int) time.Time { return time.Date(2026, 3, 1, 9, 0, s, 5e8, time.UTC) }
	label := func(key string) labelmap.Subject {
		return labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "My set", Key: key}
	}
	target := func(id, name string, p labelmap.Predicate) labelmap.Target {
		return labelmap.Target{TermID: id, Name: name, Predicate: p, Fingerprint: "f" + id}
	}
	event := func(n int, actor, key string, a labelmap.Action, v labelmap.Verdict) labelmap.Event {
		return labelmap.Event{ID: string(rune('a' + n)), Actor: actor, Time: at(n), Subject: label(key), Action: a, Verdict: &v, Comment: "seen \"it\"\tand\nmore"}
	}
	kidney := labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target("UBERON:0002113", "kidney", labelmap.Exact)}}
	left := labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target("UBERON:0004538", "left kidney", labelmap.Broad)}}
	both := labelmap.Verdict{Outcome: labelmap.Mapped, Mode: labelmap.AllOf, Targets: []labelmap.Target{
		target("SATG:1", "x", labelmap.Exact), target("SATG:2", "y", labelmap.Close),
	}}
	fold := func(key string, events ...labelmap.Event) labelmap.State { return labelmap.Fold(label(key), events, 2) }
	return []labelmap.State{
		fold("1 kidney/L", event(0, "ann", "1 kidney/L", labelmap.ActDecide, kidney),
			event(1, "bob", "1 kidney/L", labelmap.ActDecide, left),
			event(2, "carol", "1 kidney/L", labelmap.ActAdjudicate, left)),
		fold("2 bg", event(3, labelmap.PolicyActor("background"), "2 bg", labelmap.ActDecide, labelmap.Verdict{Outcome: labelmap.NoTerm})),
		fold("3 xy", event(4, "ann", "3 xy", labelmap.ActDecide, both)),
		fold("4 new", event(5, "ann", "4 new", labelmap.ActDecide, labelmap.Verdict{
			Outcome: labelmap.NewTerm, NewTerm: "extra rib", ChangeSet: "new-term-1",
			Targets: []labelmap.Target{target("UBERON:0002228", "rib", labelmap.Broad), target("UBERON:0000915", "thorax", labelmap.Related)},
		})),
		fold("5 no", event(6, "ann", "5 no", labelmap.ActReject, kidney)),
	}
}

func set() *Set {
	return &Set{
		ID: "urn:satgraph:set:test", Title: "Test: a \"set\"", License: "https://creativecommons.org/publicdomain/zero/1.0/",
		Tool: "satgraph", ToolVersion: "0.0", Mappings: FromStates(judged()),
	}
}

func TestRoundTrip(t *testing.T) {
	want := set()
	for name, write := range map[string]func(*bytes.Buffer) error{
		"TSV":  func(b *bytes.Buffer) error { return WriteTSV(b, want) },
		"JSON": func(b *bytes.Buffer) error { return WriteJSON(b, want) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

// The verdicts that a set gives back fold to the states it was made of.
func TestDecisionsGiveTheSameStates(t *testing.T) {
	decisions, err := Decisions(set(), "")
	if err != nil {
		t.Fatal(err)
	}
	states := folded(decisions)
	for _, want := range judged() {
		got := states[want.Subject]
		if got.Status != want.Status || !reflect.DeepEqual(got.Verdict, want.Verdict) || len(got.Rejected) != len(want.Rejected) || len(got.Votes) != len(want.Votes) {
			t.Errorf("%s:\n got %+v\nwant %+v", want.Subject, got, want)
		}
	}
}

func TestPlainSetsOfOthers(t *testing.T) {
	in := "#curie_map:\n#  A: http://a/\nsubject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification\tunknown\n" +
		"A:1\tLeber\tskos:exactMatch\tUBERON:0002107\tsemapv:LexicalMatching\tx\n" +
		"A:2\tnichts\tskos:exactMatch\tsssom:NoTermFound\tsemapv:ManualMappingCuration\t\n"
	s, err := Read(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decisions(s, "theirs")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Subject.Key != "Leber" || got[0].Verdict.Targets[0].Predicate != labelmap.Exact || got[1].Verdict.Outcome != labelmap.NoTerm {
		t.Errorf("%+v", got)
	}
	if _, err := Decisions(s, ""); !errors.Is(err, ErrFormat) {
		t.Errorf("no dataset: %v", err)
	}
}

func TestHostileFiles(t *testing.T) {
	for name, in := range map[string]string{
		"empty":        "",
		"no table":     "#mapping_set_id: x\n",
		"other table":  "a\tb\n1\t2\n",
		"bad YAML":     "#a: [\npredicate_id\tmapping_justification\n",
		"ragged":       "predicate_id\tmapping_justification\nx\n",
		"bad number":   "predicate_id\tmapping_justification\tconfidence\nskos:exactMatch\tx\tmuch\n",
		"broken JSON":  "{\"mappings\": [",
		"long header":  "#" + strings.Repeat("a", 2<<20) + "\n",
		"odd mappings": "{\"mappings\": 3}",
	} {
		if _, err := Read(strings.NewReader(in)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := WriteTSV(&b, set()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	b.Reset()
	if err := WriteJSON(&b, set()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Fuzz(func(_ *testing.T, in string) {
		if s, err := Read(strings.NewReader(in)); err == nil {
			_, _ = Decisions(s, "d")
		}
	})
}
