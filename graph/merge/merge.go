// Package merge lays an anatomy from elsewhere beside a tree: what both hold
// becomes one term, what only the newcomer holds is added. Start from Beside.
//
// A newcomer is taken for a term of the tree by, in this order: its id; a
// cross-reference of one to the other; a cross-reference that both have and
// nobody else; its name. Evidence that contradicts side or kind, or points to
// several terms, never decides alone: it is reported as a Conflict, and the
// newcomer stays a term of its own. Nothing that the tree says is taken away.
package merge

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// By says by what a newcomer was known.
type By string

// The ways, best first.
const (
	ByID         By = "id"
	ByXref       By = "xref"        // one names the other's id
	BySharedXref By = "shared xref" // both name the same id of a third vocabulary
	ByName       By = "name"
)

// Conflict is a newcomer that some evidence ties to terms of the tree without
// being one of them.
type Conflict struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Terms  []string `json:"terms"` // of the tree
	By     By       `json:"by"`
	Reason string   `json:"reason"`
}

// Report counts what was done.
type Report struct {
	Same      map[By]int       `json:"same"` // newcomers that are terms of the tree
	New       int              `json:"new"`
	Conflicts []Conflict       `json:"conflicts,omitempty"`
	Implied   int              `json:"implied"`          // relations between terms of the tree that it implies already
	Collapsed int              `json:"collapsed"`        // relations between newcomers that are one term
	Otherwise int              `json:"otherwiseDefined"` // definitions that differ; the tree's was kept
	Cyclic    []graph.Relation `json:"cyclic,omitempty"` // left out, as asked
}

// RelationError says which of the relations given is at fault.
type RelationError struct {
	Index int
	Err   error
}

// Error is that of the cause.
func (e *RelationError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RelationError) Unwrap() error { return e.Err }

// Beside returns the tree's snapshot with the newcomers merged in; the tree
// stays as it is. Their ids must be unique and their relations lead to one
// another. A relation that would close a cycle is a *RelationError around a
// *graph.CycleError, or left out and reported if leaveOutCyclic.
func Beside(tree *graph.Tree, terms []graph.Term, relations []graph.Relation, leaveOutCyclic bool) (*graph.Snapshot, *Report, error) {
	m := &merger{tree: tree, report: &Report{Same: map[By]int{}}, same: make(map[string]string, len(terms)), taken: map[string]string{}}
	m.index(terms)
	m.match(terms)
	s := &graph.Snapshot{Terms: slices.Clone(tree.Terms()), Relations: tree.Relations()}
	m.addTerms(s, terms)
	if err := m.addRelations(s, relations, leaveOutCyclic); err != nil {
		return nil, nil, err
	}
	s.Sort()
	return s, m.report, nil
}

type merger struct {
	tree   *graph.Tree
	report *Report
	same   map[string]string // term of the tree by newcomer
	taken  map[string]string // the other way

	byXref map[string][]string // terms of the tree by cross-reference
	shared map[string]int      // newcomers by cross-reference
	byName map[string][]string // terms of the tree by name in lower case
}

func (m *merger) index(newcomers []graph.Term) {
	terms := m.tree.Terms()
	m.byXref = make(map[string][]string, len(terms))
	m.byName = make(map[string][]string, len(terms))
	for i := range terms {
		t := &terms[i]
		for _, x := range t.Xrefs {
			m.byXref[x] = append(m.byXref[x], t.ID)
		}
		name := strings.ToLower(t.Name)
		m.byName[name] = append(m.byName[name], t.ID)
	}
	m.shared = map[string]int{}
	for i := range newcomers {
		for _, x := range newcomers[i].Xrefs {
			m.shared[x]++
		}
	}
}

// match settles the newcomers, all by the best evidence before any by the next.
func (m *merger) match(newcomers []graph.Term) {
	evidence := []struct {
		by    By
		terms func(t *graph.Term) []string
	}{
		{ByID, m.sameID}, {ByXref, m.crossReferenced}, {BySharedXref, m.sharing}, {ByName, m.named},
	}
	blocked := map[string]bool{} // newcomers whose evidence is at odds
	for _, e := range evidence {
		for i := range newcomers {
			t := &newcomers[i]
			if m.same[t.ID] != "" || blocked[t.ID] {
				continue
			}
			found := e.terms(t)
			if len(found) == 0 {
				continue
			}
			id, reason := m.choose(t, found, e.by)
			if reason == "" {
				m.same[t.ID], m.taken[id] = id, t.ID
				m.report.Same[e.by]++
				continue
			}
			m.report.Conflicts = append(m.report.Conflicts, Conflict{t.ID, t.Name, found, e.by, reason})
			blocked[t.ID] = len(found) > 1
		}
	}
}

func (m *merger) sameID(t *graph.Term) []string {
	if _, ok := m.tree.Term(t.ID); ok {
		return []string{t.ID}
	}
	return nil
}

