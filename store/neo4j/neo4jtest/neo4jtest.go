//go:build unix

// Package neo4jtest gives tests a real Neo4j server: the one that
// $SATGRAPH_TEST_NEO4J names, which "scripts/test-services.sh --neo4j" starts.
// It is for tests only, and empties the database it is given.
package neo4jtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	driver "github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"satgraph/internal/tooltest"
	"satgraph/store/neo4j"
)

// URI returns the server's URI. A test without a server ends
// ([tooltest.Missing]).
func URI(t testing.TB) string {
	t.Helper()
	uri := os.Getenv("SATGRAPH_TEST_NEO4J")
	if uri == "" {
		tooltest.Missing(t, "no Neo4j to test against: scripts/test-services.sh --neo4j COMMAND starts one")
	}
	return uri
}

// Server is a server that the test has for itself.
type Server struct {
	URI string
	// Name is what the server says it is: "Neo4j Kernel 5.26.30 community".
	Name   string
	driver driver.DriverWithContext
}

// Open waits for the server to be free of other tests, also of other
// processes, and holds it until the test ends.
func Open(t testing.TB) *Server {
	t.Helper()
	s := &Server{URI: URI(t)}
	sum := sha256.Sum256([]byte(s.URI))
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "satgraph-neo4jtest-"+hex.EncodeToString(sum[:4])), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() }) // frees it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	address, err := neo4j.ParseURI(s.URI)
	if err != nil {
		t.Fatal(err)
	}
	s.driver, err = driver.NewDriverWithContext(address.Server, driver.BasicAuth("neo4j", os.Getenv("NEO4J_PASSWORD"), ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.driver.Close(context.Background()) })
	got := s.Query(t, `CALL dbms.components() YIELD name, versions, edition RETURN name + ' ' + versions[0] + ' ' + edition`, nil)
	s.Name = fmt.Sprint(got[0][0])
	t.Logf("against %s at %s", s.Name, s.URI)
	return s
}

// Query runs a statement by itself and returns its rows.
func (s *Server) Query(t testing.TB, cypher string, params map[string]any) [][]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	session := s.driver.NewSession(ctx, driver.SessionConfig{})
	defer session.Close(ctx) //nolint:errcheck // a test
	result, err := session.Run(ctx, cypher, params)
	if err != nil {
		t.Fatalf("%v: %s", err, cypher)
	}
	var rows [][]any
	for result.Next(ctx) {
		rows = append(rows, result.Record().Values)
	}
	if err := result.Err(); err != nil {
		t.Fatalf("%v: %s", err, cypher)
	}
	return rows
}

// Wipe removes all nodes, if they are a store's: a test must not empty a
// database that is somebody's own.
func (s *Server) Wipe(t testing.TB) {
	t.Helper()
	state := s.Query(t, `OPTIONAL MATCH (s:SatgraphStore) WITH count(s) AS stores MATCH (n) RETURN stores, count(n)`, nil)
	if len(state) > 0 && state[0][0] == int64(0) {
		t.Fatalf("the database at %s holds %d nodes and no store: not a test's", s.URI, state[0][1])
	}
	s.Query(t, `MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS`, nil)
}
