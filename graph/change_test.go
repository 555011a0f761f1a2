package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"satgraph/graph"
)

// randomTree is a valid tree of up to 40 terms T:00 … T:39: parents have
// smaller numbers, so no relation leads back.
func randomTree(r *rand.Rand) *graph.Snapshot {
	s := &graph.Snapshot{Revision: fmt.Sprintf("random %d", r.Int())}
	var ids []string
	for i := range 40 {
		if r.IntN(3) == 0 {
			continue
		}
		t := graph.Term{ID: fmt.Sprintf("T:%02d", i), Name: pick(r, "heart", "lung", "it's \"{x}\" $y"), Kind: pick(r, graph.KindAnatomy, graph.KindGroup)}
		t.Laterality = pick(r, graph.Unsided, graph.Left, graph.Right)
		t.Definition = pick(r, "", "a\nb\tc")
		for range r.IntN(3) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: pick(r, "a", "b", "c"), Scope: pick(r, graph.ScopeExact, graph.ScopeBroad)})
			t.Xrefs = append(t.Xrefs, pick(r, "FMA:1", "FMA:2"))
		}
		for _, parent := range ids {
			for _, kind := range graph.RelationTypes() {
				if r.IntN(20) == 0 {
					s.Relations = append(s.Relations, graph.Relation{Child: t.ID, Parent: parent, Type: kind})
				}
			}
		}
		s.Terms = append(s.Terms, t)
		ids = append(ids, t.ID)
	}
	return s
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// sameContent compares terms and relations, and the incremental checksum.
func sameContent(a, b *graph.Snapshot) bool {
	return len(graph.Diff(a, b).Changes) == 0 && a.Digest() == b.Digest()
}

func TestUndoAfterDoIsIdentity(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		from, to := randomTree(r), randomTree(r)
		cs := graph.Diff(from, to)
		r.Shuffle(len(cs.Changes), func(i, j int) { cs.Changes[i], cs.Changes[j] = cs.Changes[j], cs.Changes[i] })
		before := from.Digest()
		after, err := cs.Apply(t.Context(), from)
		if err != nil {
			t.Fatalf("seed %d: do: %v", seed, err)
		}
		if !sameContent(after, to) || after.Revision != to.Digest().Revision() {
			t.Fatalf("seed %d: the changes do not lead from one tree to the other", seed)
		}
		if from.Digest() != before {
			t.Fatalf("seed %d: Apply changed its argument", seed)
		}
		followed := before
		for i := range cs.Changes {
			followed.Change(&cs.Changes[i])
		}
		if followed != after.Digest() {
			t.Fatalf("seed %d: the checksum that follows the changes is not the content's", seed)
		}
		undo := cs.Inverse()
		back, err := undo.Apply(t.Context(), after)
		if err != nil {
			t.Fatalf("seed %d: undo: %v", seed, err)
		}
		if !sameContent(back, from) {
			t.Fatalf("seed %d: undo after do is not the identity", seed)
		}
		redo := undo.Inverse()
		if !reflect.DeepEqual(redo.Changes, cs.Changes) {
			t.Fatalf("seed %d: the inverse of the inverse is another set", seed)
		}
	}
}

func TestChangeSetJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cs := graph.Diff(randomTree(r), randomTree(r))
	cs.Title, cs.Author = "a title", "an author"
	text, err := json.Marshal(cs)
	if err != nil {
		t.Fatal(err)
	}
	back, err := graph.ReadChangeSet(bytes.NewReader(text))
	if err != nil || !reflect.DeepEqual(*back, cs) {
		t.Errorf("JSON there and back: %v\n%.500s", err, text)
	}
}

func small() *graph.Snapshot {
	return &graph.Snapshot{
		Revision: "small",
		Terms: []graph.Term{
			{ID: "T:1", Name: "body", Kind: graph.KindAnatomy},
			{ID: "T:2", Name: "heart", Kind: graph.KindAnatomy},
			{ID: "T:3", Name: "atrium", Kind: graph.KindAnatomy},
		},
		Relations: []graph.Relation{
			{Child: "T:2", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:3", Parent: "T:2", Type: graph.PartOf},
		},
	}
}

func term(id, name string) *graph.Term {
	return &graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy}
}

