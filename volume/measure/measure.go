// Package measure takes figures of one structure's mask: volume, extents,
// centroid, the intensities under it, and the slices on which it shows best; and
// compares two measurements of one structure.
//
// It draws nothing, and judges nothing. Lengths are in mm and places in the
// scan's own RAS+ coordinates, as its affine gives them. Start from [Of].
package measure

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"satgraph/volume"
)

// ErrGrid says that mask and image do not lie on the same grid.
var ErrGrid = errors.New("mask and image lie on different grids")

// gridTolerance is how far, in mm, the affines of image and mask may differ:
// less than any voxel, more than float32 rounding.
const gridTolerance = 1e-3

// Figures are what was measured of one mask that has a voxel at least.
type Figures struct {
	Voxels   int
	VolumeML float64
	// Box is from the first voxel along each axis of the file to the one behind
	// the last.
	Box volume.Box
	// Low and High are the corners of the smallest box in the patient (R, A, S;
	// mm) that holds all voxels whole.
	Low, High [3]float64
	// Centroid is the mean of the voxels' centres: in voxel coordinates of the
	// file, and in mm.
	Centroid   [3]float64
	CentroidMM [3]float64
	// TouchesEdge: the mask reaches an outer face of the scan, so that its volume
	// is a lower bound. An axis of one voxel has no such faces.
	TouchesEdge bool
	// Intensity is nil where there was no image, or no finite value in the mask.
	Intensity *Intensity
	// Slices are the best ones across the patient's axes: axial, coronal,
	// sagittal.
	Slices [3]Slice
}

// ExtentMM is the length of the structure's box along R, A and S.
func (f *Figures) ExtentMM() [3]float64 {
	var out [3]float64
	for a := range out {
		out[a] = f.High[a] - f.Low[a]
	}
	return out
}

// Intensity says how the scan's own values (HU for a CT) are spread under a
// mask. Values that are not finite are left out.
type Intensity struct {
	Values                    int // finite ones
	Mean, SD                  float64
	Min, P5, Median, P95, Max float64
}

// Slice is a slice of the file's grid.
type Slice struct {
	// Plane is the patient plane that it is nearest to: axial, coronal or
	// sagittal.
	Plane string
	// Axis is the axis of the file (0, 1, 2) that the slice stands on, and Index
	// its voxel index along that axis, from 0.
	Axis, Index int
	// AreaMM2 is the area of the structure on it.
	AreaMM2 float64
	// Center is the middle of that area: in voxel coordinates of the file, and in
	// mm.
	Center   [3]float64
	CenterMM [3]float64
}

// Of measures a mask, with the intensities of im where that is not nil. It
// returns nil for an empty mask. The error is ErrGrid, wrapped.
func Of(m *volume.Bits, im *volume.Image) (*Figures, error) {
	if im != nil && !m.Equal(im.Grid, gridTolerance) {
		return nil, fmt.Errorf("measure: %w: mask %v %s, image %v %s", ErrGrid, m.Shape, m.Orientation(), im.Shape, im.Orientation())
	}
	box, ok := m.Bounds()
	if !ok {
		return nil, nil //nolint:nilnil // nothing was measured, and nothing is wrong
	}
	f := &Figures{Box: box}
	for a := range 3 {
		f.Low[a], f.High[a] = math.Inf(1), math.Inf(-1)
		if m.Shape[a] > 1 && (box.Min[a] == 0 || box.Max[a] == m.Shape[a]) {
			f.TouchesEdge = true
		}
	}
	var half [3]float64 // of a voxel's box along R, A, S
	for a := range half {
		half[a] = (math.Abs(m.Affine[a][0]) + math.Abs(m.Affine[a][1]) + math.Abs(m.Affine[a][2])) / 2
	}
	m.Runs(func(r volume.Run) bool {
		n := float64(r.To - r.From)
		f.Voxels += r.To - r.From
		f.Centroid[0] += n * float64(r.From+r.To-1) / 2
		f.Centroid[1] += n * float64(r.J)
		f.Centroid[2] += n * float64(r.K)
		for _, i := range [2]int{r.From, r.To - 1} {
			at := m.Affine.Apply([3]float64{float64(i), float64(r.J), float64(r.K)})
			for a := range at {
				f.Low[a], f.High[a] = min(f.Low[a], at[a]-half[a]), max(f.High[a], at[a]+half[a])
			}
		}
		return true
	})
	for a := range f.Centroid {
		f.Centroid[a] /= float64(f.Voxels)
	}
	f.CentroidMM = m.Affine.Apply(f.Centroid)
	f.VolumeML = float64(f.Voxels) * m.VoxelVolume() / 1000
	f.Slices = keySlices(m, f.Centroid)
	if im != nil {
		f.Intensity = intensity(m, im)
	}
	return f, nil
}

