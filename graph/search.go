package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Hit is a term that Search found. Score lies in (0, 1]; 1 is its id, what is
// above 0.9 is as good as its name, what is below 0.6 shares some words with it.
type Hit struct {
	ID    string
	Text  string // the name or synonym that matched best
	How   How
	Score float64
	// Misspelt: a word of the text is none of the tree's, and was taken for one
	// that is spelt nearly so.
	Misspelt bool
	// Reasons say in words how the text led to the term, in the order of reading.
	Reasons []string
}

// Search finds terms by their names and synonyms, best first; ties go to the
// better known term (more names and cross-references), then by name and id. At
// most limit hits are returned; limit 0 or less means 20. nil means that nothing
// fits.
//
// A text is compared as Lookup does it, and beyond that: words in any order; the
// beginnings of words of four letters or more; spelling mistakes (slipsAllowed);
// abbreviations, Latin and plain words (tables/*.tsv); "LeftKidney", "rib3",
// "gall bladder"; levels of the spine ("T12", "L5-S1"). Every word must be
// answered, but for words such as "muscle" that names leave out.
//
// Sides and numbers are never guessed. "l", "lt", "sinistra" say left. A text
// with a side finds terms of that side only, or, if there are none, the term
// without side, which the reason says; "both kidneys" finds the term without side.
func (t *Tree) Search(text string, limit int) []Hit {
	if limit <= 0 {
		limit = 20
	}
	s := searcher{tree: t, text: text, limit: limit, best: map[int32]found{}}
	s.exact(text, nil)
	if len(text) <= maxQueryBytes {
		s.words()
	}
	return s.hits()
}

// searcher gathers the hits of one search.
type searcher struct {
	tree  *Tree
	text  string
	limit int
	best  map[int32]found // by term
	sided bool            // a term of the side asked for was found

	least   float64 // the least score of best, once it is full
	changed bool    // since least was computed
}

// found is a hit in the making: notes are made into reasons for hits that stay.
type found struct {
	text    posting
	how     How
	id      bool
	score   float64
	unsided bool // in place of a side that was asked for
	reading *reading
	notes   []string
	choices []*choice
	covers  bool // the text holds no other words
}

func (s *searcher) keep(term int32, f found) {
	if old, ok := s.best[term]; !ok || f.score > old.score {
		s.best[term] = f
		s.changed = true
	}
}

// exact takes what Lookup finds for the query, or for what it stands for: from 1
// for an id down by how it matched.
func (s *searcher) exact(text string, r *reading) {
	for _, m := range s.tree.Lookup(text) {
		i := s.tree.byID[m.ID]
		f := found{how: m.How, id: m.How == ByID, score: 1 - 0.03*float64(m.rank()), covers: true, reading: r}
		if r != nil {
			f.score *= r.quality
		}
		for j := -1; j < len(s.tree.terms[i].Synonyms); j++ {
			if p := (posting{i, int32(j)}); !f.id && p.text(&s.tree.terms[i]) == m.Text {
				f.text = p
				break
			}
		}
		s.keep(i, f)
	}
}

// words looks for the words of each reading, with more effort only if less found
// nothing.
func (s *searcher) words() {
	x := s.tree.textIndex()
	readings := x.readings(s.text)
	for how := asWritten; how <= guessing; how++ {
		for i := range readings {
			if means := readings[i].means; means != "" && how == asWritten {
				s.exact(means, &readings[i])
			}
			s.read(x, &readings[i], how)
		}
		for _, f := range s.best {
			if !f.unsided {
				return
			}
		}
	}
}

// leastGuess is the score below which a misspelt word is taken to be another
// word: "mountain" does not ask for the "fountain decussation".
const leastGuess = 0.5

// read looks for the texts that answer every word of a reading.
func (s *searcher) read(x *textIndex, r *reading, how effort) {
	if r.letters() {
		return // a lone letter names what Lookup finds, and is nothing beside other words
	}
	slots, notes, quality, ok := x.slots(r, how)
	if !ok {
		return
	}
	m := newMatcher(x, slots)
	defer m.release()
	bound := quality * m.best
	n := 0
	for text := range m.candidates() {
		if n++; n%16 == 0 && len(s.best) >= s.limit {
			// Texts only get longer from here, and their terms less known.
			if bound*coverage(m.full, int(x.weight[text])) <= s.cut() {
				return
			}
		}
		f, ok := s.score(x, m, r, text, quality)
		if !ok || f.score < s.least {
			continue
		}
		if old, ok := s.best[x.texts[text].term]; ok && old.score >= f.score {
			continue
		}
		if f.score < leastGuess && slices.ContainsFunc(m.chosen, func(c *choice) bool { return c.misspelt }) {
			continue
		}
		f.reading, f.notes, f.choices = r, notes, slices.Clone(m.chosen)
		s.keep(x.texts[text].term, f)
	}
}

// cut forgets the hits that are no longer among the first limit and returns the
// score that another one must reach.
func (s *searcher) cut() float64 {
	if len(s.best) > s.limit {
		for _, r := range s.ranked()[s.limit:] {
			delete(s.best, r.at)
		}
	}
	if s.changed {
		s.least, s.changed = 1, false
		for _, f := range s.best {
			s.least = min(s.least, f.score)
		}
	}
	return s.least
}

