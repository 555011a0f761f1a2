package graph

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
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
	wordsOnce sync.Once
	words     *wordIndex
	statsOnce sync.Once
	stats     Stats
}

// adjacency is a compressed sparse row matrix: the edges of term i are
// edges[start[i]:start[i+1]], sorted by target, then type.
type adjacency struct {
	start []int32
	edges []edge
}

type edge struct {
	to   int32
	kind uint8 // RelationType.code
}

func (a *adjacency) of(i int32) []edge { return a.edges[a.start[i]:a.start[i+1]] }

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

// link fills both adjacencies.
func (t *Tree) link(relations []Relation) error {
	type link struct {
		child, parent int32
		kind          uint8
	}
	links := make([]link, 0, len(relations))
	for _, r := range relations {
		code := r.Type.code()
		if code < 0 {
			return fmt.Errorf("%w: %s %s %s: unknown type", ErrInvalidRelation, r.Child, r.Type, r.Parent)
		}
		child, ok := t.byID[r.Child]
		if !ok {
			return fmt.Errorf("%w: %s in %s %s %s", ErrUnknownTerm, r.Child, r.Child, r.Type, r.Parent)
		}
		parent, ok := t.byID[r.Parent]
		if !ok {
			return fmt.Errorf("%w: %s in %s %s %s", ErrUnknownTerm, r.Parent, r.Child, r.Type, r.Parent)
		}
		links = append(links, link{child, parent, uint8(code)}) //nolint:gosec // 0, 1 or 2
	}
	slices.SortFunc(links, func(a, b link) int {
		if a.child != b.child {
			return int(a.child) - int(b.child)
		}
		if a.parent != b.parent {
			return int(a.parent) - int(b.parent)
		}
		return int(a.kind) - int(b.kind)
	})
	links = slices.Compact(links)
	n := len(t.terms)
	t.up = adjacency{start: make([]int32, n+1), edges: make([]edge, len(links))}
	t.down = adjacency{start: make([]int32, n+1), edges: make([]edge, len(links))}
	for _, l := range links {
		t.counts[l.kind]++
		t.up.start[l.child+1]++
		t.down.start[l.parent+1]++
	}
	for i := range n {
		t.up.start[i+1] += t.up.start[i]
		t.down.start[i+1] += t.down.start[i]
	}
	next := slices.Clone(t.down.start)
	for i, l := range links {
		t.up.edges[i] = edge{l.parent, l.kind}
		t.down.edges[next[l.parent]] = edge{l.child, l.kind} // children arrive in order
		next[l.parent]++
	}
	return nil
}

// checkAcyclic walks the relations of all types together, without recursion.
func (t *Tree) checkAcyclic() error {
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(t.terms))
	next := make([]int32, len(t.terms)) // next edge to follow
	var stack []int32
	for i := range t.terms {
		if state[i] != fresh {
			continue
		}
		stack = append(stack[:0], int32(i))
		state[i] = open
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			edges := t.up.of(at)
			if int(next[at]) == len(edges) {
				state[at] = done
				stack = stack[:len(stack)-1]
				continue
			}
			to := edges[next[at]].to
			next[at]++
			switch state[to] {
			case fresh:
				state[to] = open
				stack = append(stack, to)
			case open:
				from := slices.Index(stack, to)
				path := t.ids(stack[from:])
				return &CycleError{Path: append(path, t.terms[to].ID)}
			}
		}
	}
	return nil
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

// Children returns the ids of the direct children, sorted by id; nil for an
// unknown id. With no types, every relation type is followed.
func (t *Tree) Children(id string, types ...RelationType) []string {
	return t.near(&t.down, id, types)
}

// Parents returns the ids of the direct parents, sorted by id.
func (t *Tree) Parents(id string, types ...RelationType) []string {
	return t.near(&t.up, id, types)
}

// Descendants returns the ids of everything below the term, without the term
// itself, sorted by id. Paths may mix the given types: the wall of a ventricle
// that is_a part of the heart is a descendant of the heart.
func (t *Tree) Descendants(id string, types ...RelationType) []string {
	return t.far(&t.down, id, types)
}

// Ancestors returns the ids of everything above the term, without the term
// itself, sorted by id.
func (t *Tree) Ancestors(id string, types ...RelationType) []string {
	return t.far(&t.up, id, types)
}

