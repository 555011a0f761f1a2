// Package peer answers from the program's own tree in memory, as gqlgen's users
// write it: its resolvers read what the tree gives, sorted once.
package peer

import (
	"context"
	"fmt"
	"satgraph/graph"
	"strings"
	"sync"
)

// Term is what a term's plain fields are read from.
type Term struct {
	ID, Name, Kind string
	Laterality     *string
}

// Resolver holds the tree.
type Resolver struct {
	Tree  *graph.Tree
	Terms map[string]*Term
	lists sync.Map // of sorted lists, by name, id and relations
}

// New makes the terms of a tree.
func New(tree *graph.Tree) *Resolver {
	r := &Resolver{Tree: tree, Terms: map[string]*Term{}}
	for _, x := range tree.Terms() {
		t := &Term{ID: x.ID, Name: x.Name, Kind: strings.ToUpper(string(x.Kind))}
		if side := strings.ToUpper(string(x.Laterality)); x.Laterality != graph.Unsided {
			t.Laterality = &side
		}
		r.Terms[x.ID] = t
	}
	return r
}

type (
	query struct{ *Resolver }
	term  struct{ *Resolver }
)

// Query and Term are what gqlgen asks of a resolver.
func (r *Resolver) Query() QueryResolver { return query{r} }

// Term gives the resolver of a term's lists.
func (r *Resolver) Term() TermResolver { return term{r} }

func (q query) Term(_ context.Context, id, name *string) (*Term, error) {
	if id != nil {
		return q.Terms[*id], nil
	}
	if name != nil {
		if best := graph.Best(q.Tree.Lookup(*name)); len(best) == 1 {
			return q.Terms[best[0].ID], nil
		}
	}
	return nil, fmt.Errorf("no such term")
}

func (t term) Children(_ context.Context, x *Term, limit *int, relations []RelationType) ([]*Term, error) {
	return t.list("children", (*graph.Tree).Children, x, limit, relations), nil
}

func (t term) Descendants(_ context.Context, x *Term, limit *int, relations []RelationType) ([]*Term, error) {
	return t.list("descendants", (*graph.Tree).Descendants, x, limit, relations), nil
}

func (t term) list(name string, of func(*graph.Tree, string, ...graph.RelationType) []string, x *Term, limit *int, relations []RelationType) []*Term {
	key := name + " " + x.ID
	types := make([]graph.RelationType, len(relations))
	for i, r := range relations {
		types[i] = graph.RelationType(strings.ToLower(string(r)))
		key += " " + string(r)
	}
	kept, ok := t.lists.Load(key)
	if !ok {
		ids := t.Tree.SortByName(of(t.Tree, x.ID, types...))
		list := make([]*Term, len(ids))
		for i, id := range ids {
			list[i] = t.Terms[id]
		}
		kept, _ = t.lists.LoadOrStore(key, list)
	}
	list := kept.([]*Term)
	return list[:min(len(list), *limit)]
}
