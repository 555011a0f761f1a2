package graph

import "slices"

// Step is one relation of a Path: up from a child to its parent, or down.
type Step struct {
	From, To *Term
	Type     RelationType
	Up       bool
}

// Path returns a shortest way from one term to another that goes up to a common
// ancestor and then down; either half may be empty. It never goes down and then
// up: that two structures share a part says little of how they relate. Of
// several nearest common ancestors the one with the smallest id is taken. ok is
// false for an unknown id and where nothing joins the two; from a term to
// itself the path is empty.
func (t *Tree) Path(from, to string, types ...RelationType) (path []Step, ok bool) {
	a, okA := t.byID[from]
	b, okB := t.byID[to]
	if !okA || !okB {
		return nil, false
	}
	want := mask(types)
	fromA, fromB := t.climb(a, want), t.climb(b, want)
	top, length := int32(-1), 0
	for i, x := range fromA {
		if y, shared := fromB[i]; shared {
			if n := x.distance + y.distance; top < 0 || n < length || n == length && i < top {
				top, length = i, n
			}
		}
	}
	if top < 0 {
		return nil, false
	}
	names := RelationTypes()
	for at := top; at != a; at = fromA[at].below {
		path = append(path, Step{&t.terms[fromA[at].below], &t.terms[at], names[fromA[at].kind], true})
	}
	slices.Reverse(path)
	for at := top; at != b; at = fromB[at].below {
		path = append(path, Step{&t.terms[at], &t.terms[fromB[at].below], names[fromB[at].kind], false})
	}
	return path, true
}

// climbed is how climb reached a term: from the one below, by a relation.
type climbed struct {
	distance int
	below    int32
	kind     uint8
}

// climb finds the shortest way up from i to itself and each of its ancestors.
func (t *Tree) climb(i int32, want uint8) map[int32]climbed {
	reached := map[int32]climbed{i: {below: -1}}
	queue := []int32{i}
	for n := 0; n < len(queue); n++ {
		at := queue[n]
		for _, e := range t.up.of(at) {
			if _, seen := reached[e.to]; !seen && want&(1<<e.kind) != 0 {
				reached[e.to] = climbed{reached[at].distance + 1, at, e.kind}
				queue = append(queue, e.to)
			}
		}
	}
	return reached
}

// CommonAncestors returns the ids of all that lies above every one of the terms,
// sorted. A term counts as its own ancestor here, so of a part and its whole the
// whole is among them. nil if an id is unknown.
func (t *Tree) CommonAncestors(ids []string, types ...RelationType) []string {
	return t.ids(t.common(ids, mask(types)))
}

// LowestCommonAncestors returns those common ancestors below which no other one
// lies, sorted by id: usually one, several where the terms have several parents.
func (t *Tree) LowestCommonAncestors(ids []string, types ...RelationType) []string {
	want := mask(types)
	shared := t.common(ids, want)
	set := t.marks()
	defer t.release(set)
	for _, i := range shared {
		set.add(i)
	}
	return t.ids(slices.DeleteFunc(shared, func(i int32) bool {
		return slices.ContainsFunc(t.down.of(i), func(e edge) bool { return want&(1<<e.kind) != 0 && set.has(e.to) })
	}))
}

// common returns the positions of the common ancestors, ascending.
func (t *Tree) common(ids []string, want uint8) []int32 {
	var shared []int32
	for n, id := range ids {
		i, ok := t.byID[id]
		if !ok {
			return nil
		}
		above := append(t.walk(&t.up, i, want), i)
		slices.Sort(above)
		if n > 0 {
			above = intersect(shared, above)
		}
		shared = above
	}
	return shared
}

// Siblings returns the ids of the terms that share a parent with the term by the
// same type of relation, sorted by id: other kinds of the same thing, other
// parts of the same whole.
func (t *Tree) Siblings(id string, types ...RelationType) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	want := mask(types)
	seen := t.marks()
	defer t.release(seen)
	seen.add(i)
	for _, up := range t.up.of(i) {
		if want&(1<<up.kind) == 0 {
			continue
		}
		for _, down := range t.down.of(up.to) {
			if down.kind == up.kind {
				seen.add(down.to)
			}
		}
	}
	out := slices.Clone(seen.list[1:])
	slices.Sort(out)
	return t.ids(out)
}

// Parts returns the ids of the parts that make up a whole, sorted: its direct
// parts (part_of) less those that are a kind or a part of another of them, so
// that "left cardiac atrium" does not come beside "cardiac atrium". A part that
// is only said of a more general whole is not among them: what is part of
// kidney is not listed for left kidney.
func (t *Tree) Parts(id string) []string {
	i, ok := t.byID[id]
	if !ok {
		return nil
	}
	direct := t.marks()
	defer t.release(direct)
	partOf := PartOf.code()
	for _, e := range t.down.of(i) {
		if int(e.kind) == partOf {
			direct.add(e.to)
		}
	}
	var out []int32
	for _, part := range direct.list {
		if !slices.ContainsFunc(t.walk(&t.up, part, mask([]RelationType{IsA, PartOf})), direct.has) {
			out = append(out, part)
		}
	}
	return t.ids(out)
}
