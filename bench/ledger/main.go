// Ledger measures what a large ledger of label decisions costs a curator who
// opens it: the store, the tree, the first list of a dataset, a decision, and
// how many labels stand where. The same events read and folded one by one, as a
// program without an index over its ledger would, are the peer.
//
//	go run ./bench/ledger
//	go run ./bench/ledger -store neo4j://localhost    # an empty database
//
// The events are made up: datasets of labels that are imported, decided on,
// commented, taken back and decided again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/labelmap"
	"satgraph/store/neo4j"
	"satgraph/store/sqlite"
)

// store is what both engines are.
type store interface {
	graph.Store
	labelmap.Ledger
}

func main() {
	events := flag.Int("events", 1_000_000, "events of the ledger")
	datasets := flag.Int("datasets", 100, "datasets that they are about")
	batch := flag.Int("batch", 20_000, "events written in one batch")
	where := flag.String("store", "", "an empty store to fill: sqlite:PATH or neo4j://… (default: a temporary file)")
	keep := flag.Bool("filled", false, "the store was filled by an earlier run")
	flag.Parse()
	if err := run(context.Background(), *events, *datasets, *batch, *where, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "bench/ledger:", err)
		os.Exit(1)
	}
}

func open(ctx context.Context, where string) (store, error) {
	if path, ok := strings.CutPrefix(where, "sqlite:"); ok {
		return sqlite.Open(ctx, path, sqlite.Options{Seed: builtin.Snapshot})
	}
	return neo4j.Open(ctx, where, neo4j.Options{Seed: builtin.Snapshot})
}

func run(ctx context.Context, events, datasets, batch int, where string, filled bool) error {
	if where == "" {
		dir, err := os.MkdirTemp("", "bench-ledger-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		where = "sqlite:" + filepath.Join(dir, "ledger.db")
	}
	if !filled {
		if err := fill(ctx, where, events, datasets, batch); err != nil {
			return err
		}
	}
	return measure(ctx, where)
}

// fill writes the events, a batch at a time.
func fill(ctx context.Context, where string, events, datasets, batch int) (err error) {
	s, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if some, err := s.Events(ctx, 0, 1); err != nil || len(some) > 0 {
		return errors.Join(err, errors.New("the store holds decisions already; give an empty one, or -filled"))
	}
	snapshot, err := s.Load(ctx)
	if err != nil {
		return err
	}
	made := story(snapshot.Terms, events, datasets)
	began := time.Now()
	for from := 0; from < len(made); from += batch {
		if _, err := s.Append(ctx, made[from:min(from+batch, len(made))]); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\r%d events written", min(from+batch, len(made)))
	}
	took := time.Since(began)
	fmt.Fprintf(os.Stderr, "\r")
	fmt.Printf("%-52s %10s   %.0f events/s\n", fmt.Sprintf("writing %d events in batches of %d", events, batch), short(took), float64(events)/took.Seconds())
	return nil
}

// story makes up what curators do: every label is imported, decided, and then
// most of a handful of further things happen to it.
func story(terms []graph.Term, events, datasets int) []labelmap.Event {
	const each = 5 // events of a label
	labels := max(1, events/each/datasets)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	out := make([]labelmap.Event, 0, events)
	for n := 0; len(out) < events; n++ {
		dataset, k := n/labels, n%labels
		term := &terms[(n*7919)%len(terms)]
		l := &labelmap.RawLabel{Dataset: fmt.Sprintf("dataset %03d", dataset), Name: term.Name, Values: []int64{int64(k + 1)}, Modality: "ct"}
		s := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: l.Dataset, Key: l.Key()}
		verdict := &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{{TermID: term.ID, Name: term.Name, Predicate: labelmap.Exact, Fingerprint: "0123456789abcdef"}}}
		for v := range min(each, events-len(out)) {
			e := labelmap.Event{
				ID: fmt.Sprintf("event %08d", len(out)), Batch: fmt.Sprintf("batch %06d", len(out)/1000), Time: start.Add(time.Duration(len(out)) * time.Second),
				Actor: []string{"ann", "bob", "carol"}[n%3], Tool: "satgraph bench", Subject: s, Version: int64(v),
			}
			switch v {
			case 0:
				e.Action, e.Label = labelmap.ActImport, l
			case 1:
				e.Action, e.Verdict = labelmap.ActDecide, verdict
				e.Suggestion = &labelmap.Offer{TermID: term.ID, Score: 0.9, Rank: 1, Tool: "satgraph bench"}
			case 2:
				e.Action, e.Comment = labelmap.ActComment, "seen in the atlas"
			case 3:
				e.Action, e.Ref = labelmap.ActUndo, out[len(out)-2].ID
			default:
				e.Action, e.Verdict = labelmap.ActDecide, verdict
			}
			out = append(out, e)
		}
	}
	return out
}

