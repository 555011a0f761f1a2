package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

// Rows are read in pages, each as one text that SQLite joins: one call instead
// of thousands, which is most of the time of loading. Fields are parted by
// unit, rows by record: ASCII separators, which graph.CheckTerm refuses in
// texts. A page holds what belongs to the terms of pageNumbers numbers.
const (
	pageNumbers = 4096
	unit        = "\x1f"
	record      = "\x1e"
)

// The queries of the pages: everything of terms n with ?1 <= n < ?2, in order.
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
	head, err := readHead(ctx, tx)
	if err != nil {
		return nil, err
	}
	if head.Revision == "" {
		return nil, graph.ErrEmpty
	}
	snapshot, err := read(ctx, tx)
	if err != nil {
		return nil, err
	}
	snapshot.Revision = head.Revision
	if snapshot.Digest() != head.Digest {
		return nil, fmt.Errorf("%w: its checksum differs from the stored one", graph.ErrCorrupt)
	}
	return snapshot, nil
}

// readHead reads what meta says of the tree; zero for an empty store.
func readHead(ctx context.Context, q querier) (change.Head, error) {
	var revision, digest string
	err := q.QueryRowContext(ctx, `SELECT
		ifnull((SELECT value FROM meta WHERE key = 'revision'), ''),
		ifnull((SELECT value FROM meta WHERE key = 'digest'), '')`).Scan(&revision, &digest)
	if err != nil {
		return change.Head{}, named(err)
	}
	if revision == "" {
		return change.Head{}, nil
	}
	d, err := graph.ParseDigest(digest)
	return change.Head{Revision: revision, Digest: d}, err
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

// read reads all tables of the tree, without revision or check.
func read(ctx context.Context, q querier) (*graph.Snapshot, error) {
	var counts [4]int
	var last int
	err := q.QueryRowContext(ctx, `SELECT ifnull((SELECT max(n) FROM terms), -1),
		(SELECT count(*) FROM terms), (SELECT count(*) FROM synonyms), (SELECT count(*) FROM xrefs), (SELECT count(*) FROM relations)`).
		Scan(&last, &counts[0], &counts[1], &counts[2], &counts[3])
	if err != nil {
		return nil, named(err)
	}
	r := reader{
		numbers:   make([]int, 0, counts[0]),
		terms:     make([]graph.Term, 0, counts[0]),
		relations: make([]graph.Relation, 0, counts[3]),
		synonyms:  make([]graph.Synonym, 0, counts[1]),
		xrefs:     make([]string, 0, counts[2]),
	}
	for _, table := range []struct {
		query, next string // next: the first number at or after ?1
		fields      int
		row         func(f []string) error
	}{
		{termsPage, `SELECT min(n) FROM terms WHERE n >= ?1`, 6, r.term},
		{synonymsPage, `SELECT min(term) FROM synonyms WHERE term >= ?1`, 3, r.synonym},
		{xrefsPage, `SELECT min(term) FROM xrefs WHERE term >= ?1`, 2, r.xref},
		{relationsPage, `SELECT min(child) FROM relations WHERE child >= ?1`, 3, r.relation},
	} {
		if err := readTable(ctx, q, table.query, table.next, table.fields, table.row); err != nil {
			return nil, err
		}
	}
	return r.snapshot(), nil
}

// readTable reads page after page. Where numbers were given up it leaps to the
// next one in use, so that gaps cost nothing.
func readTable(ctx context.Context, q querier, query, next string, fields int, row func(f []string) error) error {
	f := make([]string, fields)
	for from := 0; ; from += pageNumbers {
		var start sql.NullInt64
		if err := q.QueryRowContext(ctx, next, from).Scan(&start); err != nil {
			return named(err)
		}
		if !start.Valid {
			return nil
		}
		from = int(start.Int64)
		var page string
		if err := q.QueryRowContext(ctx, query, from, from+pageNumbers).Scan(&page); err != nil {
			return named(err)
		}
		for more := true; more; {
			var line string
			line, page, more = strings.Cut(page, record)
			if err := split(line, f); err != nil {
				return err
			}
			if err := row(f); err != nil {
				return err
			}
		}
	}
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

// reader collects the rows of a tree. Synonyms and xrefs of all terms share
// one array each, of which a term holds its stretch. Texts are stretches of
// their page, so only pages of which all is kept are cut so.
type reader struct {
	numbers   []int // of the terms, ascending
	terms     []graph.Term
	relations []graph.Relation
	synonyms  []graph.Synonym
	xrefs     []string
}

func (r *reader) term(f []string) error {
	n, err := strconv.Atoi(f[0])
	if err != nil {
		return fmt.Errorf("%w: the term number %.80q", graph.ErrCorrupt, f[0])
	}
	r.numbers = append(r.numbers, n)
	r.terms = append(r.terms, graph.Term{
		ID: f[1], Name: f[2], Kind: graph.Kind(f[3]), Laterality: graph.Laterality(f[4]), Definition: f[5],
	})
	return nil
}

// at returns the term with a number.
func (r *reader) at(number string) (*graph.Term, error) {
	n, err := strconv.Atoi(number)
	if err == nil {
		if n >= 0 && n < len(r.numbers) && r.numbers[n] == n { // no gap before it
			return &r.terms[n], nil
		}
		if i, ok := slices.BinarySearch(r.numbers, n); ok {
			return &r.terms[i], nil
		}
	}
	return nil, fmt.Errorf("%w: no term has the number %.80q", graph.ErrCorrupt, number)
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
	kinds := graph.RelationTypes() // constants: nothing of the page is kept
	known := slices.Index(kinds, graph.RelationType(f[2]))
	if known < 0 {
		return fmt.Errorf("%w: unknown relation type %.80q", graph.ErrCorrupt, f[2])
	}
	r.relations = append(r.relations, graph.Relation{Child: child.ID, Parent: parent.ID, Type: kinds[known]})
	return nil
}

// snapshot returns what was read, sorted.
func (r *reader) snapshot() *graph.Snapshot {
	s := &graph.Snapshot{Terms: r.terms, Relations: r.relations}
	s.Sort()
	return s
}
