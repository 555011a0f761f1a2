package sssom

import (
	"bytes"
	"compress/gzip"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"satgraph/graph"
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
		fold("1 kidney/L", event(0, "ann|x, MD", "1 kidney/L", labelmap.ActDecide, kidney),
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

// Sets of others name people, dates and terms in their own ways; each of these is
// the same decision on a label of the dataset, and is taken in once.
func TestSetsOfOthersAreAdopted(t *testing.T) {
	tree, err := graph.NewTree("1", []graph.Term{{ID: "UBERON:0002113", Name: "kidney", Kind: graph.KindAnatomy, Xrefs: []string{"FMA:7203"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const (
		columns = "subject_id\tsubject_label\tpredicate_id\tobject_id\tmapping_justification"
		row     = "\nD:9\tRein\tskos:exactMatch\tUBERON:0002113\tsemapv:ManualMappingCuration"
	)
	for name, test := range map[string]struct{ text, by, comment string }{
		"author":        {columns + "\tauthor_label\tmapping_date" + row + "\tZoë, MD\t2024-05-06\n", "Zoë, MD", ""},
		"an id":         {columns + "\tauthor_id" + row + "\torcid:1|orcid:2\n", "orcid:1|orcid:2", ""},
		"a pipe":        {columns + "\tauthor_label" + row + "\tann\\|x\n", "ann|x", ""},
		"a reviewer":    {columns + "\treviewer_label" + row + "\trev\n", "rev", ""},
		"creators":      {"#creator_label:\n#- A\n#- B\n#publication_date: 2024-05-06\n" + columns + row + "\n", "A|B", ""},
		"nobody":        {columns + row + "\n", "me", ""},
		"marked":        {"\xef\xbb\xbf" + strings.ReplaceAll(columns+row+"\n", "\n", "\r\n"), "me", ""},
		"CSV":           {strings.ReplaceAll(columns+row+"\n", "\t", ","), "me", ""},
		"an IRI":        {strings.Replace(columns+row, "UBERON:0002113", "http://purl.obolibrary.org/obo/UBERON_0002113", 1), "me", ""},
		"a prefix":      {"#curie_map:\n#  obo: http://purl.obolibrary.org/obo/\n" + strings.Replace(columns+row, "UBERON:", "obo:UBERON_", 1), "me", ""},
		"a reference":   {strings.Replace(columns+row, "UBERON:0002113", "FMA:7203", 1), "me", "given as FMA:7203"},
		"a predicate":   {strings.Replace(columns+row, "skos:exactMatch", "owl:equivalentClass", 1), "me", ""},
		"JSON":          {`{"creator_id":["orcid:1"],"mappings":[{"subject_id":"D:9","subject_label":"Rein","predicate_id":"skos:exactMatch","object_id":"UBERON:0002113","mapping_justification":"x"}]}`, "orcid:1", ""},
		"JSON-LD":       {`{"@context":{"obo":"http://purl.obolibrary.org/obo/"},"mappings":[{"subject_label":"Rein","predicate_id":"skos:exactMatch","object_id":"obo:UBERON_0002113","author_label":["ann"],"mapping_justification":"x"}]}`, "ann", ""},
		"gzip":          {zipped(columns + row + "\n"), "me", ""},
		"a quote alone": {columns + row + "\nD:8\t5\" tube\tskos:exactMatch\tsssom:NoTermFound\tx\n", "me", ""},
	} {
		book := labelmap.NewBook(labelmap.NewMemory(), "test")
		label := labelmap.RawLabel{Dataset: "Set", Name: "Rein", Values: []int64{2}}
		subject := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: label.Key()}
		if _, err := book.Write(t.Context(), "ann", labelmap.Entry{Subject: subject, Action: labelmap.ActImport, Label: &label}); err != nil {
			t.Fatal(err)
		}
		for again := range 2 {
			set, err := Read(strings.NewReader(test.text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := Place(t.Context(), book, tree, set, "Set"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			written, known, err := Adopt(t.Context(), book, set, "Set", "me")
			if n := len(set.Mappings); err != nil || again == 0 && len(written) != n || again == 1 && known != n {
				t.Errorf("%s, time %d: %d written, %d known: %v", name, again+1, len(written), known, err)
			}
		}
		st, err := book.State(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		if st.Status != labelmap.Settled || !reflect.DeepEqual(st.SettledBy, []string{test.by}) || st.Votes[0].Comment != test.comment || st.Votes[0].Time.IsZero() ||
			st.Verdict.Targets[0] != (labelmap.Target{TermID: "UBERON:0002113", Name: "kidney", Predicate: labelmap.Exact, Fingerprint: labelmap.Fingerprint(tree, "UBERON:0002113")}) {
			t.Errorf("%s: %+v", name, st)
		}
	}
	book := labelmap.NewBook(labelmap.NewMemory(), "test")
	for value := range int64(2) {
		label := labelmap.RawLabel{Dataset: "Set", Name: "Rein", Values: []int64{value}}
		if _, err := book.Write(t.Context(), "ann", labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: label.Key()}, Action: labelmap.ActImport, Label: &label}); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Read(strings.NewReader(columns + row))
	if err != nil {
		t.Fatal(err)
	}
	if err := Place(t.Context(), book, tree, set, "Set"); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "0 Rein; 1 Rein") {
		t.Errorf("two labels of that name: %v", err)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // to memory
	_ = w.Close()
	return b.String()
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
