package inference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// meaning is what a text stands for: one id, several (then it is ambiguous), or
// none.
type meaning struct {
	ids   []string
	class string // the class that was named, where a class was
	note  string // how a text was read that is neither name nor exact synonym
}

// known says whether a text names any term.
func (r *Resolver) known(text string) bool { return len(r.find(text, "").ids) > 0 }

// whole says whether a text is a name, a synonym or a class just as it stands.
func (r *Resolver) whole(text string) bool {
	if len(r.byName[key(text)]) > 0 {
		return true
	}
	matches := r.tree.Lookup(text)
	return len(matches) > 0 && matches[0].Verbatim
}

// singular says whether a text names a term, and in the singular.
func (r *Resolver) singular(text string) bool {
	return r.known(text) && graph.Normalize(text) == strings.ToLower(strings.Join(strings.Fields(text), " "))
}

// place says whether a text names a region of the body.
func (r *Resolver) place(text string) bool { return r.region(text) != nil }

func (r *Resolver) region(text string) *region { return r.knowledge.regions[graph.Normalize(text)] }

// find gives what a text may mean in a modality. The corpus's own names come
// first: they are what was trained ("hip" is a bone). Then ids and names of
// terms, texts known to have several meanings, exact synonyms, aliases, and
// other synonyms.
func (r *Resolver) find(text string, m Modality) meaning {
	meanings := r.knowledge.homonyms[graph.Normalize(text)]
	classes := r.byName[key(text)]
	if len(meanings) > 0 {
		classes = slices.DeleteFunc(slices.Clone(classes), func(c Class) bool { return c.Modality != m })
	}
	if len(classes) > 0 {
		return r.findClass(text, classes)
	}
	if ids := r.all(meanings); len(ids) > 1 {
		return r.usual(text, meanings[0], ids)
	}
	matches := r.tree.Lookup(text)
	if len(matches) > 0 && (matches[0].How == graph.ByID || matches[0].How <= graph.ByExactSynonym && matches[0].Verbatim) {
		return meaning{ids: matchIDs(graph.Best(matches))}
	}
	if classes := r.byNorm[graph.Normalize(text)]; len(classes) > 0 && len(meanings) == 0 {
		return r.findClass(text, classes)
	}
	if a, ok := r.knowledge.aliases[graph.Normalize(text)]; ok && graph.Normalize(a.name) != graph.Normalize(text) {
		if found := r.find(a.name, m); len(found.ids) == 1 {
			found.note = join(found.note, a.note)
			return found
		}
	}
	best := graph.Best(matches)
	switch {
	case len(best) == 0:
		return meaning{}
	case best[0].How == graph.ByOtherSynonym:
		return r.findLoose(text, best)
	default:
		return meaning{ids: matchIDs(best)}
	}
}

// usual takes the first of several meanings where the table says that it is what
// is usually meant, and names the others.
func (r *Resolver) usual(text, first string, ids []string) meaning {
	if !strings.HasPrefix(first, "*") {
		return meaning{ids: ids}
	}
	return meaning{ids: ids[:1], note: fmt.Sprintf("%q is read as %s; it may also mean %s", text, r.name(ids[0]), names(r.candidates(ids[1:])))}
}

// group gives the query that a text stands for, where it means several
// structures, and what is to be said with the answer.
func (r *Resolver) group(text string) (query, note string, ok bool) {
	name := text
	if m := reRisk.FindStringSubmatch(text); m != nil && m[1]+m[2] != "" {
		region := strings.ToLower(cmp.Or(m[2], m[1]))
		if place := r.region(region); place != nil {
			region = place.said
		}
		name = "organs at risk in " + region
	}
	a, ok := r.knowledge.groups[graph.Normalize(name)]
	return a.name, a.note, ok
}

func (r *Resolver) findClass(text string, classes []Class) meaning {
	found := meaning{class: key(classes[0].Name)}
	for _, c := range classes {
		found.ids = appendNew(found.ids, c.TermID)
	}
	if len(found.ids) > 1 {
		found.class = ""
		return found
	}
	// Said only where the tree calls something else so.
	if named := r.tree.Lookup(text); len(named) > 0 && named[0].How <= graph.ByName && !slices.Contains(matchIDs(named), found.ids[0]) {
		term, _ := r.tree.Term(found.ids[0])
		found.note = fmt.Sprintf("%q is read as the corpus class, which is %s", text, term.Name)
	}
	return found
}

// all looks names up, and leaves out those that mean nothing here.
func (r *Resolver) all(names []string) []string {
	var ids []string
	for _, name := range names {
		if id, ok := r.named(strings.TrimPrefix(name, "*")); ok {
			ids = appendNew(ids, id)
		}
	}
	return ids
}

