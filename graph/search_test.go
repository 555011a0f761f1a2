package graph_test

import (
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
)

// ward is a small tree with what the rules of Search need.
func ward(t *testing.T) *graph.Tree {
	t.Helper()
	return named(t,
		anatomy("K", "kidney"), anatomy("KL", "left kidney"), anatomy("KR", "right kidney"),
		with(anatomy("R", "rib 3"), graph.ScopeExact, "third rib"), anatomy("RL", "left rib 3"), anatomy("R4", "left rib 4"),
		anatomy("L", "liver"), anatomy("LL", "left lobe of liver"),
		with(anatomy("G", "gall bladder"), graph.ScopeExact, "gallbladder"), anatomy("B", "urinary bladder"),
		with(anatomy("V", "heart left ventricle"), graph.ScopeExact, "left ventricle of heart"),
		with(anatomy("T12", "thoracic vertebra 12"), graph.ScopeExact, "T12 vertebra"), anatomy("T11", "thoracic vertebra 11"),
		with(anatomy("D", "intervertebral disk T12-L1"), graph.ScopeExact, "T12-L1 disc"),
		anatomy("A", "renal artery"), anatomy("M", "gluteus maximus"), anatomy("F", "hair follicle"), anatomy("S", "skin"),
		anatomy("X", "left lobe of right lung"), anatomy("Y", "right lobe of left lung"),
	)
}

func TestSearchRules(t *testing.T) {
	tree := ward(t)
	tests := []struct {
		text   string
		first  string // "" for no hit at all
		reason string // in the reasons of the first hit
	}{
		{"K", "K", "its id"},
		{"left kidney", "KL", "its name"},
		{"lt kidney", "KL", `"lt" says left`},
		{"kidney (R)", "KR", `"r" says right`},
		{"KidneyLeft", "KL", "its name"},
		{"ren sinister", "KL", `"ren" is Latin for "kidney"`},
		{"lef kidny", "KL", `"kidny" is taken for "kidney", one letter off`},
		{"both kidneys", "K", "the term without side"},
		{"left and right kidney", "K", "its name"},
		{"left gallbladder", "G", "this one has no side"},
		{"3rd rib left", "RL", "its name"},
		{"rib 3 left", "RL", "its name"},
		{"left rib 5", "", ""}, // no number is taken for another
		{"gal bladder", "G", "written as one word"},
		{"LV", "V", `"LV" stands for "left ventricle of heart"`},
		{"right LV", "", ""},
		{"Th12", "T12", `"TH12" is the thoracic vertebra 12`},
		{"T13", "", ""},
		{"T12/L1", "D", `the disc between T12 and L1`},
		{"T11-L1", "", ""},
		{"arteria renalis", "A", "Latin"},
		{"kidney artery", "A", "forms of one word"},
		{"gluteus maximus muscle", "M", `leaving out "muscle"`},
		{"maximus gluteus", "M", "another order"},
		{"glut", "M", `"glut" begins "gluteus"`},
		{"chair", "", ""},
		{"car", "", ""},
		{"left banana", "", ""},
		{"right lung left lobe", "X", "its name"},
		{"lobe left of right lung", "X", "its name"},
		{"of the", "", ""},
		{"?!", "", ""},
		{"", "", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			hits := tree.Search(test.text, 5)
			if test.first == "" {
				if len(hits) > 0 {
					t.Errorf("got %v, want nothing", hits)
				}
				return
			}
			if len(hits) == 0 || hits[0].ID != test.first {
				t.Fatalf("got %v, want %s first", hits, test.first)
			}
			if !strings.Contains(strings.Join(hits[0].Reasons, "; "), test.reason) {
				t.Errorf("reasons %q, want %q among them", hits[0].Reasons, test.reason)
			}
		})
	}
}

func TestSearchIsDeterministic(t *testing.T) {
	for _, text := range []string{"bladder", "left", "lobe", "vertebra", "kidny"} {
		first := ward(t).Search(text, 10)
		for range 5 {
			again := ward(t).Search(text, 10)
			if !slices.EqualFunc(first, again, func(a, b graph.Hit) bool {
				return a.ID == b.ID && a.Score == b.Score && slices.Equal(a.Reasons, b.Reasons)
			}) {
				t.Fatalf("%q: %v, then %v", text, first, again)
			}
		}
	}
}

// A short list is the beginning of a long one.
func TestSearchLimit(t *testing.T) {
	tree := ward(t)
	for _, text := range []string{"lobe", "left", "vertebra", "kidney"} {
		all := tree.Search(text, 100)
		for n := 1; n <= len(all); n++ {
			for i, h := range tree.Search(text, n) {
				if h.ID != all[i].ID {
					t.Errorf("%q: hit %d of %d is %s, of all it is %s", text, i, n, h.ID, all[i].ID)
				}
			}
		}
	}
}

func FuzzSearch(f *testing.F) {
	tree, err := graph.NewTree("", []graph.Term{anatomy("K", "left kidney"), anatomy("H", "heart of T12-L1"), anatomy("N", "cranial nerve VII")}, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"left kidny", "L5S1 L5 S1 l r", "LV RV", strings.Repeat("l r both ", 30), "\xff\x00é", "vii iv x nd 4 th", strings.Repeat("a", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range tree.Search(text, 3) {
			if h.Score <= 0 || h.Score > 1 || len(h.Reasons) == 0 || h.Text == "" {
				t.Errorf("%q: bad hit %+v", text, h)
			}
		}
	})
}
