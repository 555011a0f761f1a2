package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/graph"
)

// data asks and gives the data as JSON.
func (s *service) data(query string) string {
	s.t.Helper()
	a := s.ask(query)
	if len(a.Errors) > 0 {
		s.t.Fatalf("%.80s: %v", query, a.Errors)
	}
	text, err := json.Marshal(a.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func TestReadingBetweenTerms(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ name, query, want string }{
		{"counterpart", `{term(id: "T:2") {counterpart {name counterpart {name}} base {name}}}`, `{"term":{"base":null,"counterpart":{"counterpart":{"name":"left cardiac atrium"},"name":"right cardiac atrium"}}}`},
		{"no counterpart", `{term(id: "T:5") {counterpart {name}}}`, `{"term":{"counterpart":null}}`},
		{"siblings", `{term(id: "T:5") {siblings(relations: [PART_OF], limit: 2) {name}}}`, `{"term":{"siblings":[{"name":"heart left ventricle"},{"name":"left cardiac atrium"}]}}`},
		{"parts", `{term(id: "T:1") {parts {id}} partsOf(whole: "heart", limit: 1) {name}}`, `{"partsOf":[{"name":"heart left ventricle"}],"term":{"parts":[{"id":"T:4"},{"id":"T:2"},{"id":"T:5"},{"id":"T:3"}]}}`},
		{"path", `{path(from: "left atrium", to: "T:6") {from {id} relation up to {id}}}`, `{"path":[{"from":{"id":"T:2"},"relation":"PART_OF","to":{"id":"T:1"},"up":true},{"from":{"id":"T:1"},"relation":"PART_OF","to":{"id":"T:6"},"up":true}]}`},
		{"path to itself", `{path(from: "heart", to: "heart") {up}}`, `{"path":[]}`},
		{"no path", `{path(from: "heart", to: "brain") {up}}`, `{"path":null}`},
		{"common ancestors", `{lowest: commonAncestors(of: ["T:2", "T:7"]) {name} all: commonAncestors(of: ["T:2", "T:7"], lowest: false) {name} parts: commonAncestors(of: ["T:2", "T:7"], relations: [PART_OF]) {name}}`, `{"all":[{"name":"heart"},{"name":"thorax"}],"lowest":[{"name":"heart"}],"parts":[]}`},
		{"search with reasons", `{search(text: "lt atrim") {term {id} reasons}}`, `{"search":[{"reasons":["\"lt\" says left","\"atrim\" is taken for \"atrium\", one letter off","its exact synonym \"left atrium\""],"term":{"id":"T:2"}}]}`},
		{"search for nothing", `{search(text: "qwerty") {term {id}}}`, `{"search":[]}`},
		{"no exemplars without a store", `{term(id: "T:1") {exemplars {id}}}`, `{"term":{"exemplars":[]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			if got := s.data(c.query); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	s.t = t
	for _, c := range []struct{ query, code string }{
		{`{path(from: "hart left", to: "heart") {up}}`, "UNKNOWN_TERM"},
		{`{path(from: "atrium", to: "heart") {up}}`, "AMBIGUOUS_TERM"},
		{`{commonAncestors(of: []) {id}}`, "BAD_USER_INPUT"},
		{`{commonAncestors(of: [` + strings.Repeat(`"heart" `, 51) + `]) {id}}`, "BAD_USER_INPUT"},
		{`{term(id: "T:1") {childrenConnection(first: 1, last: 1) {totalCount}}}`, "BAD_USER_INPUT"},
		{`{term(id: "T:1") {childrenConnection(first: -1) {totalCount}}}`, "BAD_USER_INPUT"},
		{`{term(id: "T:1") {childrenConnection(first: 1001) {totalCount}}}`, "BAD_USER_INPUT"},
		{`{term(id: "T:1") {childrenConnection(after: "nonsense") {totalCount}}}`, "BAD_USER_INPUT"},
		{`{term(id: "T:1") {childrenConnection(before: "éé") {totalCount}}}`, "BAD_USER_INPUT"},
	} {
		if a := s.ask(c.query); a.Status != 200 || a.code() != c.code {
			t.Errorf("%.60s: %d %s, want %s (%v)", c.query, a.Status, a.code(), c.code, a.Errors)
		}
	}
}

func TestConnections(t *testing.T) {
	s := start(t, nil)
	all := []string{"heart left ventricle", "heart tumor", "left cardiac atrium", "mitral valve", "right cardiac atrium"}
	const query = `query($first: Int, $after: String, $last: Int, $before: String) { term(id: "T:1") {
		childrenConnection(first: $first, after: $after, last: $last, before: $before) {
			totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor relations node { name } } nodes { name } } } }`
	ask := func(variables map[string]any) (names []string, info map[string]any) {
		t.Helper()
		a := s.ask(query, variables)
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		c, _ := a.at(t, "term", "childrenConnection").(map[string]any)
		if c["totalCount"] != float64(len(all)) {
			t.Errorf("totalCount %v", c["totalCount"])
		}
		edges, _ := c["edges"].([]any)
		nodes, _ := c["nodes"].([]any)
		for i := range edges {
			names = append(names, fmt.Sprint(a.at(t, "term", "childrenConnection", "edges", i, "node", "name")))
			if a.at(t, "term", "childrenConnection", "nodes", i, "name") != names[i] {
				t.Errorf("edges and nodes differ: %v, %v", edges, nodes)
			}
		}
		info, _ = c["pageInfo"].(map[string]any)
		return names, info
	}
	t.Run("forward", func(t *testing.T) {
		var got []string
		variables := map[string]any{"first": 2}
		for pages := 1; ; pages++ {
			names, info := ask(variables)
			got = append(got, names...)
			if info["hasPreviousPage"] != (pages > 1) {
				t.Errorf("page %d: hasPreviousPage %v", pages, info["hasPreviousPage"])
			}
			if info["hasNextPage"] != true {
				break
			}
			variables["after"] = info["endCursor"]
		}
		if !slices.Equal(got, all) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("backward", func(t *testing.T) {
		var got []string
		variables := map[string]any{"last": 2}
		for {
			names, info := ask(variables)
			got = append(names, got...)
			if info["hasPreviousPage"] != true {
				break
			}
			variables["before"] = info["startCursor"]
		}
		if !slices.Equal(got, all) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("between", func(t *testing.T) {
		_, first := ask(map[string]any{"first": 1})
		_, last := ask(map[string]any{"last": 1})
		names, _ := ask(map[string]any{"after": first["endCursor"], "before": last["startCursor"]})
		if !slices.Equal(names, all[1:4]) {
			t.Errorf("got %q", names)
		}
	})
	t.Run("empty", func(t *testing.T) {
		names, info := ask(map[string]any{"first": 0})
		if len(names) > 0 || info["startCursor"] != nil || info["hasNextPage"] != true {
			t.Errorf("got %q, %v", names, info)
		}
	})
	if got := s.data(`{term(id: "T:1") {childrenConnection(last: 2) {edges {relations node {id}}} ancestorsConnection {edges {relations}} siblingsConnection {totalCount}}}`); got != `{"term":{"ancestorsConnection":{"edges":[{"relations":["PART_OF"]}]},"childrenConnection":{"edges":[{"node":{"id":"T:5"},"relations":["PART_OF"]},{"node":{"id":"T:3"},"relations":["PART_OF"]}]},"siblingsConnection":{"totalCount":0}}}` {
		t.Errorf("got %s", got)
	}
}

// A cursor keeps its place when a new revision takes its term away.
func TestCursorsOutliveTheirTerms(t *testing.T) {
	tree := smallTree(t)
	var mu sync.Mutex
	s := start(t, nil, func(c *api.Config) {
		c.Tree = func() *graph.Tree {
			mu.Lock()
			defer mu.Unlock()
			return tree
		}
	})
	const query = `query($after: String) {term(id: "T:1") {childrenConnection(first: 2, after: $after) {pageInfo {endCursor} nodes {name}}}}`
	a := s.ask(query)
	cursor := a.at(t, "term", "childrenConnection", "pageInfo", "endCursor") // of the tumour
	relations := slices.DeleteFunc(tree.Relations(), func(r graph.Relation) bool { return r.Child == "T:7" })
	terms := slices.DeleteFunc(slices.Clone(tree.Terms()), func(x graph.Term) bool { return x.ID == "T:7" })
	next, err := graph.NewTree("r2", terms, relations)
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	tree = next
	mu.Unlock()
	a = s.ask(query, map[string]any{"after": cursor})
	if got := names(t, a.at(t, "term", "childrenConnection", "nodes")); !slices.Equal(got, []string{"left cardiac atrium", "mitral valve"}) {
		t.Errorf("got %q", got)
	}
}

// album holds exemplars and counts how often it is asked.
type album struct {
	mu    sync.Mutex
	asked int
	held  []graph.Exemplar
	err   error
}

func (a *album) FindExemplars(_ context.Context, q graph.ExemplarQuery) ([]graph.Exemplar, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	var out []graph.Exemplar
	for _, e := range a.held {
		if len(out) < q.Limit && e.ID > q.After && slices.Contains(q.Terms, e.TermID) && (q.Modality == "" || q.Modality == e.Modality) {
			out = append(out, e)
		}
	}
	return out, a.err
}

func TestExemplarsOfAListAreAskedForAtOnce(t *testing.T) {
	pictures := &album{}
	for i, term := range []string{"T:2", "T:2", "T:2", "T:2", "T:2", "T:2", "T:2", "T:2", "T:2", "T:3", "T:4"} {
		pictures.held = append(pictures.held, graph.Exemplar{ID: fmt.Sprintf("e%02d", i), TermID: term, Dataset: "D", Modality: []string{"ct", "mri"}[i%2], Scan: "s", Mask: "m"})
	}
	s := start(t, nil, func(c *api.Config) { c.Exemplars = pictures })
	got := s.data(`{term(id: "T:1") {children {id exemplars(limit: 1) {id modality}}}}`)
	want := `{"term":{"children":[{"exemplars":[{"id":"e10","modality":"ct"}],"id":"T:4"},{"exemplars":[],"id":"T:7"},{"exemplars":[{"id":"e00","modality":"ct"}],"id":"T:2"},{"exemplars":[],"id":"T:5"},{"exemplars":[{"id":"e09","modality":"mri"}],"id":"T:3"}]}}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if pictures.asked > 2 { // a second page, since one term has more than its share of the first
		t.Errorf("the store was asked %d times for 5 terms", pictures.asked)
	}
	if got := s.data(`{term(id: "T:2") {exemplars(modality: MRI, limit: 2) {id}}}`); got != `{"term":{"exemplars":[{"id":"e01"},{"id":"e03"}]}}` {
		t.Errorf("got %s", got)
	}
	pictures.err = fmt.Errorf("bolt: %w", graph.ErrUnavailable)
	a := s.ask(`{term(id: "T:2") {exemplars {id}} heart: term(id: "T:1") {name}}`)
	if a.code() != "SERVICE_UNAVAILABLE" || a.at(t, "heart", "name") != "heart" {
		t.Errorf("a store that does not answer: %v, %v", a.Errors, a.Data)
	}
	pictures.err = errors.New("secret")
	if a := s.ask(`{term(id: "T:2") {exemplars {id}}}`); a.code() != "INTERNAL" || strings.Contains(fmt.Sprint(a.Errors), "secret") {
		t.Errorf("got %v", a.Errors)
	}
}

// A request for lists within lists of long lists ends at its budget.
func TestWalksArePaidFor(t *testing.T) {
	terms := []graph.Term{{ID: "B:0", Name: "root", Kind: graph.KindAnatomy}}
	var relations []graph.Relation
	for i := 1; i <= 3000; i++ {
		id := fmt.Sprintf("B:%d", i)
		terms = append(terms, graph.Term{ID: id, Name: "thing " + id, Kind: graph.KindAnatomy})
		relations = append(relations, graph.Relation{Child: id, Parent: fmt.Sprintf("B:%d", (i-1)/2), Type: graph.IsA})
	}
	tree, err := graph.NewTree("big", terms, relations)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, nil, func(c *api.Config) {
		c.Tree = func() *graph.Tree { return tree }
		c.Limits.RequestTime = time.Hour // the budget has to end it, not the clock
	})
	a := s.ask(`{term(id: "B:3000") {ancestors {descendants(limit: 1) {ancestors {descendants(limit: 1) {siblings(limit: 1) {ancestors {descendants(limit: 1) {id}}}}}}}}}`)
	if len(a.Errors) > 0 && a.code() != "LIMIT_EXCEEDED" {
		t.Errorf("got %v", a.Errors)
	}
	a = s.ask(`{term(id: "B:0") {descendants(limit: 1000) {ancestors {descendants(limit: 1) {id}}}}}`)
	if a.code() != "LIMIT_EXCEEDED" {
		t.Errorf("got %v", a.Errors)
	}
}

func TestAllTerms(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`{terms(first: 3) {totalCount pageInfo {hasNextPage endCursor} nodes {name}} findings: terms(kind: FINDING) {totalCount nodes {name}} right: terms(laterality: RIGHT, last: 1) {edges {cursor relations node {name}}}}`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if got := names(t, a.at(t, "terms", "nodes")); strings.Join(got, ", ") != "brain, heart, heart left ventricle" || a.at(t, "terms", "totalCount") != 8.0 {
		t.Errorf("got %v of %v", got, a.at(t, "terms", "totalCount"))
	}
	if text(a.at(t, "findings")) != `{"nodes":[{"name":"heart tumor"}],"totalCount":1}` || a.at(t, "right", "edges", 0, "node", "name") != "right cardiac atrium" {
		t.Errorf("got %v", a.Data)
	}
	next := s.ask(fmt.Sprintf(`{terms(first: 100, after: %q) {pageInfo {hasPreviousPage} nodes {name}}}`, a.at(t, "terms", "pageInfo", "endCursor")))
	if got := names(t, next.at(t, "terms", "nodes")); len(got) != 5 || got[0] != "heart tumor" {
		t.Errorf("the next page: %v", got)
	}
}
