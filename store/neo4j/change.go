package neo4j

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

// Apply applies a change set in one transaction.
func (s *Store) Apply(ctx context.Context, cs graph.ChangeSet) (graph.Record, error) {
	if err := cs.Check(); err != nil {
		return graph.Record{}, fmt.Errorf("store %s: %w", s.name, err)
	}
	return s.change(ctx, &cs.ID, func(ctx context.Context, t *transaction) (graph.Record, error) { return change.Apply(ctx, t, &cs) })
}

// Undo applies the inverse of a change set in one transaction.
func (s *Store) Undo(ctx context.Context, id string, by graph.ChangeSet) (graph.Record, error) {
	return s.change(ctx, &by.ID, func(ctx context.Context, t *transaction) (graph.Record, error) { return change.Undo(ctx, t, id, &by) })
}

// change runs f, which applies a set under id. Where the id is ours and the
// driver tried twice, "applied before" means the first try.
func (s *Store) change(ctx context.Context, id *string, f func(context.Context, *transaction) (graph.Record, error)) (graph.Record, error) {
	ours := *id == ""
	if ours {
		*id = change.NewID()
	}
	var record graph.Record
	err := s.write(ctx, func(ctx context.Context, t *transaction) (err error) {
		record, err = f(ctx, t)
		return err
	})
	switch {
	case ours && errors.Is(err, graph.ErrApplied):
		return record, nil
	case errors.Is(err, graph.ErrUnavailable):
		return record, fmt.Errorf("store %s: change set %s may have been applied or not: %w", s.name, *id, err)
	case err != nil:
		return record, fmt.Errorf("store %s: %w", s.name, err)
	}
	return record, nil
}

// Write brings a verified set into the graph: what goes before what comes,
// relations before the terms that they hang on.
func (t *transaction) Write(ctx context.Context, cs *graph.ChangeSet, r *graph.Record, head change.Head) error {
	var cut, tied []graph.Relation
	var removed []string
	var updated []map[string]any
	var added []*graph.Term
	for i := range cs.Changes {
		switch c := &cs.Changes[i]; c.Op {
		case graph.AddTerm:
			added = append(added, c.New)
		case graph.RemoveTerm:
			removed = append(removed, c.Old.ID)
		case graph.UpdateTerm:
			updated = append(updated, termProperties(c.New, ""))
		case graph.AddRelation:
			tied = append(tied, c.Relation)
		case graph.RemoveRelation:
			cut = append(cut, c.Relation)
		}
	}
	if err := t.relate(ctx, cut, removeRelation); err != nil {
		return err
	}
	if err := t.missing(ctx, removed); err != nil {
		return err
	}
	// No DETACH: what nodes of others point to must not go unseen.
	if err := batches(ctx, t, removed, `UNWIND $rows AS id MATCH (t:Term {id: id}) OPTIONAL MATCH (:Exemplar)-[s:SHOWS]->(t) DELETE s, t`, nil); err != nil {
		return err
	}
	if err := batches(ctx, t, updated, `UNWIND $rows AS row MATCH (t:Term {id: row.id}) SET t += row`, nil); err != nil {
		return err
	}
	if err := t.addTerms(ctx, added); err != nil {
		return err
	}
	if err := t.relate(ctx, tied, addRelation); err != nil {
		return err
	}
	if err := t.setHead(ctx, head); err != nil {
		return err
	}
	return t.writeRecord(ctx, r, cs)
}

// TermsByID returns those of the ids that exist.
func (t *transaction) TermsByID(ctx context.Context, ids []string) ([]graph.Term, error) {
	var out []graph.Term
	err := t.each(ctx, ids, `UNWIND $rows AS id MATCH (t:Term {id: id}) RETURN `+termValues, func(v []any) error {
		term, err := readTerm(v)
		out = append(out, term)
		return err
	})
	return out, err
}

// RelationsUp returns the relations whose child is one of ids.
func (t *transaction) RelationsUp(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return t.relations(ctx, ids, `UNWIND $rows AS id MATCH (c:Term {id: id})-[r:IS_A|PART_OF|LOCATED_IN]->(p:Term) RETURN c.id, p.id, type(r)`)
}

// RelationsDown returns the relations whose parent is one of ids.
func (t *transaction) RelationsDown(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return t.relations(ctx, ids, `UNWIND $rows AS id MATCH (p:Term {id: id})<-[r:IS_A|PART_OF|LOCATED_IN]-(c:Term) RETURN c.id, p.id, type(r)`)
}

func (t *transaction) relations(ctx context.Context, ids []string, cypher string) ([]graph.Relation, error) {
	var out []graph.Relation
	err := t.each(ctx, ids, cypher, func(v []any) error {
		kind := graph.RelationType(strings.ToLower(text(v[2])))
		out = append(out, graph.Relation{Child: text(v[0]), Parent: text(v[1]), Type: kind})
		return nil
	})
	return out, err
}

// each runs a query for parts of ids and calls f with every record.
func (t *transaction) each(ctx context.Context, ids []string, cypher string, f func(v []any) error) error {
	for len(ids) > 0 {
		n := min(batchRows, len(ids))
		if err := t.rows(ctx, cypher, map[string]any{"rows": ids[:n]}, f); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
