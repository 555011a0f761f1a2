package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"satgraph/api"
	"satgraph/api/auth"
)

func TestEveryTopFieldHasItsPermission(t *testing.T) {
	s := start(t, nil)
	if got, want := api.Permissions(), s.api.TopFields(); !reflect.DeepEqual(got, want) {
		t.Errorf("the table of permissions (access.go) has\n%v\nand the schema\n%v", got, want)
	}
}

// A club is a service that knows its callers.
type club struct {
	*service
	tokens *auth.Memory
	audit  string // the file of the audit log
	log    *safeBuffer
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newClub starts a curated service that wants tokens. A stranger is who sends
// none.
func newClub(t *testing.T, stranger auth.Identity, change ...func(*api.Config)) *club {
	t.Helper()
	c := &club{tokens: &auth.Memory{}, audit: filepath.Join(t.TempDir(), "audit.jsonl"), log: &safeBuffer{}}
	audit, err := auth.OpenAudit(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = audit.Close() })
	guarded := func(config *api.Config) {
		config.Log = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		config.Audit = audit
		a, err := auth.New(auth.Config{Tokens: c.tokens, Unnamed: stranger, Refresh: time.Nanosecond, Log: config.Log})
		if err != nil {
			t.Fatal(err)
		}
		config.Auth = a
	}
	c.service, _ = curated(t, append([]func(*api.Config){guarded}, change...)...)
	return c
}

func anyone() auth.Identity { return auth.Identity{Subject: "anonymous", Role: auth.Anonymous} }

// member gives the service as somebody of a role sees it.
func (c *club) member(name string, role auth.Role, scopes ...auth.Permission) *service {
	c.t.Helper()
	text, _, err := auth.Issue(c.t.Context(), c.tokens, name, role, scopes, time.Hour, "test")
	if err != nil {
		c.t.Fatal(err)
	}
	return c.as(text)
}

