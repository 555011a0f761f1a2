package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what a person or program is to the service. Each role may do all
// that the roles before it may.
type Role string

// The roles.
const (
	// Nobody may do nothing: the role of callers where the service is closed.
	Nobody Role = ""
	// Anonymous may read what is not anybody's own.
	Anonymous Role = "anonymous"
	// Viewer reads, uploads scans and has them segmented.
	Viewer Role = "viewer"
	// Curator decides on labels and proposes recipes.
	Curator Role = "curator"
	// Reviewer confirms and adjudicates, accepts recipes, changes of the tree
	// and waivers.
	Reviewer Role = "reviewer"
	// Admin makes and revokes tokens and reaches everyone's scans and jobs.
	Admin Role = "admin"
)

// Permission is one thing that a caller may do. Tokens name them as scopes.
type Permission string

// The permissions.
const (
	Read       Permission = "read"
	Segment    Permission = "segment"
	Curate     Permission = "curate"
	Review     Permission = "review"
	Administer Permission = "administer"
)

// ladder lists the roles from least to most, each with what it adds.
var ladder = []struct {
	role Role
	adds Permission
}{
	{Anonymous, Read},
	{Viewer, Segment},
	{Curator, Curate},
	{Reviewer, Review},
	{Admin, Administer},
}

// Roles lists the roles that a token may have, from least to most.
func Roles() []Role { return []Role{Viewer, Curator, Reviewer, Admin} }

// Permissions lists what the role may do.
func (r Role) Permissions() []Permission {
	var out []Permission
	for _, step := range ladder {
		out = append(out, step.adds)
		if step.role == r {
			return out
		}
	}
	return nil // Nobody, or no role of ours
}

// above says whether r may do more than s.
func (r Role) above(s Role) bool { return len(r.Permissions()) > len(s.Permissions()) }

// ParseRole reads the name of a role that a token may have, in any case.
func ParseRole(text string) (Role, error) {
	r := Role(strings.ToLower(strings.TrimSpace(text)))
	if !slices.Contains(Roles(), r) {
		return Nobody, fmt.Errorf("no role %q: use viewer, curator, reviewer or admin", text)
	}
	return r, nil
}

// ParseScopes reads the scopes of a token of the given role. A scope that the
// role does not give is an error; none at all means all of the role's.
func ParseScopes(role Role, names []string) ([]Permission, error) {
	given := role.Permissions()
	var out []Permission
	for _, name := range names {
		p := Permission(strings.ToLower(strings.TrimSpace(name)))
		if !slices.Contains(given, p) {
			return nil, fmt.Errorf("the role %s has no scope %q: it has %s", role, name, list(given))
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

func list(ps []Permission) string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}
