// Package storetest is the one suite that every store must pass: graph.Store,
// graph.Changer and graph.Exemplars. An engine's tests call Run with a function
// that makes databases, and Main so that the suite can start, and kill, other
// processes on them. Nothing is left out for any engine.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"satgraph/graph"
)

// Store is all that an engine has to be.
type Store interface {
	graph.Store
	graph.Changer
	graph.Exemplars
}

// Database is one fresh, empty database of the engine under test. Open opens
// it, again or once more at the same time; the suite closes what it opens.
type Database interface {
	Open(ctx context.Context) (Store, error)
	// Name is what the function given to Main opens in another process.
	Name() string
}

// Run runs the suite. engine names what it runs against, with its version, and
// stands in the output; fresh makes a database that holds no tree and cleans it
// up with the test.
func Run(t *testing.T, engine string, fresh func(t *testing.T) Database) {
	t.Helper()
	t.Logf("the suite runs against %s", engine)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, db Database)
	}{
		{"a new database is empty", empty},
		{"what is stored comes back", roundTrip},
		{"it is there after closing", durable},
		{"replacing leaves nothing of the old tree", replaces},
		{"what is no tree is refused and changes nothing", refuses},
		{"another handle sees the new revision", sharedRevision},
		{"readers see whole revisions while others write", isolation},
		{"a cancelled context ends a call", cancelled},
		{"a closed store says so", closed},
		{"change sets lead from tree to tree, and back", walk},
		{"a change set that does not fit changes nothing", misfits},
		{"a change set is applied once", once},
		{"one of two writers wins, the other can try again", conflict},
		{"no update is lost among goroutines", goroutines},
		{"what was undone can be redone", undoRedo},
		{"the history can be paged", pages},
		{"names are only names", hostile},
		{"many diamonds are no many paths", diamonds},
		{"exemplars show terms", exemplars},
		{"no update is lost among processes", processes},
		{"another process sees a change", seen},
		{"a killed process leaves all or nothing", killed},
	} {
		t.Run(engine+"/"+test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

// Snapshot is a small tree with everything that a store must keep: all kinds,
// sides, scopes and relation types, several parents, odd characters, long text.
func Snapshot() graph.Snapshot {
	return graph.Snapshot{
		Revision: "r1",
		Terms: []graph.Term{
			{ID: "T:1", Name: "body", Kind: graph.KindAnatomy},
			{
				ID: "T:2", Name: "heart", Kind: graph.KindAnatomy, Definition: "a pump:\ttab, newline\n, \"quotes\", 'single', back\\slash, per%cent, | bar",
				Synonyms: []graph.Synonym{
					{Text: "whole heart", Scope: graph.ScopeExact},
					{Text: "Herz (größeres Gefäß) 心臓", Scope: graph.ScopeRelated},
					{Text: "chest organ", Scope: graph.ScopeBroad},
					{Text: "mammalian heart", Scope: graph.ScopeNarrow},
					{Text: "cor", Scope: graph.ScopeExact}, // order is kept
				},
				Xrefs: []string{"UMLS:C0018787", "FMA:7088"},
			},
			{ID: "T:3", Name: "left atrium", Kind: graph.KindAnatomy, Laterality: graph.Left},
			{ID: "T:4", Name: "right atrium", Kind: graph.KindAnatomy, Laterality: graph.Right},
			{ID: "T:5", Name: "both atria", Kind: graph.KindGroup},
			{ID: "T:6", Name: "scar", Kind: graph.KindFinding, Xrefs: []string{"NCIT:C1"}},
			{ID: "X:LONG", Name: long(5000), Kind: graph.KindAnatomy},
		},
		Relations: []graph.Relation{
			{Child: "T:2", Parent: "T:1", Type: graph.IsA},
			{Child: "T:2", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:3", Parent: "T:2", Type: graph.PartOf},
			{Child: "T:3", Parent: "T:5", Type: graph.PartOf},
			{Child: "T:4", Parent: "T:2", Type: graph.PartOf},
			{Child: "T:4", Parent: "T:5", Type: graph.PartOf},
			{Child: "T:6", Parent: "T:3", Type: graph.LocatedIn},
		},
	}
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

// chain is a tree of n terms, each under the one before; all its names tell
// its revision.
func chain(revision string, n int) graph.Snapshot {
	s := graph.Snapshot{Revision: revision}
	for i := range n {
		s.Terms = append(s.Terms, graph.Term{ID: fmt.Sprintf("C:%06d", i), Name: revision, Kind: graph.KindAnatomy})
		if i > 0 {
			s.Relations = append(s.Relations, graph.Relation{Child: s.Terms[i].ID, Parent: s.Terms[i-1].ID, Type: graph.IsA})
		}
	}
	return s
}

func open(t *testing.T, db Database) Store {
	t.Helper()
	s, err := db.Open(context.Background())
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func replace(t *testing.T, s graph.Store, tree graph.Snapshot) {
	t.Helper()
	if err := s.Replace(context.Background(), tree); err != nil {
		t.Fatalf("Replace with %q: %v", tree.Revision, err)
	}
}

// holds checks that the store's tree is exactly want.
func holds(t *testing.T, s graph.Store, want graph.Snapshot) {
	t.Helper()
	got, err := s.Load(context.Background())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("Load gives\n%.2000v\nwant\n%.2000v", *got, want)
	}
	revision, err := s.Revision(context.Background())
	if err != nil || revision != want.Revision {
		t.Errorf("Revision gives %q, %v; want %q", revision, err, want.Revision)
	}
}

func empty(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	if _, err := s.Load(context.Background()); !errors.Is(err, graph.ErrEmpty) {
		t.Errorf("Load: got %v, want %v", err, graph.ErrEmpty)
	}
	if _, err := s.Revision(context.Background()); !errors.Is(err, graph.ErrEmpty) {
		t.Errorf("Revision: got %v, want %v", err, graph.ErrEmpty)
	}
}

func roundTrip(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	shuffled := Snapshot()
	shuffled.Terms[0], shuffled.Terms[4] = shuffled.Terms[4], shuffled.Terms[0]
	shuffled.Relations[0], shuffled.Relations[5] = shuffled.Relations[5], shuffled.Relations[0]
	replace(t, s, shuffled)
	holds(t, s, Snapshot()) // sorted
	if shuffled.Terms[0].ID != "T:5" {
		t.Error("Replace changed its argument")
	}
}

func durable(t *testing.T, db Database) {
	t.Helper()
	s, err := db.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	replace(t, s, Snapshot())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, open(t, db), Snapshot())
}

func replaces(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	replace(t, s, chain("r2", 6000)) // larger than any page or batch
	holds(t, s, chain("r2", 6000))
	replace(t, s, chain("r3", 3))
	holds(t, s, chain("r3", 3))
}

func refuses(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	dangling := Snapshot()
	dangling.Relations = append(dangling.Relations, graph.Relation{Child: "T:2", Parent: "T:9", Type: graph.IsA})
	cyclic := Snapshot()
	cyclic.Relations = append(cyclic.Relations, graph.Relation{Child: "T:1", Parent: "T:6", Type: graph.IsA})
	twice := Snapshot()
	twice.Terms = append(twice.Terms, twice.Terms[0])
	for _, bad := range []graph.Snapshot{dangling, cyclic, twice} {
		bad.Revision = "bad"
		if err := s.Replace(context.Background(), bad); err == nil {
			t.Error("a snapshot that is no tree was stored")
		}
	}
	if err := s.Replace(context.Background(), dangling); !errors.Is(err, graph.ErrUnknownTerm) {
		t.Errorf("got %v, want %v", err, graph.ErrUnknownTerm)
	}
	var cycle *graph.CycleError
	if err := s.Replace(context.Background(), cyclic); !errors.As(err, &cycle) {
		t.Errorf("got %v, want a cycle", err)
	}
	holds(t, s, Snapshot())
}

func sharedRevision(t *testing.T, db Database) {
	t.Helper()
	a, b := open(t, db), open(t, db)
	replace(t, a, Snapshot())
	holds(t, b, Snapshot())
	replace(t, b, chain("r2", 5))
	holds(t, a, chain("r2", 5))
}

// isolation writes revisions from two handles while two others read: each load
// must be one whole revision.
func isolation(t *testing.T, db Database) {
	t.Helper()
	const terms, rounds = 300, 6
	first := open(t, db)
	replace(t, first, chain("start", terms))
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 2 {
		s := open(t, db)
		writers.Go(func() {
			for i := range rounds {
				if err := s.Replace(context.Background(), chain(fmt.Sprintf("w%d-%d", w, i), terms)); err != nil {
					t.Errorf("Replace: %v", err)
				}
			}
		})
	}
	for range 2 {
		s := open(t, db)
		readers.Go(func() {
			for {
				got, err := s.Load(context.Background())
				if err != nil {
					t.Errorf("Load: %v", err)
					return
				}
				if !reflect.DeepEqual(*got, chain(got.Revision, terms)) {
					t.Errorf("Load gives a mixture of revisions, named %q", got.Revision)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

func cancelled(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Load: got %v, want %v", err, context.Canceled)
	}
	if _, err := s.Revision(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Revision: got %v, want %v", err, context.Canceled)
	}
	if err := s.Replace(ctx, chain("late", 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("Replace: got %v, want %v", err, context.Canceled)
	}
	if _, err := s.Apply(ctx, renamed("T:1", "body", "trunk")); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: got %v, want %v", err, context.Canceled)
	}
	holds(t, s, Snapshot())
}

func closed(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	for range 2 { // closing twice does nothing
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(context.Background()); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Load: got %v, want %v", err, graph.ErrClosed)
	}
	if _, err := s.Revision(context.Background()); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Revision: got %v, want %v", err, graph.ErrClosed)
	}
	if err := s.Replace(context.Background(), Snapshot()); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Replace: got %v, want %v", err, graph.ErrClosed)
	}
	if _, err := s.Apply(context.Background(), renamed("T:1", "body", "trunk")); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("Apply: got %v, want %v", err, graph.ErrClosed)
	}
	if _, err := s.History(context.Background(), 0, 0); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("History: got %v, want %v", err, graph.ErrClosed)
	}
}
