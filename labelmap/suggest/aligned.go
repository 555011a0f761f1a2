package suggest

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of labels that are laid against names, and costs beside those of their
// letters.
const (
	leastAligned  = 4    // letters of a label
	mostAligned   = 32   // letters of a label
	mostOfName    = 6    // words of a name
	mostTypos     = 1    // letters that a name lacks
	leastShare    = 3    // a label has a third of a name's letters
	mostCost      = 5.5  // of what is offered
	costPerLetter = 0.75 // of a label's, at most
	clearLead     = 0.4
	costSynonym   = 0.5 // of a name that is no exact one
	costForeign   = 0.2 // of a name in another language
	costOneSide   = 1.0 // of a structure without the side that the label states
	costElsewhere = 1.5 // of what does not lie where the list does
	costStripped  = 1.0 // of leaving out a date, a count, initials
	// alignedScore keeps such an answer from being accepted unseen.
	alignedScore = 0.74
	scoreOfCost  = 0.025
)

// alignable is a name of a term that has no other side, in words of the letters a to z.
type alignable struct {
	side               graph.Laterality
	id, text, language string // language is empty for the tree's own names
	words              []string
	generic            []bool  // words that say only what sort of structure it is
	letters            uint32  // all that its words have, as bits
	length             int     // of its words together
	firsts             uint32  // the first letters of its words
	cost               float64 // of its term and its kind of name
}

// alignables lists the names that labels may shorten, by the first letters of
// their words.
func (e *Engine) alignables() map[byte][]*alignable {
	out := map[byte][]*alignable{}
	seen := map[string]bool{}
	add := func(t *graph.Term, text, language string, cost float64) {
		a := e.alignable(text)
		k := t.ID + " " + strings.Join(a.words, " ")
		if len(a.words) == 0 || seen[k] {
			return
		}
		seen[k] = true
		a.id, a.side, a.text, a.language, a.cost = t.ID, t.Laterality, text, language, cost
		for i, w := range a.words {
			if !slices.ContainsFunc(a.words[:i], func(before string) bool { return before[0] == w[0] }) {
				out[w[0]] = append(out[w[0]], a)
			}
		}
	}
	for _, t := range e.tree.Terms() {
		if _, paired := e.tree.Base(t.ID); paired {
			continue
		}
		rare := e.rarity(&t)
		add(&t, t.Name, "", rare)
		for _, s := range t.Synonyms {
			cost := rare
			if s.Scope != graph.ScopeExact {
				cost += costSynonym
			}
			add(&t, s.Text, "", cost)
		}
	}
	for _, language := range e.words.order {
		l := e.words.languages[language]
		for _, phrase := range slices.Sorted(maps.Keys(l.phrases)) {
			if id, ok := one(e.tree, l.phrases[phrase]); ok && len(phrase) >= leastAligned {
				if t, _ := e.tree.Term(id); t.Laterality == graph.Unsided {
					add(t, phrase, language, e.rarity(t)+costForeign)
				}
			}
		}
	}
	return out
}

// alignable has the words of a name; none where the name is not to be aligned.
func (e *Engine) alignable(text string) *alignable {
	a := &alignable{}
	for w := range strings.FieldsSeq(unaccented.Replace(strings.ToLower(separated(text)))) {
		if !slices.Contains(smallWords, w) && !slices.Contains(smallForeign, w) && w != string(graph.Left) && w != string(graph.Right) {
			a.words = append(a.words, w)
		}
	}
	all := strings.Join(a.words, "")
	if len(a.words) > mostOfName || !lettersOnly(all) {
		return &alignable{}
	}
	a.letters, a.length = letterSet(all), len(all)
	for _, w := range a.words {
		a.firsts |= letterSet(w[:1])
		a.generic = append(a.generic, len(a.words) > 1 && (e.words.generic[w] || slices.Contains(leftOut, w)))
	}
	return a
}

