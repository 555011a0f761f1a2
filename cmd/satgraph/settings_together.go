package main

import (
	"satgraph/cmd/satgraph/internal/config"
)

// together names everything that is wrong with the service's settings taken
// together, where each by itself could be used. It is a *config.Error.
func (o *serveOptions) together() error {
	var found []config.Problem
	rule := func(broken bool, key, why string) {
		if broken {
			found = append(found, config.Problem{Key: key, Source: "with the others", Why: why})
		}
	}
	a := &o.access
	rule(a.auth == "none" && a.issuer != "", "oidc-issuer", "it says something only with --auth oidc")
	rule(a.auth == "none" && a.audience != "", "oidc-audience", "it says something only with --auth oidc")
	rule(a.auth == "none" && a.anonymous != "none", "anonymous", "it says something only with --auth tokens or --auth oidc")
	rule(a.auth == "tokens" && a.issuer != "", "oidc-issuer", "it wants --auth oidc, which takes API tokens too")
	rule(a.auth == "oidc" && (a.issuer == "" || a.audience == ""), "auth", "oidc needs --oidc-issuer and --oidc-audience")
	if a.auth == "oidc" && a.issuer != "" && a.audience != "" {
		if _, err := a.provider(); err != nil {
			rule(true, "auth", err.Error())
		}
	}
	rule(o.jobs.nats != "" && o.jobs.listen != "", "nats-listen", "it is for the server inside the process: leave it or --nats out")
	rule(o.jobs.creds != "" && o.jobs.nats == "", "nats-creds", "it is for --nats, which is not given")
	if len(found) == 0 {
		return nil
	}
	return &config.Error{Problems: found}
}
