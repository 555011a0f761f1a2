package graph

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// xrefIndex finds terms by their cross-references. Only hashes are kept; the
// texts are the terms' own.
type xrefIndex struct {
	seed    maphash.Seed
	entries []xrefEntry // sorted
}

type xrefEntry struct {
	hash uint64
	term int32
}

// ByXref returns the ids of the terms that have the cross-reference, sorted;
// case counts for nothing. A retired id is a cross-reference of the term that
// replaces it.
func (t *Tree) ByXref(ref string) []string {
	t.xrefsOnce.Do(func() { t.xrefs = newXrefIndex(t.terms) })
	ref = strings.TrimSpace(ref)
	hash := t.xrefs.hash(ref)
	i, _ := slices.BinarySearchFunc(t.xrefs.entries, hash, func(e xrefEntry, hash uint64) int { return cmp.Compare(e.hash, hash) })
	var found []string
	for ; i < len(t.xrefs.entries) && t.xrefs.entries[i].hash == hash; i++ {
		term := &t.terms[t.xrefs.entries[i].term]
		if slices.ContainsFunc(term.Xrefs, func(x string) bool { return strings.EqualFold(x, ref) }) {
			found = append(found, term.ID)
		}
	}
	return slices.Compact(found)
}

func newXrefIndex(terms []Term) *xrefIndex {
	x := &xrefIndex{seed: maphash.MakeSeed()}
	for i := range terms {
		for _, ref := range terms[i].Xrefs {
			x.entries = append(x.entries, xrefEntry{x.hash(ref), int32(i)})
		}
	}
	slices.SortFunc(x.entries, func(a, b xrefEntry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.term, b.term)) })
	return x
}

func (x *xrefIndex) hash(ref string) uint64 { return maphash.String(x.seed, strings.ToLower(ref)) }
