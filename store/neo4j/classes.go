package neo4j

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Class is a class that models are trained on, and the term it stands for.
type Class struct {
	Name     string
	Modality string // "ct", "mri" or "pet"
	TermID   string
	// Predicate says how the class relates to the term: "exact", "broad", …
	Predicate string
}

// setClasses writes the corpus classes into the graph, for people to see beside
// what labels map to; the program has them from elsewhere. It does nothing where
// the same ones are there.
func (s *Store) setClasses(ctx context.Context, list []Class) error {
	sum := sha256.New()
	rows := make([]map[string]any, len(list))
	for i, c := range list {
		_, _ = fmt.Fprintf(sum, "%q\n", c)
		rows[i] = map[string]any{"name": c.Name, "modality": c.Modality, "term": c.TermID, "predicate": c.Predicate}
	}
	want := hex.EncodeToString(sum.Sum(nil))
	have := ""
	look := func(ctx context.Context, t *transaction) error {
		return t.rows(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) RETURN s.classes`, nil, func(v []any) error {
			have = text(v[0])
			return nil
		})
	}
	if err := s.read(ctx, look); err != nil || have == want {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if err := look(ctx, t); err != nil || have == want { // another process was first
			return err
		}
		if err := t.exec(ctx, `MATCH (c:CorpusClass) DETACH DELETE c`, nil); err != nil {
			return err
		}
		for _, cypher := range []string{
			`UNWIND $rows AS row OPTIONAL MATCH (t:Term {id: row.term}) WITH row WHERE t IS NULL MERGE (:MissingTerm {id: row.term})`,
			`UNWIND $rows AS row CREATE (c:CorpusClass {name: row.name, modality: row.modality})
				WITH c, row OPTIONAL MATCH (t:Term {id: row.term}) OPTIONAL MATCH (m:MissingTerm {id: row.term})
				WITH c, row, coalesce(t, m) AS to CREATE (c)-[:OF {predicate: row.predicate}]->(to)`,
		} {
			if err := batches(ctx, t, rows, cypher, nil); err != nil {
				return err
			}
		}
		return t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.classes = $sum`, map[string]any{"sum": want})
	})
}