// rarity is the cost of a term that labels seldom mean: 0 for those that the
// corpus has, less than 1 for others by how few names and codes they have.
func (e *Engine) rarity(t *graph.Term) float64 {
	const well = 40 // names and codes of a term known by all
	left, _ := e.ofSide(t.ID, graph.Left)
	right, _ := e.ofSide(t.ID, graph.Right)
	if e.isTrained(t.ID) || e.isTrained(left) || e.isTrained(right) {
		return 0
	}
	return 1 - float64(min(len(t.Synonyms)+len(t.Xrefs), well/2))/well
}

func lettersOnly(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}

func letterSet(text string) (set uint32) {
	for i := range len(text) {
		set |= 1 << (text[i] - 'a')
	}
	return set
}

// laid is a name that a label was laid against.
type laid struct {
	name *alignable
	side graph.Laterality
	cost float64
	bare bool // other names may have been meant as well
}

// aligned lays a name that nothing else explains against every name, first of what lies
// where the list does: its letters have to shorten the words of one of them
// ("latcuneif", "brach plx", "Tr. coel."). The cheapest is an answer where it
// leads clearly; the others are offered.
func (e *Engine) aligned(l *labelmap.RawLabel, a *answer, s *surroundings) {
	best := map[string]laid{}
	for _, w := range e.alignedWays(l.Name) {
		e.lay(w, best, s)
	}
	ranked := slices.SortedFunc(maps.Values(best), func(x, y laid) int {
		return cmp.Or(cmp.Compare(x.cost, y.cost), cmp.Compare(x.name.id, y.name.id))
	})
	for i, f := range ranked[:min(len(ranked), hitsAsked)] {
		c := candidate{id: f.name.id, score: alignedScore - scoreOfCost*f.cost, predicate: e.predicate(f.name.id), evidence: byPart}
		c.reasons = []string{fmt.Sprintf("its letters shorten the words of %q", strings.TrimSpace(f.name.language+" "+f.name.text))}
		if f.bare || i > 0 || len(ranked) > 1 && ranked[1].cost < f.cost+clearLead {
			c.score -= alignedScore - hopeless
		}
		if sided, ok := e.ofSide(c.id, f.side); ok {
			c.id = sided
		} else if f.side != f.name.side {
			c.predicate = labelmap.Broad
		}
		a.add(c)
	}
}

// lay notes the names that one way to part a label may shorten, where they cost
// less than others of their terms.
func (e *Engine) lay(w alignedWay, best map[string]laid, s *surroundings) {
	all := strings.Join(w.words, "")
	if len(all) < leastAligned || len(all) > mostAligned || !lettersOnly(all) {
		return
	}
	set, limit := letterSet(all), min(mostCost, costPerLetter*float64(len(all)))
	known := func(word string) bool { return e.words.known[word] }
	for _, name := range e.aligning()[all[0]] {
		if name.side != graph.Unsided && w.side != graph.Unsided && w.side != name.side || w.language != "" && w.language != name.language {
			continue
		}
		if bits.OnesCount32(set&^name.letters) > mostTypos || leastShare*len(all) < name.length {
			continue
		}
		least := name.cost + w.cost + costLeftover*float64(strangers(w.words, name))
		if least > limit {
			continue
		}
		cost := name.cost + w.cost + alignment(w.words, name, known)
		if cost > limit {
			continue
		}
		if _, ok := e.ofSide(name.id, w.side); !ok && w.side != name.side {
			cost += costOneSide
		}
		if !s.surelyHolds(name.id) {
			cost += costElsewhere
		}
		if old, ok := best[name.id]; !ok || cost < old.cost {
			best[name.id] = laid{name, w.side, cost, e.oneOfSeveral(w.words, name)}
		}
	}
}

// strangers is how many words begin with a letter that no word of a name begins
// with: none of them can shorten one.
func strangers(words []string, name *alignable) (n int) {
	for _, w := range words {
		if letterSet(w[:1])&^name.firsts != 0 {
			n++
		}
	}
	return n
}

// oneOfSeveral says whether words are one of a name's several words, which other
// names have too: a known word, or the finding without its site.
func (e *Engine) oneOfSeveral(words []string, name *alignable) bool {
	return len(words) == 1 && len(name.words) > 1 && (e.words.known[words[0]] || e.isFinding(name.id))
}

