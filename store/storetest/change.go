package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/graph"
)

// hostileNames are only names to a store.
func hostileNames() []string {
	return []string{
		`'; DROP TABLE terms; --`, `" OR 1=1 --`, `'}) DETACH DELETE n //`, "`x`) DETACH DELETE (n", `$id`, `{id: $id}`, `\`, `\'`, `\u0027`,
		"%s %d", "?1", "心臓 ❤️ e\u0301 \u202e\u2066", "a\tb\nc", "  spaces  ", "NULL", "a|b;c,d", `</script>`, "${x} {{y}}", "*:* AND ~", "\u00a0",
	}
}

// randomTree is a valid tree of up to 40 terms with hostile texts: parents have
// smaller numbers, so no relation leads back.
func randomTree(r *rand.Rand) graph.Snapshot {
	texts := hostileNames()
	text := func() string { return "x" + texts[r.IntN(len(texts))] }
	s := graph.Snapshot{}
	for i := range 40 {
		if r.IntN(3) == 0 {
			continue
		}
		t := graph.Term{ID: fmt.Sprintf("T:%02d'\"{", i), Name: text(), Kind: graph.KindAnatomy}
		if r.IntN(2) == 0 {
			t.Kind, t.Laterality, t.Definition = graph.KindFinding, graph.Left, text()
		}
		for range r.IntN(3) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: text(), Scope: graph.ScopeBroad})
			t.Xrefs = append(t.Xrefs, text())
		}
		for _, parent := range s.Terms {
			for _, kind := range graph.RelationTypes() {
				if r.IntN(20) == 0 {
					s.Relations = append(s.Relations, graph.Relation{Child: t.ID, Parent: parent.ID, Type: kind})
				}
			}
		}
		s.Terms = append(s.Terms, t)
	}
	s.Sort()
	s.Revision = s.Digest().Revision()
	return s
}

// renamed is a change set that gives a term of Snapshot or chain another name.
func renamed(id, from, to string) graph.ChangeSet {
	return graph.ChangeSet{Title: "rename " + id, Author: "suite", Changes: []graph.Change{{
		Op:  graph.UpdateTerm,
		Old: &graph.Term{ID: id, Name: from, Kind: graph.KindAnatomy},
		New: &graph.Term{ID: id, Name: to, Kind: graph.KindAnatomy},
	}}}
}

func apply(t *testing.T, s Store, cs graph.ChangeSet) graph.Record {
	t.Helper()
	r, err := s.Apply(context.Background(), cs)
	if err != nil {
		t.Fatalf("Apply %q: %v", cs.Title, err)
	}
	return r
}

