// Convert races a converted bundle against PyTorch on the same weights: run.sh
// makes the checkpoint, converts it, and runs this program and peer.py on one
// patch. This program prints what it took as one JSON document.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"satgraph/inference"
	"satgraph/inference/onnx"
)

func main() {
	bundle := flag.String("bundle", "", "folder of the bundle")
	threads := flag.Int("threads", 2, "threads")
	out := flag.String("out", "", "file for the logits, float32")
	flag.Parse()
	if err := race(*bundle, *out, *threads); err != nil {
		fmt.Fprintln(os.Stderr, "convert:", err)
		os.Exit(1)
	}
}

// prompts are words of the made-up vocabulary.
var prompts = []string{"w1 w2", "w300", "w4 w5 w6 w7"}

func race(bundle, out string, threads int) error {
	ctx := context.Background()
	m, err := onnx.Open(bundle, onnx.Options{Device: "cpu", Threads: threads})
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // at exit
	p := m.Manifest().Patch
	patch := make([]float32, 0, p[0]*p[1]*p[2])
	for h := range p[0] {
		for w := range p[1] {
			for d := range p[2] {
				patch = append(patch, inference.SelfTestImage(h, w, d))
			}
		}
	}
	queries, err := m.Encode(ctx, prompts, inference.CT)
	if err != nil {
		return err
	}
	start, before := time.Now(), usage()
	f, err := m.Features(ctx, patch)
	if err != nil {
		return err
	}
	logits, err := m.Decode(ctx, f, queries)
	if err != nil {
		return err
	}
	wall, after := time.Since(start), usage()
	if err := write(out, logits); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"wall_s": wall.Seconds(), "cpu_s": cpu(after) - cpu(before), "peak_gb": float64(after.Maxrss) / 1e6,
	})
}

func usage() syscall.Rusage {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // only fails for a bad pointer
	return u
}

func cpu(u syscall.Rusage) float64 {
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func write(path string, values []float32) error {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return os.WriteFile(path, b, 0o644) //nolint:gosec // logits of a made-up image
}
