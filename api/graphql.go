package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/parser"
	"github.com/graphql-go/graphql/language/source"
	"github.com/graphql-go/graphql/language/visitor"

	"satgraph/api/auth"
	"satgraph/api/guard"
	"satgraph/graph"
	"satgraph/internal/steps"
)

// The two media types of GraphQL over HTTP. Under the newer one the status
// tells a refused request (4xx) from an executed one (200); under the older
// one a well-formed request is always 200.
const (
	typeResponse = "application/graphql-response+json"
	typeJSON     = "application/json"
)

// maxErrors is how many errors one answer lists.
const maxErrors = 20

// A request is one GraphQL request.
type request struct {
	Query     string
	Operation string
	Variables map[string]any
	// persist is the hash under which the query is kept once it is found valid.
	persist string
	// ReadOnly refuses mutations, and gives answers of the tree tags: the request
	// came by GET.
	ReadOnly bool
	// mediaType is that of the answer, and have are the tags of what the client has.
	mediaType string
	have      []string
	// short is above zero where the caller may ask no more for so long, but for what
	// is known to take little.
	short time.Duration
}

// A response is what execution gave. Without data at all the request was
// refused before execution.
type response struct {
	executed bool
	data     any
	errors   []gqlerrors.FormattedError
	status   int           // of a refusal
	retry    time.Duration // after which it may be asked again; 0 for unknown

	text []byte // of an answer that is kept, as JSON: shared, read only
	tag  string // of one that has an ETag
	// unchanged is an answer that the client has, by its tag: nothing else is set.
	unchanged bool
}

// appendJSON appends the response as the GraphQL specification writes it.
func (r *response) appendJSON(b []byte) ([]byte, error) {
	if r.text != nil {
		return append(b, r.text...), nil
	}
	b = append(b, '{')
	if len(r.errors) > 0 {
		text, err := json.Marshal(r.errors)
		if err != nil {
			return nil, err
		}
		b = append(append(b, `"errors":`...), text...)
	}
	if r.executed {
		if len(r.errors) > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendData(append(b, `"data":`...), r.data); err != nil {
			return nil, err
		}
	}
	return append(b, '}', '\n'), nil
}

// graphQL answers GET and POST /graphql as the GraphQL-over-HTTP specification
// says.
func (s *Service) graphQL(w http.ResponseWriter, r *http.Request) {
	if isUpgrade(r) {
		s.serveSocket(w, r)
		return
	}
	mediaType, ok := negotiate(r.Header.Values("Accept"))
	if !ok {
		s.fail(w, r, &Error{Code: CodeNotAcceptable, Message: "GraphQL answers are JSON", Hint: "accept " + typeResponse + " or " + typeJSON})
		return
	}
	var (
		q   *request
		err error
	)
	if r.Method == http.MethodPost {
		q, err = s.postedRequest(w, r)
	} else {
		q, err = s.urlRequest(r)
	}
	short, _ := r.Context().Value(shortKey{}).(time.Duration)
	if err != nil {
		if short > 0 {
			err = &tooOftenError{short}
		}
		res := refuse(err)
		if isFault(res) {
			s.atFault(r.Context())
		}
		if held := s.way.wait(r.Context(), s.turnOf(r.Context())); held != nil {
			res = refuse(held)
		}
		s.answer(w, r, mediaType, res, true)
		return
	}
	q.short = short
	ctx, cancel := context.WithTimeout(withActor(r.Context(), r.Header), s.limits.RequestTime)
	defer cancel()
	q.mediaType, q.have = mediaType, r.Header.Values("If-None-Match")
	res := s.execute(ctx, q)
	if res.tag != "" {
		w.Header().Set("ETag", res.tag)
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Add("Vary", "Accept")
	}
	if res.unchanged {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.answer(w, r, mediaType, res, false)
}

// answer writes a response. malformed is a request that was no GraphQL request
// at all, whose status tells so under either media type.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, mediaType string, res *response, malformed bool) {
	status := http.StatusOK
	switch {
	case res.executed:
	case malformed || mediaType == typeResponse || res.status == http.StatusMethodNotAllowed || res.status == http.StatusUnauthorized || res.status == http.StatusServiceUnavailable || res.status == http.StatusTooManyRequests:
		status = res.status
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", inSeconds(res.retry))
	}
	if status == http.StatusUnauthorized {
		auth.Challenge(w.Header(), auth.ErrUnauthenticated)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	s.write(w, r, mediaType+"; charset=utf-8", status, res)
}

// refuse makes the response of a request that is not executed.
func refuse(err error) *response {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.response
	}
	e := describe(err)
	f := gqlerrors.FormattedError{Message: e.Message, Extensions: e.Extensions()}
	var (
		syntax *guard.SyntaxError
		limit  *guard.LimitError
	)
	switch {
	case errors.As(err, &syntax) && syntax.Line > 0:
		f.Locations = append(f.Locations, sourceLocation(syntax.Line, syntax.Column))
	case errors.As(err, &limit) && limit.Line > 0:
		f.Locations = append(f.Locations, sourceLocation(limit.Line, limit.Column))
	}
	r := &response{errors: []gqlerrors.FormattedError{f}, status: e.Code.status()}
	if often, ok := errors.AsType[*tooOftenError](err); ok {
		r.retry = often.wait
	}
	return r
}

