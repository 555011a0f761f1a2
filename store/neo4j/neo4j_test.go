package neo4j_test

import (
	"context"
	"testing"

	"satgraph/store/neo4j"
	"satgraph/store/neo4j/neo4jtest"
	"satgraph/store/storetest"
)

type database string

func (d database) Open(ctx context.Context) (storetest.Store, error) { return open(ctx, string(d)) }

func (d database) Name() string { return string(d) }

func open(ctx context.Context, uri string) (storetest.Store, error) {
	return neo4j.Open(ctx, uri, neo4j.Options{})
}

func TestMain(m *testing.M) { storetest.Main(m, open) }

// TestConformance lets tests of other packages have the server in between.
func TestConformance(t *testing.T) {
	var name string
	t.Run("server", func(t *testing.T) { name = neo4jtest.Open(t).Name })
	if name == "" {
		t.SkipNow() // the subtest said why
	}
	fresh := func(t *testing.T) storetest.Database {
		t.Helper()
		server := neo4jtest.Open(t)
		server.Wipe(t)
		t.Cleanup(func() { server.Wipe(t) })
		return database(server.URI)
	}
	storetest.Run(t, name, fresh)
	storetest.RunTokens(t, name, fresh)
	storetest.RunLedger(t, name, fresh)
}
