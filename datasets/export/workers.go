package export

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
)

// turn lets the samples of an export pass one after another, in their order.
type turn struct {
	before, own chan struct{} // closed when the samples before, and this one, have passed
	once        sync.Once
}

// turns are those of n samples.
func turns(n int) []*turn {
	before := make(chan struct{})
	close(before)
	out := make([]*turn, n)
	for i := range out {
		out[i] = &turn{before: before, own: make(chan struct{})}
		before = out[i].own
	}
	return out
}

func (t *turn) wait(ctx context.Context) error {
	select {
	case <-t.before:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass lets the next one go; the caller has waited.
func (t *turn) pass() { t.once.Do(func() { close(t.own) }) }

// result is what a worker made of the sample at a place of the plan.
type result struct {
	place int
	entry *entry
	to    *Folder
	err   error
}

// addAll writes the samples that are not written yet, and returns those that
// could not be read. What ends the export is the error of the first sample in
// order, as if there were one worker.
func (w *work) addAll(ctx context.Context, done int) ([]*ScanError, error) {
	var todo []int
	for i := range w.plan.Samples {
		if w.at[i] == (span{}) {
			todo = append(todo, i)
		}
	}
	workers := w.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	w.say(done, "")
	next, stop, results := make(chan int), make(chan struct{}), make(chan result)
	go func() {
		defer close(next)
		for n := range todo {
			select {
			case next <- n:
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	queue := turns(len(todo))
	var wg sync.WaitGroup
	for range min(workers, len(todo)) {
		wg.Go(func() {
			for n := range next {
				r := w.add(ctx, todo[n], queue[n])
				r.place = n
				results <- r
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	k := &keeper{work: w, todo: todo, done: done, stop: stop, early: map[int]result{}}
	for r := range results {
		k.take(ctx, r)
	}
	if k.err == nil {
		k.err = ctx.Err()
	}
	slices.SortFunc(k.failed, func(a, b failure) int { return a.place - b.place })
	var failed []*ScanError
	for _, f := range k.failed {
		failed = append(failed, f.err)
	}
	return failed, k.err
}

// add writes a sample.
func (w *work) add(ctx context.Context, i int, t *turn) (r result) {
	s := w.plan.Samples[i]
	r.to = &Folder{root: w.to.root, turn: t}
	if w.inOrder() {
		defer func() {
			if t.wait(ctx) == nil { // where Add failed before its turn
				t.pass()
			}
		}()
	}
	scan, err := w.src.Open(ctx, s)
	if err != nil {
		r.err = &ScanError{s.Name(), err}
		return r
	}
	record, err := w.f.Add(ctx, r.to, s, &checked{s: s, scan: scan})
	if closer, ok := scan.(io.Closer); ok {
		err = errors.Join(err, closer.Close())
	}
	if err == nil {
		r.entry = &entry{Sample: s.Name(), Digest: s.Digest}
		r.entry.Record, err = json.Marshal(record)
	}
	if err == nil {
		r.entry.Files, err = r.to.take()
	}
	r.err = err
	return r
}

func (w *work) say(done int, sample string) {
	if w.o.Progress != nil {
		w.o.Progress(Progress{Done: done, Total: len(w.plan.Samples), Sample: sample})
	}
}

// keeper keeps results: for a Format that is Ordered in the samples' order, so
// that a journal has no gap.
type keeper struct {
	*work
	todo    []int
	done    int
	stop    chan struct{}
	stopped bool
	next    int            // whose result is due
	early   map[int]result // those before it was
	failed  []failure
	err     error
	place   int // that err is of
}

type failure struct {
	place int
	err   *ScanError
}

// take keeps a result, or what makes it useless.
func (k *keeper) take(ctx context.Context, r result) {
	scan, unreadable := errors.AsType[*ScanError](r.err)
	switch {
	case r.err == nil && !k.inOrder():
		k.keep(r)
	case r.err == nil:
		k.early[r.place] = r
	case unreadable && ctx.Err() == nil:
		k.failed = append(k.failed, failure{r.place, scan})
		if err := k.drop(r.to); err != nil {
			k.end(r.place, err)
		}
		k.early[r.place] = result{}
	default:
		k.end(r.place, r.err)
	}
	for !k.stopped && k.inOrder() {
		due, ok := k.early[k.next]
		if !ok {
			return
		}
		delete(k.early, k.next)
		k.next++
		if due.entry != nil {
			k.keep(due)
		}
	}
}

// end notes what ends the export, of several the first in order, and has no
// more samples begun.
func (k *keeper) end(place int, err error) {
	if k.err == nil || place < k.place {
		k.err, k.place = err, place
	}
	if !k.stopped {
		k.stopped = true
		close(k.stop)
	}
}

// keep puts a sample into the journal.
func (k *keeper) keep(r result) {
	for _, f := range r.entry.Files {
		if k.written[f.Path] {
			k.end(r.place, refuse(ErrNames, "two scans would be written to %s", f.Path))
			return
		}
	}
	at, err := k.append(r.entry)
	if err != nil {
		k.end(r.place, err)
		return
	}
	k.note(r.entry, k.todo[r.place], at)
	k.done++
	k.say(k.done, r.entry.Sample)
}
