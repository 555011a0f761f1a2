package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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
			s.way.refused(s.turnOf(ctx), refuse(errTooOften()))
			_ = s.way.wait(ctx, s.turnOf(ctx)) // it is refused anyway
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			s.fail(w, r, errTooOften())
			return
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

// mayAsk takes one request from what the caller of ctx may still ask now.
func (s *Service) mayAsk(ctx context.Context) (wait time.Duration, ok bool) {
	if s.config.Rates == nil {
		return 0, true
	}
	return s.config.Rates.Allow(callerKey(ctx))
}

func errTooOften() error {
	return &Error{Code: CodeRateLimited, Message: "you ask more often than you may", Hint: "wait for as long as Retry-After says, and ask for more at once"}
}

// callerKey tells callers apart: those who have not said who they are by where
// they come from.
func callerKey(ctx context.Context) string {
	if caller := auth.Of(ctx); caller.Known() {
		return caller.Subject
	}
	return "address:" + askerOf(ctx).address
}

// asker is where a request comes from; connection tells its connection from others.
type asker struct{ address, connection string }

type askerKey struct{}

func askerOf(ctx context.Context) asker {
	o, _ := ctx.Value(askerKey{}).(asker)
	return o
}

// withAsker notes where a request comes from, and its id.
func withAsker(r *http.Request, request string) *http.Request {
	ctx := context.WithValue(r.Context(), askerKey{}, asker{network(r.RemoteAddr), r.RemoteAddr})
	return r.WithContext(steps.WithRequest(ctx, request))
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
