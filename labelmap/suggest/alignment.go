package suggest

import (
	"math"
	"strings"
)

// Costs of the ways in which labels shorten names. They add up; one more or less
// is about a guess half or twice as likely.
const (
	costGlued     = 0.3 // of words that are run together
	costJump      = 0.6 // of a word in another order
	costUnsaid    = 2.6 // of a word that the label leaves out
	costGeneric   = 1.1 // of one that says only what sort of structure it is
	costLeftover  = 3.0 // of a word of the label that no word of the name explains
	costBare      = 0.8 // of a word without vowels
	costConsonant = 0.7 // of each consonant that it lacks inside
	costCut       = 0.7 // of its end that it lacks too
	costLetters   = 2.4 // of two letters that stand for a word
	costEnding    = 1.0 // of a word with another ending
	costTypo      = 1.4 // of a letter too many, another letter, or two that changed places
	leastTypo     = 6
	partGeneric   = 1 / 3.0
)

// costBeginning is of a word's first letters alone, by how many there are; more
// cost as much as the last.
var costBeginning = [...]float64{1: 3, 2: 2, 3: 1, 4: 0.6}

// few is how many words a name has whose alignments are not remembered.
const few = 2

// alignment is the least that it costs to read words as shortened from those of a
// name: each in pieces of which each shortens a word. Infinite where they cannot
// be. A word that is known stands for itself, and is not made of pieces.
func alignment(words []string, name *alignable, known func(word string) bool) float64 {
	a := aligner{words: words, name: name, known: make([]bool, len(words))}
	for i, w := range words {
		a.known[i] = known(w)
	}
	if len(name.words) > few {
		a.costs = map[progress]float64{}
	}
	return a.rest(progress{last: -1})
}

// progress is how far an alignment has come: the word of the label, the letters of
// it that are read, the word of the name read last, and all that were (bits).
type progress struct {
	word, letters, last int
	used                uint8
}

type aligner struct {
	words []string
	known []bool
	name  *alignable
	costs map[progress]float64 // nil for names of few words, which are soon gone through
}

// rest is what the rest of the label costs at least.
func (a *aligner) rest(s progress) float64 {
	if s.word == len(a.words) {
		return a.unsaid(s.used)
	}
	if cost, ok := a.costs[s]; ok {
		return cost
	}
	best := math.Inf(1)
	if s.letters == 0 && len(a.words) > 1 {
		best = costLeftover + a.rest(progress{word: s.word + 1, last: s.last, used: s.used})
	}
	for i, whole := range a.name.words {
		if s.used&(1<<i) == 0 && whole[0] == a.words[s.word][s.letters] {
			best = min(best, a.pieces(s, i))
		}
	}
	if a.costs != nil {
		a.costs[s] = best
	}
	return best
}

// pieces is the least that the rest costs where the next piece shortens a word.
func (a *aligner) pieces(s progress, at int) float64 {
	letters, whole := a.words[s.word][s.letters:], a.name.words[at]
	least := 1
	if a.known[s.word] {
		if s.letters > 0 || !strings.HasPrefix(whole, letters) && !sameStem(letters, whole) {
			return math.Inf(1)
		}
		least = len(letters)
	}
	order := 0.0
	if at != s.last+1 {
		order = costJump
	}
	best := math.Inf(1)
	for n := least; n <= min(len(letters), len(whole)+1); n++ {
		cost := order + costOfPiece(letters[:n], whole, a.name.generic[at])
		if math.IsInf(cost, 1) {
			continue
		}
		next := progress{word: s.word, letters: s.letters + n, last: at, used: s.used | 1<<at}
		if n == len(letters) {
			next.word, next.letters = s.word+1, 0
		} else {
			cost += costGlued
		}
		best = min(best, cost+a.rest(next))
	}
	return best
}

// unsaid is the cost of the words of a name that the label leaves out.
func (a *aligner) unsaid(used uint8) float64 {
	cost := 0.0
	for i, generic := range a.name.generic {
		switch {
		case used&(1<<i) != 0:
		case generic:
			cost += costGeneric
		default:
			cost += costUnsaid
		}
	}
	return cost
}

// costOfPiece is the cost of writing a piece, which begins with the same letter,
// for a word.
func costOfPiece(piece, word string, generic bool) float64 {
	cost := math.Inf(1)
	n := len(piece)
	switch {
	case piece == word:
		return 0
	case strings.HasPrefix(word, piece):
		cost = costBeginning[min(n, len(costBeginning)-1)]
	case n >= 2 && inOrder(piece, word):
		cost = costBare
		if n == 2 {
			cost = costLetters
		}
		cost += costConsonant * float64(consonantsLacked(piece, word))
		if n > 2 && !strings.Contains(word[len(word)-2:], piece[n-1:]) {
			cost += costCut
		}
	case sameStem(piece, word):
		cost = costEnding
	case n >= leastTypo && oneTypo(piece, word):
		cost = costTypo
	}
	if generic {
		cost *= partGeneric
	}
	return cost
}

// consonantsLacked is how many consonants of a word its piece leaves out before
// the piece's last letter, those written twice aside.
func consonantsLacked(piece, word string) (n int) {
	at := 0
	for i := 0; i < len(word) && at < len(piece); i++ {
		switch {
		case word[i] == piece[at]:
			at++
		case strings.IndexByte("aeiouyh", word[i]) < 0 && word[i] != word[i-1]:
			n++
		}
	}
	return n
}

// sameStem says whether two words differ in their endings alone.
func sameStem(a, b string) bool {
	const least, ending = 5, 2
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n >= least && len(a)-n <= ending && len(b)-n <= ending+1
}

// oneTypo says whether a piece is a word but for one letter that is another or too
// many, or two neighbours that changed places.
func oneTypo(piece, word string) bool {
	n := 0
	for n < min(len(piece), len(word)) && piece[n] == word[n] {
		n++
	}
	p, w := piece[n:], word[n:]
	switch {
	case len(p) == len(w)+1:
		return p[1:] == w
	case len(p) != len(w) || len(p) == 0:
		return false
	case p[1:] == w[1:]:
		return true
	}
	return len(p) > 1 && p[0] == w[1] && p[1] == w[0] && p[2:] == w[2:]
}
