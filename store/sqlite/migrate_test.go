package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/store/sqlite"
	"satgraph/store/storetest"
)

// migrateVariable names the store that a process of these tests only opens.
const migrateVariable = "SATGRAPH_TEST_MIGRATE"

// migrate opens a store, which brings its schema forward, and says so.
func migrate(path string) {
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("opened")
	os.Exit(0)
}

// newest is the schema of this program, and later what each of its migrations
// after the first adds, so that taking it away leaves the older schema. What
// schema 1 held is in testdata, as its program wrote it.
const newest = 5

var later = map[int][]string{
	2: {"change_sets", "changes", "exemplars"},
	3: {"events", "event_targets"},
	4: {"tokens"},
	5: {"subjects"},
}

// used makes a store that holds something in every table, decisions on as many
// labels as told.
func used(t *testing.T, path string, labels int) {
	t.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{Seed: small})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Load(ctx)
	must(err)
	after := storetest.Snapshot()
	after.Terms[0].Name = "trunk"
	_, err = s.Apply(ctx, graph.Diff(before, &after))
	must(err)
	_, err = s.AddExemplars(ctx, []graph.Exemplar{{TermID: "T:2", Dataset: "Set", Modality: "ct", Scan: "a.nii", Mask: "b.nii"}})
	must(err)
	_, _, err = auth.Issue(ctx, s, "agent", auth.Viewer, nil, time.Hour, "Ada")
	must(err)
	book := labelmap.NewBook(s, "satgraph test")
	for from := 0; from < labels; from += 500 {
		var entries []labelmap.Entry
		for i := from; i < min(labels, from+500); i++ {
			entries = append(entries, labelmap.Entry{
				Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: fmt.Sprint("Set ", i%7), Key: fmt.Sprint("label ", i)},
				Action:  labelmap.ActComment, Comment: "a look at it",
			})
		}
		_, err = book.Write(ctx, "Ada", entries...)
		must(err)
	}
	must(s.Close())
}

// contents are the rows of each table and, under "", the statements that made
// tables and indexes.
func contents(t *testing.T, path string) map[string][]string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test
	all := func(query string) (out []string) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close() //nolint:errcheck // a test
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(row...))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(out)
		return out
	}
	tables := all(`SELECT name FROM sqlite_master WHERE type = 'table'`)
	out := map[string][]string{"": all(`SELECT sql FROM sqlite_master WHERE sql IS NOT NULL`)}
	for _, table := range tables {
		out[table] = all(`SELECT * FROM ` + table)
	}
	return out
}

// age takes a store back to an older schema.
func age(t *testing.T, path string, schema int) {
	t.Helper()
	script := fmt.Sprintf("PRAGMA foreign_keys = 0; PRAGMA user_version = %d;", schema)
	for added := newest; added > schema; added-- {
		for _, table := range later[added] {
			script += "DROP TABLE " + table + ";"
		}
	}
	edit(t, path, script)
}

func schemaOf(t *testing.T, path string) (schema int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test
	if err := db.QueryRowContext(t.Context(), `PRAGMA user_version`).Scan(&schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func copied(t *testing.T, from string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A store of each older schema comes to be one of the newest, with all that it
// held: also where subjects stand, which is found anew from the decisions.
func TestEveryOlderSchemaComesForward(t *testing.T) {
	present := filepath.Join(t.TempDir(), "present.db")
	used(t, present, 20)
	if got := schemaOf(t, present); got != newest {
		t.Fatalf("the program writes schema %d; tell this test what it adds", got)
	}
	want := contents(t, present)
	for _, tables := range later {
		for _, table := range tables {
			if len(want[table]) == 0 && table != "event_targets" { // comments have none
				t.Fatalf("the store has no %s", table)
			}
		}
	}
	for schema := 2; schema < newest; schema++ {
		t.Run(fmt.Sprint("schema ", schema), func(t *testing.T) {
			path := copied(t, present)
			age(t, path, schema)
			if got := contents(t, path); len(got) == len(want) {
				t.Fatal("nothing was taken away")
			}
			openSmall(t, path)
			held := maps.Clone(want)
			for added := schema + 1; added <= newest; added++ {
				for _, table := range later[added] {
					held[table] = nil // it was not there
				}
			}
			if schema >= 3 {
				held["subjects"] = want["subjects"] // which follow from events
			}
			got := contents(t, path)
			for table, rows := range held {
				if !slices.Equal(got[table], rows) {
					t.Errorf("%q holds\n%s\nwant\n%s", table, strings.Join(got[table], "\n"), strings.Join(rows, "\n"))
				}
			}
			if len(got) != len(held) || schemaOf(t, path) != newest {
				t.Errorf("schema %d with %d tables", schemaOf(t, path), len(got))
			}
		})
	}
}

// A process that is killed while it brings a schema forward leaves the older
// one or the newer, and the next to open the store goes on.
func TestKilledWhileMigrating(t *testing.T) {
	present := filepath.Join(t.TempDir(), "present.db")
	used(t, present, 4000)
	want := contents(t, present)
	age(t, present, 3)
	want["tokens"] = nil
	inTheMiddle := 0
	for wait := time.Millisecond; ; wait = wait*3/2 + 5*time.Millisecond {
		path := copied(t, present)
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), migrateVariable+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		line, _ := bufio.NewReader(out).ReadString('\n')
		err = cmd.Wait()
		timer.Stop()
		cancel()
		_, killed := errors.AsType[*exec.ExitError](err)
		if info, err := os.Stat(path + "-wal"); killed && err == nil && info.Size() > 0 {
			inTheMiddle++
		}
		if got := schemaOf(t, path); got != 3 && got != newest {
			t.Fatalf("killed after %v: schema %d", wait, got)
		}
		openSmall(t, path)
		for table, rows := range contents(t, path) {
			if !slices.Equal(rows, want[table]) {
				t.Errorf("killed after %v: %q differs", wait, table)
			}
		}
		if line == "opened\n" || t.Failed() {
			break
		}
	}
	t.Logf("%d were killed after they had begun to write", inTheMiddle)
}
