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
	"syscall"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"satgraph/graph"
)

// applicationID marks the file as ours (SQLite file header, offset 68): "SATG".
const applicationID = 0x53415447

// Options say how to open a store. The zero value is good.
type Options struct {
	// Seed gives the first tree of a store that holds none yet; nil leaves it
	// empty. Of several processes that start at once one seeds, the others wait.
	Seed func() (*graph.Snapshot, error)
	// Wait is how long to wait for another process's write; default 30 s.
	Wait time.Duration
}

// Store is a graph.Store, graph.Changer and graph.Exemplars in one SQLite file.
type Store struct {
	db   *sql.DB
	path string
}

var (
	_ graph.Store     = (*Store)(nil)
	_ graph.Changer   = (*Store)(nil)
	_ graph.Exemplars = (*Store)(nil)
)

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
		"foreign_keys(1)", "synchronous(full)",
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

// write runs f in a transaction that holds the write lock from its start.
func (s *Store) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return named(err)
	}
	defer tx.Rollback() //nolint:errcheck // no-op after Commit
	// Tables are written side by side, so references count at the end; with
	// 64 MiB a big change does not spill.
	if _, err := tx.ExecContext(ctx, "PRAGMA defer_foreign_keys = on; PRAGMA cache_size = -65536"); err != nil {
		return named(err)
	}
	if err := f(tx); err != nil {
		return named(err)
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
		case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
			return fmt.Errorf("%w: another process is writing for too long: %w", graph.ErrUnavailable, err)
		case codes.SQLITE_FULL:
			return fmt.Errorf("the disk of the store is full: %w: %w", syscall.ENOSPC, err)
		}
	}
	return err
}

func isBusy(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code()&0xff == codes.SQLITE_BUSY || e.Code()&0xff == codes.SQLITE_LOCKED)
}
