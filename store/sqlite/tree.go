package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"satgraph/graph"
)

// Rows are read in pages of pageTerms terms, each page of a table as one text
// that SQLite joins: one call instead of thousands, which is most of the time
// of loading. Fields are parted by unit, rows by record (ASCII separators).
const (
	pageTerms = 4096
	unit      = "\x1f"
	record    = "\x1e"
)

// The queries of Load: everything of terms n with ?1 <= n < ?2, in order.
const (
	termsPage = `SELECT group_concat(n || char(31) || id || char(31) || name || char(31) || kind || char(31) || side || char(31) || definition, char(30))
		FROM (SELECT * FROM terms WHERE n >= ?1 AND n < ?2 ORDER BY n)`
	synonymsPage = `SELECT group_concat(term || char(31) || scope || char(31) || text, char(30))
		FROM (SELECT * FROM synonyms WHERE term >= ?1 AND term < ?2 ORDER BY term, position)`
	xrefsPage = `SELECT group_concat(term || char(31) || ref, char(30))
		FROM (SELECT * FROM xrefs WHERE term >= ?1 AND term < ?2 ORDER BY term, position)`
	relationsPage = `SELECT group_concat(child || char(31) || parent || char(31) || type, char(30))
		FROM (SELECT * FROM relations WHERE child >= ?1 AND child < ?2 ORDER BY child, parent, type)`
)

// Load returns the current tree, checked against its checksum.
func (s *Store) Load(ctx context.Context) (*graph.Snapshot, error) {
	snapshot, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.path, err)
	}
	return snapshot, nil
}

func (s *Store) load(ctx context.Context) (*graph.Snapshot, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one revision throughout
	if err != nil {
		return nil, named(err)
	}
	defer tx.Rollback() //nolint:errcheck // read only
	var revision, want string
	var counts [4]int
	err = tx.QueryRowContext(ctx, `SELECT
		(SELECT value FROM meta WHERE key = 'revision'), ifnull((SELECT value FROM meta WHERE key = 'sha256'), ''),
		(SELECT count(*) FROM terms), (SELECT count(*) FROM synonyms), (SELECT count(*) FROM xrefs), (SELECT count(*) FROM relations)
		WHERE EXISTS (SELECT 1 FROM meta WHERE key = 'revision')`).
		Scan(&revision, &want, &counts[0], &counts[1], &counts[2], &counts[3])
	if errors.Is(err, sql.ErrNoRows) {
		return nil, graph.ErrEmpty
	}
	if err != nil {
		return nil, named(err)
	}
	r := reader{
		snapshot: &graph.Snapshot{
			Revision: revision, Terms: make([]graph.Term, 0, counts[0]), Relations: make([]graph.Relation, 0, counts[3]),
		},
		synonyms: make([]graph.Synonym, 0, counts[1]),
		xrefs:    make([]string, 0, counts[2]),
		sum:      sha256.New(),
	}
	if err := r.read(ctx, tx, counts[0]); err != nil {
		return nil, err
	}
	if got := r.checksum(); got != want {
		return nil, fmt.Errorf("%w: its checksum differs from the stored one", graph.ErrCorrupt)
	}
	return r.snapshot, nil
}

// reader collects the pages of a tree. Synonyms and xrefs of all terms share
// one array each, of which a term holds its stretch.
type reader struct {
	snapshot *graph.Snapshot
	synonyms []graph.Synonym
	xrefs    []string
	sum      hash.Hash
}

func (r *reader) checksum() string { return hex.EncodeToString(r.sum.Sum(nil)) }

