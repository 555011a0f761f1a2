package inference

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// cover answers, for one query, by which classes a term is covered. What it
// finds is kept, since a query asks for many terms that share parts.
type cover struct {
	r    *Resolver
	memo map[coverKey]*covered
}

type coverKey struct {
	id string
	m  Modality
}

// covered is how one term is covered in one modality.
type covered struct {
	own      bool     // by a class of its own
	partly   bool     // by a class that is narrower than the term
	classes  []string // names, in order; empty when not covered at all
	subtract []string // classes to take out of them
	missing  []string // names of what is left out
	note     string   // of a class that is only close
	only     []string // classes of its only covered part, which do not cover it
	blocked  string   // why it can't be had although classes cover it
	have     int      // parts covered, wholly or partly
	of       int      // parts looked at
}

func (r *Resolver) newCover() *cover {
	return &cover{r: r, memo: map[coverKey]*covered{}}
}

// plan decides the status of one target. m may be empty: then a term is as good
// as its best modality.
func (c *cover) plan(ask target, m Modality) TermPlan {
	if ask.fixed != nil {
		t := *ask.fixed
		return t
	}
	t := c.r.blank(ask.id)
	t.ask = ask
	asked := modalities
	if m != "" {
		asked = []Modality{m}
	}
	own, composed, blocked := c.split(ask, asked)
	switch {
	case len(own) > 0:
		t.Status = Segmentable
		t.Classes = union(own)
		if m == "" && len(own) < len(modalities) {
			t.Reason = "in " + sayModalities(keysOf(own))
		}
		for _, x := range keysOf(own) {
			if own[x].note != "" {
				t.Reason = join(t.Reason, own[x].note)
				break
			}
		}
	case len(composed) > 0:
		t.Status = Composable
		t.Classes = union(composed)
		t.Missing = shared(composed)
		for _, x := range keysOf(composed) {
			t.Subtract = appendNew(t.Subtract, composed[x].subtract...)
		}
		t.Reason = sayComposed(composed, t.Subtract, m == "")
		for _, x := range keysOf(composed) {
			if v := composed[x]; v.partly {
				t.Reason = v.note
			} else if v.note != "" && !strings.Contains(t.Reason, v.note) {
				t.Reason = join(t.Reason, v.note)
			}
		}
	case blocked != "":
		t.Status, t.Reason = NotSegmentable, blocked
	default:
		t.Status, t.Reason = NotSegmentable, c.why(ask.id, m)
	}
	if len(ask.minus) > 0 {
		t.Name += " without " + c.r.name(ask.minus[0])
		for _, e := range ask.minus[1:] {
			t.Name += ", " + c.r.name(e)
		}
	}
	t.Reason = join(ask.note, t.Reason)
	return t
}

// split evaluates a target per modality.
func (c *cover) split(ask target, asked []Modality) (own, composed map[Modality]*covered, blocked string) {
	own, composed = map[Modality]*covered{}, map[Modality]*covered{}
	for _, m := range asked {
		switch v := c.ask(ask, m); {
		case v.blocked != "":
			blocked = v.blocked
		case v.own:
			own[m] = v
		case len(v.classes) > 0:
			composed[m] = v
		}
	}
	return own, composed, blocked
}

// ask covers a target: by the class that was named, if that is how it was asked
// for; and less what is to be left out.
func (c *cover) ask(t target, m Modality) *covered {
	v := c.of(t.id, m)
	if t.class != "" {
		for _, class := range c.r.byName[t.class] {
			if class.Modality == m {
				v = byClass(class)
			}
		}
	}
	for _, e := range t.minus {
		if len(v.classes) > 0 && v.blocked == "" {
			v = c.minus(v, e, m)
		}
	}
	return v
}

// byClass covers a term by one class of its own.
func byClass(class Class) *covered {
	v := &covered{classes: []string{class.Name}}
	switch class.fit() {
	case exact:
		v.own = true
	case near:
		v.own, v.note = true, nearly(class, "is drawn nearly so")
	default:
		v.partly, v.note = true, nearly(class, "covers only a part of it")
	}
	return v
}

// minus takes a term out of what covers another: its classes leave the union
// where they are in it, and else are subtracted from it. What no class draws
// can't be taken out.
func (c *cover) minus(v *covered, out string, m Modality) *covered {
	r := c.r
	less := *v
	less.own, less.classes, less.missing = false, nil, nil
	taken := false
	for _, name := range v.classes {
		term := r.classTerm(name, m)
		if term == out || r.tree.IsDescendant(term, out, graph.PartOf, graph.IsA) {
			taken = true
			continue
		}
		less.classes = append(less.classes, name)
	}
	for _, name := range v.missing {
		if name == r.name(out) {
			taken = true
			continue
		}
		less.missing = append(less.missing, name)
	}
	e := c.of(out, m)
	for _, name := range e.classes {
		if slices.Contains(v.classes, name) {
			continue
		}
		// Where it was part of the union only, nothing else holds it.
		if taken && !slices.ContainsFunc(less.classes, func(u string) bool {
			return r.tree.IsDescendant(r.classTerm(name, m), r.classTerm(u, m))
		}) {
			continue
		}
		less.subtract = appendNew(less.subtract, name)
		taken = true
	}
	switch {
	case len(less.classes) == 0:
		return &covered{blocked: "nothing is left of it once " + r.name(out) + " is taken out"}
	case !taken:
		return &covered{blocked: fmt.Sprintf("no class draws %s in %v, so it can't be taken out", r.name(out), m)}
	case len(e.missing) > 0:
		less.note = join(less.note, "what is taken out of it lacks "+abridge(e.missing))
	}
	return &less
}

