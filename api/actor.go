package api

import (
	"context"
	"net/http"
	"strings"

	"satgraph/api/auth"
)

// actorHeader names who acts, where the service asks nobody who they are.
const actorHeader = "Satgraph-Actor"

// maxActor is the longest name of a curator, in bytes.
const maxActor = 200

type actorKey struct{}

// withActor keeps the name that a request's header gives.
func withActor(ctx context.Context, h http.Header) context.Context {
	return withActorName(ctx, h.Get(actorHeader))
}

func withActorName(ctx context.Context, name string) context.Context {
	if name == "" {
		return ctx
	}
	return context.WithValue(ctx, actorKey{}, name)
}

// actor is under whose name a decision is kept. This is the one place that says
// so: a caller who is known acts as themselves and needs the permission; where
// the service asks nobody who they are, the argument by or the request's header
// says. Errors: *mistaken for what the caller can mend, or those of auth.Require.
func (s *Service) actor(ctx context.Context, a args, p auth.Permission) (string, error) {
	name := strings.TrimSpace(a.text("by"))
	if name == "" {
		name, _ = ctx.Value(actorKey{}).(string)
		name = strings.TrimSpace(name)
	}
	caller := auth.Of(ctx)
	if caller.Known() {
		if _, err := auth.Require(ctx, p); err != nil {
			return "", err
		}
		if local := caller.Subject == auth.Local("").Subject; name == "" || !local {
			if name != "" && name != caller.Name {
				return "", &mistaken{Code: CodeForbidden, Message: "decisions are kept under the caller's own name, " + quote(caller.Name), Argument: "by"}
			}
			name = caller.Name
		}
	}
	switch {
	case name == "":
		return "", &mistaken{Code: CodeBadInput, Message: "nobody is named who decides", Hint: `give by: "NAME" or the header ` + actorHeader, Argument: "by"}
	case len(name) > maxActor:
		return "", &mistaken{Code: CodeBadInput, Message: "the name of who decides is longer than " + number(maxActor) + " bytes", Argument: "by"}
	case strings.HasPrefix(name, "policy:"):
		return "", &mistaken{Code: CodeBadInput, Message: "a policy does not decide over GraphQL", Hint: "give a person's name", Argument: "by"}
	}
	return name, nil
}
