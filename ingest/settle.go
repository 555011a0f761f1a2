package ingest

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// settle checks that what was read is a tree, or leaves out what the options
// allow.
func (a *Anatomy) settle(o Options) error {
	if len(a.Terms) == 0 {
		return fileError(a.paths[0], 0, fmt.Errorf("%w: it defines no term", ErrFormat))
	}
	a.carryRetired()
	for i := range a.Terms {
		t := &a.Terms[i]
		t.Xrefs, t.Synonyms = distinct(t.Xrefs), distinct(t.Synonyms)
		if err := graph.CheckTerm(t); err != nil {
			return a.errorAt(a.defined[t.ID], fmt.Errorf("%w: %w", ErrFormat, err))
		}
	}
	if err := a.settleEnds(o); err != nil {
		return err
	}
	return a.settleCycles(o)
}

// carryRetired makes retired ids cross-references of the terms that replace
// them, also where the replacement is itself retired.
func (a *Anatomy) carryRetired() {
	next := make(map[string]string, len(a.Retired))
	for _, r := range a.Retired {
		if len(r.ReplacedBy) == 1 {
			next[r.ID] = r.ReplacedBy[0]
		} else {
			next[r.ID] = ""
		}
	}
	if len(next) == 0 {
		return
	}
	at := make(map[string]int, len(a.Terms))
	for i := range a.Terms {
		at[a.Terms[i].ID] = i
	}
	for _, r := range a.Retired {
		id := r.ID
		for range len(next) { // a ring of retired terms ends here
			to, retired := next[id]
			if !retired {
				break
			}
			id = to
		}
		if i, ok := at[id]; ok {
			a.Terms[i].Xrefs = append(a.Terms[i].Xrefs, r.ID)
		}
	}
}

// distinct keeps the first of equal items, in place.
func distinct[T comparable](items []T) []T {
	if len(items) < 2 {
		return items
	}
	seen := make(map[T]bool, len(items))
	return slices.DeleteFunc(items, func(item T) bool {
		dup := seen[item]
		seen[item] = true
		return dup
	})
}

// settleEnds leaves out relations that a source may have beyond its own terms,
// and refuses those that show it to be cut short: to an undefined term of a
// vocabulary that it does define.
func (a *Anatomy) settleEnds(o Options) error {
	terms := make(map[string]bool, len(a.Terms))
	own := map[string]bool{}
	for i := range a.Terms {
		terms[a.Terms[i].ID] = true
		own[prefix(a.Terms[i].ID)] = true
	}
	seen := make(map[graph.Relation]bool, len(a.Relations))
	kept := 0
	for i, r := range a.Relations {
		undefined := r.Parent
		if terms[r.Parent] {
			undefined = r.Child
		}
		_, known := a.defined[undefined] // retired, or without a name
		switch {
		case seen[r]:
			continue
		case terms[r.Child] && terms[r.Parent]:
			seen[r] = true
			a.Relations[kept], a.places[kept] = r, a.places[i]
			kept++
		case known:
			a.Notes.ToRetired++
		case !own[prefix(undefined)]:
			count(&a.Notes.Outside, prefix(undefined))
		case o.LeaveOutUndefined, len(a.Notes.Imports) > 0:
			a.Notes.Undefined++
		default:
			return a.errorAt(a.places[i], fmt.Errorf("%w: %s %s %s, but nothing defines %s: the file may be cut short, or a part of another; relations to undefined terms can be left out if so asked",
				ErrDangling, r.Child, r.Type, r.Parent, undefined))
		}
	}
	a.Relations, a.places = a.Relations[:kept], a.places[:kept]
	return nil
}

// prefix is the vocabulary of a CURIE, or the whole of another id.
func prefix(id string) string {
	if i := strings.LastIndexAny(id, ":_"); i > 0 && strings.Contains(id, "/") { // a URL
		return id[:i]
	}
	p, _, _ := strings.Cut(id, ":")
	return p
}

// settleCycles refuses the first relation that closes a cycle, or leaves out
// all that do. Terms and relations are followed in their order, so one source
// always loses the same.
func (a *Anatomy) settleCycles(o Options) error {
	n := len(a.Terms)
	at := make(map[string]int32, n)
	for i := range a.Terms {
		at[a.Terms[i].ID] = int32(i)
	}
	start := make([]int32, n+1) // relations by child, in order
	for _, r := range a.Relations {
		start[at[r.Child]+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	byChild := make([]int32, len(a.Relations))
	next := append([]int32(nil), start[:n]...)
	for i, r := range a.Relations {
		c := at[r.Child]
		byChild[next[c]] = int32(i)
		next[c]++
	}
	copy(next, start)
	closing := map[int32]bool{}
	open, done := make([]bool, n), make([]bool, n)
	var stack []int32
	for i := range n {
		if done[i] {
			continue
		}
		stack = append(stack[:0], int32(i))
		open[i] = true
		for len(stack) > 0 {
			here := stack[len(stack)-1]
			if next[here] == start[here+1] {
				open[here], done[here] = false, true
				stack = stack[:len(stack)-1]
				continue
			}
			rel := byChild[next[here]]
			next[here]++
			switch to := at[a.Relations[rel].Parent]; {
			case open[to] && !o.LeaveOutCyclic:
				return a.errorAt(a.places[rel], fmt.Errorf("%w: %s; relations that close a cycle can be left out if so asked", ErrCycle, a.path(stack, to)))
			case open[to]:
				closing[rel] = true
			case !done[to]:
				open[to] = true
				stack = append(stack, to)
			}
		}
	}
	if len(closing) == 0 {
		return nil
	}
	kept := 0
	for i, r := range a.Relations {
		if closing[int32(i)] {
			a.Notes.Cyclic = append(a.Notes.Cyclic, Cyclic{r.Child, r.Type, r.Parent, a.places[i].line()})
			continue
		}
		a.Relations[kept], a.places[kept] = r, a.places[i]
		kept++
	}
	a.Relations, a.places = a.Relations[:kept], a.places[:kept]
	return nil
}

// path names the cycle that leads from the end of the stack back to a term on
// it; the middle of a long one is left out.
func (a *Anatomy) path(stack []int32, to int32) string {
	var ids []string
	for _, i := range slices.Backward(stack) {
		ids = append(ids, a.Terms[i].ID)
		if i == to {
			break
		}
	}
	slices.Reverse(ids)
	ids = append(ids, a.Terms[to].ID)
	if len(ids) > 10 {
		ids = append(append(ids[:5:5], "…"), ids[len(ids)-4:]...)
	}
	return strings.Join(ids, " → ")
}
