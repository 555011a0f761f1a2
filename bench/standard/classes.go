package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"satgraph/datasets/masks"
	"satgraph/volume"
)

// rounds over the classes are timed, behind one that is not; the median counts.
const rounds = 7

// oneByOne are the seconds that one class takes to be read, on average, in warm
// files.
type oneByOne struct {
	Whole  float64 `json:"whole"` // into a volume of the grid
	Box    float64 `json:"box"`   // into its box
	Fresh  float64 `json:"fresh"` // into a volume of the grid made for it
	Voxels int     `json:"voxels"`
}

// raceClasses has both sides read single classes of a label map: ours out of one
// file, NumPy's out of a .npy file for each, of the whole grid and of its box.
func raceClasses(ctx context.Context, labels, python, peer string) error {
	lm, err := volume.ReadLabelMap(labels, volume.ReadOptions{})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(labels), "classes")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the next run makes another
	all := split(lm)
	path := filepath.Join(dir, "masks.sgm")
	_, err = masks.Write(path, lm.Grid, func(w *masks.Writer) error {
		for _, v := range slices.Sorted(maps.Keys(all)) {
			if err := w.Add(fmt.Sprint(v), all[v]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f, err := masks.Open(path, masks.Options{})
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	names := some(f)
	boxes, err := writeArrays(dir, f, names)
	if err != nil {
		return err
	}
	ours, err := timeClasses(f, names)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, python, peer, "classes", dir) //nolint:gosec // the other side of the race
	cmd.Stdout, cmd.Stderr = &text, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	var theirs oneByOne
	if err := json.Unmarshal(text.Bytes(), &theirs); err != nil {
		return err
	}
	if ours.Voxels != theirs.Voxels {
		return fmt.Errorf("the sides read %d and %d voxels", ours.Voxels, theirs.Voxels)
	}
	grid := lm.Voxels()
	zero := clearing(grid)
	fmt.Printf("%d CPUs, %s: %d of %d classes of %v voxels, one by one; median of %d rounds, files warm\n",
		runtime.NumCPU(), time.Now().UTC().Format(time.DateTime), len(names), len(f.Classes()), lm.Shape, rounds)
	line := func(what string, a, b float64) {
		fmt.Printf("  %-46s %9.3f ms   np.load %9.3f ms   ratio %6.1f\n", what, 1e3*a, 1e3*b, b/a)
	}
	line("whole grid, the volume used again", ours.Whole, theirs.Whole)
	line("whole grid, a new volume for each", ours.Fresh, theirs.Whole)
	line(fmt.Sprintf("its box alone (%d voxels on average)", boxes/len(names)), ours.Box, theirs.Box)
	fmt.Printf("  memory: clearing a byte a voxel of the grid takes %.3f ms (%.1f GB/s)\n", 1e3*zero, float64(grid)/zero/1e9)
	return nil
}

// some are every tenth class, at most twelve.
func some(f *masks.File) (names []string) {
	for i, c := range f.Classes() {
		if i%10 == 0 && len(names) < 12 {
			names = append(names, c.Name)
		}
	}
	return names
}

// writeArrays writes each class as NumPy keeps it, and counts the voxels of
// their boxes.
func writeArrays(dir string, f *masks.File, names []string) (boxes int, err error) {
	var d masks.Dense
	for _, name := range names {
		if err := f.ReadDense(name, &d); err != nil {
			return 0, err
		}
		if err := writeArray(filepath.Join(dir, name+".whole.npy"), &d.Mask); err != nil {
			return 0, err
		}
		if err := f.ReadBox(name, &d); err != nil {
			return 0, err
		}
		if err := writeArray(filepath.Join(dir, name+".box.npy"), &d.Mask); err != nil {
			return 0, err
		}
		boxes += len(d.Data)
	}
	return boxes, nil
}

func writeArray(path string, m *volume.Mask) error {
	dict := fmt.Sprintf("{'descr': '|b1', 'fortran_order': True, 'shape': (%d, %d, %d), }", m.Shape[0], m.Shape[1], m.Shape[2])
	dict += strings.Repeat(" ", 63-(10+len(dict))%64) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(head[8:], uint16(len(dict))) //nolint:gosec // a hundred bytes
	return os.WriteFile(path, slices.Concat(head, []byte(dict), m.Data), 0o600)
}

func timeClasses(f *masks.File, names []string) (out oneByOne, err error) {
	var whole, box masks.Dense
	timed := func(read func(name string) error) float64 {
		var took []time.Duration
		for range rounds + 1 {
			start := time.Now()
			for _, name := range names {
				if e := read(name); e != nil {
					err = e
				}
			}
			took = append(took, time.Since(start))
		}
		took = took[1:]
		slices.Sort(took)
		return took[len(took)/2].Seconds() / float64(len(names))
	}
	out.Whole = timed(func(name string) error { return f.ReadDense(name, &whole) })
	out.Fresh = timed(func(name string) error { return f.ReadDense(name, new(masks.Dense)) })
	out.Box = timed(func(name string) error { return f.ReadBox(name, &box) })
	for _, name := range names {
		if e := f.ReadDense(name, &whole); e != nil {
			err = e
		}
		out.Voxels += whole.Count()
	}
	return out, err
}

// clearing is how long it takes to clear so many bytes of warm memory.
func clearing(n int) float64 {
	b := bytes.Repeat([]byte{1}, n)
	var took []time.Duration
	for range rounds {
		start := time.Now()
		clear(b)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[rounds/2].Seconds()
}
