package api_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"satgraph/api"
	"satgraph/labelmap"
)

// counted counts the questions to a ledger.
type counted struct {
	labelmap.Ledger
	asked atomic.Int64
}

func (c *counted) Subject(ctx context.Context, s labelmap.Subject) ([]labelmap.Event, error) {
	c.asked.Add(1)
	return c.Ledger.Subject(ctx, s)
}

func (c *counted) Subjects(ctx context.Context, q labelmap.SubjectQuery) ([][]labelmap.Event, error) {
	c.asked.Add(1)
	return c.Ledger.Subjects(ctx, q)
}

// What is asked of each item of a list is asked of the store a few times, however
// long the list is.
func TestListsAskTheStoreOnce(t *testing.T) {
	ledger := &counted{Ledger: labelmap.NewMemory()}
	book := labelmap.NewBook(ledger, "satgraph test")
	var entries []labelmap.Entry
	for d := range 200 {
		for i := range 3 {
			l := &labelmap.RawLabel{Dataset: fmt.Sprintf("Set %03d", d), Name: fmt.Sprintf("thing %d", i)}
			entries = append(entries, labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: l.Dataset, Key: l.Key()}, Action: labelmap.ActImport, Label: l})
		}
		entries = append(entries, labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: fmt.Sprintf("Set %03d", d)}, Action: labelmap.ActPolicy, Reviewers: 1 + d%2, Comment: "so"})
	}
	for i := range 200 {
		l := &labelmap.RawLabel{Dataset: "Large", Name: fmt.Sprintf("thing %04d", i)}
		entries = append(entries, labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Large", Key: l.Key()}, Action: labelmap.ActImport, Label: l})
	}
	if _, err := book.Write(t.Context(), "ann", entries...); err != nil {
		t.Fatal(err)
	}
	s := start(t, nil, func(c *api.Config) { c.Ledger = ledger })
	for _, c := range []struct {
		query string
		most  int64
	}{
		{`{datasets(first: 150) {nodes {name state {reviewers}}}}`, 4},
		{`{dataset(name: "Large") {labels(first: 150) {nodes {key history {action by}}}}}`, 6},
		{`{dataset(name: "Large") {labels(first: 150) {nodes {key a: history {id} b: history(limit: 1) {id}}}}}`, 6},
	} {
		ledger.asked.Store(0)
		a := s.ask(c.query)
		if n := ledger.asked.Load(); len(a.Errors) > 0 || n > c.most {
			t.Errorf("%s: %d questions to the ledger, want at most %d; %v", c.query, n, c.most, a.Errors)
		}
	}
	a := s.ask(`{datasets(first: 1000) {nodes {name state {reviewers version}}}}`)
	list, _ := a.at(t, "datasets", "nodes").([]any)
	for i := range list {
		name, want := a.at(t, "datasets", "nodes", i, "name"), 1.0
		var n int
		if _, err := fmt.Sscanf(fmt.Sprint(name), "Set %d", &n); err == nil {
			want = float64(1 + n%2)
		}
		if a.at(t, "datasets", "nodes", i, "state", "reviewers") != want {
			t.Errorf("%v has %v reviewers, want %v", name, a.at(t, "datasets", "nodes", i, "state", "reviewers"), want)
		}
	}
	if len(list) != 201 {
		t.Errorf("%d datasets", len(list))
	}
}
