package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"satgraph/volume"
)

// entrants are the formats in the order of the race, and what the peer is.
var entrants = []struct{ format, peer string }{
	{"sat", "NumPy"},
	{"nnunet", "nibabel"},
	{"regions", ""},
	{"monai", ""},
	{"croissant", "nibabel"},
	{"bids", ""},
	{"dicomseg", "highdicom, segmentations alone"},
	{"index", ""},
}

// rounds of each side, of which the best times count.
const rounds = 2

func race(ctx context.Context, dir, python, peer string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := os.MkdirTemp(dir, "race")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out) //nolint:errcheck // the next run makes another
	corpus, inputs := filepath.Join(dir, "corpus"), filepath.Join(dir, "peer")
	fmt.Printf("%d CPUs, %s; %d scans of %v voxels at 1x1x3 mm with %d classes; best of %d in turn\n",
		runtime.NumCPU(), time.Now().UTC().Format(time.DateTime), scans, [3]int{300, 300, 100}, classes, rounds)
	fmt.Println("format      scans/s   MB/s  two workers  processor s  peak MiB  copying MB/s  peer")
	for _, e := range entrants {
		best := map[string]cost{}
		at := func(name string) string { return filepath.Join(out, e.format+"-"+name) }
		sides := map[string][]string{
			"one": {self, "export", e.format, corpus, at("one"), "1"}, "two": {self, "export", e.format, corpus, at("two"), "2"},
			"copy": {self, "copy", at("one"), at("copy")}, "peer": {python, peer, e.format, inputs, at("peer"), filepath.Join(at("one"), "eggs")},
		}
		for range rounds {
			for _, side := range []string{"one", "two", "copy", "peer"} {
				if side == "peer" && e.peer == "" {
					continue
				}
				if err := os.RemoveAll(at(side)); err != nil {
					return err
				}
				c, err := once(ctx, sides[side])
				if err != nil {
					return err
				}
				b, raced := best[side]
				if !raced {
					b = c
				}
				b.Seconds, b.Work, b.Peak = min(b.Seconds, c.Seconds), min(b.Work, c.Work), max(b.Peak, c.Peak)
				best[side] = b
			}
		}
		if err := same(e.format, at("one"), at("peer")); err != nil {
			return err
		}
		one, two, cp := best["one"], best["two"], best["copy"]
		fmt.Printf("%-10s %8.2f %6.1f %11.2fx %12.1f %9d %13.1f  ", e.format, scans/one.Seconds, mb(one), one.Seconds/two.Seconds, one.Work, one.Peak>>20, mb(cp))
		if p, ok := best["peer"]; ok {
			fmt.Printf("%s: %.2f scans/s, %.1f s of processor; ours %.1fx as fast, with two workers %.1fx, by processor time %.1fx, %.2f of its peak memory",
				e.peer, scans/p.Seconds, p.Work, p.Seconds/one.Seconds, p.Seconds/two.Seconds, p.Work/one.Work, float64(one.Peak)/float64(p.Peak))
		}
		fmt.Println()
		for side := range sides {
			if err := os.RemoveAll(at(side)); err != nil {
				return err
			}
		}
	}
	return nil
}

func mb(c cost) float64 { return float64(c.Bytes) / 1e6 / c.Seconds }

func once(ctx context.Context, command []string) (c cost, err error) {
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the sides of the race
	cmd.Stdout, cmd.Stderr = &text, os.Stderr
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return c, json.Unmarshal(text.Bytes(), &c)
}

// same makes sure that both sides wrote the same, where their files can be held
// against each other.
func same(format, ours, peers string) error {
	for i := range scans {
		id := fmt.Sprintf("scan%02d", i)
		switch format {
		case "sat":
			for _, name := range []string{".npy", "/class 001.npy", "/class 104.npy"} {
				folder := "renorm_segmentation"
				if name == ".npy" {
					folder = "renorm_image"
				}
				a, errA := os.ReadFile(filepath.Join(ours, "eggs", folder, id+name))
				b, errB := os.ReadFile(filepath.Join(peers, id+name))
				if err := errors.Join(errA, errB); err != nil {
					return err
				}
				if !bytes.Equal(a, b) {
					return fmt.Errorf("%s%s differs", id, name)
				}
			}
		case "nnunet":
			a, errA := volume.ReadLabelMap(filepath.Join(ours, "Dataset001_eggs", "labelsTr", "eggs_"+id+".nii.gz"), volume.ReadOptions{})
			b, errB := volume.ReadLabelMap(filepath.Join(peers, id+".nii.gz"), volume.ReadOptions{})
			if err := errors.Join(errA, errB); err != nil {
				return err
			}
			for n, v := range a.Data {
				if v != b.Data[n] {
					return fmt.Errorf("%s: voxel %d has the labels %d and %d", id, n, v, b.Data[n])
				}
			}
		}
	}
	return nil
}
