package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

// Apply applies a change set in one transaction.
func (s *Store) Apply(ctx context.Context, cs graph.ChangeSet) (graph.Record, error) {
	if err := cs.Check(); err != nil {
		return graph.Record{}, fmt.Errorf("store %s: %w", s.path, err)
	}
	if cs.ID == "" {
		cs.ID = change.NewID()
	}
	return s.change(ctx, func(t *transaction) (graph.Record, error) { return change.Apply(ctx, t, &cs) })
}

// Undo applies the inverse of a change set in one transaction.
func (s *Store) Undo(ctx context.Context, id string, by graph.ChangeSet) (graph.Record, error) {
	if by.ID == "" {
		by.ID = change.NewID()
	}
	return s.change(ctx, func(t *transaction) (graph.Record, error) { return change.Undo(ctx, t, id, &by) })
}

func (s *Store) change(ctx context.Context, f func(t *transaction) (graph.Record, error)) (graph.Record, error) {
	var record graph.Record
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		record, err = f(&transaction{tx: tx, number: map[string]int{}})
		return err
	})
	if err != nil {
		return record, fmt.Errorf("store %s: %w", s.path, err)
	}
	return record, nil
}

// transaction is a change.Tx. It remembers the numbers of the terms that were
// asked for.
type transaction struct {
	tx     *sql.Tx
	number map[string]int
}

func (t *transaction) Head(ctx context.Context) (change.Head, error) { return readHead(ctx, t.tx) }

func (t *transaction) Record(ctx context.Context, id string) (*graph.Record, error) {
	return findRecord(ctx, t.tx, id)
}

func (t *transaction) ChangeSet(ctx context.Context, r *graph.Record) (*graph.ChangeSet, error) {
	return readChangeSet(ctx, t.tx, r)
}

func (t *transaction) Write(ctx context.Context, cs *graph.ChangeSet, r *graph.Record, head change.Head) error {
	if err := t.writeChanges(ctx, cs); err != nil {
		return err
	}
	if err := writeHead(ctx, t.tx, head); err != nil {
		return err
	}
	return writeRecord(ctx, t.tx, r, cs)
}

// writeChanges brings a verified set into the tables of the tree: what goes,
// before what comes, relations before the terms that they refer to.
func (t *transaction) writeChanges(ctx context.Context, cs *graph.ChangeSet) error {
	var next int
	if err := t.tx.QueryRowContext(ctx, `SELECT ifnull(max(n), -1) + 1 FROM terms`).Scan(&next); err != nil {
		return named(err)
	}
	w := newWriter(ctx, t.tx, next)
	w.number = t.number
	remove := statements{ctx: ctx, tx: t.tx}
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
		n := t.number[c.Old.ID]
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

func (t *transaction) TermsByID(ctx context.Context, ids []string) ([]graph.Term, error) {
	var out []graph.Term
	err := inBatches(ids, func(list string) error {
		at := map[int]int{} // number -> position in out
		err := rows(ctx, t.tx, func(scan func(...any) error) error {
			var n int
			var term graph.Term
			if err := scan(&n, &term.ID, &term.Name, &term.Kind, &term.Laterality, &term.Definition); err != nil {
				return err
			}
			at[n] = len(out)
			t.number[term.ID] = n
			out = append(out, term)
			return nil
		}, `SELECT n, id, name, kind, side, definition FROM terms WHERE id IN (SELECT value FROM json_each(?))`, list)
		if err != nil {
			return err
		}
		err = rows(ctx, t.tx, func(scan func(...any) error) error {
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
		return rows(ctx, t.tx, func(scan func(...any) error) error {
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

func (t *transaction) RelationsUp(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return t.relations(ctx, relationsOf+`WHERE r.child IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?)))`, ids)
}

func (t *transaction) RelationsDown(ctx context.Context, ids []string) ([]graph.Relation, error) {
	return t.relations(ctx, relationsOf+`WHERE r.parent IN (SELECT n FROM terms WHERE id IN (SELECT value FROM json_each(?)))`, ids)
}

func (t *transaction) relations(ctx context.Context, query string, ids []string) ([]graph.Relation, error) {
	var out []graph.Relation
	err := inBatches(ids, func(list string) error {
		return rows(ctx, t.tx, func(scan func(...any) error) error {
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
