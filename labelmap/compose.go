package labelmap

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"satgraph/graph"
)

// Judged is a raw label of a dataset and the term it was settled as.
type Judged struct {
	Label  RawLabel
	TermID string
	// Predicate is the label's to the term. Only exact and close labels make
	// classes.
	Predicate Predicate
	// File holds the label alone, for datasets of one file a structure; empty for
	// a value of the usual label file.
	File string
}

// Wanted is a corpus class that recipes are proposed for.
type Wanted struct {
	Name   string
	TermID string
}

// Compose proposes how a dataset's labels make corpus classes: a class whose
// term a label has, the union of left and right, of the members of a series, of
// the parts of a whole. Where the dataset labels lesions of an organ in the same
// label map, the organ's own voxels stop at them, so the proposal takes them in
// and its definition says so; datasets differ in this, and a reviewer decides.
//
// Recipes are sorted by class. A class that the labels do not make is left out;
// one that they make in part is not complete and names what is missing.
func Compose(tree *graph.Tree, labels []Judged, classes []Wanted) []Recipe {
	p := newProposer(tree)
	sources := map[string][]Judged{} // by term
	for _, l := range labels {
		if _, ok := tree.Term(l.TermID); !ok || l.Predicate != Exact && l.Predicate != Close {
			continue
		}
		p.byTerm[l.TermID] = l.TermID
		sources[l.TermID] = append(sources[l.TermID], l)
	}
	for _, c := range classes { // "left cerebellum" is a half of "cerebellum" by its class's name
		p.alias(c.Name, c.TermID)
	}
	var out []Recipe
	for _, c := range classes {
		if _, ok := tree.Term(c.TermID); !ok {
			continue
		}
		if r, ok := p.recipe(c, sources); ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Recipe) int { return cmp.Compare(a.Class, b.Class) })
	return out
}

func (p *proposer) recipe(c Wanted, sources map[string][]Judged) (Recipe, bool) {
	r := Recipe{Class: c.Name, Complete: true}
	var parts []string
	if own := sources[c.TermID]; len(own) > 0 {
		parts = []string{c.TermID}
		r.Reason = "the dataset's own label"
	} else {
		got := p.of(c.TermID)
		if len(got.names) == 0 {
			return r, false
		}
		parts, r.Reason, r.Missing = got.names, "union: "+got.reason, got.missing
		r.Complete = len(got.missing) == 0
	}
	var include []string
	for _, lesion := range p.lesions(c.TermID) {
		if !slices.Contains(parts, lesion) && sharesMap(sources, parts, lesion) {
			include = append(include, lesion)
		}
	}
	args := []Expr{}
	for _, id := range append(slices.Clone(parts), include...) {
		for _, l := range sources[id] {
			args = append(args, sourceOf(&l))
		}
	}
	if len(include) > 0 {
		names := make([]string, len(include))
		for i, id := range include {
			t, _ := p.tree.Term(id)
			names[i] = t.Name
		}
		r.Definition = "includes " + strings.Join(names, ", ")
		r.Reason += "; the label map cuts its lesions out of it"
	}
	r.Expr = unionOf(args)
	return r, true
}

// sharesMap says whether a lesion is drawn in the same label map as the parts,
// so that it leaves a hole in them.
func sharesMap(sources map[string][]Judged, parts []string, lesion string) bool {
	for _, l := range sources[lesion] {
		for _, id := range parts {
			for _, part := range sources[id] {
				if l.File == "" && part.File == "" && len(l.Label.Values) > 0 && len(part.Label.Values) > 0 {
					return true
				}
			}
		}
	}
	return false
}

func sourceOf(l *Judged) Expr {
	s := &Source{File: l.File, Channel: -1, Label: l.Label.Key()}
	for _, v := range l.Label.Values {
		s.Values = append(s.Values, Value(float64(v)))
	}
	if len(s.Values) == 0 {
		s.Values = []Range{{Low: 0.5, High: math.Inf(1), OpenLow: true}} // a mask file
	}
	return Expr{Op: OpSource, Source: s}
}

