package neo4j

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"satgraph/graph"
)

// AddExemplars adds all or none.
func (s *Store) AddExemplars(ctx context.Context, list []graph.Exemplar) (int, error) {
	rows := make([]map[string]any, len(list))
	terms := map[string]bool{}
	for i := range list {
		e := &list[i]
		if err := e.Check(); err != nil {
			return 0, fmt.Errorf("store %s: %w", s.name, err)
		}
		terms[e.TermID] = true
		rows[i] = map[string]any{
			"id": e.ContentID(), "term": e.TermID, "dataset": e.Dataset, "modality": e.Modality,
			"scan": e.Scan, "mask": e.Mask, "axis": e.Axis, "slice": e.Slice,
		}
	}
	added := 0
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		known, err := t.TermsByID(ctx, slices.Sorted(maps.Keys(terms)))
		if err != nil {
			return err
		}
		unknown := maps.Clone(terms)
		for i := range known {
			delete(unknown, known[i].ID)
		}
		for id := range unknown {
			return fmt.Errorf("%w: %s, of an exemplar", graph.ErrUnknownTerm, id)
		}
		before, err := t.countExemplars(ctx)
		if err != nil {
			return err
		}
		err = batches(ctx, t, rows, `UNWIND $rows AS row MATCH (t:Term {id: row.term}) MERGE (e:Exemplar {id: row.id})
			ON CREATE SET e = row MERGE (e)-[:SHOWS]->(t)`, nil)
		if err != nil {
			return err
		}
		after, err := t.countExemplars(ctx)
		added = after - before
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", s.name, err)
	}
	return added, nil
}

func (t *transaction) countExemplars(ctx context.Context) (n int, err error) {
	err = t.rows(ctx, `MATCH (e:Exemplar) RETURN count(e)`, nil, func(v []any) error {
		n = number(v[0])
		return nil
	})
	return n, err
}

// FindExemplars returns what the query chooses, by id.
func (s *Store) FindExemplars(ctx context.Context, q graph.ExemplarQuery) ([]graph.Exemplar, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	start := `MATCH (e:Exemplar)-[:SHOWS]->(t:Term)`
	if len(q.Terms) > 0 {
		start = `MATCH (t:Term) WHERE t.id IN $terms MATCH (e:Exemplar)-[:SHOWS]->(t)`
	}
	var out []graph.Exemplar
	err := s.read(ctx, func(ctx context.Context, t *transaction) error {
		out = nil
		return t.rows(ctx, start+` WHERE e.id > $after AND ($dataset = '' OR e.dataset = $dataset) AND ($modality = '' OR e.modality = $modality)
			RETURN e.id, t.id, e.dataset, e.modality, e.scan, e.mask, e.axis, e.slice ORDER BY e.id LIMIT $limit`,
			map[string]any{"terms": q.Terms, "after": q.After, "dataset": q.Dataset, "modality": q.Modality, "limit": q.Limit}, func(v []any) error {
				out = append(out, graph.Exemplar{
					ID: text(v[0]), TermID: text(v[1]), Dataset: text(v[2]), Modality: text(v[3]), Scan: text(v[4]), Mask: text(v[5]),
					Axis: number(v[6]), Slice: number(v[7]),
				})
				return nil
			})
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return out, nil
}

// RemoveExemplars removes all of a dataset.
func (s *Store) RemoveExemplars(ctx context.Context, dataset string) (int, error) {
	removed := 0
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		return t.rows(ctx, `MATCH (e:Exemplar {dataset: $dataset}) DETACH DELETE e RETURN count(*)`, map[string]any{"dataset": dataset}, func(v []any) error {
			removed = number(v[0])
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", s.name, err)
	}
	return removed, nil
}
