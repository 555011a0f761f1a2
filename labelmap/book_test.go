package labelmap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"satgraph/graph"
)

var kidney = Subject{Kind: SubjectLabel, Dataset: "KiTS23", Key: "1 kidney"}

func mapped(ids ...string) *Verdict {
	v := &Verdict{Outcome: Mapped}
	for _, id := range ids {
		v.Targets = append(v.Targets, Target{TermID: id, Predicate: Exact})
	}
	if len(ids) > 1 {
		v.Mode = AllOf
	}
	return v
}

// desk is a book on an empty ledger, with writing made short.
type desk struct {
	*Book
	t *testing.T
}

func newDesk(t *testing.T) desk {
	t.Helper()
	return desk{NewBook(NewMemory(), "satgraph test"), t}
}

func (d desk) state(s Subject) State {
	d.t.Helper()
	st, err := d.State(context.Background(), s)
	if err != nil {
		d.t.Fatal(err)
	}
	return st
}

func (d desk) write(actor string, a Action, v *Verdict) Event {
	d.t.Helper()
	events, err := d.Write(context.Background(), actor, Entry{
		Subject: kidney, Version: d.state(kidney).Version, Action: a, Verdict: v, Comment: "because",
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return events[0]
}

func (d desk) undo(actor, ref string) ([]Event, error) {
	entries, err := d.Undoing(context.Background(), ref, "")
	if err != nil {
		return nil, err
	}
	return d.Write(context.Background(), actor, entries...)
}

func (d desk) policy(reviewers int) {
	d.t.Helper()
	s := Subject{Kind: SubjectDataset, Dataset: kidney.Dataset}
	if _, err := d.Write(context.Background(), "chief", Entry{
		Subject: s, Version: d.state(s).Version, Action: ActPolicy, Reviewers: reviewers,
	}); err != nil {
		d.t.Fatal(err)
	}
}

func TestOneReviewerSettles(t *testing.T) {
	d := newDesk(t)
	if st := d.state(kidney); st.Status != Open || st.Version != 0 {
		t.Fatalf("before any event: %+v", st)
	}
	d.write("ann", ActDecide, mapped("UBERON:0002113"))
	st := d.state(kidney)
	if st.Status != Settled || st.Verdict.Targets[0].TermID != "UBERON:0002113" || !slices.Equal(st.SettledBy, []string{"ann"}) {
		t.Fatalf("after ann: %+v", st)
	}
	d.write("bob", ActDecide, &Verdict{Outcome: NoTerm})
	if st := d.state(kidney); st.Verdict.Outcome != NoTerm || len(st.Votes) != 2 {
		t.Fatalf("bob's later verdict should count: %+v", st)
	}
}

func TestTwoReviewersAndAdjudication(t *testing.T) {
	d := newDesk(t)
	d.policy(2)
	d.write("ann", ActDecide, mapped("A:1"))
	if st := d.state(kidney); st.Status != Awaiting || st.Verdict != nil {
		t.Fatalf("one of two: %+v", st)
	}
	d.write("ann", ActDecide, mapped("A:1"))
	if st := d.state(kidney); st.Status != Awaiting {
		t.Fatalf("ann twice is still one reviewer: %+v", st)
	}
	d.write("bob", ActDecide, mapped("A:2"))
	if st := d.state(kidney); st.Status != Disputed || st.Verdict != nil {
		t.Fatalf("they disagree: %+v", st)
	}
	ctx := context.Background()
	entry := Entry{Subject: kidney, Version: 3, Action: ActAdjudicate, Verdict: mapped("A:2")}
	for _, actor := range []string{"ann", "bob", PolicyActor("exact names")} {
		if _, err := d.Write(ctx, actor, entry); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s settling it: %v", actor, err)
		}
	}
	settled := d.write("carol", ActAdjudicate, mapped("A:2"))
	if st := d.state(kidney); st.Status != Settled || st.SettledBy[0] != "carol" {
		t.Fatalf("carol settles: %+v", st)
	}
	if _, err := d.undo("carol", settled.ID); err != nil {
		t.Fatal(err)
	}
	if st := d.state(kidney); st.Status != Disputed {
		t.Fatalf("without carol they disagree again: %+v", st)
	}
	d.write("ann", ActDecide, mapped("A:2"))
	if st := d.state(kidney); st.Status != Settled || len(st.SettledBy) != 2 {
		t.Fatalf("ann changes her mind: %+v", st)
	}
}

func TestRejectKeepsTheLabelOpen(t *testing.T) {
	d := newDesk(t)
	d.write("ann", ActReject, mapped("A:9"))
	if st := d.state(kidney); st.Status != Open || !st.IsRejected("A:9") || st.IsRejected("A:1") {
		t.Fatalf("%+v", st)
	}
}

func TestConflictTellsBothVersions(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	entry := Entry{Subject: kidney, Action: ActDecide, Verdict: mapped("A:1")}
	if _, err := d.Write(ctx, "ann", entry); err != nil {
		t.Fatal(err)
	}
	entry.Verdict = mapped("A:2")
	_, err := d.Write(ctx, "bob", Entry{Subject: Subject{SubjectLabel, "KiTS23", "2 tumor"}, Action: ActDecide, Verdict: mapped("A:3")}, entry)
	var conflict *ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) {
		t.Fatalf("got %v", err)
	}
	if conflict.Yours.Actor != "bob" || len(conflict.Theirs) != 1 || conflict.Theirs[0].Verdict.Targets[0].TermID != "A:1" {
		t.Errorf("conflict %+v", conflict)
	}
	if st := d.state(Subject{SubjectLabel, "KiTS23", "2 tumor"}); st.Version != 0 {
		t.Errorf("part of a refused batch was written: %+v", st)
	}
}