// coverage is the part of the score for how much of the weight of a text was
// asked for. All of it scores less than the text itself, which Lookup finds.
func coverage(asked, holds int) float64 {
	return 0.2 + 0.7*min(1, float64(asked)/float64(max(holds, 1)))
}

// score weighs one text; ok is false if it lacks a word or has another side.
func (s *searcher) score(x *textIndex, m *matcher, r *reading, text int32, quality float64) (f found, ok bool) {
	p := x.texts[text]
	term := &s.tree.terms[p.term]
	fits := s.side(x, r, text, term)
	if fits == no || x.letter(text) {
		return f, false
	}
	q, asked, ok := m.match(text)
	holds := int(x.weight[text])
	if !ok || fits == less && asked < holds {
		return f, false
	}
	f = found{text: p, how: p.how(term), covers: asked >= holds && fits != more}
	f.score = quality * q * coverage(asked, holds)
	switch f.how {
	case ByExactSynonym:
		f.score *= 0.98
	case ByOtherSynonym:
		f.score *= 0.88
	}
	switch fits {
	case more: // the side was not asked for
		f.score *= 0.85
	case less:
		f.unsided = true
		f.score *= 0.6
	default:
		s.sided = s.sided || r.side != anySide && f.covers
	}
	return f, true
}

// fit is how the side of a text fits the side asked for.
type fit uint8

const (
	no   fit = iota
	yes      // the side asked for, or none on either part
	more     // a side that was not asked for
	less     // no side, where one was asked for
)

func (s *searcher) side(x *textIndex, r *reading, text int32, term *Term) fit {
	words := x.of(text)
	left := x.left >= 0 && slices.Contains(words, x.left)
	right := x.right >= 0 && slices.Contains(words, x.right)
	isLeft := left && !right || term.Laterality == Left
	isRight := right && !left || term.Laterality == Right
	switch r.side {
	case leftSide, rightSide:
		mine, other := isLeft, isRight
		if r.side == rightSide {
			mine, other = isRight, isLeft
		}
		switch {
		case other || left && right:
			return no
		case mine:
			return yes
		}
		return less
	case bothSides:
		if isLeft || isRight {
			return no
		}
		return yes
	case twoSides:
		if left && right && sameSides(s.text, x.texts[text].text(term)) {
			return yes
		}
		return no
	}
	if (isLeft || isRight || left || right) && !s.asksForSide(r) {
		return more
	}
	return yes
}

// asksForSide: a query of nothing but "left" has it as a word.
func (s *searcher) asksForSide(r *reading) bool {
	return slices.ContainsFunc(r.tokens, func(t token) bool { return isSide(t.word) })
}

// sameSides says whether two texts name their sides in the same order, once
// "lobe of lung" has become "lung lobe".
func sameSides(a, b string) bool {
	order := func(text string) string {
		var sides []string
		for w := range strings.FieldsSeq(Normalize(text)) {
			if isSide(w) {
				sides = append(sides, w)
			}
		}
		return strings.Join(sides, " ")
	}
	return order(a) == order(b)
}

// ranked is a hit at its place in the order.
type ranked struct {
	found
	at   int32
	term *Term
}

// ranked sorts what was found.
func (s *searcher) ranked() []ranked {
	all := make([]ranked, 0, len(s.best))
	for i, f := range s.best {
		all = append(all, ranked{f, i, &s.tree.terms[i]})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(known(b.term), known(a.term)),
			strings.Compare(a.term.Name, b.term.Name), strings.Compare(a.term.ID, b.term.ID))
	})
	return all
}

// hits puts what was found into words.
func (s *searcher) hits() []Hit {
	all := slices.DeleteFunc(s.ranked(), func(r ranked) bool { return r.unsided && s.sided })
	var out []Hit
	for _, r := range all[:min(len(all), s.limit)] {
		h := Hit{ID: r.term.ID, Text: r.term.ID, How: r.how, Score: r.score}
		if !r.id {
			h.Text = r.text.text(r.term)
		}
		h.Misspelt = slices.ContainsFunc(r.choices, func(c *choice) bool { return c.misspelt })
		h.Reasons = s.reasons(r.found, r.term, h.Text)
		out = append(out, h)
	}
	return out
}

// reasons says how the text led to a term.
func (s *searcher) reasons(f found, term *Term, text string) []string {
	var out []string
	if f.reading != nil {
		out = append(out, f.reading.notes...)
	}
	out = append(out, f.notes...)
	for _, c := range f.choices {
		if c.note != "" {
			out = append(out, c.note)
		}
	}
	if len(out) == 0 && f.covers && !f.id && Normalize(text) != Normalize(s.text) {
		out = append(out, "the same words in another order")
	}
	switch {
	case f.id:
		out = append(out, "its id")
	case f.how == ByName && f.covers:
		out = append(out, "its name")
	case f.how == ByName:
		out = append(out, "words of its name")
	case f.covers:
		out = append(out, fmt.Sprintf("its %s %q", f.how.scope(f.text.scope(term)), text))
	default:
		out = append(out, fmt.Sprintf("words of its %s %q", f.how.scope(f.text.scope(term)), text))
	}
	if f.unsided {
		out = append(out, "the tree has no such term of the side asked for: this one has no side")
	}
	return out
}

// scope names the kind of synonym.
func (h How) scope(scope Scope) string {
	if h == ByExactSynonym {
		return "exact synonym"
	}
	return strings.ToLower(string(scope)) + " synonym"
}