// unionOf unites expressions; sources of one file and channel become one.
func unionOf(args []Expr) Expr {
	var out []Expr
	for _, a := range args {
		i := slices.IndexFunc(out, func(b Expr) bool {
			return a.Op == OpSource && b.Op == OpSource && a.Source.File == b.Source.File && a.Source.Channel == b.Source.Channel
		})
		if i < 0 {
			out = append(out, a)
			continue
		}
		merged := *out[i].Source
		merged.Values = slices.Clone(merged.Values)
		for _, v := range a.Source.Values {
			if !slices.Contains(merged.Values, v) {
				merged.Values = append(merged.Values, v)
			}
		}
		slices.SortFunc(merged.Values, func(x, y Range) int { return cmp.Compare(x.Low, y.Low) })
		merged.Label = ""
		out[i].Source = &merged
	}
	if len(out) == 1 {
		return out[0]
	}
	return Expr{Op: OpUnion, Args: out}
}

// Concern is something about a recipe that a reviewer should know.
type Concern struct {
	Class string
	What  string // "incomplete", "outside", "sides", "twice", "definition"
	Why   string
}

// CheckRecipe compares a recipe with anatomy: labels that lie outside the class
// by the tree, that are of both sides where the class has one, or that are taken
// both themselves and within a wider label. labels are the dataset's, by key.
func CheckRecipe(tree *graph.Tree, r *Recipe, termID string, labels map[string]Judged) []Concern {
	var out []Concern
	raise := func(what, format string, args ...any) {
		out = append(out, Concern{r.Class, what, fmt.Sprintf(format, args...)})
	}
	if !r.Complete {
		raise("incomplete", "it lacks %s", strings.Join(r.Missing, ", "))
	}
	whole, ok := tree.Term(termID)
	if !ok {
		raise("outside", "%s is not in the tree", termID)
		return out
	}
	var taken []Judged
	for _, s := range r.Expr.Sources() {
		for _, l := range labels {
			if l.File == s.File && drawsFrom(s, &l.Label) {
				taken = append(taken, l)
			}
		}
	}
	slices.SortFunc(taken, func(a, b Judged) int { return cmp.Compare(a.Label.Key(), b.Label.Key()) })
	sides := map[graph.Laterality]bool{}
	for i, l := range taken {
		t, ok := tree.Term(l.TermID)
		if !ok {
			continue
		}
		if base, sided := tree.Base(l.TermID); l.TermID != termID && !tree.IsDescendant(l.TermID, termID) && (!sided || base != termID) {
			raise("outside", "%s (%s) is no part of %s", l.Label.Key(), t.Name, whole.Name)
		}
		if t.Laterality != graph.Unsided {
			sides[t.Laterality] = true
		}
		if whole.Laterality != graph.Unsided && t.Laterality == whole.Laterality.Opposite() {
			raise("sides", "%s is %s, the class is %s", l.Label.Key(), t.Laterality, whole.Laterality)
		}
		for _, other := range taken[:i] {
			if other.TermID == l.TermID {
				raise("twice", "%s and %s are the same structure", other.Label.Key(), l.Label.Key())
			}
		}
	}
	if whole.Laterality == graph.Unsided && len(sides) == 1 {
		raise("sides", "only one side is taken")
	}
	return out
}

// drawsFrom says whether a source takes any value of a label.
func drawsFrom(s *Source, l *RawLabel) bool {
	if s.Label != "" && s.Label == l.Key() {
		return true
	}
	return slices.ContainsFunc(l.Values, func(v int64) bool {
		return slices.ContainsFunc(s.Values, func(r Range) bool { return r.Holds(float64(v)) })
	})
}

// CompareDefinitions finds classes that datasets mean differently: with and
// without lesions, or with other missing parts. recipes are by dataset.
func CompareDefinitions(recipes map[string][]Recipe) []Concern {
	type meant struct{ definition, dataset string }
	byClass := map[string][]meant{}
	for dataset, list := range recipes {
		for _, r := range list {
			d := r.Definition
			if len(r.Missing) > 0 {
				d = strings.TrimPrefix(d+"; without "+strings.Join(r.Missing, ", "), "; ")
			}
			byClass[r.Class] = append(byClass[r.Class], meant{d, dataset})
		}
	}
	var out []Concern
	for class, list := range byClass {
		by := map[string][]string{}
		for _, m := range list {
			by[m.definition] = append(by[m.definition], m.dataset)
		}
		if len(by) < 2 {
			continue
		}
		var lines []string
		for d, sets := range by {
			slices.Sort(sets)
			lines = append(lines, fmt.Sprintf("%s: %s", strings.Join(sets, ", "), cmp.Or(d, "as it is")))
		}
		slices.Sort(lines)
		out = append(out, Concern{class, "definition", strings.Join(lines, "; ")})
	}
	slices.SortFunc(out, func(a, b Concern) int { return cmp.Compare(a.Class, b.Class) })
	return out
}
