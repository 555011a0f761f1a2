package api_test

import (
	"fmt"
	"strings"
	"testing"

	"satgraph/api"
)

// What a request may ask for is counted before anything of it is executed: each
// attack is refused, and what a person asks is not.
func TestCost(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.Cost = 100_000 })
	aliased := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d:%s ", i, field)
		}
		return b.String()
	}
	deep := func(argument string) string {
		return `{search(text:"heart"){term{children` + argument + `{children` + argument + `{children` + argument + `{id}}}}}}`
	}
	for _, c := range []struct {
		name, query string
		variables   map[string]any
		code        string
	}{
		{"lists in lists by their limits", deep("(limit:100)"), nil, "LIMIT_EXCEEDED"},
		{"lists in lists, as they are", deep(""), nil, ""},
		{"a limit in a variable", strings.Replace(deep("(limit:$n)"), "{", "query($n:Int){", 1), map[string]any{"n": 100}, "LIMIT_EXCEEDED"},
		{"a small limit in a variable", strings.Replace(deep("(limit:$n)"), "{", "query($n:Int){", 1), map[string]any{"n": 10}, ""},
		{"a limit in a variable's default", strings.Replace(deep("(limit:$n)"), "{", "query($n:Int=100){", 1), nil, "LIMIT_EXCEEDED"},
		{"lists of a term that is named, which are counted", `{term(id:"T:1"){children(limit:100){children(limit:100){children(limit:100){id}}}}}`, nil, ""},
		{"a limit in a fragment", `{search(text:"heart"){term{...A}}} fragment A on Term{children(limit:400){...B}} fragment B on Term{children(limit:400){id}}`, nil, "LIMIT_EXCEEDED"},
		{"pages in pages", `{partsOf(whole:"T:1"){descendantsConnection(first:1000){nodes{ancestorsConnection(last:1000){edges{node{id}}}}}}}`, nil, "LIMIT_EXCEEDED"},
		{"one page", `{term(id:"T:1"){descendantsConnection(first:1000){nodes{id name} totalCount}}}`, nil, ""},
		{"one list under many names", `{partsOf(whole:"T:1"){` + aliased(90, "descendants(limit:2000){id}") + `}}`, nil, "LIMIT_EXCEEDED"},
		{"many searches at once", "{" + aliased(90, `resolve(query:"heart"){query}`) + "}", nil, "LIMIT_EXCEEDED"},
		{"many plans in one mutation", "mutation{" + aliased(90, `segment(image:"x",query:"heart"){job{id}}`) + "}", nil, "LIMIT_EXCEEDED"},
		{"a negative limit", deep("(limit:-100)"), nil, "LIMIT_EXCEEDED"},
		{"a number beyond numbers", `{partsOf(whole:"T:1"){children(limit:2147483647){children(limit:2147483647){id}}}}`, nil, "LIMIT_EXCEEDED"},
		{"the same thing many times", `query($ids:[ID!]!){nodes(ids:$ids){... on Term{descendants(limit:2000){id}}}}`, map[string]any{"ids": strings.Split(strings.Repeat("T:1 ", 99)+"T:1", " ")}, "LIMIT_EXCEEDED"},
		{"a plain question", `{term(name:"heart"){name children{name children{name}} synonyms{text}} search(text:"heart"){term{name}}}`, nil, ""},
	} {
		a := s.ask(c.query, c.variables)
		if a.code() != c.code {
			t.Errorf("%s: got %q, want %q: %v", c.name, a.code(), c.code, a.Errors)
		}
		if c.code != "" && len(a.Data) > 0 {
			t.Errorf("%s: something was executed: %v", c.name, a.Data)
		}
	}
}

func TestManyOperations(t *testing.T) {
	s := start(t, nil)
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "query q%d {__typename} ", i)
	}
	if a := s.ask(b.String()); a.code() != "LIMIT_EXCEEDED" {
		t.Errorf("a hundred operations: %v", a.Errors)
	}
	// A batch of requests is no request.
	if a := s.post(`[{"query":"{__typename}"},{"query":"{__typename}"}]`); a.code() != "BAD_REQUEST" || len(a.Data) > 0 {
		t.Errorf("a batch: %v", a.Errors)
	}
}

func TestIntrospectionIsSwitchedOff(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.NoIntrospection = true })
	for _, query := range []string{
		api.StandardIntrospection, `{__type(name:"Term"){name}}`, `{x:__schema{types{name}}}`,
		`{...A} fragment A on Query{__schema{types{name}}}`, `{...on Query{__type(name:"Job"){fields{name}}}}`,
	} {
		if a := s.ask(query); a.code() != "FORBIDDEN" || len(a.Data) > 0 {
			t.Errorf("%.60s: %v %v", query, a.Errors, a.Data)
		}
	}
	if a := s.ask(`{__typename term(id:"T:1"){__typename name}}`); len(a.Errors) > 0 {
		t.Errorf("a plain question: %v", a.Errors)
	}
}
