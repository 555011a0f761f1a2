package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds on what one search looks at.
const (
	maxQueryBytes = 400
	maxQueryWords = 16
	maxReadings   = 16
)

// asked is the side that a query asks for.
type asked uint8

const (
	anySide asked = iota
	leftSide
	rightSide
	bothSides // "bilateral": the term without side
	twoSides  // "left lobe of right lung"
)

// token is one word of a query: as typed and as compared.
type token struct {
	typed, word string
	// given is why a table put the word here; it is looked for as it is.
	given bool
}

// reading is one way to understand a query.
type reading struct {
	tokens  []token
	side    asked
	quality float64
	notes   []string
	means   string // what a phrase stands for, if it was the whole query
}

// letters says whether a reading has no word of more than a letter.
func (r *reading) letters() bool {
	return !slices.ContainsFunc(r.tokens, func(t token) bool { return len(t.word) > 1 && !stopWord(t.word) })
}

// readings returns the ways to understand a text, the literal one first.
func (x *textIndex) readings(text string) []reading {
	tokens, side, notes := sidesOf(tokenize(text))
	if len(tokens) > maxQueryWords {
		return nil
	}
	e := expander{text: text, known: knownWords()}
	literal := reading{tokens: tokens, side: side, quality: 1, notes: notes}
	e.out = append(e.out, literal)
	e.expand(literal, 0, false)
	e.levels(literal)
	for _, r := range slices.Clone(e.out) {
		e.glue(x, r)
	}
	return e.out
}

// letterWords are what Latin names shorten to one letter, or two for several:
// "a. renalis", "vv. pulmonales".
var (
	letterWords = regexp.MustCompile(`(?i)\b(?:aa?|vv?|nn?|mm?)\.`)
	letterWord  = map[string]string{"a": "arteria", "v": "vena", "n": "nervus", "m": "musculus"}
)

// tokenize splits a query into words, also where labels are written together:
// "LeftKidney", "rib3", "L5S1".
func tokenize(text string) []token {
	text = letterWords.ReplaceAllStringFunc(text, func(m string) string { return letterWord[strings.ToLower(m[:1])] + " " })
	var spaced strings.Builder
	var before rune
	run := 0 // letters since the last other character
	for _, r := range text {
		switch {
		case unicode.IsUpper(r) && unicode.IsLower(before), // LeftKidney
			unicode.IsDigit(r) && unicode.IsLetter(before) && run > 2: // rib3
			spaced.WriteByte(' ')
		}
		if unicode.IsLetter(r) {
			run++
		} else {
			run = 0
		}
		spaced.WriteRune(r)
		before = r
	}
	var raw []string
	for _, w := range appendWords(nil, spaced.String()) {
		if m := twoLevels.FindStringSubmatch(w); m != nil {
			raw = append(raw, m[1], m[2])
			continue
		}
		raw = append(raw, w)
	}
	folded := appendFolded(slices.Clone(raw))
	out := make([]token, len(folded))
	for i, w := range folded {
		out[i] = token{typed: w, word: w}
		if len(raw) == len(folded) {
			out[i].typed = raw[i]
		}
	}
	return out
}

// sideWords are the ways to write a side in a label. The first letters count
// only beside another word. Common slips of the keyboard are listed, since a side
// is never guessed.
var sideWords = map[string]string{
	"left": "left", "lt": "left", "lft": "left", "lefft": "left", "lef": "left", "lfet": "left", "letf": "left", "leftt": "left", "sin": "left", "l": "left",
	"right": "right", "rt": "right", "rgt": "right", "rght": "right", "rihgt": "right", "rigth": "right", "righ": "right", "rigt": "right", "riht": "right", "rightt": "right", "rite": "right", "dex": "right", "dext": "right", "r": "right",
}

