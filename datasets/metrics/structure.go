// Package metrics says how well segmentations agree with a reference: Dice
// coefficient (DSC), normalised surface distance (NSD, also surface Dice) at a
// tolerance in mm, robust Hausdorff distance (HD95), average surface distance and
// volume error, for masks of hundreds of structures at once.
//
// Surfaces are those of DeepMind's surface-distance (Nikolov et al. 2018,
// arXiv 1809.04430): elements at the corners of voxels, each with the area that
// its 2×2×2 neighbourhood has at the given spacing, and exact Euclidean distances
// between them. Structures are kept as runs of voxels and compared in the box
// around the two masks, so cost goes with a structure's size, not the volume's.
//
// The package never resamples and never compares masks on different grids. Start
// from [Collect] or [Read], then [Compare] or [CompareAll].
package metrics

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"satgraph/volume"
)

// ErrGrid says that two masks do not lie on the same grid.
var ErrGrid = errors.New("masks are not on the same grid")

// run is a row's voxels from..to-1 of one structure.
type run struct {
	row      uint32 // j + Nj·k
	from, to uint16
}

// Structure is one mask, as runs in the order of the voxels.
type Structure struct {
	Voxels int
	Box    volume.Box
	runs   []run
}

// Labels are the structures of one label map, or of one mask.
type Labels struct {
	volume.Grid
	// Structures are those that have voxels, by label.
	Structures map[uint16]*Structure
}

// Sorted returns the labels that have voxels, in order.
func (l *Labels) Sorted() []uint16 {
	out := make([]uint16, 0, len(l.Structures))
	for label := range l.Structures {
		out = append(out, label)
	}
	slices.Sort(out)
	return out
}

// Read reads a label map or mask from a file in any format that package volume
// reads, without ever holding all of its voxels. Errors are those of
// volume.ReadLabelMap.
func Read(path string, o volume.ReadOptions) (*Labels, error) {
	var c *collector
	_, err := volume.ReadLabelRows(path, o, func(g volume.Grid, labels []uint16) error {
		if c == nil {
			var err error
			if c, err = newCollector(g); err != nil {
				return err
			}
		}
		c.add(labels)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.finish(), nil
}

// Collect takes the structures of a label map that is in memory.
func Collect(m *volume.LabelMap) (*Labels, error) {
	c, err := newCollector(m.Grid)
	if err != nil {
		return nil, err
	}
	c.add(m.Data)
	return c.finish(), nil
}

// collector finds the runs of labels in voxels that come piece by piece.
type collector struct {
	labels *Labels
	last   *Structure // the one of lastLabel
	label  uint16
	i, j   int
	row    uint32
	k      int
}

func newCollector(g volume.Grid) (*collector, error) {
	if g.Shape[0] > math.MaxUint16 || g.Shape[1]*g.Shape[2] > math.MaxUint32 {
		return nil, fmt.Errorf("%w: a grid of %v is too long to compare", volume.ErrTooLarge, g.Shape)
	}
	return &collector{labels: &Labels{Grid: g, Structures: map[uint16]*Structure{}}}, nil
}

func (c *collector) add(labels []uint16) {
	width := c.labels.Shape[0]
	for len(labels) > 0 {
		piece := labels[:min(width-c.i, len(labels))]
		labels = labels[len(piece):]
		for n := 0; n < len(piece); {
			v, start := piece[n], n
			for n++; n < len(piece) && piece[n] == v; n++ { //nolint:revive // the loop is its own work
			}
			if v != 0 {
				c.run(v, c.i+start, c.i+n)
			}
		}
		if c.i += len(piece); c.i < width {
			continue
		}
		c.i, c.row, c.j = 0, c.row+1, c.j+1
		if c.j == c.labels.Shape[1] {
			c.j, c.k = 0, c.k+1
		}
	}
}

// run notes a run; one that goes on where the last ended is joined to it.
func (c *collector) run(label uint16, from, to int) {
	if c.last == nil || c.label != label {
		c.label, c.last = label, c.labels.Structures[label]
		if c.last == nil {
			c.last = &Structure{Box: volume.Box{Min: c.labels.Shape}}
			c.labels.Structures[label] = c.last
		}
	}
	s := c.last
	s.Voxels += to - from
	for a, x := range [3][2]int{{from, to}, {c.j, c.j + 1}, {c.k, c.k + 1}} {
		s.Box.Min[a] = min(s.Box.Min[a], x[0])
		s.Box.Max[a] = max(s.Box.Max[a], x[1])
	}
	if n := len(s.runs); n > 0 && s.runs[n-1].row == c.row && int(s.runs[n-1].to) == from {
		s.runs[n-1].to = uint16(to) //nolint:gosec // the axis is no longer than that
		return
	}
	s.runs = append(s.runs, run{c.row, uint16(from), uint16(to)}) //nolint:gosec // as above
}

func (c *collector) finish() *Labels {
	for _, s := range c.labels.Structures {
		s.runs = slices.Clip(s.runs)
	}
	return c.labels
}
