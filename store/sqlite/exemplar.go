package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"satgraph/graph"
)

// AddExemplars adds all or none.
func (s *Store) AddExemplars(ctx context.Context, list []graph.Exemplar) (int, error) {
	added := 0
	err := s.write(ctx, func(tx *sql.Tx) error {
		add := statements{ctx: ctx, tx: tx}
		defer add.close()
		before, err := countExemplars(ctx, tx)
		if err != nil {
			return err
		}
		for i := range list {
			e := &list[i]
			if err := e.Check(); err != nil {
				return err
			}
			var known bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM terms WHERE id = ?)`, e.TermID).Scan(&known); err != nil {
				return named(err)
			}
			if !known {
				return fmt.Errorf("%w: %s, of the exemplar %s", graph.ErrUnknownTerm, e.TermID, e.Scan)
			}
			add.exec(`INSERT OR IGNORE INTO exemplars (id, term, dataset, modality, scan, mask, axis, slice) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				e.ContentID(), e.TermID, e.Dataset, e.Modality, e.Scan, e.Mask, e.Axis, e.Slice)
		}
		if add.err != nil {
			return named(add.err)
		}
		after, err := countExemplars(ctx, tx)
		added = after - before
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", s.path, err)
	}
	return added, nil
}

func countExemplars(ctx context.Context, q querier) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM exemplars`).Scan(&n)
	return n, named(err)
}

// FindExemplars returns what the query chooses, by id.
func (s *Store) FindExemplars(ctx context.Context, q graph.ExemplarQuery) ([]graph.Exemplar, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	terms, err := json.Marshal(q.Terms)
	if err != nil {
		return nil, err
	}
	var out []graph.Exemplar
	err = rows(ctx, s.db, func(scan func(...any) error) error {
		var e graph.Exemplar
		err := scan(&e.ID, &e.TermID, &e.Dataset, &e.Modality, &e.Scan, &e.Mask, &e.Axis, &e.Slice)
		out = append(out, e)
		return err
	}, `SELECT e.id, e.term, e.dataset, e.modality, e.scan, e.mask, e.axis, e.slice FROM exemplars e
		WHERE e.id > ?1 AND (?2 = '' OR e.dataset = ?2) AND (?3 = '' OR e.modality = ?3)
		AND (?4 = 0 OR e.term IN (SELECT value FROM json_each(?5)))
		AND EXISTS (SELECT 1 FROM terms WHERE id = e.term)
		ORDER BY e.id LIMIT ?6`, q.After, q.Dataset, q.Modality, len(q.Terms), string(terms), q.Limit)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return out, nil
}

// RemoveExemplars removes all of a dataset.
func (s *Store) RemoveExemplars(ctx context.Context, dataset string) (int, error) {
	var removed int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM exemplars WHERE dataset = ?`, dataset)
		if err != nil {
			return named(err)
		}
		removed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store %s: %w", s.path, err)
	}
	return int(removed), nil
}
