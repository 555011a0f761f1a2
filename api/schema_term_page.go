package api

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"github.com/graphql-go/graphql"

	"satgraph/graph"
)

// Pages of a connection.
const (
	defaultPage = 100
	maxPage     = 1000
)

// addConnections adds each list of terms as a connection with cursors (the Relay
// Cursor Connections specification).
func (s *Service) addConnections(term *graphql.Object, t *types) {
	connection := s.connectionType(term, t)
	t.terms = connection
	for _, list := range termLists {
		arguments := pageArguments()
		if list.byRelation {
			arguments["relations"] = relationsArgument(t)
		}
		term.AddFieldConfig(list.name+"Connection", &graphql.Field{
			Type: required(connection), Description: list.description + " Sorted by name, page by page.", Args: arguments,
			Resolve: on(s, func(ctx context.Context, x *graph.Term, a args) (any, error) {
				terms, err := s.gather(ctx, &list, x, a)
				if err != nil {
					return nil, err
				}
				return pageOf(x.ID, terms, a)
			}),
		})
	}
}

func pageArguments() graphql.FieldConfigArgument {
	return graphql.FieldConfigArgument{
		"first":  {Type: graphql.Int, Description: "The first so many, or the first after a cursor; at most " + number(maxPage) + ". 100 if neither first nor last is given."},
		"after":  {Type: graphql.String, Description: "Only what comes after this cursor."},
		"last":   {Type: graphql.Int, Description: "The last so many, or the last before a cursor; not together with first."},
		"before": {Type: graphql.String, Description: "Only what comes before this cursor."},
	}
}

// byName lists a tree's terms by name, once for each revision.
type byName struct {
	mu    sync.Mutex
	tree  *graph.Tree
	terms []*graph.Term
}

func (b *byName) of(tree *graph.Tree) []*graph.Term {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tree != tree {
		b.tree, b.terms = tree, allByName(tree)
	}
	return b.terms
}

// allTerms is a page of the terms of one kind and side, where these are given.
func (s *Service) allTerms(ctx context.Context, a args) (*page, error) {
	tree := s.tree(ctx)
	all := s.names.of(tree)
	kind, ofKind := a["kind"].(graph.Kind)
	side, ofSide := a["laterality"].(graph.Laterality)
	if ofKind || ofSide {
		if err := spend(ctx, searchCost); err != nil {
			return nil, err
		}
		chosen := make([]*graph.Term, 0, len(all))
		for _, x := range all {
			if (!ofKind || x.Kind == kind) && (!ofSide || x.Laterality == side) {
				chosen = append(chosen, x)
			}
		}
		all = chosen
	}
	return pageOf("", all, a)
}

// page is one page of a list of terms.
type page struct {
	total         int
	before, after bool // whether there is more on either side
	edges         []termEdge
}

// termEdge is a term in the list of another one.
type termEdge struct {
	of   string // the id of the other
	term *graph.Term
}

// pageOf cuts the page that a asks for from terms, which are sorted by name.
func pageOf(of string, terms []*graph.Term, a args) (*page, error) {
	first, hasFirst := a["first"].(int)
	last, hasLast := a["last"].(int)
	switch {
	case hasFirst && hasLast:
		return nil, &Error{Code: CodeBadInput, Message: "give first or last, not both"}
	case !hasFirst && !hasLast:
		first, hasFirst = defaultPage, true
	}
	if n := first + last; n < 0 || n > maxPage {
		return nil, &Error{Code: CodeBadInput, Message: "first and last go from 0 to " + number(maxPage)}
	}
	from, to := 0, len(terms)
	if cursor := a.text("after"); cursor != "" {
		at, found, err := place(terms, cursor)
		if err != nil {
			return nil, err
		}
		if from = at; found {
			from++
		}
	}
	if cursor := a.text("before"); cursor != "" {
		at, _, err := place(terms, cursor)
		if err != nil {
			return nil, err
		}
		to = max(at, from)
	}
	if hasFirst {
		to = min(to, from+first)
	} else {
		from = max(from, to-last)
	}
	p := &page{total: len(terms), before: from > 0, after: to < len(terms), edges: make([]termEdge, 0, to-from)}
	for _, x := range terms[from:to] {
		p.edges = append(p.edges, termEdge{of, x})
	}
	return p, nil
}

// cursorOf is opaque to clients: the name by which lists are sorted, and the id.
// So it keeps its place when other terms come or go.
func cursorOf(x *graph.Term) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.ToLower(x.Name) + "\x00" + x.ID))
}

