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

// JudgedOf are a dataset's labels that recipes can be made of: settled as one
// term, with a voxel value or a mask file of their own. unusable names the
// settled ones that have neither.
func JudgedOf(states []State) (judged []Judged, unusable []string) {
	for i := range states {
		st := &states[i]
		if v := st.Verdict; st.Label == nil || v == nil || v.Outcome != Mapped || len(v.Targets) != 1 {
			continue
		}
		j := Judged{Label: *st.Label, TermID: st.Verdict.Targets[0].TermID, Predicate: st.Verdict.Targets[0].Predicate}
		if len(j.Label.Values) == 0 {
			if j.Label.File == "" || j.Label.Line > 0 { // a line of a list names no voxels
				unusable = append(unusable, st.Subject.Key)
				continue
			}
			j.File = j.Label.File
		}
		judged = append(judged, j)
	}
	return judged, unusable
}

// midplaneRisk is what can go wrong where a side is told by the scan's middle.
const midplaneRisk = "the scan's middle plane stands in for the body's: where the body lies askew, the scan is cropped to one side, or the structure crosses the middle, voxels get the wrong side"

// GuessSides proposes the left and right classes of structures that a dataset
// labels without a side, by the scan's middle plane. They are guesses: each
// states its risk, and Compose never makes them.
func GuessSides(tree *graph.Tree, labels []Judged, classes []Wanted) []Recipe {
	byTerm := map[string][]Judged{}
	for _, l := range labels {
		if l.Predicate == Exact || l.Predicate == Close {
			byTerm[l.TermID] = append(byTerm[l.TermID], l)
		}
	}
	var out []Recipe
	for _, c := range classes {
		t, ok := tree.Term(c.TermID)
		if !ok || t.Laterality == graph.Unsided || len(byTerm[c.TermID]) > 0 {
			continue
		}
		base, ok := tree.Base(c.TermID)
		if !ok || len(byTerm[base]) == 0 {
			continue
		}
		if other, ok := tree.Counterpart(c.TermID); ok && len(byTerm[other]) > 0 {
			continue // the unsided label is then of something else
		}
		var args []Expr
		for _, l := range byTerm[base] {
			args = append(args, sourceOf(&l))
		}
		whole, _ := tree.Term(base)
		out = append(out, Recipe{
			Class: c.Name, Complete: true, Risk: midplaneRisk, Reason: "the dataset labels the " + whole.Name + " without a side",
			Expr: Expr{Op: OpMidplane, Side: string(t.Laterality), Args: []Expr{unionOf(args)}},
		})
	}
	slices.SortFunc(out, func(a, b Recipe) int { return cmp.Compare(a.Class, b.Class) })
	return out
}

// ProposeRecipes is Compose, with GuessSides where sides may be guessed, by class.
func ProposeRecipes(tree *graph.Tree, labels []Judged, classes []Wanted, guesses bool) []Recipe {
	out := Compose(tree, labels, classes)
	if guesses {
		out = append(out, GuessSides(tree, labels, classes)...)
	}
	slices.SortStableFunc(out, func(a, b Recipe) int { return strings.Compare(a.Class, b.Class) })
	return out
}

// SureRecipes are the proposals that nothing speaks against: they are complete,
// check says nothing of them, and nobody has decided on their class, or rejected
// them. states are those of recipes, by class.
func SureRecipes(proposals []Recipe, states map[string]*State, check func(*Recipe) []Concern) []Recipe {
	var out []Recipe
	for i := range proposals {
		r := &proposals[i]
		if st := states[r.Class]; st != nil && (st.Status != Open || st.Rejects(r)) || !r.Complete || len(check(r)) > 0 {
			continue
		}
		out = append(out, *r)
	}
	return out
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
		out = append(out, Concern{class, Definition, strings.Join(lines, "; ")})
	}
	slices.SortFunc(out, func(a, b Concern) int { return cmp.Compare(a.Class, b.Class) })
	return out
}
