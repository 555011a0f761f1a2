package inference

import (
	"slices"
	"strings"

	"satgraph/graph"
)

// suggest looks for the terms that an unknown text may have meant: names spelt
// nearly so, those with a class first; if there are none, names with most of
// its words.
func (r *Resolver) suggest(text string, most int) []string {
	// Below this score a hit has hardly more than the first letters in common.
	const least = 0.25
	if out := r.misspelt(graph.Normalize(text)); len(out) > 0 {
		return out[:min(len(out), most)]
	}
	var out []string
	search := func(text string) {
		for _, h := range r.tree.Search(text, most) {
			if h.Score >= least {
				out = appendNew(out, h.ID)
			}
		}
	}
	words := strings.Fields(text)
	const maxWords = 8
	if len(words) > 1 && len(words) <= maxWords {
		for i := range words {
			search(strings.Join(slices.Concat(words[:i:i], words[i+1:]), " "))
		}
	} else {
		search(text)
	}
	return out[:min(len(out), most)]
}

// misspelt lists the terms with a name or exact synonym at most two slips (one
// for short names) away, nearest first.
func (r *Resolver) misspelt(text string) []string {
	const short, long = 4, 64
	if len(text) < 3 || len(text) > long {
		return nil
	}
	slips := 2
	if len(text) <= short {
		slips = 1
	}
	type hit struct {
		id    string
		away  int
		class bool
	}
	var hits []hit
	terms := r.tree.Terms()
	for i := range terms {
		t := &terms[i]
		away := distance(text, graph.Normalize(t.Name), slips)
		for _, s := range t.Synonyms {
			if s.Scope == graph.ScopeExact && away > 1 {
				away = min(away, distance(text, graph.Normalize(s.Text), slips))
			}
		}
		if away <= slips {
			hits = append(hits, hit{t.ID, away, len(r.answering(t.ID, "")) > 0})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.away != b.away:
			return a.away - b.away
		case a.class != b.class && a.class:
			return -1
		case a.class != b.class:
			return 1
		default:
			return 0
		}
	})
	var out []string
	for _, h := range hits {
		out = append(out, h.id)
	}
	return out
}

// distance counts the letters to insert, drop, change or swap with their
// neighbour (optimal string alignment) that turn a into b; anything above most
// is given as most+1.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], most+1)
}
