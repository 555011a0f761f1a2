package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"satgraph/api"
	"satgraph/api/auth"
	"satgraph/cmd/satgraph/internal/config"
)

// accessOptions say who may use the service.
type accessOptions struct {
	auth      string // none, tokens or oidc
	anonymous string // none or read
	remote    bool

	issuer, audience, roleClaim string
	roles                       []string // VALUE=ROLE
	otherwise                   string

	audit   string
	rate    float64
	burst   int
	origins []string
	proxies []string
	queries string // the file of those that are answered alone
}

func (o *accessOptions) settings() []*config.Setting {
	return []*config.Setting{
		config.New("auth", &o.auth, "none", "who may use the service: none asks nobody (this machine only), tokens wants API tokens ('satgraph token create'), oidc takes a provider's tokens too", config.OneOf("none", "tokens", "oidc")),
		config.New("anonymous", &o.anonymous, "none", "with --auth: what callers without a token may do: none, or read the tree and the labels", config.OneOf("none", "read")),
		config.New("allow-remote", &o.remote, false, "with --auth none, listen on an address other machines reach: for a service behind a proxy that authenticates"),
		config.New("oidc-issuer", &o.issuer, "", "address of the OpenID Connect provider, as in its tokens' iss"),
		config.New("oidc-audience", &o.audience, "", "who the provider's tokens must be made for, as in their aud"),
		config.New("oidc-role-claim", &o.roleClaim, "groups", "the claim that says what a person is"),
		config.New("oidc-role", &o.roles, nil, "role of a value of that claim, such as radiology-curators=curator; may be given several times, and the highest counts"),
		config.New("oidc-default-role", &o.otherwise, "", "role of people whom no value matches (default: they are refused)"),
		config.New("audit", &o.audit, "", `file of the audit log, or "none" (default with --auth: audit.jsonl beside the uploads)`),
		config.New("rate", &o.rate, 0.0, "requests a second that each caller may send in the long run; 0 is 50 with --auth, else any number", config.Min(0.0)),
		config.New("burst", &o.burst, 0, "requests that each caller may send at once; 0 is four seconds' worth", config.Min(0)),
		config.New("trusted-proxy", &o.proxies, nil, "proxy, or network of proxies as in 10.0.0.0/8, whose X-Forwarded-For says where callers without a token come from; may be given several times", checkNetworks),
		config.New("queries", &o.queries, "", "file of the only queries that are answered: a persisted-query manifest, or a JSON object of queries by SHA-256 (default: all are)"),
		config.New("allow-origin", &o.origins, nil, "site whose pages may use the service, such as https://viewer.example.org; may be given several times"),
	}
}

// network reads one address, or a network of them.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is no address, such as 10.0.0.7, and no network, such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

func checkNetworks(texts []string) error {
	for _, text := range texts {
		if _, err := network(text); err != nil {
			return err
		}
	}
	return nil
}

// defaultRate is how many requests a second each caller may send where callers
// are known.
const defaultRate = 50

// apply checks the options and fills in what the service asks of its callers.
// Close what it returns.
func (o *accessOptions) apply(c *api.Config, tokens auth.Tokens, data string) (io.Closer, error) {
	who := auth.Config{Tokens: tokens, Log: c.Log}
	if o.anonymous == "read" {
		who.Unnamed = auth.Identity{Subject: "anonymous", Role: auth.Anonymous}
	}
	switch o.auth {
	case "none":
		if o.issuer != "" || o.audience != "" || o.anonymous != "none" {
			return nil, usageError{errors.New("--oidc-… and --anonymous say something only with --auth tokens or --auth oidc")}
		}
	case "tokens":
		if o.issuer != "" {
			return nil, usageError{errors.New("--oidc-issuer wants --auth oidc, which takes API tokens too")}
		}
	case "oidc":
		provider, err := o.provider()
		if err != nil {
			return nil, usageError{err}
		}
		who.OIDC = provider
	}
	rate, audit := o.rate, o.audit
	c.Origins, c.AllowRemote = o.origins, o.remote
	for _, text := range o.proxies {
		proxy, err := network(text)
		if err != nil {
			return nil, usageError{err}
		}
		c.Proxies = append(c.Proxies, proxy)
	}
	if err := o.readQueries(c); err != nil {
		return nil, err
	}
	if o.auth != "none" {
		a, err := auth.New(who)
		if err != nil {
			return nil, usageError{err}
		}
		c.Auth = a
		if rate == 0 {
			rate = defaultRate
		}
		if audit == "" {
			audit = filepath.Join(data, "audit.jsonl")
		}
	}
	if rate > 0 {
		burst := o.burst
		if burst == 0 {
			burst = max(1, int(4*rate))
		}
		c.Rates = auth.NewRates(rate, burst)
	}
	if audit == "" || audit == "none" {
		return io.NopCloser(nil), nil
	}
	log, err := auth.OpenAudit(audit)
	if err != nil {
		return nil, err
	}
	c.Audit = log
	return log, nil
}

func (o *accessOptions) readQueries(c *api.Config) error {
	if o.queries == "" {
		return nil
	}
	f, err := os.Open(o.queries)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if c.Queries, err = api.ReadQueries(f); err != nil {
		return usageError{fmt.Errorf("%s: %w", o.queries, err)}
	}
	return nil
}

// provider reads the options of the OpenID Connect provider.
func (o *accessOptions) provider() (*auth.OIDC, error) {
	if o.issuer == "" || o.audience == "" {
		return nil, errors.New("--auth oidc needs --oidc-issuer and --oidc-audience")
	}
	p := &auth.OIDC{Issuer: o.issuer, Audience: o.audience, RoleClaim: o.roleClaim, Roles: map[string]auth.Role{}}
	for _, pair := range o.roles {
		value, name, ok := strings.Cut(pair, "=")
		if !ok || value == "" {
			return nil, fmt.Errorf("--oidc-role %q: give it as VALUE=ROLE", pair)
		}
		role, err := auth.ParseRole(name)
		if err != nil {
			return nil, fmt.Errorf("--oidc-role %q: %w", pair, err)
		}
		p.Roles[value] = role
	}
	if o.otherwise != "" {
		role, err := auth.ParseRole(o.otherwise)
		if err != nil {
			return nil, fmt.Errorf("--oidc-default-role: %w", err)
		}
		p.Otherwise = role
	}
	if len(p.Roles) == 0 && p.Otherwise == auth.Nobody {
		return nil, errors.New("nobody would have a role: give --oidc-role VALUE=ROLE, or --oidc-default-role")
	}
	return p, nil
}
