package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"satgraph/volume"
)

// classes of each scan.
const classes = 104

// Shapes that public scans often have.
var (
	ctGrid = volume.Grid{Shape: [3]int{512, 512, 200}, Affine: volume.Affine{{-0.8, 0, 0, 204}, {0, -0.8, 0, 204}, {0, 0, 2.25, -225}, {0, 0, 0, 1}}}
	mrGrid = volume.Grid{Shape: [3]int{240, 240, 155}, Affine: volume.Affine{{-1, 0, 0, 0}, {0, -1, 0, 239}, {0, 0, 1, 0}, {0, 0, 0, 1}}}
)

// built is how many scans of each kind a build is measured with.
const built = 12

func makeInputs(dir string) error {
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o750); err != nil {
		return err
	}
	for i := range built {
		for kind, g := range map[string]volume.Grid{"ct": ctGrid, "mr": mrGrid} {
			im, lm := scan(g, i)
			base := filepath.Join(tree, fmt.Sprintf("%s-%02d", kind, i))
			if err := errors.Join(volume.WriteImage(base+".nii.gz", im, volume.Int16), volume.WriteLabelMap(base+".seg.nii.gz", lm)); err != nil {
				return err
			}
		}
	}
	im, lm := scan(ctGrid, built)
	return errors.Join(
		volume.WriteImage(filepath.Join(dir, "scan.nii.gz"), im, volume.Int16),
		volume.WriteLabelMap(filepath.Join(dir, "labels.nii.gz"), lm),
	)
}

// scan is a body in air, with noise, and 104 blobs of bumpy surface in it, none
// of which is anatomy.
func scan(g volume.Grid, seed int) (*volume.Image, *volume.LabelMap) {
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	lm := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	state := uint32(7 + seed) //nolint:gosec // a small number
	n := 0
	for k := range g.Shape[2] {
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				state = state*1664525 + 1013904223
				x, y, z := 2*float64(i)/float64(g.Shape[0])-1, 2*float64(j)/float64(g.Shape[1])-1, float64(k)/float64(g.Shape[2])
				v := -1000 + float64(state>>28)
				if x*x/0.81+y*y/0.49 < 1 {
					v = 60 + 60*math.Sin(float64(i)/23) + 40*math.Cos(float64(j)/31+float64(k)/17) + float64(state>>26)
					lm.Data[n] = blob(x, y, z, seed)
				}
				im.Data[n] = float32(math.Round(v))
				n++
			}
		}
	}
	return im, lm
}

// blob is the label at a place of the body: a lattice of 5×4×6 cells, each with
// an egg in it.
func blob(x, y, z float64, seed int) uint16 {
	a, b, c := (x+0.9)/1.8*5, (y+0.7)/1.4*4, z*6
	cell := int(a) + 5*(int(b)+4*int(c))
	if cell >= classes {
		return 0
	}
	u, v, w := a-math.Floor(a)-0.5, b-math.Floor(b)-0.5, c-math.Floor(c)-0.5
	r := 0.42 + 0.04*math.Sin(17*u+float64(cell+seed))*math.Cos(23*v) + 0.03*math.Sin(19*w)
	if u*u+v*v+w*w < r*r {
		return uint16(cell + 1) //nolint:gosec // at most 104
	}
	return 0
}
