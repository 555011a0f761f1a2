package catalog_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/graph/build"
	"satgraph/graph/builtin"
	"satgraph/graph/treefile"
	"satgraph/ingest"
	"satgraph/internal/sharedtest"
)

func classes(t *testing.T) []catalog.Class {
	t.Helper()
	c, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tree(t *testing.T) *graph.Tree {
	t.Helper()
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestCounts(t *testing.T) {
	pairs := map[catalog.Modality]int{}
	names := map[string]bool{}
	abnormal := 0
	for _, c := range classes(t) {
		pairs[c.Modality]++
		names[c.Name] = true
		if c.Abnormal {
			abnormal++
		}
	}
	if pairs[catalog.CT] != 306 || pairs[catalog.MRI] != 189 || pairs[catalog.PET] != 3 || len(names) != 451 || abnormal != 24 {
		t.Errorf("got %v pairs, %d names, %d abnormal; want 306, 189 and 3 pairs, 451 names, 24 abnormal", pairs, len(names), abnormal)
	}
}

func TestEveryTermIsInTheTree(t *testing.T) {
	tree := tree(t)
	anchor := map[string]catalog.Class{}
	for _, c := range classes(t) {
		term, ok := tree.Term(c.TermID)
		if !ok {
			t.Errorf("%s %q: %s is not in the tree", c.Modality, c.Name, c.TermID)
			continue
		}
		if c.Abnormal != (term.Kind == graph.KindFinding) && !slices.Contains(findingsCountedNormal, c.Name) {
			t.Errorf("%q: abnormal %v, but %s is of kind %s", c.Name, c.Abnormal, term.Name, term.Kind)
		}
		if c.TermName != term.Name {
			t.Errorf("%q: the table calls %s %q, the tree %q", c.Name, c.TermID, c.TermName, term.Name)
		}
		if c.Reason == "" && plainWords(c.Name) != plainWords(term.Name) {
			t.Errorf("%q stands for %q and gives no reason", c.Name, term.Name)
		}
		if side := graph.SideOf(c.Name); side != term.Laterality {
			t.Errorf("%q: side %q, but %s has %q", c.Name, side, term.Name, term.Laterality)
		}
		if first, ok := anchor[c.Name]; ok && (first.TermID != c.TermID || first.Predicate != c.Predicate) {
			t.Errorf("%q: another term or predicate in %s than in %s", c.Name, c.Modality, first.Modality)
		}
		anchor[c.Name] = c
		if matches := tree.Lookup(c.Name); !slices.ContainsFunc(matches, func(m graph.Match) bool { return m.ID == c.TermID }) {
			t.Errorf("%q: %s is not known by that name", c.Name, c.TermID)
		}
	}
}

// plainWords is a name without regard to number, order and spelling.
func plainWords(name string) string {
	words := strings.Fields(graph.Normalize(name))
	slices.Sort(words)
	return strings.Join(words, " ")
}

// findingsCountedNormal are findings that the corpus does not list among its
// abnormalities.
var findingsCountedNormal = []string{"left kidney cyst", "right kidney cyst", "white matter hyperintensities"}

// TestNamesFindTheirTerms: a class name asked of the tree gives the class's
// term and nothing as good. The exception is the trap "hip".
func TestNamesFindTheirTerms(t *testing.T) {
	tree := tree(t)
	for _, c := range classes(t) {
		best := graph.Best(tree.Lookup(c.Name))
		if c.Name == "hip" {
			if len(best) != 1 || best[0].ID != "UBERON:0001464" {
				t.Errorf("hip: got %v, want the region", best)
			}
			continue
		}
		if len(best) != 1 || best[0].ID != c.TermID {
			t.Errorf("%q: got %v, want %s", c.Name, best, c.TermID)
		}
	}
}

func TestTraps(t *testing.T) {
	want := map[string]string{
		"heart ascending aorta": "UBERON:0001496", "hip": "UBERON:0001272", "bronchie": "UBERON:0002185", "vertebrae": "UBERON:0002412",
		"iliac vena": "UBERON:0005610", "rib cartilage": "UBERON:0002236", "small bowel": "UBERON:0002108", "thyroid": "UBERON:0002046",
		"spinal canal": "UBERON:0006692", "cervical vertebrae 1 (c1)": "UBERON:0001092", "autochthon": "UBERON:0002462",
		"left heart ventricle": "UBERON:0002084", "left auricle of heart": "UBERON:0006630", "skin": "UBERON:0002097",
		"right lung middle lobe": "UBERON:0002174", "left medial segment of liver": "UBERON:0006728", "eustachian tube bone": "UBERON:0007355",
		"uterocervix": "UBERON:0000002", "uterus": "UBERON:0000995", "pulmonary artery": "UBERON:0002012", "celiac trunk": "UBERON:0006637",
	}
	seen := 0
	for _, c := range classes(t) {
		if id, ok := want[c.Name]; ok && c.Modality == catalog.CT {
			seen++
			if c.TermID != id {
				t.Errorf("%q: got %s, want %s", c.Name, c.TermID, id)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("only %d of %d traps are classes", seen, len(want))
	}
}

// TestPairsAreTheCorpus holds the table against the facts about SAT-DS.
func TestPairsAreTheCorpus(t *testing.T) {
	data, err := os.ReadFile(sharedtest.Path(t, "facts/sat-ds/classes.json"))
	if err != nil {
		t.Fatal(err)
	}
	type pair struct {
		Name     string
		Modality catalog.Modality
		Region   string
		Abnormal bool
	}
	var want []pair
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	facts := map[pair]bool{}
	for _, p := range want {
		facts[p] = true
	}
	got := classes(t)
	for _, c := range got {
		if p := (pair{c.Name, c.Modality, c.Region, c.Abnormal}); !facts[p] {
			t.Errorf("%+v is not of the corpus", p)
		} else {
			delete(facts, p)
		}
	}
	if len(got) != 498 || len(facts) > 0 {
		t.Errorf("%d pairs, missing %v", len(got), facts)
	}
}

// TestRebuild makes the builtin tree again, to the byte.
func TestRebuild(t *testing.T) {
	source, err := ingest.ReadUberonTSV(sharedtest.Path(t, "facts/uberon-terms.tsv.gz"), ingest.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var anchors []build.Anchor
	for _, c := range classes(t) {
		anchors = append(anchors, build.Anchor{Name: c.Name, TermID: c.TermID, Exact: c.Predicate == catalog.Exact})
	}
	s, report, err := build.Build(build.Source{Terms: source.Terms, Relations: source.Relations}, anchors, build.Size)
	if err != nil {
		t.Fatal(err)
	}
	if report.Required+report.Evidence != 6502 || report.Source != 11285 {
		t.Errorf("got %+v", *report)
	}
	path := filepath.Join(t.TempDir(), "tree.tsv.gz")
	if err := treefile.WriteFile(path, s); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, builtin.Bytes()) {
		t.Error(`the builtin tree differs from what its rule makes: run "satgraph tree build"`)
	}
}
