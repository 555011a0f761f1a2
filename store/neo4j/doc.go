// Package neo4j keeps the tree in a Neo4j database, as a graph that a person
// can read in its browser: the store of a team. Start from Open.
//
//	(:Term {id, name, kind, laterality, definition, synonyms, synonymScopes, xrefs})
//	(:Term)-[:IS_A|PART_OF|LOCATED_IN]->(:Term)        child to parent
//	(:Exemplar {id, term, dataset, modality, scan, mask, axis, slice})-[:SHOWS]->(:Term)
//	(:ChangeSet {number, id, title, author, …})-[:HAS_CHANGE]->(:Change {op, …})
//	(:ChangeSet)-[:FROM]->(:Revision), (:ChangeSet)-[:MADE]->(:Revision {name})
//	(:ChangeSet)-[:UNDOES]->(:ChangeSet)
//	(:SatgraphStore {schema, revision, digest, events})-[:CURRENT]->(:Revision)
//	(:CorpusClass {name, modality})-[:OF {predicate}]->(:Term)
//	(:Dataset {name, reviewers})-[:HAS_LABEL]->(:RawLabel {name, values, status, outcome, settledBy, flags, …})
//	(:RawLabel)-[:MAPS_TO {predicate, status, by, mode, position}]->(:Term)
//	(:RawLabel)-[:REJECTED {by, time, comment}]->(:Term)
//	(:Dataset)-[:HAS_RECIPE]->(:Recipe {name, recipe, status, …})-[:USES]->(:RawLabel)
//	(:LabelBatch)-[:HAS_EVENT]->(:LabelEvent {seq, action, actor, time, comment, …})-[:ON]->(:RawLabel|Recipe|Dataset)
//	(:LabelEvent)-[:NEXT]->(:LabelEvent)-[:UNDOES]->(:LabelEvent)
//	(:LabelEvent)-[:HAS_STEP]->(:RecipeStep {op, …})-[:HAS_ARGUMENT]->(:RecipeStep)
//	(:MissingTerm {id, name})
//
// Events are the ledger; datasets, raw labels and recipes, which share the label
// Subject, hold what their events come to, written in the same transaction, and
// no answer depends on it but the choice and order of lists. A MissingTerm
// stands for a term that decisions or classes name and the tree does not have;
// when the tree gets the term, it becomes that term.
//
// Synonyms and their scopes are lists of equal length, and so are an event's
// terms, termNames, predicates and fingerprints. The full-text index
// term_text finds names, synonyms and definitions:
//
//	CALL db.index.fulltext.queryNodes('term_text', 'cor') YIELD node, score
//
// Other nodes may point to terms; a change set that removes a term which such a
// node points to is refused.
//
// A write is one transaction, so that readers and a client killed in its midst
// see all of it or nothing; a lock on the SatgraphStore node lets writers take
// turns. The content is checked against its graph.Digest each time it is
// loaded: a node edited by hand makes Load fail with graph.ErrCorrupt.
//
// Caveats:
//   - Neo4j reads what others commit while a query runs. Load therefore reads
//     the revision before and after, and holds the writers' lock at its third
//     try, for which it needs leave to write.
//   - A transaction lives in the server's heap: about 1 kB a term and relation
//     written. A server that has too little answers at once, and nothing is
//     written; see dbms.memory.transaction.total.max.
//   - Whoever waits for another's write longer than Options.Timeout gets
//     graph.ErrUnavailable and may try again.
//   - Plain Cypher only, no APOC, and nothing of the Enterprise edition. A
//     Community server forms no cluster: reads scale because every instance of
//     the service answers from memory. Routing URIs of clusters are accepted.
//   - No query walks paths, whose number explodes where terms have several
//     parents; ancestors are gathered generation by generation.
package neo4j
