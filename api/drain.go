package api

import (
	"net/http"
	"sync"
	"time"
)

// drain counts the requests that run, and takes no more of them once it began.
type drain struct {
	mu       sync.Mutex
	draining bool
	running  int
	idle     chan struct{} // closed when none runs; made by who waits for it
}

func (d *drain) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return false
	}
	d.running++
	return true
}

func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running--; d.running == 0 && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
}

// begin takes no more requests, and waits for those that run; false if they took
// longer.
func (d *drain) begin(most time.Duration) bool {
	d.mu.Lock()
	d.draining = true
	d.mu.Unlock()
	return d.wait(most)
}

func (d *drain) wait(most time.Duration) bool {
	d.mu.Lock()
	if d.running == 0 {
		d.mu.Unlock()
		return true
	}
	idle := make(chan struct{})
	d.idle = idle
	d.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-time.After(most):
		return false
	}
}

func (d *drain) began() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.draining
}

// counted lets a request through to a handler unless the service drains. How the
// service is may be asked all the same.
func (s *Service) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		if !s.drain.enter() {
			w.Header().Set("Retry-After", "5")
			w.Header().Set("Connection", "close")
			s.fail(w, r, &Error{Code: CodeServiceUnavailable, Message: "the service is stopping", Hint: "try again in a few seconds"})
			return
		}
		defer s.drain.leave()
		next.ServeHTTP(w, r)
	})
}
