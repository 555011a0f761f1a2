package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service and commands work on one ledger at the same time, and the later of
// two curators is told what the first did.
func TestServedLabels(t *testing.T) {
	dir := t.TempDir()
	labels := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(labels, []byte("value,label\n1,liver\n2,right kidney\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := "sqlite:" + filepath.Join(dir, "a.db")
	s := startServe(t, "--store", store, "--data", dir)
	command := func(args ...string) {
		t.Helper()
		if code, _, errOut := satgraph(t, append([]string{"--store", store, "labels"}, args...)...); code != 0 {
			t.Fatalf("labels %s: exit %d: %s", strings.Join(args, " "), code, errOut)
		}
	}
	ask := func(query string) string {
		t.Helper()
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		return s.exchange("POST", "/graphql", string(body))
	}
	command("import", labels, "--dataset", "Set", "--modality", "ct", "--by", "ann")
	if got := ask(`{dataset(name: "Set") {counts {status labels} label(key: "1 liver") {suggestion {suggestions(limit: 1) {term {id}}}}}}`); !strings.Contains(got, `{"labels":2,"status":"OPEN"}`) || !strings.Contains(got, "UBERON:0002107") {
		t.Errorf("got %s", got)
	}
	command("accept", "liver", "--dataset", "Set", "--by", "ann")
	if got := ask(`mutation {changeLabel(dataset: "Set", label: "1 liver", version: 1, by: "bob", terms: ["spleen"]) {... on DecisionConflict {theirs {by} now {version}}}}`); !strings.Contains(got, `"theirs":[{"by":"ann"}]`) || !strings.Contains(got, `"version":2`) {
		t.Errorf("bob comes second: %s", got)
	}
	if got := ask(`mutation {acceptLabels(dataset: "Set", by: "bob") {... on Decision {changes {key}}}}`); !strings.Contains(got, "2 right kidney") {
		t.Errorf("got %s", got)
	}
	if _, out, _ := satgraph(t, "--store", store, "labels", "list", "--dataset", "Set", "--json"); strings.Count(out, `"settled"`) != 2 {
		t.Errorf("the command sees %s", out)
	}
}
