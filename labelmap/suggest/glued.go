package suggest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// A name whose words are shortened and run together ("ltprtdgland") is read as
// the class of the corpus whose words its letters shorten at the least cost.
const (
	leastDecoded = 5 // letters
	costOfLetter = 1 // of a side that is one letter
	costOfOrder  = 1 // of two words in the other order
	costOfWord   = 2 // that a word may cost on average
	clearlyLess  = 1 // by how much a reading must cost less than another
	never        = math.MaxInt / 4
	decodedScore = 0.72
	costPerScore = 0.02
)

// className is a class of the corpus without its side.
type className struct {
	words []string
	id    string // of the unsided term, or the term's own
}

func (e *Engine) classNames() []className {
	var out []className
	for _, name := range slices.Sorted(maps.Keys(e.classes)) {
		_, words := handed(name)
		if strings.Trim(strings.Join(words, ""), "abcdefghijklmnopqrstuvwxyz") != "" || len(words) == 0 {
			continue
		}
		id := e.classes[name][0].TermID
		if base, ok := e.tree.Base(id); ok {
			id = base
		}
		out = append(out, className{words, id})
	}
	return out
}

// sidesGlued are the ways to write a side together with a word.
var sidesGlued = []struct {
	text string
	side graph.Laterality
	cost int
}{{"left", graph.Left, 0}, {"right", graph.Right, 0}, {"lt", graph.Left, 0}, {"rt", graph.Right, 0}, {"l", graph.Left, costOfLetter}, {"r", graph.Right, costOfLetter}}

// eachUnglued calls f for each way to take a side off either end of a word.
func eachUnglued(word string, f func(bare string, side graph.Laterality, cost int)) {
	for _, s := range sidesGlued {
		if bare, ok := strings.CutPrefix(word, s.text); ok {
			f(bare, s.side, s.cost)
		}
		if bare, ok := strings.CutSuffix(word, s.text); ok {
			f(bare, s.side, s.cost)
		}
	}
}

// decoded offers the classes that a shortened and glued name may be; where none
// is clearly the best, none is an answer.
func (e *Engine) decoded(a *answer, l *labelmap.RawLabel) {
	side, rest := handed(strings.ToLower(e.words.remarksOff(separated(reExtension.ReplaceAllString(strings.TrimSpace(l.Name), "")))))
	if len(rest) != 1 || len(rest[0]) < leastDecoded || len(rest[0]) > mostGlued || e.words.known[rest[0]] || strings.Trim(rest[0], "abcdefghijklmnopqrstuvwxyz") != "" {
		return
	}
	costs := map[string]int{} // by term
	e.decode(costs, rest[0], side, 0)
	if side == graph.Unsided {
		eachUnglued(rest[0], func(bare string, side graph.Laterality, cost int) { e.decode(costs, bare, side, cost) })
	}
	least := never
	for _, cost := range costs {
		least = min(least, cost)
	}
	rivals := 0
	for _, cost := range costs {
		if cost <= least+clearlyLess {
			rivals++
		}
	}
	for id, cost := range costs {
		c := candidate{id: id, score: decodedScore - costPerScore*float64(cost), predicate: e.predicate(id), reasons: []string{fmt.Sprintf("its letters shorten the words of the corpus class %s", e.name(id))}, evidence: byPart}
		if rivals > 1 || cost > least {
			c.score, c.partial = c.score-(decodedScore-hopeless), true
		}
		a.add(c)
	}
}

// decode notes what it costs at least to read letters as each class.
func (e *Engine) decode(costs map[string]int, letters string, side graph.Laterality, more int) {
	for _, name := range e.decodable() {
		id := name.id
		if side != graph.Unsided {
			sided, ok := e.ofSide(id, side)
			if !ok {
				continue
			}
			id = sided
		}
		cost := shortening(letters, name.words, len(name.words) == 1)
		if len(name.words) == 2 {
			cost = min(cost, costOfOrder+shortening(letters, []string{name.words[1], name.words[0]}, false))
		}
		if cost > costOfWord*len(name.words) {
			continue
		}
		if old, ok := costs[id]; !ok || cost+more < old {
			costs[id] = cost + more
		}
	}
}

// shortening is what it costs to read letters as pieces of all words, in order.
func shortening(letters string, words []string, alone bool) int {
	if len(words) == 0 {
		if letters == "" {
			return 0
		}
		return never
	}
	best := never
	for n := 2; n <= min(len(letters), len(words[0])); n++ {
		piece := letters[:n]
		if cost := pieceCost(piece, words[0]); cost < best && (!alone || len(piece) >= leastCut) {
			best = min(best, cost+shortening(letters[n:], words[1:], false))
		}
	}
	return best
}

// pieceCost is 0 for the whole word, and the more the less a piece tells of it.
func pieceCost(piece, word string) int {
	switch {
	case piece == word:
		return 0
	case piece[0] != word[0]:
		return never
	case strings.HasPrefix(word, piece) && len(piece) >= leastCut, len(piece) >= leastCut && consonants(piece) == consonants(word) && inOrder(piece, word):
		return 1
	case strings.HasPrefix(word, piece), len(piece) >= leastCut && inOrder(piece, word):
		return 2
	case inOrder(piece, word) && consonants(piece) == piece:
		return 3
	}
	return never
}

// Bounds of two words of which a name runs the beginnings together.
const (
	leastBegun = 3
	begunScore = 0.7
)

// begunTogether reads a name of which the beginnings of two words are run together
// as a term that has no other words, and lies where the list does: "latrect" is
// the lateral rectus in a list about the orbit.
func (e *Engine) begunTogether(l *labelmap.RawLabel, a *answer, s *surroundings) {
	side, rest := handed(strings.ToLower(e.words.remarksOff(separated(reExtension.ReplaceAllString(strings.TrimSpace(l.Name), "")))))
	if len(rest) != 1 || len(rest[0]) > mostGlued || e.words.known[rest[0]] || strings.Trim(rest[0], "abcdefghijklmnopqrstuvwxyz") != "" {
		return
	}
	e.addBegun(a, rest[0], side, s)
	if side != graph.Unsided || len(a.found) > 0 {
		return
	}
	eachUnglued(rest[0], func(bare string, side graph.Laterality, _ int) { e.addBegun(a, bare, side, s) })
}

func (e *Engine) addBegun(a *answer, letters string, side graph.Laterality, s *surroundings) {
	for n := leastBegun; n <= len(letters)-leastBegun; n++ {
		words := []string{letters[:n], letters[n:]}
		slices.Sort(words)
		k, _ := beginnings(words)
		for _, t := range e.shortening()[k] {
			term, _ := e.tree.Term(t.id)
			if !t.exact || term.Laterality != graph.Unsided || !allBegin(words, t.words) || !s.surelyHolds(t.id) {
				continue
			}
			c := candidate{id: t.id, score: begunScore, predicate: e.predicate(t.id), reasons: []string{"its letters begin the words of " + t.text}, evidence: byPart}
			if sided, ok := e.ofSide(t.id, side); ok {
				c.id = sided
			} else if side != graph.Unsided {
				c.predicate = labelmap.Broad
			}
			a.add(c)
		}
	}
}
