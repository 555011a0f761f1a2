package inference_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/graph/builtin"
	"satgraph/inference"
)

func TestTmpResolve(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	var classes []inference.Class
	for _, c := range cs {
		classes = append(classes, inference.Class{Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate), Note: c.Reason})
	}
	r := inference.NewResolver(tree, classes)
	b, err := os.ReadFile("/tmp/inf/queries.json")
	if err != nil {
		t.Skip()
	}
	var qs [][2]string
	json.Unmarshal(b, &qs)
	for _, q := range qs {
		p, err := r.Resolve(q[0], inference.Modality(q[1]))
		fmt.Printf("=== %q %s err=%v\n", q[0], q[1], err)
		if p == nil {
			continue
		}
		for _, tp := range p.Terms {
			fmt.Printf("  %-15s %-38s %-16s %v missing=%d%.120v | %s\n", tp.ID, tp.Name, tp.Status, tp.Classes, len(tp.Missing), tp.Missing, tp.Reason)
		}
		fmt.Println("  calls", len(p.Calls))
	}
}