// Undo of anything, then undo of that undo, gives the state from before.
func TestUndoOfUndoIsIdentity(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := newDesk(t)
		d.policy(1 + r.IntN(2))
		var written []Event
		for range 1 + r.IntN(12) {
			actor := []string{"ann", "bob", "carol"}[r.IntN(3)]
			switch r.IntN(5) {
			case 0, 1:
				written = append(written, d.write(actor, ActDecide, mapped([]string{"A:1", "A:2"}[r.IntN(2)])))
			case 2:
				written = append(written, d.write(actor, ActReject, mapped("A:3")))
			case 3:
				written = append(written, d.write(actor, ActFlag, nil))
			case 4:
				if len(written) > 0 {
					e, err := d.undo(actor, written[r.IntN(len(written))].ID)
					if err != nil {
						t.Fatal(err)
					}
					written = append(written, e...)
				}
			}
		}
		if len(written) == 0 {
			continue
		}
		before := d.state(kidney)
		undo, err := d.undo("ann", written[r.IntN(len(written))].ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.undo("ann", undo[0].ID); err != nil {
			t.Fatal(err)
		}
		after := d.state(kidney)
		after.Version, after.Last = before.Version, before.Last
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("seed %d:\nbefore %+v\nafter  %+v", seed, before, after)
		}
	}
}

func TestUndoBatch(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	spleen := Subject{SubjectLabel, "KiTS23", "9 spleen"}
	bulk, err := d.Write(ctx, PolicyActor("exact names"),
		Entry{Subject: kidney, Action: ActDecide, Verdict: mapped("A:1")},
		Entry{Subject: spleen, Action: ActDecide, Verdict: mapped("A:2")})
	if err != nil {
		t.Fatal(err)
	}
	d.write("ann", ActFlag, nil)
	if _, err := d.undo("ann", bulk[0].Batch); err != nil {
		t.Fatal(err)
	}
	if st := d.state(kidney); st.Status != Open || len(st.Flags) != 1 || st.Version != 3 {
		t.Errorf("kidney: %+v", st)
	}
	if st := d.state(spleen); st.Status != Open {
		t.Errorf("spleen: %+v", st)
	}
	if _, err := d.undo("ann", "nothing"); !errors.Is(err, ErrUnknownBatch) {
		t.Errorf("unknown batch: %v", err)
	}
}

func TestPreviewWritesNothing(t *testing.T) {
	d := newDesk(t)
	changes, err := d.Preview(context.Background(), "ann", Entry{Subject: kidney, Action: ActDecide, Verdict: mapped("A:1")})
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || changes[0].Before.Status != Open || changes[0].After.Status != Settled {
		t.Errorf("%+v", changes)
	}
	if st := d.state(kidney); st.Version != 0 {
		t.Errorf("written: %+v", st)
	}
}

