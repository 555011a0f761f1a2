package inference

import (
	"fmt"
	"slices"

	"satgraph/graph"
)

// inContext settles what an ambiguous text means by what is asked for beside it:
// "LV" beside "RV" is a chamber of the heart, beside "third ventricle" one of
// the brain. A text stays ambiguous unless one of its meanings fits the rest
// better than all others.
func (r *Resolver) inContext(groups []group, m Modality) {
	var all []*item
	for i := range groups {
		for _, list := range [][]item{groups[i].items, groups[i].without, groups[i].perhaps} {
			for k := range list {
				if it := &list[k]; it.sel == self && it.bad == "" && it.of == "" && len(it.mean) == 0 {
					all = append(all, it)
				}
			}
		}
	}
	const most = 50 // each is compared with each
	if len(all) < 2 || len(all) > most {
		return
	}
	means := make([][]string, len(all))
	for i, it := range all {
		means[i] = r.find(it.text, m).ids
	}
	for i, it := range all {
		if len(means[i]) < 2 {
			continue
		}
		best, second, chosen := 0, 0, ""
		for _, id := range means[i] {
			fit := 0
			for k, others := range means {
				near := 0
				for _, other := range others {
					if k != i {
						near = max(near, r.nearness(id, other))
					}
				}
				fit += near
			}
			if fit > best {
				best, second, chosen = fit, best, id
			} else {
				second = max(second, fit)
			}
		}
		if best > second {
			rest := slices.DeleteFunc(slices.Clone(means[i]), func(id string) bool { return id == chosen })
			it.note = join(it.note, fmt.Sprintf("%q is read as %s beside the rest of the question; it may also mean %s",
				it.text, r.name(chosen), names(r.candidates(rest))))
			it.text = chosen
		}
	}
}

// nearness of two terms: 2 for one kind, 1 for one place.
func (r *Resolver) nearness(a, b string) int {
	near := 0
	if slices.ContainsFunc(r.kindsOf(a), func(k string) bool { return slices.Contains(r.kindsOf(b), k) }) {
		near = 2
	}
	around := r.tree.Ancestors(b, graph.PartOf)
	if b == a || slices.Contains(around, a) || slices.ContainsFunc(r.tree.Ancestors(a, graph.PartOf), func(up string) bool {
		return up == b || slices.Contains(around, up) && len(r.byTerm[up]) > 0
	}) {
		near++
	}
	return near
}

// kindsOf are the kinds of a term, and theirs.
func (r *Resolver) kindsOf(id string) []string {
	kinds := r.tree.Parents(id, graph.IsA)
	for _, k := range slices.Clone(kinds) {
		kinds = appendNew(kinds, r.tree.Parents(k, graph.IsA)...)
	}
	return kinds
}
