package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/internal/tooltest"
)

func TestStatusAndMediaType(t *testing.T) {
	s := start(t, nil)
	const (
		newer = "application/graphql-response+json"
		older = "application/json"
		good  = `{"query":"{__typename}"}`
	)
	for _, c := range []struct {
		name, method, path, contentType, accept, body string
		status                                        int
		mediaType, code                               string
	}{
		{"newer type", "POST", "/graphql", older, newer, good, 200, newer, ""},
		{"older type", "POST", "/graphql", older, older, good, 200, older, ""},
		{"any type", "POST", "/graphql", older, "*/*", good, 200, older, ""},
		{"no Accept", "POST", "/graphql", older, "", good, 200, older, ""},
		{"preferred by quality", "POST", "/graphql", older, older + ";q=0.5, " + newer, good, 200, newer, ""},
		{"charset", "POST", "/graphql", older + "; charset=utf-8", older + "; charset=utf-8", good, 200, older, ""},
		{"text only", "POST", "/graphql", older, "text/html", good, 406, older, "NOT_ACCEPTABLE"},
		{"form", "POST", "/graphql", "application/x-www-form-urlencoded", newer, "query=x", 415, newer, "UNSUPPORTED_MEDIA_TYPE"},
		{"no type", "POST", "/graphql", "", newer, good, 415, newer, "UNSUPPORTED_MEDIA_TYPE"},
		{"other charset", "POST", "/graphql", older + "; charset=latin1", newer, good, 415, newer, "UNSUPPORTED_MEDIA_TYPE"},
		{"not JSON", "POST", "/graphql", older, older, `{"query"`, 400, older, "BAD_REQUEST"},
		{"batch", "POST", "/graphql", older, older, `[` + good + `]`, 400, older, "BAD_REQUEST"},
		{"no query", "POST", "/graphql", older, older, `{}`, 400, older, "BAD_REQUEST"},
		{"query of another type", "POST", "/graphql", older, older, `{"query":1}`, 400, older, "BAD_REQUEST"},
		{"variables of another type", "POST", "/graphql", older, older, `{"query":"{__typename}","variables":[]}`, 400, older, "BAD_REQUEST"},
		{"extensions of another type", "POST", "/graphql", older, older, `{"query":"{__typename}","extensions":"x"}`, 400, older, "BAD_REQUEST"},
		{"nulls", "POST", "/graphql", older, older, `{"query":"{__typename}","variables":null,"operationName":null,"extensions":null}`, 200, older, ""},
		{"syntax error, newer type", "POST", "/graphql", older, newer, `{"query":"{"}`, 400, newer, "GRAPHQL_PARSE_FAILED"},
		{"syntax error, older type", "POST", "/graphql", older, older, `{"query":"{"}`, 200, older, "GRAPHQL_PARSE_FAILED"},
		{"invalid, newer type", "POST", "/graphql", older, newer, `{"query":"{nope}"}`, 400, newer, "GRAPHQL_VALIDATION_FAILED"},
		{"invalid, older type", "POST", "/graphql", older, older, `{"query":"{nope}"}`, 200, older, "GRAPHQL_VALIDATION_FAILED"},
		{"unknown operation", "POST", "/graphql", older, newer, `{"query":"query A{__typename}","operationName":"B"}`, 400, newer, "BAD_REQUEST"},
		{"which operation", "POST", "/graphql", older, newer, `{"query":"query A{__typename} query B{__typename}"}`, 400, newer, "BAD_REQUEST"},
		{"this operation", "POST", "/graphql", older, newer, `{"query":"query A{__typename} query B{__typename}","operationName":"B"}`, 200, newer, ""},
		{"subscription", "POST", "/graphql", older, newer, `{"query":"subscription {job(id: 1) {id}}"}`, 400, newer, "*"},
		{"GET", "GET", "/graphql?query=" + url.QueryEscape("{__typename}"), "", newer, "", 200, newer, ""},
		{"GET with variables", "GET", "/graphql?query=" + url.QueryEscape("query($t:String!){search(text:$t){score}}") + "&variables=" + url.QueryEscape(`{"t":"heart"}`), "", newer, "", 200, newer, ""},
		{"GET without query", "GET", "/graphql", "", newer, "", 400, newer, "BAD_REQUEST"},
		{"GET with bad variables", "GET", "/graphql?query=x&variables=x", "", newer, "", 400, newer, "BAD_REQUEST"},
		{"mutation by GET, newer type", "GET", "/graphql?query=" + url.QueryEscape(`mutation{cancelJob(id:"x"){job{id}}}`), "", newer, "", 405, newer, "METHOD_NOT_ALLOWED"},
		{"mutation by GET, older type", "GET", "/graphql?query=" + url.QueryEscape(`mutation{cancelJob(id:"x"){job{id}}}`), "", older, "", 405, older, "METHOD_NOT_ALLOWED"},
		{"PUT", "PUT", "/graphql", older, newer, good, 405, older, "METHOD_NOT_ALLOWED"},
		{"elsewhere", "GET", "/etc/passwd", "", older, "", 404, older, "NOT_FOUND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{}
			if c.contentType != "" {
				headers = append(headers, "Content-Type", c.contentType)
			}
			if c.accept != "" {
				headers = append(headers, "Accept", c.accept)
			}
			status, header, text := s.exchange(c.method, c.path, strings.NewReader(c.body), headers...)
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, text)
			}
			if got, want := header.Get("Content-Type"), c.mediaType+"; charset=utf-8"; got != want {
				t.Errorf("media type %q, want %q", got, want)
			}
			var a map[string]any
			if err := json.Unmarshal(text, &a); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			_, hasData := a["data"]
			_, hasErrors := a["errors"]
			if hasErrors != (c.code != "") || hasData != (c.code == "") {
				t.Errorf("data and errors: %s", text)
			}
			if got := errorCode(t, text); c.code != "*" && got != c.code {
				t.Errorf("code %q, want %q", got, c.code)
			}
		})
	}
}