// negotiate picks the media type of the answer; no Accept header means any.
func negotiate(accept []string) (mediaType string, ok bool) {
	header := strings.Join(accept, ",")
	if strings.TrimSpace(header) == "" {
		return typeJSON, true
	}
	best, found := 0.0, ""
	for part := range strings.SplitSeq(header, ",") {
		wanted, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
			continue
		}
		quality := 1.0
		if q, ok := params["q"]; ok {
			if _, err := fmt.Sscanf(q, "%f", &quality); err != nil {
				continue
			}
		}
		offered := ""
		switch wanted {
		case typeResponse, typeJSON:
			offered = wanted
		case "*/*", "application/*":
			offered = typeJSON
		}
		if offered != "" && quality > best {
			best, found = quality, offered
		}
	}
	return found, found != ""
}

// postedRequest reads a request from a JSON body.
func (s *Service) postedRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != typeJSON {
		return nil, &Error{Code: CodeMediaType, Message: "a GraphQL request is posted as " + typeJSON, Hint: "set Content-Type: " + typeJSON}
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
		return nil, &Error{Code: CodeMediaType, Message: "a GraphQL request is UTF-8"}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &Error{Code: CodeMediaType, Message: "Content-Encoding is not taken here"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.BodyBytes))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &Error{Code: CodeTooLarge, Message: fmt.Sprintf("the request is larger than %d KiB", s.limits.BodyBytes>>10), Hint: "ask for less at once"}
		}
		return nil, &Error{Code: CodeBadRequest, Message: "the request could not be read", Err: err}
	}
	return s.decodeRequest(body)
}

// decodeRequest reads a request from JSON.
func (s *Service) decodeRequest(body []byte) (*request, error) {
	if err := guard.CheckJSON(body, s.limits.JSONDepth); err != nil {
		return nil, err
	}
	var fields struct {
		Query         *string         `json:"query"`
		OperationName *string         `json:"operationName"`
		Variables     json.RawMessage `json:"variables"`
		Extensions    json.RawMessage `json:"extensions"`
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		hint := `send {"query": "...", "variables": {...}, "operationName": "..."}`
		if len(body) > 0 && body[0] == '[' {
			hint = "send one request at a time: batches are not taken"
		}
		return nil, &Error{Code: CodeBadRequest, Message: "the body is not a GraphQL request in JSON", Hint: hint, Err: err}
	}
	q := &request{}
	if fields.Query != nil {
		q.Query = *fields.Query
	}
	if fields.OperationName != nil {
		q.Operation = *fields.OperationName
	}
	var err error
	if q.Variables, err = jsonObject("variables", fields.Variables); err != nil {
		return nil, err
	}
	extensions, err := jsonObject("extensions", fields.Extensions)
	if err != nil {
		return nil, err
	}
	return q, s.settleQuery(q, extensions)
}

