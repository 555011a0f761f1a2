package breaking

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Nobody breaks clients without meaning to. What is broken on purpose becomes the
// released schema with go generate ./api/breaking.
func TestNoBreakingChange(t *testing.T) {
	var texts [2]string
	for i, name := range []string{"../schema.released.graphql", "../schema.graphql"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	found, err := Changes(texts[0], texts[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		t.Errorf("breaks clients: %s", c)
	}
	if t.Failed() {
		t.Error("keep the old beside the new, with a reason for its deprecation; or if it has to break, run go generate ./api/breaking")
	}
}

func TestChanges(t *testing.T) {
	const old = `
interface Node { id: ID! }
type Query implements Node { id: ID! term(name: String!, limit: Int = 5): Term! terms(of: [String!]): [Term!]! maybe: Int }
type Term { name: String! kind: Kind }
type Other { a: Int }
enum Kind { A B }
union Any = Term | Other
input In { a: Int b: Int! c: Int = 1 }`
	for _, c := range []struct{ from, to, want string }{
		{"", "", ""},
		{"maybe: Int", "maybe: Int!", ""},
		{"maybe: Int", "maybe: Int new(a: Int, b: Int! = 1): Int", ""},
		{"enum Kind { A B }", "enum Kind { A B C }", ""},
		{"term(name: String!,", "term(name: String, more: Int,", ""},
		{"input In { a: Int b: Int!", "input In { a: Int d: Int b: Int", ""},
		{"maybe: Int", "other: Int", "Query.maybe: the field is gone"},
		{"maybe: Int", "maybe: Float", "Query.maybe: it was Int and is Float"},
		{"kind: Kind", "kind: [Kind]", "Term.kind: it was Kind and is [Kind]"},
		{": Term! ", ": Term ", "Query.term: it was Term! and is Term"},
		{": [Term!]! ", ": [Term]! ", "Query.terms: it was [Term!]! and is [Term]!"},
		{"name: String!, ", "", "Query.term(name:): the argument is gone"},
		{"limit: Int = 5", "limit: Int!", "Query.term(limit:): it took Int and takes Int!"},
		{"limit: Int = 5", "limit: Int = 5, more: Int!", "Query.term(more:): it is new and has to be given"},
		{"of: [String!]", "of: [ID!]", "Query.terms(of:): it took [String!] and takes [ID!]"},
		{"enum Kind { A B }", "enum Kind { A }", "Kind.B: the value is gone"},
		{"union Any = Term | Other", "union Any = Term", "Any: Other is no longer one of it"},
		{"type Query implements Node {", "type Query {", "Query: it is no longer a Node"},
		{"union Any = Term | Other", "", "Any: the type is gone"},
		{"enum Kind { A B }", "scalar Kind", "Kind: it was enum and is scalar"},
		{"b: Int!", "b: Float!", "In.b: it was Int! and is Float!"},
		{"b: Int!", "b: Int! d: Int!", "In.d: it is new and has to be given"},
		{"input In { a: Int", "input In { a: Int!", "In.a: it was Int and is Int!"},
	} {
		if !strings.Contains(old, c.from) {
			t.Fatalf("%q is not in the schema", c.from)
		}
		found, err := Changes(old, strings.Replace(old, c.from, c.to, 1))
		if err != nil {
			t.Errorf("%s > %s: %v", c.from, c.to, err)
			continue
		}
		if got := strings.Trim(fmt.Sprint(found), "[]"); c.want == "" && len(found) > 0 || len(found) > 1 || c.want != "" && (len(found) == 0 || found[0].String() != c.want) {
			t.Errorf("%s > %s: got %s, want %s", c.from, c.to, got, c.want)
		}
	}
	if _, err := Changes(old, "type Query {"); err == nil || !strings.Contains(err.Error(), "the present schema") {
		t.Errorf("no schema: %v", err)
	}
}
