package graph

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// How says by what a lookup matched; smaller is better.
type How uint8

// The ways to match, best first.
const (
	ByID How = iota
	ByName
	ByExactSynonym
	ByOtherSynonym
	ByXref // a cross-reference, such as a retired id, where no id is so called
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
	case ByXref:
		return "cross-reference"
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
	case m.How == ByID || m.How == ByXref:
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

// Lookup returns the terms that text names: by id, else by a cross-reference,
// by name or by a synonym, compared as Normalize says. Best match first: id; name, then exact synonym, as
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
	if len(out) == 0 && strings.Contains(text, ":") {
		for _, id := range t.ByXref(text) {
			out = append(out, Match{ID: id, How: ByXref, Text: text, Verbatim: true})
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

// nameIndex finds texts by their normalised form. Only hashes of the forms are
// kept: a form is made again from the text to compare it.
type nameIndex struct {
	terms  []Term
	hashes []uint64 // sorted
	texts  []posting
}

// find returns the texts with the normalised form key, by term.
func (n *nameIndex) find(key string) []posting {
	hash := hashMore(hashStart, key)
	i, ok := slices.BinarySearch(n.hashes, hash)
	if !ok {
		return nil
	}
	var norm normalizer
	var found []posting
	for ; i < len(n.hashes) && n.hashes[i] == hash; i++ {
		if p := n.texts[i]; norm.key(p.text(&n.terms[p.term])) == key {
			found = append(found, p)
		}
	}
	return found
}

func (t *Tree) nameIndex() *nameIndex {
	t.namesOnce.Do(func() { t.names = newNameIndex(t.terms) })
	return t.names
}

func newNameIndex(terms []Term) *nameIndex {
	type entry struct {
		hash uint64
		text posting
	}
	parts := make([][]entry, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for k := range parts {
		from, to := k*len(terms)/len(parts), (k+1)*len(terms)/len(parts)
		group.Go(func() {
			norm := normalizer{folder: folder{known: map[string]string{}}}
			for i := from; i < to; i++ {
				for j := -1; j < len(terms[i].Synonyms); j++ {
					p := posting{int32(i), int32(j)} //nolint:gosec // fits memory long before
					if hash, ok := norm.hash(p.text(&terms[i])); ok {
						parts[k] = append(parts[k], entry{hash, p})
					}
				}
			}
		})
	}
	group.Wait()
	entries := slices.Concat(parts...)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.text.term, b.text.term), cmp.Compare(a.text.synonym, b.text.synonym))
	})
	n := &nameIndex{terms: terms, hashes: make([]uint64, len(entries)), texts: make([]posting, len(entries))}
	for i, e := range entries {
		n.hashes[i], n.texts[i] = e.hash, e.text
	}
	return n
}
