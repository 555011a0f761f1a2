// Package labelvolume reads raw labels from the volumes that carry them: which
// values a label volume holds, with voxel counts, volume, place and side measured
// from its voxels, and the structures that a DICOM segmentation or structure set
// names, with their codes.
//
// It takes the names of values from a table that its caller has read, and never
// makes names up; what does not fit together is flagged and not dropped. Start
// from Measure.
package labelvolume

import (
	"context"
	"math"

	"satgraph/labelmap"
	"satgraph/volume"
)

// Found is one value that occurs in a label volume.
type Found struct {
	Value    int64
	Geometry labelmap.Geometry
	// Border: some voxel lies at the edge of the volume, so the structure may go
	// on beyond it.
	Border bool
}

// Measured is what a label volume holds.
type Measured struct {
	Grid volume.Grid
	// Found are the values that occur, ascending, without 0, the background.
	Found []Found
}

// sum gathers the voxels of one value.
type sum struct {
	voxels  int64
	i, j, k float64
	border  bool
}

// counter walks over the voxels of a volume, the first axis fastest.
type counter struct {
	shape  [3]int
	mask   bool // all that is not 0 is one structure, of value 1
	at     int  // voxels seen
	values [math.MaxUint16 + 1]*sum
	low    [3]int // of all that is labelled
	high   [3]int
}

// Measure reads the label volume at path once, from front to back; a NIfTI file
// is never held in memory as a whole. Errors are those of volume.ReadLabelRows,
// and the context's.
func Measure(ctx context.Context, path string, o volume.ReadOptions) (*Measured, error) {
	c := newCounter(false)
	g, err := c.read(ctx, path, o)
	if err != nil {
		return nil, err
	}
	m := &Measured{Grid: g, Found: c.found(g)}
	middle := middleOf(gridSpan(g), c.span(g))
	for i := range m.Found {
		m.Found[i].Geometry.Side = middle.side(m.Found[i].Geometry.Centroid[0])
	}
	return m, nil
}

func newCounter(mask bool) *counter {
	return &counter{mask: mask, low: [3]int{math.MaxInt, math.MaxInt, math.MaxInt}}
}

func (c *counter) read(ctx context.Context, path string, o volume.ReadOptions) (volume.Grid, error) {
	return volume.ReadLabelRows(path, o, func(g volume.Grid, labels []uint16) error {
		c.shape = g.Shape
		c.take(labels)
		return ctx.Err()
	})
}

// take counts a piece of the volume, run by run.
func (c *counter) take(labels []uint16) {
	for n := 0; n < len(labels); {
		i := c.at % c.shape[0]
		end := min(len(labels), n+c.shape[0]-i) // of this row
		v, m := labels[n], n+1
		for m < end && (labels[m] == v || c.mask && v != 0 && labels[m] != 0) {
			m++
		}
		if v != 0 {
			if c.mask {
				v = 1
			}
			row := c.at / c.shape[0]
			c.run(v, i, i+m-n, row%c.shape[1], row/c.shape[1])
		}
		c.at += m - n
		n = m
	}
}

// run counts voxels from up to, and without, to of a row.
func (c *counter) run(v uint16, from, to, j, k int) {
	s := c.values[v]
	if s == nil {
		s = &sum{}
		c.values[v] = s
	}
	n := float64(to - from)
	s.voxels += int64(to - from)
	s.i += n * float64(from+to-1) / 2
	s.j += n * float64(j)
	s.k += n * float64(k)
	s.border = s.border || from == 0 || to == c.shape[0] || j == 0 || j == c.shape[1]-1 || k == 0 || k == c.shape[2]-1
	first, last := [3]int{from, j, k}, [3]int{to - 1, j, k}
	for a := range 3 {
		c.low[a], c.high[a] = min(c.low[a], first[a]), max(c.high[a], last[a])
	}
}

// found says what each value shows, but not its side.
func (c *counter) found(g volume.Grid) []Found {
	var out []Found
	for v, s := range c.values {
		if s == nil {
			continue
		}
		n := float64(s.voxels)
		out = append(out, Found{
			Value: int64(v), Border: s.border,
			Geometry: labelmap.Geometry{Voxels: s.voxels, VolumeML: n * g.VoxelVolume() / 1000, Centroid: g.Affine.Apply([3]float64{s.i / n, s.j / n, s.k / n})},
		})
	}
	return out
}

// span is what lies between two places, in mm from left to right.
type span struct{ low, high float64 }

func (s span) with(other span) span { return span{min(s.low, other.low), max(s.high, other.high)} }

// span is how far apart the outermost voxels lie that are labelled.
func (c *counter) span(g volume.Grid) span { return spanOf(g, c.low, c.high) }

func gridSpan(g volume.Grid) span {
	return spanOf(g, [3]int{}, [3]int{g.Shape[0] - 1, g.Shape[1] - 1, g.Shape[2] - 1})
}

// spanOf is that of a box along the axes of a grid.
func spanOf(g volume.Grid, low, high [3]int) span {
	s := span{g.Affine[0][3], g.Affine[0][3]}
	for a := range 3 {
		from, to := g.Affine[0][a]*float64(low[a]), g.Affine[0][a]*float64(high[a])
		s.low, s.high = s.low+min(from, to), s.high+max(from, to)
	}
	return s
}

// middle is where the middle of the body may lie, in mm from left to right: that
// of the volume and that of all that is labelled.
type middle struct {
	volume, labelled float64
	slack            float64
}

// shareOfMiddle is how far from the middle, as a share of what is labelled, a
// structure must lie to have a side.
const shareOfMiddle = 0.1

func middleOf(volume, labelled span) middle {
	return middle{(volume.low + volume.high) / 2, (labelled.low + labelled.high) / 2, (labelled.high - labelled.low) * shareOfMiddle / 2}
}

// side is the side of both middles that a place clearly lies on. In RAS, x grows
// towards the right.
func (m middle) side(x float64) string {
	switch {
	case x > m.volume+m.slack && x > m.labelled+m.slack:
		return "right"
	case x < m.volume-m.slack && x < m.labelled-m.slack:
		return "left"
	}
	return ""
}
