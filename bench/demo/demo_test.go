// Package demo measures the main job as a new user meets it: 'satgraph demo'
// with an empty home folder. The aim is 60 s on two cores.
package demo

import (
	"os"
	"os/exec"
	"testing"
)

const program = "../../bin/satgraph"

// BenchmarkDemo runs the whole demo: store, phantom, model, masks, picture.
func BenchmarkDemo(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		command := exec.CommandContext(b.Context(), program, "demo", "-o", dir+"/out")
		command.Env = append(os.Environ(), "SATGRAPH_HOME="+dir)
		if text, err := command.CombinedOutput(); err != nil && command.ProcessState.ExitCode() != 4 {
			b.Fatalf("%v: %s", err, text)
		}
	}
}
