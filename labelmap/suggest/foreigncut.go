package suggest

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of a label whose words of another language are cut off: letters of a
// word, of a word that has to be whole or nearly so, and of all words together.
const (
	leastForeignCut  = 2
	leastForeignLong = 4
	leastForeignAll  = 5
	// foreignCutQuality keeps such an answer from being accepted unseen.
	foreignCutQuality = 0.78
)

// sortLetters begin the words for sorts of structures of which a letter may stand for the
// whole: "n ottico", "M. masseter".
const sortLetters = "namv"

// foreignCut reads a label that cuts the words of another language off: "tronco
// enc.", "cavité bucc.", "Harnbl.". All phrases of the language that it may be cut
// from have to mean the same.
func (e *Engine) foreignCut(a *answer, l *labelmap.RawLabel) {
	name := strings.TrimSpace(reExtension.ReplaceAllString(l.Name, ""))
	e.foreignCutNamed(a, l, e.words.remarksOff(unwrap(name)))
	for _, strip := range []*regexp.Regexp{reDate, reCount, reInitials} {
		if bare := strip.ReplaceAllString(name, ""); bare != name && len(a.found) == 0 {
			e.foreignCutNamed(a, l, bare)
		}
	}
}

func (e *Engine) foreignCutNamed(a *answer, l *labelmap.RawLabel, name string) {
	if m := reLatinSide.FindStringSubmatch(strings.TrimSpace(name)); m != nil {
		name = map[string]string{"G": "left", "D": "right"}[m[2]] + " " + m[1]
	}
	latin := plain.cut(name)
	for _, language := range e.words.order {
		lex := e.words.languages[language]
		words := latin
		switch {
		case lex.joined:
			continue
		case lex.script != nil:
			words, _ = e.words.words(language, name)
		}
		side, words := lex.sideOff(words)
		english := cmp.Or(lex.uncut(words), lex.uncutEach(words))
		if english == "" {
			continue
		}
		text := strings.TrimSpace(string(side) + " " + english)
		e.look(a, reading{text: text, quality: foreignCutQuality, reason: language + ": " + strings.Join(words, " ") + " is short for " + english, evidence: bySpelling}, l.Modality)
	}
}

// sideOff takes the side out of words of the language.
func (l *lexicon) sideOff(words []string) (side graph.Laterality, rest []string) {
	for _, w := range words {
		hand := graph.Laterality(l.phrases[w])
		if hand != graph.Left && hand != graph.Right {
			rest = append(rest, w)
			continue
		}
		side = hand
	}
	if side == graph.Unsided {
		return handed(strings.Join(words, " "))
	}
	return side, rest
}

// uncut is the English of the phrases that words are cut from; empty where there
// is none, or where they mean several things. A phrase goes before those that it
// begins.
func (l *lexicon) uncut(words []string) string {
	if len(words) == 0 || len(strings.Join(words, "")) < leastForeignAll {
		return ""
	}
	meaning, first := "", ""
	for _, c := range l.cuttable[cutKey{words[0][0], len(words)}] {
		if first != "" && strings.HasPrefix(c.phrase, first) {
			continue // "gallenblasenstein" after "gallenblase"
		}
		if !cutFrom(words, c.words) {
			continue
		}
		english := l.phrases[c.phrase]
		if meaning != "" && graph.Normalize(english) != graph.Normalize(meaning) {
			return ""
		}
		meaning, first = english, c.phrase
	}
	return meaning
}

// Letters of a word that is read alone though it is cut off, and of the beginning
// that the English of the words that it may be cut from must share.
const (
	leastCutAlone   = 4
	leastSharedStem = 4
)

// uncutEach is the English of words of which each is a phrase of the language, or
// cut from one, or stands for itself: "derrame pleur der". It is empty where none
// is cut off.
func (l *lexicon) uncutEach(words []string) string {
	if len(words) < 2 || len(words) > mostWords {
		return ""
	}
	var out []string
	cut := 0
	for i := 0; i < len(words); {
		english, n := l.phrase(words[i:])
		if n == 0 {
			n = 1
			if english = l.begun(words[i]); english != "" {
				cut++
			}
		}
		out = append(out, cmp.Or(english, words[i]))
		i += n
	}
	if cut == 0 {
		return ""
	}
	return strings.Join(out, " ")
}

// begun is the English of the words of the language that a word begins: what
// theirs share, where they mean several things ("pleur" of pleura and pleural).
func (l *lexicon) begun(word string) string {
	if len(word) < leastCutAlone {
		return ""
	}
	first, _ := slices.BinarySearch(l.sorted, word)
	english := ""
	for _, phrase := range l.sorted[first:] {
		if !strings.HasPrefix(phrase, word) {
			break
		}
		if strings.Contains(phrase, " ") {
			continue
		}
		english = shared(cmp.Or(english, l.phrases[phrase]), l.phrases[phrase])
		if len(english) < leastSharedStem {
			return ""
		}
	}
	return english
}

// shared is what two names begin with alike.
func shared(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return strings.TrimSpace(a[:n])
}

// leastMisspelt is how many letters a word has that may lack one.
const leastMisspelt = 5

// lacksOne says whether a word is another without one of its letters.
func lacksOne(word, whole string) bool {
	if len(word) < leastMisspelt || len(word)+1 != len(whole) {
		return false
	}
	n := 0
	for n < len(word) && word[n] == whole[n] {
		n++
	}
	return word[n:] == whole[n+1:]
}

// smallForeign are those of other languages.
var smallForeign = []string{"de", "del", "della", "dell", "dello", "di", "da", "do", "du", "des", "la", "le", "el", "il", "der", "van"}

// cuttable is a phrase in as many words as a label that cuts it off may have.
type cuttable struct {
	phrase string
	words  []string
}

// cutKey is the first byte and the number of the words of a phrase.
type cutKey struct {
	first byte
	words int
}

// learnCut indexes the phrases, each as it is and without its small words.
func (l *lexicon) learnCut() {
	l.cuttable = map[cutKey][]cuttable{}
	add := func(phrase string, words []string) {
		k := cutKey{words[0][0], len(words)}
		l.cuttable[k] = append(l.cuttable[k], cuttable{phrase, words})
	}
	for _, phrase := range l.sorted {
		words := strings.Fields(phrase)
		add(phrase, words)
		bare := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(smallForeign, w) })
		if len(bare) > 0 && len(bare) < len(words) {
			add(phrase, bare)
		}
	}
}

// cutFrom says whether words begin those of a phrase, or lack a letter of them,
// one at least of them to a good part.
func cutFrom(words, phrase []string) bool {
	if slices.Equal(words, phrase) {
		return false
	}
	long := false
	for i, w := range words {
		sort := i == 0 && len(words) > 1 && len(w) == 1 && strings.Contains(sortLetters, w)
		if !strings.HasPrefix(phrase[i], w) && !lacksOne(w, phrase[i]) || len(w) < leastForeignCut && !sort {
			return false
		}
		long = long || len(w) >= leastForeignLong
	}
	return long
}
