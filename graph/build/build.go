// Package build makes the project's tree from a source anatomy, by a rule that
// can be run again and always gives the same tree:
//
//  1. The reviewed tables of this package are laid over the source, every row
//     with its reason: terms of the project's own (ids SATG:…) for structures and
//     findings that the source lacks, one by one or in pairs of left and right;
//     relations, synonyms and cross-references added and taken away; preferred
//     names; terms barred from a tree of human adult anatomy, and terms kept.
//  2. What a class's term is part of because its kinds are is stated outright
//     (complete), and a sided term takes its place on its side (settle).
//  3. Taken for certain: every term that a corpus class stands for, every
//     project term, the terms kept by table, and all their ancestors, unless
//     barred.
//  4. Then the terms with the strongest evidence of being human anatomy, until
//     the tree has the wanted number: see evidence; ties go to the terms
//     that a table prefers, then by id. Embryonic and taxon-specific terms are
//     barred, by name pattern and by table.
//  5. Where a term between two taken ones was left out, the lower is tied to
//     the upper; what other relations imply is dropped.
//  6. The names of corpus classes become synonyms of their terms; the side of a
//     term is what its name says.
//  7. The tree is held against its rules (check), and refused if it breaks one.
//
// The package reads no files and knows no corpus: source and classes come from
// its caller. Start from Build.
package build

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/graph/treefile"
)

// Size is the number of terms of the project's tree.
const Size = 6502

// Errors that Build wraps, beside those of graph.NewTree.
var (
	ErrSize  = errors.New("the tree cannot have the wanted size")
	ErrTable = errors.New("a reviewed table does not fit the source")
)

// Source is the anatomy that the tree is chosen from.
type Source struct {
	Terms     []graph.Term
	Relations []graph.Relation
}

// Anchor is a corpus class: a name and the term it stands for, which must be in
// the tree. Exact says that the name is another name of that very structure.
type Anchor struct {
	Name, TermID string
	Exact        bool
}

// Report counts how the terms of a tree were chosen.
type Report struct {
	Source   int // terms of the source
	Project  int // project terms
	Barred   int // source terms barred by pattern or table
	Required int // taken for certain, project terms included
	Evidence int // taken by evidence
	Lowest   int // the lowest evidence taken
}

// Build chooses exactly size terms; the revision names their content. Errors:
// ErrSize, ErrTable, ErrCheck with a list of faults, or those of graph.NewTree
// when the result is no tree.
func Build(src Source, anchors []Anchor, size int) (*graph.Snapshot, *Report, error) {
	tables, err := loadTables()
	if err != nil {
		return nil, nil, err
	}
	s, report, err := choose(src, tables, anchors, size)
	if err != nil {
		return nil, nil, err
	}
	if err := check(s, anchors, tables, size); err != nil {
		return nil, nil, err
	}
	s.Revision, err = treefile.Revision(s)
	return s, report, err
}

// choose follows the rule with the given tables.
func choose(src Source, tables *tables, anchors []Anchor, size int) (*graph.Snapshot, *Report, error) {
	d, err := lay(src, tables, anchors)
	if err != nil {
		return nil, nil, err
	}
	report := &Report{Source: len(src.Terms), Project: len(tables.terms), Barred: len(d.barred)}
	required, err := d.required(anchors, tables)
	if err != nil {
		return nil, nil, err
	}
	report.Required = len(required)
	taken, lowest, err := d.fill(required, tables.preferred, size)
	if err != nil {
		return nil, nil, err
	}
	report.Evidence, report.Lowest = size-len(required), lowest
	s := &graph.Snapshot{Relations: splice(d.relations, taken)}
	for id := range taken {
		s.Terms = append(s.Terms, d.terms[id])
	}
	slices.SortFunc(s.Terms, func(a, b graph.Term) int { return strings.Compare(a.ID, b.ID) })
	nameClasses(s.Terms, anchors)
	tree, err := s.Tree()
	if err != nil {
		return nil, nil, err
	}
	s.Relations = reduce(tree.Relations(), tables.reviewed())
	return s, report, nil
}