// The audits of GraphQL over HTTP that the graphql-http package of npm has: none may
// find less than the specification asks for.
func TestGraphQLOverHTTPAudits(t *testing.T) {
	modules := tooltest.Get(t.Context(), t, "../scripts/graphql-ws.sh")
	s := start(t, nil)
	script := filepath.Join(t.TempDir(), "audit.cjs")
	if err := os.WriteFile(script, []byte(`
const { auditServer } = require('graphql-http');
(async () => {
  const results = await auditServer({ url: process.argv[2] });
  for (const r of results) if (r.status !== 'ok') console.log(r.status + ' ' + r.id + ' ' + r.name + ': ' + r.reason);
  console.log(results.length + ' audits');
})().catch((e) => { console.error(e); process.exit(1); });
`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, s.URL+"/graphql")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines[:len(lines)-1] {
		t.Error(line)
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(lines[len(lines)-1], " audits")); err != nil || n < 50 {
		t.Errorf("not all audits ran: %s", lines[len(lines)-1])
	}
}

func TestVariablesAreOfTheirTypes(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		query, variables string
		ok               bool
	}{
		{`query($x:String!){search(text:$x){score}}`, `{"x":"heart"}`, true},
		{`query($x:String!){search(text:$x){score}}`, `{}`, false},
		{`query($x:String!){search(text:$x){score}}`, `{"x":null}`, false},
		{`query($x:String!){search(text:$x){score}}`, `{"x":{"a":1}}`, false},
		{`query($x:String!){search(text:$x){score}}`, `{"x":7}`, false},
		{`query($x:Int){search(text:"a",limit:$x){score}}`, `{"x":7}`, true},
		{`query($x:Int){search(text:"a",limit:$x){score}}`, `{"x":7.5}`, false},
		{`query($x:Int){search(text:"a",limit:$x){score}}`, `{"x":1e12}`, false},
		{`query($x:Int){search(text:"a",limit:$x){score}}`, `{"x":"7"}`, false},
		{`query($x:Modality){resolve(query:"heart",modality:$x){query}}`, `{"x":"CT"}`, true},
		{`query($x:Modality){resolve(query:"heart",modality:$x){query}}`, `{"x":"ct"}`, false},
		{`query($x:Modality){resolve(query:"heart",modality:$x){query}}`, `{"x":["CT"]}`, false},
		{`query($x:[RelationType!]){term(id:"T:1"){children(relations:$x){id}}}`, `{"x":["IS_A","PART_OF"]}`, true},
		{`query($x:[RelationType!]){term(id:"T:1"){children(relations:$x){id}}}`, `{"x":"IS_A"}`, true},
		{`query($x:[RelationType!]){term(id:"T:1"){children(relations:$x){id}}}`, `{"x":["IS_A",null]}`, false},
		{`query($x:[RelationType!]){term(id:"T:1"){children(relations:$x){id}}}`, `{"x":null}`, true},
		{`query($x:ID){term(id:$x){id}}`, `{"x":"T:1","unused":[1]}`, true},
		{`query($x:ID){term(id:$x){id}}`, `{"x":true}`, false},
	} {
		a := s.post(`{"query":` + quoted(c.query) + `,"variables":` + c.variables + `}`)
		if c.ok && len(a.Errors) > 0 {
			t.Errorf("%s with %s: %v", c.query, c.variables, a.Errors)
		}
		if !c.ok && (a.Status != 400 || a.code() != "BAD_USER_INPUT") {
			t.Errorf("%s with %s: %d %v", c.query, c.variables, a.Status, a.Errors)
		}
	}
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func TestPageAndHealth(t *testing.T) {
	s := start(t, nil)
	status, header, text := s.exchange(http.MethodGet, "/", nil)
	if status != 200 || !strings.Contains(string(text), "curl") || !strings.Contains(string(text), "never for clinical use") {
		t.Errorf("page: %d %s", status, text)
	}
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "style-src 'sha256-") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		status, header, text := s.exchange(http.MethodGet, path, nil)
		if status != 200 || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d %s %v", path, status, text, header)
		}
	}
	if status, text := s.do(http.MethodHead, "/healthz", nil); status != 200 || len(text) != 0 {
		t.Errorf("HEAD: %d %q", status, text)
	}
	if status, _ := s.do(http.MethodPost, "/healthz", nil); status != 405 {
		t.Errorf("POST: %d", status)
	}
}

