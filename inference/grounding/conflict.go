package grounding

import (
	"fmt"
	"slices"

	"satgraph/graph"
)

// A Conflict is what two sentences of a draft say against each other.
type Conflict struct {
	First, Second int // numbers of the sentences, from 0
	Text          string
}

// A claim is that a sentence says a finding is, or is not, at a site.
type claim struct {
	sentence int
	sums     bool // in a section that sums up
	what     string
	site     string // the id of the unsided term
	side     string
	status   Status
}

// Conflicts finds sentences of which one affirms and the other negates the same
// finding at the same place, and those of a summary that name the other side
// than all before them.
func Conflicts(tree *graph.Tree, sentences []Sentence) []Conflict {
	var claims []claim
	for i := range sentences {
		claims = append(claims, claimsOf(tree, &sentences[i], i)...)
	}
	var out []Conflict
	add := func(a, b claim, text string) {
		c := Conflict{min(a.sentence, b.sentence), max(a.sentence, b.sentence), text}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	for i, a := range claims {
		for _, b := range claims[i+1:] {
			if a.sentence == b.sentence || a.what != b.what || a.site != b.site {
				continue
			}
			if opposed(a.status, b.status) && overlap(a.side, b.side) {
				add(a, b, fmt.Sprintf("one sentence affirms and the other negates: %s, %s", a.what, said(tree, a)))
			}
		}
		if a.sums && a.status == Affirmed && (a.side == Left || a.side == Right) {
			if b, ok := elsewhere(claims, a); ok {
				add(a, b, fmt.Sprintf("the summary says %s, all before it say %s: %s, %s", a.side, b.side, a.what, said(tree, a)))
			}
		}
	}
	return out
}

// elsewhere finds a claim before the summary that is for the other side, where
// none there is for the summary's.
func elsewhere(claims []claim, a claim) (found claim, ok bool) {
	for _, b := range claims {
		if b.sums || b.what != a.what || b.site != a.site || b.status != Affirmed {
			continue
		}
		if overlap(a.side, b.side) {
			return claim{}, false
		}
		found, ok = b, true
	}
	return found, ok
}

func opposed(a, b Status) bool {
	return a == Affirmed && b == Negated || a == Negated && b == Affirmed
}

func overlap(a, b string) bool {
	return a == b || a == "" || b == "" || a == Both || b == Both
}

func said(tree *graph.Tree, c claim) string {
	if t, ok := tree.Term(c.site); ok {
		return t.Name
	}
	return c.site
}

// claimsOf pairs each finding of a sentence with the structures of its clause,
// or of the sentence where its clause names none.
func claimsOf(tree *graph.Tree, s *Sentence, n int) []claim {
	var out []claim
	for _, f := range s.Signs {
		sites := sitesOf(s, func(m Mention) bool { return s.clause(m.From) == s.clause(f.From) })
		if len(sites) == 0 {
			sites = sitesOf(s, func(Mention) bool { return true })
		}
		for _, m := range sites {
			base := m.IDs[0]
			if b, ok := tree.Base(base); ok {
				base = b
			}
			out = append(out, claim{n, s.Concludes(), f.Word, base, m.Side, f.Status})
		}
	}
	return out
}

func sitesOf(s *Sentence, take func(Mention) bool) []Mention {
	var out []Mention
	for _, m := range s.Mentions {
		if len(m.IDs) > 0 && take(m) {
			out = append(out, m)
		}
	}
	return out
}
