package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"satgraph/api/auth"
)

func issue(t *testing.T, tokens auth.Tokens, role auth.Role, scopes []auth.Permission, lifetime time.Duration) (string, auth.Token) {
	t.Helper()
	text, token, err := auth.Issue(t.Context(), tokens, "Ada", role, scopes, lifetime, "admin")
	if err != nil {
		t.Fatal(err)
	}
	return text, token
}

func authenticator(t *testing.T, c auth.Config) *auth.Authenticator {
	t.Helper()
	a, err := auth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEachRoleMayDoWhatTheRolesBeforeItMay(t *testing.T) {
	all := []auth.Permission{auth.Read, auth.Segment, auth.Curate, auth.Review, auth.Administer}
	for i, role := range []auth.Role{auth.Anonymous, auth.Viewer, auth.Curator, auth.Reviewer, auth.Admin} {
		for j, p := range all {
			if got, want := (auth.Identity{Role: role}).May(p), j <= i; got != want {
				t.Errorf("%s may %s: %v, want %v", role, p, got, want)
			}
		}
	}
	for _, nobody := range []auth.Role{auth.Nobody, "root", "ADMIN"} {
		if (auth.Identity{Role: nobody}).May(auth.Read) {
			t.Errorf("the role %q may read", nobody)
		}
	}
}

func TestATokenOpensWhatItsRoleAndScopesGive(t *testing.T) {
	tokens := &auth.Memory{}
	a := authenticator(t, auth.Config{Tokens: tokens})
	text, token := issue(t, tokens, auth.Curator, []auth.Permission{auth.Read}, time.Hour)
	who, err := a.Identify(t.Context(), "Bearer "+text)
	if err != nil {
		t.Fatal(err)
	}
	if who.Subject != "token:"+token.ID || who.Name != "Ada" {
		t.Errorf("the caller is %+v", who)
	}
	ctx := auth.With(t.Context(), who)
	if _, err := auth.Require(ctx, auth.Read); err != nil {
		t.Errorf("read: %v", err)
	}
	if _, err := auth.Require(ctx, auth.Curate); !errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), "scopes") {
		t.Errorf("curate, which the scopes lack: %v", err)
	}
	if _, err := auth.Require(ctx, auth.Review); !errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), "role") {
		t.Errorf("review, which the role lacks: %v", err)
	}
	if _, err := auth.Require(t.Context(), auth.Read); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("nobody reads: %v", err)
	}
}

