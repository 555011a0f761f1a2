package export

import (
	"bufio"
	"encoding/json"

	"satgraph/graph"
)

// skosContext names the properties used. Only is_a is a hierarchy of concepts
// (broaderGeneric of ISO 25964), part_of is broaderPartitive; both are
// sub-properties of skos:broader there, which is given too for readers of SKOS
// alone.
const skosContext = `{"@context":{
 "skos":"http://www.w3.org/2004/02/skos/core#",
 "iso":"http://purl.org/iso25964/skos-thes#",
 "obo":"http://purl.obolibrary.org/obo/",
 "satg":"https://w3id.org/satgraph/",
 "prefLabel":{"@id":"skos:prefLabel","@language":"en"},
 "altLabel":{"@id":"skos:altLabel","@language":"en","@container":"@set"},
 "hiddenLabel":{"@id":"skos:hiddenLabel","@language":"en","@container":"@set"},
 "definition":{"@id":"skos:definition","@language":"en"},
 "notation":"skos:notation",
 "inScheme":{"@id":"skos:inScheme","@type":"@id"},
 "hasTopConcept":{"@id":"skos:hasTopConcept","@type":"@id","@container":"@set"},
 "topConceptOf":{"@id":"skos:topConceptOf","@type":"@id"},
 "broader":{"@id":"skos:broader","@type":"@id","@container":"@set"},
 "closeMatch":{"@id":"skos:closeMatch","@type":"@id","@container":"@set"},
 "is_a":{"@id":"iso:broaderGeneric","@type":"@id","@container":"@set"},
 "part_of":{"@id":"iso:broaderPartitive","@type":"@id","@container":"@set"},
 "located_in":{"@id":"obo:RO_0001025","@type":"@id","@container":"@set"},
 "kind":"satg:kind",
 "side":"satg:side",
 "version":"satg:revision",
 "id":"@id",
 "type":"@type"
},
"@graph":[
`

// scheme is the name of the tree as a whole.
const scheme = "https://w3id.org/satgraph/tree"

type skosConcept struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	InScheme   string   `json:"inScheme"`
	Notation   string   `json:"notation"`
	PrefLabel  string   `json:"prefLabel"`
	AltLabel   []string `json:"altLabel,omitempty"`    // exact synonyms
	Hidden     []string `json:"hiddenLabel,omitempty"` // others: found by, never shown
	Definition string   `json:"definition,omitempty"`
	TopOf      string   `json:"topConceptOf,omitempty"`
	Broader    []string `json:"broader,omitempty"`
	IsA        []string `json:"is_a,omitempty"`
	PartOf     []string `json:"part_of,omitempty"`
	LocatedIn  []string `json:"located_in,omitempty"`
	CloseMatch []string `json:"closeMatch,omitempty"` // cross-references; how near they are is not known
	Kind       string   `json:"kind"`
	Side       string   `json:"side,omitempty"`
}

// writeSKOS writes one concept a line in JSON-LD.
func writeSKOS(w *bufio.Writer, tree *graph.Tree) {
	put(w, skosContext)
	roots := []string{}
	for _, id := range tree.Roots() {
		roots = append(roots, IRI(id))
	}
	enc := json.NewEncoder(w) // ends each value with a newline
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]any{ // the writer keeps its error
		"id": scheme, "type": "skos:ConceptScheme", "prefLabel": "satgraph anatomy tree", "version": tree.Revision(), "hasTopConcept": roots,
	})
	terms := tree.Terms()
	for i := range terms {
		put(w, ",")
		_ = enc.Encode(concept(tree, &terms[i])) // the writer keeps its error
	}
	put(w, "]}\n")
}

func concept(tree *graph.Tree, t *graph.Term) skosConcept {
	c := skosConcept{
		ID: IRI(t.ID), Type: "skos:Concept", InScheme: scheme, Notation: t.ID, PrefLabel: t.Name,
		Definition: t.Definition, Kind: string(t.Kind), Side: string(t.Laterality),
	}
	// SKOS allows a label once, and in one of the three roles.
	labels := map[string]bool{t.Name: true}
	for _, exact := range []bool{true, false} {
		for _, s := range t.Synonyms {
			if (s.Scope == graph.ScopeExact) != exact || labels[s.Text] {
				continue
			}
			labels[s.Text] = true
			if exact {
				c.AltLabel = append(c.AltLabel, s.Text)
			} else {
				c.Hidden = append(c.Hidden, s.Text)
			}
		}
	}
	for _, x := range t.Xrefs {
		c.CloseMatch = append(c.CloseMatch, IRI(x))
	}
	seen := map[string]bool{}
	parents(tree, t.ID, func(kind graph.RelationType, parent string) {
		iri := IRI(parent)
		switch kind {
		case graph.IsA:
			c.IsA = append(c.IsA, iri)
		case graph.PartOf:
			c.PartOf = append(c.PartOf, iri)
		case graph.LocatedIn:
			c.LocatedIn = append(c.LocatedIn, iri)
			return // where a finding lies is no broader concept
		}
		if !seen[iri] {
			seen[iri] = true
			c.Broader = append(c.Broader, iri)
		}
	})
	if len(tree.Parents(t.ID)) == 0 {
		c.TopOf = scheme
	}
	return c
}
