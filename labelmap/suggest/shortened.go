package suggest

import (
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// shortText is a name of a term with the words of which labels may write the
// beginnings alone.
type shortText struct {
	id, text string
	words    []string // without sides, sorted
	exact    bool     // its name or an exact synonym
}

// leastBeginning is how many letters a shortened word must have.
const leastBeginning = 3

// beginnings is the key under which a name and its shortened form meet: the first
// letters of its words, sorted. ok is false for names of one word, which may be
// shortened to anything.
func beginnings(words []string) (key string, ok bool) {
	if len(words) < 2 {
		return "", false
	}
	short := make([]string, len(words))
	for i, w := range words {
		short[i] = w[:min(len(w), leastBeginning)]
	}
	slices.Sort(short)
	return strings.Join(short, " "), true
}

// smallWords are words between others that labels leave out.
var smallWords = []string{"of", "the", "and", "in", "to", "for"}

// contentWords are the words of a text without sides and small words, sorted.
func contentWords(text string) []string {
	var out []string
	for _, w := range graph.Words(text) {
		if w != string(graph.Left) && w != string(graph.Right) && !slices.Contains(smallWords, w) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

func shortTexts(tree *graph.Tree) map[string][]shortText {
	out := map[string][]shortText{}
	add := func(id, text string, exact bool) {
		words := contentWords(text)
		if key, ok := beginnings(words); ok {
			out[key] = append(out[key], shortText{id, text, words, exact})
		}
	}
	for _, t := range tree.Terms() {
		add(t.ID, t.Name, true)
		for _, s := range t.Synonyms {
			add(t.ID, s.Text, s.Scope == graph.ScopeExact)
		}
	}
	return out
}

// shortened reads a name of which every word is the beginning of one of a term's
// words, and no word of the term is missing: "sub nigra", "glut max l".
func (e *Engine) shortened(a *answer, l *labelmap.RawLabel) {
	side, rest := handed(e.words.remarksOff(split(l.Name)))
	words := contentWords(strings.Join(rest, " "))
	k, ok := beginnings(words)
	if !ok {
		return
	}
	fits := slices.DeleteFunc(slices.Clone(e.shortening()[k]), func(s shortText) bool { return !allBegin(words, s.words) })
	least := 0
	for i, s := range fits {
		if n := len(strings.Join(s.words, "")); i == 0 || n < least {
			least = n
		}
	}
	for _, s := range fits {
		t, _ := e.tree.Term(s.id)
		c := candidate{id: s.id, score: 0.86 - 0.03*float64(min(len(strings.Join(s.words, ""))-least, 2)), predicate: labelmap.Exact, reasons: []string{"its words begin those of " + s.text}, evidence: byShort}
		if !s.exact {
			c.score, c.predicate = c.score-0.11, labelmap.Close
		}
		if t.Laterality != side {
			sided, ok := e.ofSide(s.id, side)
			switch {
			case ok:
				c.id = sided
			case t.Laterality == graph.Unsided:
				c.score, c.ceiling, c.predicate = min(c.score, sideless), sideless, labelmap.Broad
			default:
				continue
			}
		}
		a.add(c)
	}
}

// allBegin says whether each word begins another one of the longer words; both
// lists are sorted.
func allBegin(short, long []string) bool {
	for i, w := range short {
		if !strings.HasPrefix(long[i], w) || len(w) < leastBeginning && w != long[i] {
			return false
		}
	}
	return true
}