// sidesOf takes the sides out of a query, unless it is nothing else.
func sidesOf(tokens []token) (rest []token, side asked, notes []string) {
	var sides []string
	both, apart := false, false
	for i, t := range tokens {
		switch t.word {
		case "bilateral", "bilat", "both", "paired", "b/l":
			both = true
			notes = append(notes, fmt.Sprintf("%q asks for both sides: the term without side", t.typed))
			continue
		}
		side, ok := sideWords[t.word]
		if ok && len(t.word) == 1 && (len(tokens) == 1 || i > 0 && i < len(tokens)-1 && !stopWord(tokens[i-1].word) || isLevelLetter(tokens, i)) {
			ok = false // "rib l 3" is a side only at an end or after "of"
		}
		if !ok {
			apart = apart || len(sides) == 1 && !stopWord(t.word)
			rest = append(rest, t)
			continue
		}
		if !slices.Contains(sides, side) {
			sides = append(sides, side)
		}
		if t.typed != side {
			notes = append(notes, fmt.Sprintf("%q says %s", t.typed, side))
		}
	}
	content := slices.ContainsFunc(rest, func(t token) bool { return !stopWord(t.word) })
	switch {
	case !content:
		return tokens, anySide, nil
	case both, len(sides) == 2 && !apart:
		return rest, bothSides, notes
	case len(sides) == 2:
		return rest, twoSides, notes
	case len(sides) == 1 && sides[0] == "left":
		return rest, leftSide, notes
	case len(sides) == 1:
		return rest, rightSide, notes
	}
	return rest, anySide, notes
}

// isLevelLetter: "vertebra L 5" and "L-spine" name a level, not a side.
func isLevelLetter(tokens []token, i int) bool {
	if i+1 < len(tokens) && tokens[i+1].word == "spine" {
		return true
	}
	if i+1 >= len(tokens) || !isNumber(tokens[i+1].word) {
		return false
	}
	return slices.ContainsFunc(tokens, func(t token) bool { return t.word == "vertebra" || t.word == "disc" || t.word == "vertebral" })
}

// expander collects readings.
type expander struct {
	text  string
	known *thesaurus
	out   []reading
}

func (e *expander) add(r reading) {
	if len(e.out) < maxReadings {
		e.out = append(e.out, r)
	}
}

// expand replaces the phrases of the tables from token i on, in every way.
func (e *expander) expand(r reading, i int, changed bool) {
	if len(e.out) >= maxReadings {
		return
	}
	if i >= len(r.tokens) {
		if changed {
			e.add(r)
		}
		return
	}
	for n := min(e.known.longest, len(r.tokens)-i); n > 0; n-- {
		words := make([]string, n)
		for k, t := range r.tokens[i : i+n] {
			words[k] = t.word
		}
		for _, p := range e.known.phrases[strings.Join(words, " ")] {
			if p.capital != "" && !strings.Contains(e.text, p.capital) {
				continue
			}
			if next, ok := e.replace(r, i, n, p); ok {
				e.expand(next, i+len(next.tokens)-len(r.tokens)+n, true)
			}
		}
	}
	e.expand(r, i+1, changed)
}

// replace puts what a phrase means in place of n tokens. A phrase with a side of
// its own, "LV", does not fit a query with the other.
func (e *expander) replace(r reading, i, n int, p phrase) (reading, bool) {
	var typed []string
	for _, t := range r.tokens[i : i+n] {
		typed = append(typed, t.typed)
	}
	var given []token
	side := r.side
	for _, w := range p.words {
		if !isSide(w) {
			given = append(given, token{typed: w, word: w, given: true})
			continue
		}
		s := leftSide
		if w == "right" {
			s = rightSide
		}
		if side != anySide && side != s {
			return reading{}, false
		}
		side = s
	}
	means := ""
	if n == len(r.tokens) && r.side == anySide {
		means = p.means
	}
	return reading{
		means:   means,
		tokens:  slices.Concat(r.tokens[:i], given, r.tokens[i+n:]),
		side:    side,
		quality: 0.98 * r.quality,
		notes:   append(slices.Clone(r.notes), fmt.Sprintf("%q stands for %q", strings.ToUpper(strings.Join(typed, " ")), p.means)),
	}, true
}

var (
	level     = regexp.MustCompile(`^(c|th|t|d|l|s)([0-9]{1,2})$`)
	twoLevels = regexp.MustCompile(`^((?:c|th|t|d|l|s)[0-9]{1,2})((?:c|th|t|d|l|s)[0-9]{1,2})$`)
)

// spineLevel reads "L5", "Th12" and "D12" (dorsal, of the thoracic spine).
func spineLevel(w string) (region string, n int, ok bool) {
	m := level.FindStringSubmatch(w)
	if m == nil {
		return "", 0, false
	}
	n, _ = strconv.Atoi(m[2])
	last := 0
	switch m[1] {
	case "c":
		region, last = "cervical", 8 // C8 is a nerve
	case "t", "th", "d":
		region, last = "thoracic", 13
	case "l":
		region, last = "lumbar", 6
	case "s":
		region, last = "sacral", 5
	}
	return region, n, n > 0 && n <= last
}

