package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

func TestSubtree(t *testing.T) {
	tree := chest(t)
	tests := []struct {
		name  string
		id    string
		depth int
		types []graph.RelationType
		want  string // id@depth<parent, in order
	}{
		{"one level", "T:2", 1, nil, "T:3@1<T:2 T:4@1<T:2 T:5@1<T:2"},
		{"a term under two parents comes once, at its least depth", "T:2", -1, nil, "T:3@1<T:2 T:4@1<T:2 T:5@1<T:2 T:8@2<T:5"},
		{"by type", "T:1", 2, []graph.RelationType{graph.IsA}, "T:2@1<T:1 T:6@1<T:1 T:7@2<T:6 T:9@2<T:6"},
		{"no level", "T:2", 0, nil, ""},
		{"a leaf", "T:7", 3, nil, ""},
		{"nobody", "T:0", 3, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, v := range tree.Subtree(test.id, test.depth, test.types...) {
				got = append(got, fmt.Sprintf("%s@%d<%s", v.Term.ID, v.Depth, v.Parent.ID))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
	if v := tree.Subtree("T:5", 1); len(v) != 1 || v[0].Via != graph.LocatedIn {
		t.Errorf("got %v, want the scar, located_in", v)
	}
}

func TestPath(t *testing.T) {
	tree := chest(t)
	tests := []struct {
		name, from, to string
		types          []graph.RelationType
		want           string
		ok             bool
	}{
		{"over the common ancestor", "T:7", "T:9", nil, "T:7 is_a T:6, T:6 < is_a T:9", true},
		{"up", "T:8", "T:2", nil, "T:8 located_in T:5, T:5 part_of T:2", true},
		{"down", "T:2", "T:8", nil, "T:2 < part_of T:5, T:5 < located_in T:8", true},
		{"the short way of two", "T:4", "T:2", nil, "T:4 part_of T:2", true},
		{"the long way, by type", "T:4", "T:3", []graph.RelationType{graph.IsA}, "T:4 is_a T:3", true},
		{"none by this type", "T:4", "T:2", []graph.RelationType{graph.IsA}, "", false},
		{"to itself", "T:4", "T:4", nil, "", true},
		{"from nobody", "T:0", "T:4", nil, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, ok := tree.Path(test.from, test.to, test.types...)
			var got []string
			for _, s := range path {
				arrow := " "
				if !s.Up {
					arrow = " < "
				}
				got = append(got, s.From.ID+arrow+string(s.Type)+" "+s.To.ID)
			}
			if strings.Join(got, ", ") != test.want || ok != test.ok {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func TestCommonAncestorsAndSiblings(t *testing.T) {
	tree := chest(t)
	tests := []struct{ name, got, want string }{
		{"common", fmt.Sprint(tree.CommonAncestors([]string{"T:4", "T:8"})), "[T:1 T:2]"},
		{"lowest", fmt.Sprint(tree.LowestCommonAncestors([]string{"T:4", "T:8"})), "[T:2]"},
		{"lowest of part and whole is the whole", fmt.Sprint(tree.LowestCommonAncestors([]string{"T:4", "T:2"})), "[T:2]"},
		{"lowest of three", fmt.Sprint(tree.LowestCommonAncestors([]string{"T:7", "T:9", "T:4"})), "[T:1]"},
		{"by a type that does not join them", fmt.Sprint(tree.CommonAncestors([]string{"T:4", "T:5"}, graph.IsA)), "[]"},
		{"of one", fmt.Sprint(tree.LowestCommonAncestors([]string{"T:4"})), "[T:4]"},
		{"with nobody", fmt.Sprint(tree.CommonAncestors([]string{"T:4", "T:0"})), "[]"},
		{"siblings", fmt.Sprint(tree.Siblings("T:7")), "[T:9]"},
		{"siblings by part_of alone", fmt.Sprint(tree.Siblings("T:5", graph.PartOf)), "[T:3 T:4]"},
		{"a finding is no sibling of parts", fmt.Sprint(tree.Siblings("T:8")), "[]"},
		{"siblings of a root", fmt.Sprint(tree.Siblings("T:1")), "[]"},
		{"parts without the kinds of parts", fmt.Sprint(tree.Parts("T:2")), "[T:3 T:5]"},
		{"parts of nobody", fmt.Sprint(tree.Parts("T:0")), "[]"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, test.got, test.want)
		}
	}
}

// TestDiamonds walks a graph in which the number of paths doubles at every one
// of its 60 levels: whoever follows each path never comes back.
func TestDiamonds(t *testing.T) {
	const levels = 60
	terms := []graph.Term{anatomy("D:00", "top")}
	var rels []graph.Relation
	for i := 1; i <= levels; i++ {
		for _, side := range []string{"a", "b"} {
			id := fmt.Sprintf("D:%02d%s", i, side)
			terms = append(terms, anatomy(id, "thing "+id))
			if i == 1 {
				rels = append(rels, graph.Relation{Child: id, Parent: "D:00", Type: graph.IsA})
				continue
			}
			for _, above := range []string{"a", "b"} {
				rels = append(rels, graph.Relation{Child: id, Parent: fmt.Sprintf("D:%02d%s", i-1, above), Type: graph.PartOf})
			}
		}
	}
	tree, err := graph.NewTree("", terms, rels)
	if err != nil {
		t.Fatal(err)
	}
	low, other := fmt.Sprintf("D:%02da", levels), fmt.Sprintf("D:%02db", levels)
	if n := len(tree.Ancestors(low)); n != 2*(levels-1)+1 {
		t.Errorf("%d ancestors", n)
	}
	if n := len(tree.Descendants("D:00")); n != 2*levels {
		t.Errorf("%d descendants", n)
	}
	if n := len(tree.Subtree("D:00", -1)); n != 2*levels {
		t.Errorf("%d terms in the subtree", n)
	}
	if path, ok := tree.Path(low, other); !ok || len(path) != 2 {
		t.Errorf("path %v", path)
	}
	if path, ok := tree.Path(low, "D:00"); !ok || len(path) != levels {
		t.Errorf("path of %d", len(path))
	}
	lowest := tree.LowestCommonAncestors([]string{low, other})
	if want := []string{fmt.Sprintf("D:%02da", levels-1), fmt.Sprintf("D:%02db", levels-1)}; !slices.Equal(lowest, want) {
		t.Errorf("lowest %v, want both parents %v", lowest, want)
	}
	if s := tree.Stats(); s.MaxDepth != levels {
		t.Errorf("depth %d", s.MaxDepth)
	}
}
