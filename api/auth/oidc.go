package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OIDC says which provider's tokens are taken and what role they give.
type OIDC struct {
	// Issuer is the provider's address, as in its tokens' "iss".
	Issuer string
	// Audience must be among the token's "aud".
	Audience string
	// RoleClaim names the claim that says what a person is: a string or a list
	// of strings, such as "groups".
	RoleClaim string
	// Roles maps values of that claim to roles; the highest that matches counts.
	Roles map[string]Role
	// Otherwise is the role of a person whom no value matches; Nobody refuses
	// them.
	Otherwise Role
	// Client reaches the provider; nil is one with a timeout of 10 s.
	Client *http.Client
}

// retryProvider is how long a provider that did not answer is left alone.
const retryProvider = 5 * time.Second

// provider finds the provider's keys when the first token comes, so that the
// service starts without it.
type provider struct {
	config OIDC
	client *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failed   error
	again    time.Time
}

func newProvider(c OIDC) (*provider, error) {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil, u.Host == "":
		return nil, fmt.Errorf("the OIDC issuer %q is not an address", c.Issuer)
	case u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1":
		return nil, fmt.Errorf("the OIDC issuer %q must use https", c.Issuer)
	case c.Audience == "":
		return nil, errors.New("an OIDC issuer needs an audience, or tokens made for other services would be taken")
	}
	client := c.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	return &provider{config: c, client: client}, nil
}

// connected returns the verifier, asking the provider for its keys if need be.
func (p *provider) connected(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.verifier != nil {
		return p.verifier, nil
	}
	if time.Now().Before(p.again) {
		return nil, p.failed
	}
	// The keys are fetched again whenever a token names a new one, long after
	// this request: its context must not end them.
	keep := oidc.ClientContext(context.WithoutCancel(ctx), p.client)
	found, err := oidc.NewProvider(keep, p.config.Issuer)
	if err != nil {
		p.failed = fmt.Errorf("%w: the OIDC provider %s: %w", ErrUnavailable, p.config.Issuer, err)
		p.again = time.Now().Add(retryProvider)
		return nil, p.failed
	}
	p.verifier = found.VerifierContext(keep, &oidc.Config{ClientID: p.config.Audience})
	return p.verifier, nil
}

// identity checks a signed token. Errors: ErrInvalid, ErrExpired,
// ErrForbidden for a person without a role, ErrUnavailable.
func (p *provider) identity(ctx context.Context, text string) (Identity, error) {
	verifier, err := p.connected(ctx)
	if err != nil {
		return Identity{}, err
	}
	token, err := verifier.Verify(ctx, text)
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return Identity{}, ErrExpired
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: its claims: %w", ErrInvalid, err)
	}
	role := p.role(claims[p.config.RoleClaim])
	if role == Nobody {
		return Identity{}, fmt.Errorf("%w: no value of the claim %q gives a role here", ErrForbidden, p.config.RoleClaim)
	}
	return Identity{
		Subject: "oidc:" + token.Issuer + "#" + token.Subject,
		Name:    name(claims, token.Subject), Role: role,
	}, nil
}

// role is the highest role that a claim's values give.
func (p *provider) role(claim any) Role {
	best := p.config.Otherwise
	take := func(value any) {
		if text, ok := value.(string); ok && p.config.Roles[text].above(best) {
			best = p.config.Roles[text]
		}
	}
	if values, ok := claim.([]any); ok {
		for _, v := range values {
			take(v)
		}
	}
	take(claim)
	return best
}

// name is what people call the person whom the claims describe.
func name(claims map[string]any, subject string) string {
	if verified, stated := claims["email_verified"].(bool); stated && !verified {
		delete(claims, "email")
	}
	for _, key := range []string{"email", "preferred_username", "name"} {
		if text, ok := claims[key].(string); ok && text != "" && len(text) <= longestName {
			return text
		}
	}
	return subject
}
