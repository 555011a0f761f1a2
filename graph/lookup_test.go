package graph_test

import (
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

func TestNormalize(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Left Kidney", "left kidney"},
		{"kidney, left", "left kidney"},
		{"kidneys_left", "left kidney"},
		{"left-kidney", "left kidney"},
		{"  kidney   (left) ", "left kidney"},
		{"heart left ventricle", "left heart ventricle"},
		{"left ventricle of heart", "left heart ventricle"},
		{"left ventricle of the heart", "left heart ventricle"},
		{"upper lobe of left lung", "left lung upper lobe"},
		{"head of left femur", "left femur head"},
		{"body of the tail of pancreas", "pancrea tail body"},
		{"left lobe of right lung", "right lung left lobe"}, // two sides keep their places
		{"vertebrae", "vertebra"},
		{"atria", "atrium"},
		{"basal ganglia", "basal ganglion"},
		{"arteries", "artery"},
		{"processes", "process"},
		{"bronchi", "bronchus"},
		{"oesophagus", "esophagus"},
		{"grey matter", "gray matter"},
		{"kidney tumour", "kidney tumor"},
		{"intervertebral disks", "intervertebral disc"},
		{"Bowman's capsule", "bowman capsule"},
		{"cervical vertebrae 1 (C1)", "cervical vertebra 1 c1"},
		{"Purkinje-Faser für Ä", "purkinje faser fur a"},
		{"third ventricle", "3 ventricle"},
		{"3rd Ventricle", "3 ventricle"},
		{"costa IX", "costa 9"},
		{"liver segment V", "liver segment 5"},
		{"liver segment IVa", "liver segment 4a"},
		{"CN I", "cn 1"},
		{"V line", "v line"}, // nothing that is counted
		{"4 th digit", "4 digit"},
		{"vertebra 07", "vertebra 7"},
		{"area 17", "area 17"},
		{"atrium sinistrum", "left atrium"},
		{"Œsophagus, rétro", "esophagus retro"},
		{"haemorrhage", "hemorrhage"},
		{"caecum", "cecum"},
		{"foramina", "foramen"},
		{"cortices", "cortex"},
		{"phalanges", "phalanx"},
		{"nuclei", "nucleus"},
		{"diaphyses", "diaphysis"},
		{"of", "of"},
		{"the", "the"},
		{"", ""},
		{" -- ", ""},
	}
	for _, test := range tests {
		if got := graph.Normalize(test.text); got != test.want {
			t.Errorf("Normalize(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestSideOf(t *testing.T) {
	tests := []struct {
		name string
		want graph.Laterality
	}{
		{"kidney", graph.Unsided},
		{"left kidney", graph.Left},
		{"heart right ventricle", graph.Right},
		{"lobar bronchus of left lung", graph.Left},
		{"cleft of left and right side", graph.Unsided},
		{"cleft palate", graph.Unsided},
	}
	for _, test := range tests {
		if got := graph.SideOf(test.name); got != test.want {
			t.Errorf("SideOf(%q) = %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add("left lobe of the right lung, (upper)")
	f.Add("of, of the of")
	f.Add("\xff left")
	f.Fuzz(func(t *testing.T, text string) {
		key := graph.Normalize(text)
		if strings.TrimSpace(key) != key || strings.Contains(key, "  ") {
			t.Errorf("Normalize(%q) = %q is not tidy", text, key)
		}
		upper, lower := strings.ToUpper(text), strings.ToLower(text) // not for letters that case does not bring back
		if strings.ToLower(upper) == lower && graph.Normalize(upper) != key {
			t.Errorf("Normalize(%q) heeds case", text)
		}
	})
}

// named makes a tree of terms without relations.
func named(t *testing.T, terms ...graph.Term) *graph.Tree {
	t.Helper()
	tree, err := graph.NewTree("", terms, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func with(term graph.Term, scope graph.Scope, texts ...string) graph.Term {
	for _, s := range texts {
		term.Synonyms = append(term.Synonyms, graph.Synonym{Text: s, Scope: scope})
	}
	return term
}

func TestLookup(t *testing.T) {
	tree := named(t,
		with(anatomy("A:1", "basal ganglion"), graph.ScopeRelated, "grey lump"),
		with(anatomy("A:2", "collection of basal ganglia"), graph.ScopeExact, "basal ganglia", "grey lump"),
		with(anatomy("A:3", "left lung upper lobe"), graph.ScopeExact, "upper lobe of left lung"),
		with(anatomy("A:4", "sternum"), graph.ScopeExact, "breastbone"),
		with(anatomy("A:5", "plate"), graph.ScopeExact, "breastbone"),
		anatomy("A:6", "breast bone"),
	)
	tests := []struct {
		text string
		best []string // ids of the equally good best matches
		how  graph.How
		all  int
	}{
		{"A:4", []string{"A:4"}, graph.ByID, 1},
		{"a:4", []string{"A:4"}, graph.ByID, 1},
		{"Sternum", []string{"A:4"}, graph.ByName, 1},
		{"upper lobe of the left lung", []string{"A:3"}, graph.ByName, 1},
		{"basal ganglia", []string{"A:2"}, graph.ByExactSynonym, 2}, // as spelt, before the normalised name
		{"basal_ganglia", []string{"A:1"}, graph.ByName, 2},
		{"breastbone", []string{"A:4", "A:5"}, graph.ByExactSynonym, 2}, // ambiguous
		{"gray lump", []string{"A:2"}, graph.ByExactSynonym, 2},
		{"nothing", nil, 0, 0},
		{"  ", nil, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			all := tree.Lookup(test.text)
			if len(all) != test.all {
				t.Errorf("%d matches %v, want %d", len(all), all, test.all)
			}
			best := graph.Best(all)
			var ids []string
			for _, m := range best {
				ids = append(ids, m.ID)
				if m.How != test.how {
					t.Errorf("%s matched by %s, want %s", m.ID, m.How, test.how)
				}
			}
			if !slices.Equal(ids, test.best) {
				t.Errorf("best %v, want %v", ids, test.best)
			}
		})
	}
}

func TestHowString(t *testing.T) {
	for how, want := range map[graph.How]string{
		graph.ByID: "id", graph.ByName: "name", graph.ByExactSynonym: "exact synonym", graph.ByOtherSynonym: "other synonym",
	} {
		if how.String() != want {
			t.Errorf("got %q, want %q", how, want)
		}
	}
}

func TestCounterpartAndBase(t *testing.T) {
	tree, err := graph.NewTree("", []graph.Term{
		anatomy("K", "kidney"), anatomy("KL", "left kidney"), anatomy("KR", "right kidney"),
		with(anatomy("V", "cardiac ventricle"), graph.ScopeExact, "heart ventricle"), anatomy("VL", "heart left ventricle"), anatomy("VR", "heart right ventricle"),
		anatomy("L", "lingula of left lung"),
		anatomy("BL", "left bud"), anatomy("B1", "right bud"), anatomy("B2", "bud, right"), // two candidates: none
	}, []graph.Relation{
		{Child: "KL", Parent: "K", Type: graph.IsA},
		{Child: "KR", Parent: "K", Type: graph.IsA},
		{Child: "VL", Parent: "V", Type: graph.IsA},
		{Child: "VR", Parent: "V", Type: graph.IsA},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ id, counterpart, base string }{
		{"KL", "KR", "K"}, {"KR", "KL", "K"}, {"VL", "VR", "V"}, {"K", "", ""}, {"L", "", ""}, {"BL", "", ""}, {"X", "", ""},
	}
	for _, test := range tests {
		if got, ok := tree.Counterpart(test.id); got != test.counterpart || ok != (test.counterpart != "") {
			t.Errorf("Counterpart(%s) = %q, %v; want %q", test.id, got, ok, test.counterpart)
		}
		if got, ok := tree.Base(test.id); got != test.base || ok != (test.base != "") {
			t.Errorf("Base(%s) = %q, %v; want %q", test.id, got, ok, test.base)
		}
	}
}

func TestSearch(t *testing.T) {
	tree := named(t,
		anatomy("A:1", "heart"),
		anatomy("A:2", "heart left ventricle"),
		with(anatomy("A:3", "cardiac ventricle"), graph.ScopeExact, "ventricle of heart"),
		anatomy("A:4", "brain ventricle"),
		with(anatomy("A:5", "venter"), graph.ScopeRelated, "heart of the matter"),
	)
	tests := []struct {
		text  string
		limit int
		want  []string
	}{
		{"heart", 10, []string{"A:1", "A:3", "A:5", "A:2"}}, // itself; two words, by synonyms of both scopes; three words
		{"vent", 10, []string{"A:5", "A:3", "A:4", "A:2"}},  // A:3 and A:4 alike: A:3 has more names
		{"heart vent", 10, []string{"A:3", "A:2"}},
		{"ventricle of heart", 10, []string{"A:3", "A:2"}},
		{"heart", 2, []string{"A:1", "A:3"}},
		{"A:4", 10, []string{"A:4"}},
		{"zzz", 10, nil},
		{"zzz heart", 10, nil},
		{"", 10, nil},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			var got []string
			last := 2.0
			for _, h := range tree.Search(test.text, test.limit) {
				got = append(got, h.ID)
				if h.Score <= 0 || h.Score > 1 || h.Score > last {
					t.Errorf("%s: score %v after %v", h.ID, h.Score, last)
				}
				last = h.Score
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
