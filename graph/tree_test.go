package graph_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"satgraph/graph"
)

func anatomy(id, name string) graph.Term {
	return graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy, Laterality: graph.SideOf(name)}
}

// chest is a small tree worked out by hand:
//
//	organ ◄is_a── heart ◄part_of── atrium ◄is_a── left atrium ──part_of► heart
//	                    ◄part_of── myocardium ◄located_in── scar
//	organ ◄is_a── lung  ◄is_a── left lung, right lung
func chest(t testing.TB) *graph.Tree {
	t.Helper()
	scar := anatomy("T:8", "myocardial scar")
	scar.Kind = graph.KindFinding
	lung := anatomy("T:6", "lung")
	lung.Synonyms = []graph.Synonym{{Text: "pulmo", Scope: graph.ScopeExact}, {Text: "organ of respiration", Scope: graph.ScopeBroad}}
	left := anatomy("T:4", "left atrium")
	left.Synonyms = []graph.Synonym{{Text: "atrium of heart, left", Scope: graph.ScopeExact}, {Text: "LA", Scope: graph.ScopeRelated}}
	tree, err := graph.NewTree("r1", []graph.Term{
		anatomy("T:2", "heart"), anatomy("T:1", "organ"), anatomy("T:3", "atrium"), left,
		anatomy("T:5", "myocardium"), lung, anatomy("T:7", "left lung"), anatomy("T:9", "right lung"), scar,
	}, []graph.Relation{
		{Child: "T:2", Parent: "T:1", Type: graph.IsA},
		{Child: "T:3", Parent: "T:2", Type: graph.PartOf},
		{Child: "T:4", Parent: "T:3", Type: graph.IsA},
		{Child: "T:4", Parent: "T:2", Type: graph.PartOf},
		{Child: "T:5", Parent: "T:2", Type: graph.PartOf},
		{Child: "T:6", Parent: "T:1", Type: graph.IsA},
		{Child: "T:7", Parent: "T:6", Type: graph.IsA},
		{Child: "T:7", Parent: "T:6", Type: graph.IsA}, // twice counts once
		{Child: "T:9", Parent: "T:6", Type: graph.IsA},
		{Child: "T:8", Parent: "T:5", Type: graph.LocatedIn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestTreeWalks(t *testing.T) {
	tree := chest(t)
	tests := []struct {
		name  string
		walk  func(id string, types ...graph.RelationType) []string
		id    string
		types []graph.RelationType
		want  []string
	}{
		{"children of all types", tree.Children, "T:2", nil, []string{"T:3", "T:4", "T:5"}},
		{"children by is_a", tree.Children, "T:2", []graph.RelationType{graph.IsA}, nil},
		{"children by is_a or part_of", tree.Children, "T:1", []graph.RelationType{graph.IsA, graph.PartOf}, []string{"T:2", "T:6"}},
		{"children of a leaf", tree.Children, "T:7", nil, nil},
		{"children of nobody", tree.Children, "T:0", nil, nil},
		{"children by an unknown type", tree.Children, "T:1", []graph.RelationType{"near"}, nil},
		{"parents", tree.Parents, "T:4", nil, []string{"T:2", "T:3"}},
		{"parents by part_of", tree.Parents, "T:4", []graph.RelationType{graph.PartOf}, []string{"T:2"}},
		{"descendants", tree.Descendants, "T:2", nil, []string{"T:3", "T:4", "T:5", "T:8"}},
		{"descendants by part_of", tree.Descendants, "T:2", []graph.RelationType{graph.PartOf}, []string{"T:3", "T:4", "T:5"}},
		{"descendants by is_a", tree.Descendants, "T:1", []graph.RelationType{graph.IsA}, []string{"T:2", "T:6", "T:7", "T:9"}},
		{"ancestors", tree.Ancestors, "T:8", nil, []string{"T:1", "T:2", "T:5"}},
		{"ancestors of a root", tree.Ancestors, "T:1", nil, []string{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.walk(test.id, test.types...); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestTreeStats(t *testing.T) {
	tree := chest(t)
	got := tree.Stats()
	if got.Terms != 9 || got.Roots != 1 || got.MaxDepth != 3 { // left atrium is_a atrium part_of heart is_a organ
		t.Errorf("got %+v, want 9 terms, 1 root, depth 3", got)
	}
	want := map[graph.RelationType]int{graph.IsA: 5, graph.PartOf: 3, graph.LocatedIn: 1}
	for r, n := range want {
		if got.Relations[r] != n {
			t.Errorf("%s: got %d, want %d", r, got.Relations[r], n)
		}
	}
	if roots := tree.Roots(); !slices.Equal(roots, []string{"T:1"}) {
		t.Errorf("roots %v, want T:1", roots)
	}
	if tree.Len() != 9 || tree.Revision() != "r1" {
		t.Errorf("got %d terms of %q", tree.Len(), tree.Revision())
	}
}

func TestIsDescendant(t *testing.T) {
	tree := chest(t)
	tests := []struct {
		id, of string
		want   bool
	}{{"T:8", "T:2", true}, {"T:2", "T:8", false}, {"T:2", "T:2", false}, {"T:0", "T:2", false}, {"T:2", "T:0", false}}
	for _, test := range tests {
		if got := tree.IsDescendant(test.id, test.of); got != test.want {
			t.Errorf("%s under %s: got %v", test.id, test.of, got)
		}
	}
}

func TestSortByName(t *testing.T) {
	got := chest(t).SortByName([]string{"T:0", "T:9", "T:5", "T:2"})
	if want := []string{"T:2", "T:5", "T:9", "T:0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNewTreeRefuses(t *testing.T) {
	a, b := anatomy("A", "a"), anatomy("B", "b")
	tests := []struct {
		name  string
		terms []graph.Term
		rels  []graph.Relation
		want  error
	}{
		{"no id", []graph.Term{anatomy("", "a")}, nil, graph.ErrInvalidTerm},
		{"no name", []graph.Term{anatomy("A", " ")}, nil, graph.ErrInvalidTerm},
		{"unknown kind", []graph.Term{{ID: "A", Name: "a", Kind: "stone"}}, nil, graph.ErrInvalidTerm},
		{"unknown side", []graph.Term{{ID: "A", Name: "a", Kind: graph.KindAnatomy, Laterality: "middle"}}, nil, graph.ErrInvalidTerm},
		{"an id twice", []graph.Term{a, b, a}, nil, graph.ErrDuplicateTerm},
		{"unknown child", []graph.Term{a}, []graph.Relation{{Child: "C", Parent: "A", Type: graph.IsA}}, graph.ErrUnknownTerm},
		{"unknown parent", []graph.Term{a}, []graph.Relation{{Child: "A", Parent: "C", Type: graph.IsA}}, graph.ErrUnknownTerm},
		{"unknown type", []graph.Term{a, b}, []graph.Relation{{Child: "A", Parent: "B", Type: "near"}}, graph.ErrInvalidRelation},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := graph.NewTree("", test.terms, test.rels); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestNewTreeNamesTheCycle(t *testing.T) {
	terms := []graph.Term{anatomy("A", "a"), anatomy("B", "b"), anatomy("C", "c"), anatomy("D", "d")}
	tests := []struct {
		name string
		rels []graph.Relation
		want []string
	}{
		{"with itself", []graph.Relation{{Child: "B", Parent: "B", Type: graph.IsA}}, []string{"B", "B"}},
		{"across types", []graph.Relation{
			{Child: "A", Parent: "B", Type: graph.IsA},
			{Child: "B", Parent: "C", Type: graph.PartOf},
			{Child: "C", Parent: "D", Type: graph.IsA},
			{Child: "D", Parent: "B", Type: graph.IsA},
		}, []string{"B", "C", "D", "B"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := graph.NewTree("", slices.Clone(terms), test.rels)
			var cycle *graph.CycleError
			if !errors.As(err, &cycle) || !slices.Equal(cycle.Path, test.want) {
				t.Errorf("got %v, want the cycle %v", err, test.want)
			}
		})
	}
}

// TestTreeLaws holds random trees against a closure computed another way.
func TestTreeLaws(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		const n = 60
		terms := make([]graph.Term, n)
		for i := range terms {
			terms[i] = anatomy(fmt.Sprintf("T:%02d", i), fmt.Sprintf("thing %d", i))
		}
		var rels []graph.Relation
		above := [n][n]bool{} // above[i][j]: j is an ancestor of i
		for i := 1; i < n; i++ {
			for range random.IntN(3) {
				p := random.IntN(i) // parents come first, so no cycle
				rels = append(rels, graph.Relation{Child: terms[i].ID, Parent: terms[p].ID, Type: graph.RelationTypes()[random.IntN(3)]})
				above[i][p] = true
				for j := range n {
					above[i][j] = above[i][j] || above[p][j]
				}
			}
		}
		tree, err := graph.NewTree("", terms, rels)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			var up, down []string
			for j := range n {
				if above[i][j] {
					up = append(up, terms[j].ID)
				}
				if above[j][i] {
					down = append(down, terms[j].ID)
				}
			}
			if got := tree.Ancestors(terms[i].ID); !slices.Equal(got, up) {
				t.Fatalf("seed %d: ancestors of %s: got %v, want %v", seed, terms[i].ID, got, up)
			}
			if got := tree.Descendants(terms[i].ID); !slices.Equal(got, down) {
				t.Fatalf("seed %d: descendants of %s: got %v, want %v", seed, terms[i].ID, got, down)
			}
		}
		again, err := graph.NewTree("", slices.Clone(tree.Terms()), tree.Relations())
		if err != nil || !slices.Equal(again.Relations(), tree.Relations()) {
			t.Fatalf("seed %d: the relations of a tree do not make the same tree: %v", seed, err)
		}
	}
}

// BenchmarkNewTree indexes half a million terms with two parents each.
func BenchmarkNewTree(b *testing.B) {
	const n = 500_000
	terms := make([]graph.Term, n)
	rels := make([]graph.Relation, 0, 2*n)
	for i := range terms {
		terms[i] = anatomy(fmt.Sprintf("T:%07d", i), fmt.Sprintf("left part %d of thing", i))
		if i > 0 {
			rels = append(rels,
				graph.Relation{Child: terms[i].ID, Parent: terms[i/2].ID, Type: graph.IsA},
				graph.Relation{Child: terms[i].ID, Parent: terms[i/3].ID, Type: graph.PartOf})
		}
	}
	for b.Loop() {
		if _, err := graph.NewTree("", terms, rels); err != nil {
			b.Fatal(err)
		}
	}
}
