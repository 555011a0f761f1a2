package suggest

import (
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of a label that puts the place or the sort of a structure before its
// name: words of the place, how well the structure must be found by itself, and
// how sure the answer is then.
const (
	mostPlaceWords = 2
	leastUnder     = 0.85
	underQuality   = 0.95
)

// under reads a label that goes from a whole, or a sort, to the structure:
// "eye_cornea", "TL fusiform gyrus R", "Muscle - Masseter". The tree has to hold
// the one under the other.
func (e *Engine) under(a *answer, l *labelmap.RawLabel) {
	side, words := handed(split(l.Name))
	for n := 1; n <= mostPlaceWords && n < len(words); n++ {
		head, tail := strings.Join(words[:n], " "), strings.Join(words[n:], " ")
		places := e.placesNamed(head)
		if len(places) == 0 || e.words.foreign[strings.ToLower(head)] || e.words.generic[graph.Normalize(tail)] || len(tail) < leastNamed {
			continue
		}
		if side != graph.Unsided {
			tail = string(side) + " " + tail
		}
		part := answer{found: map[string]*candidate{}}
		for _, r := range e.readings(tail) {
			e.look(&part, r, l.Modality)
		}
		for _, c := range part.ranked() {
			if c.score < leastUnder || c.short || c.partial || c.evidence >= byPart {
				break
			}
			at := slices.IndexFunc(places, func(p string) bool { return e.tree.IsDescendant(c.id, p) })
			if at < 0 {
				continue
			}
			c.score, c.ceiling = c.score*underQuality, 0
			c.evidence = c.evidence.of(byShort)
			c.reasons = append([]string{"named under " + e.name(places[at])}, c.reasons...)
			a.add(*c)
		}
	}
}

// placesNamed are the terms that a text names, or is an abbreviation of in
// whatever surroundings.
func (e *Engine) placesNamed(text string) []string {
	if id, ok := one(e.tree, text); ok {
		return []string{id}
	}
	var out []string
	for _, c := range e.words.contexts[key(text)] {
		for m := range strings.SplitSeq(c.meaning.meaning, "|") {
			if id, ok := one(e.tree, m); ok && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}
