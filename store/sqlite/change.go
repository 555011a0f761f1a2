package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"satgraph/graph"
)

// Apply applies a change set in one transaction.
func (s *Store) Apply(ctx context.Context, cs graph.ChangeSet) (graph.Record, error) {
	var record graph.Record
	err := cs.Check()
	if err == nil {
		err = s.write(ctx, func(tx *sql.Tx) error {
			var err error
			record, err = apply(ctx, tx, &cs)
			return err
		})
	}
	if err != nil {
		return record, fmt.Errorf("store %s: %w", s.path, err)
	}
	return record, nil
}

// Undo applies the inverse of a change set in one transaction.
func (s *Store) Undo(ctx context.Context, id string, by graph.ChangeSet) (graph.Record, error) {
	var record graph.Record
	err := s.write(ctx, func(tx *sql.Tx) error {
		if by.ID != "" { // the same undo asked for again?
			if done, err := findRecord(ctx, tx, by.ID); err != nil || done != nil {
				return applied(&record, done, err)
			}
		}
		target, err := findRecord(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case target == nil:
			return fmt.Errorf("%w: %.80q", graph.ErrUnknownChangeSet, id)
		case target.UndoneBy != "":
			return fmt.Errorf("%w: %s by %s", graph.ErrUndone, id, target.UndoneBy)
		}
		done, err := readChangeSet(ctx, tx, target)
		if err != nil {
			return err
		}
		inverse := done.Inverse()
		inverse.Base = target.Revision
		inverse.ID, inverse.Author, inverse.Tool, inverse.Source, inverse.Time = by.ID, by.Author, by.Tool, by.Source, by.Time
		if by.Title != "" {
			inverse.Title = by.Title
		}
		if err := inverse.Check(); err != nil {
			return err
		}
		if record, err = apply(ctx, tx, &inverse); err != nil {
			return err
		}
		// What the undone set itself had taken back holds again.
		_, err = tx.ExecContext(ctx, `UPDATE change_sets SET undone_by = CASE id WHEN ?1 THEN ?2 ELSE '' END WHERE id IN (?1, ?3)`,
			target.ID, record.ID, target.Undoes)
		return named(err)
	})
	if err != nil {
		return record, fmt.Errorf("store %s: %w", s.path, err)
	}
	return record, nil
}

// applied reports a set that is in the history already.
func applied(record, done *graph.Record, err error) error {
	if err != nil {
		return err
	}
	*record = *done
	return fmt.Errorf("%w: %s, as number %d", graph.ErrApplied, done.ID, done.Number)
}

// apply applies a checked set within a transaction that holds the write lock.
func apply(ctx context.Context, tx *sql.Tx, cs *graph.ChangeSet) (graph.Record, error) {
	record := graph.Record{
		ID: cs.ID, Title: cs.Title, Author: cs.Author, Source: cs.Source, Tool: cs.Tool,
		Time: cs.Time.UTC(), Undoes: cs.Undoes, Counts: cs.Counts(),
	}
	if record.ID == "" {
		record.ID = rand.Text()
	} else if done, err := findRecord(ctx, tx, cs.ID); err != nil || done != nil {
		return record, applied(&record, done, err)
	}
	if cs.Time.IsZero() {
		record.Time = time.Now().UTC().Truncate(time.Millisecond)
	}
	head, err := readHead(ctx, tx)
	if err != nil {
		return record, err
	}
	current := &view{tx: tx, number: map[string]int{}}
	if err := cs.Verify(ctx, current, head.revision); err != nil {
		return record, err
	}
	if err := writeChanges(ctx, tx, cs, current); err != nil {
		return record, err
	}
	record.Before = head.revision
	for i := range cs.Changes {
		head.digest.Change(&cs.Changes[i])
	}
	head.revision = head.digest.Revision()
	record.Revision = head.revision
	if err := writeHead(ctx, tx, head); err != nil {
		return record, err
	}
	return record, writeRecord(ctx, tx, &record, cs)
}

// writeChanges brings a verified set into the tables of the tree: what goes,
// before what comes, relations before the terms that they refer to.
func writeChanges(ctx context.Context, tx *sql.Tx, cs *graph.ChangeSet, current *view) error {
	var next int
	if err := tx.QueryRowContext(ctx, `SELECT ifnull(max(n), -1) + 1 FROM terms`).Scan(&next); err != nil {
		return named(err)
	}
	w := newWriter(ctx, tx, next)
	w.number = current.number
	remove := statements{ctx: ctx, tx: tx}
	defer remove.close()
	for i := range cs.Changes {
		if r := cs.Changes[i].Relation; cs.Changes[i].Op == graph.RemoveRelation {
			remove.exec(`DELETE FROM relations WHERE child = (SELECT n FROM terms WHERE id = ?) AND parent = (SELECT n FROM terms WHERE id = ?) AND type = ?`,
				r.Child, r.Parent, string(r.Type))
		}
	}
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if c.Old == nil {
			continue
		}
		n := current.number[c.Old.ID]
		remove.exec(`DELETE FROM synonyms WHERE term = ?`, n)
		remove.exec(`DELETE FROM xrefs WHERE term = ?`, n)
		if c.New == nil {
			remove.exec(`DELETE FROM terms WHERE n = ?`, n)
			continue
		}
		remove.exec(`UPDATE terms SET name = ?, kind = ?, side = ?, definition = ? WHERE n = ?`,
			c.New.Name, string(c.New.Kind), string(c.New.Laterality), c.New.Definition, n)
		w.addLists(n, c.New)
	}
	if remove.err != nil {
		return named(remove.err)
	}
	for i := range cs.Changes {
		if cs.Changes[i].Op == graph.AddTerm {
			w.addTerm(cs.Changes[i].New)
		}
	}
	for i := range cs.Changes {
		if cs.Changes[i].Op == graph.AddRelation {
			w.addRelation(cs.Changes[i].Relation)
		}
	}
	return w.flush()
}

