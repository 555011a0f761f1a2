package main

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"satgraph/inference/onnx/onnxtest"
)

// A few kills of service and workers, at moments that are others each time: no
// job is lost or done twice, and no mask is another. The program is a plain build.
func TestKills(t *testing.T) {
	onnxtest.Need(t)
	program := filepath.Join(t.TempDir(), "satgraph")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-race=false", "-buildvcs=false", "-o", program, "satgraph/cmd/satgraph").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o := options{program: program, kills: 20, spacing: 500 * time.Millisecond, ahead: 4, limit: 3 * time.Minute, seed: rand.Uint64()}
	t.Logf("again with: go run ./bench/jobs -kills %d -spacing %v -ahead %d -seed %d", o.kills, o.spacing, o.ahead, o.seed)
	r, err := run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + r.String())
	if err := r.fault(); err != nil {
		t.Error(err)
	}
	if r.done == 0 {
		t.Error("no job was done")
	}
}
