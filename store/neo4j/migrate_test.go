//go:build unix

package neo4j_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/store/neo4j"
	"satgraph/store/neo4j/neo4jtest"
	"satgraph/store/storetest"
)

// later are the constraints and indexes that each migration after the first
// adds, so that dropping them leaves the older schema.
var later = map[int][]string{
	2: {"CONSTRAINT api_token_id"},
	3: {
		"CONSTRAINT subject_id", "INDEX subject_place", "INDEX subject_words", "CONSTRAINT label_event_id", "CONSTRAINT label_event_seq",
		"CONSTRAINT label_batch_id", "CONSTRAINT recipe_step_id", "CONSTRAINT missing_term_id",
	},
}

const newest = 3

// contents are all nodes and relationships with their properties, and the names
// of constraints and indexes.
func contents(t *testing.T, server *neo4jtest.Server) (out []string) {
	t.Helper()
	for _, query := range []string{
		`MATCH (n) RETURN 'node', labels(n), properties(n)`,
		`MATCH (a)-[r]->(b) RETURN type(r), properties(r), properties(a), properties(b)`,
		`SHOW CONSTRAINTS YIELD name RETURN 'constraint', name`,
		`SHOW INDEXES YIELD name RETURN 'index', name`,
	} {
		for _, row := range server.Query(t, query, nil) {
			out = append(out, fmt.Sprint(row...))
		}
	}
	slices.Sort(out)
	return out
}

// A database of each older schema comes to be one of the newest with all that it
// held, also where the program that brought it forward was killed in the
// middle of its statements.
func TestEveryOlderSchemaComesForward(t *testing.T) {
	server, s := fresh(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	before, after := storetest.Snapshot(), storetest.Snapshot()
	must(s.Replace(ctx, before))
	after.Terms[0].Name = "trunk"
	_, err := s.Apply(ctx, graph.Diff(&before, &after))
	must(err)
	_, err = s.AddExemplars(ctx, []graph.Exemplar{{TermID: "T:2", Dataset: "Set", Modality: "ct", Scan: "a.nii", Mask: "b.nii"}})
	must(err)

	reopen := func() {
		t.Helper()
		s, err := neo4j.Open(ctx, server.URI, neo4j.Options{})
		must(err)
		if tree, err := s.Load(ctx); err != nil || tree.Digest() != after.Digest() {
			t.Errorf("the tree is %v, %v", tree, err)
		}
		must(s.Close()) //nolint:contextcheck // closing takes no context
	}
	// What a database of schema 1 can hold, then of schema 2: a token as well.
	for schema := 1; schema < newest; schema++ {
		if schema == 2 {
			_, _, err = auth.Issue(ctx, s, "agent", auth.Viewer, nil, time.Hour, "Ada")
			must(err)
		}
		want := contents(t, server)
		for _, made := range []int{0, (len(later[schema+1]) + 1) / 2} { // statements before the kill
			for added := newest; added > schema; added-- {
				for i, name := range later[added] {
					if added > schema+1 || i >= made {
						server.Query(t, "DROP "+name, nil)
					}
				}
			}
			server.Query(t, `MATCH (s:SatgraphStore) SET s.schema = $n`, map[string]any{"n": schema})
			server.Query(t, `MATCH (s:SatgraphStore) REMOVE s.events`, nil) // of schema 3
			if slices.Equal(contents(t, server), want) {
				t.Fatal("nothing was taken away")
			}
			reopen()
			if got := contents(t, server); !slices.Equal(got, want) {
				t.Errorf("from schema %d, %d statements on, it holds\n%q\nwant\n%q", schema, made, got, want)
			}
		}
	}
	book := labelmap.NewBook(s, "satgraph test")
	_, err = book.Write(ctx, "Ada", labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: "1 cor"}, Action: labelmap.ActComment, Comment: "x"})
	if err != nil {
		t.Errorf("a decision after the migrations: %v", err)
	}
}
