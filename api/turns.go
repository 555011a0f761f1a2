package api

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// errBusy means that a request found no room to wait in.
var errBusy = errors.New("too many requests wait")

// turns lets a bounded number of requests work at once. The others wait, and the
// next turn goes to the caller who has had the fewest, so that one who asks for
// much waits for themselves and not in front of the others. Requests of one lane
// are of a kind, so turns are counted, not the time that they take: a turn that the
// machine held up is nobody's fault. It is safe for concurrent use.
type turns struct {
	most    int // requests that work
	waiting int // requests that wait, at most

	mu      sync.Mutex
	working int
	waits   int
	clock   int // turns of the caller who got the last one
	callers map[string]*line
	queued  []*line // those with requests that wait
}

// A line is one caller's requests.
type line struct {
	had     int // turns; idle callers are brought up to the others
	working int
	queue   []*ticket // the oldest first
}

// A ticket is a request that waits; granted is closed when its turn comes, or
// when it is sent away.
type ticket struct {
	granted chan struct{}
	refused bool
}

func newTurns(most, waiting int) *turns {
	return &turns{most: most, waiting: waiting, callers: map[string]*line{}}
}

// lanes are the turns of each kind of work: what takes little of a processor, what
// takes much, and what waits for a store or the jobs. None holds up another.
type lanes struct{ short, long, store *turns }

// atStore is how many requests at once may wait for a store.
const atStore = 64

func newLanes(requests int) lanes {
	processors := runtime.GOMAXPROCS(0)
	return lanes{short: newTurns(processors, requests), long: newTurns(max(1, processors/2), requests), store: newTurns(atStore, requests)}
}

// take waits for a turn of the caller. Call leave when it is over. Errors:
// errBusy, or the context's.
func (t *turns) take(ctx context.Context, caller string) (leave func(), err error) {
	t.mu.Lock()
	l := t.callers[caller]
	if l == nil {
		l = &line{}
		t.callers[caller] = l
	}
	if l.working == 0 && len(l.queue) == 0 {
		l.had = max(l.had, t.clock) // nobody saves turns up by not asking
	}
	if t.working < t.most {
		t.start(l)
		t.mu.Unlock()
		return t.leaving(caller, l), nil
	}
	if t.waits >= t.waiting && !t.makeRoom(l) {
		t.forget(caller, l)
		t.mu.Unlock()
		return nil, errBusy
	}
	own := &ticket{granted: make(chan struct{})}
	if len(l.queue) == 0 {
		t.queued = append(t.queued, l)
	}
	l.queue = append(l.queue, own)
	t.waits++
	t.mu.Unlock()
	select {
	case <-own.granted:
	case <-ctx.Done():
		if t.withdraw(caller, l, own) {
			return nil, ctx.Err()
		}
		// Its turn, or its refusal, came in the same moment.
	}
	if own.refused {
		return nil, errBusy
	}
	return t.leaving(caller, l), nil
}

// start has a request of the line work. The caller holds the lock.
func (t *turns) start(l *line) {
	t.working++
	l.working++
	t.clock = max(t.clock, l.had)
	l.had++
}

// leaving gives the turn back, and the next one to whoever is due.
func (t *turns) leaving(caller string, l *line) func() {
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.working--
		l.working--
		for t.working < t.most && len(t.queued) > 0 {
			next := slices.MinFunc(t.queued, func(a, b *line) int { return cmp.Compare(a.had, b.had) })
			first := next.queue[0]
			t.drop(next, 0)
			t.start(next)
			close(first.granted)
		}
		t.forget(caller, l)
	}
}

// drop takes a request out of a line.
func (t *turns) drop(l *line, at int) {
	l.queue = slices.Delete(l.queue, at, at+1)
	t.waits--
	if len(l.queue) == 0 {
		t.queued = slices.DeleteFunc(t.queued, func(other *line) bool { return other == l })
	}
}

// makeRoom sends away the youngest request of the longest line, if that is longer
// than the newcomer's.
func (t *turns) makeRoom(newcomer *line) bool {
	longest := newcomer
	for _, l := range t.queued {
		if len(l.queue) > len(longest.queue) {
			longest = l
		}
	}
	if longest == newcomer {
		return false
	}
	last := longest.queue[len(longest.queue)-1]
	t.drop(longest, len(longest.queue)-1)
	last.refused = true
	close(last.granted)
	return true
}

// withdraw takes a ticket from its line; false where it is no longer there.
func (t *turns) withdraw(caller string, l *line, own *ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(l.queue, own)
	if at < 0 {
		return false
	}
	t.drop(l, at)
	t.forget(caller, l)
	return true
}

// mostLines is how many callers are remembered who ask nothing now and have had
// more than others.
const mostLines = 1_000

// forget drops a line with nothing in it, unless it has had more than the others,
// and every line once nothing is asked.
func (t *turns) forget(caller string, l *line) {
	switch {
	case t.working == 0 && t.waits == 0:
		clear(t.callers)
		t.clock = 0
	case l.working == 0 && len(l.queue) == 0 && (l.had <= t.clock || len(t.callers) > mostLines):
		delete(t.callers, caller)
	}
}
