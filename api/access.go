package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"

	"satgraph/api/auth"
	"satgraph/api/guard"
	"satgraph/internal/steps"
)

// permissions is what each field at the top of a request needs of its caller,
// by operation and name: the one table of who may do what over GraphQL. A field
// that is missing here is for administrators alone.
var permissions = map[string]map[string]auth.Permission{
	ast.OperationTypeQuery: {
		"term": auth.Read, "terms": auth.Read, "search": auth.Read, "path": auth.Read, "commonAncestors": auth.Read, "partsOf": auth.Read,
		"resolve": auth.Read, "model": auth.Read, "models": auth.Read,
		"datasets": auth.Read, "dataset": auth.Read, "rawLabel": auth.Read, "suggestLabels": auth.Read, "labelEvents": auth.Read,
		"corpus": auth.Read, "termProposals": auth.Read, "changeSet": auth.Read, "changeSets": auth.Read,
		// Their owners alone are answered.
		"image": auth.Read, "job": auth.Read, "jobs": auth.Read, "node": auth.Read, "nodes": auth.Read,
	},
	ast.OperationTypeMutation: {
		"segment": auth.Segment, "segmentChildren": auth.Segment, "cancelJob": auth.Segment, "retryJob": auth.Segment, // of other work: as what it repeats
		"standardizeScan": auth.Segment,
		"buildCorpus":     auth.Curate, "measureCorpus": auth.Curate, "exportCorpus": auth.Curate, "importLabelsFrom": auth.Curate,
		"importLabels": auth.Curate, "acceptLabel": auth.Curate, "acceptLabels": auth.Curate, "changeLabel": auth.Curate,
		"rejectLabel": auth.Curate, "flagLabel": auth.Curate, "unflagLabel": auth.Curate, "commentLabel": auth.Curate,
		"undoDecision": auth.Curate, "importDecisions": auth.Curate, // decisions of others: auth.Review
		"confirmLabel": auth.Review, "adjudicateLabel": auth.Review, "setReviewers": auth.Review,
		"acceptRecipe": auth.Review, "acceptRecipes": auth.Review, "rejectRecipe": auth.Review, "adjudicateRecipe": auth.Review,
		"applyChangeSet": auth.Review, "undoChangeSet": auth.Review,
	},
	ast.OperationTypeSubscription: {
		"labelChanges": auth.Read, "jobChanges": auth.Read,
	},
}

// needed is the permission that a top field needs.
func needed(operation, field string) auth.Permission {
	if strings.HasPrefix(field, "__") {
		return auth.Read // introspection
	}
	if p, ok := permissions[operation][field]; ok {
		return p
	}
	return auth.Administer
}

// permit holds the top fields of a request against what its caller may do. The
// response, nil where all is allowed, names each field that is not; nothing of
// such a request is executed.
func (s *Service) permit(ctx context.Context, p *prepared) *response {
	caller := auth.Of(ctx)
	if caller.Role == auth.Admin && caller.Scopes == nil {
		return nil
	}
	var refused *response
	p.eachTopField(func(f *ast.Field) {
		_, err := auth.Require(ctx, needed(p.operation.Operation, f.Name.Value))
		if err == nil || refused != nil && len(refused.errors) >= maxErrors {
			return
		}
		e := describe(err)
		fault := gqlerrors.FormattedError{Message: f.Name.Value + ": " + e.Message, Path: []any{responseKey(f)}, Extensions: e.Extensions()}
		if f.Loc != nil {
			fault.Locations = append(fault.Locations, sourceLocation(guard.Position(p.text, f.Loc.Start)))
		}
		if refused == nil {
			refused = &response{status: e.Code.status()}
		}
		refused.errors = append(refused.errors, fault)
		s.audit(ctx, p.operation.Operation+"."+f.Name.Value, "", string(e.Code))
	})
	return refused
}

func responseKey(f *ast.Field) string {
	if f.Alias != nil {
		return f.Alias.Value
	}
	return f.Name.Value
}

// eachTopField calls f for the fields at the top of the operation, those of its
// fragments included.
func (p *prepared) eachTopField(f func(*ast.Field)) {
	fragments := p.fragments()
	seen := map[string]bool{}
	var all func(set *ast.SelectionSet)
	all = func(set *ast.SelectionSet) {
		if set == nil {
			return
		}
		for _, selection := range set.Selections {
			switch x := selection.(type) {
			case *ast.Field:
				f(x)
			case *ast.InlineFragment:
				all(x.SelectionSet)
			case *ast.FragmentSpread:
				if fragment := fragments[x.Name.Value]; fragment != nil && !seen[x.Name.Value] {
					seen[x.Name.Value] = true
					all(fragment.SelectionSet)
				}
			}
		}
	}
	all(p.operation.SelectionSet)
}