func (m *merger) crossReferenced(t *graph.Term) []string {
	found := slices.Clone(m.byXref[t.ID])
	for _, x := range t.Xrefs {
		if _, ok := m.tree.Term(x); ok {
			found = append(found, x)
		}
	}
	return sorted(found)
}

// sharing heeds only cross-references that are of one term on either side:
// many point to something wider, such as a species.
func (m *merger) sharing(t *graph.Term) []string {
	var found []string
	for _, x := range t.Xrefs {
		if terms := m.byXref[x]; len(terms) == 1 && m.shared[x] == 1 {
			found = append(found, terms[0])
		}
	}
	return sorted(found)
}

func (m *merger) named(t *graph.Term) []string {
	return sorted(slices.Clone(m.byName[strings.ToLower(t.Name)]))
}

// choose picks the one term that the newcomer is, or says why none is.
func (m *merger) choose(t *graph.Term, found []string, by By) (id, reason string) {
	var fit []string
	for _, id := range found {
		other, _ := m.tree.Term(id)
		switch {
		case m.taken[id] != "":
			reason = fmt.Sprintf("%s is %s already", id, m.taken[id])
		case by == ByID:
			fit = append(fit, id)
		case other.Laterality != t.Laterality:
			reason = fmt.Sprintf("%s (%s) is of another side", id, other.Name)
		case other.Kind != t.Kind:
			reason = fmt.Sprintf("%s (%s) is of kind %s, not %s", id, other.Name, other.Kind, t.Kind)
		default:
			fit = append(fit, id)
		}
	}
	if len(fit) > 1 {
		named := slices.DeleteFunc(slices.Clone(fit), func(id string) bool {
			other, _ := m.tree.Term(id)
			return !strings.EqualFold(other.Name, t.Name)
		})
		if len(named) != 1 {
			return "", "it may be any of several terms"
		}
		fit = named
	}
	if len(fit) == 1 {
		return fit[0], ""
	}
	return "", reason
}

// addTerms adds the new terms, and to the known ones what they gain.
func (m *merger) addTerms(s *graph.Snapshot, newcomers []graph.Term) {
	at := make(map[string]int, len(s.Terms))
	for i := range s.Terms {
		at[s.Terms[i].ID] = i
	}
	for i := range newcomers {
		t := &newcomers[i]
		id, known := m.same[t.ID]
		if !known {
			m.report.New++
			s.Terms = append(s.Terms, *t)
			continue
		}
		m.enrich(&s.Terms[at[id]], t)
	}
}

func (m *merger) enrich(t, newcomer *graph.Term) {
	names := map[string]bool{strings.ToLower(t.Name): true}
	for _, s := range t.Synonyms {
		names[strings.ToLower(s.Text)] = true
	}
	t.Synonyms = slices.Clip(t.Synonyms) // shared with the tree
	for _, s := range append([]graph.Synonym{{Text: newcomer.Name, Scope: graph.ScopeExact}}, newcomer.Synonyms...) {
		if key := strings.ToLower(s.Text); !names[key] {
			names[key] = true
			t.Synonyms = append(t.Synonyms, s)
		}
	}
	xrefs := map[string]bool{t.ID: true}
	for _, x := range t.Xrefs {
		xrefs[x] = true
	}
	t.Xrefs = slices.Clip(t.Xrefs)
	for _, x := range append([]string{newcomer.ID}, newcomer.Xrefs...) {
		if !xrefs[x] {
			xrefs[x] = true
			t.Xrefs = append(t.Xrefs, x)
		}
	}
	switch {
	case t.Definition == "":
		t.Definition = newcomer.Definition
	case newcomer.Definition != "" && newcomer.Definition != t.Definition:
		m.report.Otherwise++
	}
}

// addRelations adds what the tree does not imply.
func (m *merger) addRelations(s *graph.Snapshot, relations []graph.Relation, leaveOutCyclic bool) error {
	w := newWalker(s)
	stands := make(map[graph.Relation]bool, len(s.Relations))
	for _, r := range s.Relations {
		stands[r] = true
	}
	for i, r := range relations {
		child, childKnown := m.same[r.Child]
		parent, parentKnown := m.same[r.Parent]
		if childKnown {
			r.Child = child
		}
		if parentKnown {
			r.Parent = parent
		}
		switch {
		case r.Child == r.Parent:
			m.report.Collapsed++
			continue
		case stands[r]:
			continue
		case childKnown && parentKnown && w.implies(r):
			m.report.Implied++
			continue
		}
		if path := w.path(r.Parent, r.Child); path != nil {
			if !leaveOutCyclic {
				return &RelationError{i, &graph.CycleError{Path: append([]string{r.Child}, path...)}}
			}
			m.report.Cyclic = append(m.report.Cyclic, r)
			continue
		}
		stands[r] = true
		w.add(r)
		s.Relations = append(s.Relations, r)
	}
	return nil
}

func sorted(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
