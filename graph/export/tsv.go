package export

import (
	"bufio"
	"strings"

	"satgraph/graph"
)

var escapeTSV = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "|", `\p`)

// writeTSV writes the table that package ingest reads: a header, one term a
// line, lists parted by "|".
func writeTSV(w *bufio.Writer, tree *graph.Tree) error {
	w.WriteString("id\tname\tkind\tside\tis_a\tpart_of\tlocated_in\tsynonyms\txrefs\tdefinition\n")
	terms := tree.Terms()
	for i := range terms {
		t := &terms[i]
		synonyms := make([]string, len(t.Synonyms))
		for k, s := range t.Synonyms {
			synonyms[k] = string(s.Scope) + ":" + escapeTSV.Replace(s.Text)
		}
		xrefs := make([]string, len(t.Xrefs))
		for k, x := range t.Xrefs {
			xrefs[k] = escapeTSV.Replace(x)
		}
		row := []string{escapeTSV.Replace(t.ID), escapeTSV.Replace(t.Name), string(t.Kind), string(t.Laterality)}
		for _, kind := range []graph.RelationType{graph.IsA, graph.PartOf, graph.LocatedIn} {
			ids := tree.Parents(t.ID, kind)
			for k, id := range ids {
				ids[k] = escapeTSV.Replace(id)
			}
			row = append(row, strings.Join(ids, "|"))
		}
		row = append(row, strings.Join(synonyms, "|"), strings.Join(xrefs, "|"), escapeTSV.Replace(t.Definition))
		w.WriteString(strings.Join(row, "\t"))
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}
