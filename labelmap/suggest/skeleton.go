package suggest

import (
	"slices"
	"strings"

	"satgraph/labelmap"
)

// Bounds of words without vowels: letters that are left, letters of the whole
// word, and how many words it may be.
const (
	leastBare     = 3
	mostBareWords = 8
	bareQuality   = 0.78 // keeps such an answer from being accepted unseen
)

// withoutVowels reads words of which vowels, or letters that are written twice,
// are left out ("lunt", "lacrml gl") as words of the tree, for what lies where
// the list does.
func (e *Engine) withoutVowels(l *labelmap.RawLabel, a *answer, s *surroundings) {
	name := strings.TrimSpace(reExtension.ReplaceAllString(l.Name, ""))
	e.bareNamed(l, a, s, name)
	if bare := reInitials.ReplaceAllString(name, ""); bare != name && len(a.found) == 0 {
		e.bareNamed(l, a, s, bare)
	}
}

func (e *Engine) bareNamed(l *labelmap.RawLabel, a *answer, s *surroundings, name string) {
	side, words := handed(strings.ToLower(e.words.remarksOff(unwrap(split(name)))))
	texts, bare := []string{string(side)}, ""
	for _, w := range words {
		wholes := e.words.wholesOf(w)
		if len(wholes) == 0 {
			wholes = []string{w}
		} else {
			bare = w
		}
		if texts = continued(texts, wholes); len(texts) > mostReadings {
			return
		}
	}
	if bare == "" {
		return
	}
	found := answer{found: map[string]*candidate{}}
	for _, t := range texts {
		for _, r := range e.words.readings(t) {
			r.quality *= bareQuality
			r.reason = strings.Trim(bare+" lacks vowels, "+r.reason, ", ")
			r.evidence = bySpelling
			e.look(&found, r, l.Modality)
		}
	}
	for _, c := range found.found {
		if !c.partial && c.score > hopeless && s.surelyHolds(c.id) {
			a.add(*c)
		}
	}
}

// wholesOf are the words of the tree that a word may be without vowels; none for
// words that are known.
func (v *vocabulary) wholesOf(w string) []string {
	if len(w) < leastBare || v.known[w] || v.means(w) || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(v.bare[consonants(w)]), func(whole string) bool {
		return len(whole) <= len(w) || 2*len(w) < len(whole) || !inOrder(w, whole)
	})
	if len(out) > mostBareWords {
		return nil
	}
	return out
}

// learnBare indexes known words by their consonants; a label's plural has lost
// its last letter by the time that it is looked up.
func (v *vocabulary) learnBare() {
	v.bare = map[string][]string{}
	for w := range v.known {
		if len(w) < leastWhole {
			continue
		}
		k := consonants(w)
		v.bare[k] = append(v.bare[k], w)
		if short, ok := strings.CutSuffix(k, "s"); ok {
			v.bare[short] = append(v.bare[short], w)
		}
	}
	for _, words := range v.bare {
		slices.Sort(words)
	}
}
