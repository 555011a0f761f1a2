package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Prefix begins every token, so that scanners for leaked secrets find them.
const Prefix = "satgraph_"

// idLength and secretLength are of base32 characters: 60 and 130 bits.
const (
	idLength     = 12
	secretLength = 26
	longestName  = 200
)

// Token is what is kept of an API token: all but the secret.
type Token struct {
	ID      string
	Name    string // of the person or program that it stands for
	Role    Role
	Scopes  []Permission // nil: all of the role's
	Hash    [sha256.Size]byte
	Created time.Time
	By      string    // who made it
	Expires time.Time // zero: never
	Revoked time.Time // zero: not
	Used    time.Time // when it was last seen, to the hour; zero: never
}

// Tokens keeps tokens. Implementations are safe for concurrent use, and what
// one process writes others read.
type Tokens interface {
	// AddToken keeps a new token; its id is new.
	AddToken(ctx context.Context, t Token) error
	// Token returns one token. The error is ErrNotFound where there is none.
	Token(ctx context.Context, id string) (Token, error)
	// AllTokens lists all, revoked and expired ones too, by time of creation.
	AllTokens(ctx context.Context) ([]Token, error)
	// RevokeToken ends a token at a time; one that ended before keeps its
	// time. The error is ErrNotFound where there is none.
	RevokeToken(ctx context.Context, id string, at time.Time) error
	// TokenUsed notes when a token was last seen.
	TokenUsed(ctx context.Context, id string, at time.Time) error
}

// Issue makes a token and keeps it. The text is returned once and cannot be
// had again. A lifetime of 0 never ends; scopes as of [ParseScopes]. Errors:
// ErrBadToken, or the store's.
func Issue(ctx context.Context, tokens Tokens, name string, role Role, scopes []Permission, lifetime time.Duration, by string) (text string, t Token, err error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", Token{}, fmt.Errorf("%w: it needs the name of the person or program that it stands for", ErrBadToken)
	case len(name) > longestName, !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return "", Token{}, fmt.Errorf("%w: its name is at most %d bytes of plain text", ErrBadToken, longestName)
	case !slices.Contains(Roles(), role):
		return "", Token{}, fmt.Errorf("%w: it cannot have the role %q", ErrBadToken, role)
	case lifetime < 0:
		return "", Token{}, fmt.Errorf("%w: its lifetime cannot be negative", ErrBadToken)
	}
	secret := rand.Text()[:secretLength]
	t = Token{
		ID: rand.Text()[:idLength], Name: name, Role: role, Scopes: scopes,
		Hash: sha256.Sum256([]byte(secret)), Created: time.Now().UTC().Truncate(time.Second), By: by,
	}
	if lifetime > 0 {
		t.Expires = t.Created.Add(lifetime)
	}
	if err := tokens.AddToken(ctx, t); err != nil {
		return "", Token{}, fmt.Errorf("the token was not kept: %w", err)
	}
	return Prefix + t.ID + "_" + secret, t, nil
}

var anyToken = regexp.MustCompile(Prefix + `[0-9A-Za-z_]+`)

// Redact takes what looks like a token out of a text: callers send them where
// they do not belong.
func Redact(text string) string { return anyToken.ReplaceAllString(text, Prefix+"…") }

// parse splits a token's text.
func parse(text string) (id, secret string, err error) {
	rest, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return "", "", ErrInvalid
	}
	id, secret, ok = strings.Cut(rest, "_")
	if !ok || len(id) != idLength || len(secret) != secretLength || strings.ContainsFunc(id, notBase32) {
		return "", "", ErrInvalid
	}
	return id, secret, nil
}

func notBase32(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }

// check says whether the secret opens the token at a time.
func (t *Token) check(secret string, now time.Time) error {
	hash := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(hash[:], t.Hash[:]) != 1 {
		return ErrInvalid
	}
	return t.usable(now)
}

func (t *Token) usable(now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return ErrRevoked
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return ErrExpired
	}
	return nil
}

// State says where a token stands: active, expired or revoked.
func (t *Token) State(now time.Time) string {
	switch err := t.usable(now); {
	case errors.Is(err, ErrRevoked):
		return "revoked"
	case errors.Is(err, ErrExpired):
		return "expired"
	}
	return "active"
}

func (t *Token) identity() Identity {
	return Identity{Subject: "token:" + t.ID, Name: t.Name, Role: t.Role, Scopes: t.Scopes}
}

// Memory keeps tokens for as long as the process lives: for tests.
type Memory struct {
	mu     sync.Mutex
	tokens []Token
}

// AddToken keeps a token.
func (m *Memory) AddToken(_ context.Context, t Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = append(m.tokens, t)
	return nil
}

// Token returns one token.
func (m *Memory) Token(_ context.Context, id string) (Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.find(id); i >= 0 {
		return m.tokens[i], nil
	}
	return Token{}, fmt.Errorf("%w: %s", ErrNotFound, id)
}

// AllTokens lists the tokens.
func (m *Memory) AllTokens(context.Context) ([]Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.tokens), nil
}

// RevokeToken ends a token.
func (m *Memory) RevokeToken(_ context.Context, id string, at time.Time) error {
	return m.change(id, func(t *Token) {
		if t.Revoked.IsZero() {
			t.Revoked = at
		}
	})
}

// TokenUsed notes a use.
func (m *Memory) TokenUsed(_ context.Context, id string, at time.Time) error {
	return m.change(id, func(t *Token) { t.Used = at })
}

func (m *Memory) change(id string, f func(*Token)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.find(id)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	f(&m.tokens[i])
	return nil
}

func (m *Memory) find(id string) int {
	return slices.IndexFunc(m.tokens, func(t Token) bool { return t.ID == id })
}