func partOf(child, parent string) graph.Relation {
	return graph.Relation{Child: child, Parent: parent, Type: graph.PartOf}
}

func TestApplyRefuses(t *testing.T) {
	tests := []struct {
		name    string
		base    string
		changes []graph.Change
		want    []error
		says    string // part of the message
	}{
		{
			"a term that is there", "small",
			[]graph.Change{{Op: graph.AddTerm, New: term("T:2", "heart")}},
			[]error{graph.ErrConflict},
			"T:2 (heart): a term of this id is there already",
		},
		{
			"an old value that is gone", "small",
			[]graph.Change{{Op: graph.UpdateTerm, Old: term("T:2", "hart"), New: term("T:2", "cor")}},
			[]error{graph.ErrConflict},
			"its name is another",
		},
		{
			"removing what is not there", "small",
			[]graph.Change{{Op: graph.RemoveTerm, Old: term("T:9", "tail")}, {Op: graph.RemoveRelation, Relation: partOf("T:1", "T:2")}},
			[]error{graph.ErrConflict},
			"there is no such term; remove_relation T:1 part_of T:2: there is no such relation",
		},
		{
			"a relation that is there", "small",
			[]graph.Change{{Op: graph.AddRelation, Relation: partOf("T:2", "T:1")}},
			[]error{graph.ErrConflict},
			"it is there already",
		},
		{
			"a cycle", "small",
			[]graph.Change{{Op: graph.AddRelation, Relation: partOf("T:1", "T:3")}},
			[]error{(*graph.CycleError)(nil)},
			"T:1 → T:3 → T:2 → T:1",
		},
		{
			"a cycle that another writer may have closed", "older",
			[]graph.Change{{Op: graph.AddRelation, Relation: partOf("T:1", "T:3")}},
			[]error{(*graph.CycleError)(nil), graph.ErrConflict},
			"since revision older",
		},
		{
			"a relation to nothing", "",
			[]graph.Change{{Op: graph.AddRelation, Relation: partOf("T:3", "T:9")}},
			[]error{graph.ErrUnknownTerm},
			"T:9",
		},
		{
			"a removed term that others hang on", "small",
			[]graph.Change{{Op: graph.RemoveTerm, Old: term("T:2", "heart")}, {Op: graph.RemoveRelation, Relation: partOf("T:2", "T:1")}},
			[]error{graph.ErrUnknownTerm},
			"T:2 is removed, and T:3 part_of T:2 stays",
		},
		{
			"a term twice", "",
			[]graph.Change{{Op: graph.AddTerm, New: term("T:9", "a")}, {Op: graph.RemoveTerm, Old: term("T:9", "a")}},
			[]error{graph.ErrInvalidChange},
			"twice",
		},
		{
			"an update of nothing", "",
			[]graph.Change{{Op: graph.UpdateTerm, Old: term("T:2", "heart"), New: term("T:2", "heart")}},
			[]error{graph.ErrInvalidChange},
			"changes nothing",
		},
		{
			"an update to another id", "",
			[]graph.Change{{Op: graph.UpdateTerm, Old: term("T:2", "heart"), New: term("T:9", "heart")}},
			[]error{graph.ErrInvalidChange},
			"T:9",
		},
		{"an unknown operation", "", []graph.Change{{Op: "rename"}}, []error{graph.ErrInvalidChange}, "rename"},
		{"a change without its term", "", []graph.Change{{Op: graph.AddTerm}}, []error{graph.ErrInvalidChange}, "add_term"},
		{
			"a name with a NUL", "",
			[]graph.Change{{Op: graph.AddTerm, New: term("T:9", "a\x00b")}},
			[]error{graph.ErrInvalidTerm},
			`"a\x00b" holds a control character`,
		},
		{
			"a name that is no UTF-8", "",
			[]graph.Change{{Op: graph.AddTerm, New: term("T:9", "\xff")}},
			[]error{graph.ErrInvalidTerm},
			"is not UTF-8",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cs := graph.ChangeSet{Base: test.base, Changes: test.changes}
			_, err := cs.Apply(t.Context(), small())
			for _, want := range test.want {
				if _, cycle := want.(*graph.CycleError); cycle { //nolint:errorlint // a type of error asked for
					if _, ok := errors.AsType[*graph.CycleError](err); !ok {
						t.Errorf("got %v, want a cycle", err)
					}
				} else if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if len(test.want) == 1 && test.want[0] != graph.ErrConflict && errors.Is(err, graph.ErrConflict) { //nolint:errorlint // the table's value
				t.Errorf("%v counts as a conflict, which a retry would mend", err)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
		})
	}
}

// Two changes of different terms made from one revision both hold.
func TestChangesApartDoNotConflict(t *testing.T) {
	first := graph.ChangeSet{Base: "small", Changes: []graph.Change{{Op: graph.UpdateTerm, Old: term("T:2", "heart"), New: term("T:2", "cor")}}}
	second := graph.ChangeSet{Base: "small", Changes: []graph.Change{{Op: graph.RemoveTerm, Old: term("T:3", "atrium")}, {Op: graph.RemoveRelation, Relation: partOf("T:3", "T:2")}}}
	s, err := first.Apply(t.Context(), small())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = second.Apply(t.Context(), s); err != nil || len(s.Terms) != 2 || s.Terms[1].Name != "cor" {
		t.Errorf("got %v, %v", s, err)
	}
}

// A ladder of diamonds has 2^60 paths from bottom to top.
func TestVerifyDoesNotWalkPaths(t *testing.T) {
	s := &graph.Snapshot{}
	for i := range 60 {
		for _, side := range "ab" {
			s.Terms = append(s.Terms, *term(fmt.Sprintf("D:%02d%c", i, side), "d"))
			if i > 0 {
				for _, parent := range "ab" {
					s.Relations = append(s.Relations, partOf(fmt.Sprintf("D:%02d%c", i, side), fmt.Sprintf("D:%02d%c", i-1, parent)))
				}
			}
		}
	}
	cs := graph.ChangeSet{Changes: []graph.Change{{Op: graph.AddRelation, Relation: partOf("D:00a", "D:59b")}}}
	_, err := cs.Apply(t.Context(), s)
	if _, ok := errors.AsType[*graph.CycleError](err); !ok {
		t.Errorf("got %v, want a cycle", err)
	}
}

func FuzzReadChangeSet(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	cs := graph.Diff(randomTree(r), randomTree(r))
	text, err := json.Marshal(cs)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"title":"t","author":"a","changes":[{"op":"add_term","new":{"id":"T:1","name":"x","kind":"anatomy"}}]} {}`))
	f.Add([]byte(`{"changes":[{"op":"update_term","old":null}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cs, err := graph.ReadChangeSet(bytes.NewReader(text))
		if err != nil {
			return
		}
		// What was read can be written, read again, and tried on a tree.
		again, err := json.Marshal(cs)
		if err != nil {
			t.Fatal(err)
		}
		back, err := graph.ReadChangeSet(bytes.NewReader(again))
		if err != nil || len(back.Changes) != len(cs.Changes) {
			t.Fatalf("%v: %s", err, again)
		}
		after, err := cs.Apply(context.Background(), small())
		if err != nil {
			return
		}
		if _, err := after.Tree(); err != nil {
			t.Fatalf("an accepted set left no tree: %v", err)
		}
		undo := cs.Inverse()
		undone, err := undo.Apply(context.Background(), after)
		if err != nil || !sameContent(undone, small()) {
			t.Fatalf("an accepted set cannot be undone: %v", err)
		}
	})
}
