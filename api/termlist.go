package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// termList is a list of terms that hangs on a term.
type termList struct {
	name, description string
	limit             int // where none is given
	byRelation        bool
	ids               func(tree *graph.Tree, id string, types ...graph.RelationType) []string
}

var termLists = []termList{
	{"parents", "The terms directly above it.", 100, true, (*graph.Tree).Parents},
	{"children", "The terms directly below it.", 100, true, (*graph.Tree).Children},
	{"ancestors", "All terms above it, each once.", 1000, true, (*graph.Tree).Ancestors},
	{"descendants", "All terms below it, each once.", 1000, true, (*graph.Tree).Descendants},
	{"siblings", "The terms that share a parent with it by the same relation.", 100, true, (*graph.Tree).Siblings},
	{
		"parts", "The parts that make it up: its direct parts, without those that are a kind or a part of another of them.", 100, false,
		func(tree *graph.Tree, id string, _ ...graph.RelationType) []string { return tree.Parts(id) },
	},
}

// listNamed is the list that a field gives, wholly or as pages; nil for none.
func listNamed(field string) (l *termList, page bool) {
	name, page := strings.CutSuffix(field, "Connection")
	for i := range termLists {
		if termLists[i].name == name {
			return &termLists[i], page
		}
	}
	return nil, false
}

// perWalked is how many terms of a list that is gathered cost as much as one value
// that is given: a list may be long though only its first terms are given.
const perWalked = 50

// gather finds a term's list, by name, and pays for the walk.
func (s *Service) gather(ctx context.Context, l *termList, x *graph.Term, a args) ([]*graph.Term, error) {
	terms := s.walks.of(s.tree(ctx), l, x, relations(a))
	return terms, spend(ctx, len(terms)/perWalked)
}

// walks keeps the lists of terms of one tree that were asked for lately, by name:
// to gather and sort one takes longer than all else that a request does with it.
// It is safe for concurrent use.
type walks struct {
	mu    sync.Mutex
	tree  *graph.Tree
	lists *recent[walk, []*graph.Term]
	ranks map[*graph.Term]int32 // by name
}

type walk struct {
	list, id  string
	relations uint8 // as bits
}

// keptWalks is how many terms the lists of each half may have: 8 bytes each.
const keptWalks = 1 << 20

// of gives a list, which is shared: read only.
func (w *walks) of(tree *graph.Tree, l *termList, x *graph.Term, types []graph.RelationType) []*graph.Term {
	lists, ranks := w.on(tree)
	k := walk{list: l.name, id: x.ID}
	if l.byRelation {
		k.relations = relationBits(types)
	}
	terms, ok := lists.find(k)
	if !ok {
		terms = termsByID(tree, l.ids(tree, x.ID, types...))
		sortByRank(terms, ranks)
		lists.keep(k, terms)
	}
	return terms
}

func sortByRank(terms []*graph.Term, ranks map[*graph.Term]int32) {
	type ranked struct {
		term *graph.Term
		rank int32
	}
	all := make([]ranked, len(terms))
	for i, x := range terms {
		all[i] = ranked{x, ranks[x]}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for i := range all {
		terms[i] = all[i].term
	}
}

// on is what is kept of a tree; of the one before, nothing is.
func (w *walks) on(tree *graph.Tree) (*recent[walk, []*graph.Term], map[*graph.Term]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tree != tree {
		w.tree = tree
		const perList = 16 // what a list costs beside its terms
		w.lists = newRecent(keptWalks, func(_ walk, terms []*graph.Term) int { return len(terms) + perList })
		all := allByName(tree)
		w.ranks = make(map[*graph.Term]int32, len(all))
		for i, x := range all {
			w.ranks[x] = int32(i)
		}
	}
	return w.lists, w.ranks
}

// allByName are a tree's terms, by name.
func allByName(tree *graph.Tree) []*graph.Term {
	terms := tree.Terms()
	ids := make([]string, len(terms))
	for i := range terms {
		ids[i] = terms[i].ID
	}
	return termsByID(tree, tree.SortByName(ids))
}

func termsByID(tree *graph.Tree, ids []string) []*graph.Term {
	terms := make([]*graph.Term, 0, len(ids))
	for _, id := range ids {
		if x, ok := tree.Term(id); ok {
			terms = append(terms, x)
		}
	}
	return terms
}

// relationBits is a set of relations; none are all.
func relationBits(types []graph.RelationType) (bits uint8) {
	for i, r := range graph.RelationTypes() {
		if len(types) == 0 || slices.Contains(types, r) {
			bits |= 1 << i
		}
	}
	return bits
}
