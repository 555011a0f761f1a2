package graph

import "maps"

// Stats counts what the tree holds. Depth is the number of relations on the
// longest way up from a term to a root; a root has no parent of any type.
type Stats struct {
	Terms     int                  `json:"terms"`
	Relations map[RelationType]int `json:"relations"`
	Roots     int                  `json:"roots"`
	MaxDepth  int                  `json:"maxDepth"`
}

// Stats returns the counts of the tree.
func (t *Tree) Stats() Stats {
	t.statsOnce.Do(func() {
		s := Stats{Terms: len(t.terms), Relations: map[RelationType]int{}}
		for i, r := range RelationTypes() {
			s.Relations[r] = t.counts[i]
		}
		s.Roots, s.MaxDepth = t.depths()
		t.stats = s
	})
	s := t.stats
	s.Relations = maps.Clone(t.stats.Relations)
	return s
}

// Roots returns the ids of the terms without parents, sorted.
func (t *Tree) Roots() []string {
	var out []string
	for i := range t.terms {
		if t.up.start[i] == t.up.start[i+1] {
			out = append(out, t.terms[i].ID)
		}
	}
	return out
}

// depths finds the longest path by taking terms once all parents are done.
func (t *Tree) depths() (roots, maxDepth int) {
	waiting := make([]int32, len(t.terms))
	depth := make([]int, len(t.terms))
	var ready []int32
	for i := range t.terms {
		waiting[i] = t.up.start[i+1] - t.up.start[i]
		if waiting[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	roots = len(ready)
	for len(ready) > 0 {
		at := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		maxDepth = max(maxDepth, depth[at])
		for _, e := range t.down.of(at) {
			depth[e.to] = max(depth[e.to], depth[at]+1)
			if waiting[e.to]--; waiting[e.to] == 0 {
				ready = append(ready, e.to)
			}
		}
	}
	return roots, maxDepth
}
