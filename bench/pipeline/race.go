package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"satgraph/volume"
)

// many is how many masks are stitched, few and some how many the peer can
// hold, from which its cost for many is worked out.
const many, some, few = 497, 12, 4

// racer runs the two sides in turn, each in a process of its own.
type racer struct{ dir, self, python, peer string }

func newRacer(dir, python, peer string) (*racer, error) {
	self, err := os.Executable()
	fmt.Printf("%d CPUs, %s\n", runtime.NumCPU(), time.Now().UTC().Format(time.DateTime))
	return &racer{dir, self, python, peer}, err
}

func (r *racer) in(name string) string { return filepath.Join(r.dir, name) }

func (r *racer) ours(ctx context.Context, args ...string) (cost, error) {
	return r.once(ctx, append([]string{r.self}, args...))
}

func (r *racer) theirs(ctx context.Context, args ...string) (cost, error) {
	return r.once(ctx, append([]string{r.python, r.peer}, args...))
}

// once runs a command; OUT among its arguments is a folder for its masks.
func (r *racer) once(ctx context.Context, command []string) (c cost, err error) {
	out, err := os.MkdirTemp(r.dir, "masks")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(out) //nolint:errcheck // the next run makes another
	for i, a := range command {
		if a == "OUT" {
			command[i] = out
		}
	}
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the two sides of the race
	cmd.Stdout, cmd.Stderr = &text, os.Stderr
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return c, json.Unmarshal(text.Bytes(), &c)
}

// whole races the way from a scan to 30 masks.
func (r *racer) whole(ctx context.Context, scan, patch, what string) error {
	ours, err := r.ours(ctx, "whole", r.in(scan), r.in("bundle"), "OUT")
	if err != nil {
		return err
	}
	fmt.Printf("satgraph: %.2f s; now the other side\n", ours.Seconds)
	theirs, err := r.theirs(ctx, "whole", r.in(scan), r.in("vision.pth"), r.in("queries.npy"), patch, "OUT")
	if err != nil {
		return err
	}
	if err := agree(ours, theirs); err != nil {
		return err
	}
	show(what+" (wanted: time ≥ 1.5, peak ≤ 0.33)", ours, theirs)
	fmt.Printf("  while no network ran: %.1f %% of the time (wanted: ≤ 10)\n", 100*(1-ours.Model/ours.Seconds))
	return nil
}

// full is the whole way at full size.
func full(ctx context.Context, dir, python, peer string) error {
	r, err := newRacer(dir, python, peer)
	if err != nil {
		return err
	}
	return r.whole(ctx, "full.nii.gz", "288,288,96", "whole way, 30 structures, full size")
}

func race(ctx context.Context, dir, python, peer string) error {
	r, err := newRacer(dir, python, peer)
	if err != nil {
		return err
	}
	in := r.in
	ours, err := r.ours(ctx, "prepare", in("prepare.nii.gz"))
	if err != nil {
		return err
	}
	theirs, err := r.theirs(ctx, "prepare", in("prepare.nii.gz"))
	if err != nil {
		return err
	}
	show("prepare 512x512x300 (wanted: time ≥ 5, peak ≤ 0.25)", ours, theirs)

	var line [2]cost
	for i, n := range [2]int{few, some} {
		if line[i], err = r.theirs(ctx, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(n), "OUT"); err != nil {
			return err
		}
	}
	same, err := r.ours(ctx, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(some), "OUT")
	if err != nil {
		return err
	}
	if err := agree(same, line[1]); err != nil {
		return err
	}
	show(fmt.Sprintf("stitch, restore, write %d masks at 400x400x200", some), same, line[1])
	if ours, err = r.ours(ctx, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(many), "OUT"); err != nil {
		return err
	}
	perClass := (line[1].Seconds - line[0].Seconds) / float64(some-few)
	theirs = cost{Seconds: line[1].Seconds + perClass*float64(many-some)}
	if theirs.Peak, err = accumulators(in("stitch.nii.gz"), many); err != nil {
		return err
	}
	show(fmt.Sprintf("the same for %d; the peer's time along its line through %d and %d, its two accumulators alone (wanted: time ≥ 5, peak ≤ 0.1)",
		many, few, some), ours, theirs)

	return r.whole(ctx, "whole.nii.gz", "96,96,64", "whole way, 30 structures")
}

// accumulators is what two sums for every class take at the model's spacing.
func accumulators(scan string, classes int64) (int64, error) {
	info, err := volume.ReadInfo(scan)
	if err != nil {
		return 0, err
	}
	grid, err := volume.Grid{Shape: [3]int(info.Shape), Affine: info.Affine}.Respaced(newGiven(1, nil).man.Spacing)
	return 2 * 4 * classes * int64(grid.Voxels()), err
}

// agree checks that both sides found the same, but for voxels at the threshold.
func agree(a, b cost) error {
	if math.Abs(float64(a.Voxels-b.Voxels)) > 1e-3*float64(b.Voxels) || b.Voxels == 0 {
		return fmt.Errorf("the sides disagree: %d and %d voxels", a.Voxels, b.Voxels)
	}
	return nil
}

func show(what string, ours, theirs cost) {
	fmt.Println(what)
	fmt.Printf("  satgraph       %9.2f s  %8d MiB", ours.Seconds, ours.Peak>>20)
	if ours.Forecast > 0 {
		fmt.Printf("  (forecast %d MiB, %+.0f %%)", ours.Forecast>>20, 100*(float64(ours.Forecast)/float64(ours.Peak)-1))
	}
	fmt.Printf("\n  PyTorch, MONAI %9.2f s  %8d MiB\n", theirs.Seconds, theirs.Peak>>20)
	fmt.Printf("  ratio          %9.2f    %8.3f", theirs.Seconds/ours.Seconds, float64(ours.Peak)/float64(theirs.Peak))
	if theirs.Processor > 0 {
		fmt.Printf("  (by processor time %.2f: %.1f s and %.1f s)", theirs.Processor/ours.Processor, ours.Processor, theirs.Processor)
	}
	fmt.Println()
}
