package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

// Replace stores a tree in place of the current one, in one transaction.
func (s *Store) Replace(ctx context.Context, snapshot graph.Snapshot) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return replace(ctx, tx, snapshot) })
	if err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

// replace writes the tree's tables anew and empties the history. A snapshot
// without revision is named by its content.
func replace(ctx context.Context, tx *sql.Tx, given graph.Snapshot) error {
	s := graph.Snapshot{Revision: given.Revision, Terms: slices.Clone(given.Terms), Relations: slices.Clone(given.Relations)}
	s.Sort()
	if _, err := s.Tree(); err != nil {
		return err
	}
	for _, table := range []string{"relations", "xrefs", "synonyms", "terms", "changes", "change_sets", "meta"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil { //nolint:gosec // names from above
			return named(err)
		}
	}
	w := newWriter(ctx, tx, 0)
	for i := range s.Terms {
		if err := graph.CheckTerm(&s.Terms[i]); err != nil {
			return err
		}
		w.addTerm(&s.Terms[i])
	}
	for _, r := range s.Relations {
		w.addRelation(r)
	}
	if err := w.flush(); err != nil {
		return err
	}
	digest := s.Digest()
	if s.Revision == "" {
		s.Revision = digest.Revision()
	}
	return writeHead(ctx, tx, change.Head{Revision: s.Revision, Digest: digest})
}

func writeHead(ctx context.Context, tx *sql.Tx, h change.Head) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO meta (key, value) VALUES ('revision', ?), ('digest', ?)`, h.Revision, h.Digest.String())
	return named(err)
}

// writer writes terms and relations in batches. Its tables refer to each other,
// which SQLite checks at the end of the transaction (see Store.write).
type writer struct {
	ctx                               context.Context //nolint:containedctx // lives within one transaction
	tx                                *sql.Tx
	number                            map[string]int // of the terms that are there or were added
	next                              int            // the next free number
	terms, synonyms, xrefs, relations inserter
}

// newWriter makes a writer that gives terms the numbers from next on.
func newWriter(ctx context.Context, tx *sql.Tx, next int) *writer {
	w := &writer{ctx: ctx, tx: tx, number: map[string]int{}, next: next}
	w.terms = inserter{ctx: ctx, tx: tx, into: "terms (n, id, name, kind, side, definition)", columns: 6}
	w.synonyms = inserter{ctx: ctx, tx: tx, into: "synonyms (term, position, scope, text)", columns: 4}
	w.xrefs = inserter{ctx: ctx, tx: tx, into: "xrefs (term, position, ref)", columns: 3}
	w.relations = inserter{ctx: ctx, tx: tx, into: "relations (child, parent, type)", columns: 3}
	return w
}

func (w *writer) addTerm(t *graph.Term) {
	n := w.next
	w.next++
	w.number[t.ID] = n
	w.terms.add(n, t.ID, t.Name, string(t.Kind), string(t.Laterality), t.Definition)
	w.addLists(n, t)
}

func (w *writer) addLists(n int, t *graph.Term) {
	for i, s := range t.Synonyms {
		w.synonyms.add(n, i, string(s.Scope), s.Text)
	}
	for i, x := range t.Xrefs {
		w.xrefs.add(n, i, x)
	}
}

func (w *writer) addRelation(r graph.Relation) {
	w.relations.add(w.number[r.Child], w.number[r.Parent], string(r.Type))
}

// flush inserts what is left.
func (w *writer) flush() error {
	for _, in := range []*inserter{&w.terms, &w.synonyms, &w.xrefs, &w.relations} {
		if err := in.flush(); err != nil {
			return err
		}
	}
	return nil
}

// inserter collects rows and inserts many in one statement. The first error
// ends its work; flush returns it.
type inserter struct {
	ctx     context.Context //nolint:containedctx // lives within one transaction
	tx      *sql.Tx
	or      string // "OR REPLACE ", or nothing
	into    string
	columns int
	args    []any
	full    *sql.Stmt // for insertRows rows
	err     error
}

// insertRows is the number of rows in one statement.
const insertRows = 400

func (in *inserter) add(row ...any) {
	in.args = append(in.args, row...)
	if len(in.args) < insertRows*in.columns || in.err != nil {
		return
	}
	if in.full == nil {
		if in.full, in.err = in.tx.PrepareContext(in.ctx, in.statement()); in.err != nil {
			return
		}
	}
	_, in.err = in.full.ExecContext(in.ctx, in.args...)
	in.args = in.args[:0]
}

// statement inserts the rows that were collected.
func (in *inserter) statement() string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", in.columns), ",") + ")"
	return "INSERT " + in.or + "INTO " + in.into + " VALUES " + strings.TrimSuffix(strings.Repeat(row+",", len(in.args)/in.columns), ",")
}

// flush inserts what is left.
func (in *inserter) flush() error {
	if in.full != nil {
		defer in.full.Close() //nolint:errcheck // the transaction's end counts
	}
	if in.err == nil && len(in.args) > 0 {
		_, in.err = in.tx.ExecContext(in.ctx, in.statement(), in.args...)
	}
	return named(in.err)
}
