package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"

	"satgraph/datasets/build"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// The scans: CT of 0.75×0.75×3 mm, each with a lattice of 104 eggs, none of which
// is anatomy and none of which share a voxel.
const (
	scans   = 8
	classes = 104
)

var grid = volume.Grid{Shape: [3]int{400, 400, 100}, Affine: volume.Affine{{0.75, 0, 0, -150}, {0, 0.75, 0, -150}, {0, 0, 3, -150}, {0, 0, 0, 1}}}

// makeInputs builds the corpus, and beside it for each scan what the peers read:
// its masks as one label map, not compressed.
func makeInputs(ctx context.Context, dir string) error {
	corpus := filepath.Join(dir, "corpus")
	if _, err := build.Run(ctx, source{}, build.Options{Dir: corpus, Settings: standard.SAT()}); err != nil {
		return err
	}
	c, err := build.Open(corpus)
	if err != nil {
		return err
	}
	if len(c.Scans) != scans {
		return fmt.Errorf("%d scans were built, want %d: %v", len(c.Scans), scans, c.Version.Failures)
	}
	for _, e := range c.Scans {
		if err := peerInputs(c, e, filepath.Join(dir, "peer", e.ID)); err != nil {
			return err
		}
	}
	return nil
}

func peerInputs(c *build.Corpus, e *build.Entry, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	s, err := c.Scan(e)
	if err != nil {
		return err
	}
	im, err := s.ReadImage()
	if err != nil {
		return err
	}
	f, err := s.OpenMasks()
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	lm := &volume.LabelMap{Grid: im.Grid, Data: make([]uint16, im.Voxels())}
	names := make([]string, 0, classes)
	for _, class := range f.Classes() {
		names = append(names, class.Name)
	}
	slices.Sort(names)
	for v, name := range names {
		m, err := f.Read(name)
		if err != nil {
			return err
		}
		m.Runs(func(r volume.Run) bool {
			row := lm.Data[m.Index(r.From, r.J, r.K):][:r.To-r.From]
			for i := range row {
				row[i] = uint16(v + 1) //nolint:gosec // a hundred
			}
			return true
		})
	}
	return errors.Join(volume.WriteImage(filepath.Join(dir, "image.nii"), im, volume.Float32),
		volume.WriteLabelMap(filepath.Join(dir, "labels.nii"), lm))
}

// source draws the scans.
type source struct{}

func (source) Scans(context.Context) iter.Seq2[build.Scan, error] {
	return func(yield func(build.Scan, error) bool) {
		for i := range scans {
			if !yield(scan(i), nil) {
				return
			}
		}
	}
}

type scan int

func (s scan) Origin() standard.Origin {
	id := fmt.Sprintf("scan%02d", int(s))
	return standard.Origin{Dataset: "eggs", ID: id, Image: id, Patient: id, Modality: "ct", Split: "train"}
}

func (scan) Files() []build.File { return nil }

func (s scan) Read(context.Context) (*build.Voxels, error) {
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	state := uint32(7 + s) //nolint:gosec // a small number
	s.each(func(n, i, j, k int, body bool, _ int) {
		state = state*1664525 + 1013904223
		v := -1000 + float64(state>>28)
		if body {
			v = 60 + 60*math.Sin(float64(i)/23) + 40*math.Cos(float64(j)/31+float64(k)/17) + float64(state>>26)
		}
		im.Data[n] = float32(math.Round(v))
	})
	return &build.Voxels{Image: im}, nil
}

func (s scan) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	all := make([]*volume.Bits, classes)
	for c := range all {
		all[c] = volume.NewBits(grid)
	}
	s.each(func(_, i, j, k int, _ bool, class int) {
		if class >= 0 {
			all[class].SetRun(i, i+1, j, k)
		}
	})
	for c, m := range all {
		if err := add(fmt.Sprintf("class %03d", c+1), m); err != nil {
			return err
		}
	}
	return nil
}

// each goes over the voxels: whether the body is there, and which class, or -1.
func (s scan) each(do func(n, i, j, k int, body bool, class int)) {
	n := 0
	for k := range grid.Shape[2] {
		for j := range grid.Shape[1] {
			for i := range grid.Shape[0] {
				x, y, z := 2*float64(i)/float64(grid.Shape[0])-1, 2*float64(j)/float64(grid.Shape[1])-1, float64(k)/float64(grid.Shape[2])
				class, body := -1, x*x/0.81+y*y/0.49 < 1
				if body {
					class = egg(x, y, z, int(s))
				}
				do(n, i, j, k, body, class)
				n++
			}
		}
	}
}

// egg is the class at a place of the body: a lattice of 5×4×6 cells, each with
// one in it.
func egg(x, y, z float64, seed int) int {
	a, b, c := (x+0.9)/1.8*5, (y+0.7)/1.4*4, z*6
	cell := int(a) + 5*(int(b)+4*int(c))
	u, v, w := a-math.Floor(a)-0.5, b-math.Floor(b)-0.5, c-math.Floor(c)-0.5
	r := 0.42 + 0.04*math.Sin(17*u+float64(cell+seed))*math.Cos(23*v) + 0.03*math.Sin(19*w)
	if cell < classes && u*u+v*v+w*w < r*r {
		return cell
	}
	return -1
}
