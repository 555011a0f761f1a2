package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/graph"
	"satgraph/labelmap"
)

// ledgerTests are the part of the suite about decisions.
var ledgerTests = []struct {
	name string
	run  func(t *testing.T, db Database)
}{
	{"events come back as they were written", eventsComeBack},
	{"a batch is written whole or not at all", batchIsWhole},
	{"of concurrent curators the later gets the conflict", curators},
	{"a ledger answers as one in memory does", likeMemory},
	{"decisions outlive the terms they name", decisionsStay},
	{"a closed ledger says so", ledgerClosed},
	{"of concurrent processes none loses an event", ledgerProcesses},
	{"a killed writer leaves whole batches", ledgerKilled},
}

// RunLedger runs the part of the suite about decisions on a store that is a
// labelmap.Ledger; engine and fresh are those of Run.
func RunLedger(t *testing.T, engine string, fresh func(t *testing.T) Database) {
	t.Helper()
	for _, test := range ledgerTests {
		t.Run(engine+"/"+test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func openLedger(t *testing.T, db Database) labelmap.Ledger {
	t.Helper()
	s, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, ok := s.(labelmap.Ledger)
	if !ok {
		t.Fatalf("%T is no ledger", s)
	}
	return l
}

func subject(kind labelmap.SubjectKind, dataset, key string) labelmap.Subject {
	return labelmap.Subject{Kind: kind, Dataset: dataset, Key: key}
}

// fullEvents use every field, with names that would harm a careless store.
func fullEvents() []labelmap.Event {
	odd := "x'); DROP TABLE events; -- {\"$ne\": 1} }) DETACH DELETE n // \u202e\U0001F9E0"
	at := time.Date(2026, 11, 25, 12, 30, 1, 123456789, time.UTC)
	label := subject(labelmap.SubjectLabel, odd, "1 "+odd)
	v := &labelmap.Verdict{Outcome: labelmap.Mapped, Mode: labelmap.AllOf, Targets: []labelmap.Target{
		{TermID: "B:2", Name: odd, Predicate: labelmap.Exact, Fingerprint: "f1"},
		{TermID: "A:1", Name: "a", Predicate: labelmap.Broad},
	}}
	recipe := &labelmap.Recipe{Class: "kidney", Reason: odd, Expr: labelmap.Expr{Op: labelmap.OpUnion, Args: []labelmap.Expr{
		{Op: labelmap.OpSource, Source: &labelmap.Source{Channel: -1, Values: []labelmap.Range{labelmap.Value(1)}}},
		{Op: labelmap.OpSource, Source: &labelmap.Source{Channel: 2, File: "a b", Values: []labelmap.Range{{Low: 0.5, High: math.Inf(1), OpenLow: true}}}},
	}}}
	base := labelmap.Event{Batch: "b1", Time: at, Actor: odd, Tool: "satgraph test", Subject: label, Comment: odd}
	event := func(id string, change func(e *labelmap.Event)) labelmap.Event {
		e := base
		e.ID = id
		change(&e)
		return e
	}
	return []labelmap.Event{
		event("e1", func(e *labelmap.Event) {
			e.Action = labelmap.ActImport
			e.Label = &labelmap.RawLabel{
				Dataset: odd, Values: []int64{1, -2}, Name: odd, Codes: []string{"SCT:1"}, Line: 3,
				Geometry: &labelmap.Geometry{Voxels: 5, VolumeML: 0.25, Centroid: [3]float64{1, 2, 3}, Side: "left"}, Flags: []string{"odd"},
			}
		}),
		event("e2", func(e *labelmap.Event) {
			e.Action, e.Version, e.Verdict = labelmap.ActDecide, 1, v
			e.Suggestion = &labelmap.Offer{TermID: "A:1", Score: 0.75, Rank: 2, Tool: "t"}
		}),
		event("e3", func(e *labelmap.Event) {
			e.Action, e.Subject = labelmap.ActDecide, subject(labelmap.SubjectRecipe, odd, "kidney")
			e.Verdict = &labelmap.Verdict{Outcome: labelmap.Mapped, Recipe: recipe}
		}),
		event("e4", func(e *labelmap.Event) {
			e.Action, e.Subject, e.Reviewers = labelmap.ActPolicy, subject(labelmap.SubjectDataset, odd, ""), 2
		}),
		event("e5", func(e *labelmap.Event) {
			e.Action, e.Version = labelmap.ActDecide, 2
			e.Verdict = &labelmap.Verdict{Outcome: labelmap.NewTerm, NewTerm: odd, ChangeSet: "c1"}
		}),
		event("e6", func(e *labelmap.Event) { e.Action, e.Version, e.Ref = labelmap.ActUndo, 3, "e5" }),
	}
}

func eventsComeBack(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	ctx := t.Context()
	written, err := l.Append(ctx, fullEvents())
	if err != nil {
		t.Fatal(err)
	}
	again := openLedger(t, db)
	got, err := again.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, written) {
		t.Errorf("got  %+v\nwant %+v", got, written)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Seq <= got[i-1].Seq {
			t.Errorf("event %s has place %d, after %d", got[i].ID, got[i].Seq, got[i-1].Seq)
		}
	}
	if last, err := again.Last(ctx); err != nil || last != got[len(got)-1].Seq {
		t.Errorf("the last event has place %d, %v", last, err)
	}
	tail, err := again.Events(ctx, got[3].Seq, 1)
	if err != nil || len(tail) != 1 || tail[0].ID != "e5" {
		t.Errorf("one event after the fourth: %+v, %v", tail, err)
	}
	if batch, err := again.Batch(ctx, "b1"); err != nil || !reflect.DeepEqual(batch, written) {
		t.Errorf("the batch: %+v, %v", batch, err)
	}
	if one, err := again.Batch(ctx, "e3"); err != nil || len(one) != 1 || one[0].ID != "e3" {
		t.Errorf("one event by its ID: %+v, %v", one, err)
	}
	if none, err := again.Subject(ctx, subject(labelmap.SubjectLabel, "nothing", "x")); err != nil || len(none) != 0 {
		t.Errorf("an unknown subject: %+v, %v", none, err)
	}
}

func batchIsWhole(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	ctx := t.Context()
	good := fullEvents()
	if _, err := l.Append(ctx, good[:2]); err != nil {
		t.Fatal(err)
	}
	late, twice, bad := good[2], good[3], good[3]
	late.Subject, late.Version = good[0].Subject, 1
	twice.ID = "e2"
	bad.Reviewers = 7
	for want, last := range map[error]labelmap.Event{labelmap.ErrConflict: late, labelmap.ErrDuplicateEvent: twice, labelmap.ErrInvalidEvent: bad} {
		first := good[2]
		first.ID = "fresh"
		if _, err := l.Append(ctx, []labelmap.Event{first, last}); !errors.Is(err, want) {
			t.Errorf("want %v, got %v", want, err)
		}
	}
	_, err := l.Append(ctx, []labelmap.Event{late})
	if conflict, ok := errors.AsType[*labelmap.ConflictError](err); !ok || len(conflict.Theirs) != 1 || conflict.Theirs[0].ID != "e2" {
		t.Errorf("the conflict is %+v", err)
	}
	if all, err := l.Events(ctx, 0, 100); err != nil || len(all) != 2 {
		t.Errorf("%d events after refused batches, %v", len(all), err)
	}
}

func curators(t *testing.T, db Database) {
	t.Helper()
	const people, rounds = 4, 10
	var wg sync.WaitGroup
	for p := range people {
		l := openLedger(t, db)
		wg.Go(func() {
			if err := comments(t.Context(), l, fmt.Sprintf("curator %d", p), rounds); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	commented(t, openLedger(t, db), people*rounds)
}

// likeMemory writes the same to a ledger and to one in memory, and asks both
// the same.
func likeMemory(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	memory := labelmap.NewMemory()
	ctx := t.Context()
	n := 0
	write := func(s labelmap.Subject, change func(e *labelmap.Event)) {
		t.Helper()
		n++
		have, err := memory.Subject(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		e := labelmap.Event{
			ID: fmt.Sprint(n), Batch: fmt.Sprint(n % 5), Time: time.Unix(int64(n), 0).UTC(), Actor: "ann",
			Subject: s, Version: int64(len(have)), Action: labelmap.ActFlag, Comment: "x",
		}
		change(&e)
		for _, ledger := range []labelmap.Ledger{l, memory} {
			if _, err := ledger.Append(ctx, []labelmap.Event{e}); err != nil {
				t.Fatal(err)
			}
		}
	}
	long := strings.Repeat("é", 300)
	keys := []string{"key 1", "Key", "key \U0001F9E0", "key \uffee", long + "b", long + "a", long}
	decide := func(actor, term string) func(e *labelmap.Event) {
		return func(e *labelmap.Event) {
			e.Actor, e.Action = actor, labelmap.ActDecide
			e.Verdict = &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{{TermID: term, Name: "n", Predicate: labelmap.Exact}}}
		}
	}
	for _, dataset := range []string{"b", "a", "a b", "Z"} {
		for _, kind := range []labelmap.SubjectKind{labelmap.SubjectRecipe, labelmap.SubjectLabel} {
			for i, key := range keys {
				s := subject(kind, dataset, key)
				if i != 1 {
					write(s, func(*labelmap.Event) {})
				}
				if i < 5 {
					write(s, decide("ann", "T:2"))
				}
				if i < 3 {
					write(s, decide("bob", fmt.Sprintf("T:%d", 2+i)))
				}
			}
		}
	}
	for i, dataset := range []string{"a", "b", "Z", "b", "b"} {
		name := []string{"Left_kidney", "left kidney", "kidney, left", "Nieré " + long, "!!"}[i]
		s := subject(labelmap.SubjectLabel, dataset, "7 "+name)
		write(s, func(e *labelmap.Event) {
			e.Action, e.Comment = labelmap.ActImport, ""
			e.Label = &labelmap.RawLabel{Dataset: dataset, Name: name, Values: []int64{7}}
		})
		write(s, decide("ann", "T:2"))
	}
	policy := func(n int) func(e *labelmap.Event) {
		return func(e *labelmap.Event) { e.Action, e.Reviewers = labelmap.ActPolicy, n }
	}
	write(subject(labelmap.SubjectDataset, "a", ""), policy(2)) // now its decisions await, agree or are disputed
	write(subject(labelmap.SubjectDataset, "b", ""), policy(2))
	write(subject(labelmap.SubjectDataset, "b", ""), policy(1))
	write(subject(labelmap.SubjectLabel, "a", "key 1"), func(e *labelmap.Event) { e.Action, e.Comment = labelmap.ActUnflag, "" })
	compare := func(what string, ask func(labelmap.Ledger) ([][]labelmap.Event, error)) {
		t.Helper()
		want, err := ask(memory)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ask(l)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range slices.Concat(got, want) {
			for i := range list {
				list[i].Seq = 0 // engines may number as they like
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
		}
	}
	for _, dataset := range []string{"", "a", "a b", "none"} {
		for _, kind := range []labelmap.SubjectKind{"", labelmap.SubjectLabel, labelmap.SubjectDataset} {
			for _, after := range []labelmap.Subject{{}, subject(labelmap.SubjectLabel, "a", "key 1"), subject(labelmap.SubjectLabel, "a", long), subject(labelmap.SubjectDataset, "a", "")} {
				for _, q := range []labelmap.SubjectQuery{
					{Limit: 4},
					{Limit: 100},
					{Limit: 3, Statuses: []labelmap.Status{labelmap.Disputed, labelmap.Awaiting}},
					{Limit: 100, Statuses: []labelmap.Status{labelmap.Settled}, Flagged: true},
					{},
					{Limit: 10, Names: []string{labelmap.NameKey("left kidney"), labelmap.NameKey("Nieré " + long), labelmap.NameKey("none")}},
					{Limit: 1, Names: []string{labelmap.NameKey("left kidney")}, Statuses: []labelmap.Status{labelmap.Settled}},
				} {
					q.Dataset, q.Kind, q.After = dataset, kind, after
					compare(fmt.Sprintf("subjects of %+v", q), func(l labelmap.Ledger) ([][]labelmap.Event, error) { return l.Subjects(ctx, q) })
				}
			}
		}
		want, err := memory.Counts(ctx, dataset)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.Counts(ctx, dataset); err != nil || !slices.Equal(got, want) {
			t.Errorf("counts of %q: %v\n got %+v\nwant %+v", dataset, err, got, want)
		}
	}
	compare("a batch", func(l labelmap.Ledger) ([][]labelmap.Event, error) {
		list, err := l.Batch(ctx, "3")
		return [][]labelmap.Event{list}, err
	})
	compare("batches and events", func(l labelmap.Ledger) ([][]labelmap.Event, error) {
		list, err := l.Batch(ctx, "3", "1", "none", "13")
		return [][]labelmap.Event{list}, err
	})
}

// decisionsStay lets terms that decisions name go and come back.
func decisionsStay(t *testing.T, db Database) {
	t.Helper()
	l, s := openLedger(t, db), open(t, db)
	tree := Snapshot()
	replace(t, s, tree)
	events := fullEvents()[:1]
	events = append(events, events[0])
	events[1].ID, events[1].Action, events[1].Version = "d", labelmap.ActDecide, 1
	events[1].Verdict = &labelmap.Verdict{Outcome: labelmap.Mapped, Mode: labelmap.AllOf, Targets: []labelmap.Target{
		{TermID: "X:LONG", Name: "x", Predicate: labelmap.Exact}, {TermID: "T:2", Name: "heart", Predicate: labelmap.Exact}, {TermID: "no term", Predicate: labelmap.Exact},
	}}
	written, err := l.Append(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	without := Snapshot()
	without.Terms = without.Terms[:6]
	gone := graph.Diff(&tree, &without)
	record, err := s.Apply(t.Context(), gone)
	if err != nil {
		t.Fatalf("a term that a decision names could not be removed: %v", err)
	}
	if _, err := s.Undo(t.Context(), record.ID, graph.ChangeSet{}); err != nil {
		t.Fatal(err)
	}
	holds(t, s, graph.Snapshot{Revision: revision(t, s), Terms: tree.Terms, Relations: tree.Relations})
	replace(t, s, chain("r2", 3))
	holds(t, s, chain("r2", 3))
	replace(t, s, tree)
	holds(t, s, tree)
	if got, err := l.Events(t.Context(), 0, 10); err != nil || !reflect.DeepEqual(got, written) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func ledgerClosed(t *testing.T, db Database) {
	t.Helper()
	s, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, _ := s.(labelmap.Ledger)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Append":   func() error { _, err := l.Append(t.Context(), fullEvents()); return err },
		"Events":   func() error { _, err := l.Events(t.Context(), 0, 1); return err },
		"Subjects": func() error { _, err := l.Subjects(t.Context(), labelmap.SubjectQuery{Limit: 1}); return err },
		"Counts":   func() error { _, err := l.Counts(t.Context(), ""); return err },
	} {
		if err := call(); !errors.Is(err, graph.ErrClosed) {
			t.Errorf("%s: got %v, want %v", name, err, graph.ErrClosed)
		}
	}
}

// shared is the subject that processes write to at the same time.
func shared() labelmap.Subject { return subject(labelmap.SubjectLabel, "set", "1 kidney") }

// comments writes n comments on the shared subject, each on its latest version.
func comments(ctx context.Context, l labelmap.Ledger, actor string, n int) error {
	book := labelmap.NewBook(l, "satgraph test")
	for done := 0; done < n; {
		st, err := book.State(ctx, shared())
		if err != nil {
			return err
		}
		_, err = book.Write(ctx, actor, labelmap.Entry{Subject: shared(), Version: st.Version, Action: labelmap.ActComment, Comment: actor})
		switch {
		case err == nil:
			done++
		case !errors.Is(err, labelmap.ErrConflict):
			return err
		}
	}
	return nil
}

// commented checks that the shared subject has n comments and no gap.
func commented(t *testing.T, l labelmap.Ledger, n int) {
	t.Helper()
	events, err := l.Subject(t.Context(), shared())
	if err != nil || len(events) != n {
		t.Fatalf("%d events, want %d; %v", len(events), n, err)
	}
	for i := range events {
		if events[i].Version != int64(i) {
			t.Fatalf("event %d was written on version %d", i, events[i].Version)
		}
	}
}

func ledgerProcesses(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	const children = 2
	var wait sync.WaitGroup
	for range children {
		child, out, stop := start(t, db, roleComment)
		wait.Go(func() {
			for out.Scan() {
				t.Log(out.Text())
			}
			if err := child.Wait(); err != nil {
				t.Errorf("%v: %s", err, stop())
			}
		})
	}
	if err := comments(t.Context(), l, "parent", childRounds); err != nil {
		t.Error(err)
	}
	wait.Wait()
	commented(t, l, (children+1)*childRounds)
}

// killedBatch is how many events a writer that gets killed puts into a batch.
const killedBatch = 300

// importsForever writes batches that import and decide labels until the process
// is killed.
func importsForever(ctx context.Context, l labelmap.Ledger) error {
	book := labelmap.NewBook(l, "satgraph test")
	for round := 0; ; round++ {
		counts, err := l.Counts(ctx, "")
		if err != nil {
			return err
		}
		from := 0
		for _, c := range counts {
			if c.Kind == labelmap.SubjectLabel {
				from += c.Subjects
			}
		}
		entries := make([]labelmap.Entry, killedBatch)
		for i := range entries {
			name := fmt.Sprint("label ", from+i/2)
			s := subject(labelmap.SubjectLabel, "set", name)
			entries[i] = labelmap.Entry{Subject: s, Action: labelmap.ActImport, Label: &labelmap.RawLabel{Name: name}}
			if i%2 == 1 {
				entries[i] = labelmap.Entry{Subject: s, Version: 1, Action: labelmap.ActDecide, Verdict: &labelmap.Verdict{Outcome: labelmap.NoTerm}}
			}
		}
		fmt.Println("writing")
		if _, err := book.Write(ctx, "writer", entries...); err != nil && !errors.Is(err, labelmap.ErrConflict) {
			return err
		}
		fmt.Println("written")
	}
}

// ledgerKilled kills a writing process at many moments of its work: each batch
// must be there whole or not at all, with the state that its events come to,
// and the next writer go on.
func ledgerKilled(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	_, out, stop := start(t, db, roleImport)
	out.Scan()
	began := time.Now()
	out.Scan()
	took := time.Since(began) // of one batch
	stop()
	const kills = 6
	before := 0
	unfinished := 0
	for kill := range kills {
		_, out, stop := start(t, db, roleImport)
		if !out.Scan() || out.Text() != "writing" {
			t.Fatalf("the writer says %q: %s", out.Text(), stop())
		}
		time.Sleep(2 * took * time.Duration(kill) / kills)
		if said := stop(); said != "" {
			t.Errorf("kill %d: the writer says: %s", kill, said)
		}
		// A server may still be committing what the killed writer sent.
		if err := comments(t.Context(), l, "parent", 1); err != nil {
			t.Fatal(err)
		}
		events, err := l.Events(t.Context(), 0, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		batches := map[string]int{}
		for i := range events {
			if events[i].Actor == "writer" {
				batches[events[i].Batch]++
			}
			if events[i].Seq != int64(i)+1 {
				t.Fatalf("kill %d: event %d has place %d", kill, i, events[i].Seq)
			}
		}
		for id, n := range batches {
			if n != killedBatch {
				t.Errorf("kill %d: the batch %s has %d events of %d", kill, id, n, killedBatch)
			}
		}
		counts, err := l.Counts(t.Context(), "set")
		if err != nil || len(batches) > 0 && !slices.Contains(counts, labelmap.Count{Dataset: "set", Kind: labelmap.SubjectLabel, Status: labelmap.Settled, Subjects: len(batches) * killedBatch / 2}) {
			t.Errorf("kill %d: after %d batches the counts are %+v, %v", kill, len(batches), counts, err)
		}
		if len(batches) == before {
			unfinished++
		}
		before = len(batches)
	}
	t.Logf("%d kills: %d left no trace, the others a whole batch or more; one takes %v", kills, unfinished, took.Round(time.Millisecond))
}