// identify finds the caller of a request; where the service asks nobody who they
// are, that is the one who runs it.
func (s *Service) identify(ctx context.Context, authorization string) (auth.Identity, error) {
	if s.config.Auth == nil {
		return auth.Local(""), nil
	}
	return s.config.Auth.Identify(ctx, authorization)
}

// authenticate puts the caller of each request into its context. Credentials
// that are given must be good, wherever they are sent; none at all are judged by
// what is asked.
func (s *Service) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Values("Authorization")
		header := strings.Join(given, ", ") // several are no credentials
		caller, err := s.identify(r.Context(), header)
		if err != nil {
			s.turnAway(w, r, err)
			return
		}
		ctx := auth.With(r.Context(), caller)
		if wait, ok := s.mayAsk(ctx); !ok {
			if !mayBeKnown(r) {
				s.atFault(ctx)
				_ = s.way.wait(ctx, s.turnOf(ctx)) // it is refused anyway
				w.Header().Set("Retry-After", inSeconds(wait))
				s.fail(w, r, errTooOften())
				return
			}
			ctx = context.WithValue(ctx, shortKey{}, wait)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// turnAway answers a request that its caller may not send.
func (s *Service) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	auth.Challenge(w.Header(), err)
	s.audit(r.Context(), r.Method+" "+pathKind(r), "", string(describe(err).Code))
	s.fail(w, r, err)
}

// pathKind is the first step of a request's path: the rest may name what is not
// the caller's.
func pathKind(r *http.Request) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return "/" + first[:min(len(first), 40)]
}

// open is what an address needs that anybody may ask.
const open auth.Permission = ""

// admit lets those through to a handler who may ask it.
func (s *Service) admit(needs auth.Permission, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if needs != open {
			if _, err := auth.Require(r.Context(), needs); err != nil {
				s.turnAway(w, r, err)
				return
			}
		}
		next(w, r)
	}
}

// known refuses those who have not said who they are where the service is
// closed, but for a new WebSocket, whose first message may say so.
func (s *Service) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if auth.Of(r.Context()).Role == auth.Nobody && !isUpgrade(r) {
			s.turnAway(w, r, auth.ErrUnauthenticated)
			return
		}
		next(w, r)
	}
}

// mayAsk takes one request from what the caller of ctx may still ask now, of which
// some is kept for queries that are known to take little: requests under the same
// name that are refused or take much do not use that up.
func (s *Service) mayAsk(ctx context.Context) (wait time.Duration, ok bool) {
	if s.config.Rates == nil {
		return 0, true
	}
	return s.config.Rates.AllowKeeping(callerKey(ctx))
}

// mayAskKnown is mayAsk for a query that is known to take little.
func (s *Service) mayAskKnown(ctx context.Context) (wait time.Duration, ok bool) {
	if s.config.Rates == nil {
		return 0, true
	}
	return s.config.Rates.Allow(callerKey(ctx))
}

// shortKey finds in the context of a request that its caller may ask no more, but
// for what is known to take little, and how long until they may.
type shortKey struct{}

// mayBeKnown says whether a request may carry a query that the service knows.
func mayBeKnown(r *http.Request) bool {
	return r.URL.Path == "/graphql" && !isUpgrade(r) && r.ContentLength >= 0 && r.ContentLength < 2*keptDocumentBytes
}

func inSeconds(wait time.Duration) string { return strconv.Itoa(int(wait/time.Second) + 1) }

func errTooOften() error {
	return &Error{Code: CodeRateLimited, Message: "you ask more often than you may", Hint: "wait for as long as Retry-After says, and ask for more at once"}
}

// callerKey tells callers apart: those who have not said who they are, or were not
// asked, by where they come from.
func callerKey(ctx context.Context) string {
	if caller := auth.Of(ctx); caller.Known() && caller.Subject != auth.Local("").Subject {
		return caller.Subject
	}
	return "address:" + askerOf(ctx).address
}

// asker is where a request comes from. connection tells its connection
// from others; it is empty where that tells nobody from others: the client is on
// another machine, or behind a proxy.
type asker struct{ address, connection string }

