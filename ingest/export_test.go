package ingest

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/graph/export"
)

// exported writes the tree and reads it again.
func exported(t *testing.T, tree *graph.Tree, format export.Format) *graph.Tree {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tree."+string(format))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Write(f, tree, format); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := ReadAnatomy(t.Context(), path, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := graph.NewTree("", a.Terms, a.Relations)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func same(t *testing.T, got, want *graph.Tree) {
	t.Helper()
	if got.Len() != want.Len() {
		t.Fatalf("%d terms, want %d", got.Len(), want.Len())
	}
	for i, term := range want.Terms() {
		if !term.Equal(&got.Terms()[i]) {
			t.Fatalf("got %+v, want %+v", got.Terms()[i], term)
		}
	}
	if !reflect.DeepEqual(got.Relations(), want.Relations()) {
		t.Error("the relations differ")
	}
}

// TestBuiltinThereAndBack writes the whole tree in each form that holds all of
// it, and reads the same tree back.
func TestBuiltinThereAndBack(t *testing.T) {
	snapshot, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []export.Format{export.OBO, export.TSV} {
		t.Run(string(format), func(t *testing.T) { same(t, exported(t, tree, format), tree) })
	}
}

// FuzzThereAndBack does the same with a term of any texts.
func FuzzThereAndBack(f *testing.F) {
	f.Add("T:1", "left heart", "cor", "FMA:7088", "what it is", "finding", "right")
	f.Add(`a\b`, ` {x="y"} ! "`, "\n", `[a], (b) c:\W`, "\\", "group", "left")
	f.Add("http://x/y_1", `ends in \`, "\t|p", "T:2", `"`, "anatomy", "")
	f.Add("! x", "! x", "!", "!", "!", "anatomy", "")
	f.Fuzz(func(t *testing.T, id, name, synonym, xref, definition, kind, side string) {
		a := graph.Term{
			ID: id, Name: name, Kind: graph.Kind(kind), Laterality: graph.Laterality(side), Definition: definition,
			Synonyms: []graph.Synonym{{Text: synonym, Scope: graph.ScopeNarrow}}, Xrefs: []string{xref},
		}
		b := graph.Term{ID: "other", Name: "other", Kind: graph.KindAnatomy}
		switch {
		case graph.CheckTerm(&a) != nil, id == b.ID, xref == id, strings.TrimSpace(synonym) == "", xref == "",
			strings.TrimSpace(id) != id, strings.ToValidUTF8(id+name, "") != id+name:
			return
		}
		tree, err := graph.NewTree("", []graph.Term{a, b}, []graph.Relation{{Child: b.ID, Parent: a.ID, Type: graph.PartOf}})
		if err != nil {
			return
		}
		for _, format := range []export.Format{export.OBO, export.TSV} {
			same(t, exported(t, tree, format), tree)
		}
	})
}
