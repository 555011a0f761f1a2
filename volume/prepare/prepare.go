// Package prepare brings a scan to the form that SAT's networks are trained on:
// turned to one orientation, resampled to one spacing, cropped to its
// foreground, clipped and standardised. Segmentation and the training corpus
// share it, so that a model sees what it was trained on.
//
// It reads and writes no file and knows no model. Start from [Do].
package prepare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"satgraph/internal/parallel"
	"satgraph/volume"
)

// Errors of scans that cannot be prepared.
var (
	// ErrEmpty: every voxel of the scan is 0.
	ErrEmpty = errors.New("the image is empty")
	// ErrConstant: every voxel that is left has one value.
	ErrConstant = errors.New("the image is constant")
	// ErrNotFinite: the image has no finite voxel (all NaN or infinite).
	ErrNotFinite = errors.New("the image has no finite voxel")
	// ErrTooLarge: the scan has more voxels at the new spacing than
	// Options.MaxVoxels.
	ErrTooLarge = errors.New("the scan is too large at the model's spacing")
)

// Window of Hounsfield units that SAT clips CT to, and the percentiles that it
// clips everything else to.
const (
	ctLow, ctHigh   = -500, 1000
	pctLow, pctHigh = 0.5, 99.5
)

// SATSpacing is the spacing (mm) of SAT's published models and corpus.
var SATSpacing = [3]float64{1, 1, 3}

// Options say what form is asked for.
type Options struct {
	// Spacing in mm along the axes of the result.
	Spacing [3]float64
	// Orientation of the result, such as "LPS"; empty is "RAS".
	Orientation string
	// CT clips to -500..1000 HU, else the 0.5 and 99.5 percentiles are clipped to.
	CT bool
	// AsPublished does as SAT's code does also where that is a fault.
	AsPublished bool
	// MaxVoxels bounds the scan at the new spacing; 0 means 512 Mi.
	MaxVoxels int64
	// Threads; 0 means all processors.
	Threads int
}

// DefaultMaxVoxels is what MaxVoxels 0 means.
const DefaultMaxVoxels = 512 << 20

// Scan is a prepared scan.
type Scan struct {
	// Grid of Data: Spaced, cropped to Box. Its shape is zero where the crop is
	// empty, which is possible with AsPublished alone.
	Grid volume.Grid
	// Data in C order, the third axis fastest.
	Data []float32
	// Spaced is the grid before the crop, Box what was kept of it.
	Spaced volume.Grid
	Box    volume.Box
	// Low and High are what intensities were clipped to; a voxel of Data is
	// (intensity - Mean) / SD.
	Low, High float32
	Mean, SD  float64
	// Floor is what Low became.
	Floor float32
	// Source is the grid of the scan, and ToGrid maps its voxels to those of Grid.
	Source volume.Grid
	ToGrid volume.Affine
	// Warnings say what was odd.
	Warnings []string
}

// Empty says that SAT's own code would see nothing of the scan: only with
// Options.AsPublished.
func (p *Scan) Empty() bool { return len(p.Data) == 0 || !isFinite(p.Data[0]) }

