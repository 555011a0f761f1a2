package grounding

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Read finds the terms of a tree in a draft's sentences, in their order. Errors:
// ErrTooLong, or that of ctx.
func Read(ctx context.Context, tree *graph.Tree, draft string) ([]Sentence, error) {
	if len(draft) > MaxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are read", ErrTooLong, len(draft), MaxBytes)
	}
	sentences, err := split(draft)
	if err != nil {
		return nil, err
	}
	r := &reader{tree: tree, draft: draft, known: map[string]meaning{}, words: map[string]bool{}}
	for i := range sentences {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.read(ctx, &sentences[i])
	}
	return sentences, ctx.Err()
}

// A reader looks phrases up, each once.
type reader struct {
	tree  *graph.Tree
	draft string
	known map[string]meaning
	words map[string]bool // whether some term is called by a word
}

// A meaning is what a phrase stands for: nothing, one term, or several.
type meaning []string

// longestPhrase is how many words a name of a term is looked for in.
const longestPhrase = 6

func (r *reader) read(ctx context.Context, s *Sentence) {
	words := tokens(r.draft, s.From, s.To)
	s.clauses = clauses(words, s.From)
	scope := scopes(words)
	for i := 0; i < len(words) && ctx.Err() == nil; {
		n, means, removed := r.longest(words[i:])
		if n > 0 && isSide(words[i].text) {
			// "right pleural effusion" is no right pleura, but an effusion.
			if further, _, _ := r.longest(words[i+1:]); further+1 > n {
				n = 0
			}
		}
		if n == 0 {
			if word, ok := sign(words[i]); ok {
				s.Signs = append(s.Signs, Sign{Word: word, From: words[i].from, To: words[i].to, Status: scope.of(i, i+1)})
			}
			i++
			continue
		}
		m := Mention{From: words[i].from, To: words[i+n-1].to, Removed: removed}
		m.Text = strings.Join(strings.Fields(r.draft[m.From:m.To]), " ")
		m.Status = scope.of(i, i+n)
		if removed && m.Status == Affirmed {
			m.Status = Missing
		}
		r.side(&m, words, i, i+n, means)
		if !removed && r.anatomy(m.IDs) && scope.gone(i, i+n) {
			m.Status = Missing
		}
		s.Mentions = append(s.Mentions, m)
		for _, w := range words[i : i+n] { // "kidney cyst" is a term, and a cyst
			if word, ok := sign(w); ok {
				s.Signs = append(s.Signs, Sign{Word: word, From: w.from, To: w.to, Status: scope.of(i, i+n)})
			}
		}
		i += n
	}
}

// longest finds the longest phrase at the beginning of words that means
// something.
func (r *reader) longest(words []token) (n int, means meaning, removed bool) {
	most := 0
	for most < min(len(words), longestPhrase) && !words[most].mark && r.hasWord(words[most]) {
		most++
	}
	if most > 0 {
		if name := operations[words[0].text]; name != "" {
			return 1, r.lookup(name), true
		}
	}
	for n = most; n > 0; n-- {
		if filler[words[0].text] || filler[words[n-1].text] || isSide(words[n-1].text) {
			continue
		}
		phrase := r.draft[words[0].from:words[n-1].to]
		if n == 1 && tooShort(phrase) || n == 1 && general[words[0].text] {
			continue
		}
		means := r.lookup(phrase)
		if _, ok := sign(words[0]); ok && n == 1 && r.anatomy(means) {
			continue // a nodule is a finding, and no part of the cerebellum
		}
		if len(means) > 0 {
			return n, means, false
		}
	}
	return 0, nil, false
}

// hasWord says whether some term is called by a word, so that no phrase of others
// is looked up: most words of a draft are no anatomy, and guessing at their
// spelling is what takes time.
func (r *reader) hasWord(w token) bool {
	if filler[w.text] || isSide(w.text) || operations[w.text] != "" || strings.ContainsAny(w.text, "0123456789") {
		return true
	}
	known, ok := r.words[w.text]
	if !ok {
		hits := r.tree.Search(r.draft[w.from:w.to], 1)
		known = len(hits) > 0 && !hits[0].Misspelt
		r.words[w.text] = known
	}
	return known
}

// tooShort says of a word alone that it is no name: of three letters or fewer
// and not in capitals, it is more often another word.
func tooShort(word string) bool {
	const short = 3
	return len(word) < 2 || len(word) <= short && word != strings.ToUpper(word) && !shortNames[strings.ToLower(word)]
}

// goodMatch is the score from which a text is taken for a term: by its name, a
// synonym, an abbreviation or its adjective ("hepatic").
const goodMatch = 0.85

func (r *reader) lookup(phrase string) meaning {
	phrase = strings.Join(strings.Fields(phrase), " ")
	if means, ok := r.known[phrase]; ok {
		return means
	}
	var means meaning
	best := graph.Best(r.tree.Lookup(phrase))
	if len(best) > 0 && best[0].How != graph.ByID && best[0].How != graph.ByXref {
		for _, m := range best {
			means = append(means, m.ID)
		}
	} else {
		const near = 0.005
		for i, h := range r.tree.Search(phrase, 5) {
			if h.Score < goodMatch || h.Misspelt || len(means) > 0 && i > 0 && r.first(phrase)-h.Score > near {
				break
			}
			means = append(means, h.ID)
		}
	}
	r.known[phrase] = means
	return means
}

// first is the score of the best hit of a phrase.
func (r *reader) first(phrase string) float64 {
	if hits := r.tree.Search(phrase, 1); len(hits) > 0 {
		return hits[0].Score
	}
	return 0
}

// side settles which terms a mention at words[from:to] means, by the sides that
// are stated with it.
func (r *reader) side(m *Mention, words []token, from, to int, means meaning) {
	if len(means) > 1 {
		m.Candidates = means
		return
	}
	id := means[0]
	term, _ := r.tree.Term(id)
	m.IDs = []string{id}
	if term.Laterality != graph.Unsided {
		m.Side = string(term.Laterality)
		other, ok := r.tree.Counterpart(id)
		if ok && otherSideBefore(words[:from], m.Side) {
			m.Side, m.IDs = Both, []string{id, other}
		}
		return
	}
	if m.Side = sideWithin(words[from:to]); m.Side == "" {
		m.Side = statedSide(words, from, to)
	}
	switch m.Side {
	case "":
	case Both:
		left, okLeft := r.sided(term, graph.Left)
		right, okRight := r.sided(term, graph.Right)
		if okLeft && okRight {
			m.IDs = []string{left, right}
		}
	default:
		if sided, ok := r.sided(term, graph.Laterality(m.Side)); ok {
			m.IDs = []string{sided}
		}
	}
}

// sided finds the left or right one of an unsided term.
func (r *reader) sided(term *graph.Term, side graph.Laterality) (string, bool) {
	for _, id := range r.lookup(string(side) + " " + term.Name) {
		if t, ok := r.tree.Term(id); ok && t.Laterality == side {
			if base, ok := r.tree.Base(id); ok && base == term.ID {
				return id, true
			}
		}
	}
	return "", false
}

func (r *reader) anatomy(ids []string) bool {
	return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool {
		t, ok := r.tree.Term(id)
		return !ok || t.Kind == graph.KindFinding
	})
}