func TestInvalidEvents(t *testing.T) {
	d := newDesk(t)
	for name, e := range map[string]Entry{
		"no verdict":    {Subject: kidney, Action: ActDecide},
		"no target":     {Subject: kidney, Action: ActDecide, Verdict: &Verdict{Outcome: Mapped}},
		"no mode":       {Subject: kidney, Action: ActDecide, Verdict: &Verdict{Outcome: Mapped, Targets: append(mapped("A:1").Targets, mapped("A:2").Targets...)}},
		"twice":         {Subject: kidney, Action: ActDecide, Verdict: mapped("A:1", "A:1")},
		"no dataset":    {Subject: Subject{Kind: SubjectLabel, Key: "1"}, Action: ActFlag, Comment: "x"},
		"silent flag":   {Subject: kidney, Action: ActFlag},
		"three readers": {Subject: Subject{Kind: SubjectDataset, Dataset: "D"}, Action: ActPolicy, Reviewers: 3},
		"odd action":    {Subject: kidney, Action: "guess"},
	} {
		if _, err := d.Write(context.Background(), "ann", e); !errors.Is(err, ErrInvalidEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func smallTree(t *testing.T, kidneyName string, relations ...graph.Relation) *graph.Tree {
	t.Helper()
	tree, err := graph.NewTree("r", []graph.Term{
		{ID: "A:0", Name: "abdomen", Kind: graph.KindAnatomy},
		{ID: "A:1", Name: kidneyName, Kind: graph.KindAnatomy},
		{ID: "A:2", Name: "urinary system", Kind: graph.KindAnatomy},
	}, relations)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestChangedTermsAreListedForReview(t *testing.T) {
	inAbdomen := graph.Relation{Child: "A:1", Parent: "A:0", Type: graph.PartOf}
	old := smallTree(t, "kidney", inAbdomen)
	target, err := TargetOf(old, "A:1", Exact)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.write("ann", ActDecide, &Verdict{Outcome: Mapped, Targets: []Target{target}})
	states := func() []State { return []State{d.state(kidney)} }
	if got := FindTouched(old, states()); len(got) != 0 {
		t.Errorf("nothing changed: %+v", got)
	}
	moved := smallTree(t, "kidney", inAbdomen, graph.Relation{Child: "A:1", Parent: "A:2", Type: graph.PartOf})
	for want, tree := range map[string]*graph.Tree{
		"kidney (A:1) is now called ren": smallTree(t, "ren", inAbdomen),
		"kidney (A:1) has another kind, side or place; it now lies under abdomen, urinary system": moved,
	} {
		got := FindTouched(tree, states())
		if len(got) != 1 || got[0].Why[0] != want {
			t.Errorf("want %q, got %+v", want, got)
		}
	}
	now, err := TargetOf(moved, "A:1", Exact)
	if err != nil {
		t.Fatal(err)
	}
	d.write("ann", ActConfirm, &Verdict{Outcome: Mapped, Targets: []Target{now}})
	if got := FindTouched(moved, states()); len(got) != 0 || states()[0].Status != Settled {
		t.Errorf("after ann confirmed it: %+v", got)
	}
}

func TestRecipes(t *testing.T) {
	source := func(values ...float64) Expr {
		s := &Source{Channel: -1}
		for _, v := range values {
			s.Values = append(s.Values, Value(v))
		}
		return Expr{Op: OpSource, Source: s}
	}
	r := Recipe{Class: "kidney without cyst", Expr: Expr{Op: OpDifference, Args: []Expr{source(1, 2), source(3)}}, Complete: true}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	if got, want := r.Expr.String(), "{1, 2} - {3}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	channel := Source{File: "{case}.nii.gz", Channel: 2, Values: []Range{{Low: 55, High: 70, OpenLow: true}}}
	if got, want := channel.String(), "{case}.nii.gz#2{>55..70}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if channel.Values[0].Holds(55) || !channel.Values[0].Holds(70) || !channel.Values[0].Holds(55.5) {
		t.Error("(55, 70] holds the wrong values")
	}
	bad := map[string]Recipe{
		"no class":      {Expr: source(1)},
		"no values":     {Class: "x", Expr: source()},
		"one side of -": {Class: "x", Expr: Expr{Op: OpDifference, Args: []Expr{source(1)}}},
		"unstated risk": {Class: "x", Expr: Expr{Op: OpMidplane, Side: "left", Args: []Expr{source(1)}}},
		"outside":       {Class: "x", Expr: Expr{Op: OpSource, Source: &Source{File: "../../etc/passwd", Channel: -1, Values: []Range{Value(1)}}}},
		"whole in part": {Class: "x", Expr: source(1), Complete: true, Missing: []string{"y"}},
	}
	for name, r := range bad {
		if err := r.Validate(); !errors.Is(err, ErrRecipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Many subjects are read page by page, few one by one; both come to the same.
func TestManySubjectsAtOnce(t *testing.T) {
	ctx := t.Context()
	book := NewBook(NewMemory(), "satgraph test")
	var imports, decisions []Entry
	for i := range 2*subjectPage + 7 {
		l := &RawLabel{Dataset: "Set", Name: fmt.Sprintf("label %05d", i)}
		s := Subject{Kind: SubjectLabel, Dataset: "Set", Key: l.Key()}
		imports = append(imports, Entry{Subject: s, Action: ActImport, Label: l})
		decisions = append(decisions, Entry{Subject: s, Version: 1, Action: ActDecide, Verdict: &Verdict{Outcome: NoTerm}})
	}
	if _, err := book.Write(ctx, "ann", imports...); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{3, fewSubjects, fewSubjects + 1, len(decisions)} {
		changes, err := book.Preview(ctx, "ann", decisions[len(decisions)-n:]...)
		if err != nil || len(changes) != n || changes[0].Before.Status != Open || changes[n-1].After.Status != Settled {
			t.Fatalf("%d subjects: %d changes, %v", n, len(changes), err)
		}
	}
	written, err := book.Write(ctx, "ann", decisions...)
	if err != nil {
		t.Fatal(err)
	}
	undo, err := book.Undoing(ctx, written[0].Batch, "")
	if err != nil || len(undo) != len(decisions) || undo[len(undo)-1].Version != 2 {
		t.Fatalf("%d entries undo %d, %v", len(undo), len(decisions), err)
	}
	if _, err := book.Write(ctx, "ann", undo...); err != nil {
		t.Fatal(err)
	}
	counts, err := book.Counts(ctx, "Set")
	if err != nil || len(counts) != 1 || counts[0].Status != Open {
		t.Errorf("after the undo: %+v, %v", counts, err)
	}
}
