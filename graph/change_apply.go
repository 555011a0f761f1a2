package graph

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Diff returns the changes that turn one snapshot into another, made against
// from: relations that go, terms that go, change and come, relations that come,
// each sorted. A nil from stands for an empty store. The terms are shared with
// the snapshots; neither is changed.
func Diff(from, to *Snapshot) ChangeSet {
	if from == nil {
		from = &Snapshot{}
	}
	var gone, removed, updated, added, related []Change
	merge(sortedRelations(from.Relations), sortedRelations(to.Relations), compareRelations, func(a, b *Relation) {
		switch {
		case b == nil:
			gone = append(gone, Change{Op: RemoveRelation, Relation: *a})
		case a == nil:
			related = append(related, Change{Op: AddRelation, Relation: *b})
		}
	})
	merge(sortedTerms(from.Terms), sortedTerms(to.Terms), compareTerms, func(a, b *Term) {
		switch {
		case b == nil:
			removed = append(removed, Change{Op: RemoveTerm, Old: a})
		case a == nil:
			added = append(added, Change{Op: AddTerm, New: b})
		case !a.Equal(b):
			updated = append(updated, Change{Op: UpdateTerm, Old: a, New: b})
		}
	})
	return ChangeSet{Base: from.Revision, Changes: slices.Concat(gone, removed, updated, added, related)}
}

// Apply returns the snapshot after the changes; s stays as it is. Its revision
// is the name of the new content. A set that is refused changes nothing; the
// errors are those of Check and Verify.
func (cs *ChangeSet) Apply(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	if err := cs.Check(); err != nil {
		return nil, err
	}
	now := &Snapshot{Revision: s.Revision, Terms: sortedTerms(s.Terms), Relations: sortedRelations(s.Relations)}
	if err := cs.Verify(ctx, (*snapshotView)(now), now.Revision); err != nil {
		return nil, err
	}
	var terms []Term
	var relations []Relation
	drop := make(map[string]bool)
	cut := make(map[Relation]bool)
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if c.New != nil {
			terms = append(terms, *c.New)
		}
		if c.Old != nil {
			drop[c.Old.ID] = true
		}
		switch c.Op {
		case AddRelation:
			relations = append(relations, c.Relation)
		case RemoveRelation:
			cut[c.Relation] = true
		case AddTerm, RemoveTerm, UpdateTerm:
		}
	}
	after := &Snapshot{
		Terms:     make([]Term, 0, len(now.Terms)+len(terms)),
		Relations: make([]Relation, 0, len(now.Relations)+len(relations)),
	}
	for i := range now.Terms {
		if !drop[now.Terms[i].ID] {
			after.Terms = append(after.Terms, now.Terms[i])
		}
	}
	for _, r := range now.Relations {
		if !cut[r] {
			after.Relations = append(after.Relations, r)
		}
	}
	after.Terms = sortedTerms(append(after.Terms, terms...))
	after.Relations = sortedRelations(append(after.Relations, relations...))
	after.Revision = after.Digest().Revision()
	return after, nil
}

// snapshotView answers Verify from a sorted snapshot.
type snapshotView Snapshot

func (s *snapshotView) TermsByID(_ context.Context, ids []string) ([]Term, error) {
	var out []Term
	for _, id := range ids {
		if i, ok := slices.BinarySearchFunc(s.Terms, id, func(t Term, id string) int { return strings.Compare(t.ID, id) }); ok {
			out = append(out, s.Terms[i])
		}
	}
	return out, nil
}

func (s *snapshotView) RelationsUp(_ context.Context, ids []string) ([]Relation, error) {
	var out []Relation
	for _, id := range ids {
		i, _ := slices.BinarySearchFunc(s.Relations, id, func(r Relation, id string) int { return strings.Compare(r.Child, id) })
		for ; i < len(s.Relations) && s.Relations[i].Child == id; i++ {
			out = append(out, s.Relations[i])
		}
	}
	return out, nil
}

func (s *snapshotView) RelationsDown(_ context.Context, ids []string) ([]Relation, error) {
	want := make(map[string]bool, len(ids))
	for _, id := range ids {
		want[id] = true
	}
	var out []Relation
	for _, r := range s.Relations {
		if want[r.Parent] {
			out = append(out, r)
		}
	}
	return out, nil
}

func compareTerms(a, b Term) int { return strings.Compare(a.ID, b.ID) }

func compareRelations(a, b Relation) int {
	return cmp.Or(strings.Compare(a.Child, b.Child), strings.Compare(a.Parent, b.Parent), strings.Compare(string(a.Type), string(b.Type)))
}

// Sort brings terms and relations into their order, in place, and leaves each
// relation once.
func (s *Snapshot) Sort() {
	if !slices.IsSortedFunc(s.Terms, compareTerms) {
		slices.SortFunc(s.Terms, compareTerms)
	}
	if !isSortedSet(s.Relations) {
		slices.SortFunc(s.Relations, compareRelations)
		s.Relations = slices.Compact(s.Relations)
	}
}

func isSortedSet(relations []Relation) bool {
	for i := 1; i < len(relations); i++ {
		if compareRelations(relations[i-1], relations[i]) >= 0 {
			return false
		}
	}
	return true
}

// sortedTerms returns the terms by id; a copy only if they are not yet.
func sortedTerms(terms []Term) []Term {
	if slices.IsSortedFunc(terms, compareTerms) {
		return terms
	}
	terms = slices.Clone(terms)
	slices.SortFunc(terms, compareTerms)
	return terms
}

// sortedRelations returns the relations by child, parent and type, each once;
// a copy only if they are not so yet.
func sortedRelations(relations []Relation) []Relation {
	if isSortedSet(relations) {
		return relations
	}
	relations = slices.Clone(relations)
	slices.SortFunc(relations, compareRelations)
	return slices.Compact(relations)
}

// merge walks two sorted lists together and calls each with the items of equal
// key; nil where a list has none.
func merge[T any](a, b []T, compare func(T, T) int, each func(a, b *T)) {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		var order int
		switch {
		case i == len(a):
			order = 1
		case j == len(b):
			order = -1
		default:
			order = compare(a[i], b[j])
		}
		switch {
		case order < 0:
			each(&a[i], nil)
			i++
		case order > 0:
			each(nil, &b[j])
			j++
		default:
			each(&a[i], &b[j])
			i, j = i+1, j+1
		}
	}
}