// mostValues bounds how many values are sorted for percentiles. Of more, every
// n-th is taken; mean and SD are of all.
const mostValues = 4 << 20

func intensity(m *volume.Bits, im *volume.Image) *Intensity {
	step := max(1, m.Count()/mostValues)
	if step > 1 {
		step |= 1 // an odd step does not fall in with even rows
	}
	values := make([]float32, 0, min(m.Count(), 2*mostValues))
	// Sums of differences from the first value lose nothing where the spread is
	// small beside the mean.
	out := &Intensity{Min: math.Inf(1), Max: math.Inf(-1)}
	var origin, sum, squares float64
	m.Runs(func(r volume.Run) bool {
		start := im.Index(r.From, r.J, r.K)
		for _, v := range im.Data[start : start+r.To-r.From] {
			if v-v != 0 { // NaN or infinite
				continue
			}
			if out.Values == 0 {
				origin = float64(v)
			}
			if out.Values%step == 0 {
				values = append(values, v)
			}
			out.Values++
			out.Min, out.Max = min(out.Min, float64(v)), max(out.Max, float64(v))
			d := float64(v) - origin
			sum += d
			squares += d * d
		}
		return true
	})
	if out.Values == 0 {
		return nil
	}
	mean := sum / float64(out.Values)
	out.Mean = origin + mean
	out.SD = math.Sqrt(max(0, squares/float64(out.Values)-mean*mean))
	slices.Sort(values)
	out.P5, out.Median, out.P95 = percentile(values, 5), percentile(values, 50), percentile(values, 95)
	return out
}

// percentile interpolates linearly between the nearest ranks, as NumPy does.
func percentile(sorted []float32, p float64) float64 {
	at := p / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	part := at - float64(low)
	return float64(sorted[low])*(1-part) + float64(sorted[high])*part
}

var planes = [3]string{"sagittal", "coronal", "axial"} // across R, A, S

// keySlices finds the slice of largest area across each axis; of several the one
// nearest the centroid, given in voxels.
func keySlices(m *volume.Bits, centroid [3]float64) [3]Slice {
	var area [3][]int
	var sum [3][][3]float64 // of voxel coordinates
	for a := range area {
		area[a] = make([]int, m.Shape[a])
		sum[a] = make([][3]float64, m.Shape[a])
	}
	put := func(a, at, n int, middle [3]float64) {
		area[a][at] += n
		for c := range middle {
			sum[a][at][c] += float64(n) * middle[c]
		}
	}
	m.Runs(func(r volume.Run) bool {
		n := r.To - r.From
		middle := [3]float64{float64(r.From+r.To-1) / 2, float64(r.J), float64(r.K)}
		put(1, r.J, n, middle)
		put(2, r.K, n, middle)
		for i := r.From; i < r.To; i++ {
			put(0, i, 1, [3]float64{float64(i), float64(r.J), float64(r.K)})
		}
		return true
	})
	spacing := m.Spacing()
	perm := m.ToRAS().Perm
	var out [3]Slice
	for i, patient := range [3]int{2, 1, 0} { // axial, coronal, sagittal
		axis := perm[patient]
		best := 0
		for at, n := range area[axis] {
			nearer := math.Abs(float64(at)-centroid[axis]) < math.Abs(float64(best)-centroid[axis])
			if n > area[axis][best] || n == area[axis][best] && nearer {
				best = at
			}
		}
		middle := sum[axis][best]
		for c := range middle {
			middle[c] /= float64(area[axis][best])
		}
		out[i] = Slice{
			Plane: planes[patient], Axis: axis, Index: best,
			AreaMM2:  float64(area[axis][best]) * spacing[(axis+1)%3] * spacing[(axis+2)%3],
			Center:   middle,
			CenterMM: m.Affine.Apply(middle),
		}
	}
	return out
}