// urlRequest reads a request from the URL's parameters.
func (s *Service) urlRequest(r *http.Request) (*request, error) {
	if int64(len(r.URL.RawQuery)) > s.limits.BodyBytes {
		return nil, &Error{Code: CodeTooLarge, Message: "the address is too long", Hint: "use POST"}
	}
	values := r.URL.Query()
	q := &request{Query: values.Get("query"), Operation: values.Get("operationName"), ReadOnly: true}
	var extensions map[string]any
	for name, into := range map[string]*map[string]any{"variables": &q.Variables, "extensions": &extensions} {
		text := []byte(values.Get(name))
		if err := guard.CheckJSON(text, s.limits.JSONDepth); err != nil {
			return nil, err
		}
		object, err := jsonObject(name, text)
		if err != nil {
			return nil, err
		}
		*into = object
	}
	return q, s.settleQuery(q, extensions)
}

func errNoQuery() error {
	return &Error{Code: CodeBadRequest, Message: "the request has no query", Hint: `send {"query": "{ term(name: \"heart\") { id } }"} as ` + typeJSON}
}

// jsonObject decodes a field that is an object, null or absent.
func jsonObject(name string, text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return nil, nil //nolint:nilnil // absent is a value here
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, &Error{Code: CodeBadRequest, Message: quote(name) + " must be a JSON object", Err: err}
	}
	return object, nil
}

// read brings a query to a valid document: limits, parser, limits on the parsed
// document, validation. A response says why not.
func (s *Service) read(query string) (kept, *response) {
	if k, ok := s.documents.find(query); ok {
		return k, nil
	}
	text, err := guard.Scan(query, s.limits.Document)
	if err != nil {
		return kept{}, refuse(err)
	}
	document, err := parse(text)
	if err != nil {
		return kept{}, refuse(err)
	}
	if err := guard.Check(document, s.limits.Document, s.sizes); err != nil {
		return kept{}, refuse(err)
	}
	if faults := validate(&s.schema, document); len(faults) > 0 {
		res := &response{status: http.StatusBadRequest}
		for _, e := range faults {
			e.Extensions = map[string]any{"code": string(CodeValidation)}
			locate(&e, text)
			res.errors = append(res.errors, e)
		}
		return kept{}, res
	}
	k := kept{text, document}
	s.documents.keep(query, k)
	return k, nil
}

// prepared is a request that can be executed.
type prepared struct {
	kept
	request   *request
	operation *ast.OperationDefinition
	tree      *graph.Tree // the revision that is read
	asks      asks
	answer    *response // where it is kept, or the client has it
}

// prepare reads a request, checks its variables and what its caller may do. A
// response says why it cannot be executed.
func (s *Service) prepare(ctx context.Context, q *request) (*prepared, *response) {
	k, refused := s.read(q.Query)
	if refused != nil {
		return nil, refused
	}
	operation, err := chosen(k.document, q.Operation)
	if err != nil {
		return nil, refuse(err)
	}
	if q.ReadOnly && operation.Operation != ast.OperationTypeQuery {
		return nil, refuse(&Error{Code: CodeMethod, Message: "a " + operation.Operation + " cannot be sent by GET", Hint: "use POST"})
	}
	if err := checkVariables(&s.schema, operation, q.Variables); err != nil {
		return nil, refuse(err)
	}
	if q.persist != "" {
		s.persisted.keep(q.persist, q.Query)
	}
	p := &prepared{kept: k, request: q, operation: operation, tree: s.config.Tree()}
	if refused := s.permit(ctx, p); refused != nil {
		return nil, refused
	}
	p.asks = s.whatIsAsked(p)
	p.answer = s.answerKept(p)
	return p, nil
}