type askerKey struct{}

func askerOf(ctx context.Context) asker {
	o, _ := ctx.Value(askerKey{}).(asker)
	return o
}

// withAsker notes where a request comes from, and its id.
func (s *Service) withAsker(r *http.Request, request string) *http.Request {
	o := asker{address: network(r.RemoteAddr)}
	switch remote, err := netip.ParseAddrPort(r.RemoteAddr); {
	case err != nil:
	case s.trusts(remote.Addr()) && len(r.Header[forwardedFor]) > 0:
		o.address = network(s.forwarded(remote.Addr(), r.Header[forwardedFor]).String())
	case remote.Addr().IsLoopback():
		o.connection = r.RemoteAddr
	}
	return r.WithContext(steps.WithRequest(context.WithValue(r.Context(), askerKey{}, o), request))
}

const forwardedFor = "X-Forwarded-For"

// trusts says whether what an address says of its clients is believed.
func (s *Service) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.config.Proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// forwarded is the client for whom a proxy asks: each proxy appends who asked it, so
// the last that is no proxy of ours, or what the last proxy says where that is no
// address.
func (s *Service) forwarded(proxy netip.Addr, headers []string) netip.Addr {
	client := proxy
	list := strings.Split(strings.Join(headers, ","), ",")
	for i := len(list) - 1; i >= 0 && s.trusts(client); i-- {
		said := strings.TrimSpace(list[i])
		a, err := netip.ParseAddr(said)
		if withPort, portErr := netip.ParseAddrPort(said); portErr == nil {
			a, err = withPort.Addr(), nil
		}
		if err != nil {
			break
		}
		client = a.Unmap()
	}
	return client
}

// network is the address of a client; of an IPv6 one the network of 64 bits,
// of which every host has all.
func network(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.To4() != nil {
		return host
	}
	return ip.Mask(net.CIDRMask(64, 128)).String() + "/64"
}

// owns says whether the caller may reach what the subject made. A try at what is
// another's is kept in the audit log, and answered as if it were not there.
func (s *Service) owns(ctx context.Context, kind, id, subject string) bool {
	if auth.Of(ctx).Owns(subject) {
		return true
	}
	s.audit(ctx, kind+".reach", id, "NOT_OWNER")
	return false
}

// errAudit means that what is done cannot be put down, so that nothing may be.
var errAudit = errors.New("the audit log cannot be written")

// An Auditor keeps what was done and refused; [auth.Audit] is one.
type Auditor interface {
	// Record keeps an event for good.
	Record(e auth.Event) error
}

// audit puts down what the caller of ctx did, or was refused. Refusals beyond a
// rate for each caller are counted and put down with the next one.
func (s *Service) audit(ctx context.Context, action, object, outcome string) {
	if s.config.Audit == nil {
		return
	}
	e := auth.Event{Action: action, Object: object, Outcome: outcome}
	if outcome != auditOK {
		key := callerKey(ctx)
		if _, ok := s.refusals.Allow(key); !ok {
			s.unheard.Add(1)
			return
		}
		e.More = s.unheard.Swap(0)
	}
	_ = s.record(ctx, e)
}

// auditOK is the outcome of what was done.
const auditOK = "ok"

// longestObject bounds what a client chose and the audit log keeps, in bytes.
const longestObject = 300

func (s *Service) record(ctx context.Context, e auth.Event) error {
	caller, from := auth.Of(ctx), askerOf(ctx)
	e.Subject, e.Name, e.Role = caller.Subject, caller.Name, caller.Role
	e.Address, e.Request = from.address, steps.Request(ctx)
	e.Object = auth.Redact(e.Object)
	if len(e.Object) > longestObject {
		e.Object = strings.ToValidUTF8(e.Object[:longestObject], "") + "…"
	}
	err := s.config.Audit.Record(e)
	s.auditBroken.Store(err != nil)
	if err != nil {
		s.log.Error("the audit log cannot be written", "action", e.Action, "subject", e.Subject, "error", err)
		return fmt.Errorf("%w: %w", errAudit, err)
	}
	return nil
}

// accountable refuses changes for as long as they could not be put down.
func (s *Service) accountable(ctx context.Context) error {
	if s.config.Audit == nil || !s.auditBroken.Load() {
		return nil
	}
	return s.record(ctx, auth.Event{Action: "audit.resume", Outcome: auditOK})
}
