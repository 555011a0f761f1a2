"""Reads a tree exported in every format with outside tools, and prints what
they find as one JSON document: fastobo and pronto for OBO, networkx for
GraphML, rdflib for SKOS."""

import json
import sys
from pathlib import Path

import fastobo
import networkx
import pronto
import rdflib
from rdflib.namespace import RDF, SKOS

folder = Path(sys.argv[1])
found = {}

found["fastobo"] = {"terms": sum(isinstance(f, fastobo.term.TermFrame) for f in fastobo.load(str(folder / "tree.obo")))}

ontology = pronto.Ontology(str(folder / "tree.obo"))
terms = list(ontology.terms())
related = {name: sum(len(t.relationships.get(ontology.get_relationship(name), ())) for t in terms) for name in ("part_of", "located_in")}
found["pronto"] = {
    "terms": len(terms),
    "is_a": sum(len(list(t.superclasses(distance=1, with_self=False))) for t in terms),
    "synonyms": sum(len(t.synonyms) for t in terms),
    "names": {t.id: t.name for t in terms},
    **related,
}

graph = networkx.read_graphml(folder / "tree.graphml")
kinds = [data["relation"] for _, _, data in graph.edges(data=True)]
found["networkx"] = {
    "terms": graph.number_of_nodes(),
    "acyclic": networkx.is_directed_acyclic_graph(graph),
    "names": {node: data["name"] for node, data in graph.nodes(data=True)},
    **{name: kinds.count(name) for name in ("is_a", "part_of", "located_in")},
}

rdf = rdflib.Graph()
rdf.parse(folder / "tree.skos", format="json-ld")
iso = rdflib.Namespace("http://purl.org/iso25964/skos-thes#")
located = rdflib.URIRef("http://purl.obolibrary.org/obo/RO_0001025")
concepts = set(rdf.subjects(RDF.type, SKOS.Concept))
found["rdflib"] = {
    "terms": len(concepts),
    "is_a": len(set(rdf.subject_objects(iso.broaderGeneric))),
    "part_of": len(set(rdf.subject_objects(iso.broaderPartitive))),
    "located_in": len(set(rdf.subject_objects(located))),
    "names": {str(rdf.value(c, SKOS.notation)): str(rdf.value(c, SKOS.prefLabel)) for c in concepts},
    # What SKOS forbids: two preferred labels, or one label in two roles.
    "faults": sum(
        len(list(rdf.objects(c, SKOS.prefLabel))) != 1
        or bool(set(rdf.objects(c, SKOS.altLabel)) & (set(rdf.objects(c, SKOS.prefLabel)) | set(rdf.objects(c, SKOS.hiddenLabel))))
        for c in concepts
    ),
}
json.dump(found, sys.stdout)
