package build

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

// body is a small anatomy with two sides: a chest with two ribs, a hand with a
// bone, and the sided terms as a table of pairs adds them.
func body() (Source, *tables) {
	src := Source{
		Terms: []graph.Term{
			term(Root, "anatomical entity"), term("U:1", "body"), term("U:2", "chest"), term("U:3", "rib"), term("U:4", "rib 1"),
			term("U:5", "hand"), term("U:6", "finger bone"), term("U:7", "left hand"), term("U:8", "right hand"),
		},
		Relations: rels("U:1 is_a "+Root, "U:2 part_of U:1", "U:3 part_of U:2", "U:4 is_a U:3", "U:5 part_of U:1", "U:6 part_of U:5",
			"U:7 is_a U:5", "U:8 is_a U:5"),
	}
	t := &tables{
		barred: map[string]bool{}, unpaired: map[string]bool{}, unnamed: map[string][]graph.Synonym{}, synonyms: map[string][]graph.Synonym{},
	}
	for _, row := range []string{"L:1 R:1 U:3 SIDE rib", "L:2 R:2 U:4 SIDE rib 1", "L:3 R:3 U:6 SIDE finger bone"} {
		f := strings.SplitN(row, " ", 4)
		if err := t.addPair(append(f, "")); err != nil {
			panic(err)
		}
	}
	return src, t
}

func parentsOf(s *graph.Snapshot, id string) []string {
	var out []string
	for _, r := range s.Relations {
		if r.Child == id {
			out = append(out, string(r.Type)+" "+r.Parent)
		}
	}
	slices.Sort(out)
	return out
}

func TestSidedTermsTakeTheirPlace(t *testing.T) {
	src, tables := body()
	s, _, err := choose(src, tables, []Anchor{{"rib 1", "U:4", true}}, 15)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string][]string{
		"U:4": {"is_a U:3", "part_of U:2"},             // a class: what its kind is part of is stated
		"L:1": {"is_a U:3", "part_of U:2"},             // the base's place
		"L:2": {"is_a L:1", "is_a U:4", "part_of U:2"}, // a left rib, and a rib 1
		"R:2": {"is_a R:1", "is_a U:4", "part_of U:2"}, // and so on the right
		"L:3": {"is_a U:6", "part_of U:7"},             // in the left hand, not in the hand
		"R:3": {"is_a U:6", "part_of U:8"},             //
		"U:7": {"is_a U:5", "part_of U:1"},             //
	} {
		if got := parentsOf(s, id); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", id, got, want)
		}
	}
}

func TestReduce(t *testing.T) {
	relations := rels("B is_a A", "C is_a B", "C is_a A", "C part_of P", "P part_of Q", "C part_of Q", "D part_of P", "D part_of Q")
	reviewed := map[graph.Relation]bool{rel("D part_of Q"): true}
	want := rels("B is_a A", "C is_a B", "C part_of P", "P part_of Q", "D part_of P", "D part_of Q")
	if got := reduce(relations, reviewed); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCheck(t *testing.T) {
	finding := graph.Term{ID: "F:1", Name: "fracture", Kind: graph.KindFinding}
	for _, test := range []struct {
		name   string
		change func(s *graph.Snapshot, t *tables)
		want   string
	}{
		{"a sound tree", func(*graph.Snapshot, *tables) {}, ""},
		{"another size", func(s *graph.Snapshot, _ *tables) {
			s.Terms = append(s.Terms, term("U:9", "toe"))
			s.Relations = append(s.Relations, rel("U:9 is_a U:1"))
		}, "16 terms, not 15"},
		{"a second root", func(s *graph.Snapshot, _ *tables) {
			s.Relations = slices.DeleteFunc(s.Relations, func(r graph.Relation) bool { return r.Child == "U:1" })
		}, "body (U:1) has no parent"},
		{"an implied is_a", func(s *graph.Snapshot, _ *tables) { s.Relations = append(s.Relations, rel("L:2 is_a U:3")) }, "is implied"},
		{"kind and part", func(s *graph.Snapshot, _ *tables) { s.Relations = append(s.Relations, rel("U:4 part_of U:3")) }, "both is_a and is part_of"},
		{"the other side", func(s *graph.Snapshot, _ *tables) { s.Relations = append(s.Relations, rel("L:3 part_of U:8")) }, "left finger bone (L:3) lies under right hand (U:8)"},
		{"off its side", func(s *graph.Snapshot, _ *tables) { s.Relations = append(s.Relations, rel("L:3 part_of U:5")) }, "not of left hand (U:7)"},
		{"one name twice", func(s *graph.Snapshot, _ *tables) { rename(s, "U:6", "Ribs") }, "have one name"},
		{"no mirror", func(s *graph.Snapshot, _ *tables) { rename(s, "R:3", "right thumb bone") }, `left finger bone (L:3): mirror ""`},
		{"a mirror despite the table", func(_ *graph.Snapshot, t *tables) { t.unpaired["mirror L:3"] = true }, `left finger bone (L:3): mirror "R:3"`},
		{"a finding as a part", func(s *graph.Snapshot, _ *tables) {
			swap(s, "U:6", finding)
			s.Relations = append(s.Relations, rel("F:1 part_of U:3"))
		}, "the finding fracture (F:1) part_of the anatomy rib"},
		{"a finding without a site", func(s *graph.Snapshot, _ *tables) {
			swap(s, "U:6", finding)
			s.Relations = append(s.Relations, rel("F:1 is_a U:1"))
		}, "no site of its own"},
		{"anatomy located in anatomy", func(s *graph.Snapshot, _ *tables) { s.Relations = append(s.Relations, rel("U:6 located_in U:3")) }, "located_in the anatomy rib"},
	} {
		t.Run(test.name, func(t *testing.T) {
			src, tables := body()
			anchors := []Anchor{{"rib 1", "U:4", true}}
			s, _, err := choose(src, tables, anchors, 15)
			if err != nil {
				t.Fatal(err)
			}
			test.change(s, tables)
			err = check(s, anchors, tables, 15)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (!errors.Is(err, ErrCheck) || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	src, tables := body()
	s, _, err := choose(src, tables, nil, 15)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(s, []Anchor{{"tail", "U:99", true}}, tables, 15); !errors.Is(err, ErrCheck) || !strings.Contains(err.Error(), `class "tail"`) {
		t.Errorf("got %v, want a class without a term", err)
	}
}

// rename gives a term of a snapshot another name.
func rename(s *graph.Snapshot, id, name string) {
	for i := range s.Terms {
		if s.Terms[i].ID == id {
			s.Terms[i].Name = name
		}
	}
}

// swap puts a term in another's place, without its relations.
func swap(s *graph.Snapshot, id string, with graph.Term) {
	for i := range s.Terms {
		if s.Terms[i].ID == id {
			s.Terms[i] = with
		}
	}
	s.Relations = slices.DeleteFunc(s.Relations, func(r graph.Relation) bool { return r.Child == id || r.Parent == id })
	slices.SortFunc(s.Terms, func(a, b graph.Term) int { return strings.Compare(a.ID, b.ID) })
}
