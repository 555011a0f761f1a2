package graph

import (
	"cmp"
	"fmt"
	"slices"
)

// adjacency is a compressed sparse row matrix: the edges of term i are
// edges[start[i]:start[i+1]], sorted by target, then type.
type adjacency struct {
	start []int32
	edges []edge
}

type edge struct {
	to   int32
	kind uint8 // RelationType.code
}

func (a *adjacency) of(i int32) []edge { return a.edges[a.start[i]:a.start[i+1]] }

// link fills both adjacencies.
func (t *Tree) link(relations []Relation) error {
	type link struct {
		child, parent int32
		kind          uint8
	}
	links := make([]link, 0, len(relations))
	for _, r := range relations {
		code := r.Type.code()
		if code < 0 {
			return fmt.Errorf("%w: %s %s %s: unknown type", ErrInvalidRelation, r.Child, r.Type, r.Parent)
		}
		child, ok := t.byID[r.Child]
		if !ok {
			return fmt.Errorf("%w: %s in %s %s %s", ErrUnknownTerm, r.Child, r.Child, r.Type, r.Parent)
		}
		parent, ok := t.byID[r.Parent]
		if !ok {
			return fmt.Errorf("%w: %s in %s %s %s", ErrUnknownTerm, r.Parent, r.Child, r.Type, r.Parent)
		}
		links = append(links, link{child, parent, uint8(code)}) //nolint:gosec // 0, 1 or 2
	}
	inOrder := func(a, b link) int {
		return cmp.Or(cmp.Compare(a.child, b.child), cmp.Compare(a.parent, b.parent), cmp.Compare(a.kind, b.kind))
	}
	if !slices.IsSortedFunc(links, inOrder) { // as stores give them
		slices.SortFunc(links, inOrder)
	}
	links = slices.Compact(links)
	n := len(t.terms)
	t.up = adjacency{start: make([]int32, n+1), edges: make([]edge, len(links))}
	t.down = adjacency{start: make([]int32, n+1), edges: make([]edge, len(links))}
	for _, l := range links {
		t.counts[l.kind]++
		t.up.start[l.child+1]++
		t.down.start[l.parent+1]++
	}
	for i := range n {
		t.up.start[i+1] += t.up.start[i]
		t.down.start[i+1] += t.down.start[i]
	}
	next := slices.Clone(t.down.start)
	for i, l := range links {
		t.up.edges[i] = edge{l.parent, l.kind}
		t.down.edges[next[l.parent]] = edge{l.child, l.kind} // children arrive in order
		next[l.parent]++
	}
	return nil
}

// checkAcyclic walks the relations of all types together, without recursion.
func (t *Tree) checkAcyclic() error {
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(t.terms))
	next := make([]int32, len(t.terms)) // next edge to follow
	var stack []int32
	for i := range t.terms {
		if state[i] != fresh {
			continue
		}
		stack = append(stack[:0], int32(i))
		state[i] = open
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			edges := t.up.of(at)
			if int(next[at]) == len(edges) {
				state[at] = done
				stack = stack[:len(stack)-1]
				continue
			}
			to := edges[next[at]].to
			next[at]++
			switch state[to] {
			case fresh:
				state[to] = open
				stack = append(stack, to)
			case open:
				from := slices.Index(stack, to)
				path := t.ids(stack[from:])
				return &CycleError{Path: append(path, t.terms[to].ID)}
			}
		}
	}
	return nil
}
