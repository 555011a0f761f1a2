// Command nifti-read races package volume against nibabel in reading a CT of
// 512×512×300 int16 voxels from .nii.gz into float32. run.sh runs it; the
// figures belong to one run on one machine and are never tested for.
//
//	nifti-read make FILE                  writes the scan
//	nifti-read read FILE                  reads it once and prints the cost as JSON
//	nifti-read race [-n N] PYTHON PEER.PY FILE
//	                                      lets both read it in turn and compares
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"satgraph/volume"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nifti-read:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: nifti-read make FILE | read FILE | race [-n N] PYTHON PEER.PY FILE")

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "make":
		return volume.WriteImage(args[1], scan(), volume.Int16)
	case len(args) == 2 && args[0] == "read":
		return read(args[1])
	case len(args) > 1 && args[0] == "race":
		flags := flag.NewFlagSet("race", flag.ContinueOnError)
		n := flags.Int("n", 7, "how often each side reads")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if flags.NArg() != 3 {
			return errUsage
		}
		return race(*n, flags.Arg(0), flags.Arg(1), flags.Arg(2))
	}
	return errUsage
}

// scan is an elliptical torso of soft tissue with two lungs, a spine and noise
// of 12 HU, in air with the noise of 5 HU that scanners leave there: it
// compresses about as well as a real CT does (to a bit less than a half).
func scan() *volume.Image {
	g := volume.Grid{
		Shape:  [3]int{512, 512, 300},
		Affine: volume.Affine{{-0.8, 0, 0, 204}, {0, 0.8, 0, -204}, {0, 0, 1.5, -225}, {0, 0, 0, 1}},
	}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise
	inside := func(x, y, cx, cy, rx, ry float64) bool {
		dx, dy := (x-cx)/rx, (y-cy)/ry
		return dx*dx+dy*dy < 1
	}
	n := 0
	for range g.Shape[2] {
		for j := range g.Shape[1] {
			y := float64(j)
			for i := range g.Shape[0] {
				x := float64(i)
				hu, sigma := -1000.0, 5.0
				if inside(x, y, 256, 256, 210, 150) {
					hu, sigma = 40, 12
					switch {
					case inside(x, y, 150, 240, 70, 95), inside(x, y, 362, 240, 70, 95):
						hu = -850
					case inside(x, y, 256, 360, 26, 24):
						hu = 400
					}
				}
				im.Data[n] = float32(math.Round(max(-1024, hu+sigma*rng.NormFloat64())))
				n++
			}
		}
	}
	return im
}

// cost is what one reading took.
type cost struct {
	Seconds float64 `json:"seconds"` // wall
	CPU     float64 `json:"cpu"`     // user and system
	Peak    int64   `json:"peak"`    // VmHWM of the process, bytes
	Sum     float64 `json:"sum"`     // of all voxels
}

func read(path string) error {
	cpu, start := cpuSeconds(), time.Now()
	im, err := volume.ReadImage(path, volume.ReadOptions{})
	if err != nil {
		return err
	}
	c := cost{Seconds: time.Since(start).Seconds(), CPU: cpuSeconds() - cpu, Peak: peak()}
	for _, v := range im.Data {
		c.Sum += float64(v)
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
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

// race lets both sides read in turn, each time in a new process, and compares
// the best of each.
func race(n int, python, peer, file string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	info, err := volume.ReadInfo(file)
	if err != nil {
		return err
	}
	voxels := 1
	for _, d := range info.Shape {
		voxels *= d
	}
	best := [2]cost{}
	for round := range n {
		for side, command := range [2][]string{{self, "read", file}, {python, peer, file}} {
			c, err := once(command)
			if err != nil {
				return err
			}
			b := &best[side]
			if round == 0 {
				*b = c
			}
			b.Seconds, b.CPU, b.Peak = min(b.Seconds, c.Seconds), min(b.CPU, c.CPU), max(b.Peak, c.Peak)
			if c.Sum != best[0].Sum {
				return fmt.Errorf("the sides read different voxels: sums %g and %g", best[0].Sum, c.Sum)
			}
		}
	}
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d CPUs, load %s, %s\n", cpuModel(), runtime.NumCPU(), load(), time.Now().UTC().Format(time.DateTime))
	fmt.Printf("%v %s, %d bytes compressed (%.2f : 1); best of %d in turn\n", info.Shape, info.DType, fi.Size(), float64(2*voxels)/float64(fi.Size()), n)
	float := float64(4 * voxels)
	for side, name := range [2]string{"volume ", "nibabel"} {
		b := best[side]
		fmt.Printf("%s  wall %6.3f s  cpu %6.3f s  peak %4d MiB = %.2f × the float32 volume\n", name, b.Seconds, b.CPU, b.Peak>>20, float64(b.Peak)/float)
	}
	fmt.Printf("ratio    wall %6.2f    cpu %6.2f   (wanted: wall ≥ 2, peak ≤ 1.3)\n", best[1].Seconds/best[0].Seconds, best[1].CPU/best[0].CPU)
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

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // for the record only
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func load() string {
	b, _ := os.ReadFile("/proc/loadavg") // for the record only
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
