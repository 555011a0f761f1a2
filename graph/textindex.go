package graph

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// textIndex finds the names and synonyms that hold given words. Texts are
// numbered by the weight of the words in them, least first, then by how well known
// their terms are, so that every list of texts begins with those that a query
// covers best.
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

	pool  sync.Pool // of *[]uint16, for matchers
	spelt speltWords
}

// stopWord says whether a word says nothing about what a structure is.
func stopWord(w string) bool {
	switch w {
	case "of", "the", "a", "an", "and", "in", "on", "at", "to", "for", "from", "with", "by", "or":
		return true
	}
	return false
}

// known is how well known a term is: by how many names and cross-references.
func known(t *Term) int { return len(t.Synonyms) + len(t.Xrefs) }

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
	count := len(terms)
	for i := range terms {
		count += len(terms[i].Synonyms)
	}
	b := textBuilder{
		number: map[string]int32{}, folder: folder{known: map[string]string{}},
		texts: make([]posting, 0, count), order: make([]uint16, 0, count), start: append(make([]int32, 0, count+1), 0),
		words: make([]int32, 0, 5*count),
	}
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
	texts []posting
	// order is the weight of a text, then how little known its term is.
	order []uint16
	start []int32
	words []int32

	folder     folder
	number     map[string]int32
	vocabulary []string
	surface    []string

	raw, folded []string
}

func (b *textBuilder) add(p posting, term *Term) {
	b.raw = appendWords(b.raw[:0], p.text(term))
	b.folded = b.folder.fold(append(b.folded[:0], b.raw...))
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
	b.order = append(b.order, uint16(min(weight, 255))<<8|uint16(255-min(known(term), 255))) //nolint:gosec // both fit a byte
	b.start = append(b.start, int32(len(b.words)))                                           //nolint:gosec // as above
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
	for n, i := range b.sorted() {
		x.texts[n], x.weight[n] = b.texts[i], uint8(b.order[i]>>8)
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

// sorted lists the texts by order, in their own order where that is equal.
func (b *textBuilder) sorted() []int32 {
	next := make([]int32, 1<<16+1)
	for _, o := range b.order {
		next[int(o)+1]++
	}
	for o := range 1 << 16 {
		next[o+1] += next[o]
	}
	texts := make([]int32, len(b.texts))
	for i, o := range b.order {
		texts[next[o]] = int32(i)
		next[o]++
	}
	return texts
}

// of returns the words of a text.
func (x *textIndex) of(text int32) []int32 {
	return x.words[x.wordStart[text]:x.wordStart[text+1]]
}

// letter says whether a text is one letter.
func (x *textIndex) letter(text int32) bool {
	words := x.of(text)
	return len(words) == 1 && len(x.vocabulary[words[0]]) == 1
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
