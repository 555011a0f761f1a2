package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/graph"
)

// Each attack is refused with a code, and the service answers the next one.
// Without the limits several of these take seconds or end the process.
func TestHostileRequests(t *testing.T) {
	s := start(t, nil)
	query := func(document string) string { return `{"query":` + quoted(document) + `}` }
	nested := func(n int) string {
		return `{term(id:"T:1"){` + strings.Repeat("children{", n) + "id" + strings.Repeat("}", n) + "}}"
	}
	bomb := func(body func(i int) string, n int) string {
		var b strings.Builder
		b.WriteString(`{term(id:"T:1"){...F0}}`)
		for i := range n {
			fmt.Fprintf(&b, " fragment F%d on Term{%s}", i, body(i))
		}
		fmt.Fprintf(&b, " fragment F%d on Term{id}", n)
		return b.String()
	}
	aliases := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d:%s ", i, field)
		}
		return "{" + b.String() + "}"
	}
	for _, c := range []struct{ name, body, code string }{
		{"1.6 kB of nested fields", query(nested(170)), "LIMIT_EXCEEDED"},
		{"brackets that never close", query(strings.Repeat("{a", 20_000)), "LIMIT_EXCEEDED"},
		{"two megabytes of brackets", query(strings.Repeat("{", 2<<20)), "TOO_LARGE"},
		{"nested list values", query("{search(text:" + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "){score}}"), "LIMIT_EXCEEDED"},
		{"nested object values", query("{search(text:" + strings.Repeat("{a:", 5_000) + "1" + strings.Repeat("}", 5_000) + "){score}}"), "LIMIT_EXCEEDED"},
		{"nested list types", query("query($a:" + strings.Repeat("[", 10_000) + "Int" + strings.Repeat("]", 10_000) + "){__typename}"), "LIMIT_EXCEEDED"},
		{"many tokens", query("{" + strings.Repeat("__typename ", 5_000) + "}"), "LIMIT_EXCEEDED"},
		{"a long document", query("{__typename}" + strings.Repeat(" ", 100_000)), "LIMIT_EXCEEDED"},
		{"aliases", query(aliases(500, `search(text:"heart"){score}`)), "LIMIT_EXCEEDED"},
		{"directives", query("{__typename" + strings.Repeat(" @include(if:true)", 200) + "}"), "LIMIT_EXCEEDED"},
		{"equal fields", query("{" + strings.Repeat("__typename ", 1_000) + "}"), "LIMIT_EXCEEDED"},
		{"equal fields below equal fields", query(`{term(id:"T:1"){` + strings.Repeat("children{parents{id id} parents{id id}} ", 40) + `}}`), "LIMIT_EXCEEDED"},
		{"doubling fragments", query(bomb(func(i int) string { return fmt.Sprintf("...F%d ...F%d", i+1, i+1) }, 15)), "LIMIT_EXCEEDED"},
		{"doubling fragments by alias", query(bomb(func(i int) string {
			return fmt.Sprintf("a:children{...F%d} b:children{...F%d}", i+1, i+1)
		}, 14)), "LIMIT_EXCEEDED"},
		{"a long chain of fragments", query(bomb(func(i int) string { return fmt.Sprintf("...F%d", i+1) }, 200)), "LIMIT_EXCEEDED"},
		{"a fragment in itself", query(`{term(id:"T:1"){...A}} fragment A on Term{id ...A}`), "GRAPHQL_PARSE_FAILED"},
		{"fragments in a circle", query(`{term(id:"T:1"){...A}} fragment A on Term{children{...B}} fragment B on Term{parents{...A}}`), "GRAPHQL_PARSE_FAILED"},
		{"circular introspection", query("{__schema{types{" + strings.Repeat("fields{type{", 8) + "name" + strings.Repeat("}}", 8) + "}}}"), "LIMIT_EXCEEDED"},
		{"many introspections", query(aliases(90, "__schema{types{name fields{name args{name type{name}} type{name}}}}")), "LIMIT_EXCEEDED"},
		{"deep variables", `{"query":"{__typename}","variables":{"a":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + `}}`, "LIMIT_EXCEEDED"},
		{"a comment that the library reads as code", query("#" + strings.Repeat("é", 50) + "\n{__typename}"), ""},
		{"comments that the library reads for ever", query("# " + strings.Repeat("é", 20) + " a # " + strings.Repeat("é", 20) + "\n{ __typename }"), ""},
		{"a type definition", query("type A {b: Int}"), "GRAPHQL_PARSE_FAILED"},
		{"an error in every token", query("{" + func() string {
			var b strings.Builder
			for i := range 1_900 {
				fmt.Fprintf(&b, "n%d ", i)
			}
			return b.String()
		}() + "}"), "GRAPHQL_VALIDATION_FAILED"},
		{"an unknown enum value as an object", `{"query":"query($m:Modality){resolve(query:\"heart\",modality:$m){query}}","variables":{"m":{"a":{}}}}`, "BAD_USER_INPUT"},
		{"null characters", query("{\x00}"), "GRAPHQL_PARSE_FAILED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			a := s.post(c.body)
			if a.code() != c.code {
				t.Errorf("%d %q, want %q: %.300v", a.Status, a.code(), c.code, a.Errors)
			}
			if len(a.Errors) > 20 {
				t.Errorf("%d errors are listed", len(a.Errors))
			}
			t.Logf("%v", time.Since(began))
			if a := s.ask("{__typename}"); a.at(t, "__typename") != "Query" {
				t.Errorf("afterwards: %v", a)
			}
		})
	}
}

// Lists in lists multiply; the budget of values stops them while they grow.
func TestListsInLists(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.Values = 100 })
	up := `children(relations:[PART_OF]){id parents(relations:[PART_OF]){id children(relations:[PART_OF]){id parents(relations:[PART_OF]){id children(relations:[PART_OF]){id}}}}}`
	a := s.ask(`{term(id:"T:1"){` + up + `}}`)
	if a.code() != "LIMIT_EXCEEDED" {
		t.Errorf("got %v", a.Errors)
	}
	if a := s.ask(`{term(id:"T:1"){children{id name}}}`); len(a.Errors) > 0 {
		t.Errorf("a plain question: %v", a.Errors)
	}
}

func TestRequestsHaveADeadline(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.RequestTime = 1 })
	a := s.ask(`{term(id:"T:1"){id}}`)
	if a.code() != "TIMEOUT" {
		t.Errorf("got %v %v", a.Errors, a.Data)
	}
}

func TestStandardIntrospectionIsAllowed(t *testing.T) {
	s := start(t, nil)
	a := s.ask(api.StandardIntrospection)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if a.at(t, "__schema", "queryType", "name") != "Query" {
		t.Errorf("got %v", a.Data)
	}
}

func TestPanicsAreInternal(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Tree = func() *graph.Tree { panic("secret") } })
	status, text := s.do(http.MethodGet, "/readyz", nil)
	if status != http.StatusInternalServerError || errorCode(t, text) != "INTERNAL" || strings.Contains(string(text), "secret") {
		t.Errorf("handler: %d %s", status, text)
	}
	a := s.ask(`{search(text: "heart") {score}}`)
	if a.code() != "INTERNAL" || strings.Contains(a.Errors[0].Message, "secret") {
		t.Errorf("resolver: %v", a.Errors)
	}
}

func TestStalledUploadEnds(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.UploadStall = 50 * time.Millisecond })
	body := &stalled{first: scan(t, "scan.nii")[:1000], done: t.Context().Done()}
	status, text := s.do(http.MethodPost, "/images", body, "Content-Type", "application/octet-stream")
	if status != http.StatusRequestTimeout || errorCode(t, text) != "TIMEOUT" {
		t.Errorf("%d %s", status, text)
	}
	if kept := s.kept(); len(kept) > 0 {
		t.Errorf("left behind: %v", kept)
	}
}

// stalled gives some bytes and then nothing.
type stalled struct {
	first []byte
	done  <-chan struct{}
}

func (r *stalled) Read(b []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(b, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	<-r.done
	return 0, http.ErrBodyReadAfterClose
}