// statements runs statements one by one, each prepared once, until the first
// error.
type statements struct {
	ctx      context.Context //nolint:containedctx // lives within one transaction
	tx       *sql.Tx
	prepared map[string]*sql.Stmt
	err      error
}

func (s *statements) exec(query string, args ...any) {
	if s.err != nil {
		return
	}
	statement := s.prepared[query]
	if statement == nil {
		if statement, s.err = s.tx.PrepareContext(s.ctx, query); s.err != nil {
			return
		}
		if s.prepared == nil {
			s.prepared = map[string]*sql.Stmt{}
		}
		s.prepared[query] = statement
	}
	_, s.err = statement.ExecContext(s.ctx, args...)
}

func (s *statements) close() {
	for _, statement := range s.prepared {
		_ = statement.Close() // the transaction's end counts
	}
}

// view is the tree as it is in a transaction. It remembers the numbers of the
// terms that were asked for.
type view struct {
	tx     *sql.Tx
	number map[string]int
}

// inBatches calls each with parts of ids, as JSON arrays.
func inBatches(ids []string, each func(list string) error) error {
	const batch = 5000
	for len(ids) > 0 {
		n := min(batch, len(ids))
		list, err := json.Marshal(ids[:n])
		if err != nil {
			return err
		}
		if err := each(string(list)); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// rows calls each for every row of a query.
func rows(ctx context.Context, q querier, each func(scan func(...any) error) error, query string, args ...any) error {
	r, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return named(err)
	}
	defer r.Close() //nolint:errcheck // read only
	for r.Next() {
		if err := each(r.Scan); err != nil {
			return named(err)
		}
	}
	return named(r.Err())
}

func (v *view) TermsByID(ctx context.Context, ids []string) ([]graph.Term, error) {
	var out []graph.Term
	err := inBatches(ids, func(list string) error {
		at := map[int]int{} // number -> position in out
		err := rows(ctx, v.tx, func(scan func(...any) error) error {
			var n int
			var t graph.Term
			if err := scan(&n, &t.ID, &t.Name, &t.Kind, &t.Laterality, &t.Definition); err != nil {
				return err
			}
			at[n] = len(out)
			v.number[t.ID] = n
			out = append(out, t)
			return nil
		}, `SELECT n, id, name, kind, side, definition FROM terms WHERE id IN (SELECT value FROM json_each(?))`, list)
		if err != nil {
			return err
		}
		err = rows(ctx, v.tx, func(scan func(...any) error) error {
			var n int
			var s graph.Synonym
			if err := scan(&n, &s.Scope, &s.Text); err != nil {
				return err
			}
			out[at[n]].Synonyms = append(out[at[n]].Synonyms, s)
			return nil
		}, `SELECT term, scope, text FROM synonyms WHERE term IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?))) ORDER BY term, position`, list)
		if err != nil {
			return err
		}
		return rows(ctx, v.tx, func(scan func(...any) error) error {
			var n int
			var x string
			if err := scan(&n, &x); err != nil {
				return err
			}
			out[at[n]].Xrefs = append(out[at[n]].Xrefs, x)
			return nil
		}, `SELECT term, ref FROM xrefs WHERE term IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?))) ORDER BY term, position`, list)
	})
	return out, err
}

const relationsOf = `SELECT c.id, p.id, r.type FROM relations r JOIN terms c ON c.n = r.child JOIN terms p ON p.n = r.parent `

func (v *view) RelationsUp(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return v.relations(ctx, relationsOf+`WHERE r.child IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?)))`, ids)
}

func (v *view) RelationsDown(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return v.relations(ctx, relationsOf+`WHERE r.parent IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?)))`, ids)
}

func (v *view) relations(ctx context.Context, query string, ids []string) ([]graph.Relation, error) {
	var out []graph.Relation
	err := inBatches(ids, func(list string) error {
		return rows(ctx, v.tx, func(scan func(...any) error) error {
			var r graph.Relation
			if err := scan(&r.Child, &r.Parent, &r.Type); err != nil {
				return err
			}
			out = append(out, r)
			return nil
		}, query, list)
	})
	return out, err
}
