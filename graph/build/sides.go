package build

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// A sided term stands beside two others: its mirror on the other side, and its
// base, the same structure without a side (kidney of left kidney). The names
// say which; where they cannot, the term is listed in unpaired.tsv with the
// reason why it has none.

// sides knows the base and the mirror of every sided term.
type sides struct {
	base   map[string]string
	mirror map[string]string
	sided  map[string]map[graph.Laterality]string // by base
}

// sideless takes the side words out of a normalised name.
func sideless(key string, side graph.Laterality) string {
	words := slices.DeleteFunc(strings.Fields(key), func(w string) bool { return w == string(side) })
	return strings.Join(words, " ")
}

// pairUp finds base and mirror of every sided term: the name first, then exact
// synonyms in their order; of several candidates that which the term is_a or is
// part_of, else the first by id.
func pairUp(terms map[string]graph.Term, parents map[string][]string) *sides {
	byKey := map[string][]string{} // side and normalised name
	byName := map[string][]string{}
	ids := sortedKeys(terms)
	for _, id := range ids {
		t := terms[id]
		for i, text := range namesOf(&t) {
			key := string(t.Laterality) + "|" + sideless(graph.Normalize(text), t.Laterality)
			if i == 0 {
				byName[key] = appendOnce(byName[key], id)
			}
			byKey[key] = appendOnce(byKey[key], id)
		}
	}
	s := &sides{base: map[string]string{}, mirror: map[string]string{}, sided: map[string]map[graph.Laterality]string{}}
	for _, id := range ids {
		t := terms[id]
		if t.Laterality == graph.Unsided {
			continue
		}
		find := func(want graph.Laterality) (string, bool) {
			for _, index := range []map[string][]string{byName, byKey} {
				for _, text := range namesOf(&t) {
					if graph.SideOf(text) != t.Laterality {
						continue
					}
					found := slices.DeleteFunc(slices.Clone(index[string(want)+"|"+sideless(graph.Normalize(text), t.Laterality)]),
						func(c string) bool { return terms[c].Kind != t.Kind })
					if len(found) == 0 {
						continue
					}
					if i := slices.IndexFunc(found, func(c string) bool { return slices.Contains(parents[id], c) }); i >= 0 {
						return found[i], true
					}
					return found[0], true
				}
			}
			return "", false
		}
		if other, ok := find(t.Laterality.Opposite()); ok {
			s.mirror[id] = other
		}
		if base, ok := find(graph.Unsided); ok {
			s.base[id] = base
			if s.sided[base] == nil {
				s.sided[base] = map[graph.Laterality]string{}
			}
			if _, taken := s.sided[base][t.Laterality]; !taken {
				s.sided[base][t.Laterality] = id
			}
		}
	}
	return s
}

// namesOf lists the name and the exact synonyms.
func namesOf(t *graph.Term) []string {
	names := []string{t.Name}
	for _, s := range t.Synonyms {
		if s.Scope == graph.ScopeExact {
			names = append(names, s.Text)
		}
	}
	return names
}

func appendOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// settle gives each sided term its place on its side: it is a kind of its base
// (unless it is a part of it), and takes the base's own place, on the sided
// variant of each parent where there is one, and of each whole further up. So the
// left rib 3 is a left rib, the left scaphoid a part of the left hand, and the
// upper lobe of the left lung a part of the left lung, no more said to be a part
// of the lung besides.
func (d *draft) settle(relations map[graph.Relation]bool) {
	parents := map[string][]string{}
	for r := range relations {
		parents[r.Child] = append(parents[r.Child], r.Parent)
	}
	s := pairUp(d.terms, parents)
	stated := map[string][]graph.Relation{}
	for r := range relations {
		stated[r.Child] = append(stated[r.Child], r)
	}
	for _, id := range sortedKeys(s.base) {
		base, side := s.base[id], d.terms[id].Laterality
		own := func(parent string) string { // the parent's variant on the side of the term
			if v, ok := s.sided[parent][side]; ok && v != id {
				return v
			}
			return parent
		}
		if d.terms[id].Kind != graph.KindFinding && !relations[graph.Relation{Child: id, Parent: base, Type: graph.PartOf}] {
			relations[graph.Relation{Child: id, Parent: base, Type: graph.IsA}] = true
		}
		for _, r := range slices.Concat(stated[id], stated[base]) {
			parent := own(r.Parent)
			switch {
			case d.terms[parent].Laterality == side.Opposite(), parent == id:
				continue
			case parent != r.Parent:
				delete(relations, graph.Relation{Child: id, Parent: r.Parent, Type: r.Type})
			case r.Child == base && r.Type == graph.IsA:
				continue // through the base
			}
			relations[graph.Relation{Child: id, Parent: parent, Type: r.Type}] = true
		}
		for _, whole := range wholes(stated, base) {
			v, ok := s.sided[whole][side]
			if ok && v != id && !relations[graph.Relation{Child: id, Parent: v, Type: graph.IsA}] {
				relations[graph.Relation{Child: id, Parent: v, Type: graph.PartOf}] = true
			}
		}
	}
}

