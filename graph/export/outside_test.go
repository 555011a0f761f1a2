package export_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/graph/export"
	"satgraph/internal/tooltest"
)

// TestOutsideTools has fastobo, pronto, networkx and rdflib read the whole tree.
func TestOutsideTools(t *testing.T) {
	python := tooltest.Get(t.Context(), t, "../../scripts/python-tools.sh", "graph-tools")
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, format := range export.Formats() {
		f, err := os.Create(filepath.Join(dir, "tree."+string(format)))
		if err != nil {
			t.Fatal(err)
		}
		if err := export.Write(f, tree, format); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/read_exports.py", dir)
	var report strings.Builder
	cmd.Stderr = &report
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, report.String())
	}
	type found struct {
		Terms, Synonyms, Faults int
		IsA                     int `json:"is_a"`
		PartOf                  int `json:"part_of"`
		LocatedIn               int `json:"located_in"`
		Acyclic                 bool
		Names                   map[string]string
	}
	var tools struct{ Fastobo, Pronto, Networkx, Rdflib found }
	if err := json.Unmarshal(b, &tools); err != nil {
		t.Fatal(err)
	}
	synonyms, names := 0, map[string]string{}
	for _, term := range tree.Terms() {
		synonyms += len(term.Synonyms)
		names[term.ID] = term.Name
	}
	if tools.Fastobo.Terms != tree.Len() || tools.Pronto.Synonyms != synonyms || !tools.Networkx.Acyclic || tools.Rdflib.Faults != 0 {
		t.Errorf("fastobo found %d terms, want %d; pronto %d synonyms, want %d; networkx acyclic %t; rdflib %d faults",
			tools.Fastobo.Terms, tree.Len(), tools.Pronto.Synonyms, synonyms, tools.Networkx.Acyclic, tools.Rdflib.Faults)
	}
	want := tree.Stats()
	for tool, got := range map[string]found{"pronto": tools.Pronto, "networkx": tools.Networkx, "rdflib": tools.Rdflib} {
		if got.Terms != want.Terms || got.IsA != want.Relations[graph.IsA] || got.PartOf != want.Relations[graph.PartOf] || got.LocatedIn != want.Relations[graph.LocatedIn] {
			t.Errorf("%s found %d terms, %d is_a, %d part_of, %d located_in; want %+v", tool, got.Terms, got.IsA, got.PartOf, got.LocatedIn, want)
		}
		if !maps.Equal(got.Names, names) {
			t.Errorf("%s found other names", tool)
		}
	}
}