// begin brings a request to where it can be executed, in its turn. Call leave
// when it was. A response says why it is not executed.
//
// A query that is known, and then turns out to take little, gives way to nobody and
// may be asked where the caller's rate is used up but for what is kept for such.
func (s *Service) begin(ctx context.Context, q *request) (p *prepared, leave func(), refused *response) {
	caller := s.turnOf(ctx)
	_, known := s.documents.find(q.Query)
	defer func() {
		if thrown := recover(); thrown != nil {
			refused = refuse(s.panicked("request", thrown))
		}
		if refused == nil {
			wellAsked(ctx)
			return
		}
		if leave != nil {
			leave()
		}
		if isFault(refused) {
			s.atFault(ctx)
		}
		if known || q.short > 0 {
			_ = s.way.wait(ctx, s.turnOf(ctx)) // it has not waited before
		}
	}()
	var err error
	switch {
	case known:
		s.way.asked()
	case q.short > 0:
		return nil, nil, refuse(&tooOftenError{q.short})
	default:
		err = s.way.wait(ctx, caller)
	}
	if err == nil {
		leave, err = s.lanes.short.take(ctx, caller)
	}
	if err != nil {
		return nil, nil, refuse(err)
	}
	if p, refused = s.prepare(ctx, q); refused != nil {
		return p, leave, refused
	}
	lane := s.lanes.short
	if p.answer == nil {
		if lane, err = s.affordable(p); err != nil {
			return p, leave, refuse(err)
		}
	}
	if q.short > 0 {
		if lane != s.lanes.short {
			return p, leave, refuse(&tooOftenError{q.short})
		}
		if wait, ok := s.mayAskKnown(ctx); !ok {
			return p, leave, refuse(&tooOftenError{wait})
		}
	}
	if lane == s.lanes.short {
		return p, leave, nil
	}
	leave()
	leave = nil
	if known {
		err = s.way.wait(ctx, caller)
	}
	if err == nil {
		leave, err = lane.take(ctx, caller)
	}
	if err != nil {
		return p, nil, refuse(err)
	}
	return p, leave, nil
}

// tooOftenError refuses a request of a caller who may ask no more for a while.
type tooOftenError struct{ wait time.Duration }

func (e *tooOftenError) Error() string { return errTooOften().Error() }

// Unwrap gives what clients are told.
func (e *tooOftenError) Unwrap() error { return errTooOften() }

// execute runs one request that came over HTTP.
func (s *Service) execute(ctx context.Context, q *request) *response {
	ctx, step := steps.Start(ctx, "graphql")
	p, leave, refused := s.begin(ctx, q)
	if refused != nil {
		observed(step, p, refused)
		return refused
	}
	defer leave()
	if p.operation.Operation == ast.OperationTypeSubscription {
		r := refuse(&Error{Code: CodeBadRequest, Message: "subscriptions go over WebSocket", Hint: "connect to this address with the subprotocol " + socketProtocol})
		observed(step, p, r)
		return r
	}
	r := s.run(ctx, p)
	observed(step, p, r)
	return r
}

// run executes a request, or gives the answer that is kept of it.
func (s *Service) run(ctx context.Context, p *prepared) *response {
	if p.answer != nil {
		return p.answer
	}
	return s.keepAnswer(p, s.perform(ctx, p, p.tree, nil))
}

// perform executes a request on a revision of the tree; root is what its top fields
// are fields of.
func (s *Service) perform(ctx context.Context, p *prepared, tree *graph.Tree, root any) *response {
	result := graphql.Execute(graphql.ExecuteParams{
		Schema:        s.schema,
		Root:          root,
		AST:           p.document,
		OperationName: p.request.Operation,
		Args:          p.request.Variables,
		Context:       s.withBudget(ctx, tree),
	})
	if result.Data == nil && ctx.Err() != nil {
		return refuse(ctx.Err())
	}
	res := &response{executed: true, data: result.Data}
	for _, e := range result.Errors[:min(len(result.Errors), maxErrors)] {
		res.errors = append(res.errors, s.executionError(e, p.text))
	}
	return res
}

