package graph

import (
	"slices"
	"strings"
)

// Hit is a term that Search found. Score lies in (0, 1]; 1 is the text itself.
type Hit struct {
	ID    string
	Text  string // the name or synonym that matched best
	How   How
	Score float64
}

// Search finds terms whose name or a synonym holds every word of text, each as
// a whole word or as the start of one ("vent" finds "ventricle"), compared as
// Normalize says. Whole words, names rather than synonyms, and short texts rank
// higher; ties go by name, then id. At most limit hits are returned; limit 0 or
// less means 20.
func (t *Tree) Search(text string, limit int) []Hit {
	if limit <= 0 {
		limit = 20
	}
	best := map[int32]Hit{}
	for _, m := range t.Lookup(text) {
		best[t.byID[m.ID]] = Hit{ID: m.ID, Text: m.Text, How: m.How, Score: lookupScore(m)}
	}
	words := strings.Fields(Normalize(text))
	for _, p := range t.wordIndex().find(words) {
		term := &t.terms[p.term]
		h := Hit{ID: term.ID, Text: p.text(term), How: p.how(term)}
		h.Score = score(words, h)
		if old, ok := best[p.term]; !ok || h.Score > old.Score {
			best[p.term] = h
		}
	}
	hits := make([]Hit, 0, len(best))
	for _, h := range best {
		hits = append(hits, h)
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if a.Score != b.Score {
			if a.Score > b.Score {
				return -1
			}
			return 1
		}
		an, bn := t.terms[t.byID[a.ID]].Name, t.terms[t.byID[b.ID]].Name
		if an != bn {
			return strings.Compare(an, bn)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return hits[:min(limit, len(hits))]
}

// lookupScore ranks whole-text matches above everything that Search finds by
// words: 1 for the id, then steps down by how it matched.
func lookupScore(m Match) float64 { return 1 - 0.03*float64(m.rank()) }

// score of a hit by words, below 0.8: the share of the text's words that the
// query covers, with words only begun counting in part, less for synonyms.
func score(query []string, h Hit) float64 {
	words := strings.Fields(Normalize(h.Text))
	covered := 0.0
	for _, q := range query {
		part := 0.0
		for _, w := range words {
			switch {
			case w == q:
				part = 1
			case strings.HasPrefix(w, q):
				part = max(part, 0.8*float64(len(q))/float64(len(w)))
			}
		}
		covered += part
	}
	s := 0.8 * covered / float64(max(len(words), len(query)))
	switch h.How {
	case ByExactSynonym:
		s *= 0.9
	case ByOtherSynonym:
		s *= 0.7
	}
	return s
}

// wordIndex finds texts by the start of their words: words sorted, texts of
// word i at posts[start[i]:start[i+1]] as positions in texts, ascending.
type wordIndex struct {
	words []string
	start []int32
	posts []int32
	texts []posting
}

func (t *Tree) wordIndex() *wordIndex {
	t.wordsOnce.Do(func() {
		n := t.nameIndex()
		x := &wordIndex{texts: n.texts}
		number := map[string]int32{}
		var words, texts []int32 // pairs of word and text, by text
		for i, key := range n.keys {
			for word := range strings.FieldsSeq(key) {
				w, ok := number[word]
				if !ok {
					w = int32(len(x.words)) //nolint:gosec // words fit memory long before
					number[word] = w
					x.words = append(x.words, word)
				}
				words = append(words, w)
				texts = append(texts, int32(i)) //nolint:gosec // as above
			}
		}
		x.sortWords(words)
		x.posts = make([]int32, len(words))
		next := slices.Clone(x.start)
		for k, w := range words {
			x.posts[next[w]] = texts[k]
			next[w]++
		}
		t.words = x
	})
	return t.words
}

// sortWords sorts the words, renumbers the uses to match and counts them.
func (x *wordIndex) sortWords(uses []int32) {
	order := make([]int32, len(x.words))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(x.words[a], x.words[b]) })
	sorted := make([]string, len(order))
	place := make([]int32, len(order))
	for i, w := range order {
		sorted[i] = x.words[w]
		place[w] = int32(i)
	}
	x.words = sorted
	x.start = make([]int32, len(order)+1)
	for k, w := range uses {
		uses[k] = place[w]
		x.start[place[w]+1]++
	}
	for i := range order {
		x.start[i+1] += x.start[i]
	}
}

// find returns the texts that hold every query word as a word or its start.
func (x *wordIndex) find(query []string) []posting {
	if len(query) == 0 {
		return nil
	}
	var kept []int32
	for i, q := range query {
		found := x.withPrefix(q)
		if i > 0 {
			found = intersect(kept, found)
		}
		if kept = found; len(kept) == 0 {
			return nil
		}
	}
	out := make([]posting, len(kept))
	for i, n := range kept {
		out[i] = x.texts[n]
	}
	return out
}

// withPrefix returns the texts with a word that starts with q, ascending.
func (x *wordIndex) withPrefix(q string) []int32 {
	from, _ := slices.BinarySearch(x.words, q)
	to := from
	for to < len(x.words) && strings.HasPrefix(x.words[to], q) {
		to++
	}
	found := slices.Clone(x.posts[x.start[from]:x.start[to]])
	slices.Sort(found)
	return slices.Compact(found)
}

// intersect returns what two ascending lists share.
func intersect(a, b []int32) []int32 {
	out := a[:0:0]
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return out
}
