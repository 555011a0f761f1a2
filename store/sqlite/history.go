package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"satgraph/graph"
)

const recordColumns = `number, id, title, author, source, tool, time, before, revision, undoes, undone_by,
	terms_added, terms_removed, terms_updated, relations_added, relations_removed`

func scanRecord(scan func(...any) error) (graph.Record, error) {
	var r graph.Record
	var at string
	n := &r.Counts
	err := scan(&r.Number, &r.ID, &r.Title, &r.Author, &r.Source, &r.Tool, &at, &r.Before, &r.Revision, &r.Undoes, &r.UndoneBy,
		&n.TermsAdded, &n.TermsRemoved, &n.TermsUpdated, &n.RelationsAdded, &n.RelationsRemoved)
	if err != nil {
		return r, err
	}
	if r.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return r, fmt.Errorf("%w: change set %d: %w", graph.ErrCorrupt, r.Number, err)
	}
	return r, nil
}

// findRecord returns the record of a set, nil where the history has none.
func findRecord(ctx context.Context, q querier, id string) (*graph.Record, error) {
	var found *graph.Record
	err := rows(ctx, q, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		found = &r
		return err
	}, "SELECT "+recordColumns+" FROM change_sets WHERE id = ?", id)
	return found, err
}

// writeRecord adds a set to the history and numbers its record.
func writeRecord(ctx context.Context, tx *sql.Tx, r *graph.Record, cs *graph.ChangeSet) error {
	if err := tx.QueryRowContext(ctx, `SELECT ifnull(max(number), 0) + 1 FROM change_sets`).Scan(&r.Number); err != nil {
		return named(err)
	}
	n := &r.Counts
	_, err := tx.ExecContext(ctx, `INSERT INTO change_sets (`+recordColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Number, r.ID, r.Title, r.Author, r.Source, r.Tool, r.Time.Format(time.RFC3339Nano), r.Before, r.Revision, r.Undoes, r.UndoneBy,
		n.TermsAdded, n.TermsRemoved, n.TermsUpdated, n.RelationsAdded, n.RelationsRemoved)
	if err != nil {
		return named(err)
	}
	for _, undo := range []string{
		`UPDATE change_sets SET undone_by = '' WHERE id = (SELECT undoes FROM change_sets WHERE id = ?1)`,
		`UPDATE change_sets SET undone_by = ?2 WHERE id = ?1`,
	} {
		if _, err := tx.ExecContext(ctx, undo, r.Undoes, r.ID); err != nil {
			return named(err)
		}
	}
	changes := inserter{ctx: ctx, tx: tx, into: "changes (change_set, position, op, old, new, child, parent, type)", columns: 8}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		row := []any{r.Number, i, string(c.Op), nil, nil, nil, nil, nil}
		for column, t := range map[int]*graph.Term{3: c.Old, 4: c.New} {
			if t == nil {
				continue
			}
			text, err := json.Marshal(t)
			if err != nil {
				return err
			}
			row[column] = string(text)
		}
		if rel := c.Relation; rel.Child != "" {
			row[5], row[6], row[7] = rel.Child, rel.Parent, string(rel.Type)
		}
		changes.add(row...)
	}
	return changes.flush()
}

// readChangeSet returns the whole set of a record.
func readChangeSet(ctx context.Context, q querier, r *graph.Record) (*graph.ChangeSet, error) {
	cs := &graph.ChangeSet{
		ID: r.ID, Title: r.Title, Author: r.Author, Source: r.Source, Tool: r.Tool, Time: r.Time, Base: r.Before, Undoes: r.Undoes,
	}
	err := rows(ctx, q, func(scan func(...any) error) error {
		var c graph.Change
		var texts [2]sql.NullString
		if err := scan(&c.Op, &texts[0], &texts[1], &c.Relation.Child, &c.Relation.Parent, &c.Relation.Type); err != nil {
			return err
		}
		for i, into := range []**graph.Term{&c.Old, &c.New} {
			if !texts[i].Valid {
				continue
			}
			if err := json.Unmarshal([]byte(texts[i].String), into); err != nil {
				return fmt.Errorf("%w: change set %s: %w", graph.ErrCorrupt, r.ID, err)
			}
		}
		cs.Changes = append(cs.Changes, c)
		return nil
	}, `SELECT op, old, new, ifnull(child, ''), ifnull(parent, ''), ifnull(type, '') FROM changes WHERE change_set = ? ORDER BY position`, r.Number)
	return cs, err
}

// History returns records, newest first.
func (s *Store) History(ctx context.Context, before, limit int) ([]graph.Record, error) {
	if limit <= 0 {
		limit = 100
	}
	var out []graph.Record
	err := rows(ctx, s.db, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		out = append(out, r)
		return err
	}, "SELECT "+recordColumns+" FROM change_sets WHERE ?1 <= 0 OR number < ?1 ORDER BY number DESC LIMIT ?2", before, limit)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return out, nil
}

// ChangeSet returns an applied set whole.
func (s *Store) ChangeSet(ctx context.Context, id string) (*graph.ChangeSet, error) {
	cs, err := func() (*graph.ChangeSet, error) {
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return nil, named(err)
		}
		defer tx.Rollback() //nolint:errcheck // read only
		record, err := findRecord(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if record == nil {
			return nil, fmt.Errorf("%w: %.80q", graph.ErrUnknownChangeSet, id)
		}
		return readChangeSet(ctx, tx, record)
	}()
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return cs, nil
}
