// Package auth says who sends a request and what they may do: API tokens kept
// as hashes, tokens of an OpenID Connect provider, roles and the permissions
// they give, a rate for each caller, and an audit log that shows when lines
// were changed or removed.
//
// It knows nothing of GraphQL, of what is asked, or of who owns which scan; it
// keeps no secret that it could show again, and logs none. Start from
// [Authenticator.Identify] and [Require].
package auth