// place finds where a cursor lies among terms; found says whether its term is there
// still.
func place(terms []*graph.Term, cursor string) (at int, found bool, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	name, id, ok := strings.Cut(string(text), "\x00")
	if err != nil || !ok || len(cursor) > maxText {
		return 0, false, &Error{Code: CodeBadInput, Message: quote(cursor[:min(len(cursor), 40)]) + " is no cursor", Hint: "use a cursor that an edge or pageInfo gave"}
	}
	at, found = slices.BinarySearchFunc(terms, name, func(x *graph.Term, name string) int {
		if c := strings.Compare(strings.ToLower(x.Name), name); c != 0 {
			return c
		}
		return strings.Compare(x.ID, id)
	})
	return at, found, nil
}

// pageInfo is where a page lies; a cursor of an empty page is nil.
type pageInfo struct {
	next, previous bool
	start, end     any
}

func (s *Service) pageInfoType() *graphql.Object {
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "PageInfo",
		Description: "Where a page lies in its list.",
		Fields: graphql.Fields{
			"hasNextPage":     {Type: required(graphql.Boolean), Description: "Whether there is more after it.", Resolve: get(s, func(p pageInfo) any { return p.next })},
			"hasPreviousPage": {Type: required(graphql.Boolean), Description: "Whether there is more before it.", Resolve: get(s, func(p pageInfo) any { return p.previous })},
			"startCursor":     {Type: graphql.String, Description: "The cursor of its first item; null for an empty page.", Resolve: get(s, func(p pageInfo) any { return p.start })},
			"endCursor":       {Type: graphql.String, Description: "The cursor of its last item; null for an empty page.", Resolve: get(s, func(p pageInfo) any { return p.end })},
		},
	})
}

// connectionType makes the connection and its edges.
func (s *Service) connectionType(term *graphql.Object, t *types) *graphql.Object {
	edge := graphql.NewObject(graphql.ObjectConfig{
		Name:        "TermEdge",
		Description: "A term in a list of another one.",
		Fields: graphql.Fields{
			"cursor": {
				Type: required(graphql.String), Description: "Its place in the list, for after and before. It holds when other terms come or go.",
				Resolve: get(s, func(e termEdge) any { return cursorOf(e.term) }),
			},
			"node": {Type: required(term), Description: "The term.", Resolve: get(s, func(e termEdge) any { return e.term })},
			"relations": {
				Type:        listOf(t.relation),
				Description: "How the two relate directly, whichever of them is the child; empty for terms farther away.",
				Resolve: on(s, func(ctx context.Context, e termEdge, _ args) (any, error) {
					return relationsBetween(s.tree(ctx), e.of, e.term.ID), nil
				}),
			},
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "TermConnection",
		Description: "A page of a list of terms.",
		Fields: graphql.Fields{
			"totalCount": {Type: required(graphql.Int), Description: "How many terms the whole list has.", Resolve: get(s, func(p *page) any { return p.total })},
			"pageInfo": {Type: required(t.pageInfo), Description: "Where the page lies.", Resolve: get(s, func(p *page) any {
				return pageInfo{next: p.after, previous: p.before, start: p.cursor(0), end: p.cursor(len(p.edges) - 1)}
			})},
			"edges": {
				Type: listOf(edge), Description: "The terms with their cursors.",
				Resolve: on(s, func(ctx context.Context, p *page, _ args) (any, error) { return p.edges, charge(ctx, len(p.edges)) }),
			},
			"nodes": {
				Type: listOf(term), Description: "The terms alone.",
				Resolve: on(s, func(ctx context.Context, p *page, _ args) (any, error) {
					nodes := make([]*graph.Term, len(p.edges))
					for i, e := range p.edges {
						nodes[i] = e.term
					}
					return nodes, charge(ctx, len(nodes))
				}),
			},
		},
	})
}

func (p *page) cursor(i int) any {
	if i < 0 || i >= len(p.edges) {
		return nil
	}
	return cursorOf(p.edges[i].term)
}

// relationsBetween lists the direct relations of two terms, in either direction.
func relationsBetween(tree *graph.Tree, a, b string) []graph.RelationType {
	out := []graph.RelationType{}
	for _, r := range graph.RelationTypes() {
		if slices.Contains(tree.Parents(a, r), b) || slices.Contains(tree.Parents(b, r), a) {
			out = append(out, r)
		}
	}
	return out
}
