package graph

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Children returns the ids of the direct children, sorted by id; nil for an
// unknown id. With no types, every relation type is followed.
func (t *Tree) Children(id string, types ...RelationType) []string {
	return t.near(&t.down, id, types)
}

// Parents returns the ids of the direct parents, sorted by id.
func (t *Tree) Parents(id string, types ...RelationType) []string {
	return t.near(&t.up, id, types)
}

// Descendants returns the ids of everything below the term, without the term
// itself, sorted by id. Paths may mix the given types: the wall of a ventricle
// that is_a part of the heart is a descendant of the heart.
func (t *Tree) Descendants(id string, types ...RelationType) []string {
	return t.far(&t.down, id, types)
}

// Ancestors returns the ids of everything above the term, without the term
// itself, sorted by id.
func (t *Tree) Ancestors(id string, types ...RelationType) []string {
	return t.far(&t.up, id, types)
}

// IsDescendant says whether id lies below ancestor by the given types. A term
// is not its own descendant.
func (t *Tree) IsDescendant(id, ancestor string, types ...RelationType) bool {
	from, ok := t.byID[id]
	if !ok {
		return false
	}
	to, ok := t.byID[ancestor]
	return ok && from != to && slices.Contains(t.walk(&t.up, from, mask(types)), to)
}

// Visit is a term that Subtree reached.
type Visit struct {
	Term  *Term
	Depth int // 1 for a child of the start
	// Parent is the term through which it was reached, by the relation Via.
	Parent *Term
	Via    RelationType
}

// Subtree returns what lies below the term, level by level, each term once, at
// its least depth: a term under several parents comes under the first of them.
// Within a level, terms keep the order of their parents, then go by id. The
// term itself is not among them. A depth below 0 means all levels; nil is an
// unknown id or depth 0.
func (t *Tree) Subtree(id string, depth int, types ...RelationType) []Visit {
	root, ok := t.byID[id]
	if !ok || depth == 0 {
		return nil
	}
	want, names := mask(types), RelationTypes()
	seen := t.marks()
	defer t.release(seen)
	seen.add(root)
	var out []Visit
	level, next := []int32{root}, []int32(nil)
	for d := 1; len(level) > 0 && (depth < 0 || d <= depth); d++ {
		next = next[:0]
		for _, at := range level {
			for _, e := range t.down.of(at) {
				if want&(1<<e.kind) != 0 && seen.add(e.to) {
					next = append(next, e.to)
					out = append(out, Visit{&t.terms[e.to], d, &t.terms[at], names[e.kind]})
				}
			}
		}
		level, next = next, level
	}
	return out
}

// mask is the set of relation types as bits; no types means all. Unknown types
// match nothing.
func mask(types []RelationType) uint8 {
	if len(types) == 0 {
		return math.MaxUint8
	}
	var m uint8
	for _, r := range types {
		if c := r.code(); c >= 0 {
			m |= 1 << c
		}
	}
	return m
}

func (t *Tree) near(a *adjacency, id string, types []RelationType) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	want := mask(types)
	var out []string
	last := int32(-1)
	for _, e := range a.of(i) {
		if want&(1<<e.kind) != 0 && e.to != last {
			out = append(out, t.terms[e.to].ID)
			last = e.to
		}
	}
	return out
}

func (t *Tree) far(a *adjacency, id string, types []RelationType) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	found := t.walk(a, i, mask(types))
	slices.Sort(found)
	return t.ids(found)
}

// walk returns everything reachable from i, without i, nearest first. Each term
// is visited once, however many ways lead to it.
func (t *Tree) walk(a *adjacency, i int32, want uint8) []int32 {
	seen := t.marks()
	defer t.release(seen)
	seen.add(i)
	for n := 0; n < len(seen.list); n++ { //nolint:intrange // the list grows
		for _, e := range a.of(seen.list[n]) {
			if want&(1<<e.kind) != 0 {
				seen.add(e.to)
			}
		}
	}
	return slices.Clone(seen.list[1:])
}

// marks is a set of terms that remembers the order in which they came, so that
// clearing it costs what was added and not the size of the tree.
type marks struct {
	bits []uint64
	list []int32
}

// add says whether i is new.
func (m *marks) add(i int32) bool {
	word, bit := &m.bits[i>>6], uint64(1)<<(i&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	m.list = append(m.list, i)
	return true
}

func (m *marks) has(i int32) bool { return m.bits[i>>6]&(1<<(i&63)) != 0 }

func (t *Tree) marks() *marks {
	if m, ok := t.pool.Get().(*marks); ok {
		return m
	}
	return &marks{bits: make([]uint64, (len(t.terms)+63)/64)}
}

func (t *Tree) release(m *marks) {
	for _, i := range m.list {
		m.bits[i>>6] = 0
	}
	m.list = m.list[:0]
	t.pool.Put(m)
}

func (t *Tree) ids(at []int32) []string {
	out := make([]string, len(at))
	for k, i := range at {
		out[k] = t.terms[i].ID
	}
	return out
}

// SortByName orders ids by the names of their terms, then by id; unknown ids
// go last. It sorts in place and returns its argument.
func (t *Tree) SortByName(ids []string) []string {
	type named struct {
		name, id string
		unknown  bool
	}
	all := make([]named, len(ids))
	for k, id := range ids {
		term, ok := t.Term(id)
		if all[k] = (named{id: id, unknown: !ok}); ok {
			all[k].name = strings.ToLower(term.Name)
		}
	}
	slices.SortFunc(all, func(a, b named) int {
		switch {
		case a.unknown != b.unknown && a.unknown:
			return 1
		case a.unknown != b.unknown:
			return -1
		}
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.id, b.id))
	})
	for k := range all {
		ids[k] = all[k].id
	}
	return ids
}
