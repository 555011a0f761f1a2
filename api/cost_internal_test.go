package api

import (
	"context"
	"fmt"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/inference"
)

// onBuiltin is a service of the built-in tree that has no jobs.
func onBuiltin(t testing.TB) (*Service, *graph.Tree) {
	t.Helper()
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Tree: func() *graph.Tree { return tree }, Resolver: func() *inference.Resolver { return nil },
		Models: func() []*inference.Manifest { return nil }, Jobs: struct{ Jobs }{}, DataDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, tree
}

func (s *Service) prepared(t testing.TB, query string, variables map[string]any) *prepared {
	t.Helper()
	k, refused := s.read(query)
	if refused != nil {
		t.Fatalf("%s: %v", query, refused.errors)
	}
	operation, err := chosen(k.document, "")
	if err != nil {
		t.Fatal(err)
	}
	p := &prepared{kept: k, request: &request{Query: query, Variables: variables}, operation: operation, tree: s.config.Tree()}
	p.asks = s.whatIsAsked(p)
	return p
}

// What is counted beforehand is what the resolvers pay for: with one value less
// they refuse, with as many they do not.
func TestGatherCostIsWhatResolversPay(t *testing.T) {
	s, tree := onBuiltin(t)
	for _, c := range []struct {
		query     string
		variables map[string]any
	}{
		{`{term(name: "heart") {id children {id name}}}`, nil},
		{`{term(id: "UBERON:0000948") {descendants {id name kind} synonyms {text scope} xrefs}}`, nil},
		{`{term(name: "heart") {a: children(limit: 3) {id children(relations: [PART_OF]) {id}} b: parents {ancestors {id name}}}}`, nil},
		{`query($n: Int, $r: [RelationType!]) {term(name: "heart") {descendants(limit: $n, relations: $r) {name parents {id name synonyms {text}}}}}`, map[string]any{"n": 7.0, "r": []any{"PART_OF", "LOCATED_IN"}}},
		{`query($n: Int = 4, $r: RelationType!) {term(name: "heart") {siblings(limit: $n, relations: [$r]) {parts {id counterpart {xrefs children {id}}}}}}`, map[string]any{"r": "PART_OF"}},
		{`{term(name: "heart") {descendantsConnection(first: 20) {totalCount nodes {id} edges {cursor node {name synonyms {text}}} pageInfo {hasNextPage}}}}`, nil},
		{`{term(name: "heart") {...A}} fragment A on Term {children {...B}} fragment B on Term {base {children {id}}}`, nil},
		{`query($w: Boolean!) {term(name: "left lung") {children @include(if: $w) {children {id}} counterpart {descendants {id}}}}`, map[string]any{"w": false}},
		{`query($w: Boolean!) {term(name: "left lung") {children @include(if: $w) {children {id}} counterpart {descendants {id}}}}`, map[string]any{"w": true}},
	} {
		p := s.prepared(t, c.query, c.variables)
		cost, exact := s.newEstimate(p).gatherCost(s, tree, p.operation.SelectionSet, 1e6)
		if !exact || cost < 1 {
			t.Errorf("%s: %v, exact %v", c.query, cost, exact)
			continue
		}
		for values, code := range map[int]string{int(cost): "", int(cost) - 1: "LIMIT_EXCEEDED"} {
			s.limits.Values = values
			got := ""
			if r := s.perform(context.Background(), p, tree, nil); len(r.errors) > 0 {
				got = fmt.Sprint(r.errors[0].Extensions["code"])
			}
			if got != code {
				t.Errorf("%s: with %d of %v values: %q", c.query, values, cost, got)
			}
		}
	}
}

// Lists in lists of a real tree are refused by what they would gather, without
// gathering it.
func TestNestedListsAreRefusedBeforehand(t *testing.T) {
	s, _ := onBuiltin(t)
	for _, query := range []string{
		`{term(name: "thorax") {descendants(limit: 10000) {ancestors(limit: 10000) {descendants(limit: 10000) {id name}}}}}`,
		`{term(id: "UBERON:0000948") {descendants {descendants {id name children {id name parents {id name kind descendants {id} synonyms {text}}}}}}}`,
		`{term(name: "heart") {descendantsConnection(first: 1000) {edges {node {ancestorsConnection(first: 1000) {nodes {descendants {id}}}}}}}}`,
	} {
		p := s.prepared(t, query, nil)
		_, err := s.affordable(p)
		if e := describe(err); err == nil || e.Code != CodeLimit {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestLanes(t *testing.T) {
	s, _ := onBuiltin(t)
	for query, lane := range map[string]*turns{
		`{term(name: "heart") {id children {id name}}}`:                                   s.lanes.short,
		`{search(text: "heart") {term {name parents {name}}}}`:                            s.lanes.long,
		`{search(text: "heart", limit: 5) {term {name}}}`:                                 s.lanes.short,
		`{term(name: "heart") {descendants(limit: 1000) {id name kind laterality}}}`:      s.lanes.short,
		`{a: term(name: "heart") {descendants {id name kind laterality ancestors {id}}}}`: s.lanes.long,
		`{resolve(query: "heart") {query}}`:                                               s.lanes.long,
		`{__schema {types {name}}}`:                                                       s.lanes.long,
		`{datasets {totalCount}}`:                                                         s.lanes.store,
		`{term(name: "heart") {exemplars {id}}}`:                                          s.lanes.store,
		`mutation {cancelJob(id: "x") {job {id}}}`:                                        s.lanes.store,
	} {
		got, err := s.affordable(s.prepared(t, query, nil))
		if err != nil || got != lane {
			t.Errorf("%s: another lane, or %v", query, err)
		}
	}
}