// measure opens the store as a command does, and prints what each step takes.
func measure(ctx context.Context, where string) error {
	began := time.Now()
	step := began
	lap := func(what, more string) {
		now := time.Now()
		fmt.Printf("%-52s %10s   %s\n", what, short(now.Sub(step)), more)
		step = now
	}
	s, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // the end
	snapshot, err := s.Load(ctx)
	if err != nil {
		return err
	}
	tree, err := snapshot.Tree()
	if err != nil {
		return err
	}
	lap("opening the store, reading and indexing the tree", "")
	book := labelmap.NewBook(s, "satgraph bench")
	dataset := "dataset 000"
	states, err := book.States(ctx, dataset, labelmap.SubjectLabel)
	if err != nil {
		return err
	}
	touched := labelmap.FindTouched(tree, states)
	lap("first list of a dataset", fmt.Sprintf("%d labels, of which the tree touched %d", len(states), len(touched)))
	st := &states[len(states)/2]
	if _, err := book.Write(ctx, "dave", labelmap.Entry{Subject: st.Subject, Version: st.Version, Action: labelmap.ActDecide, Verdict: &st.Votes[0].Verdict}); err != nil {
		return err
	}
	lap("writing a decision", "")
	opens := time.Since(began)
	fmt.Printf("%-52s %10s\n", "= opens: from nothing to a decision written", short(opens))
	step = time.Now()
	counts, err := book.Counts(ctx, "")
	if err != nil {
		return err
	}
	lap("how many labels of each dataset stand where", fmt.Sprintf("%d rows", len(counts)))
	page, err := book.Find(ctx, labelmap.SubjectQuery{Statuses: []labelmap.Status{labelmap.Settled}, After: states[len(states)-1].Subject, Limit: 100})
	if err != nil {
		return err
	}
	lap("a page of the settled labels of all datasets", fmt.Sprintf("%d labels", len(page)))
	labels := make([]labelmap.RawLabel, 0, 150)
	for i := range states[:min(150, len(states))] {
		labels = append(labels, *states[i].Label)
	}
	precedents, err := book.Precedents(ctx, labels)
	if err != nil {
		return err
	}
	lap("what 150 labels were settled as elsewhere", fmt.Sprintf("%d names", len(precedents)))
	return replay(ctx, s, dataset, opens)
}

// replay is the peer: all events are read and folded, to list one dataset.
func replay(ctx context.Context, s store, dataset string, opens time.Duration) error {
	began := time.Now()
	subjects := map[labelmap.Subject][]labelmap.Event{}
	n := 0
	err := labelmap.NewBook(s, "satgraph bench").Each(ctx, 0, func(e *labelmap.Event) error {
		subjects[e.Subject] = append(subjects[e.Subject], *e)
		n++
		return nil
	})
	if err != nil {
		return err
	}
	labels := 0
	for subject, events := range subjects {
		if subject.Dataset == dataset {
			labels++
		}
		_ = labelmap.Fold(subject, events, 1)
	}
	took := time.Since(began)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%-52s %10s   %d events, %d MB; %.0f times what opening takes\n", "peer: reading and folding all events", short(took), n, m.HeapAlloc>>20, took.Seconds()/opens.Seconds())
	return nil
}

func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
}
