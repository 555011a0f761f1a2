package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"satgraph/graph"
	"satgraph/labelmap"
)

// The environment of a process that the suite starts: what it does, and on
// which database.
const (
	roleVariable = "SATGRAPH_STORETEST_ROLE"
	nameVariable = "SATGRAPH_STORETEST_NAME"
)

// The roles of other processes.
const (
	roleCount = "count" // increments childRounds times
	roleWatch = "watch" // prints the revision, and the next one it sees
	roleWrite = "write" // applies big change sets until it is killed

	roleComment = "comment" // writes childRounds comments on the shared label
	roleImport  = "import"  // imports labels until it is killed
)

const childRounds = 5

// Main runs an engine's tests. Where the suite started this program as another
// process, it does that work instead, on the database that open opens.
func Main(m *testing.M, open func(ctx context.Context, name string) (Store, error)) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := work(role, func(ctx context.Context) (Store, error) { return open(ctx, os.Getenv(nameVariable)) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(role string, open func(ctx context.Context) (Store, error)) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	switch role {
	case roleCount:
		for range childRounds {
			if err := increment(ctx, s); err != nil {
				return err
			}
		}
		return nil
	case roleWatch:
		first, err := s.Revision(ctx)
		if err != nil {
			return err
		}
		fmt.Println(first)
		for {
			now, err := s.Revision(ctx)
			if err != nil {
				return err
			}
			if now != first {
				loaded, err := s.Load(ctx)
				if err != nil {
					return err
				}
				fmt.Println(now, loaded.Digest())
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
	case roleWrite:
		for {
			now, err := s.Load(ctx)
			if err != nil {
				return err
			}
			next := bigTree(now.Terms[0].Name == "even")
			cs := graph.Diff(now, &next)
			cs.Title, cs.Author = "big", "suite"
			fmt.Println("writing")
			// A server may still be committing what the one killed before sent.
			if _, err := s.Apply(ctx, cs); err != nil && !errors.Is(err, graph.ErrConflict) {
				return err
			}
			fmt.Println("written")
		}
	case roleComment, roleImport:
		l, ok := s.(labelmap.Ledger)
		if !ok {
			return fmt.Errorf("%T is no ledger", s)
		}
		if role == roleComment {
			return comments(ctx, l, fmt.Sprint("process ", os.Getpid()), childRounds)
		}
		return importsForever(ctx, l)
	default:
		return fmt.Errorf("unknown role %q", role)
	}
}

// bigTree has two forms that share few terms, so that a change from one to the
// other removes, adds and updates many.
func bigTree(odd bool) graph.Snapshot {
	name := "even"
	if odd {
		name = "odd"
	}
	s := graph.Snapshot{}
	for i := range 600 {
		id := fmt.Sprintf("B:%05d", i)
		if i%3 > 0 {
			id += name
		}
		s.Terms = append(s.Terms, graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy, Xrefs: []string{name}})
		if i > 0 {
			s.Relations = append(s.Relations, graph.Relation{Child: id, Parent: s.Terms[i/2].ID, Type: graph.PartOf})
		}
	}
	s.Sort()
	s.Revision = s.Digest().Revision()
	return s
}

// start starts this test program in a role on db. stop kills it if it still
// runs and returns what it wrote to stderr.
func start(t *testing.T, db Database, role string) (child *exec.Cmd, out *bufio.Scanner, stop func() string) {
	t.Helper()
	child = exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // itself
	child.Env = append(os.Environ(), roleVariable+"="+role, nameVariable+"="+db.Name())
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	child.Stderr = &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() string {
		once.Do(func() {
			_ = child.Process.Kill()
			_, _ = io.Copy(io.Discard, pipe)
			_ = child.Wait()
		})
		return said.String()
	}
	t.Cleanup(func() { stop() })
	return child, bufio.NewScanner(pipe), stop
}

func processes(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, chain("r1", 3))
	const children = 3
	var wait sync.WaitGroup
	for range children {
		child, out, stop := start(t, db, roleCount)
		wait.Go(func() {
			for out.Scan() {
				t.Log(out.Text())
			}
			if err := child.Wait(); err != nil {
				t.Errorf("%v: %s", err, stop())
			}
		})
	}
	wait.Wait()
	counted(t, s, children*childRounds)
}

func seen(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, Snapshot())
	_, out, stop := start(t, db, roleWatch)
	if !out.Scan() || out.Text() != "r1" {
		t.Fatalf("the other process sees %q: %s", out.Text(), stop())
	}
	record := apply(t, s, renamed("T:1", "body", "trunk"))
	want := Snapshot()
	want.Terms[0].Name = "trunk"
	if !out.Scan() || out.Text() != record.Revision+" "+want.Digest().String() {
		t.Errorf("the other process sees %q, want the revision %s: %s", out.Text(), record.Revision, stop())
	}
}

// killed kills a writing process at many moments of its work: what it leaves
// must be one tree or the other, with the record of each change that was done
// and no other, and be ready for the next writer.
func killed(t *testing.T, db Database) {
	t.Helper()
	s := open(t, db)
	replace(t, s, bigTree(false))
	trees := map[string]graph.Snapshot{}
	for _, odd := range []bool{false, true} {
		tree := bigTree(odd)
		trees[tree.Revision] = tree
	}
	took := time.Hour // of one change set, when all is warm
	written, unfinished := 0, 0
	for _, odd := range []bool{true, false, true} {
		from, to := bigTree(!odd), bigTree(odd)
		began := time.Now()
		apply(t, s, graph.Diff(&from, &to))
		took = min(took, time.Since(began))
		written++
	}
	const kills = 8
	for kill := range kills {
		_, out, stop := start(t, db, roleWrite)
		if !out.Scan() || out.Text() != "writing" {
			t.Fatalf("the writer says %q: %s", out.Text(), stop())
		}
		time.Sleep(3 * took * time.Duration(kill) / kills)
		said := stop()
		if said != "" {
			t.Errorf("kill %d: the writer says: %s", kill, said)
		}
		now, history := present(t, s)
		if want, ok := trees[now.Revision]; !ok || now.Digest() != want.Digest() {
			t.Fatalf("kill %d: the store holds the revision %s, neither tree", kill, now.Revision)
		}
		for i, r := range history {
			if want := trees[r.Revision]; r.Number != len(history)-i || i == 0 && r.Revision != now.Revision || want.Revision == "" {
				t.Errorf("kill %d: the history has %+v after %d records", kill, r, i)
			}
		}
		if len(history) == written {
			unfinished++
		}
		written = len(history)
	}
	_, history := present(t, s)
	if _, err := s.Undo(context.Background(), history[0].ID, graph.ChangeSet{}); err != nil {
		t.Errorf("after %d kills: %v", kills, err)
	}
	t.Logf("%d kills: %d left no trace, the others a whole change set or more; one takes %v", kills, unfinished, took.Round(time.Millisecond))
	if unfinished == 0 {
		t.Error("no kill came in the middle of a change set")
	}
}

// present returns the tree and the history of one moment.
func present(t *testing.T, s Store) (*graph.Snapshot, []graph.Record) {
	t.Helper()
	for {
		now, err := s.Load(context.Background())
		if err != nil {
			t.Fatalf("Load: %v", err)
		}
		history, err := s.History(context.Background(), 0, 10_000)
		if err != nil {
			t.Fatalf("History: %v", err)
		}
		if revision(t, s) == now.Revision {
			return now, history
		}
	}
}
