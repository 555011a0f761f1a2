package inference

import (
	"slices"
	"strings"

	"satgraph/graph"
)

// leastScore is below what a hit of graph.Tree.Search has in common with the
// text by more than a few letters.
const leastScore = 0.25

// suggest looks for the terms that an unknown text may have meant: what the
// tree finds, those with a class first where both are as near; if there is
// nothing, what it finds without one of the words.
func (r *Resolver) suggest(text string, most int) []string {
	hits := r.hits(text, most)
	const maxWords = 8
	if words := strings.Fields(text); len(hits) == 0 && len(words) > 1 && len(words) <= maxWords {
		for i := range words {
			hits = append(hits, r.hits(strings.Join(slices.Concat(words[:i:i], words[i+1:]), " "), most)...)
		}
		slices.SortStableFunc(hits, byScore)
	}
	var out []string
	for _, h := range hits {
		out = appendNew(out, h.ID)
	}
	return out[:min(len(out), most)]
}

func byScore(a, b graph.Hit) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	default:
		return 0
	}
}

func (r *Resolver) hits(text string, most int) []graph.Hit {
	hits := slices.DeleteFunc(r.tree.Search(text, most), func(h graph.Hit) bool { return h.Score < leastScore })
	slices.SortStableFunc(hits, func(a, b graph.Hit) int {
		if d := byScore(a, b); d != 0 {
			return d
		}
		return min(1, len(r.answering(b.ID, ""))) - min(1, len(r.answering(a.ID, "")))
	})
	return hits
}

// search reads a text that no name is spelt as, but that the tree's search is
// sure of: Latin, abbreviations. What may be a slip of the keyboard is only
// suggested, since one letter parts the ileum from the ilium.
func (r *Resolver) search(text string) meaning {
	const sure, apart = 0.8, 0.05
	hits := r.hits(text, 2)
	if len(hits) == 0 || hits[0].Score < sure || len(hits) > 1 && hits[1].Score > hits[0].Score-apart {
		return meaning{}
	}
	if slices.ContainsFunc(hits[0].Reasons, func(s string) bool { return strings.Contains(s, "taken for") || strings.Contains(s, "letter") }) {
		return meaning{}
	}
	return meaning{ids: []string{hits[0].ID}, note: "read as " + r.name(hits[0].ID) + ": " + strings.Join(hits[0].Reasons, ", ")}
}
