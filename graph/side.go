package graph

import (
	"slices"
	"strings"
)

// sides are the relatives of a term by side, as positions; -1 is none.
type sides struct{ counterpart, base int32 }

// Counterpart returns the same structure on the other side: the term of the
// opposite laterality whose name or exact synonym differs only in the side. It
// holds both ways: the counterpart's counterpart is the term itself. ok is false
// for unsided terms, and where there is none or more than one.
func (t *Tree) Counterpart(id string) (other string, ok bool) {
	return t.relative(id, func(s sides) int32 { return s.counterpart })
}

// Base returns the unsided term of a sided one (kidney of left kidney): the one
// named alike but for the side, with a parent preferred; else the unsided term
// of which this and its counterpart are the only sided kinds, if it is called by
// some of the same words ("lobar bronchus of left lung" is a lobar bronchus).
// Counterparts have the same base. ok is false for unsided terms and where there is none.
func (t *Tree) Base(id string) (base string, ok bool) {
	return t.relative(id, func(s sides) int32 { return s.base })
}

func (t *Tree) relative(id string, which func(sides) int32) (string, bool) {
	i, ok := t.byID[id]
	if !ok || t.terms[i].Laterality == Unsided {
		return "", false
	}
	at := which(t.sideIndex()[i])
	if at < 0 {
		return "", false
	}
	return t.terms[at].ID, true
}

func (t *Tree) sideIndex() []sides {
	t.sidesOnce.Do(func() {
		index := make([]sides, len(t.terms))
		for i := range t.terms {
			index[i] = sides{-1, -1}
			if side := t.terms[i].Laterality; side != Unsided {
				index[i].counterpart = t.alike(int32(i), side.Opposite())
				index[i].base = t.alike(int32(i), Unsided)
			}
		}
		for i := range index { // only what both say holds
			if c := index[i].counterpart; c >= 0 && index[c].counterpart != int32(i) {
				index[i].counterpart = -1
			}
		}
		for i := range index {
			if c := index[i].counterpart; c > int32(i) {
				base := t.sharedBase(int32(i), c, index[i].base, index[c].base)
				index[i].base, index[c].base = base, base
			}
		}
		t.sides = index
	})
	return t.sides
}

// alike finds the term of the wanted side named as term i is but for the side.
// The name is tried before exact synonyms. Of several candidates the one that is
// a parent of the term, or shares one with it, wins; if there are several of
// these the first by id, if there are none only a single candidate counts.
func (t *Tree) alike(i int32, want Laterality) int32 {
	term := &t.terms[i]
	for _, text := range term.names() {
		side, rest := splitSide(Normalize(text))
		if side != term.Laterality {
			continue
		}
		if want != Unsided {
			rest = string(want) + " " + rest
		}
		var near, far []int32
		for _, q := range t.nameIndex().find(rest) {
			c := &t.terms[q.term]
			switch {
			case c.Laterality != want || q.how(c) > ByExactSynonym || slices.Contains(near, q.term) || slices.Contains(far, q.term):
			case t.isParent(q.term, i) || want != Unsided && t.shareParent(q.term, i):
				near = append(near, q.term)
			default:
				far = append(far, q.term)
			}
		}
		switch {
		case len(near) > 0:
			return slices.Min(near)
		case len(far) == 1:
			return far[0]
		}
	}
	return -1
}

// sharedBase settles the base of a pair of counterparts from what each found by
// name.
func (t *Tree) sharedBase(i, c, ofI, ofC int32) int32 {
	switch {
	case ofI == ofC && ofI >= 0:
		return ofI
	case ofI >= 0 && (ofC < 0 || t.isParent(ofI, i) && !t.isParent(ofC, c)):
		return ofI
	case ofC >= 0:
		return ofC
	}
	for _, e := range t.up.of(i) {
		if t.terms[e.to].Laterality != Unsided || RelationTypes()[e.kind] != IsA || !t.isParent(e.to, c) {
			continue
		}
		others := slices.ContainsFunc(t.down.of(e.to), func(d edge) bool {
			return d.to != i && d.to != c && t.terms[d.to].Laterality != Unsided
		})
		if !others && t.wordsWithin(e.to, i) {
			return e.to
		}
	}
	return -1
}

// wordsWithin says whether some name of base has no word that some name of i
// lacks.
func (t *Tree) wordsWithin(base, i int32) bool {
	for _, longer := range t.terms[i].names() {
		words := strings.Fields(Normalize(longer))
		for _, text := range t.terms[base].names() {
			missing := func(w string) bool { return !slices.Contains(words, w) }
			if !slices.ContainsFunc(strings.Fields(Normalize(text)), missing) {
				return true
			}
		}
	}
	return false
}

func (t *Tree) isParent(parent, child int32) bool {
	return slices.ContainsFunc(t.up.of(child), func(e edge) bool { return e.to == parent })
}

func (t *Tree) shareParent(a, b int32) bool {
	return slices.ContainsFunc(t.up.of(a), func(e edge) bool { return t.isParent(e.to, b) })
}