// walk goes from random tree to random tree by change sets, with undos in
// between, and compares with what graph.ChangeSet does in memory.
func walk(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	r := rand.New(rand.NewPCG(7, 7))
	trees := []graph.Snapshot{{}} // after each change set; the first: an empty store
	var made []graph.Record
	for step := range 12 {
		now := trees[len(trees)-1]
		var record graph.Record
		if step%4 == 3 { // take the last step back
			last := made[len(made)-1]
			var err error
			if record, err = s.Undo(context.Background(), last.ID, graph.ChangeSet{Author: "suite"}); err != nil {
				t.Fatalf("step %d: Undo: %v", step, err)
			}
			if record.Undoes != last.ID || record.Title != "Undo: "+last.Title {
				t.Errorf("step %d: the undo is recorded as %+v", step, record)
			}
			trees = append(trees, trees[len(trees)-2])
		} else {
			next := randomTree(r)
			cs := graph.Diff(&now, &next)
			cs.Title, cs.Author, cs.Source, cs.Tool = fmt.Sprintf("step %d", step), "suite", "a file", "a tool"
			record = apply(t, s, cs)
			if record.Counts != cs.Counts() || record.Title != cs.Title || record.Author != "suite" || record.Source != "a file" || record.Tool != "a tool" {
				t.Errorf("step %d: the record is %+v", step, record)
			}
			whole, err := s.ChangeSet(context.Background(), record.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(whole.Changes, cs.Changes) || whole.Base != record.Before || !whole.Time.Equal(record.Time) {
				t.Errorf("step %d: the history holds other changes than were applied", step)
			}
			trees = append(trees, next)
		}
		made = append(made, record)
		if record.Number != step+1 || record.Before != now.Revision || time.Since(record.Time).Abs() > time.Hour {
			t.Errorf("step %d: the record is %+v", step, record)
		}
		holds(t, s, trees[len(trees)-1])
	}
	history, err := s.History(context.Background(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(history)
	for i := range made {
		if i%4 == 2 {
			made[i].UndoneBy = made[i+1].ID
		}
	}
	if !reflect.DeepEqual(history, made) {
		t.Errorf("the history is\n%+v\nwant\n%+v", history, made)
	}
}

func misfits(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	cycle := renamed("T:1", "body", "trunk") // what is right in it must not stay
	cycle.Changes = append(cycle.Changes, graph.Change{Op: graph.AddRelation, Relation: graph.Relation{Child: "T:1", Parent: "T:6", Type: graph.IsA}})
	dangling := renamed("T:1", "body", "trunk")
	dangling.Changes = append(dangling.Changes, graph.Change{Op: graph.AddRelation, Relation: graph.Relation{Child: "T:1", Parent: "T:9", Type: graph.IsA}})
	orphaned := graph.ChangeSet{Changes: []graph.Change{{Op: graph.RemoveTerm, Old: &graph.Term{ID: "T:1", Name: "body", Kind: graph.KindAnatomy}}}}
	twice := renamed("T:1", "body", "trunk")
	twice.Changes = append(twice.Changes, twice.Changes[0])
	gone := renamed("T:9", "a", "b")
	var cycleError *graph.CycleError
	for _, test := range []struct {
		name string
		cs   graph.ChangeSet
		want error
	}{
		{"cycle", cycle, nil},
		{"dangling", dangling, graph.ErrUnknownTerm},
		{"orphaned", orphaned, graph.ErrUnknownTerm},
		{"twice", twice, graph.ErrInvalidChange},
		{"gone", gone, graph.ErrConflict},
	} {
		_, err := s.Apply(context.Background(), test.cs)
		if test.want == nil && !errors.As(err, &cycleError) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	holds(t, s, Snapshot())
	if history, err := s.History(context.Background(), 0, 0); err != nil || len(history) > 0 {
		t.Errorf("what was refused is in the history: %v, %v", history, err)
	}
}

func once(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	cs := renamed("T:1", "body", "trunk")
	cs.ID = "given"
	cs.Time = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	first := apply(t, s, cs)
	if first.ID != "given" || !first.Time.Equal(cs.Time) {
		t.Errorf("the record is %+v", first)
	}
	again, err := s.Apply(context.Background(), cs)
	if !errors.Is(err, graph.ErrApplied) || again != first {
		t.Errorf("applied again: got %+v, %v", again, err)
	}
	undo, err := s.Undo(context.Background(), "given", graph.ChangeSet{ID: "undo", Author: "me", Title: "no"})
	if err != nil || undo.ID != "undo" || undo.Author != "me" || undo.Title != "no" {
		t.Errorf("Undo gives %+v, %v", undo, err)
	}
	if again, err := s.Undo(context.Background(), "given", graph.ChangeSet{ID: "undo"}); !errors.Is(err, graph.ErrApplied) || again != undo {
		t.Errorf("undone again: got %+v, %v", again, err)
	}
}

func conflict(t *testing.T, db Database) {
	t.Helper()
	a, b := open(t, db), open(t, db)
	replace(t, a, Snapshot())
	ours, theirs := renamed("T:1", "body", "trunk"), renamed("T:1", "body", "corpus")
	ours.Base, theirs.Base = "r1", "r1"
	apply(t, a, ours)
	_, err := b.Apply(context.Background(), theirs)
	c, ok := errors.AsType[*graph.ConflictError](err)
	if !errors.Is(err, graph.ErrConflict) || !ok || len(c.Conflicts) != 1 || c.Conflicts[0].Now == nil || c.Conflicts[0].Now.Name != "trunk" ||
		!strings.Contains(err.Error(), "T:1") {
		t.Fatalf("the second writer got %v, which does not name T:1 as it is", err)
	}
	// Another term may be changed on an old base, and after a new look this one too.
	apart := renamed("T:5", "both atria", "atria")
	apart.Changes[0].Old.Kind, apart.Changes[0].New.Kind = graph.KindGroup, graph.KindGroup
	apart.Base = "r1"
	apply(t, b, apart)
	apply(t, b, renamed("T:1", c.Conflicts[0].Now.Name, "corpus"))
	// Each alone is a tree, both are a cycle.
	up := graph.ChangeSet{Base: revision(t, a), Changes: []graph.Change{{Op: graph.AddRelation, Relation: graph.Relation{Child: "X:LONG", Parent: "T:1", Type: graph.IsA}}}}
	down := graph.ChangeSet{Base: up.Base, Changes: []graph.Change{{Op: graph.AddRelation, Relation: graph.Relation{Child: "T:1", Parent: "X:LONG", Type: graph.PartOf}}}}
	apply(t, a, up)
	_, err = b.Apply(context.Background(), down)
	if _, cycle := errors.AsType[*graph.CycleError](err); !cycle || !errors.Is(err, graph.ErrConflict) {
		t.Errorf("got %v, want a cycle that is a conflict", err)
	}
}

func revision(t *testing.T, s Store) string {
	t.Helper()
	r, err := s.Revision(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// increment counts up in the definition of a term, as often as it takes to win.
func increment(ctx context.Context, s Store) error {
	for {
		snapshot, err := s.Load(ctx)
		if err != nil {
			return err
		}
		old := snapshot.Terms[0]
		count, _ := strconv.Atoi(old.Definition)
		updated := old
		updated.Definition = strconv.Itoa(count + 1)
		_, err = s.Apply(ctx, graph.ChangeSet{
			Title: "count", Author: "suite", Base: snapshot.Revision,
			Changes: []graph.Change{{Op: graph.UpdateTerm, Old: &old, New: &updated}},
		})
		if !errors.Is(err, graph.ErrConflict) {
			return err
		}
	}
}

// counted checks the count and that the history has a record for each.
func counted(t *testing.T, s Store, want int) {
	t.Helper()
	snapshot, err := s.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	history, err := s.History(context.Background(), 0, 10*want)
	if snapshot.Terms[0].Definition != strconv.Itoa(want) || len(history) != want || err != nil {
		t.Errorf("counted to %s with %d records (%v), want %d", snapshot.Terms[0].Definition, len(history), err, want)
	}
}

func goroutines(t *testing.T, db Database) {
	t.Helper()
	handles := []Store{open(t, db), open(t, db)}
	replace(t, handles[0], chain("r1", 3))
	const writers, rounds = 4, 6
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for range rounds {
				if err := increment(context.Background(), handles[w%2]); err != nil {
					t.Errorf("increment: %v", err)
				}
			}
		})
	}
	wait.Wait()
	counted(t, handles[0], writers*rounds)
}

func undoRedo(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	ctx := context.Background()
	by := graph.ChangeSet{Author: "suite"}
	first := apply(t, s, renamed("T:1", "body", "trunk"))
	apart := graph.ChangeSet{Title: "apart", Author: "suite", Changes: []graph.Change{{Op: graph.RemoveRelation, Relation: graph.Relation{Child: "T:6", Parent: "T:3", Type: graph.LocatedIn}}}}
	apply(t, s, apart)
	undo, err := s.Undo(ctx, first.ID, by) // though something else came after it
	if err != nil {
		t.Fatal(err)
	}
	want := Snapshot()
	want.Relations = want.Relations[:len(want.Relations)-1]
	want.Revision = want.Digest().Revision()
	holds(t, s, want)
	if _, err := s.Undo(ctx, first.ID, by); !errors.Is(err, graph.ErrUndone) {
		t.Errorf("undone twice: got %v, want %v", err, graph.ErrUndone)
	}
	redo, err := s.Undo(ctx, undo.ID, by)
	if err != nil {
		t.Fatal(err)
	}
	want.Terms[0].Name = "trunk"
	want.Revision = want.Digest().Revision()
	holds(t, s, want)
	undoneBy := func() map[string]string {
		out := map[string]string{}
		history, err := s.History(ctx, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range history {
			out[r.ID] = r.UndoneBy
		}
		return out
	}
	if by := undoneBy(); by[first.ID] != "" || by[undo.ID] != redo.ID {
		t.Errorf("after do, undo, redo the history says %v", by)
	}
	last := apply(t, s, renamed("T:1", "trunk", "torso"))
	if _, err := s.Undo(ctx, first.ID, by); !errors.Is(err, graph.ErrConflict) || !strings.Contains(err.Error(), "T:1") {
		t.Errorf("undo of what was changed again: got %v, want %v", err, graph.ErrConflict)
	}
	for _, id := range []string{last.ID, first.ID} {
		if _, err := s.Undo(ctx, id, by); err != nil {
			t.Errorf("undo in turn: %v", err)
		}
	}
	if _, err := s.Undo(ctx, "nothing", by); !errors.Is(err, graph.ErrUnknownChangeSet) {
		t.Errorf("got %v, want %v", err, graph.ErrUnknownChangeSet)
	}
	if _, err := s.ChangeSet(ctx, "nothing"); !errors.Is(err, graph.ErrUnknownChangeSet) {
		t.Errorf("got %v, want %v", err, graph.ErrUnknownChangeSet)
	}
	replace(t, s, Snapshot())
	if history, err := s.History(ctx, 0, 0); err != nil || len(history) > 0 {
		t.Errorf("Replace kept the history: %v, %v", history, err)
	}
}

func pages(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, chain("r1", 2))
	for i := range 7 {
		apply(t, s, renamed("C:000001", strings.Repeat("x", i)+"r1", strings.Repeat("x", i+1)+"r1"))
	}
	var numbers []int
	for before := 0; ; {
		page, err := s.History(context.Background(), before, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			numbers = append(numbers, r.Number)
		}
		before = page[len(page)-1].Number
		if before == 1 {
			break
		}
	}
	if !slices.Equal(numbers, []int{7, 6, 5, 4, 3, 2, 1}) {
		t.Errorf("the pages hold %v", numbers)
	}
}

func hostile(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	tree := graph.Snapshot{}
	for i, name := range hostileNames() {
		if strings.TrimSpace(name) == "" {
			name = "x" + name
		}
		tree.Terms = append(tree.Terms, graph.Term{
			ID: name, Name: name, Kind: graph.KindAnatomy, Definition: name,
			Synonyms: []graph.Synonym{{Text: name, Scope: graph.ScopeExact}, {Text: name, Scope: graph.ScopeExact}}, Xrefs: []string{name},
		})
		if i > 0 {
			tree.Relations = append(tree.Relations, graph.Relation{Child: name, Parent: tree.Terms[0].ID, Type: graph.PartOf})
		}
	}
	tree.Sort()
	tree.Revision = tree.Digest().Revision()
	cs := graph.Diff(nil, &tree)
	cs.Title, cs.Author, cs.Source, cs.Tool, cs.ID = hostileNames()[0], hostileNames()[1], hostileNames()[2], hostileNames()[3], hostileNames()[4]
	record := apply(t, s, cs)
	holds(t, s, tree)
	if record.Title != cs.Title || record.Author != cs.Author || record.ID != cs.ID {
		t.Errorf("the record is %+v", record)
	}
	if _, err := s.Undo(context.Background(), cs.ID, graph.ChangeSet{}); err != nil {
		t.Errorf("Undo: %v", err)
	}
	for _, bad := range []string{"a\x00b", "\xff", "a\x1fb", "\x1e", strings.Repeat("x", 20_000), "a\xed\xa0\x80"} {
		for _, in := range []func(term *graph.Term){
			func(term *graph.Term) { term.ID = bad },
			func(term *graph.Term) { term.Name = bad },
			func(term *graph.Term) { term.Synonyms = []graph.Synonym{{Text: bad, Scope: graph.ScopeExact}} },
			func(term *graph.Term) { term.Xrefs = []string{bad} },
		} {
			term := graph.Term{ID: "T:1", Name: "n", Kind: graph.KindAnatomy}
			in(&term)
			_, err := s.Apply(context.Background(), graph.ChangeSet{Changes: []graph.Change{{Op: graph.AddTerm, New: &term}}})
			if !errors.Is(err, graph.ErrInvalidTerm) {
				t.Errorf("%.20q: got %v, want %v", bad, err, graph.ErrInvalidTerm)
			}
			if err := s.Replace(context.Background(), graph.Snapshot{Terms: []graph.Term{term}}); !errors.Is(err, graph.ErrInvalidTerm) {
				t.Errorf("%.20q: got %v, want %v", bad, err, graph.ErrInvalidTerm)
			}
		}
	}
}

// diamonds stores a ladder with 2^60 paths from bottom to top; a store that
// walks paths would not come back.
func diamonds(t *testing.T, db Database) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := open(t, db)
	ladder := graph.Snapshot{}
	for i := range 60 {
		for _, side := range "ab" {
			ladder.Terms = append(ladder.Terms, graph.Term{ID: fmt.Sprintf("D:%02d%c", i, side), Name: "rung", Kind: graph.KindAnatomy})
			for _, parent := range "ab" {
				if i > 0 {
					ladder.Relations = append(ladder.Relations, graph.Relation{
						Child: fmt.Sprintf("D:%02d%c", i, side), Parent: fmt.Sprintf("D:%02d%c", i-1, parent), Type: graph.PartOf,
					})
				}
			}
		}
	}
	cs := graph.Diff(nil, &ladder)
	if _, err := s.Apply(ctx, cs); err != nil {
		t.Fatal(err)
	}
	_, err := s.Apply(ctx, graph.ChangeSet{Changes: []graph.Change{{Op: graph.AddRelation, Relation: graph.Relation{Child: "D:00a", Parent: "D:59b", Type: graph.IsA}}}})
	if _, ok := errors.AsType[*graph.CycleError](err); !ok {
		t.Errorf("got %v, want a cycle", err)
	}
}

func exemplars(t *testing.T, db Database) {
	t.Helper()
	ctx := context.Background()
	s := open(t, db)
	replace(t, s, Snapshot())
	list := []graph.Exemplar{
		{TermID: "T:2", Dataset: "one", Modality: "ct", Scan: "a'b.nii.gz", Mask: "heart.nii.gz", Axis: 2, Slice: 41},
		{TermID: "T:2", Dataset: "one", Modality: "mri", Scan: "c.nii.gz", Mask: "heart.nii.gz", Axis: 0, Slice: 7},
		{TermID: "T:6", Dataset: "two", Modality: "mri", Scan: "d.nii.gz", Mask: "scar.nii.gz", Axis: 1},
	}
	if n, err := s.AddExemplars(ctx, list); n != 3 || err != nil {
		t.Fatalf("AddExemplars: %d, %v", n, err)
	}
	if n, err := s.AddExemplars(ctx, list[:2]); n != 0 || err != nil {
		t.Errorf("added again: %d, %v", n, err)
	}
	for i := range list {
		list[i].ID = list[i].ContentID()
	}
	slices.SortFunc(list, func(a, b graph.Exemplar) int { return strings.Compare(a.ID, b.ID) })
	find := func(q graph.ExemplarQuery, keep func(e graph.Exemplar) bool) {
		t.Helper()
		var want []graph.Exemplar
		for _, e := range list {
			if keep(e) && e.ID > q.After {
				want = append(want, e)
			}
		}
		if q.Limit > 0 {
			want = want[:min(q.Limit, len(want))]
		}
		if got, err := s.FindExemplars(ctx, q); err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v gives\n%+v, %v\nwant\n%+v", q, got, err, want)
		}
	}
	heart := func(e graph.Exemplar) bool { return e.TermID == "T:2" }
	all := func(graph.Exemplar) bool { return true }
	find(graph.ExemplarQuery{}, all)
	find(graph.ExemplarQuery{Limit: 2}, all)
	find(graph.ExemplarQuery{Limit: 2, After: list[1].ID}, all)
	find(graph.ExemplarQuery{Terms: []string{"T:2", "T:3"}}, heart)
	find(graph.ExemplarQuery{Dataset: "two"}, func(e graph.Exemplar) bool { return e.Dataset == "two" })
	find(graph.ExemplarQuery{Terms: []string{"T:2"}, Modality: "mri"}, func(e graph.Exemplar) bool { return heart(e) && e.Modality == "mri" })
	find(graph.ExemplarQuery{Terms: []string{"T:9"}}, func(graph.Exemplar) bool { return false })

	unknown := list[0]
	unknown.TermID = "T:9"
	if _, err := s.AddExemplars(ctx, []graph.Exemplar{{TermID: "T:3", Dataset: "x", Modality: "ct", Scan: "s", Mask: "m"}, unknown}); !errors.Is(err, graph.ErrUnknownTerm) {
		t.Errorf("got %v, want %v", err, graph.ErrUnknownTerm)
	}
	if _, err := s.AddExemplars(ctx, []graph.Exemplar{{TermID: "T:3", Dataset: "x", Modality: "ct", Scan: "s\x00", Mask: "m"}}); !errors.Is(err, graph.ErrInvalidExemplar) {
		t.Errorf("got %v, want %v", err, graph.ErrInvalidExemplar)
	}
	find(graph.ExemplarQuery{}, all) // nothing of the refused

	// A term that goes takes its exemplars out of sight, and brings them back.
	gone := graph.ChangeSet{Title: "no scar", Author: "suite", Changes: []graph.Change{
		{Op: graph.RemoveTerm, Old: &graph.Term{ID: "T:6", Name: "scar", Kind: graph.KindFinding, Xrefs: []string{"NCIT:C1"}}},
		{Op: graph.RemoveRelation, Relation: graph.Relation{Child: "T:6", Parent: "T:3", Type: graph.LocatedIn}},
	}}
	record := apply(t, s, gone)
	find(graph.ExemplarQuery{}, heart)
	if _, err := s.Undo(ctx, record.ID, graph.ChangeSet{}); err != nil {
		t.Fatal(err)
	}
	find(graph.ExemplarQuery{}, all)
	replace(t, s, Snapshot())
	find(graph.ExemplarQuery{}, all)

	if n, err := s.RemoveExemplars(ctx, "one"); n != 2 || err != nil {
		t.Errorf("RemoveExemplars: %d, %v", n, err)
	}
	find(graph.ExemplarQuery{}, func(e graph.Exemplar) bool { return e.Dataset == "two" })
}
