package api

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"satgraph/labelmap"
)

// What a feed keeps and asks for.
const (
	feedKept = 1_024 // latest events
	feedPage = 500   // events asked of the ledger at a time
)

// feed tells subscribers what is new in a ledger, whoever wrote it. It asks the
// ledger at an interval while anybody listens, and at once after a decision of
// this process. The latest events are kept once for all; who lags behind them
// reads the ledger, so that a slow one loses nothing and takes no memory.
type feed struct {
	book     *labelmap.Book
	interval time.Duration
	log      *slog.Logger
	hurry    chan struct{}

	mu        sync.Mutex
	listeners int
	stop      context.CancelFunc
	kept      []labelmap.Event // without gaps
	last      int64            // Seq of the latest that is known
	failed    error            // of the last time that the ledger was asked
	fresh     chan struct{}    // closed when there is news
}

func newFeed(book *labelmap.Book, interval time.Duration, log *slog.Logger) *feed {
	return &feed{book: book, interval: interval, log: log, hurry: make(chan struct{}, 1), fresh: make(chan struct{})}
}

// nudge has the ledger asked now.
func (f *feed) nudge() {
	if f == nil {
		return
	}
	select {
	case f.hurry <- struct{}{}:
	default:
	}
}

// listen calls each for every event behind after, in order, until ctx ends or
// each fails. With after below zero it begins with what comes next.
func (f *feed) listen(ctx context.Context, after int64, each func(e *labelmap.Event) error) error {
	if err := f.join(ctx); err != nil {
		return err
	}
	defer f.leave()
	if after < 0 {
		f.read(ctx)
		f.mu.Lock()
		after = f.last
		f.mu.Unlock()
	}
	for {
		page, fresh, err := f.next(ctx, after)
		if err != nil {
			return err
		}
		for i := range page {
			if err := each(&page[i]); err != nil {
				return err
			}
			after = page[i].Seq
		}
		if len(page) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-fresh:
		}
	}
}

// next returns events behind a place: those that are kept, or what the ledger
// has. fresh is closed when there is more.
func (f *feed) next(ctx context.Context, after int64) ([]labelmap.Event, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after >= f.last {
		return nil, f.fresh, nil
	}
	if n := len(f.kept); n > 0 && f.kept[0].Seq <= after+1 {
		from := int(after + 1 - f.kept[0].Seq)
		return f.kept[from:n:n], f.fresh, nil
	}
	f.mu.Unlock()
	page, err := f.book.Events(ctx, after, feedPage)
	f.mu.Lock()
	return page, f.fresh, err
}

// join counts a listener and starts asking with the first.
func (f *feed) join(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners == 0 {
		last, err := f.book.Last(ctx)
		if err != nil {
			return err
		}
		f.last, f.kept = last, nil
		asking, stop := context.WithCancel(context.WithoutCancel(ctx))
		f.stop = stop
		go f.ask(asking)
	}
	f.listeners++
	return nil
}

// leave stops asking with the last listener.
func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners--; f.listeners == 0 {
		f.stop()
	}
}

func (f *feed) ask(ctx context.Context) {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.hurry:
		}
		f.read(ctx)
	}
}

// read takes what is new from the ledger. While the ledger does not answer,
// listeners wait.
func (f *feed) read(ctx context.Context) {
	for {
		f.mu.Lock()
		last := f.last
		f.mu.Unlock()
		page, err := f.book.Events(ctx, last, feedPage)
		f.mu.Lock()
		if err != nil && f.failed == nil && ctx.Err() == nil {
			f.log.Warn("the ledger cannot be read: subscribers wait", "error", err)
		}
		f.failed = err
		if len(page) > 0 && f.last == last {
			kept := append(slices.Clip(f.kept), page...)
			f.kept = kept[max(0, len(kept)-feedKept):]
			f.last = page[len(page)-1].Seq
			close(f.fresh)
			f.fresh = make(chan struct{})
		}
		f.mu.Unlock()
		if len(page) < feedPage {
			return
		}
	}
}
