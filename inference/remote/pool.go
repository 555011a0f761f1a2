package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Errors a caller can tell apart with errors.Is.
var (
	// ErrEndpoint: an address is no inference server's.
	ErrEndpoint = errors.New("bad address of an inference server")
	// ErrUnavailable: no server answered, or none has the models. The error
	// names the last one that was tried, and what came of it.
	ErrUnavailable = errors.New("no inference server answers")
)

// endpoint is one server.
type endpoint struct {
	address string
	transport
}

// pool calls servers until one answers.
type pool struct {
	endpoints []endpoint
	timeout   time.Duration
	rounds    int
	pause     time.Duration

	mu   sync.Mutex
	next int // the one that answered last
}

func newPool(addresses []string, o Options) (*pool, error) {
	p := &pool{timeout: o.Timeout, rounds: o.Rounds, pause: o.Pause}
	for _, address := range addresses {
		t, err := dial(strings.TrimSpace(address))
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.endpoints = append(p.endpoints, endpoint{address, t})
	}
	if len(p.endpoints) == 0 {
		return nil, fmt.Errorf("%w: none is given", ErrEndpoint)
	}
	return p, nil
}

func dial(address string) (transport, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w %q: want http://HOST:PORT, https://…, grpc://… or grpcs://…", ErrEndpoint, address)
	}
	switch u.Scheme {
	case "http", "https":
		return newHTTP(address), nil
	case "grpc", "grpcs":
		t, err := newGRPC(u.Host, u.Scheme == "grpcs")
		if err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrEndpoint, address, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("%w %q: %q is not http, https, grpc or grpcs", ErrEndpoint, address, u.Scheme)
}

func (p *pool) close() error {
	var errs []error
	for _, e := range p.endpoints {
		errs = append(errs, e.close())
	}
	return errors.Join(errs...)
}

// try makes a call at one server after the other, each with a deadline of its
// own, and goes round again after a pause that doubles. It ends with the first
// answer, with the first error that no other try would mend, or with the
// context.
func (p *pool) try(ctx context.Context, what string, call func(context.Context, transport) error) error {
	p.mu.Lock()
	at := p.next
	p.mu.Unlock()
	var last error
	pause := p.pause
	for round := range p.rounds {
		for i := range p.endpoints {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := (at + i) % len(p.endpoints)
			e := p.endpoints[n]
			limited, cancel := context.WithTimeout(ctx, p.timeout)
			err := call(limited, e.transport)
			late := limited.Err() != nil
			cancel()
			var passing *transient
			switch {
			case err == nil:
				p.mu.Lock()
				p.next = n
				p.mu.Unlock()
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case late:
				err = fmt.Errorf("no answer within %v", p.timeout)
			case !errors.As(err, &passing):
				return fmt.Errorf("%s at %s: %w", what, e.address, err)
			}
			last = fmt.Errorf("%s at %s: %w", what, e.address, err)
		}
		if round+1 == p.rounds {
			break
		}
		// Up to a half more, so that many clients do not come back at once.
		timer := time.NewTimer(pause + rand.N(pause/2+1)) //nolint:gosec // nothing secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		pause *= 2
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, last)
}

func (p *pool) infer(ctx context.Context, model string, in []tensor, out []string, limit int64) ([]tensor, error) {
	var reply []tensor
	err := p.try(ctx, model, func(ctx context.Context, t transport) (err error) {
		reply, err = t.infer(ctx, model, in, out, limit)
		return err
	})
	return reply, err
}
