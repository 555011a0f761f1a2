package labelmap_test

import (
	"errors"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

// Two reviewers want the same term; the tree gets it; the label follows, and
// goes back to waiting when that is undone.
func TestNewTerm(t *testing.T) {
	ctx := t.Context()
	tree := builtinTree(t)
	broad, err := labelmap.TargetOf(tree, termID(t, tree, "kidney cyst"), labelmap.Broad)
	if err != nil {
		t.Fatal(err)
	}
	site, err := labelmap.TargetOf(tree, termID(t, tree, "left kidney"), labelmap.Related)
	if err != nil {
		t.Fatal(err)
	}
	book := labelmap.NewBook(labelmap.NewMemory(), "test")
	label := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "D", Key: "7 calyceal cyst"}
	must := func(actor string, e labelmap.Entry) []labelmap.Event {
		t.Helper()
		events, err := book.Write(ctx, actor, e)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	must("chief", labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: "D"}, Action: labelmap.ActPolicy, Reviewers: 2})
	for i, who := range []string{"ann", "bob"} {
		places := []labelmap.Target{broad, site}
		if i == 1 {
			places[0], places[1] = places[1], places[0]
		}
		v, err := labelmap.NewTermVerdict(tree, "left  calyceal cyst", places...)
		if err != nil {
			t.Fatal(err)
		}
		must(who, labelmap.Entry{Subject: label, Version: int64(i), Action: labelmap.ActDecide, Verdict: v})
	}
	state := func() labelmap.State {
		t.Helper()
		st, err := book.State(ctx, label)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := state()
	if st.Status != labelmap.Settled || st.Verdict.Outcome != labelmap.NewTerm {
		t.Fatalf("two want the same term: %+v", st)
	}
	waiting := labelmap.Awaited([]labelmap.State{st})
	if len(waiting) != 1 || len(waiting[st.Verdict.ChangeSet]) != 1 {
		t.Fatalf("one label waits for one change set: %v", waiting)
	}
	set, err := labelmap.ProposedTerm(tree, st.Verdict)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := labelmap.Followers(tree, set.ID, []labelmap.State{st}); !errors.Is(err, graph.ErrUnknownTerm) {
		t.Errorf("before the tree has the term: %v", err)
	}
	before, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	after, err := set.Apply(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	grown, err := after.Tree()
	if err != nil {
		t.Fatal(err)
	}
	term, ok := grown.Term(set.Changes[0].New.ID)
	if !ok || term.Kind != graph.KindFinding || term.Laterality != graph.Left ||
		len(grown.Parents(term.ID, graph.IsA)) != 1 || len(grown.Parents(term.ID, graph.LocatedIn)) != 1 {
		t.Errorf("the new term: %+v under %v", term, grown.Parents(term.ID))
	}
	entries, err := labelmap.Followers(grown, set.ID, []labelmap.State{st})
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d labels follow: %v", len(entries), err)
	}
	events := must("carol", entries[0])
	st = state()
	if st.Status != labelmap.Settled || st.Verdict.Outcome != labelmap.Mapped || st.Verdict.Targets[0].TermID != term.ID || st.SettledBy[0] != "ann" {
		t.Errorf("the label follows: %+v", st)
	}
	back, err := book.Undoing(ctx, events[0].ID, "too early")
	if err != nil {
		t.Fatal(err)
	}
	must("carol", back[0])
	if st = state(); st.Verdict.Outcome != labelmap.NewTerm {
		t.Errorf("taken back: %+v", st)
	}
	if _, err := labelmap.NewTermVerdict(tree, "Left Kidney"); !errors.Is(err, labelmap.ErrTermExists) {
		t.Errorf("a term that the tree has: %v", err)
	}
	if _, err := labelmap.NewTermVerdict(tree, "a\x00b"); err == nil {
		t.Error("a name with a NUL is taken")
	}
}