// draft is the source with the tables laid over it.
type draft struct {
	terms     map[string]graph.Term
	relations []graph.Relation
	parents   map[string][]string
	barred    map[string]bool
}

func lay(src Source, tables *tables, anchors []Anchor) (*draft, error) {
	d := &draft{terms: make(map[string]graph.Term, len(src.Terms)), parents: map[string][]string{}, barred: map[string]bool{}}
	for _, t := range src.Terms {
		if _, dup := d.terms[t.ID]; dup {
			return nil, fmt.Errorf("%w: %s", graph.ErrDuplicateTerm, t.ID)
		}
		t.Laterality = graph.SideOf(t.Name)
		t.Synonyms = slices.Clone(t.Synonyms)
		d.terms[t.ID] = t
		if embryonicOrForeign(t.Name) || tables.barred[t.ID] {
			d.barred[t.ID] = true
		}
	}
	for id := range tables.barred {
		if _, ok := d.terms[id]; !ok {
			return nil, fmt.Errorf("%w: barred term %s is not in the source", ErrTable, id)
		}
	}
	relations := map[graph.Relation]bool{}
	for _, r := range src.Relations {
		relations[r] = true
	}
	for _, t := range tables.terms {
		if _, dup := d.terms[t.ID]; dup {
			return nil, fmt.Errorf("%w: %s", graph.ErrDuplicateTerm, t.ID)
		}
		d.terms[t.ID] = t
	}
	for _, n := range tables.named {
		if t, ok := d.terms[n[0]]; ok && t.Name != n[1] {
			return nil, fmt.Errorf("%w: %s is called %q, not %q", ErrTable, n[0], t.Name, n[1])
		}
	}
	for _, r := range tables.added {
		relations[r] = true
	}
	for _, r := range tables.removed {
		if !relations[r] {
			return nil, fmt.Errorf("%w: %s %s %s, to be removed, is not in the source", ErrTable, r.Child, r.Type, r.Parent)
		}
		delete(relations, r)
	}
	if err := d.rename(tables); err != nil {
		return nil, err
	}
	d.complete(relations, anchors, tables.terms)
	d.settle(relations)
	for r := range relations {
		d.relations = append(d.relations, r)
		for _, end := range []string{r.Child, r.Parent} {
			if _, ok := d.terms[end]; !ok {
				return nil, fmt.Errorf("%w: %s in %s %s %s", graph.ErrUnknownTerm, end, r.Child, r.Type, r.Parent)
			}
		}
		d.parents[r.Child] = append(d.parents[r.Child], r.Parent)
	}
	return d, nil
}

// rename gives preferred names, the source's staying as exact synonyms, adds and
// takes away synonyms, and adds cross-references.
func (d *draft) rename(tables *tables) error {
	for _, n := range tables.names {
		t, ok := d.terms[n[0]]
		if !ok {
			return fmt.Errorf("%w: a name for the unknown term %s", ErrTable, n[0])
		}
		t.Synonyms = slices.DeleteFunc(t.Synonyms, func(s graph.Synonym) bool { return strings.EqualFold(s.Text, n[1]) })
		t.Synonyms = append(t.Synonyms, graph.Synonym{Text: t.Name, Scope: graph.ScopeExact})
		t.Name = n[1]
		d.terms[n[0]] = t
	}
	for _, x := range tables.xrefs {
		t, ok := d.terms[x[0]]
		if !ok {
			return fmt.Errorf("%w: a cross-reference of the unknown term %s", ErrTable, x[0])
		}
		t.Xrefs = appendOnce(slices.Clone(t.Xrefs), x[1])
		slices.Sort(t.Xrefs)
		d.terms[x[0]] = t
	}
	for id, gone := range tables.unnamed {
		t := d.terms[id]
		for _, s := range gone {
			i := slices.Index(t.Synonyms, s)
			if i < 0 {
				return fmt.Errorf("%w: %s has no %s synonym %q to remove", ErrTable, id, s.Scope, s.Text)
			}
			t.Synonyms = slices.Delete(t.Synonyms, i, i+1)
		}
		d.terms[id] = t
	}
	for id, more := range tables.synonyms {
		t, ok := d.terms[id]
		if !ok {
			return fmt.Errorf("%w: synonym of the unknown term %s", ErrTable, id)
		}
		for _, s := range more {
			if !isNamed(&t, s.Text, s.Scope) {
				t.Synonyms = append(t.Synonyms, s)
			}
		}
		d.terms[id] = t
	}
	return nil
}

