package volume

import (
	"fmt"
	"math"
)

// Grid says where the voxels of a volume lie: how many there are along each
// voxel axis (i, j, k), and the affine that places them in the world.
//
// Voxels are kept as in the file, the first axis fastest: voxel (i, j, k) of a
// volume of shape (Ni, Nj, Nk) is at offset i + Ni·(j + Nj·k).
type Grid struct {
	Shape  [3]int
	Affine Affine
}

// Spacing is the voxel size in mm along each voxel axis.
func (g Grid) Spacing() [3]float64 { return g.Affine.Spacing() }

// Orientation is the direction each voxel axis increases towards, as "RAS".
func (g Grid) Orientation() string { return g.Affine.Orientation() }

// Voxels is the number of voxels.
func (g Grid) Voxels() int { return g.Shape[0] * g.Shape[1] * g.Shape[2] }

// VoxelVolume is the volume of one voxel in mm³.
func (g Grid) VoxelVolume() float64 { return math.Abs(g.Affine.Det()) }

// Index is the offset of voxel (i, j, k) in a volume's data.
func (g Grid) Index(i, j, k int) int { return i + g.Shape[0]*(j+g.Shape[1]*k) }

// Equal reports whether two grids have the same shape and whether no entry of
// their affines (mm) differs by more than tol.
func (g Grid) Equal(o Grid, tol float64) bool {
	if g.Shape != o.Shape {
		return false
	}
	for r := range g.Affine {
		for c := range g.Affine[r] {
			if !(math.Abs(g.Affine[r][c]-o.Affine[r][c]) <= tol) { // false for NaN too
				return false
			}
		}
	}
	return true
}

// check says why a grid cannot hold n voxels.
func (g Grid) check(n int) error {
	for _, d := range g.Shape {
		if d <= 0 {
			return fmt.Errorf("%w: shape %v", ErrShape, g.Shape)
		}
	}
	if g.Voxels() != n {
		return fmt.Errorf("%w: shape %v asks for %d voxels, there are %d", ErrShape, g.Shape, g.Voxels(), n)
	}
	return nil
}

// Image is a 3-D volume of intensities: HU for CT, arbitrary units otherwise,
// with the file's scl_slope and scl_inter already applied. It may be
// interpolated; a [LabelMap] may not.
type Image struct {
	Grid
	// Data holds the voxels, the first axis fastest.
	Data []float32
	// Header is what a NIfTI file said; nil for an image that comes from no file,
	// or from one of another format.
	Header *Header
	// Format is that of the file it comes from; empty where it comes from none.
	Format Format
	// Modality is "ct", "mri" or "pet" where the file says so, else empty.
	Modality string
	// Series is the DICOM series it comes from, nil for other formats.
	Series *Series
	// Warnings names what was odd in a file that is not NIfTI; Header has those of
	// NIfTI.
	Warnings []string
}

// LabelMap is a 3-D volume in which each voxel carries one label, 0 being
// background. Labels are names, not quantities, and are never interpolated.
type LabelMap struct {
	Grid
	Data   []uint16
	Header *Header
}

// Mask is a 3-D volume that says of each voxel whether it belongs to one
// structure (1) or not (0).
type Mask struct {
	Grid
	Data []uint8
}

// NewMask returns an empty mask on g.
func NewMask(g Grid) *Mask { return &Mask{Grid: g, Data: make([]uint8, g.Voxels())} }

// Mask returns the voxels that carry any of the given labels.
func (m *LabelMap) Mask(labels ...uint16) *Mask {
	want := make(map[uint16]bool, len(labels))
	for _, l := range labels {
		want[l] = true
	}
	out := NewMask(m.Grid)
	// Label maps hold long runs of one label.
	last, in := uint16(0), want[0]
	for i, l := range m.Data {
		if l != last {
			last, in = l, want[l]
		}
		if in {
			out.Data[i] = 1
		}
	}
	return out
}

// Values are the labels that the map holds, in order, without the background.
func (m *LabelMap) Values() []uint16 {
	var seen [1 << 16]bool
	for _, v := range m.Data {
		seen[v] = true
	}
	var out []uint16
	for v, there := range seen {
		if there && v != 0 {
			out = append(out, uint16(v))
		}
	}
	return out
}

// Count is the number of voxels in the mask.
func (m *Mask) Count() int {
	n := 0
	for _, v := range m.Data {
		if v != 0 {
			n++
		}
	}
	return n
}

// Volume is the mask's volume in mL (cm³): voxels × voxel volume / 1000.
func (m *Mask) Volume() float64 { return float64(m.Count()) * m.VoxelVolume() / 1000 }

