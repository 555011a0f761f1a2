package auth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates bounds how often each caller may ask. It is safe for concurrent use
// and remembers a bounded number of callers.
type Rates struct {
	perSecond rate.Limit
	burst     int

	mu      sync.Mutex
	callers map[string]*caller
	now     func() time.Time
}

type caller struct {
	limit *rate.Limiter
	seen  time.Time
}

// mostCallers are remembered at once: 2 MB.
const mostCallers = 10_000

// NewRates allows each caller so many requests a second in the long run, and
// so many at once.
func NewRates(perSecond float64, burst int) *Rates {
	return &Rates{
		perSecond: rate.Limit(perSecond), burst: burst,
		callers: make(map[string]*caller), now: time.Now,
	}
}

// Allow takes one request of a caller; where it is one too many, wait is how
// long until it would not be.
func (r *Rates) Allow(key string) (wait time.Duration, ok bool) { return r.take(key, 0) }

// AllowKeeping is Allow for a request that is to leave the caller a part of what may
// be asked at once: a quarter, rounded down.
func (r *Rates) AllowKeeping(key string) (wait time.Duration, ok bool) {
	const part = 4
	return r.take(key, r.burst/part)
}

// take takes one request, if so many are left after it.
func (r *Rates) take(key string, left int) (wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	c := r.callers[key]
	if c == nil {
		if len(r.callers) >= mostCallers {
			r.forget(now)
		}
		c = &caller{limit: rate.NewLimiter(r.perSecond, r.burst)}
		r.callers[key] = c
	}
	c.seen = now
	reservation := c.limit.ReserveN(now, 1+left)
	if !reservation.OK() {
		return time.Hour, false // a burst of 0 lets nobody through
	}
	wait = reservation.DelayFrom(now)
	reservation.CancelAt(now)
	if wait > 0 {
		return wait, false
	}
	c.limit.AllowN(now, 1)
	return 0, true
}

// forget drops the callers whose limiter is full again, which makes no
// difference to them, and if that is not enough those not seen for longest.
func (r *Rates) forget(now time.Time) {
	var oldest string
	for key, c := range r.callers {
		if c.limit.TokensAt(now) >= float64(r.burst) {
			delete(r.callers, key)
			continue
		}
		if oldest == "" || c.seen.Before(r.callers[oldest].seen) {
			oldest = key
		}
	}
	if len(r.callers) >= mostCallers {
		delete(r.callers, oldest)
	}
}
