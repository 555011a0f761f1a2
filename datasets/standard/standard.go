// Package standard brings one scan and the masks of its classes to the form of
// the corpus, and knows the way back.
//
// The image is prepared as volume/prepare says, which is what SAT's loader
// does: turned to one orientation, resampled to one spacing, cropped to its
// foreground, clipped and standardised. Masks follow it voxel by voxel. What
// was done is kept beside the result, so that any mask of the corpus can be put
// back into the scan that it came from.
//
// The package reads no raw dataset and decides on no class. Start from [New] to
// make a scan, from [Open] to read one.
package standard

import (
	"context"
	"errors"
	"fmt"
	"math"

	"satgraph/volume"
	"satgraph/volume/prepare"
)

// Errors of scans that cannot be standardised, beside those of volume/prepare.
var (
	// ErrOtherGrid says: a mask does not lie on its scan's grid.
	ErrOtherGrid = errors.New("the mask is not on the scan's grid")
	// ErrNothing says: nothing of the scan is left by the crop as published.
	ErrNothing = errors.New("SAT's crop leaves nothing of the scan")
	// ErrSettings says: settings that make no sense.
	ErrSettings = errors.New("bad settings")
	// ErrBadScan says: a folder that holds no standardised scan, or a damaged one.
	ErrBadScan = errors.New("not a standardised scan")
)

// Labels says how masks are resampled.
type Labels string

// Ways to resample masks.
const (
	// Nearest takes the nearest voxel, as SAT does.
	Nearest Labels = "nearest"
	// Linear interpolates the mask between eight voxels and cuts at one half.
	Linear Labels = "linear"
)

// Settings say what form a corpus has. Every field is part of a corpus's
// identity.
type Settings struct {
	Spacing     [3]float64 `json:"spacing"`     // mm, along the axes of the result
	Orientation string     `json:"orientation"` // such as "RAS"
	Labels      Labels     `json:"labels"`
	// AsPublished does as SAT's code does also where that is a fault: a mask is
	// taken by its own affine, voxels that are not finite stay, and a scan without
	// a voxel above 0 is ErrNothing.
	AsPublished bool `json:"asPublished,omitempty"`
}

// SAT are the settings of SAT's corpus.
func SAT() Settings {
	return Settings{Spacing: prepare.SATSpacing, Orientation: "RAS", Labels: Nearest}
}

