package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"satgraph/graph"
)

const (
	// applicationID marks the file as ours (SQLite file header, offset 68): "SATG".
	applicationID = 0x53415447
	// schemaVersion is kept in the header's user_version.
	schemaVersion = 1
)

const schema = `
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

// Options say how to open a store. The zero value is good.
type Options struct {
	// Seed gives the first tree of a store that holds none yet; nil leaves it
	// empty. Of several processes that start at once one seeds, the others wait.
	Seed func() (*graph.Snapshot, error)
	// Wait is how long to wait for another process's write; default 30 s.
	Wait time.Duration
}

// Store is a graph.Store in one SQLite file.
type Store struct {
	db   *sql.DB
	path string
}

var _ graph.Store = (*Store)(nil)

// Open opens the store at path, makes file and folder where they are missing,
// and seeds an empty store. Errors name the path and wrap graph.ErrForeign (a
// file that is no store of this program; it is left as it is),
// graph.ErrCorrupt, graph.ErrNewer, those of Seed, or the system's.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	if o.Wait <= 0 {
		o.Wait = 30 * time.Second
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("store %s: %w", path, err)
		}
	}()
	if err := checkHeader(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(o.Wait.Milliseconds(), 10) + ")",
		"foreign_keys(1)", "synchronous(normal)",
	}}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path}
	if err := s.prepare(ctx, o); err != nil {
		_ = db.Close() // the first error counts
		return nil, err
	}
	return s, nil
}

// Path returns the file of the store.
func (s *Store) Path() string { return s.path }

// Close closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("store %s: %w", s.path, err)
	}
	return nil
}

// checkHeader refuses what is there and no SQLite database, before SQLite
// touches it. A missing or empty file is fine.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%w: it is a folder", graph.ErrForeign)
	case info.Size() == 0:
		return nil
	}
	magic := []byte("SQLite format 3\x00")
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, magic) {
		return fmt.Errorf("%w: it is no SQLite database", graph.ErrForeign)
	}
	return nil
}

// prepare checks whose database it is, makes the schema, turns on the
// write-ahead log and seeds.
func (s *Store) prepare(ctx context.Context, o Options) error {
	state, err := s.state(ctx, s.db)
	if err != nil {
		return err
	}
	if !state.ready {
		if err := s.create(ctx, o); err != nil {
			return err
		}
		state.seeded = false
	}
	if !state.seeded && o.Seed != nil {
		return s.seed(ctx, o)
	}
	return nil
}

// state of a database: ready has our schema; seeded holds a tree.
type state struct{ ready, seeded bool }

// querier is what state and load need of a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) state(ctx context.Context, q querier) (state, error) {
	var id, version, tables int
	err := q.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
		FROM pragma_application_id, pragma_user_version`).Scan(&id, &version, &tables)
	switch {
	case err != nil:
		return state{}, named(err)
	case id == 0 && version == 0 && tables == 0:
		return state{}, nil
	case id != applicationID:
		return state{}, fmt.Errorf("%w: it is another program's SQLite database", graph.ErrForeign)
	case version > schemaVersion:
		return state{}, fmt.Errorf("%w: schema %d, this program knows %d", graph.ErrNewer, version, schemaVersion)
	case version < schemaVersion:
		return state{}, fmt.Errorf("%w: unknown schema %d", graph.ErrCorrupt, version)
	}
	var trees int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM meta WHERE key = 'revision'`).Scan(&trees); err != nil {
		return state{}, named(err)
	}
	return state{ready: true, seeded: trees > 0}, nil
}

// create makes the schema, unless another process was first.
func (s *Store) create(ctx context.Context, o Options) error {
	if err := s.writeAheadLog(ctx, o.Wait); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		state, err := s.state(ctx, tx)
		if err != nil || state.ready {
			return err
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;", schema, applicationID, schemaVersion))
		return named(err)
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

// write runs f in a transaction that holds the write lock from its start.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return named(err)
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit
	if err := f(tx); err != nil {
		return err
	}
	return named(tx.Commit())
}

// named turns SQLite's codes into the errors of package graph.
func named(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrConnDone) || err.Error() == "sql: database is closed" {
		return fmt.Errorf("%w: %w", graph.ErrClosed, err)
	}
	if e, ok := errors.AsType[*driver.Error](err); ok {
		switch e.Code() & 0xff {
		case codes.SQLITE_CORRUPT:
			return fmt.Errorf("%w: %w", graph.ErrCorrupt, err)
		case codes.SQLITE_NOTADB:
			return fmt.Errorf("%w: %w", graph.ErrForeign, err)
		}
	}
	return err
}

func isBusy(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code()&0xff == codes.SQLITE_BUSY || e.Code()&0xff == codes.SQLITE_LOCKED)
}