func (r *reader) read(ctx context.Context, q querier, terms int) error {
	for _, table := range []struct {
		query  string
		fields int
		row    func(f []string) error
	}{
		{termsPage, 6, r.term}, {synonymsPage, 3, r.synonym}, {xrefsPage, 2, r.xref}, {relationsPage, 3, r.relation},
	} {
		fields := make([]string, table.fields)
		for from := 0; from < terms; from += pageTerms {
			var page sql.NullString
			if err := q.QueryRowContext(ctx, table.query, from, from+pageTerms).Scan(&page); err != nil {
				return named(err)
			}
			r.sum.Write([]byte(page.String))
			r.sum.Write([]byte("\n"))
			for rest, more := page.String, page.String != ""; more; {
				var row string
				row, rest, more = strings.Cut(rest, record)
				if err := split(row, fields); err != nil {
					return err
				}
				if err := table.row(fields); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// split cuts a row into its fields.
func split(row string, fields []string) error {
	for i := range fields {
		var more bool
		fields[i], row, more = strings.Cut(row, unit)
		if more != (i < len(fields)-1) {
			return fmt.Errorf("%w: a row does not have %d fields", graph.ErrCorrupt, len(fields))
		}
	}
	return nil
}

func (r *reader) term(f []string) error {
	if f[0] != strconv.Itoa(len(r.snapshot.Terms)) {
		return fmt.Errorf("%w: term number %s out of turn", graph.ErrCorrupt, f[0])
	}
	r.snapshot.Terms = append(r.snapshot.Terms, graph.Term{
		ID: f[1], Name: f[2], Kind: graph.Kind(f[3]), Laterality: graph.Laterality(f[4]), Definition: f[5],
	})
	return nil
}

// at returns the term with a number.
func (r *reader) at(n string) (*graph.Term, error) {
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 || i >= len(r.snapshot.Terms) {
		return nil, fmt.Errorf("%w: no term has the number %q", graph.ErrCorrupt, n)
	}
	return &r.snapshot.Terms[i], nil
}

func (r *reader) synonym(f []string) error {
	t, err := r.at(f[0])
	if err != nil {
		return err
	}
	r.synonyms = append(r.synonyms, graph.Synonym{Scope: graph.Scope(f[1]), Text: f[2]})
	n := len(t.Synonyms) + 1
	t.Synonyms = slices.Clip(r.synonyms[len(r.synonyms)-n:])
	return nil
}

func (r *reader) xref(f []string) error {
	t, err := r.at(f[0])
	if err != nil {
		return err
	}
	r.xrefs = append(r.xrefs, f[1])
	n := len(t.Xrefs) + 1
	t.Xrefs = slices.Clip(r.xrefs[len(r.xrefs)-n:])
	return nil
}

func (r *reader) relation(f []string) error {
	child, err := r.at(f[0])
	if err != nil {
		return err
	}
	parent, err := r.at(f[1])
	if err != nil {
		return err
	}
	r.snapshot.Relations = append(r.snapshot.Relations, graph.Relation{Child: child.ID, Parent: parent.ID, Type: graph.RelationType(f[2])})
	return nil
}

// Revision returns the current revision.
func (s *Store) Revision(ctx context.Context) (string, error) {
	var revision string
	err := s.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'revision'`).Scan(&revision)
	if errors.Is(err, sql.ErrNoRows) {
		err = graph.ErrEmpty
	}
	if err != nil {
		return "", fmt.Errorf("store %s: %w", s.path, named(err))
	}
	return revision, nil
}

// Replace stores a tree in place of the current one, in one transaction.
func (s *Store) Replace(ctx context.Context, snapshot graph.Snapshot) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return replace(ctx, tx, snapshot) })
	if err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

// replace writes the tables anew. A snapshot without revision is named by its
// checksum.
func replace(ctx context.Context, tx *sql.Tx, snapshot graph.Snapshot) error {
	tree, err := graph.NewTree(snapshot.Revision, slices.Clone(snapshot.Terms), snapshot.Relations)
	if err != nil {
		return err
	}
	for _, table := range []string{"relations", "xrefs", "synonyms", "terms", "meta"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil { //nolint:gosec // names from above
			return named(err)
		}
	}
	terms := inserter{ctx: ctx, tx: tx, into: "terms (n, id, name, kind, side, definition)", columns: 6}
	synonyms := inserter{ctx: ctx, tx: tx, into: "synonyms (term, position, scope, text)", columns: 4}
	xrefs := inserter{ctx: ctx, tx: tx, into: "xrefs (term, position, ref)", columns: 3}
	relations := inserter{ctx: ctx, tx: tx, into: "relations (child, parent, type)", columns: 3}
	number := make(map[string]int, tree.Len())
	for n := range tree.Terms() {
		t := &tree.Terms()[n]
		if err := storable(t); err != nil {
			return err
		}
		number[t.ID] = n
		terms.add(n, t.ID, t.Name, string(t.Kind), string(t.Laterality), t.Definition)
		for i, s := range t.Synonyms {
			synonyms.add(n, i, string(s.Scope), s.Text)
		}
		for i, x := range t.Xrefs {
			xrefs.add(n, i, x)
		}
	}
	for _, r := range tree.Relations() {
		relations.add(number[r.Child], number[r.Parent], string(r.Type))
	}
	for _, in := range []*inserter{&terms, &synonyms, &xrefs, &relations} { // parents of foreign keys first
		if err := in.flush(); err != nil {
			return err
		}
	}
	back := reader{snapshot: &graph.Snapshot{}, sum: sha256.New()}
	if err := back.read(ctx, tx, tree.Len()); err != nil {
		return err
	}
	sum := back.checksum()
	revision := snapshot.Revision
	if revision == "" {
		revision = sum[:16]
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('revision', ?), ('sha256', ?)`, revision, sum)
	return named(err)
}

// storable refuses the two characters that part fields and rows in Load; no
// name has them.
func storable(t *graph.Term) error {
	texts := []string{t.ID, t.Name, t.Definition}
	for _, s := range t.Synonyms {
		texts = append(texts, s.Text, string(s.Scope))
	}
	for _, s := range append(texts, t.Xrefs...) {
		if strings.ContainsAny(s, unit+record+"\x00") {
			return fmt.Errorf("%w: %s holds a control character in %q", graph.ErrInvalidTerm, t.ID, s)
		}
	}
	return nil
}

// inserter collects rows and inserts many in one statement.
type inserter struct {
	ctx     context.Context //nolint:containedctx // lives within one call of replace
	tx      *sql.Tx
	into    string
	columns int
	args    []any
}

func (in *inserter) add(row ...any) { in.args = append(in.args, row...) }

// flush inserts what was added.
func (in *inserter) flush() error {
	const rows = 400
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", in.columns), ",") + ")"
	var full *sql.Stmt
	for args := in.args; len(args) > 0; {
		n := min(rows, len(args)/in.columns)
		statement := "INSERT INTO " + in.into + " VALUES " + strings.TrimSuffix(strings.Repeat(row+",", n), ",") //nolint:gosec // table and columns from replace
		var err error
		if n == rows {
			if full == nil {
				if full, err = in.tx.PrepareContext(in.ctx, statement); err != nil {
					return named(err)
				}
				defer full.Close() //nolint:errcheck,gocritic // once
			}
			_, err = full.ExecContext(in.ctx, args[:n*in.columns]...)
		} else {
			_, err = in.tx.ExecContext(in.ctx, statement, args[:n*in.columns]...)
		}
		if err != nil {
			return named(err)
		}
		args = args[n*in.columns:]
	}
	return nil
}