// levels reads the levels of the spine: one is its vertebra, or the nerve or
// segment that the query names; two that follow one another are the disc between
// them.
func (e *expander) levels(r reading) {
	tokens := slices.Clone(r.tokens)
	for i := 0; i+1 < len(tokens); i++ { // "L 5"
		if _, _, ok := spineLevel(tokens[i].word + tokens[i+1].word); ok && isNumber(tokens[i+1].word) && isLevelLetter(tokens, i) {
			w := tokens[i].word + tokens[i+1].word
			tokens = slices.Replace(tokens, i, i+2, token{typed: w, word: w})
		}
	}
	r.tokens = tokens
	at := -1
	for i, t := range tokens {
		if _, _, ok := spineLevel(t.word); ok {
			if at >= 0 && i == at+1 {
				e.discBetween(r, at)
			}
			if at >= 0 {
				return // several levels that are no neighbours are no one thing
			}
			at = i
		}
	}
	if at < 0 {
		return
	}
	region, n, _ := spineLevel(tokens[at].word)
	words := []string{region, strconv.Itoa(n)}
	what := region + " vertebra " + strconv.Itoa(n)
	if slices.ContainsFunc(tokens, func(t token) bool {
		switch t.word {
		case "nerve", "root", "ganglion", "segment", "cord", "spinal", "dermatome":
			return true
		}
		return false
	}) {
		what = "level " + strconv.Itoa(n) + " of the " + region + " spine"
	} else {
		words = append(words, "vertebra")
	}
	e.given(r, at, 1, words, fmt.Sprintf("%q is the %s", strings.ToUpper(tokens[at].typed), what))
}

// discBetween reads tokens at and at+1 as the disc between two neighbours.
func (e *expander) discBetween(r reading, at int) {
	above, n, _ := spineLevel(r.tokens[at].word)
	below, m, _ := spineLevel(r.tokens[at+1].word)
	if neighbours := above == below && m == n+1 || above != below && m == 1; !neighbours {
		return
	}
	short := func(region string, n int) string { return region[:1] + strconv.Itoa(n) }
	a, b := short(above, n), short(below, m)
	e.given(r, at, 2, []string{a, b, "intervertebral", "disc"}, fmt.Sprintf("%q is the disc between %s and %s",
		strings.ToUpper(r.tokens[at].typed+"-"+r.tokens[at+1].typed), strings.ToUpper(a), strings.ToUpper(b)))
}

func (e *expander) given(r reading, i, n int, words []string, note string) {
	var given []token
	for _, w := range words {
		given = append(given, token{typed: w, word: w, given: true})
	}
	e.add(reading{
		tokens: slices.Concat(r.tokens[:i], given, r.tokens[i+n:]), side: r.side, quality: 0.98 * r.quality,
		notes: append(slices.Clone(r.notes), note),
	})
}

// glue reads two words as one ("gall bladder") and one as two ("brainstem")
// where the tree writes them so.
func (e *expander) glue(x *textIndex, r reading) {
	for i, t := range r.tokens {
		if t.given || isNumber(t.word) {
			continue
		}
		if i+1 < len(r.tokens) && !r.tokens[i+1].given && !isNumber(r.tokens[i+1].word) {
			joined := t.typed + r.tokens[i+1].typed
			w := foldWord(joined)
			if x.word(w) < 0 && (x.word(t.word) < 0 || x.word(r.tokens[i+1].word) < 0) {
				if near := x.within(w, 1); len(near) == 1 { // "gal bladder"
					w = x.vocabulary[near[0].word]
				}
			}
			if x.word(w) >= 0 {
				e.spell(r, i, 2, []token{{typed: joined, word: w}}, fmt.Sprintf("%q written as one word", t.typed+" "+r.tokens[i+1].typed))
			}
		}
		if x.word(t.word) >= 0 {
			continue
		}
		for k := 3; k+3 <= len(t.typed); k++ {
			first, second := t.typed[:k], foldWord(t.typed[k:])
			if x.word(first) >= 0 && x.word(second) >= 0 && guessable(first) && guessable(second) {
				e.spell(r, i, 1, []token{{typed: first, word: first}, {typed: t.typed[k:], word: second}}, fmt.Sprintf("%q written as two words", t.typed))
				break
			}
		}
	}
}

func (e *expander) spell(r reading, i, n int, tokens []token, note string) {
	e.add(reading{
		tokens: slices.Concat(r.tokens[:i], tokens, r.tokens[i+n:]), side: r.side, quality: 0.97 * r.quality,
		notes: append(slices.Clone(r.notes), note),
	})
}
