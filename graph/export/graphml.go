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
func writeGraphML(w *bufio.Writer, tree *graph.Tree) {
	put(w, graphmlHead)
	terms := tree.Terms()
	for i := range terms {
		t := &terms[i]
		put(w, `<node id="`+escapeXML(t.ID)+`">`)
		synonyms, xrefs := lists(t)
		for _, d := range [][2]string{
			{"name", t.Name},
			{"kind", string(t.Kind)},
			{"side", string(t.Laterality)},
			{"synonyms", synonyms},
			{"xrefs", xrefs},
			{"definition", t.Definition},
		} {
			if d[1] != "" {
				put(w, `<data key="`+d[0]+`">`+escapeXML(d[1])+`</data>`)
			}
		}
		put(w, "</node>\n")
	}
	for i := range terms {
		parents(tree, terms[i].ID, func(kind graph.RelationType, parent string) {
			put(w, `<edge source="`+escapeXML(terms[i].ID)+`" target="`+escapeXML(parent)+
				`"><data key="relation">`+string(kind)+"</data></edge>\n")
		})
	}
	put(w, "</graph>\n</graphml>\n")
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
