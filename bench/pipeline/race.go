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

func race(ctx context.Context, dir, python, peer string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	once := func(command ...string) (c cost, err error) {
		out, err := os.MkdirTemp(dir, "masks")
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
	fmt.Printf("%d CPUs, %s\n", runtime.NumCPU(), time.Now().UTC().Format(time.DateTime))

	ours, err := once(self, "prepare", in("prepare.nii.gz"))
	if err != nil {
		return err
	}
	theirs, err := once(python, peer, "prepare", in("prepare.nii.gz"))
	if err != nil {
		return err
	}
	show("prepare 512x512x300 (wanted: time ≥ 5, peak ≤ 0.25)", ours, theirs)

	var line [2]cost
	for i, n := range [2]int{few, some} {
		if line[i], err = once(python, peer, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(n), "OUT"); err != nil {
			return err
		}
	}
	same, err := once(self, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(some), "OUT")
	if err != nil {
		return err
	}
	if err := agree(same, line[1]); err != nil {
		return err
	}
	show(fmt.Sprintf("stitch, restore, write %d masks at 400x400x200", some), same, line[1])
	if ours, err = once(self, "stitch", in("stitch.nii.gz"), in("templates.npy"), strconv.Itoa(many), "OUT"); err != nil {
		return err
	}
	perClass := (line[1].Seconds - line[0].Seconds) / float64(some-few)
	theirs = cost{Seconds: line[1].Seconds + perClass*float64(many-some)}
	if theirs.Peak, err = accumulators(in("stitch.nii.gz"), many); err != nil {
		return err
	}
	show(fmt.Sprintf("the same for %d; the peer's time along its line through %d and %d, its two accumulators alone (wanted: time ≥ 5, peak ≤ 0.1)",
		many, few, some), ours, theirs)

	if ours, err = once(self, "whole", in("whole.nii.gz"), in("bundle"), "OUT"); err != nil {
		return err
	}
	if theirs, err = once(python, peer, "whole", in("whole.nii.gz"), in("vision.pth"), in("queries.npy"), "96,96,64", "OUT"); err != nil {
		return err
	}
	if err := agree(ours, theirs); err != nil {
		return err
	}
	show("whole way, 30 structures (wanted: time ≥ 1.5, peak ≤ 0.33)", ours, theirs)
	fmt.Printf("outside ONNX Runtime: %.1f %% of the time (wanted: ≤ 10)\n", 100*(1-ours.Model/ours.Seconds))
	return nil
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
	fmt.Printf("  ratio          %9.1f    %8.3f\n", theirs.Seconds/ours.Seconds, float64(ours.Peak)/float64(theirs.Peak))
}
