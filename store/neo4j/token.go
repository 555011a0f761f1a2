package neo4j

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"satgraph/api/auth"
)

// A token is a node (:ApiToken). Its times are Unix seconds, 0 where there is
// none; scopes is a list, missing where the token has all of its role's.

// AddToken keeps a new token.
func (s *Store) AddToken(ctx context.Context, t auth.Token) error {
	properties := map[string]any{
		"id": t.ID, "name": t.Name, "role": string(t.Role), "hash": hex.EncodeToString(t.Hash[:]), "by": t.By,
		"created": seconds(t.Created), "expires": seconds(t.Expires), "revoked": seconds(t.Revoked), "used": seconds(t.Used),
	}
	if t.Scopes != nil {
		scopes := make([]string, len(t.Scopes))
		for i, p := range t.Scopes {
			scopes[i] = string(p)
		}
		properties["scopes"] = scopes
	}
	return s.of(s.write(ctx, func(ctx context.Context, tx *transaction) error {
		return tx.exec(ctx, `CREATE (t:ApiToken) SET t = $properties`, map[string]any{"properties": properties})
	}))
}

// Token returns one token.
func (s *Store) Token(ctx context.Context, id string) (auth.Token, error) {
	list, err := s.tokens(ctx, `MATCH (t:ApiToken {id: $id})`, map[string]any{"id": id})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: %s", auth.ErrNotFound, id)
	}
	if err != nil {
		return auth.Token{}, s.of(err)
	}
	return list[0], nil
}

// AllTokens lists the tokens.
func (s *Store) AllTokens(ctx context.Context) ([]auth.Token, error) {
	list, err := s.tokens(ctx, `MATCH (t:ApiToken)`, nil)
	return list, s.of(err)
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(ctx context.Context, id string, at time.Time) error {
	return s.changeToken(ctx, id, `SET t.revoked = CASE t.revoked WHEN 0 THEN $at ELSE t.revoked END`, at)
}

// TokenUsed notes a use.
func (s *Store) TokenUsed(ctx context.Context, id string, at time.Time) error {
	return s.changeToken(ctx, id, `SET t.used = $at`, at)
}

func (s *Store) changeToken(ctx context.Context, id, set string, at time.Time) error {
	return s.of(s.write(ctx, func(ctx context.Context, tx *transaction) error {
		found := false
		err := tx.rows(ctx, `MATCH (t:ApiToken {id: $id}) `+set+` RETURN t.id`, map[string]any{"id": id, "at": seconds(at)}, func([]any) error {
			found = true
			return nil
		})
		if err == nil && !found {
			err = fmt.Errorf("%w: %s", auth.ErrNotFound, id)
		}
		return err
	}))
}

func (s *Store) tokens(ctx context.Context, match string, params map[string]any) ([]auth.Token, error) {
	var out []auth.Token
	err := s.read(ctx, func(ctx context.Context, tx *transaction) error {
		out = nil
		return tx.rows(ctx, match+` RETURN t.id, t.name, t.role, t.scopes, t.hash, t.created, t.by, t.expires, t.revoked, t.used
			ORDER BY t.created, t.id`, params, func(v []any) error {
			t := auth.Token{
				ID: text(v[0]), Name: text(v[1]), Role: auth.Role(text(v[2])), By: text(v[6]),
				Created: instant(v[5]), Expires: instant(v[7]), Revoked: instant(v[8]), Used: instant(v[9]),
			}
			if scopes, ok := v[3].([]any); ok {
				t.Scopes = make([]auth.Permission, len(scopes))
				for i := range scopes {
					t.Scopes[i] = auth.Permission(text(scopes[i]))
				}
			}
			if n, err := hex.Decode(t.Hash[:], []byte(text(v[4]))); err != nil || n != len(t.Hash) {
				return fmt.Errorf("the hash of token %s is damaged", t.ID)
			}
			out = append(out, t)
			return nil
		})
	})
	return out, err
}

// of says which store an error comes from.
func (s *Store) of(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store %s: %w", s.name, err)
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func instant(v any) time.Time {
	n := number(v)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
