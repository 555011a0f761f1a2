package build

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

func TestTablesAreSound(t *testing.T) {
	tables, err := loadTables()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, term := range tables.terms {
		if ids[term.ID] || len(term.ID) != len("SATG:0000000") || !strings.HasPrefix(term.ID, "SATG:") {
			t.Errorf("term %q has the id %s: an id is given once and never reused", term.Name, term.ID)
		}
		if term.Laterality != graph.SideOf(term.Name) {
			t.Errorf("%q is of side %q", term.Name, term.Laterality)
		}
		ids[term.ID] = true
	}
	seen := map[graph.Relation]bool{}
	for _, r := range slices.Concat(tables.added, tables.removed) {
		if seen[r] {
			t.Errorf("%v twice", r)
		}
		seen[r] = true
		if strings.HasPrefix(r.Parent, "SATG:") && !ids[r.Parent] {
			t.Errorf("%v names no project term", r)
		}
	}
}

func TestEvidence(t *testing.T) {
	tests := []struct {
		xrefs []string
		want  int
	}{
		{nil, 0},
		{[]string{"FMA:7088"}, 4},
		{[]string{"FMA:7088", "FMA:7089"}, 4}, // a vocabulary counts once
		{[]string{"FMA:7088", "SCTID:1", "UMLS:C1", "NCIT:C1", "MESH:D1", "GAID:1", "EFO:1", "BTO:1", "CALOHA:1"}, 17},
		{[]string{"EHDAA2:1", "ZFA:1", "nonsense"}, 0},
		{[]string{"TAXON:9606"}, 4},
	}
	for _, test := range tests {
		if got := evidence(test.xrefs); got != test.want {
			t.Errorf("evidence(%v) = %d, want %d", test.xrefs, got, test.want)
		}
	}
}

