package neo4j

import (
	"context"
	"fmt"
	"slices"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

const writing = neo4j.AccessModeWrite

// Replace stores a tree in place of the current one, in one transaction.
func (s *Store) Replace(ctx context.Context, snapshot graph.Snapshot) error {
	err := s.write(ctx, func(ctx context.Context, t *transaction) error { return t.replace(ctx, snapshot) })
	if err != nil {
		return fmt.Errorf("store %s: %w", s.name, err)
	}
	return nil
}

// replace writes the tree anew and empties the history. A snapshot without
// revision is named by its content.
func (t *transaction) replace(ctx context.Context, given graph.Snapshot) error {
	s := graph.Snapshot{Revision: given.Revision, Terms: slices.Clone(given.Terms), Relations: slices.Clone(given.Relations)}
	s.Sort()
	if _, err := s.Tree(); err != nil {
		return err
	}
	for i := range s.Terms {
		if err := graph.CheckTerm(&s.Terms[i]); err != nil {
			return err
		}
	}
	// What the ledger and the corpus classes name stays, in wait for its term.
	err := t.exec(ctx, `MATCH (t:Term) WHERE EXISTS { (t)<-[:MAPS_TO|REJECTED]-(:Subject) } OR EXISTS { (t)<-[:OF]-(:CorpusClass) }
		OPTIONAL MATCH (t)-[r:IS_A|PART_OF|LOCATED_IN]->() DELETE r WITH DISTINCT t OPTIONAL MATCH (t)<-[r:IS_A|PART_OF|LOCATED_IN|SHOWS]-() DELETE r
		WITH DISTINCT t, t.id AS id, t.name AS name REMOVE t:Term SET t:MissingTerm SET t = {id: id, name: name}`, nil)
	if err != nil {
		return err
	}
	for _, label := range []string{"Term", "Change", "ChangeSet", "Revision"} {
		if err := t.exec(ctx, `MATCH (n:`+label+`) DETACH DELETE n`, nil); err != nil {
			return err
		}
	}
	terms := make([]*graph.Term, len(s.Terms))
	for i := range s.Terms {
		terms[i] = &s.Terms[i]
	}
	if err := t.addTerms(ctx, terms); err != nil {
		return err
	}
	if err := t.relate(ctx, s.Relations, addRelation); err != nil {
		return err
	}
	head := change.Head{Revision: s.Revision, Digest: s.Digest()}
	if head.Revision == "" {
		head.Revision = head.Digest.Revision()
	}
	return t.setHead(ctx, head)
}

func (t *transaction) setHead(ctx context.Context, h change.Head) error {
	return t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.revision = $revision, s.digest = $digest
		WITH s MERGE (r:Revision {name: $revision}) SET r.digest = $digest
		WITH s, r OPTIONAL MATCH (s)-[old:CURRENT]->() DELETE old
		WITH DISTINCT s, r CREATE (s)-[:CURRENT]->(r)`,
		map[string]any{"revision": h.Revision, "digest": h.Digest.String()})
}

// missing lets what names terms that go point to nodes in their place.
func (t *transaction) missing(ctx context.Context, removed []string) error {
	for relation, from := range map[string]string{"MAPS_TO": "Subject", "REJECTED": "Subject", "OF": "CorpusClass"} {
		err := batches(ctx, t, removed, `UNWIND $rows AS id MATCH (t:Term {id: id})<-[r:`+relation+`]-(n:`+from+`)
			MERGE (m:MissingTerm {id: id}) ON CREATE SET m.name = t.name CREATE (n)-[s:`+relation+`]->(m) SET s = properties(r) DELETE r`, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// addTerms adds terms, lets exemplars show those that had been removed, and
// finds those again that were missing.
func (t *transaction) addTerms(ctx context.Context, terms []*graph.Term) error {
	rows := make([]map[string]any, len(terms))
	ids := make([]string, len(terms))
	for i, term := range terms {
		rows[i] = termProperties(term, "")
		ids[i] = term.ID
	}
	if err := batches(ctx, t, ids, `UNWIND $rows AS id MATCH (t:MissingTerm {id: id}) REMOVE t:MissingTerm SET t:Term`, nil); err != nil {
		return err
	}
	if err := batches(ctx, t, rows, `UNWIND $rows AS row MERGE (t:Term {id: row.id}) SET t = row`, nil); err != nil {
		return err
	}
	return batches(ctx, t, ids, `UNWIND $rows AS id MATCH (e:Exemplar {term: id}) MATCH (t:Term {id: id}) CREATE (e)-[:SHOWS]->(t)`, nil)
}

// What relate does with each relation.
const (
	addRelation    = `CREATE (c)-[:%s]->(p)`
	removeRelation = `MATCH (c)-[r:%s]->(p) DELETE r`
)

func (t *transaction) relate(ctx context.Context, relations []graph.Relation, action string) error {
	for _, kind := range graph.RelationTypes() {
		var rows [][]string
		for _, r := range relations {
			if r.Type == kind {
				rows = append(rows, []string{r.Child, r.Parent})
			}
		}
		cypher := `UNWIND $rows AS row MATCH (c:Term {id: row[0]}) MATCH (p:Term {id: row[1]}) ` + fmt.Sprintf(action, label(kind))
		if err := batches(ctx, t, rows, cypher, nil); err != nil {
			return err
		}
	}
	return nil
}
