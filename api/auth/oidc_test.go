package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"satgraph/api/auth"
)

// issuer is an OpenID Connect provider: its discovery document and its keys.
type issuer struct {
	*httptest.Server
	key  *rsa.PrivateKey
	down atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	answer := func(value func() any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if i.down.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value())
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", answer(func() any {
		return map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize",
			"token_endpoint": i.URL + "/token", "id_token_signing_alg_values_supported": []string{"RS256"},
		}
	}))
	mux.HandleFunc("/keys", answer(func() any {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}}
	}))
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// sign makes a token with these claims over good ones.
func (i *issuer) sign(t *testing.T, key jose.SigningKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{
		"iss": i.URL, "aud": "satgraph", "sub": "u-17", "email": "ada@example.org",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "groups": []string{"radiology", "curators"},
	}
	maps.Copy(all, claims)
	text, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (i *issuer) good() jose.SigningKey { return jose.SigningKey{Algorithm: jose.RS256, Key: i.key} }

func (i *issuer) config() *auth.OIDC {
	return &auth.OIDC{
		Issuer: i.URL, Audience: "satgraph", RoleClaim: "groups",
		Roles: map[string]auth.Role{"curators": auth.Curator, "radiology": auth.Viewer},
	}
}

func TestAProvidersTokenGivesTheHighestRoleOfItsGroups(t *testing.T) {
	i := newIssuer(t)
	a := authenticator(t, auth.Config{OIDC: i.config()})
	who, err := a.Identify(t.Context(), "Bearer "+i.sign(t, i.good(), nil))
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Identity{Subject: "oidc:" + i.URL + "#u-17", Name: "ada@example.org", Role: auth.Curator}
	if who.Subject != want.Subject || who.Name != want.Name || who.Role != want.Role {
		t.Errorf("got %+v, want %+v", who, want)
	}
	unverified := i.sign(t, i.good(), map[string]any{"email_verified": false, "groups": "radiology"})
	if who, err = a.Identify(t.Context(), "Bearer "+unverified); err != nil || who.Name != "u-17" || who.Role != auth.Viewer {
		t.Errorf("with an address that is not verified: %+v, %v", who, err)
	}
}

func TestForgedAndExpiredTokensOfAProviderAreRefused(t *testing.T) {
	i := newIssuer(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := i.sign(t, i.good(), nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	a := authenticator(t, auth.Config{OIDC: i.config()})
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"good":                     {good, nil},
		"expired":                  {i.sign(t, i.good(), map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), auth.ErrExpired},
		"for another service":      {i.sign(t, i.good(), map[string]any{"aud": "mail"}), auth.ErrInvalid},
		"of another issuer":        {i.sign(t, i.good(), map[string]any{"iss": "https://evil.example.org"}), auth.ErrInvalid},
		"not valid yet":            {i.sign(t, i.good(), map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), auth.ErrInvalid},
		"signed by a stranger":     {i.sign(t, jose.SigningKey{Algorithm: jose.RS256, Key: stranger}, nil), auth.ErrInvalid},
		"signed by the public key": {i.sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, nil), auth.ErrInvalid},
		"not signed":               {none, auth.ErrInvalid},
		"with other claims":        {parts[0] + "." + parts[1] + "x." + parts[2], auth.ErrInvalid},
		"without a role":           {i.sign(t, i.good(), map[string]any{"groups": []string{"visitors"}}), auth.ErrForbidden},
		"with a group of no kind":  {i.sign(t, i.good(), map[string]any{"groups": 7}), auth.ErrForbidden},
	} {
		if _, err := a.Identify(t.Context(), "Bearer "+c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAProviderThatIsDownStopsNothingElse(t *testing.T) {
	i := newIssuer(t)
	i.down.Store(true)
	tokens := &auth.Memory{}
	own, _ := issue(t, tokens, auth.Viewer, nil, 0)
	a := authenticator(t, auth.Config{OIDC: i.config(), Tokens: tokens})
	signed := i.sign(t, i.good(), nil)
	if _, err := a.Identify(t.Context(), "Bearer "+signed); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("a signed token: %v, want ErrUnavailable", err)
	}
	if _, err := a.Identify(t.Context(), "Bearer "+own); err != nil {
		t.Errorf("a token of our own: %v", err)
	}
	// The provider comes back; what its keys were fetched with may end.
	back := newIssuer(t)
	b := authenticator(t, auth.Config{OIDC: back.config()})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := b.Identify(ctx, "Bearer "+back.sign(t, back.good(), nil)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := b.Identify(t.Context(), "Bearer "+back.sign(t, back.good(), nil)); err != nil {
		t.Errorf("after the first request ended: %v", err)
	}
}