func TestNotHumanAdult(t *testing.T) {
	for name, want := range map[string]bool{
		"heart": false, "tail of pancreas": false, "chordate pharynx": false, "cartilage of main bronchus": false, "finger": false,
		"heart primordium": true, "embryonic heart tube": true, "mesoderm-derived structure": true, "femur cartilage element": true,
		"pectoral fin": true, "limb bud": true, "taste bud": false, "primordial ovarian follicle": false, "mesenchyme of pinna": true, "larval stage": true, "Carnegie stage 10": true,
		"pharyngeal arch 2": true, "pharyngeal muscle": false, "neural crest": true, "neural lobe": false,
	} {
		if got := embryonicOrForeign(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func term(id, name string, xrefs ...string) graph.Term {
	return graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy, Xrefs: xrefs}
}

func rel(text string) graph.Relation {
	f := strings.Fields(text)
	return graph.Relation{Child: f[0], Type: graph.RelationType(f[1]), Parent: f[2]}
}

func rels(texts ...string) []graph.Relation {
	var out []graph.Relation
	for _, s := range texts {
		out = append(out, rel(s))
	}
	return out
}

func TestSplice(t *testing.T) {
	tests := []struct {
		name      string
		relations []graph.Relation
		taken     string
		want      []graph.Relation
	}{
		{"nothing left out", rels("B is_a A", "C part_of B"), "A B C", rels("B is_a A", "C part_of B")},
		{"is_a through is_a", rels("B is_a A", "C is_a B"), "A C", rels("C is_a A")},
		{"part_of through is_a", rels("B is_a A", "C part_of B"), "A C", rels("C part_of A")},
		{"is_a through part_of", rels("B part_of A", "C is_a B"), "A C", rels("C part_of A")},
		{"a finding stays located", rels("B part_of A", "C located_in B"), "A C", rels("C located_in A")},
		{"through two", rels("B is_a A", "C is_a B", "D is_a C"), "A D", rels("D is_a A")},
		{"implied by a stated relation", rels("B is_a A", "C is_a B", "C is_a D", "D is_a A"), "A C D", rels("C is_a D", "D is_a A")},
		{"implied by another splice", rels("A2 is_a A", "X is_a A", "Y is_a A2", "C is_a X", "C is_a Y"), "A A2 C", rels("A2 is_a A", "C is_a A2")},
		{"two ways to one parent", rels("X is_a A", "Y part_of A", "C is_a X", "C is_a Y"), "A C", rels("C is_a A")},
		{"stated otherwise", rels("X part_of A", "C is_a X", "C is_a A"), "A C", rels("C is_a A")},
		{"what is stated stays", rels("B is_a A", "C is_a B", "C is_a A"), "A B C", rels("B is_a A", "C is_a A", "C is_a B")},
		{"to nobody", rels("C is_a B", "B is_a A"), "C", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			taken := map[string]bool{}
			for id := range strings.FieldsSeq(test.taken) {
				taken[id] = true
			}
			if got := splice(test.relations, taken); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// source is a small anatomy: of its nine terms one is embryonic, one barred by
// table, and three have evidence.
func source() Source {
	return Source{
		Terms: []graph.Term{
			term("U:1", "body"), term("U:2", "heart primordium", "FMA:9"), term("U:3", "heart"), term("U:4", "left atrium"),
			term("U:5", "liver", "FMA:1", "SCTID:1"), term("U:6", "spleen", "FMA:2"), term("U:7", "toe", "FMA:3"),
			term("U:8", "gizzard stone", "FMA:4"), term("U:9", "liver lobe", "EFO:1"),
		},
		Relations: rels("U:2 part_of U:1", "U:3 is_a U:2", "U:4 part_of U:3", "U:5 part_of U:1", "U:6 part_of U:1",
			"U:7 part_of U:1", "U:8 part_of U:1", "U:9 part_of U:5", "U:9 part_of U:6"),
	}
}

func small() *tables {
	return &tables{
		terms:    []graph.Term{{ID: "SATG:1", Name: "scar", Kind: graph.KindFinding}},
		added:    rels("SATG:1 located_in U:4"),
		removed:  rels("U:9 part_of U:6"),
		synonyms: map[string][]graph.Synonym{"U:3": {{Text: "cor", Scope: graph.ScopeExact}}},
		barred:   map[string]bool{"U:8": true},
	}
}

func TestChoose(t *testing.T) {
	anchors := []Anchor{{"heart atrium on the left", "U:4", true}, {"LA", "U:4", false}, {"left atrium", "U:4", true}}
	s, report, err := choose(source(), small(), anchors, 6)
	if err != nil {
		t.Fatal(err)
	}
	// Certain: left atrium, heart, body (its embryonic parent is skipped), scar.
	// By evidence: liver (7), then spleen before toe (4 each, by id).
	want := &graph.Snapshot{
		Terms: []graph.Term{
			{ID: "SATG:1", Name: "scar", Kind: graph.KindFinding},
			term("U:1", "body"),
			{ID: "U:3", Name: "heart", Kind: graph.KindAnatomy, Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}}},
			{ID: "U:4", Name: "left atrium", Kind: graph.KindAnatomy, Laterality: graph.Left, Synonyms: []graph.Synonym{{Text: "LA", Scope: graph.ScopeRelated}, {Text: "heart atrium on the left", Scope: graph.ScopeExact}}},
			term("U:5", "liver", "FMA:1", "SCTID:1"), term("U:6", "spleen", "FMA:2"),
		},
		Relations: rels("SATG:1 located_in U:4", "U:3 part_of U:1", "U:4 part_of U:3", "U:5 part_of U:1", "U:6 part_of U:1"),
	}
	for i := range s.Terms {
		if len(s.Terms[i].Synonyms) == 0 {
			s.Terms[i].Synonyms = nil
		}
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v\nwant %+v", s, want)
	}
	if got := (Report{Source: 9, Project: 1, Barred: 2, Required: 4, Evidence: 2, Lowest: 4}); *report != got {
		t.Errorf("got %+v, want %+v", *report, got)
	}
}

func TestChooseRefuses(t *testing.T) {
	anchor := []Anchor{{"left atrium", "U:4", true}}
	tests := []struct {
		name    string
		change  func(src *Source, tables *tables)
		anchors []Anchor
		size    int
		want    error
	}{
		{"fewer than required", nil, anchor, 3, ErrSize},
		{"more than there is evidence for", nil, anchor, 9, ErrSize},
		{"an unknown class term", nil, []Anchor{{"x", "U:99", true}}, 6, ErrTable},
		{"a barred class term", nil, []Anchor{{"x", "U:8", true}}, 6, ErrTable},
		{"barring the unknown", func(_ *Source, t *tables) { t.barred["U:99"] = true }, anchor, 6, ErrTable},
		{"removing what is not there", func(_ *Source, t *tables) { t.removed = rels("U:1 is_a U:5") }, anchor, 6, ErrTable},
		{"naming the unknown", func(_ *Source, t *tables) { t.synonyms["U:99"] = []graph.Synonym{{Text: "x"}} }, anchor, 6, ErrTable},
		{"unnaming what is not so named", func(_ *Source, t *tables) {
			t.unnamed = map[string][]graph.Synonym{"U:3": {{Text: "x", Scope: graph.ScopeExact}}}
		}, anchor, 6, ErrTable},
		{"an id twice", func(s *Source, _ *tables) { s.Terms = append(s.Terms, s.Terms[0]) }, anchor, 6, graph.ErrDuplicateTerm},
		{"a project id of the source", func(_ *Source, t *tables) { t.terms[0].ID = "U:1" }, anchor, 6, graph.ErrDuplicateTerm},
		{"a relation to nobody", func(s *Source, _ *tables) { s.Relations = append(s.Relations, rel("U:1 is_a U:99")) }, anchor, 6, graph.ErrUnknownTerm},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src, tables := source(), small()
			if test.change != nil {
				test.change(&src, tables)
			}
			if _, _, err := choose(src, tables, test.anchors, test.size); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	src := source()
	src.Relations = append(src.Relations, rel("U:1 is_a U:4"))
	var cycle *graph.CycleError
	if _, _, err := choose(src, small(), anchor, 6); !errors.As(err, &cycle) {
		t.Errorf("got %v, want a cycle", err)
	}
}

func TestChooseHeedsNoOrder(t *testing.T) {
	anchors := []Anchor{{"left atrium", "U:4", true}, {"LA", "U:4", false}}
	first, _, err := choose(source(), small(), anchors, 7)
	if err != nil {
		t.Fatal(err)
	}
	src := source()
	slices.Reverse(src.Terms)
	slices.Reverse(src.Relations)
	slices.Reverse(anchors)
	second, _, err := choose(src, small(), anchors, 7)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("got %+v\nthen %+v", first, second)
	}
}