// Transform is the way between a scan and its standardised form.
type Transform struct {
	Source volume.Grid `json:"source"` // of the scan
	Spaced volume.Grid `json:"spaced"` // turned and resampled
	Box    volume.Box  `json:"box"`    // what the crop kept of Spaced
	// ToGrid maps voxels of Source to those of the cropped grid.
	ToGrid volume.Affine `json:"toGrid"`
	// An intensity v became (min(max(v, Low), High) - Mean) / SD.
	Low  float32 `json:"low"`
	High float32 `json:"high"`
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// Grid is the standardised grid: Spaced, cropped to Box.
func (t *Transform) Grid() volume.Grid {
	g, _ := t.Spaced.Crop(t.Box) // checked where a Transform is made
	return g
}

// Scan is a standardised scan at work.
type Scan struct {
	Transform
	Settings Settings
	// Image holds the standardised intensities, the first axis fastest.
	Image *volume.Image
	// Warnings say what was odd about the scan; Problems, which the caller sets,
	// what was wrong with its files.
	Warnings, Problems []string
}

// New standardises an image. ct says whether it is CT, whose intensities are
// HU. im is not changed.
//
// Errors are those of prepare.Do, ErrNothing and ErrSettings.
func New(ctx context.Context, im *volume.Image, ct bool, s Settings, threads int) (*Scan, error) {
	if s.Labels != Nearest && s.Labels != Linear {
		return nil, fmt.Errorf("%w: labels %q, know nearest and linear", ErrSettings, s.Labels)
	}
	p, err := prepare.Do(ctx, im, prepare.Options{
		Spacing: s.Spacing, Orientation: s.Orientation, CT: ct, AsPublished: s.AsPublished, Threads: threads,
	})
	if err != nil {
		return nil, err
	}
	if len(p.Data) == 0 {
		return nil, ErrNothing
	}
	return &Scan{
		Transform: Transform{
			Source: p.Source, Spaced: p.Spaced, Box: p.Box, ToGrid: p.ToGrid,
			Low: p.Low, High: p.High, Mean: p.Mean, SD: p.SD,
		},
		Settings: s, Warnings: p.Warnings,
		Image: &volume.Image{Grid: p.Grid, Data: firstFastest(p.Data, p.Grid.Shape)},
	}, nil
}

// firstFastest turns C order into that of volumes. It goes by tiles, so that
// both sides stay in the cache.
func firstFastest(data []float32, n [3]int) []float32 {
	const tile = 32
	out := make([]float32, len(data))
	for j := range n[1] {
		for x := 0; x < n[0]; x += tile {
			for z := 0; z < n[2]; z += tile {
				for i := x; i < min(x+tile, n[0]); i++ {
					from := data[(i*n[1]+j)*n[2]:][:n[2]]
					for k := z; k < min(z+tile, n[2]); k++ {
						out[i+n[0]*(j+n[1]*k)] = from[k]
					}
				}
			}
		}
	}
	return out
}

// Mask brings a mask of the scan to the standardised grid. ErrOtherGrid where
// it lies on another grid than the scan; an affine may be off by a tenth of a
// voxel anywhere, which is what rounding in headers does.
func (s *Scan) Mask(m *volume.Bits) (*volume.Bits, error) {
	toGrid := s.ToGrid
	if s.Settings.AsPublished {
		var err error
		if toGrid, err = s.own(m.Grid); err != nil {
			return nil, err
		}
	} else if err := sameGrid(s.Source, m.Grid); err != nil {
		return nil, err
	}
	place, err := toGrid.Inverse()
	if err != nil {
		return nil, err
	}
	to := s.Image.Grid
	if s.Settings.Labels == Linear {
		return linear(m, to, place), nil
	}
	return nearest(m, to, place, true), nil
}

// own maps the voxels of a mask by its own affine, as MONAI's dictionary
// transforms do, to the grid that the image was cropped on.
func (s *Scan) own(g volume.Grid) (volume.Affine, error) {
	if g == s.Source {
		return s.ToGrid, nil
	}
	to, spaced, err := prepare.Respaced(g, s.Settings.Spacing, s.Settings.Orientation)
	if err != nil {
		return to, err
	}
	if spaced.Shape != s.Spaced.Shape {
		return to, fmt.Errorf("%w: resampled by its own affine it has %v voxels, the scan %v", ErrOtherGrid, spaced.Shape, s.Spaced.Shape)
	}
	for a := range 3 {
		to[a][3] -= float64(s.Box.Min[a])
	}
	return to, nil
}

// Restore puts a mask of the standardised grid back into the scan: each voxel of
// the scan takes the nearest. What the crop took away is empty. ErrOtherGrid
// where the mask is not on the standardised grid.
func (t *Transform) Restore(m *volume.Bits) (*volume.Bits, error) {
	if err := sameGrid(t.Grid(), m.Grid); err != nil {
		return nil, err
	}
	return nearest(m, t.Source, t.ToGrid, false), nil
}

// sameGrid says where a mask's grid is another than the one it belongs to.
func sameGrid(want, got volume.Grid) error {
	if want.Shape != got.Shape {
		return fmt.Errorf("%w: it has %v voxels, the scan %v", ErrOtherGrid, got.Shape, want.Shape)
	}
	least := want.Spacing()
	limit := min(least[0], least[1], least[2]) / 10
	for n := range 8 {
		var p [3]float64
		for a := range p {
			p[a] = float64(n >> a & 1 * (want.Shape[a] - 1))
		}
		x, y := want.Affine.Apply(p), got.Affine.Apply(p)
		if d := math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2])); !(d <= limit) {
			return fmt.Errorf("%w: voxel %v lies %.3g mm from where the scan has it", ErrOtherGrid, p, d)
		}
	}
	return nil
}