func (c *club) audited() string {
	c.t.Helper()
	text, err := os.ReadFile(c.audit)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func TestRolesOverGraphQL(t *testing.T) {
	closed := newClub(t, auth.Identity{})
	public := newClub(t, anyone())
	const (
		read   = `{term(id: "T:1") {name}}`
		flag   = `mutation {commentLabel(dataset: "Set", label: "RA", comment: "seen") {__typename}}`
		judge  = `mutation {adjudicateLabel(dataset: "Set", label: "RA", terms: ["T:3"]) {__typename}}`
		cancel = `mutation {cancelJob(id: "AAAAAAAAAAAAAAAAAAAAAAAAAA") {job {id}}}`
	)
	for _, c := range []struct {
		name   string
		who    *service
		query  string
		status int
		code   string
	}{
		{"closed, a stranger reads", closed.service, read, 401, "UNAUTHENTICATED"},
		{"closed, a stranger asks of the schema", closed.service, "{__typename}", 401, "UNAUTHENTICATED"},
		{"closed, nonsense as a token", closed.as("nonsense"), read, 401, "UNAUTHENTICATED"},
		{"closed, a viewer reads", closed.member("v", auth.Viewer), read, 200, ""},
		{"public, a stranger reads", public.service, read, 200, ""},
		{"public, a stranger writes", public.service, flag, 401, "UNAUTHENTICATED"},
		{"public, a bad token is not a stranger", public.as("nonsense"), read, 401, "UNAUTHENTICATED"},
		{"a viewer cancels", closed.member("v", auth.Viewer), cancel, 200, "NOT_FOUND"},
		{"a viewer writes", closed.member("v", auth.Viewer), flag, 403, "FORBIDDEN"},
		{"a viewer writes behind a fragment", closed.member("v", auth.Viewer), `mutation {...A} fragment A on Mutation {... on Mutation {x: commentLabel(dataset: "Set", label: "RA", comment: "no") {__typename}}}`, 403, "FORBIDDEN"},
		{"a curator writes", closed.member("c", auth.Curator), flag, 200, ""},
		{"a curator judges", closed.member("c", auth.Curator), judge, 403, "FORBIDDEN"},
		{"a reviewer judges", closed.member("r", auth.Reviewer), judge, 200, ""},
		{"a token for reading writes", closed.member("c", auth.Admin, auth.Read), flag, 403, "FORBIDDEN"},
		{"a token for segmenting reads", closed.member("c", auth.Viewer, auth.Segment), read, 403, "FORBIDDEN"},
	} {
		a := c.who.ask(c.query)
		if a.Status != c.status || a.code() != c.code {
			t.Errorf("%s: %d %q, want %d %q: %v", c.name, a.Status, a.code(), c.status, c.code, a.Errors)
		}
		if c.code == "FORBIDDEN" && (a.Data != nil || a.Errors[0].Extensions["hint"] == nil || len(a.Errors[0].Path) != 1) {
			t.Errorf("%s: data %v, errors %v", c.name, a.Data, a.Errors)
		}
	}
	// Nothing of a request is done where a part of it is not allowed.
	a := closed.member("c", auth.Curator).ask(`mutation {flagLabel(dataset: "Set", label: "LV", comment: "half") {__typename} adjudicateLabel(dataset: "Set", label: "LV", terms: ["T:4"]) {__typename}}`)
	if a.code() != "FORBIDDEN" || strings.Contains(closed.audited(), "label=LV") {
		t.Errorf("half of a request: %v; audit log\n%s", a, closed.audited())
	}
}

func TestRoutesWantTheirCallers(t *testing.T) {
	c := newClub(t, auth.Identity{})
	viewer := c.member("v", auth.Viewer)
	reader := c.member("r", auth.Viewer, auth.Read)
	for _, x := range []struct {
		name, method, path string
		who                *service
		status             int
	}{
		{"health", "GET", "/healthz", c.service, 200},
		{"readiness", "GET", "/readyz", c.service, 200},
		{"labels", "GET", "/labels?dataset=Set", c.service, 401},
		{"labels by a viewer", "GET", "/labels?dataset=Set", viewer, 200},
		{"an upload", "POST", "/images", c.service, 401},
		{"an upload by one who may only read", "POST", "/images", reader, 403},
		{"an image", "GET", "/images/" + strings.Repeat("a", 64), c.service, 401},
		{"an image away", "DELETE", "/images/" + strings.Repeat("a", 64), reader, 403},
		{"a mask", "GET", "/jobs/AAAAAAAAAAAAAAAAAAAAAAAAAA/masks/x.nii.gz", c.service, 401},
		{"a mask of no job", "GET", "/jobs/AAAAAAAAAAAAAAAAAAAAAAAAAA/masks/x.nii.gz", viewer, 404},
		{"a query by GET", "GET", "/graphql?query={__typename}", c.service, 401},
		{"health with a bad token", "GET", "/healthz", c.as("satgraph_x"), 401},
	} {
		status, header, text := x.who.exchange(x.method, x.path, nil, "Accept", "application/json")
		if status != x.status {
			t.Errorf("%s: %d %s, want %d", x.name, status, text, x.status)
		}
		if challenge := header.Get("WWW-Authenticate"); (status == 401) != strings.HasPrefix(challenge, `Bearer realm="satgraph"`) {
			t.Errorf("%s: %d with the challenge %q", x.name, status, challenge)
		}
	}
}

func TestWhatIsAnothersIsNotThere(t *testing.T) {
	c := newClub(t, anyone())
	ada, bob, admin := c.member("ada", auth.Viewer), c.member("bob", auth.Reviewer), c.member("root", auth.Admin)
	file := scan(t, "scan.nii.gz")
	image := ada.upload(file)
	a := ada.ask(`mutation($i: ID!) {segment(query: "left atrium", image: $i, modality: CT) {job {id}}}`, map[string]any{"i": image})
	job := fmt.Sprint(a.at(t, "segment", "job", "id"))
	mask := fmt.Sprint(ada.ended(job).at(t, "job", "structures", 0, "maskUrl"))
	if !strings.HasPrefix(mask, "/jobs/"+job) {
		t.Fatalf("no mask: %s", mask)
	}
	requests := func(image, job, mask string) map[string]func(s *service) string {
		graph := func(query string) func(s *service) string {
			return func(s *service) string {
				a := s.ask(query, map[string]any{"i": image, "j": job})
				return fmt.Sprint(a.Status, a.Data, a.Errors)
			}
		}
		plain := func(path string) func(s *service) string {
			return func(s *service) string {
				status, text := s.do(http.MethodGet, path, nil)
				return fmt.Sprint(status, string(text))
			}
		}
		return map[string]func(s *service) string{
			"image":     graph(`query($i: ID!) {image(id: $i) {bytes}}`),
			"job":       graph(`query($j: ID!) {job(id: $j) {status structures {maskUrl}}}`),
			"cancel":    graph(`mutation($j: ID!) {cancelJob(id: $j) {job {id}}}`),
			"segment":   graph(`mutation($i: ID!) {segment(query: "left atrium", image: $i, modality: CT) {job {status}}}`),
			"GET image": plain("/images/" + image),
			"GET mask":  plain(mask),
		}
	}
	none := requests(strings.Repeat("a", 64), "AAAAAAAAAAAAAAAAAAAAAAAAAA", "/jobs/AAAAAAAAAAAAAAAAAAAAAAAAAA/masks/x.nii.gz")
	for name, ask := range requests(image, job, mask) {
		stranger := name != "cancel" && name != "segment"
		if got, want := ask(bob), none[name](bob); got != want || !strings.Contains(got, "NOT_FOUND") {
			t.Errorf("%s, another's: %s; of none: %s", name, got, want)
		}
		if got, want := ask(c.service), none[name](c.service); stranger && (got != want || !strings.Contains(got, "NOT_FOUND")) {
			t.Errorf("%s, a stranger: %s; of none: %s", name, got, want)
		}
		for who, s := range map[string]*service{"its owner": ada, "an administrator": admin} {
			if got := ask(s); strings.Contains(got, "NOT_FOUND") {
				t.Errorf("%s, %s: %s", name, who, got)
			}
		}
	}
	// The same file is its second sender's as if it were the first; nobody can
	// tell, and it stays for the one when the other takes it away.
	status, text := bob.do(http.MethodPost, "/images", bytes.NewReader(file), "Content-Type", "application/octet-stream")
	if status != http.StatusCreated || !strings.Contains(string(text), image) {
		t.Errorf("sent again by another: %d %s", status, text)
	}
	if status, text = bob.do(http.MethodGet, "/images/"+image, nil); status != http.StatusOK {
		t.Errorf("the second sender's own: %d %s", status, text)
	}
	if status, text = bob.do(http.MethodDelete, "/images/"+image, nil); status != http.StatusNoContent {
		t.Errorf("deleted by the second sender: %d %s", status, text)
	}
	if status, _ = bob.do(http.MethodGet, "/images/"+image, nil); status != http.StatusNotFound {
		t.Errorf("gone for the one who deleted it: %d", status)
	}
	if status, _ = ada.do(http.MethodGet, "/images/"+image, nil); status != http.StatusOK {
		t.Errorf("the first sender's: %d", status)
	}
	if status, _ = ada.do(http.MethodDelete, "/images/"+image, nil); status != http.StatusNoContent {
		t.Errorf("deleted by the last: %d", status)
	}
	if left, err := os.ReadDir(filepath.Join(c.dir, "images")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	// An administrator takes a scan from all who have it.
	for _, s := range []*service{ada, bob} {
		if status, text = s.do(http.MethodPost, "/images", bytes.NewReader(file), "Content-Type", "application/octet-stream"); status != http.StatusCreated {
			t.Errorf("sent once more: %d %s", status, text)
		}
	}
	if status, _ = admin.do(http.MethodDelete, "/images/"+image, nil); status != http.StatusNoContent {
		t.Errorf("deleted by an administrator: %d", status)
	}
	if left, err := os.ReadDir(filepath.Join(c.dir, "images")); err != nil || len(left) > 0 {
		t.Errorf("left by an administrator: %v, %v", left, err)
	}
	if log := c.audited(); !strings.Contains(log, `"outcome":"NOT_OWNER"`) || !strings.Contains(log, `"action":"image.delete"`) {
		t.Errorf("audit log:\n%s", log)
	}
}

func TestASecondVerdictIsAReviewers(t *testing.T) {
	c := newClub(t, auth.Identity{})
	ann, cid, rob := c.member("ann", auth.Curator), c.member("cid", auth.Curator), c.member("rob", auth.Reviewer)
	if got := rob.decide(`setReviewers(dataset: "Set", reviewers: 2)`); got["__typename"] != "Decision" {
		t.Fatal(got)
	}
	const verdict = `changeLabel(dataset: "Set", label: "RA", terms: ["T:3"])`
	if got := ann.decide(verdict); got["__typename"] != "Decision" {
		t.Fatal(got)
	}
	if got := cid.decide(verdict); got["__typename"] != "DecisionMistake" || got["code"] != "FORBIDDEN" {
		t.Errorf("a second curator settles it: %v", got)
	}
	got := rob.decide(verdict)
	if !strings.Contains(text(got), `"settledBy":["ann","rob"]`) || !strings.Contains(text(got), `"SETTLED"`) {
		t.Errorf("a reviewer settles it: %v", got)
	}
	if got := ann.decide(`flagLabel(dataset: "Set", label: "LV", by: "rob", comment: "x")`); got["code"] != "FORBIDDEN" {
		t.Errorf("under another's name: %v", got)
	}
}

func TestSocketsKnowTheirCallers(t *testing.T) {
	c := newClub(t, auth.Identity{}, quick, func(c *api.Config) { c.Limits.PingInterval, c.Limits.UserSockets = 50*time.Millisecond, 2 })
	text, token, err := auth.Issue(t.Context(), c.tokens, "ada", auth.Viewer, nil, time.Hour, "test")
	if err != nil {
		t.Fatal(err)
	}
	initWith := func(payload string) *wire {
		w := c.dial("graphql-transport-ws")
		w.send(`{"type":"connection_init","payload":` + payload + `}`)
		return w
	}
	for name, payload := range map[string]string{
		"nothing":            `{}`,
		"a forged token":     `{"Authorization":"Bearer satgraph_AAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		"a truncated token":  `{"authorization":"Bearer ` + text[:len(text)-1] + `"}`,
		"a token of no kind": `{"Authorization":7}`,
	} {
		t.Log(name)
		initWith(payload).closes(4401)
	}
	good := `{"headers":{"authorization":"Bearer ` + text + `"}}`
	first := initWith(good)
	first.want(`{"type":"connection_ack"}`)
	first.subscribe("w", `mutation {flagLabel(dataset: "Set", label: "LV", comment: "x") {__typename}}`)
	if got := first.read(); !strings.Contains(got, "FORBIDDEN") || !strings.Contains(got, `"type":"error"`) {
		t.Errorf("a viewer writes: %s", got)
	}
	first.subscribe("r", `{term(id: "T:1") {name}}`)
	first.want(`{"type":"next","id":"r","payload":{"data":{"term":{"name":"heart"}}}}`)
	first.want(`{"type":"complete","id":"r"}`)
	second := initWith(good)
	second.want(`{"type":"connection_ack"}`)
	initWith(good).closes(websocket.StatusTryAgainLater)
	// A header will do, too; a bad one is refused before there is a socket.
	_, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(c.URL, "http")+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Authorization": {"Bearer nonsense"}},
	})
	if err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a bad header: %v", err)
	}
	_ = res.Body.Close()
	if err := c.tokens.RevokeToken(t.Context(), token.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	first.closes(4401)
	second.closes(4401)
}

// Whatever hostile callers send, no token comes to the logs, and the audit log
// tells what they tried.
func TestNoSecretComesToTheLogs(t *testing.T) {
	c := newClub(t, auth.Identity{})
	c.api.ServeHTTP(discard{}, mustRequest(t, "GET", "/healthz"))
	text, token, err := auth.Issue(t.Context(), c.tokens, "ada", auth.Viewer, nil, time.Hour, "test")
	if err != nil {
		t.Fatal(err)
	}
	secret := text[strings.LastIndex(text, "_")+1:]
	s := c.as(text)
	s.ask(`{term(id: "T:1") {name}}`)
	s.ask(`mutation {commentLabel(dataset: "` + text + `", label: "RA", comment: "` + text + `") {__typename}}`)
	s.ask(`{term(id: "` + text + `") {` + text + `}}`)
	s.post(text)
	c.ask(`{term(id: "T:1") {name}}`, map[string]any{"token": text})
	for _, header := range []string{"Basic " + text, text, "Bearer " + text + "x", "Bearer  " + text + " x", "bearer " + text[:len(text)-2]} {
		c.do(http.MethodGet, "/healthz?token="+text, nil, "Authorization", header)
		c.do(http.MethodGet, "/images/"+text, nil, "Authorization", header, "X-Request-Id", text)
	}
	s.do(http.MethodPost, "/images", strings.NewReader(text), "Content-Type", text)
	s.do(http.MethodGet, "/jobs/"+text+"/masks/"+text, nil)
	if err := c.tokens.RevokeToken(t.Context(), token.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	if a := s.ask(`{__typename}`); a.Status != 401 || !strings.Contains(a.Errors[0].Message, "revoked") {
		t.Errorf("a revoked token: %v", a)
	}
	log, audit := c.log.String(), c.audited()
	if strings.Contains(log, secret) || strings.Contains(audit, secret) {
		t.Errorf("the token's secret is in the logs:\n%s\n%s", log, audit)
	}
	if !strings.Contains(audit, `"UNAUTHENTICATED"`) || !strings.Contains(audit, `"address":"127.0.0.1"`) || !strings.Contains(audit, `"request":"`) {
		t.Errorf("audit log:\n%s", audit)
	}
	f, err := os.Open(c.audit)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if n, faults, err := auth.VerifyAudit(f); n == 0 || len(faults) > 0 || err != nil {
		t.Errorf("%d events, faults %v, %v", n, faults, err)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func mustRequest(t *testing.T, method, path string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost"
	return r
}

// broken is an audit log on a disk that is full.
type broken struct{ full bool }

func (b *broken) Record(auth.Event) error {
	if b.full {
		return errors.New("no space left on device")
	}
	return nil
}

func TestNothingIsChangedThatCannotBePutDown(t *testing.T) {
	log := &broken{}
	c := newClub(t, auth.Identity{}, func(c *api.Config) { c.Audit = log })
	ann := c.member("ann", auth.Curator)
	const comment = `mutation {commentLabel(dataset: "Set", label: "RA", comment: "x") {__typename}}`
	log.full = true
	ann.ask(comment) // the first is done, and found not to be put down
	if a := ann.ask(comment); a.code() != "SERVICE_UNAVAILABLE" || !strings.Contains(a.Errors[0].Message, "audit") {
		t.Errorf("with a full disk: %v", a)
	}
	if a := ann.ask(`{term(id: "T:1") {name}}`); a.code() != "" {
		t.Errorf("reading: %v", a.Errors)
	}
	log.full = false
	if a := ann.ask(comment); a.code() != "" {
		t.Errorf("with room again: %v", a.Errors)
	}
}

func TestEachCallerHasARate(t *testing.T) {
	c := newClub(t, anyone(), func(c *api.Config) { c.Rates = auth.NewRates(0.01, 3) })
	ada, bob := c.member("ada", auth.Viewer), c.member("bob", auth.Viewer)
	for range 3 {
		if a := ada.ask(`{__typename}`); a.Status != 200 {
			t.Fatal(a)
		}
	}
	status, header, text := ada.exchange(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{__typename}"}`), "Content-Type", "application/json")
	if status != http.StatusTooManyRequests || errorCode(t, text) != "RATE_LIMITED" || header.Get("Retry-After") == "" {
		t.Errorf("the fourth: %d %v %s", status, header, text)
	}
	for _, other := range []*service{bob, c.service} {
		if a := other.ask(`{__typename}`); a.Status != 200 {
			t.Errorf("another caller: %v", a)
		}
	}
}

func TestOtherSitesPages(t *testing.T) {
	const site = "https://viewer.example.org"
	closed := newClub(t, anyone())
	shared := newClub(t, anyone(), func(c *api.Config) { c.Origins = []string{site} })
	preflight := []string{"Origin", site, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
	if status, header, _ := closed.exchange(http.MethodOptions, "/graphql", nil, preflight...); status < 400 || header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight where no site is allowed: %d %v", status, header)
	}
	status, header, _ := shared.exchange(http.MethodOptions, "/graphql", nil, preflight...)
	if status != http.StatusNoContent || header.Get("Access-Control-Allow-Origin") != site || header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("an allowed site's preflight: %d %v", status, header)
	}
	ask := func(s *service, origin string) (int, http.Header) {
		status, header, _ := s.exchange(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{__typename}"}`), "Content-Type", "application/json", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		return status, header
	}
	if status, header := ask(shared.service, site); status != 200 || header.Get("Access-Control-Allow-Origin") != site {
		t.Errorf("an allowed site: %d %v", status, header)
	}
	for _, origin := range []string{"https://evil.example.org", "null", site + ".evil.example.org"} {
		if status, header := ask(shared.service, origin); status != 403 || header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, status, header)
		}
	}
	dial := func(origin string) error {
		conn, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(shared.URL, "http")+"/graphql", &websocket.DialOptions{
			Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Origin": {origin}},
		})
		if err == nil {
			_ = conn.CloseNow()
		}
		if res != nil && res.Body != nil {
			_ = res.Body.Close()
		}
		return err
	}
	if err := dial(site); err != nil {
		t.Errorf("an allowed site's socket: %v", err)
	}
	if dial("https://evil.example.org") == nil {
		t.Error("another site's socket is opened")
	}
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("a service of nothing")
	}
}

func TestServiceForOtherMachinesWantsCallers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t, nil).api.Listen(ctx, "0.0.0.0:0"); !errors.Is(err, api.ErrNotLoopback) || !strings.Contains(err.Error(), "--auth tokens") {
		t.Errorf("without authentication: %v", err)
	}
	l, err := newClub(t, auth.Identity{}).api.Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

// A request is put down once, whichever way it came.
func TestARefusalIsPutDownOnce(t *testing.T) {
	c := newClub(t, auth.Identity{})
	viewer := c.member("viewer", auth.Viewer, auth.Segment)
	before := strings.Count(c.audited(), "query.term")
	if status, _ := viewer.do(http.MethodGet, "/graphql?query="+url.QueryEscape(`{term(name: "heart") {id}}`), nil); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if n := strings.Count(c.audited(), "query.term") - before; n != 1 {
		t.Errorf("put down %d times: %s", n, c.audited())
	}
}
