package graph

import (
	"cmp"
	"slices"
	"strings"
)

// textIndex finds the names and synonyms that hold given words. Texts are
// numbered by the weight of the words in them, least first, so that every list of
// texts begins with those that a query covers best.
type textIndex struct {
	texts  []posting
	weight []uint8

	wordStart []int32 // words of text i: words[wordStart[i]:wordStart[i+1]]
	words     []int32

	vocabulary []string // sorted, in folded form
	surface    []string // a word as some name spells it
	textStart  []int32  // texts of word w: textsOf[textStart[w]:textStart[w+1]], ascending
	textsOf    []int32

	left, right int32 // the sides in the vocabulary, or -1
}

// stopWord says whether a word says nothing about what a structure is.
func stopWord(w string) bool {
	switch w {
	case "of", "the", "a", "an", "and", "in", "on", "at", "to", "for", "from", "with", "by", "or", "de", "la", "et":
		return true
	}
	return false
}

// weightOf is how much a word counts in a text: in full, or a little where names
// may leave it out. Sides are weighed apart.
func weightOf(w string) int {
	switch {
	case isSide(w):
		return 0
	case leftOut(w):
		return lightWord
	default:
		return fullWord
	}
}

const (
	fullWord  = 10
	lightWord = 3
)

func isSide(w string) bool { return w == "left" || w == "right" }

func (t *Tree) textIndex() *textIndex {
	t.textsOnce.Do(func() { t.texts = newTextIndex(t.terms) })
	return t.texts
}

func newTextIndex(terms []Term) *textIndex {
	b := textBuilder{number: map[string]int32{}, start: []int32{0}}
	for i := range terms {
		for j := -1; j < len(terms[i].Synonyms); j++ {
			b.add(posting{int32(i), int32(j)}, &terms[i])
		}
	}
	return b.index()
}

// textBuilder collects texts in the order of terms, with words numbered as they
// come.
type textBuilder struct {
	texts  []posting
	weight []uint8
	start  []int32
	words  []int32

	number     map[string]int32
	vocabulary []string
	surface    []string

	raw, folded []string
}

func (b *textBuilder) add(p posting, term *Term) {
	b.raw = appendWords(b.raw[:0], p.text(term))
	b.folded = appendFolded(append(b.folded[:0], b.raw...))
	aligned := len(b.raw) == len(b.folded)
	from, weight := len(b.words), 0
	for i, w := range b.folded {
		if stopWord(w) {
			continue
		}
		n, ok := b.number[w]
		if !ok {
			n = int32(len(b.vocabulary)) //nolint:gosec // fits memory long before
			w = strings.Clone(w)         // not to hold the whole text
			b.number[w] = n
			b.vocabulary = append(b.vocabulary, w)
			b.surface = append(b.surface, "")
		}
		if s := b.surface[n]; aligned && s != w && (s == "" || b.raw[i] == w) {
			b.surface[n] = strings.Clone(b.raw[i])
		}
		if slices.Contains(b.words[from:], n) {
			continue
		}
		b.words = append(b.words, n)
		weight += weightOf(w)
	}
	b.texts = append(b.texts, p)
	b.weight = append(b.weight, uint8(min(weight, 255)))
	b.start = append(b.start, int32(len(b.words))) //nolint:gosec // as above
}

// index sorts words and texts and turns the lists round.
func (b *textBuilder) index() *textIndex {
	order := make([]int32, len(b.vocabulary))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int { return strings.Compare(b.vocabulary[x], b.vocabulary[y]) })
	x := &textIndex{
		texts: make([]posting, len(b.texts)), weight: make([]uint8, len(b.texts)),
		wordStart: make([]int32, 1, len(b.start)), words: make([]int32, 0, len(b.words)),
		vocabulary: make([]string, len(order)), surface: make([]string, len(order)),
		textStart: make([]int32, len(order)+1), textsOf: make([]int32, len(b.words)),
		left: -1, right: -1,
	}
	place := make([]int32, len(order))
	for i, w := range order {
		place[w] = int32(i)
		x.vocabulary[i], x.surface[i] = b.vocabulary[w], cmp.Or(b.surface[w], b.vocabulary[w])
	}
	x.left, x.right = x.word("left"), x.word("right")
	texts := make([]int32, len(b.texts))
	for i := range texts {
		texts[i] = int32(i)
	}
	slices.SortStableFunc(texts, func(i, j int32) int { return cmp.Compare(b.weight[i], b.weight[j]) })
	for n, i := range texts {
		x.texts[n], x.weight[n] = b.texts[i], b.weight[i]
		for _, w := range b.words[b.start[i]:b.start[i+1]] {
			x.words = append(x.words, place[w])
			x.textStart[place[w]+1]++
		}
		x.wordStart = append(x.wordStart, int32(len(x.words))) //nolint:gosec // as above
	}
	for w := range order {
		x.textStart[w+1] += x.textStart[w]
	}
	next := slices.Clone(x.textStart)
	for n := range x.texts {
		for _, w := range x.of(int32(n)) {
			x.textsOf[next[w]] = int32(n)
			next[w]++
		}
	}
	return x
}

// of returns the words of a text.
func (x *textIndex) of(text int32) []int32 {
	return x.words[x.wordStart[text]:x.wordStart[text+1]]
}

// with returns the texts that hold a word, ascending.
func (x *textIndex) with(word int32) []int32 {
	return x.textsOf[x.textStart[word]:x.textStart[word+1]]
}

// word returns the place of a folded word in the vocabulary, or -1.
func (x *textIndex) word(w string) int32 {
	i, ok := slices.BinarySearch(x.vocabulary, w)
	if !ok {
		return -1
	}
	return int32(i) //nolint:gosec // fits memory long before
}

// beginning returns the range of words that start with a prefix.
func (x *textIndex) beginning(prefix string) (from, to int) {
	from, _ = slices.BinarySearch(x.vocabulary, prefix)
	to = from + skip(x.vocabulary[from:], prefix)
	return from, to
}

// skip counts the words at the front of a sorted list that start with a prefix.
// Mostly these are few, so it looks near the front first.
func skip(words []string, prefix string) int {
	n, step := 0, 1
	for n+step <= len(words) && strings.HasPrefix(words[n+step-1], prefix) {
		n, step = n+step, 2*step
	}
	for step /= 2; step > 0; step /= 2 {
		if n+step <= len(words) && strings.HasPrefix(words[n+step-1], prefix) {
			n += step
		}
	}
	return n
}
