package builtin_test

import (
	"slices"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/graph/treefile"
)

func tree(t testing.TB) *graph.Tree {
	t.Helper()
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree() // checks that it has no cycle
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSize(t *testing.T) {
	tree := tree(t)
	if tree.Len() != 6502 {
		t.Errorf("%d terms, want 6502", tree.Len())
	}
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if revision, err := treefile.Revision(s); err != nil || revision != tree.Revision() {
		t.Errorf("revision %q, content %q (%v)", tree.Revision(), revision, err)
	}
}

// names returns the names of ids, sorted.
func names(t testing.TB, tree *graph.Tree, ids []string) []string {
	t.Helper()
	var out []string
	for _, id := range ids {
		term, ok := tree.Term(id)
		if !ok {
			t.Fatalf("no term %s", id)
		}
		out = append(out, term.Name)
	}
	slices.Sort(out)
	return out
}

const heart = "UBERON:0000948"

// TestChildrenOfHeart pins the list that the program's first question gives,
// as a cardiologist reads it: no great vessels, nothing embryonic, no
// pericardium but its visceral layer.
func TestChildrenOfHeart(t *testing.T) {
	tree := tree(t)
	want := []string{
		"aortic valve", "apex of heart", "basal zone of heart", "cardiac atrium", "cardiac chamber", "cardiac septum",
		"cardiac skeleton", "cardiac valve", "cardiac ventricle", "conducting system of heart",
		"coronary artery", "endocardium", "epicardium", "heart left ventricle", "heart right ventricle", "heart tissue",
		"heart vasculature", "interatrial septum", "interventricular septum", "left cardiac atrium", "left cardiac chamber",
		"left coronary artery", "mitral valve", "myocardium", "pulmonary valve", "right cardiac atrium", "right cardiac chamber",
		"right coronary artery", "tricuspid valve",
	}
	if got := names(t, tree, tree.Children(heart)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestPlaces holds pairs of terms, by id or name, against anatomy.
func TestPlaces(t *testing.T) {
	tree := tree(t)
	only := func(text string) string {
		t.Helper()
		best := graph.Best(tree.Lookup(text))
		if len(best) != 1 {
			t.Fatalf("%q names %v", text, best)
		}
		return best[0].ID
	}
	for _, under := range [][2]string{
		{"left heart ventricle", "heart"},
		{"right atrium", "heart"},
		{"myocardium", "heart"},
		{"left auricle of heart", "heart"},
		{"left auricle of heart", "left cardiac atrium"},
		{"myocardial scar", "heart"},
		{"mitral valve", "cardiac valve"},
		{"aortic valve", "cardiac valve"},
		{"heart", "mediastinum"},
		{"heart", "thoracic cavity"},
		{"heart", "trunk"},
		{"left lung lower lobe", "left lung"},
		{"right lung middle lobe", "right lung"},
		{"left lung", "lung"},
		{"lung", "thoracic cavity"},
		{"left rib 3", "left rib"},
		{"left rib 3", "rib 3"},
		{"left rib", "rib"},
		{"rib", "rib cage"},
		{"costal cartilage", "rib cage"},
		{"cervical vertebra 1", "cervical vertebra"},
		{"cervical vertebra 2", "cervical vertebra"},
		{"thoracic vertebra 12", "thoracic vertebra"},
		{"L6 vertebra", "lumbar vertebra"},
		{"sacral vertebra 1", "sacrum"},
		{"lumbar vertebra", "vertebra"},
		{"vertebra", "vertebral column"},
		{"left kidney", "kidney"},
		{"left renal pelvis", "left kidney"},
		{"left kidney cyst", "left kidney"},
		{"kidney tumor", "kidney"},
		{"stomach", "digestive tract"},
		{"colon", "digestive tract"},
		{"duodenum", "small bowel"},
		{"esophagus", "digestive tract"},
		{"caudate lobe", "liver"},
		{"left lateral superior segment of liver", "left lobe of liver"},
		{"spleen", "abdomen"},
		{"liver", "abdomen"},
		{"head of left femur", "left femur"},
		{"left hip", "hip bone"},
		{"ascending aorta", "aorta"},
		{"left pulmonary artery", "pulmonary artery"},
		{"left thyroid", "thyroid gland"},
		{"pleural effusion", "pleural cavity"},
		{"left insula posterior long gyrus", "left insula"},
	} {
		if !tree.IsDescendant(only(under[0]), only(under[1])) {
			t.Errorf("%q is not under %q", under[0], under[1])
		}
	}
	for _, apart := range [][2]string{
		{"aorta", "heart"},
		{"ascending aorta", "heart"},
		{"pulmonary artery", "heart"},
		{"pulmonary trunk", "heart"},
		{"pulmonary vein", "heart"},
		{"superior vena cava", "heart"},
		{"pericardium", "heart"},
		{"lung", "heart"},
		{"costal cartilage", "rib"},
		{"rib", "appendicular skeleton"},
		{"caudate lobe", "right lobe of liver"},
		{"pleural effusion", "lung"},
	} {
		if tree.IsDescendant(only(apart[0]), only(apart[1])) {
			t.Errorf("%q is under %q", apart[0], apart[1])
		}
	}
}

func TestNoSidedTermLiesUnderTheOtherSide(t *testing.T) {
	tree := tree(t)
	sided := 0
	for _, term := range tree.Terms() {
		if term.Laterality == graph.Unsided {
			continue
		}
		sided++
		for _, id := range tree.Ancestors(term.ID) {
			if above, _ := tree.Term(id); above.Laterality == term.Laterality.Opposite() {
				t.Errorf("%s (%s) lies under %s (%s)", term.Name, term.ID, above.Name, above.ID)
			}
		}
	}
	if sided < 300 {
		t.Errorf("only %d sided terms", sided)
	}
}

func TestProjectTerms(t *testing.T) {
	tree := tree(t)
	for _, term := range tree.Terms() {
		if len(tree.Parents(term.ID, graph.LocatedIn)) > 0 && term.Kind != graph.KindFinding {
			t.Errorf("%s is located_in something and no finding", term.Name)
		}
		if term.Kind == graph.KindFinding {
			for _, p := range tree.Parents(term.ID, graph.IsA, graph.PartOf) {
				if parent, _ := tree.Term(p); parent.Kind != graph.KindFinding {
					t.Errorf("the finding %s is tied to %s by more than its place", term.Name, parent.Name)
				}
			}
			if !slices.ContainsFunc(append(tree.Ancestors(term.ID), term.ID), func(id string) bool { return len(tree.Parents(id, graph.LocatedIn)) > 0 }) {
				t.Errorf("the finding %s has no site", term.Name)
			}
		}
		if !strings.HasPrefix(term.ID, "SATG:") {
			continue
		}
		if len(tree.Parents(term.ID)) == 0 {
			t.Errorf("%s has no parent", term.Name)
		}
		if best := graph.Best(tree.Lookup(term.Name)); len(best) != 1 || best[0].ID != term.ID {
			t.Errorf("%q names %v, not only %s", term.Name, best, term.ID)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for b.Loop() {
		s, err := builtin.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Tree(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstLookup and BenchmarkFirstSearch include the indexes that the
// first call builds.
func BenchmarkFirstLookup(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		tree := tree(b)
		b.StartTimer()
		tree.Lookup("left ventricle of heart")
	}
}

func BenchmarkFirstSearch(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		tree := tree(b)
		b.StartTimer()
		tree.Search("left ventr", 10)
	}
}

func TestRevisionIsTheSnapshots(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := builtin.Revision(); err != nil || got != s.Revision {
		t.Errorf("revision %s, %v; the snapshot's is %s", got, err, s.Revision)
	}
}
