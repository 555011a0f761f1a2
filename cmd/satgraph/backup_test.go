package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/store/neo4j"
	"satgraph/store/neo4j/neo4jtest"
)

// everything is what a store keeps, to be compared.
type everything struct {
	Revision, Digest string
	History          []graph.Record
	Sets             []*graph.ChangeSet
	Events           []labelmap.Event
	Exemplars        []graph.Exemplar
	Tokens           []auth.Token
}

func allOf(t *testing.T, uri string) everything {
	t.Helper()
	store, err := (&app{store: uri}).namedStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // a test
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var e everything
	tree, err := store.Load(t.Context())
	must(err)
	e.Revision, e.Digest = tree.Revision, tree.Digest().String()
	e.History, err = store.History(t.Context(), 0, 1000)
	must(err)
	for _, r := range e.History {
		set, err := store.ChangeSet(t.Context(), r.ID)
		must(err)
		e.Sets = append(e.Sets, set)
	}
	e.Events, err = store.Events(t.Context(), 0, 100000)
	must(err)
	e.Exemplars, err = store.FindExemplars(t.Context(), graph.ExemplarQuery{Limit: 1000})
	must(err)
	e.Tokens, err = store.AllTokens(t.Context())
	must(err)
	return e
}

// inUse fills a store by the program, as its users do: names are changed, taken
// back and taken back again, labels imported and decided, tokens made.
func inUse(t *testing.T, uri string) {
	t.Helper()
	ctx := t.Context()
	store, err := (&app{store: uri}).namedStore(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := store.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before := tree.Terms[0]
	renamed := before
	renamed.Name += " (renamed)"
	added := graph.Term{ID: "TEST:1", Name: "one more", Kind: before.Kind, Synonyms: []graph.Synonym{{Text: "encore", Scope: graph.ScopeExact}}}
	first, err := store.Apply(ctx, graph.ChangeSet{Title: "first", Author: "Ada", Changes: []graph.Change{
		{Op: graph.UpdateTerm, Old: &before, New: &renamed},
		{Op: graph.AddTerm, New: &added},
		{Op: graph.AddRelation, Relation: graph.Relation{Child: added.ID, Parent: before.ID, Type: graph.PartOf}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	undo, err := store.Undo(ctx, first.ID, graph.ChangeSet{Author: "Bob"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Undo(ctx, undo.ID, graph.ChangeSet{Author: "Ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.AddExemplars(ctx, []graph.Exemplar{{TermID: added.ID, Dataset: "Set", Modality: "ct", Scan: "a.nii", Mask: "b.nii", Axis: 2, Slice: 7}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := auth.Issue(ctx, store, "agent", auth.Viewer, []auth.Permission{}, time.Hour, "Ada"); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	labels := filepath.Join(t.TempDir(), "labels.tsv")
	if err := os.WriteFile(labels, []byte("value\tname\n1\tleft atrium\n2\tliver\n3\tspleen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"labels", "import", labels, "--dataset", "Set", "--by", "Ada"},
		{"labels", "accept", "liver", "--term", "liver", "--dataset", "Set", "--by", "Ada"},
	} {
		if code, _, stderr := satgraph(t, append(args, "--store", uri)...); code != exitDone {
			t.Fatalf("%v: %s", args, stderr)
		}
	}
}

func same(t *testing.T, what string, have, want everything) {
	t.Helper()
	if reflect.DeepEqual(have, want) {
		return
	}
	a, _ := json.Marshal(have) // of plain structs
	b, _ := json.Marshal(want)
	if bytes.Equal(a, b) { // nil or empty
		return
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	t.Errorf("%s: differs at …%.300s… from …%.300s…", what, a[max(0, at-60):], b[max(0, at-60):])
}

func TestBackupOfSQLite(t *testing.T) {
	dir := t.TempDir()
	from, to := "sqlite:"+filepath.Join(dir, "from.db"), "sqlite:"+filepath.Join(dir, "to.db")
	file, images := filepath.Join(dir, "all.satgraph"), filepath.Join(dir, "data")
	inUse(t, from)
	scan := filepath.Join(images, "images", "ab", "scan.nii.gz")
	if err := os.MkdirAll(filepath.Dir(scan), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{scan: "a scan", filepath.Join(filepath.Dir(scan), ".half"): "half a scan"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := allOf(t, from)
	if len(want.History) != 3 || len(want.Events) < 4 || len(want.Tokens) != 1 || len(want.Exemplars) != 1 {
		t.Fatalf("the store holds %d change sets, %d events", len(want.History), len(want.Events))
	}
	run := func(code int, says string, args ...string) {
		t.Helper()
		got, out, stderr := satgraph(t, args...)
		if got != code || !strings.Contains(out+stderr, says) {
			t.Errorf("%v: exit code %d, and it says %s%s", args, got, out, stderr)
		}
	}
	run(exitDone, "3 change sets", "backup", "-o", file, "--store", from, "--images", "--data", images)
	run(exitRefused, "--force", "backup", "-o", file, "--store", from)
	run(exitDone, "is whole", "restore", file, "--check")
	run(exitDone, "1 files", "restore", file, "--store", to, "--images", "--data", filepath.Join(dir, "other"))
	same(t, "restored", allOf(t, to), want)
	if text, err := os.ReadFile(filepath.Join(dir, "other", "images", "ab", "scan.nii.gz")); err != nil || string(text) != "a scan" {
		t.Errorf("the scan: %q, %v", text, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "other", "images", "ab", ".half")); err == nil {
		t.Error("half a scan was carried")
	}

	// What is there is not touched without --force, nor while another has it open.
	run(exitRefused, "--force", "restore", file, "--store", to)
	open, err := (&app{store: to}).namedStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.AddExemplars(t.Context(), []graph.Exemplar{{TermID: "TEST:1", Dataset: "Set", Modality: "ct", Scan: "c.nii", Mask: "d.nii"}}); err != nil {
		t.Fatal(err)
	}
	run(exitRefused, "end it first", "restore", file, "--store", to, "--force")
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	run(exitDone, "restored", "restore", file, "--store", to, "--force")
	same(t, "replaced", allOf(t, to), want)

	// Whatever is wrong with the file, nothing is written.
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, text := range map[string][]byte{
		"cut": whole[:len(whole)*2/3], "flipped": flipped, "text": []byte("not an archive"), "empty": nil, "tail": whole[:len(whole)-40],
	} {
		bad := filepath.Join(dir, name)
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		run(exitUsage, "not a whole satgraph backup", "restore", bad, "--store", "sqlite:"+filepath.Join(dir, "none", "tree.db"))
	}
	if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
		t.Error("a bad file left something behind")
	}
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, []byte("my own file"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(exitFailed, "not a satgraph store", "restore", file, "--store", "sqlite:"+mine, "--force")
	if left, _ := filepath.Glob(filepath.Join(dir, ".restore-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A backup of one kind of store comes out of the other as it went in.
func TestBackupAcrossStores(t *testing.T) {
	server := neo4jtest.Open(t)
	server.Wipe(t)
	dir := t.TempDir()
	from, back := "sqlite:"+filepath.Join(dir, "from.db"), "sqlite:"+filepath.Join(dir, "back.db")
	inUse(t, from)
	want := allOf(t, from)
	there, again := filepath.Join(dir, "there"), filepath.Join(dir, "again")
	run := func(code int, args ...string) string {
		t.Helper()
		got, out, stderr := satgraph(t, args...)
		if got != code {
			t.Fatalf("%v: exit code %d: %s%s", args, got, out, stderr)
		}
		return out + stderr
	}
	run(exitDone, "backup", "-o", there, "--store", from)
	run(exitDone, "restore", there, "--store", server.URI)
	run(exitRefused, "restore", there, "--store", server.URI)
	same(t, "in Neo4j", allOf(t, server.URI), want)
	run(exitDone, "backup", "-o", again, "--store", server.URI)
	run(exitDone, "restore", again, "--store", back)
	same(t, "back in SQLite", allOf(t, back), want)

	// One that ended half-way is no store to anyone, until it is restored again.
	store, err := neo4j.Open(t.Context(), server.URI, neo4j.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.BeginRestore(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if says := run(exitFailed, "tree", "stats", "--store", server.URI); !strings.Contains(says, "not restored into it to the end") {
		t.Errorf("it says %s", says)
	}
	run(exitDone, "restore", there, "--store", server.URI, "--force")
	same(t, "restored after all", allOf(t, server.URI), want)
	if n := server.Query(t, `MATCH (c:CorpusClass) RETURN count(c)`, nil); fmt.Sprint(n[0][0]) == "0" {
		t.Error("the corpus classes are not there")
	}
}
