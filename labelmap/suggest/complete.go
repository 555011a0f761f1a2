package suggest

import (
	"maps"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of words that labels cut off or write without vowels: letters that are
// left, letters of the whole word, and how many words it may be.
const (
	leastCut     = 3
	leastWhole   = 5
	mostWholes   = 4
	cutQuality   = 0.8
	bonyQuality  = 0.78 // without vowels
	mostReadings = 16
	// completeBelow is the score below which words are looked for that are cut off.
	completeBelow = 0.7
)

// wholeWords are the words of the corpus's classes, which labels cut off: those
// are the structures that scans are mostly labelled for.
func wholeWords(classes map[string][]Class) []string {
	words := map[string]bool{}
	for name := range classes {
		for _, w := range graph.Words(name) {
			if len(w) >= leastWhole && !isSideWord(w) && lettersOnly(w) {
				words[w] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(words))
}

// endings are the words that a shortened one may be: those that it begins, and
// those of whose letters it leaves out the vowels. A word that is known is none.
func (e *Engine) endings(w string) (wholes []string, quality float64) {
	_, short := e.words.shorts[w]
	if len(w) < leastCut || !lettersOnly(w) || short || e.words.known[w] || isSideWord(w) || e.words.remarks[w] {
		return nil, 0
	}
	for _, whole := range e.whole {
		if len(whole) > len(w)+1 && strings.HasPrefix(whole, w) {
			wholes = append(wholes, whole)
		}
	}
	if len(wholes) > 0 {
		return wholes, cutQuality
	}
	for _, whole := range e.whole {
		if len(w) >= len(whole)/2 && consonants(whole) == consonants(w) && (inOrder(w, whole) || len(w) == len(whole)) {
			wholes = append(wholes, whole)
		}
	}
	return wholes, bonyQuality
}

// inOrder says whether a word has the letters of a shorter one in their order.
func inOrder(short, long string) bool {
	for i := range len(long) {
		if short == "" {
			return true
		}
		if long[i] == short[0] {
			short = short[1:]
		}
	}
	return short == ""
}

// consonants leaves out the vowels behind the first letter, and what is doubled.
func consonants(w string) string {
	out := []byte(w[:1])
	for i := 1; i < len(w); i++ {
		if strings.IndexByte("aeiouy", w[i]) < 0 && w[i] != out[len(out)-1] {
			out = append(out, w[i])
		}
	}
	return string(out)
}

// continued is each text with each of the words behind it.
func continued(texts, words []string) []string {
	out := make([]string, 0, len(texts)*len(words))
	for _, t := range texts {
		for _, w := range words {
			out = append(out, strings.TrimSpace(t+" "+w))
		}
	}
	return out
}

// completed reads words of the corpus's classes that a label cuts off ("liv",
// "pros") or writes without vowels ("bldr").
func (e *Engine) completed(a *answer, l *labelmap.RawLabel) {
	side, words := handed(strings.ToLower(e.words.remarksOff(unwrap(split(reExtension.ReplaceAllString(l.Name, ""))))))
	texts, quality, cut := []string{string(side)}, 1.0, ""
	for _, w := range words {
		wholes, q := e.endings(w)
		switch {
		case len(wholes) == 0:
			wholes = []string{w}
		case len(wholes) > mostWholes && len(words) == 1:
			return
		default:
			quality *= q
			cut = w
		}
		if texts = continued(texts, wholes); len(texts) > mostReadings {
			return
		}
	}
	if cut == "" {
		return
	}
	for _, t := range texts {
		e.look(a, reading{text: t, quality: quality, reason: cut + " is short for a word", evidence: bySpelling}, l.Modality)
	}
}
