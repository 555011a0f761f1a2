package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"satgraph/datasets/build"
	"satgraph/datasets/masks"
	"satgraph/datasets/standard"
	"satgraph/internal/npy"
)

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
	once := func(command ...string) (c cost, err error) {
		var text bytes.Buffer
		cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the two sides of the race
		cmd.Stdout, cmd.Stderr = &text, os.Stderr
		if err := cmd.Run(); err != nil {
			return c, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
		return c, json.Unmarshal(text.Bytes(), &c)
	}
	scan, labels := filepath.Join(dir, "scan.nii.gz"), filepath.Join(dir, "labels.nii.gz")
	array, packed, ours := filepath.Join(out, "masks.npy"), filepath.Join(out, "masks.npz"), filepath.Join(out, standard.MasksFile)
	fmt.Printf("%d CPUs, %s\n", runtime.NumCPU(), time.Now().UTC().Format(time.DateTime))

	a, err := once(self, "scan", scan, labels, out)
	if err != nil {
		return err
	}
	b, err := once(python, peer, "standard", scan, labels, strconv.Itoa(classes), out)
	if err != nil {
		return err
	}
	show("standardise 512x512x200 with 104 classes, files to files (wanted: time ≥ 5, peak ≤ 0.25)", a, b)
	if err := compare(out, array); err != nil {
		return err
	}

	if a, err = once(self, "read", ours); err != nil {
		return err
	}
	if b, err = once(python, peer, "read", array); err != nil {
		return err
	}
	show("read all masks, as they are held (wanted: time ≥ 5)", a, b)
	if a.Voxels != b.Voxels {
		return fmt.Errorf("the sides read %d and %d voxels", a.Voxels, b.Voxels)
	}
	if a, err = once(self, "dense", ours); err != nil {
		return err
	}
	show("the same, ours one by one as a byte for every voxel", a, b)
	pack, err := once(python, peer, "pack", array, packed)
	if err != nil {
		return err
	}
	if b, err = once(python, peer, "read", packed); err != nil {
		return err
	}
	fmt.Printf("npz: written in %.1f s, read in %.2f s\n", pack.Seconds, b.Seconds)
	sizes := map[string]int64{}
	for _, path := range []string{ours, array, packed} {
		fi, err := os.Stat(path)
		if err != nil {
			return err
		}
		sizes[path] = fi.Size()
	}
	fmt.Printf("size of the masks (wanted: ≥ 10): ours %d KiB; npy %d KiB, %.0f times as large; npz %d KiB, %.1f times\n",
		sizes[ours]>>10, sizes[array]>>10, float64(sizes[array])/float64(sizes[ours]), sizes[packed]>>10, float64(sizes[packed])/float64(sizes[ours]))
	return estimate(once, self, dir, out)
}

// estimate measures a build and works out what all scans of SAT's corpus take:
// by the clock of this run, and, since other programs may have run beside it, by
// its processor time at 85 % of the processors.
func estimate(once func(...string) (cost, error), self, dir, out string) error {
	// Rows of SAT's lists, TotalSegmentator's counted once; CT and PET as large as
	// one kind measured, MR as the other.
	const published, ct, mr = 22186, 7473 + 1025, 13678
	const quiet = 0.85
	cpus := float64(runtime.NumCPU())
	clock, work := 0.0, 0.0
	for _, k := range []struct {
		name  string
		scans float64
	}{{"ct", ct}, {"mr", mr}} {
		c, err := once(self, "build", filepath.Join(dir, "tree", k.name+"-*.seg.nii.gz"), filepath.Join(out, "corpus-"+k.name))
		if err != nil {
			return err
		}
		each := c.Seconds / float64(c.Scans)
		spent := c.Busy * cpus * each
		fmt.Printf("build of %d scans of the kind %q: %.1f s, peak %d MiB; its threads ran for %.0f %% of the processors' time, and ran or waited to run for %.0f %% (wanted: ≥ 85)\n",
			c.Scans, k.name, c.Seconds, c.Peak>>20, 100*c.Busy, 100*c.Wanted)
		fmt.Printf("  %.2f s a scan × %.0f = %.1f h; %.2f s of processor time a scan × %.0f / (%.2f × %.0f processors) = %.1f h\n",
			each, k.scans, each*k.scans/3600, spent, k.scans, quiet, cpus, spent*k.scans/quiet/cpus/3600)
		clock += each * k.scans
		work += spent * k.scans / quiet / cpus
	}
	const listed = ct + mr
	fmt.Printf("so %d scans take %.1f h by the clock of this run, %.1f h of quiet processors; %d take %.1f h and %.1f h\n",
		listed, clock/3600, work/3600, published, clock/3600*published/listed, work/3600*published/listed)
	return nil
}