// required returns the terms of step 2.
func (d *draft) required(anchors []Anchor, tables *tables) (map[string]bool, error) {
	required := map[string]bool{}
	var up func(id string)
	up = func(id string) {
		if required[id] {
			return
		}
		if !d.barred[id] {
			required[id] = true
		}
		for _, p := range d.parents[id] {
			up(p)
		}
	}
	for _, a := range anchors {
		if _, ok := d.terms[a.TermID]; !ok || d.barred[a.TermID] {
			return nil, fmt.Errorf("%w: class %q stands for %s, which is absent or barred", ErrTable, a.Name, a.TermID)
		}
		up(a.TermID)
	}
	for _, t := range tables.terms {
		up(t.ID)
	}
	for _, id := range tables.kept {
		if _, ok := d.terms[id]; !ok || d.barred[id] {
			return nil, fmt.Errorf("%w: %s, to be kept, is absent or barred", ErrTable, id)
		}
		up(id)
	}
	return required, nil
}

// fill adds the terms of step 3 to the required ones.
func (d *draft) fill(required, preferred map[string]bool, size int) (taken map[string]bool, lowest int, err error) {
	if len(required) > size {
		return nil, 0, fmt.Errorf("%w: %d terms are required, %d wanted", ErrSize, len(required), size)
	}
	type candidate struct {
		id    string
		score int
	}
	var candidates []candidate
	for id, t := range d.terms {
		if required[id] || d.barred[id] {
			continue
		}
		if score := evidence(t.Xrefs); score > 0 {
			candidates = append(candidates, candidate{id, score})
		}
	}
	want := size - len(required)
	if len(candidates) < want {
		return nil, 0, fmt.Errorf("%w: only %d terms with evidence, %d wanted", ErrSize, len(candidates), want)
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		if a.score != b.score {
			return b.score - a.score
		}
		if preferred[a.id] != preferred[b.id] {
			if preferred[a.id] {
				return -1
			}
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	taken = make(map[string]bool, size)
	for id := range required {
		taken[id] = true
	}
	for _, c := range candidates[:want] {
		taken[c.id] = true
		lowest = c.score
	}
	return taken, lowest, nil
}

// nameClasses adds the class names as synonyms; terms is sorted by id.
func nameClasses(terms []graph.Term, anchors []Anchor) {
	anchors = slices.Clone(anchors)
	slices.SortFunc(anchors, func(a, b Anchor) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range anchors {
		i, ok := slices.BinarySearchFunc(terms, a.TermID, func(t graph.Term, id string) int { return strings.Compare(t.ID, id) })
		if !ok {
			continue
		}
		scope := graph.ScopeRelated
		if a.Exact {
			scope = graph.ScopeExact
		}
		if t := &terms[i]; !isNamed(t, a.Name, scope) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: a.Name, Scope: scope})
		}
	}
}

// isNamed says whether name is the term's name or a synonym at least as near
// as scope.
func isNamed(t *graph.Term, name string, scope graph.Scope) bool {
	if strings.EqualFold(t.Name, name) {
		return true
	}
	return slices.ContainsFunc(t.Synonyms, func(s graph.Synonym) bool {
		return strings.EqualFold(s.Text, name) && (s.Scope == scope || s.Scope == graph.ScopeExact)
	})
}
