package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/graph/builtin"
)

// BenchmarkHeartSubtree reads all that lies below the heart over HTTP, as a list
// and as levels of children.
func BenchmarkHeartSubtree(b *testing.B) {
	snapshot, err := builtin.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		b.Fatal(err)
	}
	s := start(b, nil, func(c *api.Config) { c.Tree = func() *graph.Tree { return tree } })
	for name, query := range map[string]string{
		"descendants": `{ term(id: "UBERON:0000948") { id name descendants(limit: 1000) { id name kind laterality } } }`,
		"children":    `{ term(id: "UBERON:0000948") { id name children(limit: 1000) { id name kind children(limit: 1000) { id name kind children(limit: 1000) { id name kind } } } } }`,
	} {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.Post(s.URL+"/graphql", "application/json", bytes.NewReader(body)) //nolint:noctx // a benchmark
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r.Body)
				if closeErr := r.Body.Close(); err != nil || closeErr != nil || r.StatusCode != http.StatusOK {
					b.Fatal(err, closeErr, r.Status)
				}
				b.ReportMetric(float64(n), "bytes")
			}
		})
	}
}
