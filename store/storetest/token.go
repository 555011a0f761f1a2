package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"satgraph/api/auth"
)

// tokenTests are the part of the suite about API tokens.
var tokenTests = []struct {
	name string
	run  func(t *testing.T, db Database)
}{
	{"tokens come back as they were kept", tokensComeBack},
	{"a revoked token is revoked everywhere and for good", tokensEnd},
}

// RunTokens runs the part of the suite about API tokens on a store that is an
// auth.Tokens; engine and fresh are those of Run.
func RunTokens(t *testing.T, engine string, fresh func(t *testing.T) Database) {
	t.Helper()
	for _, test := range tokenTests {
		t.Run(engine+"/"+test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func openTokens(t *testing.T, db Database) auth.Tokens {
	t.Helper()
	s, err := db.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	tokens, ok := s.(auth.Tokens)
	if !ok {
		t.Fatalf("%T keeps no tokens", s)
	}
	return tokens
}

func tokensComeBack(t *testing.T, db Database) {
	t.Helper()
	a, b := openTokens(t, db), openTokens(t, db)
	var want []auth.Token
	for i, c := range []struct {
		name     string
		scopes   []auth.Permission
		lifetime time.Duration
	}{
		{"all of the role's", nil, 0},
		{"none '); DROP TABLE tokens; --", []auth.Permission{}, time.Hour},
		{"two \u202e", []auth.Permission{auth.Read, auth.Segment}, 24 * time.Hour},
	} {
		_, token, err := auth.Issue(t.Context(), a, c.name, auth.Roles()[i], c.scopes, c.lifetime, "admin")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, token)
		got, err := b.Token(t.Context(), token.ID)
		if err != nil || !reflect.DeepEqual(got, token) {
			t.Errorf("got %+v, %v; want %+v", got, err, token)
		}
	}
	all, err := b.AllTokens(t.Context())
	if err != nil || len(all) != len(want) {
		t.Fatalf("%d tokens, %v", len(all), err)
	}
	if err := a.AddToken(t.Context(), want[0]); err == nil {
		t.Error("an id was kept twice")
	}
}

func tokensEnd(t *testing.T, db Database) {
	t.Helper()
	a, b := openTokens(t, db), openTokens(t, db)
	_, token, err := auth.Issue(t.Context(), a, "Ada", auth.Viewer, nil, 0, "admin")
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)
	for _, at := range []time.Time{first, first.Add(time.Hour)} {
		if err := a.RevokeToken(t.Context(), token.ID, at); err != nil {
			t.Fatal(err)
		}
		if err := a.TokenUsed(t.Context(), token.ID, at); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Token(t.Context(), token.ID)
	if err != nil || !got.Revoked.Equal(first) || !got.Used.Equal(first.Add(time.Hour)) {
		t.Errorf("revoked %v, used %v, %v", got.Revoked, got.Used, err)
	}
	for name, err := range map[string]error{
		"reading":  second(b.Token(t.Context(), "AAAAAAAAAAAA")),
		"revoking": b.RevokeToken(t.Context(), "AAAAAAAAAAAA", first),
		"using":    b.TokenUsed(t.Context(), "AAAAAAAAAAAA", first),
	} {
		if !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s a token that is not there: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
