package build

import (
	"context"
	"sync"
)

// Sized is a Scan that can tell what it will take.
type Sized interface {
	// Bytes is about how much memory building the scan takes at its peak; 0 where
	// that cannot be told, so that reading it says why.
	Bytes(ctx context.Context) int64
}

// admission lets scans begin while those at work stay within a budget. A scan
// that is larger than all of it works alone.
type admission struct {
	budget int64 // 0: none
	mu     sync.Mutex
	taken  int64
	work   int           // scans at work
	freed  chan struct{} // closed when one ends
}

// enter waits for room and returns the function that gives it back.
func (a *admission) enter(ctx context.Context, bytes int64) (func(), error) {
	if a.budget <= 0 {
		return func() {}, nil
	}
	for {
		a.mu.Lock()
		if a.work == 0 || a.taken+bytes <= a.budget {
			a.taken += bytes
			a.work++
			a.mu.Unlock()
			return func() { a.leave(bytes) }, nil
		}
		if a.freed == nil {
			a.freed = make(chan struct{})
		}
		freed := a.freed
		a.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (a *admission) leave(bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken -= bytes
	a.work--
	if a.freed != nil {
		close(a.freed)
		a.freed = nil
	}
}
