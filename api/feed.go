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
	listeners map[*listener]bool
	stop      context.CancelFunc
	kept      []labelmap.Event // without gaps
	last      int64            // Seq of the latest that is known
	failed    error            // of the last time that the ledger was asked
}

// A listener is one of thousands that wait for hours: it has a goroutine only while
// there is something to tell it.
type listener struct {
	ctx     context.Context //nolint:containedctx // its life
	each    func(e *labelmap.Event) error
	end     func(err error)
	unwatch func() bool // ctx
	after   int64       // Seq of the last event that it was told
	told    bool        // a goroutine tells it what is new
}

func newFeed(book *labelmap.Book, interval time.Duration, log *slog.Logger) *feed {
	return &feed{book: book, interval: interval, log: log, hurry: make(chan struct{}, 1), listeners: map[*listener]bool{}}
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

// listen has each called for every event behind after, in order, until ctx ends or
// each fails, and then end, once, with the error. With after below zero it begins
// with what comes next. It does not wait for any of this.
func (f *feed) listen(ctx context.Context, after int64, each func(e *labelmap.Event) error, end func(err error)) {
	l := &listener{ctx: ctx, after: after, each: each, end: end}
	if err := f.join(ctx, l); err != nil {
		end(err)
		return
	}
	if after < 0 {
		f.read(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if after < 0 {
		l.after = f.last
	}
	l.unwatch = context.AfterFunc(ctx, func() { f.leave(l, ctx.Err()) })
	l.told = false
	f.tell(l)
}

// tell has a listener told what is new, if there is anything. The caller holds the
// lock.
func (f *feed) tell(l *listener) {
	if l.told || l.after >= f.last {
		return
	}
	l.told = true
	go func() {
		for {
			page, err := f.next(l)
			for i := 0; i < len(page) && err == nil; i++ {
				if err = l.ctx.Err(); err == nil {
					err = l.each(&page[i])
				}
				l.after = page[i].Seq
			}
			switch {
			case err != nil:
				f.leave(l, err)
				return
			case len(page) == 0:
				return
			}
		}
	}()
}

// next gives events that a listener has not been told: those that are kept, or what
// the ledger has. Without any, nobody tells it any longer.
func (f *feed) next(l *listener) (page []labelmap.Event, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.kept); l.after < f.last && n > 0 && f.kept[0].Seq <= l.after+1 {
		return f.kept[l.after+1-f.kept[0].Seq : n : n], nil
	}
	if l.after < f.last {
		f.mu.Unlock()
		page, err = f.book.Events(l.ctx, l.after, feedPage)
		f.mu.Lock()
	}
	l.told = len(page) > 0 || err != nil
	return page, err
}

// join counts a listener, to which nothing is told yet, and starts asking with the
// first.
func (f *feed) join(ctx context.Context, l *listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.listeners) == 0 {
		last, err := f.book.Last(ctx)
		if err != nil {
			return err
		}
		f.last, f.kept = last, nil
		asking, stop := context.WithCancel(context.WithoutCancel(ctx))
		f.stop = stop
		go f.ask(asking)
	}
	l.told = true
	f.listeners[l] = true
	return nil
}

// leave ends a listener, and the asking with the last.
func (f *feed) leave(l *listener, err error) {
	f.mu.Lock()
	there := f.listeners[l]
	delete(f.listeners, l)
	if there && len(f.listeners) == 0 {
		f.stop()
	}
	f.mu.Unlock()
	if there {
		l.unwatch()
		l.end(err)
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
			for l := range f.listeners {
				f.tell(l)
			}
		}
		f.mu.Unlock()
		if len(page) < feedPage {
			return
		}
	}
}
