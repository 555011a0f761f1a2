package suggest

import (
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// beside adds what the tables say of a label in its surroundings, or anywhere. A
// row without a side stands for both sides.
func (e *Engine) beside(label string, a *answer, s *surroundings) {
	side := graph.Unsided
	here := e.words.here(key(label), s)
	if len(here) == 0 {
		bare := unwrap(split(label))
		if hand, parcel, ok := hemisphere(label); ok {
			bare = hand + " " + split(parcel)
		}
		var rest []string
		side, rest = handed(bare)
		if len(rest) > 1 && rest[0] == "m" {
			rest = rest[1:] // musculus
		}
		here = e.words.here(key(strings.Join(rest, " ")), s)
	}
	for _, c := range here {
		a.none, a.several = "", ""
		meanings := strings.Split(c.meaning.meaning, "|")
		for _, m := range meanings {
			id, ok := one(e.tree, m)
			if !ok {
				continue
			}
			found := &candidate{id: id, score: 0.985, predicate: e.predicate(id), reasons: []string{c.reason + s.said(c.where)}, sure: true}
			if t, _ := e.tree.Term(id); side != graph.Unsided && t.Laterality == graph.Unsided {
				if sided, ok := e.ofSide(id, side); ok {
					found.id = sided
				} else if len(meanings) > 1 {
					continue // the one that has sides is meant
				} else {
					found.score, found.predicate = 0.79, labelmap.Broad
				}
			}
			if len(meanings) > 1 {
				found.score = 0.75
			}
			a.found[found.id] = found
		}
	}
}

// ofSide is the left or right counterpart of an unsided term.
func (e *Engine) ofSide(id string, side graph.Laterality) (string, bool) {
	for _, d := range e.tree.Descendants(id, graph.IsA) {
		t, _ := e.tree.Term(d)
		if base, ok := e.tree.Base(d); ok && base == id && t.Laterality == side {
			return d, true
		}
	}
	return "", false
}

// here are the rows that a label has in its surroundings, else those that it has
// anywhere.
func (v *vocabulary) here(name string, s *surroundings) []context {
	rows := v.contexts[name]
	here := slices.DeleteFunc(slices.Clone(rows), func(c context) bool { return c.where == "" || !s.holds(c.where) })
	if len(here) == 0 {
		here = slices.DeleteFunc(slices.Clone(rows), func(c context) bool { return c.where != "" })
	}
	return here
}

// said says in words which surroundings decided.
func (s *surroundings) said(where string) string {
	if where == "" {
		return ""
	}
	t, _ := s.tree.Term(where)
	return ", beside structures of " + t.Name
}

// predicate is what the corpus says of a term's class, else exact.
func (e *Engine) predicate(id string) labelmap.Predicate {
	if p, ok := e.trained[id]; ok {
		return p
	}
	return labelmap.Exact
}
