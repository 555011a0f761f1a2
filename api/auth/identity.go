package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Errors of this package. They name no secret.
var (
	// ErrUnauthenticated: the caller has not said who they are, and must.
	ErrUnauthenticated = errors.New("not signed in")
	// ErrInvalid: the credentials are malformed, unknown or forged.
	ErrInvalid = errors.New("the credentials are not valid")
	// ErrExpired: the credentials were valid once.
	ErrExpired = errors.New("the credentials have expired")
	// ErrRevoked: the token was revoked.
	ErrRevoked = errors.New("the token was revoked")
	// ErrForbidden: the caller is known and may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrUnavailable: the credentials cannot be checked now.
	ErrUnavailable = errors.New("credentials cannot be checked now")
	// ErrBadToken: a token cannot be made like this.
	ErrBadToken = errors.New("no token was made")
	// ErrNotFound: there is no token of that id.
	ErrNotFound = errors.New("no such token")
)

// Identity is who sends a request.
type Identity struct {
	// Subject is stable and unique: "token:ID", "oidc:ISSUER#SUBJECT",
	// "anonymous", or "local" for who owns the process. Files and jobs are
	// owned by it.
	Subject string
	// Name is how people know them; decisions are kept under it.
	Name string
	Role Role
	// Scopes narrows what the role gives; nil leaves all of it.
	Scopes []Permission
}

// Local is the caller of a service that only its own machine reaches and that
// asks nobody who they are.
func Local(name string) Identity { return Identity{Subject: "local", Name: name, Role: Admin} }

// May says whether the caller has a permission.
func (i Identity) May(p Permission) bool {
	return slices.Contains(i.Role.Permissions(), p) && (i.Scopes == nil || slices.Contains(i.Scopes, p))
}

// Known says whether the caller has said who they are.
func (i Identity) Known() bool { return i.Role != Nobody && i.Role != Anonymous }

// Owns says whether the caller may reach what the subject owns.
func (i Identity) Owns(subject string) bool {
	return i.Known() && i.Subject == subject || i.May(Administer)
}

type contextKey struct{}

// With returns a context whose caller is i.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// Of returns the caller of ctx, Nobody where none was set.
func Of(ctx context.Context) Identity {
	i, _ := ctx.Value(contextKey{}).(Identity)
	return i
}

// Require returns the caller where they have the permission. The error is
// ErrUnauthenticated for one who has not said who they are, or ErrForbidden
// with what is missing.
func Require(ctx context.Context, p Permission) (Identity, error) {
	i := Of(ctx)
	switch {
	case i.May(p):
		return i, nil
	case !i.Known():
		return i, fmt.Errorf("%w: this needs the permission %q", ErrUnauthenticated, p)
	case slices.Contains(i.Role.Permissions(), p):
		return i, fmt.Errorf("%w: the token's scopes (%s) lack %q", ErrForbidden, list(i.Scopes), p)
	default:
		return i, fmt.Errorf("%w: the role %s lacks the permission %q", ErrForbidden, i.Role, p)
	}
}
