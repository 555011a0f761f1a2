package api

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/gates"
	"satgraph/datasets/impact"
	"satgraph/labelmap"
)

// Corpus is what a service knows of datasets and of the corpus made of them. All of
// it may be left out.
type Corpus struct {
	// Catalog holds the records of datasets; nil for the built-in ones.
	Catalog *catalog.Catalog
	// Scans is the scan list of the corpus, Before an earlier version of it; nil
	// where there is none.
	Scans, Before *corpus.Index
	// Waivers accept findings of the gates.
	Waivers []gates.Waiver
	// Exports are the manifests of finished exports; each Path is the name that
	// clients are told.
	Exports []impact.Manifest
}

// shelf holds a corpus with what is counted of it once.
type shelf struct {
	Corpus
	classes  []*catalog.Class
	byClass  map[classKey]*catalog.Class
	byTerm   map[string][]*catalog.Class
	stats    func() *corpus.Stats
	findings func() []corpus.Finding
	diff     func() *corpus.Diff

	mu      sync.Mutex
	reports map[reportKey]*gates.Report
}

type classKey struct {
	modality catalog.Modality
	name     string
}

// reportKey has the day, since waivers end.
type reportKey struct {
	use   gates.Use
	day   string
	build string // and its version; empty for records and list alone
}

// mostReports bounds the reports that are kept.
const mostReports = 64

// keepReport keeps a report for the day. k.mu is held.
func (s *shelf) keepReport(key reportKey, r *gates.Report) {
	maps.DeleteFunc(s.reports, func(k reportKey, _ *gates.Report) bool { return k.day != key.day })
	if len(s.reports) >= mostReports {
		clear(s.reports)
	}
	s.reports[key] = r
}

func newShelf(c Corpus) (*shelf, error) {
	s := &shelf{Corpus: c, byClass: map[classKey]*catalog.Class{}, byTerm: map[string][]*catalog.Class{}, reports: map[reportKey]*gates.Report{}}
	classes, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	if s.Catalog == nil {
		if s.Catalog, err = catalog.Builtin(); err != nil {
			return nil, err
		}
	}
	s.classes = pointers(classes)
	for _, x := range s.classes {
		s.byClass[classKey{x.Modality, x.Name}] = x
		s.byTerm[x.TermID] = append(s.byTerm[x.TermID], x)
	}
	s.stats = sync.OnceValue(func() *corpus.Stats {
		if s.Scans == nil {
			return corpus.StatsOf(s.Catalog, classes, corpus.Options{})
		}
		return s.Scans.Stats(classes, corpus.Options{})
	})
	s.findings = sync.OnceValue(func() []corpus.Finding {
		if s.Scans == nil {
			return nil
		}
		return s.Scans.Findings()
	})
	s.diff = sync.OnceValue(func() *corpus.Diff {
		if s.Scans == nil || s.Before == nil {
			return nil
		}
		return s.Before.Compare(s.Scans)
	})
	return s, nil
}

// meanings are what datasets mean by classes.
func (s *shelf) meanings(ctx context.Context, d *desk, settledOnly bool) (*catalog.Meanings, error) {
	if err := spend(ctx, planCost); err != nil {
		return nil, err
	}
	states, err := d.statesOf(ctx, labelmap.SubjectQuery{Kind: labelmap.SubjectRecipe}, "the store's recipes")
	if err != nil {
		return nil, err
	}
	known := s.Catalog
	if settledOnly {
		known = nil
	}
	return catalog.MeaningsOf(states, known), nil
}

// card writes the data card.
func (s *shelf) card(title string) (string, error) {
	c := &corpus.Card{Title: title, Catalog: s.Catalog, Stats: s.stats(), Findings: s.findings()}
	if s.Scans != nil {
		c.Version = s.Scans.Version()
	}
	var b strings.Builder
	err := c.WriteMarkdown(&b)
	return b.String(), err
}

// ground is what the impact of a decision is counted in.
func (s *shelf) ground() *impact.Ground {
	return &impact.Ground{Catalog: s.Catalog, Index: s.Scans, Exports: s.Exports}
}

// report runs the gates for a use, once a day.
func (s *shelf) report(ctx context.Context, use gates.Use) (*gates.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	key := reportKey{use, now.UTC().Format(time.DateOnly), ""}
	if r := s.reports[key]; r != nil {
		return r, nil
	}
	r, err := gates.Run(ctx, gates.Input{Catalog: s.Catalog, Index: s.Scans, Before: s.Before, Use: use, Waivers: s.Waivers, Now: now})
	if err == nil {
		s.keepReport(key, r)
	}
	return r, err
}