// classTerm is the term of a class in a modality.
func (r *Resolver) classTerm(name string, m Modality) string {
	for _, class := range r.byName[key(name)] {
		if class.Modality == m {
			return class.TermID
		}
	}
	return ""
}

// of says how a term is covered in one modality: by a class of its own; else,
// where a table says what it is made up of, by these parts, if at least half of
// them are covered; else by its left and right; else, where it is a class of
// things, by its kinds, if at least half of them are covered; else by its parts,
// if these are two or more and at least half (a humerus is no upper limb).
// Findings are covered only by classes of their own. A class that is narrower
// than the term is better than none.
func (c *cover) of(id string, m Modality) *covered {
	k := coverKey{id, m}
	if v, ok := c.memo[k]; ok {
		return v
	}
	c.memo[k] = &covered{} // what is made up of itself is not covered by that
	v := c.find(id, m)
	c.memo[k] = v
	return v
}

func (c *cover) find(id string, m Modality) *covered {
	r := c.r
	if own := r.answering(id, m); len(own) > 0 {
		return byClass(r.preferred(id, own))
	}
	if r.isFinding(id) {
		return &covered{}
	}
	v := c.composed(id, m)
	if len(v.classes) > 0 {
		return v
	}
	for _, class := range r.byTerm[id] {
		if class.Modality == m && class.termIsBroader() {
			return byClass(class)
		}
	}
	return v
}

// preferred chooses among the classes of one term and fit, which stand for the
// same: the one that is called as the term is, else the first.
func (r *Resolver) preferred(id string, own []Class) Class {
	t, _ := r.tree.Term(id)
	for _, name := range append([]string{t.Name}, exactSynonyms(t)...) {
		for _, class := range own {
			if graph.Normalize(class.Name) == graph.Normalize(name) {
				return class
			}
		}
	}
	return own[0]
}

// composed covers a term by others. What covers it but for too little is only
// told of.
func (c *cover) composed(id string, m Modality) *covered {
	r := c.r
	if w, ok := r.wholes[id]; ok {
		v := c.union(w.parts, m)
		v.of += w.lacks
		if 2*v.have >= v.of && v.have > 0 {
			v.missing = appendNew(v.missing, w.lost...)
			return v
		}
	}
	if r.placeOf(id) != "" {
		return &covered{}
	}
	kinds := slices.DeleteFunc(r.tree.Children(id, graph.IsA), r.isFinding)
	pair := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool {
		base, ok := r.tree.Base(k)
		return !ok || base != id
	})
	if v := c.join(pair, m); v.have > 0 {
		return v
	}
	if v := c.join(kinds, m); v.have > 0 && 2*v.have >= v.of {
		return v
	}
	v := c.join(slices.DeleteFunc(r.tree.Children(id, graph.PartOf), r.isFinding), m)
	if v.have > 0 && (v.have > 1 && 2*v.have >= v.of || v.have == v.of) {
		return v
	}
	return &covered{have: v.have, of: v.of, only: v.classes}
}

// join is the union of what covers some terms, without classes that lie in
// another of them.
func (c *cover) join(ids []string, m Modality) *covered {
	v := c.union(ids, m)
	v.classes = slices.DeleteFunc(slices.Clone(v.classes), func(name string) bool {
		return slices.ContainsFunc(v.classes, func(other string) bool { return c.r.liesIn(name, other, m) })
	})
	return v
}

// union is the union of what covers some terms.
func (c *cover) union(ids []string, m Modality) *covered {
	v := &covered{of: len(ids)}
	for _, id := range c.r.inOrder(ids) {
		part := c.of(id, m)
		if len(part.classes) == 0 {
			v.missing = appendNew(v.missing, c.r.name(id))
			continue
		}
		v.have++
		v.classes = appendNew(v.classes, part.classes...)
		v.missing = appendNew(v.missing, part.missing...)
	}
	if v.have == 0 {
		v.missing = nil
	}
	return v
}

// liesIn says that the whole of a class is drawn by another one too.
func (r *Resolver) liesIn(name, other string, m Modality) bool {
	for _, class := range r.byName[key(other)] {
		if class.Modality == m && class.fit() == exact {
			return r.tree.IsDescendant(r.classTerm(name, m), class.TermID, graph.PartOf, graph.IsA)
		}
	}
	return false
}

// nearly says in which way a class is not the term.
func nearly(class Class, how string) string {
	said := fmt.Sprintf("the class %q %s", class.Name, how)
	if class.Note != "" {
		said += ": " + class.Note
	}
	return said
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func keysOf(by map[Modality]*covered) []Modality {
	var out []Modality
	for _, m := range modalities {
		if _, ok := by[m]; ok {
			out = append(out, m)
		}
	}
	return out
}

// union of the classes of all modalities, in modality order.
func union(by map[Modality]*covered) []string {
	out := []string{}
	for _, m := range keysOf(by) {
		out = appendNew(out, by[m].classes...)
	}
	return out
}

// shared is what every modality misses.
func shared(by map[Modality]*covered) []string {
	out := []string{}
	for i, m := range keysOf(by) {
		if i == 0 {
			out = append(out, by[m].missing...)
			continue
		}
		out = slices.DeleteFunc(out, func(s string) bool { return !slices.Contains(by[m].missing, s) })
	}
	return out
}

func sayComposed(by map[Modality]*covered, subtract []string, all bool) string {
	said := "union of " + plural(len(union(by)), "class", "classes")
	if len(subtract) > 0 {
		said += " less " + plural(len(subtract), "class", "classes")
	}
	if n := len(shared(by)); n > 0 {
		said += ", " + plural(n, "part", "parts") + " missing"
	}
	if all && len(by) < len(modalities) {
		said += ", in " + sayModalities(keysOf(by))
	}
	return said
}

func sayModalities(list []Modality) string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.String()
	}
	return strings.Join(out, " and ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
