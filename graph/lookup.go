package graph

import (
	"slices"
	"strings"
)

// How says by what a lookup matched; smaller is better.
type How uint8

// The ways to match, best first.
const (
	ByID How = iota
	ByName
	ByExactSynonym
	ByOtherSynonym
)

// String names the way in words: "id", "name", "exact synonym", "other synonym".
func (h How) String() string {
	switch h {
	case ByID:
		return "id"
	case ByName:
		return "name"
	case ByExactSynonym:
		return "exact synonym"
	default:
		return "other synonym"
	}
}

// Match is a term that a text names.
type Match struct {
	ID   string
	How  How
	Text string // the id, name or synonym that matched, as the term spells it
	// Verbatim: equal but for case; otherwise equal after Normalize.
	Verbatim bool
	Scope    Scope // of the synonym that matched
}

// same says whether two matches are equally good.
func (m Match) same(o Match) bool { return m.How == o.How && m.Verbatim == o.Verbatim }

// Best returns the matches that are as good as the first one: one for a clear
// answer, several when the text is ambiguous, none for an unknown text.
func Best(matches []Match) []Match {
	n := 0
	for n < len(matches) && matches[n].same(matches[0]) {
		n++
	}
	return matches[:n]
}

// Lookup returns the terms that text names: by id, by name or by a synonym,
// compared as Normalize says. Best match first: id, then name, exact synonym,
// other synonym; among those verbatim spelling first; then by id. Each term
// appears once, by its best match. Best tells a clear answer from an ambiguous
// one; nil means that no term is so called.
func (t *Tree) Lookup(text string) []Match {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	var out []Match
	for _, id := range []string{text, strings.ToUpper(text)} {
		if term, ok := t.Term(id); ok {
			out = append(out, Match{ID: term.ID, How: ByID, Text: term.ID, Verbatim: true})
			break
		}
	}
	key := Normalize(text)
	if key == "" {
		return out
	}
	verbatim := verbatimKey(text)
	for _, p := range t.nameIndex().find(key) {
		term := &t.terms[p.term]
		m := Match{ID: term.ID, How: p.how(term), Text: p.text(term), Scope: p.scope(term)}
		m.Verbatim = verbatimKey(m.Text) == verbatim
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		switch {
		case a.How != b.How:
			return int(a.How) - int(b.How)
		case a.Verbatim != b.Verbatim:
			if a.Verbatim {
				return -1
			}
			return 1
		default:
			return strings.Compare(a.ID, b.ID)
		}
	})
	seen := make(map[string]bool, len(out))
	return slices.DeleteFunc(out, func(m Match) bool {
		dup := seen[m.ID]
		seen[m.ID] = true
		return dup
	})
}

// Counterpart returns the same structure on the other side: the term with the
// opposite laterality whose name (or exact synonym) differs only in the side.
// ok is false for unsided terms and where there is none, or more than one.
func (t *Tree) Counterpart(id string) (other string, ok bool) {
	term, ok := t.Term(id)
	if !ok || term.Laterality == Unsided {
		return "", false
	}
	want := term.Laterality.Opposite()
	return t.relative(term, want, string(want)+" ")
}

// Base returns the unsided term of a sided one (kidney of left kidney), found
// by name, with a parent preferred. ok is false where there is none.
func (t *Tree) Base(id string) (base string, ok bool) {
	term, ok := t.Term(id)
	if !ok || term.Laterality == Unsided {
		return "", false
	}
	return t.relative(term, Unsided, "")
}

// relative finds the term of the wanted side named as term is, but for prefix
// in place of the side. Names are tried before exact synonyms; of several
// candidates the one that shares a parent with (or is a parent of) term wins.
func (t *Tree) relative(term *Term, want Laterality, prefix string) (string, bool) {
	texts := []string{term.Name}
	for _, s := range term.Synonyms {
		if s.Scope == ScopeExact {
			texts = append(texts, s.Text)
		}
	}
	parents := t.Parents(term.ID)
	var near, far []string // candidates in order of preference
	for _, text := range texts {
		side, rest := splitSide(Normalize(text))
		if side != term.Laterality {
			continue
		}
		for _, p := range t.nameIndex().find(prefix + rest) {
			c := &t.terms[p.term]
			if c.Laterality != want || p.how(c) > ByExactSynonym || slices.Contains(near, c.ID) || slices.Contains(far, c.ID) {
				continue
			}
			if slices.Contains(parents, c.ID) || want != Unsided && overlap(parents, t.Parents(c.ID)) {
				near = append(near, c.ID)
			} else {
				far = append(far, c.ID)
			}
		}
		switch {
		case len(near) > 0:
			return near[0], true
		case len(far) == 1:
			return far[0], true
		}
	}
	return "", false
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// nameIndex finds terms by normalised name: keys sorted, with the postings of
// key i at post[start[i]:start[i+1]].
type nameIndex struct {
	posts map[string][]posting
}

// posting is one text of one term: its name (text -1) or a synonym.
type posting struct {
	term    int32
	synonym int32
}

func (p posting) text(t *Term) string {
	if p.synonym < 0 {
		return t.Name
	}
	return t.Synonyms[p.synonym].Text
}

func (p posting) scope(t *Term) Scope {
	if p.synonym < 0 {
		return ""
	}
	return t.Synonyms[p.synonym].Scope
}

func (p posting) how(t *Term) How {
	switch {
	case p.synonym < 0:
		return ByName
	case t.Synonyms[p.synonym].Scope == ScopeExact:
		return ByExactSynonym
	default:
		return ByOtherSynonym
	}
}

func (n *nameIndex) find(key string) []posting { return n.posts[key] }

func (t *Tree) nameIndex() *nameIndex {
	t.namesOnce.Do(func() {
		n := &nameIndex{posts: make(map[string][]posting, 3*len(t.terms))}
		t.eachText(func(p posting, text string) {
			if key := Normalize(text); key != "" {
				n.posts[key] = append(n.posts[key], p)
			}
		})
		t.names = n
	})
	return t.names
}

// eachText calls f for every name and synonym, by term id, name first.
func (t *Tree) eachText(f func(p posting, text string)) {
	for i := range t.terms {
		term := &t.terms[i]
		f(posting{int32(i), -1}, term.Name) //nolint:gosec // bounded by NewTree
		for j := range term.Synonyms {
			f(posting{int32(i), int32(j)}, term.Synonyms[j].Text) //nolint:gosec // a term has few synonyms
		}
	}
}
