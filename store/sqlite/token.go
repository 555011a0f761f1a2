package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"satgraph/api/auth"
)

// Times are Unix seconds, 0 where there is none. Scopes are separated by
// spaces; NULL is all of the role's.
const tokenSchema = `
CREATE TABLE tokens (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	role    TEXT NOT NULL,
	scopes  TEXT,
	hash    BLOB NOT NULL,
	created INTEGER NOT NULL,
	by      TEXT NOT NULL,
	expires INTEGER NOT NULL,
	revoked INTEGER NOT NULL,
	used    INTEGER NOT NULL
) WITHOUT ROWID;`

func addTokens(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, tokenSchema)
	return named(err)
}

// AddToken keeps a new token.
func (s *Store) AddToken(ctx context.Context, t auth.Token) error {
	var scopes sql.NullString
	if t.Scopes != nil {
		scopes = sql.NullString{String: joinScopes(t.Scopes), Valid: true}
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, name, role, scopes, hash, created, by, expires, revoked, used)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.ID, t.Name, string(t.Role), scopes, t.Hash[:], seconds(t.Created), t.By, seconds(t.Expires), seconds(t.Revoked), seconds(t.Used))
		return named(err)
	})
	return s.of(err)
}

const selectTokens = `SELECT id, name, role, scopes, hash, created, by, expires, revoked, used FROM tokens` //nolint:gosec // columns, not credentials

// Token returns one token.
func (s *Store) Token(ctx context.Context, id string) (auth.Token, error) {
	t, err := scanToken(s.db.QueryRowContext(ctx, selectTokens+` WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return auth.Token{}, s.of(fmt.Errorf("%w: %s", auth.ErrNotFound, id))
	}
	return t, s.of(named(err))
}

// AllTokens lists the tokens.
func (s *Store) AllTokens(ctx context.Context) ([]auth.Token, error) {
	var out []auth.Token
	err := rows(ctx, s.db, func(scan func(...any) error) error {
		t, err := scanToken(scan)
		out = append(out, t)
		return err
	}, selectTokens+` ORDER BY created, id`)
	return out, s.of(err)
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return s.changeToken(ctx, id, `UPDATE tokens SET revoked = CASE revoked WHEN 0 THEN ?2 ELSE revoked END WHERE id = ?1`, at)
}

// TokenUsed notes a use.
func (s *Store) TokenUsed(ctx context.Context, id string, at time.Time) error {
	return s.changeToken(ctx, id, `UPDATE tokens SET used = ?2 WHERE id = ?1`, at)
}

func (s *Store) changeToken(ctx context.Context, id, update string, at time.Time) error {
	return s.of(s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, update, id, seconds(at))
		if err != nil {
			return named(err)
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return fmt.Errorf("%w: %s", auth.ErrNotFound, id)
	}))
}

// of says which store an error comes from.
func (s *Store) of(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %w", s.path, err)
}

func scanToken(scan func(...any) error) (auth.Token, error) {
	var t auth.Token
	var role string
	var scopes sql.NullString
	var hash []byte
	var created, expires, revoked, used int64
	if err := scan(&t.ID, &t.Name, &role, &scopes, &hash, &created, &t.By, &expires, &revoked, &used); err != nil {
		return auth.Token{}, err
	}
	if len(hash) != len(t.Hash) {
		return auth.Token{}, fmt.Errorf("the hash of token %s has %d bytes", t.ID, len(hash))
	}
	t.Role, t.Hash = auth.Role(role), [len(t.Hash)]byte(hash)
	t.Created, t.Expires, t.Revoked, t.Used = instant(created), instant(expires), instant(revoked), instant(used)
	if scopes.Valid {
		t.Scopes = splitScopes(scopes.String)
	}
	return t, nil
}

func joinScopes(scopes []auth.Permission) string {
	words := make([]string, len(scopes))
	for i, p := range scopes {
		words[i] = string(p)
	}
	return strings.Join(words, " ")
}

// splitScopes never returns nil, which would be all of the role's.
func splitScopes(text string) []auth.Permission {
	out := []auth.Permission{}
	for word := range strings.FieldsSeq(text) {
		out = append(out, auth.Permission(word))
	}
	return out
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
