package build

import (
	"slices"
	"strings"

	"satgraph/graph"
)

// splice returns the relations among the taken terms: those that stand between
// two of them, and those that lead from one to another through terms left out,
// unless implied by others. is_a through is_a stays is_a; located_in stays
// located_in; any other mixture is part_of.
func splice(relations []graph.Relation, taken map[string]bool) []graph.Relation {
	up := map[string][]graph.Relation{}
	for _, r := range relations {
		up[r.Child] = append(up[r.Child], r)
	}
	for _, rs := range up {
		slices.SortFunc(rs, compare)
	}
	var direct, through []graph.Relation
	for child := range taken {
		seen := map[graph.Relation]bool{}
		var climb func(at string, kind graph.RelationType, first bool)
		climb = func(at string, kind graph.RelationType, first bool) {
			for _, r := range up[at] {
				joined := graph.Relation{Child: child, Parent: r.Parent, Type: r.Type}
				if !first {
					joined.Type = join(kind, r.Type)
				}
				switch {
				case seen[joined] || r.Parent == child:
				case !first && kind == graph.PartOf && r.Type == graph.IsA && len(up[child]) > 1:
					// Part of something left out, a kind of something abstract: true,
					// and of no use beside other relations.
				case taken[r.Parent]:
					seen[joined] = true
					if first {
						direct = append(direct, joined)
					} else {
						through = append(through, joined)
					}
				default:
					seen[joined] = true
					climb(r.Parent, joined.Type, false)
				}
			}
		}
		climb(child, "", true)
	}
	kept := append(direct, prune(direct, through)...)
	slices.SortFunc(kept, compare)
	return slices.Compact(kept)
}

func join(lower, upper graph.RelationType) graph.RelationType {
	switch lower {
	case graph.LocatedIn:
		return graph.LocatedIn
	case graph.IsA:
		return upper
	default:
		return graph.PartOf
	}
}

// prune drops from through what the other relations imply.
func prune(direct, through []graph.Relation) []graph.Relation {
	parents := map[string][]string{}
	for _, r := range slices.Concat(direct, through) {
		parents[r.Child] = append(parents[r.Child], r.Parent)
	}
	above := map[string]map[string]bool{}
	var ancestors func(id string) map[string]bool
	ancestors = func(id string) map[string]bool {
		if a, ok := above[id]; ok {
			return a
		}
		a := map[string]bool{}
		above[id] = a // a cycle, refused later by graph.NewTree, ends here
		for _, p := range parents[id] {
			a[p] = true
			for q := range ancestors(p) {
				a[q] = true
			}
		}
		return a
	}
	stated := map[[2]string]bool{}
	for _, r := range direct {
		stated[[2]string{r.Child, r.Parent}] = true
	}
	var kept []graph.Relation
	for _, r := range through {
		implied := stated[[2]string{r.Child, r.Parent}] || slices.ContainsFunc(parents[r.Child], func(q string) bool {
			return q != r.Parent && ancestors(q)[r.Parent]
		})
		if !implied {
			kept = append(kept, r)
		}
	}
	// Two ways up to one parent leave one tie: is_a before part_of.
	slices.SortFunc(kept, compare)
	return slices.CompactFunc(kept, func(a, b graph.Relation) bool { return a.Child == b.Child && a.Parent == b.Parent })
}

func compare(a, b graph.Relation) int {
	if c := strings.Compare(a.Child, b.Child); c != 0 {
		return c
	}
	if c := strings.Compare(a.Parent, b.Parent); c != 0 {
		return c
	}
	return strings.Compare(string(a.Type), string(b.Type))
}

// reduce drops what relations of the same type imply: is_a that a chain of is_a
// gives, part_of that a chain of part_of gives, unless a reviewed row states it.
// What lies under what by each type stays as it was.
func reduce(relations []graph.Relation, reviewed map[graph.Relation]bool) []graph.Relation {
	up := map[graph.RelationType]map[string][]string{graph.IsA: {}, graph.PartOf: {}}
	for _, r := range relations {
		if parents, ok := up[r.Type]; ok {
			parents[r.Child] = append(parents[r.Child], r.Parent)
		}
	}
	return slices.DeleteFunc(slices.Clone(relations), func(r graph.Relation) bool {
		parents, ok := up[r.Type]
		return ok && (r.Type == graph.IsA || !reviewed[r]) && indirect(parents, r.Child, r.Parent)
	})
}

// indirect says whether a chain of two or more steps leads from id to above.
func indirect(parents map[string][]string, id, above string) bool {
	seen := map[string]bool{}
	var stack []string
	for _, p := range parents[id] {
		if p != above {
			stack = append(stack, p)
		}
	}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at == above {
			return true
		}
		for _, p := range parents[at] {
			if !seen[p] {
				seen[p] = true
				stack = append(stack, p)
			}
		}
	}
	return false
}
