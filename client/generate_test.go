package client_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// What was generated is what the schema and the operations say now.
func TestGenerated(t *testing.T) {
	have, err := os.ReadFile("python/satgraph_operations.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./internal/python", "../api/schema.graphql", "operations.graphql")
	want, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("python/satgraph_operations.py is not what 'go generate ./client' writes")
	}
	generated, err := os.ReadFile("generated.go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile("generated.go", generated, 0o644); err != nil { //nolint:gosec // code
			t.Error(err)
		}
	})
	if out, err := exec.CommandContext(t.Context(), "go", "tool", "genqlient", "genqlient.yaml").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if now, err := os.ReadFile("generated.go"); err != nil || !bytes.Equal(now, generated) {
		t.Errorf("generated.go is not what 'go generate ./client' writes (%v)", err)
	}
}