func parse(text string) (*ast.Document, error) {
	// Without the source in every node, the library does not search it for
	// line ends at every error; locate does that for the errors that are shown.
	document, err := parser.Parse(parser.ParseParams{
		Source:  source.NewSource(&source.Source{Body: []byte(text)}),
		Options: parser.ParseOptions{NoSource: true},
	})
	if err == nil {
		return document, nil
	}
	syntax := &guard.SyntaxError{Message: err.Error()}
	if located, ok := errors.AsType[*gqlerrors.Error](err); ok {
		// The message is "Syntax Error GraphQL (1:2) what\n\nthe lines around".
		syntax.Message, _, _ = strings.Cut(located.Message, "\n")
		if _, what, ok := strings.Cut(syntax.Message, ") "); ok {
			syntax.Message = what
		}
		if len(located.Positions) > 0 {
			syntax.Line, syntax.Column = guard.Position(text, located.Positions[0])
		}
	}
	return nil, syntax
}

// errEnough ends a validation that has found more errors than are shown.
var errEnough = errors.New("enough errors")

// validate gives at most maxErrors errors. The library goes on for as long as
// there is something to complain of, with suggestions for each misspelt field,
// which for a hostile document takes a thousand times longer than to execute
// a good one; so a rule of our own stops it.
func validate(schema *graphql.Schema, document *ast.Document) (faults []gqlerrors.FormattedError) {
	var context *graphql.ValidationContext
	stop := func(c *graphql.ValidationContext) *graphql.ValidationRuleInstance {
		context = c
		return &graphql.ValidationRuleInstance{VisitorOpts: &visitor.VisitorOptions{
			Enter: func(visitor.VisitFuncParams) (string, any) {
				if len(c.Errors()) > maxErrors {
					panic(errEnough)
				}
				return visitor.ActionNoChange, nil
			},
		}}
	}
	defer func() {
		switch thrown := recover(); thrown {
		case nil:
		case errEnough:
			faults = context.Errors()
		default:
			panic(thrown)
		}
		faults = faults[:min(len(faults), maxErrors)]
	}()
	return graphql.ValidateDocument(schema, document, append(slices.Clone(graphql.SpecifiedRules), stop)).Errors
}

// locate turns the places of an error from offsets into lines. Without a
// source the library gives line 1 and the offset plus one.
func locate(e *gqlerrors.FormattedError, text string) {
	e.Locations = slices.Clone(e.Locations[:min(len(e.Locations), maxErrors)])
	for i, l := range e.Locations {
		e.Locations[i] = sourceLocation(guard.Position(text, l.Column-1))
	}
}

// executionError gives an error of a field its code; what no resolver said on
// purpose is INTERNAL.
func (s *Service) executionError(e gqlerrors.FormattedError, text string) gqlerrors.FormattedError {
	locate(&e, text)
	if e.Extensions["code"] != nil {
		return e
	}
	s.log.Error("a field failed", "path", e.Path, "error", e.Message)
	hidden := describe(errInternal)
	e.Message, e.Extensions = hidden.Message, hidden.Extensions()
	return e
}

// chosen finds the operation that a request names.
func chosen(document *ast.Document, name string) (*ast.OperationDefinition, error) {
	var operations []*ast.OperationDefinition
	for _, d := range document.Definitions {
		if o, ok := d.(*ast.OperationDefinition); ok {
			if name != "" && o.Name != nil && o.Name.Value == name {
				return o, nil
			}
			operations = append(operations, o)
		}
	}
	switch {
	case name != "":
		return nil, &Error{Code: CodeBadRequest, Message: "the document has no operation called " + quote(name)}
	case len(operations) == 0:
		return nil, &Error{Code: CodeBadRequest, Message: "the document has no operation"}
	case len(operations) > 1:
		return nil, &Error{Code: CodeBadRequest, Message: "the document has several operations", Hint: "say which with operationName"}
	}
	return operations[0], nil
}
