package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	_, out, _ := satgraph(t, "--store", store, "token", "create", "Ada", "--role", "curator", "--json")
	var made tokenDocument
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(made.Token, write); status != 200 || !strings.Contains(text, `"by":"Ada"`) {
		t.Errorf("Ada writes: %d %s", status, text)
	}
	if code, _, errOut := satgraph(t, "--store", store, "token", "revoke", made.ID); code != 0 {
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
	secret := made.Token[strings.LastIndexByte(made.Token, '_')+1:]
	if !strings.Contains(string(audit), `"action":"mutation.importLabels","object":"dataset=Set","outcome":"ok"`) || strings.Contains(string(audit)+s.log.said(), secret) {
		t.Errorf("audit log:\n%s\nlog:\n%s", audit, s.log.said())
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
		{[]string{"--auth", "tokens", "--allow-origin", "viewer.example.org"}, "https://viewer.example.org"},
	} {
		code, _, stderr := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "a.db"), "serve", "--addr", "127.0.0.1:0", "--data", dir}, c.args...)...)
		if code == exitDone || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit %d: %s", c.args, code, stderr)
		}
	}
}
