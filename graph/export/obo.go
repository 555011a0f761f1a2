package export

import (
	"bufio"
	"strings"

	"satgraph/graph"
)

// escapeWord escapes what ends or parts an OBO identifier; escapeText is for
// text without quotes, escapeQuoted for text in them.
var (
	escapeWord = strings.NewReplacer(
		`\`, `\\`, "\n", `\n`, "\t", `\t`, " ", `\W`, `"`, `\"`, "{", `\{`, "}", `\}`, "!", `\!`, ",", `\,`, "[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`,
	)
	escapeText   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "{", `\{`, "}", `\}`, "!", `\!`)
	escapeQuoted = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, `"`, `\"`)
)

const oboTypedefs = `
[Typedef]
id: located_in
name: located in
xref: RO:0001025
is_transitive: true

[Typedef]
id: part_of
name: part of
xref: BFO:0000050
is_transitive: true
`

// writeOBO writes OBO 1.4. Kind and side, which the standard has no tags for,
// are properties SATG:kind and SATG:side, given where a reader would not think
// the same: that terms are anatomy, and on the side that their name says.
func writeOBO(w *bufio.Writer, tree *graph.Tree) {
	put(w, "format-version: 1.4\n")
	if v := tree.Revision(); v != "" {
		put(w, "data-version: "+escapeText.Replace(v)+"\n")
	}
	put(w, "idspace: SATG https://w3id.org/satgraph/ \"terms and properties of satgraph\"\nontology: satgraph\n")
	terms := tree.Terms()
	for i := range terms {
		t := &terms[i]
		put(w, "\n[Term]\nid: "+escapeWord.Replace(t.ID)+"\nname: "+oboName(t.Name)+"\n")
		if t.Definition != "" {
			put(w, `def: "`+escapeQuoted.Replace(t.Definition)+"\" []\n")
		}
		for _, s := range t.Synonyms {
			put(w, `synonym: "`+escapeQuoted.Replace(s.Text)+`" `+string(s.Scope)+" []\n")
		}
		for _, x := range t.Xrefs {
			tag := "xref: "
			if _, live := tree.Term(x); !live && vocabulary(x) == vocabulary(t.ID) {
				tag = "alt_id: " // a retired id of the same vocabulary
			}
			put(w, tag+escapeWord.Replace(x)+"\n")
		}
		if t.Kind != graph.KindAnatomy {
			put(w, `property_value: SATG:kind "`+string(t.Kind)+"\" xsd:string\n")
		}
		if t.Laterality != graph.SideOf(t.Name) {
			put(w, `property_value: SATG:side "`+string(t.Laterality)+"\" xsd:string\n")
		}
		parents(tree, t.ID, func(kind graph.RelationType, parent string) {
			if kind == graph.IsA {
				put(w, "is_a: ")
			} else {
				put(w, "relationship: "+string(kind)+" ")
			}
			put(w, escapeWord.Replace(parent))
			if p, ok := tree.Term(parent); ok {
				put(w, " ! "+strings.ReplaceAll(escapeText.Replace(p.Name), `"`, `\"`))
			}
			put(w, "\n")
		})
	}
	put(w, oboTypedefs)
}

// oboName keeps the outer spaces of a name.
func oboName(name string) string {
	out := escapeText.Replace(name)
	if rest := strings.TrimLeft(out, " "); len(rest) < len(out) {
		out = strings.Repeat(`\W`, len(out)-len(rest)) + rest
	}
	if rest := strings.TrimRight(out, " "); len(rest) < len(out) {
		out = rest + strings.Repeat(`\W`, len(out)-len(rest))
	}
	return out
}

func vocabulary(id string) string {
	v, _, _ := strings.Cut(id, ":")
	return v
}
