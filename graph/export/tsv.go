package export

import (
	"bufio"
	"strings"

	"satgraph/graph"
)

var escapeTSV = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "|", `\p`)

// writeTSV writes the table that package ingest reads: a header, one term a
// line, lists parted by "|".
func writeTSV(w *bufio.Writer, tree *graph.Tree) {
	put(w, "id\tname\tkind\tside\tis_a\tpart_of\tlocated_in\tsynonyms\txrefs\tdefinition\n")
	terms := tree.Terms()
	for i := range terms {
		t := &terms[i]
		synonyms, xrefs := lists(t)
		row := []string{escapeTSV.Replace(t.ID), escapeTSV.Replace(t.Name), string(t.Kind), string(t.Laterality)}
		for _, kind := range []graph.RelationType{graph.IsA, graph.PartOf, graph.LocatedIn} {
			ids := tree.Parents(t.ID, kind)
			for k, id := range ids {
				ids[k] = escapeTSV.Replace(id)
			}
			row = append(row, strings.Join(ids, "|"))
		}
		row = append(row, synonyms, xrefs, escapeTSV.Replace(t.Definition))
		put(w, strings.Join(row, "\t"), "\n")
	}
}