// complete states outright what a term of a class, and one of the project's, is
// part of because its kinds are,
// so that whoever follows part_of alone finds the third rib in the rib cage.
// Only the nearest wholes are stated, and none that the term is a kind of.
func (d *draft) complete(relations map[graph.Relation]bool, anchors []Anchor, own []graph.Term) {
	kindOf, partOf, above := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for r := range relations {
		switch {
		case d.barred[r.Parent]:
			continue
		case r.Type == graph.IsA:
			kindOf[r.Child] = append(kindOf[r.Child], r.Parent)
		case r.Type == graph.PartOf:
			partOf[r.Child] = append(partOf[r.Child], r.Parent)
		}
		above[r.Child] = append(above[r.Child], r.Parent)
	}
	ids := map[string]bool{}
	for _, a := range anchors {
		ids[a.TermID] = true
	}
	for _, t := range own {
		ids[t.ID] = true
	}
	for _, id := range sortedKeys(ids) {
		t := d.terms[id]
		if t.Laterality != graph.Unsided || t.Kind != graph.KindAnatomy {
			continue // a sided term takes its base's place
		}
		kinds := reach(kindOf, t.ID)
		places := slices.Clone(partOf[t.ID])
		for kind := range kinds {
			for _, whole := range partOf[kind] {
				if !kinds[whole] {
					places = appendOnce(places, whole)
				}
			}
		}
		for _, whole := range places {
			if !slices.ContainsFunc(places, func(other string) bool { return other != whole && reach(above, other)[whole] }) {
				relations[graph.Relation{Child: t.ID, Parent: whole, Type: graph.PartOf}] = true
			}
		}
	}
}

// reach returns everything above a term, without the term.
func reach(parents map[string][]string, id string) map[string]bool {
	seen := map[string]bool{}
	stack := []string{id}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, p := range parents[at] {
			if !seen[p] {
				seen[p] = true
				stack = append(stack, p)
			}
		}
	}
	return seen
}

// wholes returns, sorted, what a term or its kinds are part of, at any remove.
func wholes(relations map[string][]graph.Relation, id string) []string {
	type place struct {
		id   string
		part bool // reached by a part_of
	}
	seen := map[place]bool{}
	stack := []place{{id, false}}
	found := map[string]bool{}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, r := range relations[at.id] {
			next := place{r.Parent, at.part || r.Type == graph.PartOf}
			if r.Type == graph.LocatedIn || seen[next] {
				continue
			}
			seen[next] = true
			if next.part {
				found[r.Parent] = true
			}
			stack = append(stack, next)
		}
	}
	return sortedKeys(found)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// addPair takes left id, right id, base, name, reason; the name has SIDE where
// the side goes.
func (t *tables) addPair(f []string) error {
	if !strings.Contains(f[3], "SIDE") {
		return fmt.Errorf("%w: pair %q names no SIDE", ErrTable, f[3])
	}
	for i, side := range []graph.Laterality{graph.Left, graph.Right} {
		term := graph.Term{ID: f[i], Name: strings.Replace(f[3], "SIDE", string(side), 1), Kind: graph.KindAnatomy, Laterality: side}
		t.terms = append(t.terms, term)
		t.added = append(t.added, graph.Relation{Child: term.ID, Parent: f[2], Type: graph.IsA})
	}
	return nil
}

// addUnpaired takes id, name, "mirror" or "base", reason.
func (t *tables) addUnpaired(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	switch f[2] {
	case "mirror", "base":
		t.unpaired[f[2]+" "+f[0]] = true
		return nil
	default:
		return fmt.Errorf("%w: %q is neither mirror nor base", ErrTable, f[2])
	}
}
