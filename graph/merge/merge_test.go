package merge

import (
	"errors"
	"reflect"
	"testing"

	"satgraph/graph"
)

func term(id, name string, xrefs ...string) graph.Term {
	return graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy, Laterality: graph.SideOf(name), Xrefs: xrefs}
}

func isA(child, parent string) graph.Relation {
	return graph.Relation{Child: child, Parent: parent, Type: graph.IsA}
}

func partOf(child, parent string) graph.Relation {
	return graph.Relation{Child: child, Parent: parent, Type: graph.PartOf}
}

// base is organ ◄ heart ◄ atrium ◄ left atrium, and lung with two alike xrefs.
func base(t *testing.T) *graph.Tree {
	t.Helper()
	heart := term("T:2", "heart", "FMA:1", "SPECIES:1")
	heart.Synonyms = []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}}
	heart.Definition = "The tree's definition."
	tree, err := graph.NewTree("r", []graph.Term{
		term("T:1", "organ"), heart, term("T:3", "atrium", "FMA:3"), term("T:4", "left atrium", "FMA:4"),
		term("T:5", "lung", "FMA:5", "SPECIES:1"), term("T:6", "lung tissue", "FMA:5"),
	}, []graph.Relation{isA("T:2", "T:1"), partOf("T:3", "T:2"), isA("T:4", "T:3")})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestBeside(t *testing.T) {
	before := base(t)
	heart := term("N:2", "human heart", "T:2")
	heart.Synonyms = []graph.Synonym{{Text: "COR", Scope: graph.ScopeExact}, {Text: "pump", Scope: graph.ScopeRelated}}
	heart.Definition = "Another definition."
	newcomers := []graph.Term{
		term("N:1", "Organ"),          // by name
		heart,                         // names T:2
		term("FMA:3", "heart atrium"), // is named by T:3
		term("N:4", "left atrium proper", "FMA:4"), // shares FMA:4
		term("N:5", "pulmo", "FMA:5"),              // FMA:5 is of two terms
		term("N:6", "right atrium", "T:4"),         // another side
		term("N:7", "valve", "SPECIES:1"),          // no evidence: of two terms
		term("T:5", "whatever"),                    // by id
	}
	relations := []graph.Relation{
		isA("N:2", "N:1"),    // stands
		partOf("N:4", "N:2"), // implied: left atrium is_a atrium part_of heart
		isA("N:4", "N:2"),    // not implied by is_a
		partOf("N:7", "N:2"), isA("N:6", "FMA:3"),
	}
	s, report, err := Beside(before, newcomers, relations, false)
	if err != nil {
		t.Fatal(err)
	}
	wantReport := &Report{
		Same: map[By]int{ByID: 1, ByXref: 2, BySharedXref: 1, ByName: 1}, New: 3,
		Conflicts: []Conflict{{"N:6", "right atrium", []string{"T:4"}, ByXref, "T:4 (left atrium) is of another side"}},
		Implied:   1, Otherwise: 1,
	}
	if !reflect.DeepEqual(report, wantReport) {
		t.Errorf("report %+v, want %+v", report, wantReport)
	}
	after, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	got, _ := after.Term("T:2")
	want := &graph.Term{
		ID: "T:2", Name: "heart", Kind: graph.KindAnatomy, Definition: "The tree's definition.",
		Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "human heart", Scope: graph.ScopeExact}, {Text: "pump", Scope: graph.ScopeRelated}},
		Xrefs:    []string{"FMA:1", "SPECIES:1", "N:2"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("heart is %+v, want %+v", got, want)
	}
	if after.Len() != 9 || len(after.Relations()) != 6 {
		t.Errorf("%d terms and %d relations, want 9 and 6", after.Len(), len(after.Relations()))
	}
	if !reflect.DeepEqual(before.Terms(), base(t).Terms()) {
		t.Error("the tree itself was changed")
	}
	// Laid beside the outcome once more, it changes nothing.
	again, _, err := Beside(after, newcomers, relations, false)
	if err != nil {
		t.Fatal(err)
	}
	if cs := graph.Diff(s, again); len(cs.Changes) > 0 {
		t.Errorf("the same anatomy once more changes %v", cs.Changes)
	}
}

func TestConflicts(t *testing.T) {
	finding := term("N:1", "lung")
	finding.Kind = graph.KindFinding
	tests := []struct {
		name      string
		newcomers []graph.Term
		by        By
		reason    string
	}{
		{"several", []graph.Term{term("N:1", "pulmo", "T:5", "T:6")}, ByXref, "it may be any of several terms"},
		{"another kind", []graph.Term{finding}, ByName, "T:5 (lung) is of kind anatomy, not finding"},
		{"taken", []graph.Term{term("N:1", "x", "T:5"), term("N:2", "y", "T:5")}, ByXref, "T:5 is N:1 already"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, report, err := Beside(base(t), test.newcomers, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			if c := report.Conflicts; len(c) != 1 || c[0].By != test.by || c[0].Reason != test.reason {
				t.Errorf("got %+v, want %s: %s", c, test.by, test.reason)
			}
		})
	}
	// Several, but only one of the newcomer's name.
	_, report, err := Beside(base(t), []graph.Term{term("N:1", "Lung", "T:5", "T:6")}, nil, false)
	if err != nil || len(report.Conflicts) != 0 || report.Same[ByXref] != 1 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestCycle(t *testing.T) {
	newcomers := []graph.Term{term("N:1", "organ"), term("N:2", "left atrium"), term("N:3", "between")}
	relations := []graph.Relation{isA("N:1", "N:3"), isA("N:3", "N:2")}
	_, _, err := Beside(base(t), newcomers, relations, false)
	var cycle *graph.CycleError
	var at *RelationError
	if !errors.As(err, &at) || at.Index != 1 || !errors.As(err, &cycle) || !reflect.DeepEqual(cycle.Path, []string{"N:3", "T:4", "T:3", "T:2", "T:1", "N:3"}) {
		t.Fatalf("got %v", err)
	}
	s, report, err := Beside(base(t), newcomers, relations, true)
	if err != nil {
		t.Fatal(err)
	}
	if want := []graph.Relation{isA("N:3", "T:4")}; !reflect.DeepEqual(report.Cyclic, want) {
		t.Errorf("left out %v, want %v", report.Cyclic, want)
	}
	if _, err := s.Tree(); err != nil {
		t.Error(err)
	}
}
