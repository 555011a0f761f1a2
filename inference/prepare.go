package inference

import (
	"context"
	"fmt"
	"math"

	"satgraph/volume"
)

// Window of Hounsfield units that SAT clips CT to, and the percentiles that it
// clips everything else to.
const (
	ctLow, ctHigh   = -500, 1000
	pctLow, pctHigh = 0.5, 99.5
)

// prepared is a scan as a model sees it.
type prepared struct {
	grid     volume.Grid // RAS, at the model's spacing, cropped to the foreground
	data     []float32   // normalised, C order: the third axis fastest
	source   volume.Grid // of the scan
	toModel  volume.Affine
	warnings []string
}

// prepare turns a scan into what SAT's loader makes of it: RAS, trilinear at
// the model's spacing, cropped to the box of voxels above 0, clipped (CT to
// -500..1000 HU, others to their 0.5 and 99.5 percentiles) and brought to mean
// 0 and standard deviation 1 (population).
//
// It differs from SAT's code, which answers with empty masks, where a scan
// cannot be normalised: no voxel above 0 is ErrEmptyImage, one value only is
// ErrConstantImage, no finite voxel is ErrNotFinite. Where only some voxels are
// not finite they are taken as the lowest finite value, with a warning. A CT
// that is all at or below 0 HU (a scan of lung bases cut tight) is refused for
// the same reason.
func prepare(ctx context.Context, im *volume.Image, m Modality, man *Manifest, maxVoxels int64, threads int) (*prepared, error) {
	p := &prepared{source: im.Grid}
	im, warn, err := finite(im)
	if err != nil {
		return nil, err
	}
	if warn != "" {
		p.warnings = append(p.warnings, warn)
	}
	grid, err := im.Respaced(man.Spacing)
	if err != nil {
		return nil, err
	}
	if n := int64(grid.Shape[0]) * int64(grid.Shape[1]) * int64(grid.Shape[2]); n > maxVoxels {
		return nil, fmt.Errorf("%w: %v voxels at %v mm, at most %d are taken", ErrGridTooLarge, grid.Shape, man.Spacing, maxVoxels)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	spaced, err := im.Resample(grid, threads)
	if err != nil {
		return nil, err
	}
	box, ok := foreground(spaced)
	if !ok {
		return nil, fmt.Errorf("%w: it is empty, or its intensities are not what %v expects", ErrEmptyImage, m)
	}
	if p.grid, err = spaced.Grid.Crop(box); err != nil {
		return nil, err
	}
	p.data = takeBox(spaced, box)
	if err := normalise(p.data, m); err != nil {
		return nil, err
	}
	if p.toModel, err = p.source.ToGrid(spaced.Grid); err != nil {
		return nil, err
	}
	for a := range 3 {
		p.toModel[a][3] -= float64(box.Min[a])
	}
	return p, nil
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
	return out, fmt.Sprintf("%d of %d voxels are NaN or infinite and were taken as %g", bad, len(im.Data), least), nil
}

func isFinite(v float32) bool { return v-v == 0 }

// foreground is the box of voxels above 0.
func foreground(im *volume.Image) (volume.Box, bool) {
	b := volume.Box{Min: im.Shape}
	n := 0
	for k := range im.Shape[2] {
		for j := range im.Shape[1] {
			row := im.Data[n : n+im.Shape[0]]
			n += im.Shape[0]
			first := -1
			last := 0
			for i, v := range row {
				if v > 0 {
					if first < 0 {
						first = i
					}
					last = i
				}
			}
			if first < 0 {
				continue
			}
			b.Min[0], b.Max[0] = min(b.Min[0], first), max(b.Max[0], last+1)
			b.Min[1], b.Max[1] = min(b.Min[1], j), max(b.Max[1], j+1)
			b.Min[2], b.Max[2] = min(b.Min[2], k), max(b.Max[2], k+1)
		}
	}
	return b, b.Max[0] > 0
}

// takeBox copies a box of an image into C order.
func takeBox(im *volume.Image, b volume.Box) []float32 {
	s := b.Shape()
	out := make([]float32, s[0]*s[1]*s[2])
	for k := range s[2] {
		for j := range s[1] {
			from := im.Index(b.Min[0], b.Min[1]+j, b.Min[2]+k)
			for i, v := range im.Data[from : from+s[0]] {
				out[(i*s[1]+j)*s[2]+k] = v
			}
		}
	}
	return out
}

// normalise clips and standardises in place.
func normalise(data []float32, m Modality) error {
	lo, hi := float32(ctLow), float32(ctHigh)
	if m != CT {
		lo, hi = percentile(data, pctLow), percentile(data, pctHigh)
	}
	sum := 0.0
	for i, v := range data {
		v = min(max(v, lo), hi)
		data[i] = v
		sum += float64(v)
	}
	mean := sum / float64(len(data))
	sum = 0
	for _, v := range data {
		d := float64(v) - mean
		sum += d * d
	}
	std := math.Sqrt(sum / float64(len(data)))
	// A constant image leaves at most the rounding of its mean.
	if !(std > 1e-9*math.Abs(mean)) {
		return fmt.Errorf("%w: every voxel of its foreground is %g after clipping", ErrConstantImage, mean)
	}
	for i, v := range data {
		data[i] = float32((float64(v) - mean) / std)
	}
	return nil
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
