package graph

import (
	"slices"
	"strings"
	"sync"
)

// misspelt is a word of the vocabulary near a misspelt one.
type misspelt struct {
	word  int32
	slips int
}

// slipsAllowed is how many letters of a word may be wrong: none in short words,
// where every letter makes another word, two in long ones.
func slipsAllowed(w string) int {
	switch {
	case len(w) < 4:
		return 0
	case len(w) < 8:
		return 1
	default:
		return 2
	}
}

// near lists the words that a misspelt word may stand for: those that at most
// slipsAllowed letters dropped, added, changed or swapped with their neighbour
// make of it (optimal string alignment). The first letter of a word of less than
// eight is taken to be right, or swapped with the second: "chair" is no "hair".
// In words of four no letter is taken for another: "sofa" is not "soft". Words
// with digits and sides are never guessed.
func (x *textIndex) near(w string) []misspelt {
	return x.within(w, slipsAllowed(w))
}

// within is near with another number of slips. The words of one text are looked
// for again and again as it is read in several ways, so what was found is kept
// for a while.
func (x *textIndex) within(w string, most int) []misspelt {
	if most == 0 || len(w) > 40 {
		return nil
	}
	found, ok := x.spelt.get(w, most)
	if !ok {
		found = x.spell(w, most)
		x.spelt.put(w, most, found)
	}
	return slices.Clone(found) // the caller may sort it
}

// speltWords keeps what near found for the latest words.
type speltWords struct {
	mu    sync.Mutex
	words map[speltWord][]misspelt
}

type speltWord struct {
	word string
	most int
}

// maxSpelt is how many words are kept.
const maxSpelt = 1 << 14

func (k *speltWords) get(w string, most int) ([]misspelt, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.words[speltWord{w, most}]
	return found, ok
}

func (k *speltWords) put(w string, most int, found []misspelt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.words == nil || len(k.words) == maxSpelt {
		k.words = make(map[speltWord][]misspelt)
	}
	k.words[speltWord{strings.Clone(w), most}] = found
}

func (x *textIndex) spell(w string, most int) []misspelt {
	s := speller{index: x, query: w, most: most}
	if len(w) >= 8 {
		s.walk(0, len(x.vocabulary))
		return s.found
	}
	from, to := x.beginning(w[:1])
	s.walk(from, to)
	if w[0] != w[1] {
		s.walk(x.beginning(w[1:2] + w[:1]))
	}
	return s.found
}

// far is more slips than are ever allowed, and little enough to add to.
const far = 100

// speller walks the sorted vocabulary as if it were a tree of letters: rows of
// the distance table are kept for the letters that a word shares with the one
// before it, and all words behind a hopeless beginning are skipped. Of a row only
// the cells near the diagonal are filled; farther ones need more slips.
type speller struct {
	index *textIndex
	query string
	most  int
	found []misspelt

	rows  [64][48]int8 // rows[d][j]: slips between d letters of the word and j of the query
	last  string
	depth int // rows that hold for last
}

func (s *speller) walk(from, to int) {
	for d := range s.rows {
		for j := range s.rows[d] {
			s.rows[d][j] = far
		}
	}
	for j := range s.most + 1 {
		s.rows[0][j] = int8(j)
	}
	s.last, s.depth = "", 0
	for i := from; i < to; i++ {
		w := s.index.vocabulary[i]
		if longer := len(w) - len(s.query); longer > s.most || -longer > s.most {
			continue
		}
		shared := 0
		for shared < s.depth && shared < len(w) && w[shared] == s.last[shared] {
			shared++
		}
		s.last, s.depth = w, shared
		if !s.fill(w) {
			i += skip(s.index.vocabulary[i:to], w[:s.depth]) - 1
			continue
		}
		if slips := int(s.rows[len(w)][len(s.query)]); slips <= s.most && guessable(w) && (len(w) != 4 || len(s.query) != 4 || sameLetters(w, s.query)) {
			s.found = append(s.found, misspelt{int32(i), slips}) //nolint:gosec // fits memory long before
		}
	}
}

// fill computes the rows of w below depth; false as soon as no word with the
// letters so far can be near.
func (s *speller) fill(w string) bool {
	q := s.query
	for d := s.depth + 1; d <= len(w); d++ {
		row, above := &s.rows[d], &s.rows[d-1]
		least := int8(far)
		if d <= s.most {
			row[0] = int8(d) //nolint:gosec // at most 2
			least = row[0]
		}
		for j := max(1, d-s.most); j <= min(len(q), d+s.most); j++ {
			cost := int8(1)
			if w[d-1] == q[j-1] {
				cost = 0
			}
			n := min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if d > 1 && j > 1 && w[d-1] == q[j-2] && w[d-2] == q[j-1] {
				n = min(n, s.rows[d-2][j-2]+1)
			}
			row[j] = n
			least = min(least, n)
		}
		s.depth = d
		// A swap looks back two rows, so one row too many slips is not the end.
		if int(least) > s.most && (d < 2 || int(least) > s.most+1) {
			return false
		}
	}
	return true
}

// guessable says whether a misspelt word may stand for w.
func guessable(w string) bool { return len(w) >= 3 && !isSide(w) && !hasDigit(w) }

func hasDigit(w string) bool {
	for i := range len(w) {
		if w[i] >= '0' && w[i] <= '9' {
			return true
		}
	}
	return false
}

// sameLetters says whether one word is the other with letters swapped.
func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
