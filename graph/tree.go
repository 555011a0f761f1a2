package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
)

// Tree is an immutable index of one revision: safe for concurrent use, never
// changed after NewTree. Despite the name a term may have several parents; what
// is promised is that no term is its own ancestor.
//
// Adjacency is kept as two compressed arrays (parents and children), so a tree
// of half a million terms costs a few bytes a relation beside its texts. The
// name and word indexes are built on first use.
type Tree struct {
	revision string
	terms    []Term           // sorted by ID
	byID     map[string]int32 // ID -> position in terms
	up, down adjacency
	counts   [3]int // relations by type code

	namesOnce sync.Once
	names     *nameIndex
	textsOnce sync.Once
	texts     *textIndex
	xrefsOnce sync.Once
	xrefs     *xrefIndex
	statsOnce sync.Once
	stats     Stats
	sidesOnce sync.Once
	sides     []sides
	pool      sync.Pool // of *marks
}

// NewTree indexes terms and relations. The slices are kept, not copied, and
// must not be modified afterwards; terms is sorted by id in place if it is not
// yet. A relation given twice counts once.
//
// Errors: ErrInvalidTerm (no id or name, or an unknown kind or side),
// ErrDuplicateTerm, ErrInvalidRelation (unknown type), ErrUnknownTerm (a
// relation whose child or parent is missing), ErrTooLarge, *CycleError.
func NewTree(revision string, terms []Term, relations []Relation) (*Tree, error) {
	if len(terms) > math.MaxInt32/2 || len(relations) > math.MaxInt32/2 {
		return nil, fmt.Errorf("%w: %d terms, %d relations", ErrTooLarge, len(terms), len(relations))
	}
	byTermID := func(a, b Term) int { return strings.Compare(a.ID, b.ID) }
	if !slices.IsSortedFunc(terms, byTermID) {
		slices.SortFunc(terms, byTermID)
	}
	t := &Tree{revision: revision, terms: terms, byID: make(map[string]int32, len(terms))}
	for i := range terms {
		if err := checkTerm(&terms[i]); err != nil {
			return nil, err
		}
		if _, dup := t.byID[terms[i].ID]; dup {
			return nil, fmt.Errorf("%w: %s", ErrDuplicateTerm, terms[i].ID)
		}
		t.byID[terms[i].ID] = int32(i)
	}
	if err := t.link(relations); err != nil {
		return nil, err
	}
	if err := t.checkAcyclic(); err != nil {
		return nil, err
	}
	return t, nil
}

func checkTerm(t *Term) error {
	switch {
	case t.ID == "":
		return fmt.Errorf("%w: %q has no id", ErrInvalidTerm, t.Name)
	case strings.TrimSpace(t.Name) == "":
		return fmt.Errorf("%w: %s has no name", ErrInvalidTerm, t.ID)
	}
	switch t.Kind {
	case KindAnatomy, KindFinding, KindGroup:
	default:
		return fmt.Errorf("%w: %s has the unknown kind %q", ErrInvalidTerm, t.ID, t.Kind)
	}
	switch t.Laterality {
	case Unsided, Left, Right:
	default:
		return fmt.Errorf("%w: %s has the unknown side %q", ErrInvalidTerm, t.ID, t.Laterality)
	}
	return nil
}

// Prepare builds the indexes that Lookup, Search, Counterpart and Base build on
// first use, for a service that has time before the first question.
func (t *Tree) Prepare() {
	t.nameIndex()
	t.textIndex()
	t.sideIndex()
}

// Len returns the number of terms.
func (t *Tree) Len() int { return len(t.terms) }

// Revision returns the revision the tree was made of.
func (t *Tree) Revision() string { return t.revision }

// Term returns the term with the id.
func (t *Tree) Term(id string) (*Term, bool) {
	i, ok := t.byID[id]
	if !ok {
		return nil, false
	}
	return &t.terms[i], true
}

// Terms returns all terms sorted by id. The slice is shared: read only.
func (t *Tree) Terms() []Term { return t.terms }

// Relations returns all relations sorted by child, parent and type.
func (t *Tree) Relations() []Relation {
	types := RelationTypes()
	out := make([]Relation, 0, len(t.up.edges))
	for i := range t.terms {
		for _, e := range t.up.of(int32(i)) {
			out = append(out, Relation{t.terms[i].ID, t.terms[e.to].ID, types[e.kind]})
		}
	}
	return out
}
