package api_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"satgraph/api"
	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/inference"
)

// documented are the GraphQL blocks of a page, cut at its operations.
func documented(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, part := range strings.Split(string(text), "```") {
		body, ok := strings.CutPrefix(part, "graphql\n")
		if i%2 == 0 || !ok {
			continue
		}
		var operation strings.Builder
		for line := range strings.Lines(body) {
			if operation.Len() > 0 && (strings.HasPrefix(line, "{") || strings.HasPrefix(line, "mutation")) {
				out = append(out, operation.String())
				operation.Reset()
			}
			operation.WriteString(line)
		}
		out = append(out, operation.String())
	}
	if len(out) < 5 {
		t.Fatalf("%s has %d operations", page, len(out))
	}
	return out
}

// Every query of the documentation is one that the service answers.
func TestDocumentedQueries(t *testing.T) {
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	known, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	var classes []inference.Class
	for _, c := range known {
		classes = append(classes, inference.Class{Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate)})
	}
	resolver := inference.NewResolver(tree, classes)
	s, _ := curated(t, func(c *api.Config) {
		c.Tree = func() *graph.Tree { return tree }
		c.Resolver = func() *inference.Resolver { return resolver }
	})
	image := s.upload(scan(t, "scan.nii"))
	job := "JOB"
	for _, query := range documented(t, "application.md") {
		a := s.ask(strings.NewReplacer(`"ID"`, `"`+image+`"`, `"JOB"`, `"`+job+`"`).Replace(query))
		if len(a.Errors) > 0 {
			t.Errorf("%s\n%v", query, a.Errors)
			continue
		}
		if _, ok := a.Data["segment"]; ok && a.at(t, "segment", "job") != nil {
			job = fmt.Sprint(a.at(t, "segment", "job", "id"))
		}
		for name, value := range a.Data {
			if value == nil || text(value) == "[]" {
				t.Errorf("%s\n%s answers nothing", query, name)
			}
		}
	}
	// A curator's queries name what this service does not have; they are ones that it
	// understands.
	for _, query := range documented(t, "curator.md") {
		a := s.ask(query)
		if code := a.code(); code == "GRAPHQL_VALIDATION_FAILED" || code == "GRAPHQL_PARSE_FAILED" || code == "INTERNAL" {
			t.Errorf("%s\n%v", query, a.Errors)
		}
	}
}
