package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api"
	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/jobs/jobtest"
)

// bearer sends a token with every request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b != "" {
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
}

// agent connects the official SDK's client over streamable HTTP.
func agent(t *testing.T, url, token string) (*mcp.ClientSession, error) {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: bearer(token), Timeout: time.Minute}, MaxRetries: -1, DisableStandaloneSSE: true,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

// use calls a tool; failed is the text of a tool error.
func use(t *testing.T, a *mcp.ClientSession, tool string, arguments map[string]any, out any) (failed string) {
	t.Helper()
	result, err := a.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		text, _ := result.Content[0].(*mcp.TextContent)
		return text.Text
	}
	text, err := json.Marshal(result.StructuredContent)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

// Agents come through the same door as everybody: who they are counts, and what
// is another's is not there.
func TestAgentsOverHTTP(t *testing.T) {
	c := newClub(t, anyone(), func(config *api.Config) {
		resolver := inference.NewResolver(config.Tree(), classes())
		config.Resolver = func() *inference.Resolver { return resolver }
	})
	token := func(name string, role auth.Role, scopes ...auth.Permission) string {
		text, _, err := auth.Issue(t.Context(), c.tokens, name, role, scopes, time.Hour, "test")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	adasToken := token("ada", auth.Curator)
	ada, err := agent(t, c.URL, adasToken)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := agent(t, c.URL, token("bob", auth.Curator))
	if err != nil {
		t.Fatal(err)
	}
	image := c.as(adasToken).upload(scan(t, "scan.nii"))
	var job struct {
		Job, State string
		Ended      bool
		Structures []struct{ Mask string }
	}
	if failed := use(t, ada, "segment", map[string]any{"scan": image, "query": "left atrium", "wait": 60}, &job); failed != "" || !job.Ended {
		t.Fatalf("%s; %+v", failed, job)
	}
	if mask := job.Structures[0].Mask; !strings.HasPrefix(mask, "/jobs/"+job.Job+"/masks/") {
		t.Errorf("mask %q", mask)
	}
	if failed := use(t, ada, "measure", map[string]any{"job": job.Job}, nil); failed != "" {
		t.Error(failed)
	}
	for tool, arguments := range map[string]map[string]any{
		"job": {"job": job.Job}, "cancel_job": {"job": job.Job}, "measure": {"job": job.Job}, "picture": {"job": job.Job},
		"findings_skeleton": {"draft": "The left atrium.", "job": job.Job},
		"compare_scans":     {"before": job.Job, "after": job.Job},
	} {
		if failed := use(t, bob, tool, arguments, nil); !strings.HasPrefix(failed, "NO_SUCH_JOB") {
			t.Errorf("%s shows another's job: %s", tool, failed)
		}
	}
	if failed := use(t, bob, "segment", map[string]any{"scan": image, "query": "left atrium"}, nil); !strings.HasPrefix(failed, "NOT_FOUND") {
		t.Errorf("segment takes another's image: %s", failed)
	}

	reader, err := agent(t, c.URL, token("eve", auth.Curator, auth.Read))
	if err != nil {
		t.Fatal(err)
	}
	if failed := use(t, reader, "segment", map[string]any{"scan": image, "query": "left atrium"}, nil); !strings.HasPrefix(failed, "FORBIDDEN") {
		t.Errorf("a token for reading segments: %s", failed)
	}
	stranger, err := agent(t, c.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	if failed := use(t, stranger, "find_term", map[string]any{"text": "heart"}, nil); failed != "" {
		t.Errorf("a public service hides the tree: %s", failed)
	}
	if failed := use(t, stranger, "segment", map[string]any{"scan": image, "query": "heart"}, nil); !strings.HasPrefix(failed, "UNAUTHENTICATED") {
		t.Errorf("a stranger segments: %s", failed)
	}
	if _, err := agent(t, c.URL, "nonsense"); err == nil {
		t.Error("a forged token is taken")
	}
	if _, err := agent(t, newClub(t, auth.Identity{}).URL, ""); err == nil {
		t.Error("a closed service answers a stranger")
	}
	if log := c.audited(); !strings.Contains(log, "mcp.segment") || !strings.Contains(log, job.Job) || !strings.Contains(log, "NOT_OWNER") {
		t.Errorf("the audit log: %s", log)
	}
}

// Progress comes while the request still waits.
func TestAgentsProgressOverHTTP(t *testing.T) {
	release := make(chan struct{})
	s := start(t, &jobtest.Model{Look: func(ctx context.Context) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	image := s.upload(scan(t, "scan.nii"))
	var once sync.Once
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { once.Do(func() { close(release) }) },
	})
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: s.URL + "/mcp"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	params := &mcp.CallToolParams{Name: "segment", Arguments: map[string]any{"scan": image, "query": "left atrium", "wait": 60}}
	params.SetProgressToken("p")
	result, err := session.CallTool(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := result.StructuredContent.(map[string]any); answer["ended"] != true {
		t.Errorf("no progress came while it waited: %v", answer)
	}
}

func TestAgentsRequestsAreBounded(t *testing.T) {
	s := start(t, &jobtest.Model{})
	call := func(body string) (int, string) {
		status, text := s.do(http.MethodPost, "/mcp", strings.NewReader(body), "Content-Type", "application/json", "Accept", "application/json, text/event-stream")
		return status, string(text)
	}
	if status, text := call(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_term","arguments":{"text":"` + strings.Repeat("x", 300<<10) + `"}}}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("300 kB: %d %.200s", status, text)
	}
	for _, body := range []string{
		"", "{", "null", "[]", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"jsonrpc":"1.0"}`,
		`{"jsonrpc":"2.0","id":1,"method":"no/such"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_term","arguments":null}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_term","arguments":[]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_term","arguments":` + strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000) + `}}`,
		`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":null}}`,
		strings.Repeat("[", 100_000),
	} {
		if status, text := call(body); status >= 500 || strings.Contains(text, "goroutine") {
			t.Errorf("%.80s: %d %.200s", body, status, text)
		}
	}
	if status, _ := s.do(http.MethodGet, "/mcp", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", status)
	}
	if status, text := call(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_term","arguments":{"text":"heart"}}}`); status != http.StatusOK || !strings.Contains(text, "T:1") {
		t.Errorf("afterwards: %d %.300s", status, text)
	}
}
