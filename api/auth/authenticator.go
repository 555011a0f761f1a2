package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Config says whom the service knows.
type Config struct {
	// Tokens are the API tokens; nil where there are none.
	Tokens Tokens
	// OIDC takes the tokens of a provider; nil takes none.
	OIDC *OIDC
	// Unnamed is who a request without credentials comes from: an Identity of
	// the role Anonymous or Nobody, or Local on a service that only its own
	// machine reaches.
	Unnamed Identity
	// Refresh is how long a token that was found is not looked up again, so
	// how soon a revocation reaches every process; 0 means 5 s.
	Refresh time.Duration
	// Log takes what callers are not told; nil discards it.
	Log *slog.Logger
}

// Authenticator finds out who sends a request. It is safe for concurrent use.
type Authenticator struct {
	config   Config
	provider *provider
	now      func() time.Time

	mu    sync.Mutex
	known map[string]found // tokens by id
}

// found is a token as it was looked up.
type found struct {
	token Token
	at    time.Time
}

// mostKnown tokens are kept in memory.
const mostKnown = 10_000

// New checks the configuration.
func New(c Config) (*Authenticator, error) {
	if c.Refresh <= 0 {
		c.Refresh = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &Authenticator{config: c, now: time.Now, known: make(map[string]found)}
	if c.OIDC != nil {
		p, err := newProvider(*c.OIDC)
		if err != nil {
			return nil, err
		}
		a.provider = p
	}
	return a, nil
}

// Identify finds who sends a request with this Authorization header. Errors:
// ErrInvalid, ErrExpired, ErrRevoked, ErrForbidden for a person without a
// role, ErrUnavailable.
func (a *Authenticator) Identify(ctx context.Context, authorization string) (Identity, error) {
	if authorization == "" {
		return a.config.Unnamed, nil
	}
	scheme, text, ok := strings.Cut(authorization, " ")
	text = strings.TrimSpace(text)
	if !ok || !strings.EqualFold(scheme, "Bearer") || text == "" {
		return Identity{}, ErrInvalid
	}
	if strings.HasPrefix(text, Prefix) {
		return a.token(ctx, text)
	}
	if a.provider == nil {
		return Identity{}, ErrInvalid
	}
	return a.provider.identity(ctx, text)
}

// token checks an API token.
func (a *Authenticator) token(ctx context.Context, text string) (Identity, error) {
	id, secret, err := parse(text)
	if err != nil || a.config.Tokens == nil {
		return Identity{}, ErrInvalid
	}
	t, err := a.lookUp(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Identity{}, ErrInvalid
	}
	if err != nil {
		return Identity{}, errors.Join(ErrUnavailable, err)
	}
	if err := t.check(secret, a.now()); err != nil {
		return Identity{}, err
	}
	return t.identity(), nil
}

// lookUp returns a token, from memory where it was looked up just now. Unknown
// ids are not remembered: there is no end to them.
func (a *Authenticator) lookUp(ctx context.Context, id string) (Token, error) {
	now := a.now()
	a.mu.Lock()
	f, ok := a.known[id]
	a.mu.Unlock()
	if ok && now.Sub(f.at) < a.config.Refresh && !now.Before(f.at) {
		return f.token, nil
	}
	t, err := a.config.Tokens.Token(ctx, id)
	if err != nil {
		return Token{}, err
	}
	if hour := now.UTC().Truncate(time.Hour); t.Used.Before(hour) && t.Revoked.IsZero() {
		if err := a.config.Tokens.TokenUsed(ctx, id, hour); err != nil {
			a.config.Log.Warn("the last use of a token was not noted", "token", id, "error", err)
		}
		t.Used = hour
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= mostKnown {
		clear(a.known)
	}
	a.known[id] = found{t, now}
	return t, nil
}

// Challenge sets the WWW-Authenticate header that an answer of 401 must have
// (RFC 6750, section 3), where err asks for one.
func Challenge(h http.Header, err error) {
	switch {
	case errors.Is(err, ErrUnauthenticated):
		h.Set("WWW-Authenticate", `Bearer realm="satgraph"`)
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrExpired), errors.Is(err, ErrRevoked):
		h.Set("WWW-Authenticate", `Bearer realm="satgraph", error="invalid_token"`)
	}
}