// IsDescendant says whether id lies below ancestor by the given types. A term
// is not its own descendant.
func (t *Tree) IsDescendant(id, ancestor string, types ...RelationType) bool {
	from, ok := t.byID[id]
	if !ok {
		return false
	}
	to, ok := t.byID[ancestor]
	if !ok || from == to {
		return false
	}
	return t.walk(&t.up, from, mask(types))[to]
}

// mask is the set of relation types as bits; no types means all. Unknown types
// match nothing.
func mask(types []RelationType) uint8 {
	if len(types) == 0 {
		return math.MaxUint8
	}
	var m uint8
	for _, r := range types {
		if c := r.code(); c >= 0 {
			m |= 1 << c
		}
	}
	return m
}

func (t *Tree) near(a *adjacency, id string, types []RelationType) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	want := mask(types)
	var out []string
	last := int32(-1)
	for _, e := range a.of(i) {
		if want&(1<<e.kind) != 0 && e.to != last {
			out = append(out, t.terms[e.to].ID)
			last = e.to
		}
	}
	return out
}

func (t *Tree) far(a *adjacency, id string, types []RelationType) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	seen := t.walk(a, i, mask(types))
	found := make([]int32, 0, len(seen))
	for j := range seen {
		found = append(found, j)
	}
	slices.Sort(found)
	return t.ids(found)
}

// walk returns everything reachable from i, without i.
func (t *Tree) walk(a *adjacency, i int32, want uint8) map[int32]bool {
	seen := map[int32]bool{}
	stack := []int32{i}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, e := range a.of(at) {
			if want&(1<<e.kind) != 0 && !seen[e.to] {
				seen[e.to] = true
				stack = append(stack, e.to)
			}
		}
	}
	return seen
}

func (t *Tree) ids(at []int32) []string {
	out := make([]string, len(at))
	for k, i := range at {
		out[k] = t.terms[i].ID
	}
	return out
}

// Stats counts what the tree holds. Depth is the number of relations on the
// longest way up from a term to a root; a root has no parent of any type.
type Stats struct {
	Terms     int                  `json:"terms"`
	Relations map[RelationType]int `json:"relations"`
	Roots     int                  `json:"roots"`
	MaxDepth  int                  `json:"maxDepth"`
}

// Stats returns the counts of the tree.
func (t *Tree) Stats() Stats {
	t.statsOnce.Do(func() {
		s := Stats{Terms: len(t.terms), Relations: map[RelationType]int{}}
		for i, r := range RelationTypes() {
			s.Relations[r] = t.counts[i]
		}
		s.Roots, s.MaxDepth = t.depths()
		t.stats = s
	})
	s := t.stats
	s.Relations = maps.Clone(t.stats.Relations)
	return s
}

// Roots returns the ids of the terms without parents, sorted.
func (t *Tree) Roots() []string {
	var out []string
	for i := range t.terms {
		if t.up.start[i] == t.up.start[i+1] {
			out = append(out, t.terms[i].ID)
		}
	}
	return out
}

// depths finds the longest path by taking terms once all parents are done.
func (t *Tree) depths() (roots, maxDepth int) {
	waiting := make([]int32, len(t.terms))
	depth := make([]int, len(t.terms))
	var ready []int32
	for i := range t.terms {
		waiting[i] = t.up.start[i+1] - t.up.start[i]
		if waiting[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	roots = len(ready)
	for len(ready) > 0 {
		at := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		maxDepth = max(maxDepth, depth[at])
		for _, e := range t.down.of(at) {
			depth[e.to] = max(depth[e.to], depth[at]+1)
			if waiting[e.to]--; waiting[e.to] == 0 {
				ready = append(ready, e.to)
			}
		}
	}
	return roots, maxDepth
}

// SortByName orders ids by the names of their terms, then by id; unknown ids
// go last. It sorts in place and returns its argument.
func (t *Tree) SortByName(ids []string) []string {
	name := func(id string) (string, bool) {
		term, ok := t.Term(id)
		if !ok {
			return "", false
		}
		return strings.ToLower(term.Name), true
	}
	sort.SliceStable(ids, func(i, j int) bool {
		a, aok := name(ids[i])
		b, bok := name(ids[j])
		switch {
		case aok != bok:
			return aok
		case a != b:
			return a < b
		default:
			return ids[i] < ids[j]
		}
	})
	return ids
}
