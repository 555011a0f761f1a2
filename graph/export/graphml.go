package export

import (
	"bufio"
	"encoding/xml"
	"strings"

	"satgraph/graph"
)

const graphmlHead = `<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="name" for="node" attr.name="name" attr.type="string"/>
<key id="kind" for="node" attr.name="kind" attr.type="string"/>
<key id="side" for="node" attr.name="side" attr.type="string"/>
<key id="synonyms" for="node" attr.name="synonyms" attr.type="string"/>
<key id="xrefs" for="node" attr.name="xrefs" attr.type="string"/>
<key id="definition" for="node" attr.name="definition" attr.type="string"/>
<key id="relation" for="edge" attr.name="relation" attr.type="string"/>
<graph id="satgraph" edgedefault="directed">
`

// writeGraphML writes a directed graph whose edges lead from child to parent.
// Lists are one text, parted by "|" as in the table.
func writeGraphML(w *bufio.Writer, tree *graph.Tree) error {
	if _, err := w.WriteString(graphmlHead); err != nil {
		return err
	}
	terms := tree.Terms()
	for i := range terms {
		t := &terms[i]
		w.WriteString(`<node id="` + escapeXML(t.ID) + `">`)
		synonyms := make([]string, len(t.Synonyms))
		for k, s := range t.Synonyms {
			synonyms[k] = string(s.Scope) + ":" + escapeTSV.Replace(s.Text)
		}
		xrefs := make([]string, len(t.Xrefs))
		for k, x := range t.Xrefs {
			xrefs[k] = escapeTSV.Replace(x)
		}
		for _, d := range [][2]string{
			{"name", t.Name}, {"kind", string(t.Kind)}, {"side", string(t.Laterality)},
			{"synonyms", strings.Join(synonyms, "|")}, {"xrefs", strings.Join(xrefs, "|")}, {"definition", t.Definition},
		} {
			if d[1] != "" {
				w.WriteString(`<data key="` + d[0] + `">` + escapeXML(d[1]) + `</data>`)
			}
		}
		if _, err := w.WriteString("</node>\n"); err != nil {
			return err
		}
	}
	for i := range terms {
		parents(tree, terms[i].ID, func(kind graph.RelationType, parent string) {
			w.WriteString(`<edge source="` + escapeXML(terms[i].ID) + `" target="` + escapeXML(parent) +
				`"><data key="relation">` + string(kind) + "</data></edge>\n")
		})
	}
	_, err := w.WriteString("</graph>\n</graphml>\n")
	return err
}

// escapeXML escapes markup; what XML cannot hold becomes U+FFFD.
func escapeXML(text string) string {
	if !strings.ContainsAny(text, "&<>\"'\t\n\r") && isPlain(text) {
		return text
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // to memory
	return b.String()
}

// isPlain says that the text is of printable ASCII only.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] > 0x7e {
			return false
		}
	}
	return true
}