func TestBadCredentialsAreRefusedByName(t *testing.T) {
	tokens := &auth.Memory{}
	good, token := issue(t, tokens, auth.Viewer, nil, 0)
	other, _ := issue(t, tokens, auth.Admin, nil, 0)
	short, _ := issue(t, tokens, auth.Viewer, nil, time.Nanosecond)
	revoked, gone := issue(t, tokens, auth.Viewer, nil, 0)
	if err := tokens.RevokeToken(t.Context(), gone.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	mixed := good[:len(auth.Prefix)+len(token.ID)+1] + other[len(auth.Prefix)+len(token.ID)+1:]
	flipped := good[:len(good)-1] + map[bool]string{true: "A", false: "B"}[good[len(good)-1] != 'A']
	time.Sleep(time.Millisecond)
	a := authenticator(t, auth.Config{Tokens: tokens})
	for _, c := range []struct {
		header string
		want   error
	}{
		{"Bearer " + good, nil},
		{"bearer  " + good, nil}, // the scheme is case-insensitive
		{"Bearer " + short, auth.ErrExpired},
		{"Bearer " + revoked, auth.ErrRevoked},
		{"Bearer " + mixed, auth.ErrInvalid},
		{"Bearer " + flipped, auth.ErrInvalid},
		{"Bearer " + good[:len(good)-1], auth.ErrInvalid},
		{"Bearer " + auth.Prefix + "AAAAAAAAAAAA_" + strings.Repeat("A", 26), auth.ErrInvalid}, // no such id
		{"Bearer " + auth.Prefix + "../../../../_" + strings.Repeat("A", 26), auth.ErrInvalid},
		{"Bearer eyJhbGciOiJub25lIn0.e30.", auth.ErrInvalid}, // no provider is configured
		{"Bearer", auth.ErrInvalid},
		{"Bearer ", auth.ErrInvalid},
		{"Basic " + good, auth.ErrInvalid},
		{good, auth.ErrInvalid},
		{"Bearer " + strings.Repeat("A", 1<<20), auth.ErrInvalid},
	} {
		_, err := a.Identify(t.Context(), c.header)
		if !errors.Is(err, c.want) {
			t.Errorf("%.60q: %v, want %v", c.header, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), good[len(good)-20:]) {
			t.Errorf("%.60q: the error holds the secret", c.header)
		}
	}
}

func TestWhatIsKeptHoldsNoSecret(t *testing.T) {
	tokens := &auth.Memory{}
	text, _ := issue(t, tokens, auth.Viewer, nil, 0)
	kept, err := tokens.AllTokens(t.Context())
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	secret := text[strings.LastIndexByte(text, '_')+1:]
	if strings.Contains(fmt.Sprintf("%+v %s", kept, kept[0].Hash[:]), secret) {
		t.Error("the secret is kept")
	}
}

func TestARevocationIsSeenAfterRefresh(t *testing.T) {
	tokens := &auth.Memory{}
	text, token := issue(t, tokens, auth.Viewer, nil, 0)
	a := authenticator(t, auth.Config{Tokens: tokens, Refresh: time.Millisecond})
	if _, err := a.Identify(t.Context(), "Bearer "+text); err != nil {
		t.Fatal(err)
	}
	if err := tokens.RevokeToken(t.Context(), token.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	if _, err := a.Identify(t.Context(), "Bearer "+text); !errors.Is(err, auth.ErrRevoked) {
		t.Errorf("after the revocation: %v", err)
	}
	used, err := tokens.Token(t.Context(), token.ID)
	if err != nil || used.Used.IsZero() || time.Since(used.Used) > time.Hour {
		t.Errorf("last use: %v, %v", used.Used, err)
	}
}

// broken is a store that does not answer.
type broken struct{ auth.Memory }

func (*broken) Token(context.Context, string) (auth.Token, error) {
	return auth.Token{}, errors.New("connection refused")
}

func TestAStoreThatDoesNotAnswerIsNotABadToken(t *testing.T) {
	text, _ := issue(t, &auth.Memory{}, auth.Viewer, nil, 0)
	a := authenticator(t, auth.Config{Tokens: &broken{}})
	if _, err := a.Identify(t.Context(), "Bearer "+text); !errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestIssueRefusesWhatMakesNoSense(t *testing.T) {
	for name, try := range map[string]func() error{
		"no name": func() error {
			_, _, err := auth.Issue(t.Context(), &auth.Memory{}, " ", auth.Viewer, nil, 0, "")
			return err
		},
		"a name with a line break": func() error {
			_, _, err := auth.Issue(t.Context(), &auth.Memory{}, "a\nb", auth.Viewer, nil, 0, "")
			return err
		},
		"anonymous": func() error {
			_, _, err := auth.Issue(t.Context(), &auth.Memory{}, "a", auth.Anonymous, nil, 0, "")
			return err
		},
		"a negative lifetime": func() error {
			_, _, err := auth.Issue(t.Context(), &auth.Memory{}, "a", auth.Viewer, nil, -1, "")
			return err
		},
		"a role of another kind":        func() error { _, err := auth.ParseRole("root"); return err },
		"a scope above the role":        func() error { _, err := auth.ParseScopes(auth.Viewer, []string{"curate"}); return err },
		"an issuer without TLS":         func() error { return withOIDC("http://id.example.org", "satgraph") },
		"an issuer without an audience": func() error { return withOIDC("https://id.example.org", "") },
		"an issuer that is no address":  func() error { return withOIDC("example", "satgraph") },
		"a role with a foreign letter":  func() error { _, err := auth.ParseRole("аdmin"); return err },
	} {
		if try() == nil {
			t.Errorf("%s is allowed", name)
		}
	}
}

func withOIDC(issuer, audience string) error {
	_, err := auth.New(auth.Config{OIDC: &auth.OIDC{Issuer: issuer, Audience: audience}})
	return err
}

func TestOwnership(t *testing.T) {
	ada := auth.Identity{Subject: "token:A", Role: auth.Viewer}
	for _, c := range []struct {
		who  auth.Identity
		of   string
		want bool
	}{
		{ada, "token:A", true},
		{ada, "token:B", false},
		{auth.Identity{Subject: "token:B", Role: auth.Admin}, "token:A", true},
		{auth.Identity{Subject: "token:B", Role: auth.Admin, Scopes: []auth.Permission{auth.Read}}, "token:A", false},
		{auth.Identity{Subject: "anonymous", Role: auth.Anonymous}, "anonymous", false},
		{auth.Identity{}, "", false},
	} {
		if got := c.who.Owns(c.of); got != c.want {
			t.Errorf("%+v owns what is %q's: %v", c.who, c.of, got)
		}
	}
}
