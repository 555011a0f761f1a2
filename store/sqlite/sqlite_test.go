package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/store/sqlite"
	"satgraph/store/storetest"
)

type database string

func (d database) Open(ctx context.Context) (storetest.Store, error) { return open(ctx, string(d)) }

func (d database) Name() string { return string(d) }

func open(ctx context.Context, path string) (storetest.Store, error) {
	return sqlite.Open(ctx, path, sqlite.Options{})
}

func TestMain(m *testing.M) {
	if path := os.Getenv(migrateVariable); path != "" {
		migrate(path)
	}
	storetest.Main(m, open)
}

func TestConformance(t *testing.T) {
	var version string
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test
	if err := db.QueryRowContext(t.Context(), `SELECT sqlite_version()`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	fresh := func(t *testing.T) storetest.Database {
		t.Helper()
		return database(filepath.Join(t.TempDir(), "new folder", "tree #1 50%?.db"))
	}
	storetest.Run(t, "SQLite "+version, fresh)
	storetest.RunLedger(t, "SQLite "+version, fresh)
	storetest.RunTokens(t, "SQLite "+version, fresh)
}

func openSeeded(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	return openWith(t, path, builtin.Snapshot)
}

// small is a tree for tests that need any.
func small() (*graph.Snapshot, error) {
	s := storetest.Snapshot()
	return &s, nil
}

func openSmall(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	return openWith(t, path, small)
}

func openWith(t *testing.T, path string, seed func() (*graph.Snapshot, error)) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestFirstStartLoadsTheBuiltinTree(t *testing.T) {
	want, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tree.db")
	got, err := openSeeded(t, path).Load(context.Background())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the store does not hold the builtin tree (%v)", err)
	}
	// A later start keeps what is there.
	changed := storetest.Snapshot()
	if err := openSeeded(t, path).Replace(context.Background(), changed); err != nil {
		t.Fatal(err)
	}
	got, err = openSeeded(t, path).Load(context.Background())
	if err != nil || !reflect.DeepEqual(*got, changed) {
		t.Errorf("a second start seeded again (%v)", err)
	}
}

func TestAFailedSeedLeavesAnEmptyStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree.db")
	broken := errors.New("no tree today")
	_, err := sqlite.Open(context.Background(), path, sqlite.Options{Seed: func() (*graph.Snapshot, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if _, err := openSmall(t, path).Load(context.Background()); err != nil {
		t.Errorf("the next start: %v", err)
	}
}

// TestTwoProcessesStartAtOnce starts this test's own program as two processes
// on one missing file.
func TestTwoProcessesStartAtOnce(t *testing.T) {
	const variable = "SATGRAPH_TEST_STORE"
	if path := os.Getenv(variable); path != "" { // in the child
		if s := openSeeded(t, path); s != nil {
			if _, err := s.Load(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "tree.db")
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcessesStartAtOnce$")
			child.Env = append(os.Environ(), variable+"="+path)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
	s, err := openSeeded(t, path).Load(context.Background())
	if err != nil || len(s.Terms) != 6502 {
		t.Errorf("after two first starts: %v", err)
	}
}

// edit changes a store with plain SQL, as another program could.
func edit(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestEditedByHand(t *testing.T) {
	for _, statement := range []string{
		`UPDATE terms SET name = 'brain' WHERE id = 'T:2'`,
		`UPDATE relations SET type = 'is_a' WHERE type = 'located_in'`,
		`DELETE FROM synonyms WHERE text = 'cor'`,
		`DELETE FROM xrefs`,
		`UPDATE terms SET n = -1 WHERE id = 'X:LONG'`,
		`INSERT INTO relations VALUES (99, 1, 'is_a')`,
		`UPDATE meta SET value = '00' WHERE key = 'digest'`,
		`DELETE FROM meta WHERE key = 'digest'`,
	} {
		t.Run(statement, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tree.db")
			s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // a test
			if err := s.Replace(context.Background(), storetest.Snapshot()); err != nil {
				t.Fatal(err)
			}
			edit(t, path, statement)
			if _, err := s.Load(context.Background()); !errors.Is(err, graph.ErrCorrupt) {
				t.Errorf("got %v, want %v", err, graph.ErrCorrupt)
			}
		})
	}
}

// TestOlderSchema opens a file that the program of schema 1 wrote.
func TestOlderSchema(t *testing.T) {
	script, err := os.ReadFile("testdata/schema1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.db")
	edit(t, path, string(script))
	want := storetest.Snapshot()
	s := openSmall(t, path)
	got, err := s.Load(t.Context())
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("the tree of schema 1 came over as %v, %v", got, err)
	}
	cs := graph.Diff(&want, &graph.Snapshot{})
	if _, err := s.Apply(t.Context(), cs); err != nil {
		t.Errorf("a change after the migration: %v", err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	edit(t, damaged, string(script)+"UPDATE terms SET name = 'brain' WHERE id = 'T:2';")
	for range 2 { // a failed migration leaves the file as it is
		if _, err := sqlite.Open(t.Context(), damaged, sqlite.Options{}); !errors.Is(err, graph.ErrCorrupt) {
			t.Errorf("got %v, want %v", err, graph.ErrCorrupt)
		}
	}
}

func TestBusyForTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Seed: small, Wait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // a test
	if err := s.Replace(t.Context(), storetest.Snapshot()); !errors.Is(err, graph.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, graph.ErrUnavailable)
	}
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("a reader was blocked: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	put := func(name string, data []byte) string {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	other := path("other.db")
	edit(t, other, `CREATE TABLE songs (title TEXT)`)
	newer := path("newer.db")
	openSmall(t, newer)
	edit(t, newer, `PRAGMA user_version = 99`)
	older := path("older.db")
	edit(t, older, `PRAGMA application_id = 1396790343; PRAGMA user_version = -1`)
	whole := path("whole.db")
	seeded, err := sqlite.Open(context.Background(), whole, sqlite.Options{Seed: small})
	if err != nil {
		t.Fatal(err)
	}
	if err := seeded.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	scribbled := bytes.Clone(data)
	copy(scribbled[100:], bytes.Repeat([]byte{0xa5}, 4000)) // the first page: the schema
	tests := []struct {
		name, path string
		want       error
	}{
		{"a text file", put("notes.txt", []byte("these are notes, no database at all")), graph.ErrForeign},
		{"a short file", put("short", []byte("SQLite")), graph.ErrForeign},
		{"a folder", folder, graph.ErrForeign},
		{"another program's database", other, graph.ErrForeign},
		{"a newer schema", newer, graph.ErrNewer},
		{"an unknown older schema", older, graph.ErrCorrupt},
		{"a scribbled schema", put("scribbled.db", scribbled), graph.ErrCorrupt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before, _ := os.ReadFile(test.path) // a folder has none
			s, err := sqlite.Open(context.Background(), test.path, sqlite.Options{Seed: small})
			if err == nil {
				_ = s.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if after, _ := os.ReadFile(test.path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// TestDamagedPages overwrites every page but the first in turn: loading must
// fail by name or, where the page holds nothing of the tree, succeed whole.
func TestDamagedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tree.db")
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := storetest.Snapshot()
	if err := s.Replace(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := page; at < len(data); at += page {
		damaged := bytes.Clone(data)
		for i := at; i < at+page; i++ {
			damaged[i] ^= 0x5a
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
		var got *graph.Snapshot
		if err == nil {
			got, err = s.Load(context.Background())
			_ = s.Close()
		}
		switch {
		case err == nil && !reflect.DeepEqual(*got, want):
			t.Errorf("page %d: a damaged tree passed as good", at/page)
		case err != nil && !errors.Is(err, graph.ErrCorrupt) && !errors.Is(err, graph.ErrEmpty):
			t.Errorf("page %d: got %v, want %v", at/page, err, graph.ErrCorrupt)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o500); err != nil { //nolint:gosec // a folder needs its search bit
		t.Fatal(err)
	}
	if _, err := sqlite.Open(context.Background(), filepath.Join(folder, "tree.db"), sqlite.Options{Seed: builtin.Snapshot}); err == nil {
		t.Error("a store was made in a read-only folder")
	}
}

// BenchmarkStart is what a start costs: open the file, load and index the tree.
func BenchmarkStart(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tree.db")
	for b.Loop() {
		s, err := sqlite.Open(context.Background(), path, sqlite.Options{Seed: builtin.Snapshot})
		if err != nil {
			b.Fatal(err)
		}
		snapshot, err := s.Load(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := snapshot.Tree(); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstStart makes and seeds the file.
func BenchmarkFirstStart(b *testing.B) {
	folder := b.TempDir()
	for b.Loop() {
		path := filepath.Join(folder, "tree.db")
		s, err := sqlite.Open(context.Background(), path, sqlite.Options{Seed: builtin.Snapshot})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			b.Fatal(err)
		}
	}
}