// alignedWay is one way to part a label into words and a side.
type alignedWay struct {
	words    []string
	side     graph.Laterality
	cost     float64
	language string // the only one in which its side is one; empty for any
}

// lastSides are letters that say a side at the end of a label in some language.
var lastSides = map[string]map[string]graph.Laterality{
	"d": {"French": graph.Right, "Spanish": graph.Right, "Portuguese": graph.Right, "Italian": graph.Right},
	"g": {"French": graph.Left}, "i": {"Spanish": graph.Left}, "e": {"Portuguese": graph.Left}, "s": {"Italian": graph.Left},
}

// alignedWays are the ways to part a label: as its capitals do or not, with and
// without what stands behind the name. There is none for what lies in or on a
// structure.
func (e *Engine) alignedWays(name string) []alignedWay {
	name = strings.TrimSpace(reExtension.ReplaceAllString(name, ""))
	apart := strings.Fields(strings.ToLower(split(name)))
	if slices.ContainsFunc(apart, func(w string) bool { return e.words.foreign[w] }) {
		return nil
	}
	out := e.alignedWay(split(name), 0)
	if plain := separated(name); !strings.EqualFold(plain, split(name)) && slices.ContainsFunc(apart, func(w string) bool { return !e.words.known[w] }) {
		out = append(out, e.alignedWay(plain, 0)...)
	}
	if counted(name) {
		return out
	}
	for _, end := range []*regexp.Regexp{reDate, reCount, reInitials} {
		if bare := end.ReplaceAllString(name, ""); bare != name {
			out = append(out, e.alignedWay(split(bare), costStripped)...)
		}
	}
	return out
}

// alignedWay takes remarks and the side out of words, the side also where it is
// run together with the only one.
func (e *Engine) alignedWay(text string, cost float64) []alignedWay {
	side, words := handed(unaccented.Replace(strings.ToLower(e.words.remarksOff(unwrap(text)))))
	if side == graph.Unsided {
		side, words = e.words.foreignSide(words)
	}
	if len(words) == 0 || slices.Contains(words, "l") || slices.Contains(words, "r") {
		return nil // of another side too
	}
	out := []alignedWay{{words: words, side: side, cost: cost}}
	if last := len(words) - 1; last > 0 && side == graph.Unsided {
		for language, side := range lastSides[words[last]] {
			out = append(out, alignedWay{words[:last], side, cost, language})
		}
	}
	if len(words) > 1 || side != graph.Unsided {
		return out
	}
	for _, s := range sidesGlued {
		for _, cut := range []func(s, side string) (string, bool){strings.CutPrefix, strings.CutSuffix} {
			if bare, ok := cut(words[0], s.text); ok && len(bare) >= leastAligned {
				out = append(out, alignedWay{words: []string{bare}, side: s.side, cost: cost + s.cost})
			}
		}
	}
	return out
}

// sidesGlued are the ways to write a side together with a word, and their costs.
var sidesGlued = []struct {
	text string
	side graph.Laterality
	cost float64
}{{"left", graph.Left, 0}, {"right", graph.Right, 0}, {"lt", graph.Left, 0}, {"rt", graph.Right, 0}, {"l", graph.Left, 1}, {"r", graph.Right, 1}}

// foreignSide takes the side out of words in whatever language.
func (v *vocabulary) foreignSide(words []string) (side graph.Laterality, rest []string) {
	for _, w := range words {
		if hand := v.handIn(w); hand != graph.Unsided && side == graph.Unsided {
			side = hand
		} else {
			rest = append(rest, w)
		}
	}
	return side, rest
}

// handIn is the side that a word says in some language; letters say none.
func (v *vocabulary) handIn(word string) graph.Laterality {
	for _, language := range v.order {
		hand := graph.Laterality(v.languages[language].phrases[word])
		if len(word) > 1 && (hand == graph.Left || hand == graph.Right) {
			return hand
		}
	}
	return graph.Unsided
}
