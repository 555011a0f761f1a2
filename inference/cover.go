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
	own     bool     // by a class of its own
	partly  bool     // by a class that is narrower than the term
	classes []string // names, in order; empty when not covered at all
	missing []string // names of what is left out
	note    string   // of a class that is only close
	only    []string // classes of its only covered part, which do not cover it
	have    int      // parts covered, wholly or partly
	of      int      // parts looked at
}

func (r *Resolver) newCover() *cover {
	return &cover{r: r, memo: map[coverKey]*covered{}}
}

// plan decides the status of one term. m may be empty: then a term is as good
// as its best modality.
func (c *cover) plan(id string, m Modality) TermPlan {
	t := c.r.blank(id)
	asked := modalities
	if m != "" {
		asked = []Modality{m}
	}
	own, composed := c.split(id, asked)
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
		t.Reason = sayComposed(composed, m == "")
		for _, x := range keysOf(composed) {
			if composed[x].partly {
				t.Reason = composed[x].note
			}
		}
	default:
		t.Status = NotSegmentable
		t.Reason = c.why(id, m)
	}
	return t
}

// split evaluates a term per modality.
func (c *cover) split(id string, asked []Modality) (own, composed map[Modality]*covered) {
	own, composed = map[Modality]*covered{}, map[Modality]*covered{}
	for _, m := range asked {
		switch v := c.of(id, m); {
		case v.own:
			own[m] = v
		case len(v.classes) > 0:
			composed[m] = v
		}
	}
	return own, composed
}

// of says how a term is covered in one modality: by a class of its own; else by
// its left and right; else, where it is a class of things, by its kinds, if at
// least half of them are covered; else by its parts, if at least two of several
// are covered (a humerus is no upper limb). Findings are covered only by
// classes of their own. A class that is narrower than the term is better than
// none.
func (c *cover) of(id string, m Modality) *covered {
	k := coverKey{id, m}
	if v, ok := c.memo[k]; ok {
		return v
	}
	v := c.find(id, m)
	c.memo[k] = v
	return v
}

func (c *cover) find(id string, m Modality) *covered {
	r := c.r
	v := &covered{}
	for _, class := range r.answering(id, m) {
		v.own = true
		v.classes = append(v.classes, class.Name)
		if class.fit() == near {
			v.note = nearly(class, "is drawn nearly so")
		}
	}
	if v.own || r.isFinding(id) {
		return v
	}
	kinds := slices.DeleteFunc(r.tree.Children(id, graph.IsA), r.isFinding)
	pair := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool {
		base, ok := r.tree.Base(k)
		return !ok || base != id
	})
	if v = c.join(pair, m); v.have > 0 {
		return v
	}
	if v = c.join(kinds, m); v.have > 0 && 2*v.have >= v.of {
		return v
	}
	v = c.join(slices.DeleteFunc(r.tree.Children(id, graph.PartOf), r.isFinding), m)
	if v.have > 1 || v.have == v.of && v.have > 0 {
		return v
	}
	for _, class := range r.byTerm[id] {
		if class.Modality == m && class.termIsBroader() {
			return &covered{classes: []string{class.Name}, partly: true, note: nearly(class, "covers only a part of it")}
		}
	}
	return &covered{have: v.have, of: v.of, only: v.classes}
}

// nearly says in which way a class is not the term.
func nearly(class Class, how string) string {
	said := fmt.Sprintf("the class %q %s", class.Name, how)
	if class.Note != "" {
		said += ": " + class.Note
	}
	return said
}

// join is the union of what covers some terms.
func (c *cover) join(ids []string, m Modality) *covered {
	v := &covered{of: len(ids)}
	for _, id := range c.r.inOrder(ids) {
		part := c.of(id, m)
		if len(part.classes) == 0 {
			v.missing = appendNew(v.missing, c.r.blank(id).Name)
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

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// why says why a term cannot be segmented.
func (c *cover) why(id string, m Modality) string {
	if c.r.isFinding(id) {
		return c.whyFinding(id, m)
	}
	own, composed := c.split(id, modalities)
	switch {
	case len(own) > 0:
		return "only in " + sayModalities(keysOf(own))
	case len(composed) > 0:
		return "only in " + sayModalities(keysOf(composed)) + ", from " + plural(len(union(composed)), "class", "classes")
	}
	if v := c.of(id, m); len(v.only) > 0 {
		return fmt.Sprintf("no class for it, and only one of its %d parts has one (%s)", v.of, abridge(v.only))
	}
	for _, class := range c.r.byTerm[id] {
		if m == "" || class.Modality == m {
			return fmt.Sprintf("no class of exactly this; near it lies %q (%s)", class.Name, class.Predicate)
		}
	}
	if up, ok := c.nearestAbove(id, m); ok {
		return fmt.Sprintf("no class for it; it lies in %s, which has one", up)
	}
	return "no class for it"
}

// whyFinding names the findings of that kind, or in that place, that can be
// asked for.
func (c *cover) whyFinding(id string, m Modality) string {
	var named []string
	for _, d := range c.r.inOrder(c.r.tree.Descendants(id, graph.IsA)) {
		for _, class := range c.r.answering(d, m) {
			named = appendNew(named, class.Name)
		}
	}
	why := "no class for this finding"
	if own := c.r.answering(id, ""); len(own) > 0 {
		var in []Modality
		for _, class := range own {
			if !slices.Contains(in, class.Modality) {
				in = append(in, class.Modality)
			}
		}
		why = "only in " + sayModalities(in)
	}
	if len(named) > 0 {
		why += "; a finding needs its name: " + strings.Join(named, ", ")
	}
	return why
}

// nearestAbove finds the first term above that has a class.
func (c *cover) nearestAbove(id string, m Modality) (string, bool) {
	seen := map[string]bool{}
	level := []string{id}
	for len(level) > 0 {
		var next []string
		for _, at := range level {
			for _, up := range c.r.tree.Parents(at, graph.PartOf, graph.IsA) {
				if !seen[up] {
					seen[up] = true
					next = append(next, up)
				}
			}
		}
		for _, up := range c.r.inOrder(next) {
			if len(c.r.answering(up, m)) > 0 {
				return c.r.blank(up).Name, true
			}
		}
		level = next
	}
	return "", false
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

func sayComposed(by map[Modality]*covered, all bool) string {
	said := "union of " + plural(len(union(by)), "class", "classes")
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
