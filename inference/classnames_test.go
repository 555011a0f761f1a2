package inference_test

import (
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/graph/builtin"
	"satgraph/inference"
)

// corpus is the resolver that the program has: the built-in tree and the 498
// classes.
func corpus(t testing.TB) (*inference.Resolver, []inference.Class) {
	t.Helper()
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	classes := make([]inference.Class, len(rows))
	for i, c := range rows {
		classes[i] = inference.Class{
			Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate), Note: c.Reason,
		}
	}
	return inference.NewResolver(tree, classes), classes
}

// Whoever knows the corpus may ask by its own names, however they are written.
func TestEveryClassAnswersToItsName(t *testing.T) {
	r, classes := corpus(t)
	for _, c := range classes {
		want := inference.Call{Class: c.Name, Prompt: c.Name, Modality: c.Modality}
		for _, query := range []string{
			c.Name, strings.ToUpper(c.Name), "Segment the " + c.Name + " in this " + c.Modality.String() + ".", `"` + c.Name + `"`,
		} {
			p, err := r.Resolve(query, c.Modality)
			if err != nil {
				t.Errorf("%q in %v: %v", query, c.Modality, err)
				continue
			}
			if len(p.Terms) != 1 || p.Terms[0].ID != c.TermID || !slices.Equal(p.Calls, []inference.Call{want}) {
				t.Errorf("%q in %v: %v calls %v", query, c.Modality, line(p), p.Calls)
			}
		}
		// Beside another.
		other := "spleen"
		if c.Name == other || c.Modality == inference.PET {
			continue
		}
		for _, query := range []string{other + ", " + c.Name, c.Name + " and the " + other, other + " and " + c.Name + ";"} {
			p, err := r.Resolve(query, c.Modality)
			if err != nil || len(p.Calls) != 2 || !slices.Contains(p.Calls, want) {
				t.Errorf("%q in %v: %v, %v", query, c.Modality, line(p), err)
			}
		}
	}
}

// line is a plan in short: each term's status, classes and what is taken out.
func line(p *inference.Plan) string {
	if p == nil {
		return "no plan"
	}
	var out []string
	for _, t := range p.Terms {
		s := t.Name + " " + t.Status + " [" + strings.Join(t.Classes, " + ")
		for _, less := range t.Subtract {
			s += " - " + less
		}
		out = append(out, s+"]")
	}
	return strings.Join(out, ", ")
}
