package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/store/neo4j/neo4jtest"
)

// The label commands on a team's store give what they give on a file.
func TestLabelsOnNeo4j(t *testing.T) {
	server := neo4jtest.Open(t)
	server.Wipe(t)
	t.Cleanup(func() { server.Wipe(t) })
	dir := t.TempDir()
	labels := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(labels, []byte("value,label\n1,liver\n2,right kidney\n3,tumour thing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(store string, args ...string) string {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", store, "labels"}, args...)...)
		if code != 0 {
			t.Fatalf("labels %s: exit %d: %s", strings.Join(args, " "), code, errOut)
		}
		return out
	}
	team, file, ledger := server.URI, "sqlite:"+filepath.Join(dir, "a.db"), filepath.Join(dir, "ledger.jsonl")
	run(team, "import", labels, "--dataset", "Set", "--modality", "ct", "--by", "ann")
	run(team, "policy", "--dataset", "Set", "--reviewers", "2", "--by", "chief")
	run(team, "accept", "--all", "--dataset", "Set", "--by", "ann")
	var written struct{ Batch string }
	if err := json.Unmarshal([]byte(run(team, "accept", "--all", "--dataset", "Set", "--by", "bob", "--json")), &written); err != nil {
		t.Fatal(err)
	}
	run(team, "undo", written.Batch, "--by", "bob")
	run(team, "accept", "tumour thing", "--none", "--dataset", "Set", "--by", "ann")
	run(team, "export", "--format", "ledger", "-o", ledger)
	run(file, "import", "--ledger", ledger)
	if a, b := run(team, "list", "--json"), run(file, "list", "--json"); a != b || strings.Count(a, `"awaiting"`) != 3 {
		t.Errorf("the stores differ:\n%s\n%s", a, b)
	}
	if got := server.Query(t, `MATCH (:Dataset {name: 'Set'})-[:HAS_LABEL]->(l:RawLabel)-[m:MAPS_TO]->(t:Term)<-[:OF]-(:CorpusClass {name: t.name}) RETURN DISTINCT l.name + ' ' + m.status + ' ' + t.name AS line ORDER BY line`, nil); len(got) == 0 || got[0][0] != "liver awaiting liver" {
		t.Errorf("the graph shows %v", got)
	}
}
