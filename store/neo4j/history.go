package neo4j

import (
	"context"
	"fmt"
	"maps"
	"time"

	"satgraph/graph"
)

// The values of a change set c, in the order of readRecord.
const recordValues = `c.number, c.id, c.title, c.author, c.source, c.tool, c.time, c.before, c.revision, c.undoes, c.undoneBy,
	c.termsAdded, c.termsRemoved, c.termsUpdated, c.relationsAdded, c.relationsRemoved`

func readRecord(v []any) (graph.Record, error) {
	at, ok := v[6].(time.Time)
	if !ok {
		return graph.Record{}, fmt.Errorf("%w: change set %d has no time", graph.ErrCorrupt, number(v[0]))
	}
	return graph.Record{
		Number: number(v[0]), ID: text(v[1]), Title: text(v[2]), Author: text(v[3]), Source: text(v[4]), Tool: text(v[5]),
		Time: at.UTC(), Before: text(v[7]), Revision: text(v[8]), Undoes: text(v[9]), UndoneBy: text(v[10]),
		Counts: graph.Counts{
			TermsAdded: number(v[11]), TermsRemoved: number(v[12]), TermsUpdated: number(v[13]),
			RelationsAdded: number(v[14]), RelationsRemoved: number(v[15]),
		},
	}, nil
}

// Record returns the record of a change set, nil where there is none.
func (t *transaction) Record(ctx context.Context, id string) (*graph.Record, error) {
	var found *graph.Record
	err := t.rows(ctx, `MATCH (c:ChangeSet {id: $id}) RETURN `+recordValues, map[string]any{"id": id}, func(v []any) error {
		r, err := readRecord(v)
		found = &r
		return err
	})
	return found, err
}

// writeRecord adds a set to the history and numbers its record.
func (t *transaction) writeRecord(ctx context.Context, r *graph.Record, cs *graph.ChangeSet) error {
	err := t.rows(ctx, `OPTIONAL MATCH (c:ChangeSet) RETURN coalesce(max(c.number), 0) + 1`, nil, func(v []any) error {
		r.Number = number(v[0])
		return nil
	})
	if err != nil {
		return err
	}
	n := r.Counts
	err = t.exec(ctx, `CREATE (c:ChangeSet) SET c = $record
		WITH c MERGE (made:Revision {name: $record.revision}) CREATE (c)-[:MADE]->(made)
		WITH c OPTIONAL MATCH (from:Revision {name: $record.before}) FOREACH (r IN CASE WHEN from IS NULL THEN [] ELSE [from] END | CREATE (c)-[:FROM]->(r))
		WITH c MATCH (undone:ChangeSet {id: $record.undoes}) CREATE (c)-[:UNDOES]->(undone) SET undone.undoneBy = c.id
		WITH undone MATCH (undone)-[:UNDOES]->(redone:ChangeSet) SET redone.undoneBy = ''`,
		map[string]any{"record": map[string]any{
			"number": r.Number, "id": r.ID, "title": r.Title, "author": r.Author, "source": r.Source, "tool": r.Tool, "time": r.Time,
			"before": r.Before, "revision": r.Revision, "undoes": r.Undoes, "undoneBy": r.UndoneBy,
			"termsAdded": n.TermsAdded, "termsRemoved": n.TermsRemoved, "termsUpdated": n.TermsUpdated,
			"relationsAdded": n.RelationsAdded, "relationsRemoved": n.RelationsRemoved,
		}})
	if err != nil {
		return err
	}
	rows := make([]map[string]any, len(cs.Changes))
	for i := range cs.Changes {
		c := &cs.Changes[i]
		row := map[string]any{"position": i, "op": string(c.Op)}
		if c.Old != nil {
			maps.Copy(row, termProperties(c.Old, "old"))
		}
		if c.New != nil {
			maps.Copy(row, termProperties(c.New, "new"))
		}
		if c.Relation.Child != "" {
			row["child"], row["parent"], row["type"] = c.Relation.Child, c.Relation.Parent, string(c.Relation.Type)
		}
		rows[i] = row
	}
	return batches(ctx, t, rows, `MATCH (c:ChangeSet {number: $number}) UNWIND $rows AS row CREATE (c)-[:HAS_CHANGE]->(x:Change) SET x = row`,
		map[string]any{"number": r.Number})
}

// ChangeSet returns the whole set of a record.
func (t *transaction) ChangeSet(ctx context.Context, r *graph.Record) (*graph.ChangeSet, error) {
	cs := &graph.ChangeSet{
		ID: r.ID, Title: r.Title, Author: r.Author, Source: r.Source, Tool: r.Tool, Time: r.Time, Base: r.Before, Undoes: r.Undoes,
	}
	err := t.rows(ctx, `MATCH (:ChangeSet {number: $number})-[:HAS_CHANGE]->(x:Change)
		RETURN x.op, x.child, x.parent, x.type,
			[x.oldId, x.oldName, x.oldKind, x.oldLaterality, x.oldDefinition, x.oldSynonyms, x.oldSynonymScopes, x.oldXrefs],
			[x.newId, x.newName, x.newKind, x.newLaterality, x.newDefinition, x.newSynonyms, x.newSynonymScopes, x.newXrefs]
		ORDER BY x.position`, map[string]any{"number": r.Number}, func(v []any) error {
		c := graph.Change{
			Op:       graph.Op(text(v[0])),
			Relation: graph.Relation{Child: text(v[1]), Parent: text(v[2]), Type: graph.RelationType(text(v[3]))},
		}
		for i, into := range []**graph.Term{&c.Old, &c.New} {
			if values, ok := v[4+i].([]any); ok && len(values) == 8 && values[0] != nil {
				term, err := readTerm(values)
				if err != nil {
					return err
				}
				*into = &term
			}
		}
		cs.Changes = append(cs.Changes, c)
		return nil
	})
	return cs, err
}

// History returns records, newest first.
func (s *Store) History(ctx context.Context, before, limit int) ([]graph.Record, error) {
	if limit <= 0 {
		limit = 100
	}
	var out []graph.Record
	err := s.read(ctx, func(ctx context.Context, t *transaction) error {
		out = nil
		return t.rows(ctx, `MATCH (c:ChangeSet) WHERE $before <= 0 OR c.number < $before RETURN `+recordValues+` ORDER BY c.number DESC LIMIT $limit`,
			map[string]any{"before": before, "limit": limit}, func(v []any) error {
				r, err := readRecord(v)
				out = append(out, r)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return out, nil
}

// ChangeSet returns an applied set whole.
func (s *Store) ChangeSet(ctx context.Context, id string) (*graph.ChangeSet, error) {
	var cs *graph.ChangeSet
	err := s.read(ctx, func(ctx context.Context, t *transaction) error {
		record, err := t.Record(ctx, id)
		if err != nil {
			return err
		}
		if record == nil {
			return fmt.Errorf("%w: %.80q", graph.ErrUnknownChangeSet, id)
		}
		cs, err = t.ChangeSet(ctx, record)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return cs, nil
}
