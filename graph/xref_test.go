package graph_test

import (
	"reflect"
	"testing"

	"satgraph/graph"
)

func TestByXref(t *testing.T) {
	heart, lung, both := anatomy("T:1", "heart"), anatomy("T:2", "lung"), anatomy("T:3", "heart and lung")
	heart.Xrefs = []string{"FMA:7088", "T:9"} // T:9 is retired
	lung.Xrefs = []string{"FMA:7195", "SPECIES:1"}
	both.Xrefs = []string{"SPECIES:1", "species:1"}
	tree := named(t, heart, lung, both)
	for ref, want := range map[string][]string{
		"FMA:7088": {"T:1"}, " fma:7088 ": {"T:1"}, "T:9": {"T:1"}, "SPECIES:1": {"T:2", "T:3"}, "FMA:1": nil, "": nil, "T:1": nil,
	} {
		if got := tree.ByXref(ref); !reflect.DeepEqual(got, want) {
			t.Errorf("ByXref(%q) = %v, want %v", ref, got, want)
		}
	}
	// Lookup takes a cross-reference for the term, and several terms as such.
	if best := graph.Best(tree.Lookup("T:9")); len(best) != 1 || best[0].ID != "T:1" || best[0].How != graph.ByXref {
		t.Errorf("a retired id: %+v", best)
	}
	if best := graph.Best(tree.Lookup("SPECIES:1")); len(best) != 2 {
		t.Errorf("a reference of two terms: %+v", best)
	}
	if best := graph.Best(tree.Lookup("T:1")); len(best) != 1 || best[0].How != graph.ByID {
		t.Errorf("an id: %+v", best)
	}
}
