package builtin_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"satgraph/graph"
)

// TestAnatomy holds the tree against the facts of testdata/anatomy.txt.
func TestAnatomy(t *testing.T) {
	tree := tree(t)
	data, err := os.ReadFile("testdata/anatomy.txt")
	if err != nil {
		t.Fatal(err)
	}
	relations := map[string][]graph.RelationType{
		"under": nil, "not under": nil, "part of": {graph.PartOf}, "kind of": {graph.IsA},
		"located in": {graph.LocatedIn}, "not part of": {graph.IsA, graph.PartOf},
	}
	facts := 0
	for n, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, " | ")
		if len(f) != 3 {
			t.Fatalf("line %d: %q", n+1, line)
		}
		types, ok := relations[f[1]]
		if !ok {
			t.Fatalf("line %d: relation %q", n+1, f[1])
		}
		for lower := range strings.SplitSeq(f[0], "; ") {
			for upper := range strings.SplitSeq(f[2], "; ") {
				facts++
				if got := tree.IsDescendant(called(t, tree, lower), called(t, tree, upper), types...); got == strings.HasPrefix(f[1], "not") {
					t.Errorf("line %d: %s %s %s: the tree says otherwise", n+1, lower, f[1], upper)
				}
			}
		}
	}
	if facts < 1000 {
		t.Errorf("only %d facts", facts)
	}
}

// TestNoTwoTermsLieUnderEachOther walks relations of all types together, as a
// loop may mix them.
func TestNoTwoTermsLieUnderEachOther(t *testing.T) {
	tree := tree(t)
	above := map[[2]string]bool{}
	for _, term := range tree.Terms() {
		for _, a := range tree.Ancestors(term.ID) {
			if above[[2]string{term.ID, a}] = true; above[[2]string{a, term.ID}] {
				t.Errorf("%s and %s lie under each other", term.ID, a)
			}
		}
	}
	if head, brain := called(t, tree, "head"), called(t, tree, "brain"); !above[[2]string{brain, head}] || above[[2]string{head, brain}] {
		t.Error("the brain lies in the head, and the head in no brain")
	}
	if len(above) < len(tree.Terms()) {
		t.Errorf("only %d pairs", len(above))
	}
}

// called returns the id of the one term that a name means.
func called(t *testing.T, tree *graph.Tree, name string) string {
	t.Helper()
	best := graph.Best(tree.Lookup(name))
	if len(best) != 1 {
		t.Fatalf("%q names %v", name, best)
	}
	return best[0].ID
}

// TestNothingButMan looks for embryonic structures and animals' parts.
func TestNothingButMan(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)\b(embryo(nic)?|primordium|placode|somite|notochord|blastocyst|blastula|cloaca(l)?|gill|fin|feather|wing|` +
		`beak|udder|hoof|antler|horn of (bovid|animal)|whisker|vibrissa|snout|tusk|pastern|sternebra|caudal vertebra|trophoblast|yolk|` +
		`pronephr(os|ic)|mesonephr(os|ic)|pharyngeal (arch|pouch)|baculum|os penis|cheek pouch|dewlap|anal sac|murine|chordate|tetrapod|mammalian)\b`)
	tree := tree(t)
	for _, term := range tree.Terms() {
		if foreign.MatchString(term.Name) {
			t.Errorf("%s (%s)", term.Name, term.ID)
		}
	}
}

// TestSides: every sided term has a mirror of the other side, whose mirror it is,
// and the two have one base; where not, package build's unpaired.tsv says why.
func TestSides(t *testing.T) {
	tree := tree(t)
	unpaired := map[string]bool{}
	data, err := os.ReadFile("../build/tables/unpaired.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(data)) {
		f := strings.Split(row, "\t")
		unpaired[f[2]+" "+f[0]] = true
	}
	paired := 0
	for _, term := range tree.Terms() {
		if term.Laterality == graph.Unsided {
			if other, ok := tree.Counterpart(term.ID); ok {
				t.Errorf("%s has no side and the counterpart %s", term.Name, other)
			}
			continue
		}
		other, ok := tree.Counterpart(term.ID)
		switch {
		case ok == unpaired["mirror "+term.ID]:
			t.Errorf("%s (%s): counterpart %q, yet unpaired.tsv says %v", term.Name, term.ID, other, !ok)
		case ok:
			paired++
			if back, _ := tree.Counterpart(other); back != term.ID {
				t.Errorf("%s: its counterpart's counterpart is %s", term.Name, back)
			}
			base, _ := tree.Base(term.ID)
			if otherBase, _ := tree.Base(other); base != otherBase {
				t.Errorf("%s has the base %q, its counterpart %q", term.Name, base, otherBase)
			}
		}
		if base, ok := tree.Base(term.ID); !ok && !unpaired["base "+term.ID] {
			t.Errorf("%s (%s) has no base", term.Name, term.ID)
		} else if ok && term.Kind != graph.KindFinding && !tree.IsDescendant(term.ID, base) {
			t.Errorf("%s does not lie under its base %s", term.Name, base)
		}
	}
	if paired < 750 {
		t.Errorf("only %d sided terms have a counterpart", paired)
	}
}
