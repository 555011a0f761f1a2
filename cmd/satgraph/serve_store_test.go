package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/graph"
	"satgraph/store/neo4j/neo4jtest"
)

func (s *service) exchange(method, path, body string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		s.t.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return string(text)
}

// heartName asks the service what the heart is called.
func (s *service) heartName() string {
	s.t.Helper()
	text := s.exchange(http.MethodPost, "/graphql", fmt.Sprintf(`{"query": "{ term(id: \"%s\") { name } }"}`, heart))
	var answer struct {
		Data struct{ Term struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Data.Term.Name
}

// waits for what the service says to hold, which takes a poll or two.
func (s *service) waits(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(90 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the service never comes to: %s; /readyz says %s", what, s.exchange(http.MethodGet, "/readyz", ""))
		}
	}
}

// rename gives the heart a name in a store as another process would.
func rename(t *testing.T, store, to string) {
	t.Helper()
	other, err := (&app{store: store}).openStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // a test
	snapshot, err := other.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range snapshot.Terms {
		if old := snapshot.Terms[i]; old.ID == heart {
			changed := old
			changed.Name = to
			cs := graph.ChangeSet{Title: "rename", Author: "test", Changes: []graph.Change{{Op: graph.UpdateTerm, Old: &old, New: &changed}}}
			if _, err := other.Apply(t.Context(), cs); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no term %s", heart)
}

const heart = "UBERON:0000948"

func TestServeSeesChangesOfOthers(t *testing.T) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "tree.db")
	s := startServe(t, "--store", store, "--data", t.TempDir())
	if got := s.heartName(); got != "heart" {
		t.Fatalf("the heart is called %q", got)
	}
	rename(t, store, "cor")
	s.waits("the heart is called cor", func() bool { return s.heartName() == "cor" })
}

// TestServeWithoutItsServer loses, silences and brings back the Neo4j server of
// a running service.
func TestServeWithoutItsServer(t *testing.T) {
	server := neo4jtest.Open(t)
	server.Wipe(t)
	t.Cleanup(func() { server.Wipe(t) })
	relay := neo4jtest.NewRelay(t, server.URI)
	s := startServe(t, "--store", relay.URI+"/neo4j", "--data", t.TempDir())
	health := func(path string) string { return s.exchange(http.MethodGet, path, "") }
	for what, lose := range map[string]func(bool){"lost": relay.Lose, "silent": relay.Silence} {
		lose(true)
		s.waits("degraded, for the server is "+what, func() bool { return strings.Contains(health("/readyz"), `"degraded":["`) })
		for _, path := range []string{"/readyz", "/healthz"} {
			if text := health(path); !strings.Contains(text, "the store does not answer (since ") || !strings.Contains(text, "read from memory") {
				t.Errorf("%s, %s: %s", what, path, text)
			}
		}
		if got := s.heartName(); !strings.HasPrefix(got, "heart") {
			t.Errorf("%s: the heart is called %q", what, got)
		}
		rename(t, server.URI, "heart, while "+what)
		lose(false)
		s.waits("ready, with the new name", func() bool {
			return s.heartName() == "heart, while "+what && strings.Contains(health("/readyz"), `"degraded":[]`)
		})
	}
}

func TestTreeCommandsOnNeo4j(t *testing.T) {
	server := neo4jtest.Open(t)
	server.Wipe(t)
	t.Cleanup(func() { server.Wipe(t) })
	var onNeo4j, onSQLite strings.Builder
	for store, out := range map[string]*strings.Builder{server.URI: &onNeo4j, "sqlite:" + filepath.Join(t.TempDir(), "t.db"): &onSQLite} {
		for _, command := range [][]string{{"tree", "stats", "--json"}, {"tree", "show", "heart", "--json"}, {"tree", "search", "left ventricle", "--json"}} {
			code, text, stderr := satgraph(t, append(command, "--store", store)...)
			if code != exitDone {
				t.Errorf("%v: exit code %d: %s", command, code, stderr)
			}
			out.WriteString(text)
		}
	}
	if onNeo4j.String() != onSQLite.String() || onNeo4j.Len() == 0 {
		t.Errorf("the commands answer differently on %s:\n%.500s\n%.500s", server.Name, onNeo4j.String(), onSQLite.String())
	}
}

func TestStoreFlag(t *testing.T) {
	for _, store := range []string{"http://me:s3cret@host", "neo4j://me:s3cret@host", "neo4j://", "sqlite:", "nothing"} {
		code, _, said := satgraph(t, "tree", "stats", "--store", store)
		if code != exitUsage {
			t.Errorf("--store %s: exit code %d", store, code)
		}
		if strings.Contains(said, "s3cret") || !strings.Contains(said, "neo4j://") && !strings.Contains(said, "NEO4J_") {
			t.Errorf("--store %s: %s", store, said)
		}
	}
}