// A page elsewhere must not use the service of someone who visits it: neither
// by a request across sites nor by pointing its own name at this address.
func TestOtherSitesAreRefused(t *testing.T) {
	s := start(t, nil)
	for _, headers := range [][]string{
		{"Host", "evil.example"},
		{"Host", "127.0.0.1.evil.example:80"},
		{"Origin", "https://evil.example"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site", "Origin", "http://127.0.0.1:1"},
	} {
		status, text := s.do(http.MethodPost, "/images", strings.NewReader("x"), headers...)
		if status != http.StatusForbidden || errorCode(t, text) != "FORBIDDEN" {
			t.Errorf("%v: %d %s", headers, status, text)
		}
	}
	for _, host := range []string{"localhost:8080", "[::1]:80", "127.0.0.1", "LOCALHOST"} {
		if status, text := s.do(http.MethodGet, "/healthz", nil, "Host", host); status != 200 {
			t.Errorf("%s: %d %s", host, status, text)
		}
	}
	open := start(t, nil, func(c *api.Config) { c.AllowRemote = true })
	if status, _ := open.do(http.MethodGet, "/healthz", nil, "Host", "satgraph.example"); status != 200 {
		t.Errorf("allowed: %d", status)
	}
}

func TestListenRefusesOtherMachines(t *testing.T) {
	s := start(t, nil)
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "example.org:80"} {
		l, err := s.api.Listen(t.Context(), address)
		if !errors.Is(err, api.ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = l.Close()
		} else if !strings.Contains(err.Error(), "--allow-remote") {
			t.Errorf("%s: the error does not say how: %v", address, err)
		}
	}
	if _, err := s.api.Listen(t.Context(), "nonsense"); err == nil {
		t.Error("nonsense is taken for an address")
	}
}

func TestServeAndShutDown(t *testing.T) {
	s := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := s.api.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.api.Serve(ctx, l) }()
	s.URL = "http://" + l.Addr().String()
	if status, _ := s.do(http.MethodGet, "/readyz", nil); status != 200 {
		t.Errorf("status %d", status)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("shut down: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the service does not stop")
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the address is still open")
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := api.New(api.Config{}); err == nil || !strings.Contains(err.Error(), "Tree") {
		t.Errorf("got %v", err)
	}
}
