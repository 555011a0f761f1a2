// Package phantom draws torso CT phantoms: seeded, analytic, randomised anatomy with an exact tissue map.
//
// Phantoms are synthetic demonstration material. They are not patients, they are not derived from
// any patient's scan, and nothing learned or measured on them is fit for clinical use.
//
// Start from Generate. Axes are RAS+, lengths millimetres, intensities Hounsfield units. The same
// Options give the same bytes whatever the number of processors.
package phantom

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// ErrOptions is wrapped by every refusal of an option.
var ErrOptions = errors.New("phantom: bad option")

// Options says which phantom to draw.
type Options struct {
	Seed    uint64
	Version int     // generator version: 1 (training) or 2 (evaluation only)
	Spacing float64 // isotropic voxel size in mm
	FullFOV bool    // the whole torso in RAS order, no crop
}

// Phantom is a drawn torso.
type Phantom struct {
	Shape   [3]int
	Affine  [4][4]float64
	Image   []float32 // HU
	Tissues []uint16
	Codes   map[uint16]Tissue
	Classes map[string][]uint16
	Phase   string
}

// Tissue describes one code of the map: its name and mean intensity in HU in this phantom.
type Tissue struct {
	Name string  `json:"name"`
	HU   float64 `json:"hu"`
}

// Generate draws one phantom.
func Generate(o Options) (*Phantom, error) {
	pl, ok := plans[o.Version]
	if !ok {
		return nil, fmt.Errorf("%w: generator version %d is not known", ErrOptions, o.Version)
	}
	if !(o.Spacing >= 0.5 && o.Spacing <= 20) {
		return nil, fmt.Errorf("%w: spacing %g mm is outside 0.5 to 20", ErrOptions, o.Spacing)
	}
	a := newAnatomy(&o, pl)
	p := &Phantom{Classes: map[string][]uint16{}, Codes: map[uint16]Tissue{}}
	lo, hi := vec{-232, -172, -390}, vec{232, 168, 315}
	lo, hi = vec{lo.x * a.scale.x, lo.y * a.scale.y, lo.z * a.scale.z}, vec{hi.x * a.scale.x, hi.y * a.scale.y, hi.z * a.scale.z}
	sp := o.Spacing
	p.Shape = [3]int{int((hi.x - lo.x) / sp), int((hi.y - lo.y) / sp), int((hi.z - lo.z) / sp)}
	p.Affine = [4][4]float64{{sp, 0, 0, lo.x}, {0, sp, 0, lo.y}, {0, 0, sp, lo.z}, {0, 0, 0, 1}}
	nx, ny, nz := p.Shape[0], p.Shape[1], p.Shape[2]
	p.Tissues = make([]uint16, nx*ny*nz)
	parallel(nz, func(k int) {
		for j := range ny {
			row := p.Tissues[(k*ny+j)*nx : (k*ny+j+1)*nx]
			for i := range row {
				q := vec{lo.x + sp*float64(i), lo.y + sp*float64(j), lo.z + sp*float64(k)}
				row[i] = uint16(a.at(a.canonical(q)))
			}
		}
	})
	hu := newHUTable(newStream(o.Seed, o.Version, "hu"))
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
	p.Image = hu.render(o.Seed, p.Shape, sp, p.Tissues)
	return p, nil
}

// parallel runs f for 0 to n-1 on all processors; every call must write only its own part.
func parallel(n int, f func(int)) {
	var wg sync.WaitGroup
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	wg.Wait()
}
