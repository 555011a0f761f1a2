package inference

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// why says why a term cannot be segmented.
func (c *cover) why(id string, m Modality) string {
	if c.r.isFinding(id) {
		return c.whyFinding(id, m)
	}
	own, composed, _ := c.split(target{id: id}, modalities)
	switch {
	case len(own) > 0:
		return "only in " + sayModalities(keysOf(own))
	case len(composed) > 0:
		return "only in " + sayModalities(keysOf(composed)) + ", from " + plural(len(union(composed)), "class", "classes")
	}
	if base, ok := c.r.tree.Base(id); ok {
		if both := c.r.answering(base, m); len(both) > 0 {
			return fmt.Sprintf("the class %q draws left and right as one: ask for %q", both[0].Name, c.r.name(base))
		}
	}
	if place := c.r.placeOf(id); place != "" {
		return fmt.Sprintf("a region of the body, which no class draws as a whole: ask for \"everything in the %s\"", place)
	}
	for _, class := range c.r.byTerm[id] {
		if m == "" || class.Modality == m {
			return fmt.Sprintf("no class of exactly this; near it lies %q (%s)", class.Name, class.Predicate)
		}
	}
	if class, ok := c.r.jointly(id, m); ok {
		return fmt.Sprintf("no class for it alone; the class %q draws it with its neighbour", class)
	}
	if up, ok := c.nearestAbove(id, m, graph.PartOf); ok {
		return fmt.Sprintf("no class for it; it lies in %s, which has one", up)
	}
	if v := c.of(id, m); len(v.only) > 0 {
		return fmt.Sprintf("no class for it, and only %d of its %d parts have one (%s)", v.have, v.of, abridge(v.only))
	}
	if up, ok := c.nearestAbove(id, m, graph.PartOf, graph.IsA); ok {
		return fmt.Sprintf("no class for it alone; %s has one, of which it is a kind or a part of one", up)
	}
	return "no class for it"
}

// jointly finds a class that draws a term together with another, as its name
// says: "portal vein and splenic vein".
func (r *Resolver) jointly(id string, m Modality) (string, bool) {
	t, _ := r.tree.Term(id)
	for _, name := range append([]string{t.Name}, exactSynonyms(t)...) {
		for _, class := range r.joint[graph.Normalize(name)] {
			if m == "" || class.Modality == m {
				return class.Name, true
			}
		}
	}
	return "", false
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
func (c *cover) nearestAbove(id string, m Modality, by ...graph.RelationType) (string, bool) {
	seen := map[string]bool{}
	level := []string{id}
	for len(level) > 0 {
		var next []string
		for _, at := range level {
			for _, up := range c.r.tree.Parents(at, by...) {
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
