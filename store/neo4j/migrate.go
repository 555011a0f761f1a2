package neo4j

import (
	"context"
	"fmt"

	"satgraph/graph"
)

// migrations are the statements that bring a database from schema i to schema
// i+1. Each may be run again, since Neo4j makes constraints one by one. One that
// was released is not edited.
func migrations() [][]string {
	return [][]string{{
		`CREATE CONSTRAINT satgraph_store IF NOT EXISTS FOR (s:SatgraphStore) REQUIRE s.name IS UNIQUE`,
		`MERGE (s:SatgraphStore {name: 'satgraph'}) ON CREATE SET s.schema = 0, s.revision = ''`,
		`CREATE CONSTRAINT term_id IF NOT EXISTS FOR (t:Term) REQUIRE t.id IS UNIQUE`,
		`CREATE FULLTEXT INDEX term_text IF NOT EXISTS FOR (t:Term) ON EACH [t.name, t.synonyms, t.definition]
			OPTIONS {indexConfig: {` + "`fulltext.analyzer`: 'standard-folding'}}",
		`CREATE CONSTRAINT change_set_id IF NOT EXISTS FOR (c:ChangeSet) REQUIRE c.id IS UNIQUE`,
		`CREATE CONSTRAINT change_set_number IF NOT EXISTS FOR (c:ChangeSet) REQUIRE c.number IS UNIQUE`,
		`CREATE CONSTRAINT revision_name IF NOT EXISTS FOR (r:Revision) REQUIRE r.name IS UNIQUE`,
		`CREATE CONSTRAINT exemplar_id IF NOT EXISTS FOR (e:Exemplar) REQUIRE e.id IS UNIQUE`,
		`CREATE INDEX exemplar_term IF NOT EXISTS FOR (e:Exemplar) ON (e.term)`,
		`CREATE INDEX exemplar_dataset IF NOT EXISTS FOR (e:Exemplar) ON (e.dataset)`,
		`CREATE CONSTRAINT corpus_class IF NOT EXISTS FOR (c:CorpusClass) REQUIRE (c.name, c.modality) IS UNIQUE`,
	}, {
		`CREATE CONSTRAINT api_token_id IF NOT EXISTS FOR (t:ApiToken) REQUIRE t.id IS UNIQUE`,
	}, ledgerSchema()}
}

// prepare checks whose database it is, brings the schema forward, seeds, and
// writes the corpus classes.
func (s *Store) prepare(ctx context.Context, o Options) error {
	schema, revision, err := s.state(ctx, o.Restore)
	if err != nil {
		return err
	}
	newest := len(migrations())
	if schema > newest {
		return fmt.Errorf("%w: schema %d, this program knows %d", graph.ErrNewer, schema, newest)
	}
	for i := max(0, schema); i < newest; i++ {
		for _, statement := range migrations()[i] { // a change of schema wants a transaction of its own
			err := s.run(ctx, writing, func(ctx context.Context, t *transaction) error { return t.exec(ctx, statement, nil) })
			if err != nil {
				return fmt.Errorf("schema %d: %w", i+1, err)
			}
		}
		err := s.write(ctx, func(ctx context.Context, t *transaction) error {
			return t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.schema = CASE WHEN s.schema < $n THEN $n ELSE s.schema END`, map[string]any{"n": i + 1})
		})
		if err != nil {
			return fmt.Errorf("schema %d: %w", i+1, err)
		}
	}
	if revision == "" && o.Seed != nil {
		if err := s.seed(ctx, o.Seed); err != nil {
			return err
		}
	}
	if o.Classes == nil {
		return nil
	}
	classes, err := o.Classes()
	if err != nil {
		return fmt.Errorf("corpus classes: %w", err)
	}
	return s.setClasses(ctx, classes)
}

// seed stores the first tree, unless another process was first.
func (s *Store) seed(ctx context.Context, seed func() (*graph.Snapshot, error)) error {
	first, err := seed()
	if err != nil {
		return fmt.Errorf("first tree: %w", err)
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		head, err := t.Head(ctx)
		if err != nil || head.Revision != "" { // another process was first
			return err
		}
		return t.replace(ctx, *first)
	})
}

// state returns how many migrations were made, -1 where the database is empty.
func (s *Store) state(ctx context.Context, restore bool) (schema int, revision string, err error) {
	err = s.read(ctx, func(ctx context.Context, t *transaction) error {
		schema, revision = -1, ""
		err := t.rows(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) RETURN s.schema, s.revision, s.restoring`, nil, func(v []any) error {
			schema, revision = number(v[0]), text(v[1])
			if v[2] != nil && !restore {
				return fmt.Errorf("%w: a backup was not restored into it to the end; restore it again with --force", graph.ErrCorrupt)
			}
			return nil
		})
		if err != nil || schema >= 0 {
			return err
		}
		return t.rows(ctx, `MATCH (n) RETURN count(n)`, nil, func(v []any) error {
			if n := number(v[0]); n > 0 {
				return fmt.Errorf("%w: the database holds %d nodes of others; give it one of its own (a name after the last / of the URI)", graph.ErrForeign, n)
			}
			return nil
		})
	})
	return schema, revision, err
}
