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

// rank orders matches; smaller is better. A synonym spelt as asked goes before a
// name that only Normalize makes equal, so "basal ganglia" finds the collection
// so called and not a basal ganglion.
func (m Match) rank() int {
	switch {
	case m.How == ByID:
		return 0
	case m.How == ByOtherSynonym && m.Verbatim:
		return 5
	case m.How == ByOtherSynonym:
		return 6
	case m.Verbatim:
		return int(m.How) // 1, 2
	default:
		return int(m.How) + 2 // 3, 4
	}
}

// Best returns the matches that are as good as the first one: one for a clear
// answer, several when the text is ambiguous, none for an unknown text.
func Best(matches []Match) []Match {
	n := 0
	for n < len(matches) && matches[n].rank() == matches[0].rank() {
		n++
	}
	return matches[:n]
}

// Lookup returns the terms that text names: by id, by name or by a synonym,
// compared as Normalize says. Best match first: id; name, then exact synonym, as
// spelt; name, then exact synonym, normalised; other synonyms as spelt, then
// normalised; equals by id. Each term appears once, by its best match. Best
// tells a clear answer from an ambiguous one; nil means no term is so called.
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
		if a.rank() != b.rank() {
			return a.rank() - b.rank()
		}
		return strings.Compare(a.ID, b.ID)
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

// posting is one text of one term: its name (synonym -1) or a synonym.
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

// nameIndex finds terms by normalised name or synonym: texts holds every name
// and synonym, by term, name first; same[i] is the next text with the key of
// text i, or -1; first is the first text of a key.
type nameIndex struct {
	texts []posting
	keys  []string
	same  []int32
	first map[string]int32
}

// find returns the texts with the normalised form key, by term.
func (n *nameIndex) find(key string) []posting {
	i, ok := n.first[key]
	if !ok {
		return nil
	}
	var found []posting
	for ; i >= 0; i = n.same[i] {
		found = append(found, n.texts[i])
	}
	return found
}

func (t *Tree) nameIndex() *nameIndex {
	t.namesOnce.Do(func() {
		count := len(t.terms)
		for i := range t.terms {
			count += len(t.terms[i].Synonyms)
		}
		n := &nameIndex{
			texts: make([]posting, 0, count), keys: make([]string, 0, count),
			same: make([]int32, count), first: make(map[string]int32, count),
		}
		var norm normalizer
		for i := range t.terms {
			term := &t.terms[i]
			for j := -1; j < len(term.Synonyms); j++ {
				p := posting{int32(i), int32(j)}
				n.texts = append(n.texts, p)
				n.keys = append(n.keys, norm.key(p.text(term)))
			}
		}
		for i := count - 1; i >= 0; i-- { // backwards, so that lists run by term
			n.same[i] = -1
			if key := n.keys[i]; key != "" {
				if next, ok := n.first[key]; ok {
					n.same[i] = next
				}
				n.first[key] = int32(i) //nolint:gosec // texts fit memory long before
			}
		}
		t.names = n
	})
	return t.names
}
