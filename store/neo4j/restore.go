package neo4j

import (
	"context"
	"fmt"
)

// BeginRestore empties the store and marks it, so that nobody opens it (but with
// Options.Restore) until EndRestore: what is killed half-way is no store. Nodes of
// others are left; those that point to terms must go first.
func (s *Store) BeginRestore(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		return t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'})
			SET s = {name: 'satgraph', schema: s.schema, revision: '', restoring: true}`, nil)
	})
	for more := true; more && err == nil; {
		err = s.write(ctx, func(ctx context.Context, t *transaction) error {
			return t.rows(ctx, `MATCH (n) WHERE n:Term OR n:Exemplar OR n:ChangeSet OR n:Change OR n:Revision OR n:CorpusClass
				OR n:Subject OR n:Dataset OR n:RawLabel OR n:Recipe OR n:LabelBatch OR n:LabelEvent OR n:RecipeStep OR n:MissingTerm OR n:ApiToken
				WITH n LIMIT 5000 DETACH DELETE n RETURN count(*)`, nil, func(v []any) error {
				more = number(v[0]) > 0
				return nil
			})
		})
	}
	return s.of(err)
}

// EndRestore makes a restored store one that anybody opens.
func (s *Store) EndRestore(ctx context.Context, o Options) error {
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		return t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) REMOVE s.restoring`, nil)
	})
	if err != nil || o.Classes == nil {
		return s.of(err)
	}
	classes, err := o.Classes()
	if err != nil {
		return fmt.Errorf("corpus classes: %w", err)
	}
	return s.setClasses(ctx, classes)
}
