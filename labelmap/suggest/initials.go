package suggest

import (
	"slices"
	"strings"
	"unicode"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of an abbreviation that is spelt by the beginnings of words: letters,
// and letters that one word gives.
const (
	leastInitials = 3
	mostInitials  = 6
	mostOfWord    = 4
)

// initialsQuality is how sure a term is whose words an abbreviation begins, at
// most: to be offered, and never to be accepted unseen.
const initialsQuality = 0.68

// initials reads an abbreviation that nothing knows by the beginnings of the
// words of a term where the list lies: "PrG" is the precentral gyrus in a list
// about the brain.
func (e *Engine) initials(l *labelmap.RawLabel, a *answer, s *surroundings) {
	for _, r := range slices.Concat([]reading{{text: l.Name, quality: 1}}, a.read, a.loose) {
		if r.partial {
			continue
		}
		side, rest := handed(strings.ToLower(separated(r.text)))
		if len(rest) != 1 || !abbreviates(rest[0]) || e.words.known[rest[0]] {
			continue
		}
		for _, t := range e.initialed()[rest[0][0]] {
			if !spells(rest[0], t.words) || !s.surelyHolds(t.id) {
				continue
			}
			e.addInitialed(a, t, rest[0], side, r.quality)
		}
	}
}

func (e *Engine) addInitialed(a *answer, t shortText, short string, side graph.Laterality, quality float64) {
	const synonym, mixed, wellKnown, mostKnown = 0.02, 0.02, 0.03, 20
	term, _ := e.tree.Term(t.id)
	if term.Laterality != graph.Unsided {
		return
	}
	c := candidate{id: t.id, score: initialsQuality * quality, predicate: labelmap.Exact, reasons: []string{"its letters begin the words of " + t.text}, evidence: byPart}
	c.score -= wellKnown * (1 - float64(min(len(term.Synonyms)+len(term.Xrefs), mostKnown))/mostKnown)
	if t.text != term.Name {
		c.score -= synonym
	}
	if len(short) > len(t.words) { // more than their first letters
		c.score -= mixed
	}
	if sided, ok := e.ofSide(t.id, side); ok {
		c.id = sided
	} else if side != graph.Unsided {
		c.predicate = labelmap.Broad
	}
	a.add(c)
}

func abbreviates(w string) bool {
	return len(w) >= leastInitials && len(w) <= mostInitials && !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) || r > unicode.MaxASCII })
}

// spells says whether an abbreviation is made of the beginnings of all words, in
// their order.
func spells(short string, words []string) bool {
	if len(words) == 0 {
		return short == ""
	}
	for n := 1; n <= min(mostOfWord, len(words[0]), len(short)); n++ {
		if short[n-1] != words[0][n-1] {
			return false
		}
		if spells(short[n:], words[1:]) {
			return true
		}
	}
	return false
}

// initialTexts are the names and exact synonyms of unsided terms of several
// words, by their first letter, their words in order.
func initialTexts(tree *graph.Tree) map[byte][]shortText {
	out := map[byte][]shortText{}
	add := func(id, text string) {
		var words []string
		for _, w := range graph.Words(text) {
			if !slices.Contains(smallWords, w) {
				words = append(words, w)
			}
		}
		if len(words) >= 2 && len(words) <= mostInitials {
			out[words[0][0]] = append(out[words[0][0]], shortText{id, text, words, true})
		}
	}
	for _, t := range tree.Terms() {
		if t.Laterality != graph.Unsided {
			continue
		}
		add(t.ID, t.Name)
		for _, s := range t.Synonyms {
			if s.Scope == graph.ScopeExact {
				add(t.ID, s.Text)
			}
		}
	}
	return out
}
