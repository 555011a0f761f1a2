// Package phantom draws torso CT phantoms: seeded, analytic, randomised anatomy with an exact tissue map.
//
// Phantoms are synthetic demonstration material. They are not patients, no part of them was measured
// on anybody's scan, and nothing learned or measured on them is fit for clinical use.
//
// A phantom is drawn from a plan, which is one generator version: version 1 is for training a demo
// model, version 2 draws the same structures from other shape families, control points, noise and
// intensities, so that a model can be scored on phantoms of a kind it never saw. Neither tells how a
// model does on real scans.
//
// Start from [Generate]. Axes are RAS+, lengths millimetres, intensities Hounsfield units. The same
// [Options] give the same voxels whatever the number of processors.
package phantom

import (
	"errors"
	"fmt"

	"satgraph/internal/parallel"
	"satgraph/volume"
)

// ErrOptions is wrapped by every refusal of an option.
var ErrOptions = errors.New("phantom: bad option")

// Options says which phantom to draw.
type Options struct {
	// Seed picks the patient and the scan.
	Seed uint64
	// Version is the generator version: 1 (training) or 2 (evaluation only).
	Version int
	// Spacing is the voxel size in mm along every axis, 0.5 to 20; 0 draws one, often anisotropic.
	Spacing float64
	// FullFOV gives the whole torso in RAS order; without it the field of view, the tilt and the
	// order of the axes are drawn, from a cardiac crop or a short slab to the whole torso.
	FullFOV bool
}

// Phantom is one drawn scan with its truth.
type Phantom struct {
	Options
	// Image holds whole HU values from -2000 to 3071.
	Image *volume.Image
	// Tissues is the truth on the same grid: a complete, disjoint map of tissue codes.
	Tissues *volume.LabelMap
	// Codes describes every tissue code.
	Codes map[uint16]Tissue
	// Classes gives the tissue codes that make up each class of the corpus. Classes may overlap
	// (heart and its chambers), and a class may be out of the field of view.
	Classes map[string][]uint16
	// Phase is the contrast phase: none, cardiac, arterial, portal or late.
	Phase string
	// View names the field of view: full, torso, chest, abdomen, trunk, cardiac or slab.
	View string
}

// Tissue describes one code of the map: its name, and its mean intensity in HU in this phantom
// before partial volume, texture and noise.
type Tissue struct {
	Name string  `json:"name"`
	HU   float64 `json:"hu"`
}

// Generate draws one phantom. It returns an error that wraps ErrOptions when o makes no sense.
func Generate(o Options) (*Phantom, error) {
	pl, ok := planFor(o.Version)
	if !ok {
		return nil, fmt.Errorf("%w: generator version %d is not known (1 and 2 are)", ErrOptions, o.Version)
	}
	if o.Spacing != 0 && !(o.Spacing >= 0.5 && o.Spacing <= 20) {
		return nil, fmt.Errorf("%w: spacing %g mm is outside 0.5 to 20", ErrOptions, o.Spacing)
	}
	a := newAnatomy(&o, pl)
	v := a.view(&o, newStream(o.Seed, o.Version, "view"))
	p := &Phantom{Options: o, Classes: map[string][]uint16{}, Codes: map[uint16]Tissue{}, View: v.name}
	p.Tissues = &volume.LabelMap{Grid: v.grid, Data: make([]uint16, v.grid.Voxels())}
	nx, ny, nz := v.grid.Shape[0], v.grid.Shape[1], v.grid.Shape[2]
	parallel.For(nz, 0, func(k int) {
		for j := range ny {
			row := p.Tissues.Data[v.grid.Index(0, j, k):][:nx]
			for i := range row {
				if w := v.at(i, j, k); !v.blind(w) {
					row[i] = uint16(a.at(a.canonical(w)))
				}
			}
		}
	})
	hu := newHUTable(newStream(o.Seed, o.Version, "hu"), &pl.hu)
	p.Phase = hu.phase
	for t := range tissueCount {
		p.Codes[uint16(t)] = Tissue{tissueNames[t], hu.mean[t]}
	}
	for _, set := range [][]class{modelClasses, extraClasses} {
		for _, c := range set {
			for _, t := range c.codes {
				p.Classes[c.name] = append(p.Classes[c.name], uint16(t))
			}
		}
	}
	p.Image = &volume.Image{Grid: v.grid, Data: hu.render(o.Seed, a, v, p.Tissues.Data)}
	return p, nil
}
