// Command metrics races package datasets/metrics against DeepMind's
// surface-distance in Dice and NSD of 100 structures. run.sh runs it; the
// figures belong to one run on one machine and are never tested for.
//
//	metrics make DIR                      writes pred.nii.gz and ref.nii.gz
//	metrics score PRED REF                compares them once and prints the cost as JSON
//	metrics race [-n N] PYTHON PEER.PY PRED REF
//	                                      lets both compare them in turn
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"satgraph/datasets/metrics"
	"satgraph/volume"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: metrics make DIR | score PRED REF | race [-n N] PYTHON PEER.PY PRED REF")

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "make":
		if err := volume.WriteLabelMap(filepath.Join(args[1], "ref.nii.gz"), labels(0)); err != nil {
			return err
		}
		return volume.WriteLabelMap(filepath.Join(args[1], "pred.nii.gz"), labels(1))
	case len(args) == 3 && args[0] == "score":
		return score(args[1], args[2])
	case len(args) > 1 && args[0] == "race":
		flags := flag.NewFlagSet("race", flag.ContinueOnError)
		n := flags.Int("n", 3, "how often each side compares")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 4 {
			return errUsage
		}
		return race(*n, flags.Arg(0), flags.Arg(1), flags.Arg(2), flags.Arg(3))
	}
	return errUsage
}

// labels are 100 ellipsoids of 10 to 50 mm with wavy surfaces, in a CT's grid of
// 512×512×300 voxels of 0.8×0.8×1.5 mm; shift moves and swells them a little, as
// a model's errors do.
func labels(shift float64) *volume.LabelMap {
	g := volume.Grid{
		Shape:  [3]int{512, 512, 300},
		Affine: volume.Affine{{-0.8, 0, 0, 204}, {0, 0.8, 0, -204}, {0, 0, 1.5, -225}, {0, 0, 0, 1}},
	}
	m := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	for n := range 100 {
		// Places and sizes from a low-discrepancy sequence (Roberts' R3).
		u := func(a float64) float64 { _, f := math.Modf(0.5 + a*float64(n+1)); return f }
		size := 10 + 40*u(0.4142135)*u(0.4142135)
		c := [3]float64{50 + 412*u(0.8191725), 50 + 412*u(0.6710436), 30 + 240*u(0.5497005)}
		r := [3]float64{size / 0.8, size * 0.8 / 0.8, size * 0.9 / 1.5}
		wave := float64(n)
		for k := max(0, int(c[2]-1.3*r[2])); k < min(g.Shape[2], int(c[2]+1.3*r[2])); k++ {
			for j := max(0, int(c[1]-1.3*r[1])); j < min(g.Shape[1], int(c[1]+1.3*r[1])); j++ {
				for i := max(0, int(c[0]-1.3*r[0])); i < min(g.Shape[0], int(c[0]+1.3*r[0])); i++ {
					x, y, z := (float64(i)-c[0]-shift)/r[0], (float64(j)-c[1])/r[1], (float64(k)-c[2]-shift/2)/r[2]
					edge := 1 + 0.08*math.Sin(float64(i)/9+wave)*math.Cos(float64(j)/7)*math.Sin(float64(k)/5) + 0.02*shift
					if x*x+y*y+z*z < edge*edge {
						m.Data[g.Index(i, j, k)] = uint16(n + 1)
					}
				}
			}
		}
	}
	return m
}

// cost is what one comparison took, and what it found.
type cost struct {
	Seconds float64            `json:"seconds"` // wall, reading included
	Peak    int64              `json:"peak"`    // VmHWM of the process, bytes
	Dice    map[string]float64 `json:"dice"`
	NSD     map[string]float64 `json:"nsd"`
}

func score(pred, ref string) error {
	start := time.Now()
	p, err := metrics.Read(pred, volume.ReadOptions{})
	if err != nil {
		return err
	}
	r, err := metrics.Read(ref, volume.ReadOptions{})
	if err != nil {
		return err
	}
	results, err := metrics.CompareAll(p, r, nil, metrics.Options{})
	if err != nil {
		return err
	}
	c := cost{Seconds: time.Since(start).Seconds(), Peak: peak(), Dice: map[string]float64{}, NSD: map[string]float64{}}
	for label, r := range results {
		c.Dice[strconv.Itoa(int(label))], c.NSD[strconv.Itoa(int(label))] = r.Dice, r.NSD
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

func peak() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// race lets both sides compare in turn, each time in a new process, takes the
// best of each, and makes sure that they found the same.
func race(n int, python, peer, pred, ref string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var best [2]cost
	for round := range n {
		for side, command := range [2][]string{{self, "score", pred, ref}, {python, peer, pred, ref}} {
			c, err := once(command)
			if err != nil {
				return err
			}
			b := &best[side]
			if round == 0 {
				*b = c
			}
			b.Seconds, b.Peak = min(b.Seconds, c.Seconds), max(b.Peak, c.Peak)
		}
	}
	worst := 0.0
	for label, d := range best[0].Dice {
		worst = max(worst, math.Abs(d-best[1].Dice[label]), math.Abs(best[0].NSD[label]-best[1].NSD[label]))
	}
	if len(best[0].Dice) != len(best[1].Dice) || worst > 1e-9 {
		return fmt.Errorf("the sides disagree: %d and %d structures, up to %g", len(best[0].Dice), len(best[1].Dice), worst)
	}
	fmt.Printf("%d CPUs, %s, %d structures, largest difference %.1g; best of %d in turn\n",
		runtime.NumCPU(), time.Now().UTC().Format(time.DateTime), len(best[0].Dice), worst, n)
	for side, name := range [2]string{"satgraph        ", "surface-distance"} {
		fmt.Printf("%s  wall %8.3f s  peak %5d MiB\n", name, best[side].Seconds, best[side].Peak>>20)
	}
	fmt.Printf("ratio             wall %8.1f    peak %.3f   (wanted: wall ≥ 20, peak ≤ 0.25)\n",
		best[1].Seconds/best[0].Seconds, float64(best[0].Peak)/float64(best[1].Peak))
	return nil
}

func once(command []string) (c cost, err error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...) //nolint:gosec // the two sides of the race
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return c, json.Unmarshal(out.Bytes(), &c)
}
