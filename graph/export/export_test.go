package export_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"testing"

	"satgraph/graph"
	"satgraph/graph/export"
)

var update = flag.Bool("update", false, "write the golden files anew")

// small is a tree with every kind of term, relation and awkward text.
func small(t *testing.T) *graph.Tree {
	t.Helper()
	tree, err := graph.NewTree("r1", []graph.Term{
		{
			ID: "UBERON:1", Name: "heart", Kind: graph.KindAnatomy, Definition: "Pumps \"blood\".\n<b>&c</b>",
			Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "a|b {c} !d", Scope: graph.ScopeRelated}},
			Xrefs:    []string{"FMA:7088", "UBERON:9", "odd id, [x]"},
		},
		{ID: "UBERON:2", Name: "left atrium", Kind: graph.KindAnatomy, Laterality: graph.Left},
		{ID: "UBERON:3", Name: "auricle", Kind: graph.KindAnatomy, Laterality: graph.Right},
		{ID: "SATG:1", Name: "scar", Kind: graph.KindFinding},
	}, []graph.Relation{
		{Child: "UBERON:2", Parent: "UBERON:1", Type: graph.PartOf},
		{Child: "UBERON:3", Parent: "UBERON:2", Type: graph.PartOf},
		{Child: "UBERON:3", Parent: "UBERON:2", Type: graph.IsA},
		{Child: "SATG:1", Parent: "UBERON:1", Type: graph.LocatedIn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestGolden(t *testing.T) {
	for _, format := range export.Formats() {
		var b bytes.Buffer
		if err := export.Write(&b, small(t), format); err != nil {
			t.Fatal(err)
		}
		path := "testdata/small." + string(format)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s: got\n%s", path, b.Bytes())
		}
		switch format {
		case export.SKOS:
			if !json.Valid(b.Bytes()) {
				t.Error("skos is no JSON")
			}
		case export.GraphML:
			d := xml.NewDecoder(&b)
			for err == nil {
				_, err = d.Token()
			}
			if !errors.Is(err, io.EOF) {
				t.Errorf("graphml: %v", err)
			}
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := export.Write(io.Discard, small(t), "word"); !errors.Is(err, export.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

// full is a writer without room.
type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFullDisk(t *testing.T) {
	for _, format := range export.Formats() {
		if err := export.Write(full{}, small(t), format); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want %v", format, err, errFull)
		}
	}
}

func TestIRI(t *testing.T) {
	for id, want := range map[string]string{
		"UBERON:0000948": "http://purl.obolibrary.org/obo/UBERON_0000948",
		"FMA:7088":       "http://purl.org/sig/ont/fma/fma7088",
		"XYZ:a b":        "https://w3id.org/satgraph/id/XYZ:a%20b",
		"http://a/b c":   "http://a/b%20c",
		"no vocabulary":  "https://w3id.org/satgraph/id/no%20vocabulary",
	} {
		if got := export.IRI(id); got != want {
			t.Errorf("IRI(%q) = %q, want %q", id, got, want)
		}
	}
}
