package graph

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Current is the tree that a change set is to be applied to, as far as Verify
// asks. An engine answers from within the transaction that then writes.
type Current interface {
	// TermsByID returns those of the ids that exist, in any order.
	TermsByID(ctx context.Context, ids []string) ([]Term, error)
	// RelationsUp returns the relations whose child is one of ids.
	RelationsUp(ctx context.Context, ids []string) ([]Relation, error)
	// RelationsDown returns the relations whose parent is one of ids.
	RelationsDown(ctx context.Context, ids []string) ([]Relation, error)
}

// Verify says whether a set that passed Check fits the current tree, of the
// given revision. It is the one rule that every store keeps:
//
//   - A term that is added is not there; one that is removed or updated is
//     there and equals Old. A relation that is added is not there; one that is
//     removed is. All that do not fit come in one *ConflictError.
//   - Afterwards both ends of each relation are terms (else ErrUnknownTerm) and
//     no term is its own ancestor (else *CycleError). Where the tree moved on
//     since Base, these wrap ErrConflict too, for another writer may be the
//     reason.
//
// What it asks grows with the set and the ancestors of added relations, never
// with the number of paths between them. Other errors are those of current.
func (cs *ChangeSet) Verify(ctx context.Context, current Current, revision string) error {
	v := verifier{cs: cs, current: current}
	if err := v.load(ctx); err != nil {
		return err
	}
	if conflicts := v.conflicts(); len(conflicts) > 0 {
		return &ConflictError{conflicts}
	}
	err := v.dangling()
	if err == nil {
		err = v.acyclic(ctx)
	}
	if err != nil && cs.Base != "" && cs.Base != revision && ctx.Err() == nil {
		return fmt.Errorf("%w: the tree changed since revision %s: %w", ErrConflict, cs.Base, err)
	}
	return err
}

type verifier struct {
	cs      *ChangeSet
	current Current
	terms   map[string]*Term // of the ids that matter
	// relations that may be changed, or hang on removed terms
	relations    map[Relation]bool
	removedTerms map[string]bool
	added        map[Relation]bool
	removed      map[Relation]bool
}

// load asks for everything that the set touches.
func (v *verifier) load(ctx context.Context) error {
	ids, children := map[string]bool{}, map[string]bool{}
	v.removedTerms, v.added, v.removed = map[string]bool{}, map[Relation]bool{}, map[Relation]bool{}
	for i := range v.cs.Changes {
		c := &v.cs.Changes[i]
		switch c.Op {
		case AddTerm, UpdateTerm:
			ids[c.New.ID] = true
		case RemoveTerm:
			ids[c.Old.ID] = true
			children[c.Old.ID] = true
			v.removedTerms[c.Old.ID] = true
		case AddRelation:
			ids[c.Relation.Child], ids[c.Relation.Parent] = true, true
			children[c.Relation.Child] = true
			v.added[c.Relation] = true
		case RemoveRelation:
			children[c.Relation.Child] = true
			v.removed[c.Relation] = true
		}
	}
	terms, err := v.current.TermsByID(ctx, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	v.terms = make(map[string]*Term, len(terms))
	for i := range terms {
		v.terms[terms[i].ID] = &terms[i]
	}
	up, err := v.current.RelationsUp(ctx, slices.Sorted(maps.Keys(children)))
	if err != nil {
		return err
	}
	down, err := v.current.RelationsDown(ctx, slices.Sorted(maps.Keys(v.removedTerms)))
	if err != nil {
		return err
	}
	v.relations = make(map[Relation]bool, len(up)+len(down))
	for _, r := range up {
		v.relations[r] = true
	}
	for _, r := range down {
		v.relations[r] = true
	}
	return nil
}

func (v *verifier) conflicts() []Conflict {
	var out []Conflict
	for i := range v.cs.Changes {
		c := &v.cs.Changes[i]
		now := v.terms[c.TermID()]
		reason := ""
		switch c.Op {
		case AddTerm:
			if now != nil {
				reason = "a term of this id is there already"
			}
		case RemoveTerm, UpdateTerm:
			if now == nil {
				reason = "there is no such term"
			} else if !now.Equal(c.Old) {
				reason = "its " + differs(now, c.Old) + " is another than the change set was made for"
			}
		case AddRelation:
			if v.relations[c.Relation] {
				reason = "it is there already"
			}
		case RemoveRelation:
			if !v.relations[c.Relation] {
				reason = "there is no such relation"
			}
		}
		if reason != "" {
			out = append(out, Conflict{Change: *c, Now: now, Reason: reason})
		}
	}
	return out
}

// differs names the first field in which two terms of one id differ.
func differs(a, b *Term) string {
	switch {
	case a.Name != b.Name:
		return "name"
	case a.Kind != b.Kind:
		return "kind"
	case a.Laterality != b.Laterality:
		return "side"
	case a.Definition != b.Definition:
		return "definition"
	case !slices.Equal(a.Synonyms, b.Synonyms):
		return "list of synonyms"
	default:
		return "list of cross-references"
	}
}

// dangling looks for relations without an end.
func (v *verifier) dangling() error {
	after := make(map[string]bool, len(v.terms))
	for id := range v.terms {
		after[id] = !v.removedTerms[id]
	}
	for i := range v.cs.Changes {
		if c := &v.cs.Changes[i]; c.Op == AddTerm {
			after[c.New.ID] = true
		}
	}
	for i := range v.cs.Changes {
		c := &v.cs.Changes[i]
		if c.Op != AddRelation {
			continue
		}
		for _, end := range []string{c.Relation.Child, c.Relation.Parent} {
			if !after[end] {
				return fmt.Errorf("%w: %s in %s", ErrUnknownTerm, end, c)
			}
		}
	}
	for r := range v.relations {
		if v.removed[r] {
			continue
		}
		for _, end := range []string{r.Child, r.Parent} {
			if v.removedTerms[end] {
				return fmt.Errorf("%w: %s is removed, and %s %s %s stays", ErrUnknownTerm, end, r.Child, r.Type, r.Parent)
			}
		}
	}
	return nil
}

// acyclic looks for a cycle, which can only go through an added relation: it
// lies in what is reached upwards from the added ones, so that is gathered,
// generation by generation, each term once.
func (v *verifier) acyclic(ctx context.Context) error {
	addedUp := map[string][]Relation{}
	seen := map[string]bool{}
	var frontier []string
	reach := func(id string) {
		if !seen[id] {
			seen[id] = true
			frontier = append(frontier, id)
		}
	}
	var relations []Relation
	for r := range v.added {
		addedUp[r.Child] = append(addedUp[r.Child], r)
		reach(r.Child)
	}
	for len(frontier) > 0 {
		slices.Sort(frontier)
		up, err := v.current.RelationsUp(ctx, frontier)
		if err != nil {
			return err
		}
		for _, id := range frontier {
			up = append(up, addedUp[id]...)
		}
		frontier = frontier[:0:0]
		for _, r := range up {
			if !v.removed[r] {
				relations = append(relations, r)
				reach(r.Parent)
			}
		}
	}
	terms := make([]Term, 0, len(seen))
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		terms = append(terms, Term{ID: id, Name: id, Kind: KindAnatomy})
	}
	_, err := NewTree("", terms, relations)
	return err
}
