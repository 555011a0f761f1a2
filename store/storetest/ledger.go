package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

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
	s := subject(labelmap.SubjectLabel, "set", "1 kidney")
	var wg sync.WaitGroup
	for p := range people {
		ledger := openLedger(t, db)
		wg.Go(func() {
			book := labelmap.NewBook(ledger, "satgraph test")
			actor := fmt.Sprintf("curator %d", p)
			for done := 0; done < rounds; {
				st, err := book.State(t.Context(), s)
				if err != nil {
					t.Error(err)
					return
				}
				_, err = book.Write(t.Context(), actor, labelmap.Entry{Subject: s, Version: st.Version, Action: labelmap.ActComment, Comment: actor})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, labelmap.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	events, err := openLedger(t, db).Subject(t.Context(), s)
	if err != nil || len(events) != people*rounds {
		t.Fatalf("%d events, want %d; %v", len(events), people*rounds, err)
	}
	for i := range events {
		if events[i].Version != int64(i) {
			t.Fatalf("event %d was written on version %d", i, events[i].Version)
		}
	}
}

func likeMemory(t *testing.T, db Database) {
	t.Helper()
	l := openLedger(t, db)
	memory := labelmap.NewMemory()
	ctx := t.Context()
	n := 0
	for _, dataset := range []string{"b", "a", "a b", "Z"} {
		for _, kind := range []labelmap.SubjectKind{labelmap.SubjectRecipe, labelmap.SubjectLabel} {
			for k := range 3 {
				for version := range int64(2) {
					n++
					e := labelmap.Event{
						ID: fmt.Sprint(n), Batch: fmt.Sprint(n % 5), Time: time.Unix(int64(n), 0).UTC(), Actor: "ann",
						Subject: subject(kind, dataset, fmt.Sprint("key ", k)), Version: version, Action: labelmap.ActFlag, Comment: "x",
					}
					for _, ledger := range []labelmap.Ledger{l, memory} {
						if _, err := ledger.Append(ctx, []labelmap.Event{e}); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
	}
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
			for _, after := range []labelmap.Subject{{}, subject(labelmap.SubjectLabel, "a", "key 1")} {
				compare(fmt.Sprintf("subjects of %q, %q after %v", dataset, kind, after), func(l labelmap.Ledger) ([][]labelmap.Event, error) {
					return l.Subjects(context.WithoutCancel(ctx), dataset, kind, after, 4)
				})
			}
		}
	}
	compare("a batch", func(l labelmap.Ledger) ([][]labelmap.Event, error) {
		list, err := l.Batch(ctx, "3")
		return [][]labelmap.Event{list}, err
	})
}
