package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "t.db")
	code, out, stderr := satgraph(t, store, "token", "create", "Ada", "--role", "curator", "--scope", "read,curate", "--expires", "30d", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var made tokenDocument
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	if made.State != "active" || made.By == "" || len(made.Scopes) != 2 || made.Expires.Sub(made.Created).Hours() != 30*24 || !strings.Contains(made.Token, made.ID) {
		t.Errorf("made %+v", made)
	}
	secret := made.Token[strings.LastIndexByte(made.Token, '_')+1:]
	if code, out, _ = satgraph(t, store, "token", "list"); code != exitDone || !strings.Contains(out, "Ada: read curate") || strings.Contains(out, secret) {
		t.Errorf("exit code %d, list:\n%s", code, out)
	}
	if code, _, stderr = satgraph(t, store, "token", "revoke", made.ID); code != exitDone {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if _, out, _ = satgraph(t, store, "token", "list", "--json"); !strings.Contains(out, `"state": "revoked"`) {
		t.Errorf("after the revocation:\n%s", out)
	}
}

func TestTokenCommandsNameTheMistake(t *testing.T) {
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "t.db")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"create", "Ada", "--role", "root"}, exitUsage, "viewer, curator, reviewer or admin"},
		{[]string{"create", "Ada", "--role", "viewer", "--scope", "curate"}, exitUsage, "it has read, segment"},
		{[]string{"create", "Ada", "--expires", "soon"}, exitUsage, "90d"},
		{[]string{"create", "Ada", "--expires", "-3d"}, exitUsage, "90d"},
		{[]string{"create", "Ada", "--expires", "99999999999d"}, exitUsage, "90d"},
		{[]string{"create"}, exitUsage, "arg"},
		{[]string{"create", "a\x1b[31m"}, exitUsage, "plain text"},
		{[]string{"revoke", "NOSUCHTOKEN2"}, exitRefused, "no such token"},
	} {
		code, out, stderr := satgraph(t, append([]string{store, "token"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.says) || out != "" {
			t.Errorf("%q: exit code %d, %q, %q", c.args, code, out, stderr)
		}
	}
}