// Do turns a scan into what SAT's loader makes of it: RAS, trilinear at
// the spacing asked for, cropped to the box of voxels above 0, clipped (CT to
// -500..1000 HU, others to their 0.5 and 99.5 percentiles) and brought to mean
// 0 and standard deviation 1 (population).
//
// It differs from SAT's code where that ends in empty masks without a word, and
// says so in a warning: where no voxel is above 0, as in a CT of lung cut
// tight, nothing is cropped; voxels that are not finite are taken as the lowest
// finite value. What cannot be normalised is refused: no voxel but 0 is
// ErrEmpty, one value only is ErrConstant, no finite voxel is ErrNotFinite.
// Options.AsPublished does as SAT does. ErrTooLarge, volume.ErrBadAffine and
// volume.ErrShape are the other errors, and that of ctx.
func Do(ctx context.Context, im *volume.Image, o Options) (*Scan, error) {
	if o.MaxVoxels <= 0 {
		o.MaxVoxels = DefaultMaxVoxels
	}
	p := &Scan{Source: im.Grid, Warnings: slices.Clone(im.Warnings)}
	if im.Header != nil {
		p.Warnings = append(p.Warnings, im.Header.Warnings...)
		if warn := twoSpacings(im); warn != "" && !o.AsPublished {
			p.Warnings = append(p.Warnings, warn)
		}
	}
	if !o.AsPublished {
		mended, warn, err := finite(im)
		if err != nil {
			return nil, err
		}
		if im = mended; warn != "" {
			p.Warnings = append(p.Warnings, warn)
		}
	}
	view := *im
	var back volume.Affine
	var err error
	if view.Grid, back, err = facing(im.Grid, o.Orientation); err != nil {
		return nil, err
	}
	im = &view
	grid, err := im.Respaced(o.Spacing)
	if err != nil {
		return nil, err
	}
	if n := int64(grid.Shape[0]) * int64(grid.Shape[1]) * int64(grid.Shape[2]); n > o.MaxVoxels {
		return nil, fmt.Errorf("%w: %v voxels at %v mm, at most %d are taken", ErrTooLarge, grid.Shape, o.Spacing, o.MaxVoxels)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	spaced, box, err := resample(im, grid, o.Threads)
	if err != nil {
		return nil, err
	}
	p.Spaced = volume.Grid{Shape: grid.Shape, Affine: back.Mul(grid.Affine)}
	if box.Max[0] == 0 && !o.AsPublished {
		if !slices.ContainsFunc(spaced, func(v float32) bool { return v != 0 }) {
			return nil, fmt.Errorf("%w: every voxel is 0", ErrEmpty)
		}
		box = volume.Box{Max: grid.Shape}
		p.Warnings = append(p.Warnings,
			"no voxel is above 0, so the scan was not cropped to its foreground as SAT does, whose masks would all be empty")
	}
	if box.Max[0] == 0 {
		return p, nil
	}
	p.Box = box
	if p.Grid, err = p.Spaced.Crop(box); err != nil {
		return nil, err
	}
	p.Data = cropInPlace(spaced, grid.Shape, box)
	if err := p.normalise(o); err != nil {
		return nil, err
	}
	if p.ToGrid, err = im.ToGrid(grid); err != nil {
		return nil, err
	}
	for a := range 3 {
		p.ToGrid[a][3] -= float64(box.Min[a])
	}
	return p, nil
}

// twoSpacings warns of a header whose spacing is not that of its affine.
func twoSpacings(im *volume.Image) string {
	own := im.Spacing()
	for a, s := range own {
		// NumPy's allclose, by which MONAI decides.
		if step := math.Abs(im.Header.PixDim[a+1]); math.Abs(s-step) > 1e-8+1e-5*step {
			return fmt.Sprintf("the header says pixdim %.6g %.6g %.6g mm and its affine %.6g %.6g %.6g mm: the affine counts; SAT may silently take another one",
				im.Header.PixDim[1], im.Header.PixDim[2], im.Header.PixDim[3], own[0], own[1], own[2])
		}
	}
	return ""
}

// Respaced is the grid that Do resamples a scan on g to, before the crop; toGrid
// maps the voxels of g to it. volume.ErrBadAffine or volume.ErrShape.
func Respaced(g volume.Grid, spacing [3]float64, orientation string) (toGrid volume.Affine, spaced volume.Grid, err error) {
	turned, back, err := facing(g, orientation)
	if err != nil {
		return toGrid, spaced, err
	}
	if spaced, err = turned.Respaced(spacing); err != nil {
		return toGrid, spaced, err
	}
	toGrid, err = turned.ToGrid(spaced)
	spaced.Affine = back.Mul(spaced.Affine)
	return toGrid, spaced, err
}

// facing mirrors the world, so that what is "RAS" there has the orientation
// asked for here. back maps that world to ours.
func facing(g volume.Grid, orientation string) (turned volume.Grid, back volume.Affine, err error) {
	if orientation == "" || orientation == "RAS" {
		return g, volume.Identity(), nil
	}
	to := volume.Affine{3: {3: 1}}
	back = to
	taken := [3]bool{}
	for axis := range len(orientation) {
		at := strings.IndexByte("RLAPSI", orientation[axis])
		if len(orientation) != 3 || at < 0 || taken[at/2] {
			return g, back, fmt.Errorf("%w: %q is no orientation such as RAS or LPS", volume.ErrBadAffine, orientation)
		}
		taken[at/2] = true
		to[axis][at/2] = float64(1 - at%2*2)
		back[at/2][axis] = to[axis][at/2]
	}
	g.Affine = to.Mul(g.Affine)
	return g, back, nil
}

// finite returns the image, or a copy of it without NaN and infinities.
func finite(im *volume.Image) (*volume.Image, string, error) {
	bad := 0
	least := float32(math.Inf(1))
	for _, v := range im.Data {
		if isFinite(v) {
			least = min(least, v)
		} else {
			bad++
		}
	}
	switch bad {
	case 0:
		return im, "", nil
	case len(im.Data):
		return nil, "", fmt.Errorf("%w: all %d voxels are NaN or infinite", ErrNotFinite, bad)
	}
	out := &volume.Image{Grid: im.Grid, Header: im.Header, Data: make([]float32, len(im.Data))}
	for i, v := range im.Data {
		if !isFinite(v) {
			v = least
		}
		out.Data[i] = v
	}
	return out, fmt.Sprintf("%d of %d voxels are NaN or infinite and were taken as %g, the lowest value", bad, len(im.Data), least), nil
}

func isFinite(v float32) bool { return v-v == 0 }

// resample gives the image at another grid in C order, and the box of its
// voxels above 0, which is empty where there are none.
func resample(im *volume.Image, grid volume.Grid, threads int) ([]float32, volume.Box, error) {
	n := grid.Shape
	out := make([]float32, grid.Voxels())
	box := volume.Box{Min: n}
	var mu sync.Mutex
	err := im.ResampleEach(grid, threads, func(k int, planes []float32) {
		size := n[0] * n[1]
		count := len(planes) / size
		b := volume.Box{Min: n}
		for j := range n[1] {
			for i := range n[0] {
				to := out[(i*n[1]+j)*n[2]+k:][:count]
				from := planes[j*n[0]+i:]
				for z := range to {
					v := from[z*size]
					to[z] = v
					if v > 0 {
						b.Min[0], b.Max[0] = min(b.Min[0], i), max(b.Max[0], i+1)
						b.Min[1], b.Max[1] = min(b.Min[1], j), max(b.Max[1], j+1)
						b.Min[2], b.Max[2] = min(b.Min[2], k+z), max(b.Max[2], k+z+1)
					}
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for a := range 3 {
			box.Min[a], box.Max[a] = min(box.Min[a], b.Min[a]), max(box.Max[a], b.Max[a])
		}
	})
	return out, box, err
}

// cropInPlace moves a box of a C-order volume to its front.
func cropInPlace(data []float32, shape [3]int, b volume.Box) []float32 {
	s := b.Shape()
	to := 0
	for x := b.Min[0]; x < b.Max[0]; x++ {
		for y := b.Min[1]; y < b.Max[1]; y++ {
			from := (x*shape[1]+y)*shape[2] + b.Min[2]
			copy(data[to:to+s[2]], data[from:from+s[2]])
			to += s[2]
		}
	}
	return data[:to]
}

// normalise clips and standardises in place.
func (p *Scan) normalise(o Options) error {
	data := p.Data
	lo, hi := float32(ctLow), float32(ctHigh)
	if !o.CT {
		lo, hi = percentile(data, pctLow), percentile(data, pctHigh)
	}
	parts := chunks(len(data))
	sums := make([]float64, len(parts))
	total := func(f func(part []float32) float64) float64 {
		parallel.For(len(parts), o.Threads, func(i int) { sums[i] = f(data[parts[i][0]:parts[i][1]]) })
		sum := 0.0
		for _, s := range sums {
			sum += s
		}
		return sum
	}
	mean := total(func(part []float32) float64 {
		sum := 0.0
		for i, v := range part {
			v = min(max(v, lo), hi)
			part[i] = v
			sum += float64(v)
		}
		return sum
	}) / float64(len(data))
	std := math.Sqrt(total(func(part []float32) float64 {
		sum := 0.0
		for _, v := range part {
			d := float64(v) - mean
			sum += d * d
		}
		return sum
	}) / float64(len(data)))
	// A constant image leaves at most the rounding of its mean.
	if !(std > 1e-9*math.Abs(mean)) && !o.AsPublished {
		return fmt.Errorf("%w: every voxel of its foreground is %g after clipping", ErrConstant, mean)
	}
	total(func(part []float32) float64 {
		for i, v := range part {
			part[i] = float32((float64(v) - mean) / std)
		}
		return 0
	})
	p.Low, p.High, p.Mean, p.SD = lo, hi, mean, std
	p.Floor = float32((float64(lo) - mean) / std)
	return nil
}

// chunks cuts 0..n into parts of a fixed size, so that sums over them do not
// depend on the number of threads.
func chunks(n int) [][2]int {
	const size = 1 << 20
	var out [][2]int
	for from := 0; from < n; from += size {
		out = append(out, [2]int{from, min(from+size, n)})
	}
	return out
}

// percentile is NumPy's, with linear interpolation. It selects by two passes of
// counting over the bits of the values, so it needs no sorted copy.
func percentile(data []float32, q float64) float32 {
	at := q / 100 * float64(len(data)-1)
	i := int(at)
	a := nth(data, i)
	if i+1 >= len(data) || at == float64(i) {
		return a
	}
	b := nth(data, i+1)
	return float32(float64(a) + (at-float64(i))*(float64(b)-float64(a)))
}

// nth is the n-th smallest value, n from 0. The values must not be NaN.
func nth(data []float32, n int) float32 {
	var high [1 << 16]int
	for _, v := range data {
		high[sortable(v)>>16]++
	}
	bucket := 0
	for n >= high[bucket] {
		n -= high[bucket]
		bucket++
	}
	var low [1 << 16]int
	for _, v := range data {
		if u := sortable(v); int(u>>16) == bucket {
			low[u&0xffff]++
		}
	}
	rest := 0
	for n >= low[rest] {
		n -= low[rest]
		rest++
	}
	u := uint32(bucket)<<16 | uint32(rest)
	if u&(1<<31) != 0 {
		return math.Float32frombits(u &^ (1 << 31))
	}
	return math.Float32frombits(^u)
}

// sortable maps floats to integers of the same order.
func sortable(v float32) uint32 {
	u := math.Float32bits(v)
	if u&(1<<31) != 0 {
		return ^u
	}
	return u | 1<<31
}
