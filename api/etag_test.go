package api_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"satgraph/api"
	"satgraph/graph"
)

func TestTreeReadsHaveTags(t *testing.T) {
	tree := smallTree(t)
	var mu sync.Mutex
	s := start(t, nil, func(c *api.Config) {
		c.Tree = func() *graph.Tree {
			mu.Lock()
			defer mu.Unlock()
			return tree
		}
	})
	get := func(query, tag string) (int, string, string) {
		t.Helper()
		status, header, body := s.exchange(http.MethodGet, "/graphql?query="+url.QueryEscape(query), nil, "If-None-Match", tag)
		return status, header.Get("ETag"), string(body)
	}
	const query = `{term(name: "heart") {...F}} fragment F on Term {name children {name}}`
	status, tag, body := get(query, `"other"`)
	if status != http.StatusOK || tag == "" || body == "" {
		t.Fatalf("got %d, %q, %q", status, tag, body)
	}
	for _, have := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if status, again, body := get(query, have); status != http.StatusNotModified || again != tag || body != "" {
			t.Errorf("%s: got %d, %q, %q", have, status, again, body)
		}
	}
	if _, other, _ := get(`{term(name: "heart") {id}}`, ""); other == tag || other == "" {
		t.Errorf("another question has the tag %q", other)
	}
	for _, query := range []string{
		`{term(name: "heart") {exemplars {id}}}`, `{models {name}}`, `{term(name: "heart") {name} models {name}}`,
		`{...F} fragment F on Query {models {name}}`, `{term(name: "hart") {name}}`, `{`,
	} {
		if _, tag, _ := get(query, ""); tag != "" {
			t.Errorf("%s has the tag %q", query, tag)
		}
	}
	next, err := graph.NewTree("r2", tree.Terms(), tree.Relations())
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	tree = next
	mu.Unlock()
	if status, again, _ := get(query, tag); status != http.StatusOK || again == tag {
		t.Errorf("a new revision: got %d, %q", status, again)
	}
}
