package api

import (
	"context"
	"math"
	"sync"
	"time"
)

// Who is refused often gives way to the others: from this many refusals on, of
// which one a second is forgiven, a caller's requests wait until nobody else has
// asked for a moment, though not for ever.
const (
	toleratedRefusals = 10
	mostRefusals      = 60 // that count: after a minute all are forgiven
	quietMoment       = 50 * time.Millisecond
	longestWay        = 500 * time.Millisecond
	mostWaysGiven     = 1_000 // requests that give way at once
)

// giveWay remembers who was refused often of late. It is safe for concurrent use.
type giveWay struct {
	mu      sync.Mutex
	callers map[string]*conduct
	good    time.Time // when one who need not give way asked last
	held    int
}

type conduct struct {
	refusals float64
	at       time.Time
}

// isFault says whether a refusal is the caller's fault.
func isFault(r *response) bool {
	if len(r.errors) > 0 {
		switch code, _ := r.errors[0].Extensions["code"].(string); Code(code) {
		case CodePersistedNotFound, CodeBusy, CodeTimeout, CodeServiceUnavailable, CodeInternal:
			return false
		}
	}
	return true
}

// refused puts a refusal down.
func (g *giveWay) refused(caller string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.callers == nil {
		g.callers = map[string]*conduct{}
	}
	c := g.callers[caller]
	if c == nil {
		g.forget()
		c = &conduct{}
		g.callers[caller] = c
	}
	c.refusals, c.at = min(c.now()+1, mostRefusals), time.Now()
}

// now is how many refusals are not forgiven yet.
func (c *conduct) now() float64 { return max(0, c.refusals-time.Since(c.at).Seconds()) }

// mostConducts are remembered at once.
const mostConducts = 10_000

// forget makes room where too many are remembered: of some of them, those go who are
// forgiven, or else the one with the fewest refusals, so that many new names do not
// push out who was refused much.
func (g *giveWay) forget() {
	if len(g.callers) < mostConducts {
		return
	}
	const looked = 32
	n, least, fewest := 0, "", math.Inf(1)
	for name, c := range g.callers {
		switch now := c.now(); {
		case now == 0:
			delete(g.callers, name)
			fewest = -1
		case now < fewest:
			least, fewest = name, now
		}
		if n++; n == looked {
			break
		}
	}
	if fewest >= 0 {
		delete(g.callers, least)
	}
}

// asked notes that somebody asked for whom others give way.
func (g *giveWay) asked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.good = time.Now()
}

// wait lets a caller's request go on at once, or gives way with it. Errors:
// errBusy where too many give way already, or the context's.
func (g *giveWay) wait(ctx context.Context, caller string) error {
	g.mu.Lock()
	c := g.callers[caller]
	if c == nil || c.now() < toleratedRefusals {
		g.good = time.Now()
		g.mu.Unlock()
		return nil
	}
	if g.held >= mostWaysGiven {
		g.mu.Unlock()
		return errBusy
	}
	g.held++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.held--
		g.mu.Unlock()
	}()
	for end := time.Now().Add(longestWay); ; {
		g.mu.Lock()
		quiet := g.good.Add(quietMoment)
		g.mu.Unlock()
		pause := min(time.Until(quiet), time.Until(end))
		if pause <= 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