// Box is a box of voxels: from Min, inclusive, to Max, exclusive.
type Box struct{ Min, Max [3]int }

// Shape is the number of voxels along each axis.
func (b Box) Shape() [3]int {
	return [3]int{b.Max[0] - b.Min[0], b.Max[1] - b.Min[1], b.Max[2] - b.Min[2]}
}

// Pad grows the box by n voxels on every side, but not beyond the grid.
func (b Box) Pad(n int, g Grid) Box {
	for a := range 3 {
		b.Min[a] = max(0, b.Min[a]-n)
		b.Max[a] = min(g.Shape[a], b.Max[a]+n)
	}
	return b
}

// Bounds is the smallest box around the mask's voxels; false for an empty mask.
func (m *Mask) Bounds() (Box, bool) {
	b := Box{Min: m.Shape, Max: [3]int{}}
	found := false
	n := 0
	for k := range m.Shape[2] {
		for j := range m.Shape[1] {
			row := m.Data[n : n+m.Shape[0]]
			n += m.Shape[0]
			for i, v := range row {
				if v == 0 {
					continue
				}
				found = true
				for a, x := range [3]int{i, j, k} {
					b.Min[a] = min(b.Min[a], x)
					b.Max[a] = max(b.Max[a], x+1)
				}
			}
		}
	}
	if !found {
		return Box{}, false
	}
	return b, true
}

// Crop is the part of the grid inside the box, its affine moved so that every
// voxel keeps its place in the world.
func (g Grid) Crop(b Box) (Grid, error) {
	for a := range 3 {
		if b.Min[a] < 0 || b.Max[a] > g.Shape[a] || b.Min[a] >= b.Max[a] {
			return Grid{}, fmt.Errorf("%w: box %v..%v in a grid of %v", ErrShape, b.Min, b.Max, g.Shape)
		}
	}
	out := Grid{Shape: b.Shape(), Affine: g.Affine}
	origin := g.Affine.Apply([3]float64{float64(b.Min[0]), float64(b.Min[1]), float64(b.Min[2])})
	for r := range 3 {
		out.Affine[r][3] = origin[r]
	}
	return out, nil
}

// Crop copies the part of the image inside the box. The result has no header,
// since the file's geometry is no longer its own.
func (im *Image) Crop(b Box) (*Image, error) {
	g, err := im.Grid.Crop(b)
	if err != nil {
		return nil, err
	}
	return &Image{Grid: g, Data: crop(im.Data, im.Grid, b)}, nil
}

// Crop copies the part of the label map inside the box, without its header.
func (m *LabelMap) Crop(b Box) (*LabelMap, error) {
	g, err := m.Grid.Crop(b)
	if err != nil {
		return nil, err
	}
	return &LabelMap{Grid: g, Data: crop(m.Data, m.Grid, b)}, nil
}

// Crop copies the part of the mask inside the box.
func (m *Mask) Crop(b Box) (*Mask, error) {
	g, err := m.Grid.Crop(b)
	if err != nil {
		return nil, err
	}
	return &Mask{Grid: g, Data: crop(m.Data, m.Grid, b)}, nil
}

// Uncrop is the inverse of Crop: it puts the mask back at box b of an empty
// mask on g, whose affine it takes over as it is.
func (m *Mask) Uncrop(g Grid, b Box) (*Mask, error) {
	if _, err := g.Crop(b); err != nil {
		return nil, err
	}
	if b.Shape() != m.Shape {
		return nil, fmt.Errorf("%w: a mask of %v for a box of %v", ErrShape, m.Shape, b.Shape())
	}
	out := NewMask(g)
	rows(g, b, func(n, offset int) {
		copy(out.Data[offset:offset+m.Shape[0]], m.Data[n*m.Shape[0]:])
	})
	return out, nil
}

func crop[T any](data []T, g Grid, b Box) []T {
	width := b.Max[0] - b.Min[0]
	s := b.Shape()
	out := make([]T, 0, s[0]*s[1]*s[2])
	rows(g, b, func(_, offset int) {
		out = append(out, data[offset:offset+width]...)
	})
	return out
}

// rows calls f for each row of the box with its number and the offset in a
// volume on g at which it starts.
func rows(g Grid, b Box, f func(n, offset int)) {
	n := 0
	for k := b.Min[2]; k < b.Max[2]; k++ {
		for j := b.Min[1]; j < b.Max[1]; j++ {
			f(n, g.Index(b.Min[0], j, k))
			n++
		}
	}
}