func show(what string, ours, theirs cost) {
	fmt.Println(what)
	fmt.Printf("  satgraph     %9.3f s  %8d MiB\n", ours.Seconds, ours.Peak>>20)
	fmt.Printf("  MONAI, NumPy %9.3f s  %8d MiB\n", theirs.Seconds, theirs.Peak>>20)
	fmt.Printf("  ratio        %9.1f    %8.3f\n", theirs.Seconds/ours.Seconds, float64(ours.Peak)/float64(theirs.Peak))
}

// compare prints how far the two sides' results are apart.
func compare(out, array string) error {
	s, err := standard.Open(out)
	if err != nil {
		return err
	}
	im, err := s.ReadImage()
	if err != nil {
		return err
	}
	theirs, err := npy.ReadFile(filepath.Join(out, "image.npy"))
	if err != nil {
		return err
	}
	if n := theirs.Shape; len(n) != 3 || [3]int(n) != im.Shape {
		return fmt.Errorf("we have %v voxels, MONAI %v", im.Shape, n)
	}
	worst := 0.0
	for n, v := range theirs.Float32s() {
		i, j, k := n/(im.Shape[1]*im.Shape[2]), n/im.Shape[2]%im.Shape[1], n%im.Shape[2]
		worst = max(worst, math.Abs(float64(v-im.Data[im.Index(i, j, k)])))
	}
	f, err := masks.Open(filepath.Join(out, standard.MasksFile), masks.Options{})
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	in, err := os.Open(array)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	fi, err := in.Stat()
	if err != nil {
		return err
	}
	size := int64(im.Voxels())
	at := fi.Size() - size*classes // behind the header
	buf := make([]byte, size)
	differ, set := 0, 0
	for _, c := range f.Classes() {
		if _, err := in.ReadAt(buf, at); err != nil {
			return err
		}
		at += size
		m, err := f.Read(c.Name)
		if err != nil {
			return err
		}
		set += c.Voxels
		for n, v := range buf {
			i, j, k := n/(im.Shape[1]*im.Shape[2]), n/im.Shape[2]%im.Shape[1], n%im.Shape[2]
			if m.At(i, j, k) != (v != 0) {
				differ++
			}
		}
	}
	fmt.Printf("  largest difference of intensities %.1e (wanted: ≤ 1e-4); of %d voxels in masks %d differ\n", worst, set, differ)
	return nil
}

// tree is a source of pairs: IMAGE.nii.gz and IMAGE.seg.nii.gz.
type tree struct{ pattern string }

func (t tree) Scans(context.Context) iter.Seq2[build.Scan, error] {
	return func(yield func(build.Scan, error) bool) {
		paths, err := filepath.Glob(t.pattern)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, path := range paths {
			base := strings.TrimSuffix(path, ".seg.nii.gz")
			if !yield(&pair{"generated", filepath.Base(base), base + ".nii.gz", path}, nil) {
				return
			}
		}
	}
}

func (p *pair) Files() []build.File {
	return []build.File{{Name: "image", Path: p.image}, {Name: "labels", Path: p.labels}}
}

func buildOnce(ctx context.Context, pattern, out string) error {
	r, err := build.Run(ctx, tree{pattern}, build.Options{Dir: out, Settings: standard.SAT()})
	if err != nil {
		return err
	}
	if len(r.Failures) > 0 {
		return fmt.Errorf("%d scans failed: %s", len(r.Failures), r.Failures[0].Reason)
	}
	return cost{Seconds: r.Seconds, Scans: r.Built, Busy: r.Busy, Wanted: wanted(r.Seconds)}.print()
}

// wanted is the share of the processors' time in which the process's threads ran
// or waited for a processor that another program had, by Linux's accounts; at
// most 1.
func wanted(seconds float64) float64 {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return 0
	}
	sum := 0.0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var ran, waited float64
		if _, err := fmt.Sscan(string(text), &ran, &waited); err == nil {
			sum += (ran + waited) / 1e9
		}
	}
	return min(1, sum/seconds/float64(runtime.NumCPU()))
}
