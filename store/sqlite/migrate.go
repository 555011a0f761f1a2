package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"satgraph/graph"
)

// migrations bring a file from schema i to schema i+1; user_version in the
// file's header says how many were made. One that was released is not edited.
func migrations() []func(ctx context.Context, tx *sql.Tx) error {
	return []func(ctx context.Context, tx *sql.Tx) error{createTree, addChangeSets, addLedger, addTokens, addSubjects}
}

const treeSchema = `
CREATE TABLE terms (
	n          INTEGER PRIMARY KEY,
	id         TEXT NOT NULL UNIQUE,
	name       TEXT NOT NULL,
	kind       TEXT NOT NULL,
	side       TEXT NOT NULL,
	definition TEXT NOT NULL
);
CREATE TABLE synonyms (
	term     INTEGER NOT NULL REFERENCES terms (n),
	position INTEGER NOT NULL,
	scope    TEXT NOT NULL,
	text     TEXT NOT NULL,
	PRIMARY KEY (term, position)
) WITHOUT ROWID;
CREATE TABLE xrefs (
	term     INTEGER NOT NULL REFERENCES terms (n),
	position INTEGER NOT NULL,
	ref      TEXT NOT NULL,
	PRIMARY KEY (term, position)
) WITHOUT ROWID;
CREATE TABLE relations (
	child  INTEGER NOT NULL REFERENCES terms (n),
	parent INTEGER NOT NULL REFERENCES terms (n),
	type   TEXT NOT NULL,
	PRIMARY KEY (child, parent, type)
) WITHOUT ROWID;
CREATE INDEX relations_by_parent ON relations (parent);
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;`

func createTree(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("%s\nPRAGMA application_id = %d;", treeSchema, applicationID))
	return named(err)
}

// A change of a term has old or new or both, one of a relation child, parent
// and type. Change sets outlive the terms that they speak of, hence ids.
const changeSchema = `
CREATE TABLE change_sets (
	number            INTEGER PRIMARY KEY,
	id                TEXT NOT NULL UNIQUE,
	title             TEXT NOT NULL,
	author            TEXT NOT NULL,
	source            TEXT NOT NULL,
	tool              TEXT NOT NULL,
	time              TEXT NOT NULL,
	before            TEXT NOT NULL,
	revision          TEXT NOT NULL,
	undoes            TEXT NOT NULL,
	undone_by         TEXT NOT NULL,
	terms_added       INTEGER NOT NULL,
	terms_removed     INTEGER NOT NULL,
	terms_updated     INTEGER NOT NULL,
	relations_added   INTEGER NOT NULL,
	relations_removed INTEGER NOT NULL
);
CREATE TABLE changes (
	change_set INTEGER NOT NULL REFERENCES change_sets (number),
	position   INTEGER NOT NULL,
	op         TEXT NOT NULL,
	old        TEXT,
	new        TEXT,
	child      TEXT,
	parent     TEXT,
	type       TEXT,
	PRIMARY KEY (change_set, position)
) WITHOUT ROWID;
CREATE TABLE exemplars (
	id       TEXT PRIMARY KEY,
	term     TEXT NOT NULL,
	dataset  TEXT NOT NULL,
	modality TEXT NOT NULL,
	scan     TEXT NOT NULL,
	mask     TEXT NOT NULL,
	axis     INTEGER NOT NULL,
	slice    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX exemplars_by_term ON exemplars (term);
CREATE INDEX exemplars_by_dataset ON exemplars (dataset);`

// addChangeSets also puts the checksum that follows changes in place of the one
// over the pages of schema 1, once that was found right.
func addChangeSets(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, changeSchema); err != nil {
		return named(err)
	}
	var want string
	var terms int
	err := tx.QueryRowContext(ctx, `SELECT value, (SELECT count(*) FROM terms) FROM meta WHERE key = 'sha256'`).Scan(&want, &terms)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // no tree yet
	}
	if err != nil {
		return named(err)
	}
	const pageTerms = 4096
	sum := sha256.New()
	for _, query := range []string{termsPage, synonymsPage, xrefsPage, relationsPage} {
		for from := 0; from < terms; from += pageTerms {
			var page sql.NullString
			if err := tx.QueryRowContext(ctx, query, from, from+pageTerms).Scan(&page); err != nil {
				return named(err)
			}
			sum.Write([]byte(page.String + "\n"))
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return fmt.Errorf("%w: its checksum differs from the stored one", graph.ErrCorrupt)
	}
	s, err := read(ctx, tx)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE meta SET key = 'digest', value = ? WHERE key = 'sha256'`, s.Digest().String())
	return named(err)
}

// prepare checks whose database it is, brings the schema forward, and seeds.
func (s *Store) prepare(ctx context.Context, o Options) error {
	state, err := s.state(ctx, s.db)
	if err != nil {
		return err
	}
	if state.schema == 0 {
		if err := s.writeAheadLog(ctx, o.Wait); err != nil {
			return err
		}
	}
	if state.schema < len(migrations()) {
		if err := s.migrate(ctx); err != nil {
			return err
		}
	}
	if !state.seeded && o.Seed != nil {
		return s.seed(ctx, o)
	}
	return nil
}

// state of a database: how many migrations were made, and whether it holds a
// tree.
type state struct {
	schema int
	seeded bool
}

// querier is what reading needs of a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) state(ctx context.Context, q querier) (state, error) {
	var id, version, tables int
	err := q.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
		FROM pragma_application_id, pragma_user_version`).Scan(&id, &version, &tables)
	newest := len(migrations())
	switch {
	case err != nil:
		return state{}, named(err)
	case id == 0 && version == 0 && tables == 0:
		return state{}, nil
	case id != applicationID:
		return state{}, fmt.Errorf("%w: it is another program's SQLite database", graph.ErrForeign)
	case version > newest:
		return state{}, fmt.Errorf("%w: schema %d, this program knows %d", graph.ErrNewer, version, newest)
	case version < 1:
		return state{}, fmt.Errorf("%w: unknown schema %d", graph.ErrCorrupt, version)
	}
	var trees int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM meta WHERE key = 'revision'`).Scan(&trees); err != nil {
		return state{}, named(err)
	}
	return state{schema: version, seeded: trees > 0}, nil
}

// migrate makes the migrations that are missing, all or none, unless another
// process was first.
func (s *Store) migrate(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		state, err := s.state(ctx, tx)
		if err != nil {
			return err
		}
		for i, migration := range migrations() {
			if i < state.schema {
				continue
			}
			if err := migration(ctx, tx); err != nil {
				return fmt.Errorf("schema %d: %w", i+1, err)
			}
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", i+1)); err != nil {
				return named(err)
			}
		}
		return nil
	})
}

// writeAheadLog switches the journal, which the file remembers. SQLite answers
// "busy" at once, whatever the timeout, when two processes switch together.
func (s *Store) writeAheadLog(ctx context.Context, wait time.Duration) error {
	for end := time.Now().Add(wait); ; {
		var mode string
		err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode)
		if err == nil || !isBusy(err) || time.Now().After(end) {
			return named(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// seed stores the first tree, unless another process was first.
func (s *Store) seed(ctx context.Context, o Options) error {
	first, err := o.Seed()
	if err != nil {
		return fmt.Errorf("first tree: %w", err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		state, err := s.state(ctx, tx)
		if err != nil || state.seeded {
			return err
		}
		return replace(ctx, tx, *first)
	})
}
