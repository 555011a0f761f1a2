package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/api/auth"
)

// The service asks who one is, takes a token that the command makes while it
// runs, and none that the command revokes.
func TestServeAsksWhoOneIs(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "a.db")
	s := startServe(t, "--store", store, "--data", dir, "--auth", "tokens", "--anonymous", "read", "--rate", "1000")
	ask := func(token, query string) (int, string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	const read, write = `{search(text: "heart") {score}}`, `mutation {importLabels(dataset: "Set", text: "liver\nspleen") {... on Decision {events {by}}}}`
	if status, text := ask("", read); status != 200 || strings.Contains(text, "errors") {
		t.Errorf("a stranger reads: %d %s", status, text)
	}
	if status, text := ask("", write); status != 401 {
		t.Errorf("a stranger writes: %d %s", status, text)
	}
	_, out, _ := satgraph(t, "--store", store, "token", "create", "Ada", "--role", "curator", "--data", dir, "--json")
	var made tokenDocument
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(made.Token, write); status != 200 || !strings.Contains(text, `"by":"Ada"`) {
		t.Errorf("Ada writes: %d %s", status, text)
	}
	if code, _, errOut := satgraph(t, "--store", store, "token", "revoke", made.ID, "--data", dir); code != 0 {
		t.Fatal(errOut)
	}
	status, text := 0, ""
	for deadline := time.Now().Add(20 * time.Second); status != 401 && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		status, text = ask(made.Token, read)
	}
	if status != 401 || !strings.Contains(text, "revoked") {
		t.Errorf("after the revocation: %d %s", status, text)
	}
	audit, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// What the commands did stands in the service's own log, in one chain.
	for _, action := range []string{"token.create", "token.revoke"} {
		if !strings.Contains(string(audit), `"action":"`+action+`","object":"id=`+made.ID+`","outcome":"ok"`) {
			t.Errorf("no %s in the audit log:\n%s", action, audit)
		}
	}
	if _, faults, err := auth.VerifyAudit(bytes.NewReader(audit)); err != nil || len(faults) > 0 {
		t.Errorf("the audit log's chain: %v, %v", faults, err)
	}
	secret := made.Token[strings.LastIndexByte(made.Token, '_')+1:]
	if !strings.Contains(string(audit), `"action":"mutation.importLabels","object":"dataset=Set","outcome":"ok"`) || strings.Contains(string(audit)+s.log.said(), secret) {
		t.Errorf("audit log:\n%s\nlog:\n%s", audit, s.log.said())
	}
}

// Whatever is sent and set, no file that the service writes and no line that it
// says holds a token's secret or a password.
func TestNoSecretIsWrittenDown(t *testing.T) {
	dir := t.TempDir()
	store := "sqlite:" + filepath.Join(dir, "a.db")
	const password, queue = "correct-horse-battery", "staple-of-the-queue"
	t.Setenv("NEO4J_PASSWORD", password)
	t.Setenv("SATGRAPH_NATS_TOKEN", queue)
	_, out, created := satgraph(t, "-v", "--store", store, "token", "create", "Ada", "--role", "admin", "--data", dir, "--json")
	var made tokenDocument
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err, created)
	}
	s := startServe(t, "-v", "--store", store, "--data", dir, "--auth", "tokens", "--nats-listen", "127.0.0.1:0")
	forged := made.Token[:len(made.Token)-4] + "AAAA"
	send := func(address, header, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", header)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for _, token := range []string{made.Token, forged} {
		send("/graphql", "Bearer "+token, `{"query":"{tree {revision}}"}`)
		send("/graphql", token, `{"query":"{tree {revision}}"}`)                                                                               // no scheme
		send("/graphql?token="+token, "Basic "+token, `{"query":"mutation {importLabels(dataset: \"`+token+`\", text: \"a\") {__typename}}"}`) // in the wrong places
		send("/"+token, "Bearer "+token, token)
		send("/mcp", "Bearer "+token, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+token+`"}}`)
	}
	_, _, shown := satgraph(t, "-v", "config", "show")
	_, _, away := satgraph(t, "-v", "--store", "neo4j://127.0.0.1:1?timeout=1s", "tree", "stats")
	_, _, inURI := satgraph(t, "-v", "--store", "neo4j://neo4j:"+password+"@127.0.0.1:1", "tree", "stats")
	said := map[string]string{"serve": s.log.said(), "token create": created, "config show": shown, "a lost server": away, "a URI": inURI}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // the test's own folder, whose service has ended
		said[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said[filepath.Join(dir, "audit.jsonl")], "token.create") || !strings.Contains(said["serve"], "/graphql") {
		t.Fatalf("nothing was looked at: %s", said["serve"])
	}
	for where, text := range said {
		for what, secret := range map[string]string{
			"the token": made.Token[strings.LastIndexByte(made.Token, '_')+1:], "a forged one": forged[strings.LastIndexByte(forged, '_')+1:],
			"the password": password, "the queue's token": queue,
		} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s holds %s: …%.200q…", where, what, text[max(0, at-100):])
			}
		}
	}
}

func TestServeRefusesAccessThatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--addr", "0.0.0.0:0"}, "--auth tokens"},
		{[]string{"--auth", "magic"}, "tokens"},
		{[]string{"--anonymous", "read"}, "--auth tokens"},
		{[]string{"--auth", "tokens", "--anonymous", "write"}, "read"},
		{[]string{"--auth", "oidc"}, "--oidc-issuer and --oidc-audience"},
		{[]string{"--auth", "oidc", "--oidc-issuer", "https://id.example.org", "--oidc-audience", "satgraph"}, "--oidc-role"},
		{[]string{"--auth", "oidc", "--oidc-issuer", "https://id.example.org", "--oidc-audience", "satgraph", "--oidc-role", "staff=boss"}, "viewer, curator"},
		{[]string{"--auth", "oidc", "--oidc-issuer", "http://id.example.org", "--oidc-audience", "satgraph", "--oidc-role", "staff=viewer"}, "https"},
		{[]string{"--auth", "tokens", "--rate", "-1"}, "rate"},
		{[]string{"--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "proxy.example.org"}, "10.0.0.0/8"},
		{[]string{"--auth", "tokens", "--allow-origin", "viewer.example.org"}, "https://viewer.example.org"},
	} {
		code, _, stderr := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "a.db"), "serve", "--addr", "127.0.0.1:0", "--data", dir}, c.args...)...)
		if code == exitDone || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit %d: %s", c.args, code, stderr)
		}
	}
}