// named looks up a name that a table gives: a class's before a term's.
func (r *Resolver) named(name string) (string, bool) {
	if classes := r.byName[key(name)]; len(classes) > 0 {
		return classes[0].TermID, true
	}
	if best := graph.Best(r.tree.Lookup(name)); len(best) == 1 && best[0].How <= graph.ByExactSynonym {
		return best[0].ID, true
	}
	return "", false
}

// drawn says whether a text names one term that classes draw in some modality.
func (r *Resolver) drawn(text string) bool {
	found := r.find(text, "")
	if len(found.ids) != 1 {
		return false
	}
	c := r.newCover()
	return slices.ContainsFunc(modalities, func(m Modality) bool { return len(c.of(found.ids[0], m).classes) > 0 })
}

// meanings are the names of what an abbreviation may mean: the tables', and the
// exact synonyms of the terms that these name.
func (r *Resolver) meanings(word string) []string {
	listed := slices.Clone(r.knowledge.homonyms[graph.Normalize(word)])
	if a, ok := r.knowledge.aliases[graph.Normalize(word)]; ok {
		listed = append(listed, a.name)
	}
	var out []string
	for _, name := range listed {
		name = strings.TrimPrefix(name, "*")
		out = appendNew(out, name)
		if id, ok := r.named(name); ok {
			term, _ := r.tree.Term(id)
			out = appendNew(out, append([]string{term.Name}, exactSynonyms(term)...)...)
		}
	}
	return out
}

// same says whether all texts name one term, and the same.
func (r *Resolver) same(texts []string) bool {
	first := r.find(texts[0], "").ids
	return len(first) == 1 && !slices.ContainsFunc(texts, func(s string) bool { return !slices.Equal(r.find(s, "").ids, first) })
}

// findLoose reads a text that is only a broad, narrow or related synonym. A
// broad one ("ventricle" of the heart's) may mean other terms of that kind as
// well: those that have a class and whose name ends in the text.
func (r *Resolver) findLoose(text string, best []graph.Match) meaning {
	const look = 50
	found := meaning{ids: matchIDs(best)}
	broad := slices.ContainsFunc(best, func(m graph.Match) bool { return m.Scope == graph.ScopeBroad })
	if broad {
		tail := " " + graph.Normalize(text)
		for _, h := range r.tree.Search(text, look) {
			term, _ := r.tree.Term(h.ID)
			if term.Laterality == graph.Unsided && len(r.answering(h.ID, "")) > 0 &&
				strings.HasSuffix(graph.Normalize(term.Name), tail) && !slices.Contains(found.ids, h.ID) {
				found.ids = append(found.ids, h.ID)
			}
		}
	}
	if len(found.ids) == 1 {
		term, _ := r.tree.Term(found.ids[0])
		found.note = fmt.Sprintf("%q is read as %s, of which it is a %s synonym", text, term.Name, strings.ToLower(string(best[0].Scope)))
	}
	return found
}

func matchIDs(matches []graph.Match) []string {
	ids := make([]string, len(matches))
	for i, m := range matches {
		ids[i] = m.ID
	}
	return ids
}

// answering are the classes that stand for a term in a modality (in any, when m
// is empty): the exact ones, else the close ones.
func (r *Resolver) answering(id string, m Modality) []Class {
	var out []Class
	for _, c := range r.byTerm[id] {
		if m != "" && c.Modality != m || c.fit() == loose {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Modality == c.Modality && out[n-1].fit() != c.fit() {
			continue
		}
		out = append(out, c)
	}
	return out
}

// sided gives the left or the right of a term.
func (r *Resolver) sided(id string, side graph.Laterality) (string, bool) {
	t, ok := r.tree.Term(id)
	if !ok {
		return "", false
	}
	if t.Laterality != graph.Unsided {
		return id, t.Laterality == side
	}
	for _, name := range append([]string{t.Name}, exactSynonyms(t)...) {
		best := graph.Best(r.tree.Lookup(string(side) + " " + name))
		if len(best) == 1 && best[0].How <= graph.ByExactSynonym {
			if s, _ := r.tree.Term(best[0].ID); s.Laterality == side {
				return s.ID, true
			}
		}
	}
	for _, c := range r.tree.Children(id, graph.IsA) {
		if s, _ := r.tree.Term(c); s.Laterality == side {
			if base, ok := r.tree.Base(c); ok && base == id {
				return c, true
			}
		}
	}
	return "", false
}

func exactSynonyms(t *graph.Term) []string {
	var out []string
	for _, s := range t.Synonyms {
		if s.Scope == graph.ScopeExact {
			out = append(out, s.Text)
		}
	}
	return out
}

func (r *Resolver) isFinding(id string) bool {
	t, ok := r.tree.Term(id)
	return ok && t.Kind == graph.KindFinding
}
