// Package export writes a tree in the forms that other tools read: OBO 1.4, a
// table, SKOS as JSON-LD, and GraphML. Start from Write. Each form is written
// as it goes, term by term, and one tree is always the same bytes. OBO and the
// table hold all that a tree does, so package ingest reads the same tree from
// them; the other two are for outside tools.
//
// The package opens no files: writing whole or not at all is for the caller.
package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"satgraph/graph"
)

// Format is a form that trees are written in.
type Format string

// The formats.
const (
	OBO     Format = "obo"
	TSV     Format = "tsv"
	SKOS    Format = "skos"
	GraphML Format = "graphml"
)

// Formats lists them.
func Formats() []Format { return []Format{OBO, TSV, SKOS, GraphML} }

// ErrFormat says that no format has the name given.
var ErrFormat = errors.New("unknown format")

// Write writes the tree. Errors: ErrFormat, or those of w.
func Write(w io.Writer, tree *graph.Tree, format Format) error {
	var write func(*bufio.Writer, *graph.Tree)
	switch format {
	case OBO:
		write = writeOBO
	case TSV:
		write = writeTSV
	case SKOS:
		write = writeSKOS
	case GraphML:
		write = writeGraphML
	default:
		return fmt.Errorf("%w: %q; want obo, tsv, skos or graphml", ErrFormat, format)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	write(b, tree)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", format, err)
	}
	return nil
}

// parents calls each with the relations of a term, by type and then parent.
func parents(tree *graph.Tree, id string, each func(kind graph.RelationType, parent string)) {
	for _, kind := range graph.RelationTypes() {
		for _, parent := range tree.Parents(id, kind) {
			each(kind, parent)
		}
	}
}

// put writes the texts; the first error of a bufio.Writer is what Flush returns.
func put(w *bufio.Writer, texts ...string) {
	for _, text := range texts {
		_, _ = w.WriteString(text)
	}
}

// lists are the synonyms, as SCOPE:text, and the cross-references of a term,
// parted by "|".
func lists(t *graph.Term) (synonyms, xrefs string) {
	var s, x []string
	for _, synonym := range t.Synonyms {
		s = append(s, string(synonym.Scope)+":"+escapeTSV.Replace(synonym.Text))
	}
	for _, xref := range t.Xrefs {
		x = append(x, escapeTSV.Replace(xref))
	}
	return strings.Join(s, "|"), strings.Join(x, "|")
}
