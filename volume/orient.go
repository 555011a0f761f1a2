package volume

import "fmt"

// Reorientation is an exact change of the voxel axes, by transposing and
// flipping only: axis o of the result is axis Perm[o] of the source, run through
// backwards where Flip[o].
type Reorientation struct {
	Perm [3]int
	Flip [3]bool
}

// ToRAS is the reorientation that brings a grid's axes as close to right,
// anterior, superior as transposing and flipping can (nibabel's
// io_orientation).
func (g Grid) ToRAS() Reorientation {
	world, flip := g.Affine.axes()
	var r Reorientation
	for source, w := range world {
		r.Perm[w], r.Flip[w] = source, flip[source]
	}
	return r
}

// Identity reports whether nothing changes.
func (r Reorientation) Identity() bool {
	return r == Reorientation{Perm: [3]int{0, 1, 2}}
}

// Invert is the way back: r.Invert().Reorient∘r.Reorient changes no voxel.
func (r Reorientation) Invert() Reorientation {
	var inv Reorientation
	for o, s := range r.Perm {
		inv.Perm[s], inv.Flip[s] = o, r.Flip[o]
	}
	return inv
}

// Grid is the reoriented grid: every voxel keeps its place in the world, up to
// rounding of the affine's offset.
func (r Reorientation) Grid(g Grid) Grid {
	out := Grid{Affine: g.Affine}
	for o, s := range r.Perm {
		out.Shape[o] = g.Shape[s]
		for w := range 3 {
			col := g.Affine[w][s]
			if r.Flip[o] {
				out.Affine[w][3] += col * float64(g.Shape[s]-1)
				col = -col
			}
			out.Affine[w][o] = col
		}
	}
	return out
}

// FlipPermute applies r to the voxels of a volume of the given shape (of the
// source), the first axis fastest, and returns them in the new order. The
// result shares no memory with data.
func FlipPermute[T any](r Reorientation, shape [3]int, data []T) []T {
	out := make([]T, len(data))
	stride := [3]int{1, shape[0], shape[0] * shape[1]}
	start := 0
	var n, step [3]int
	for o, s := range r.Perm {
		n[o], step[o] = shape[s], stride[s]
		if r.Flip[o] {
			start += (shape[s] - 1) * stride[s]
			step[o] = -stride[s]
		}
	}
	at := 0
	for k := range n[2] {
		for j := range n[1] {
			from := start + k*step[2] + j*step[1]
			row := out[at : at+n[0]]
			at += n[0]
			if step[0] == 1 {
				copy(row, data[from:])
				continue
			}
			for i := range row {
				row[i] = data[from]
				from += step[0]
			}
		}
	}
	return out
}

// ReorientRAS returns the image with its axes brought to RAS by transposing and
// flipping, and what was done. An image that is RAS already is returned itself.
// The result has no header, since the file's geometry is no longer its own.
func ReorientRAS(im *Image) (*Image, Reorientation) {
	r := im.ToRAS()
	if r.Identity() {
		return im, r
	}
	return &Image{Grid: r.Grid(im.Grid), Data: FlipPermute(r, im.Shape, im.Data)}, r
}

// Reorient applies r to a label map. The result has no header.
func (m *LabelMap) Reorient(r Reorientation) *LabelMap {
	return &LabelMap{Grid: r.Grid(m.Grid), Data: FlipPermute(r, m.Shape, m.Data)}
}

// Reorient applies r to a mask.
func (m *Mask) Reorient(r Reorientation) *Mask {
	return &Mask{Grid: r.Grid(m.Grid), Data: FlipPermute(r, m.Shape, m.Data)}
}

// Restore undoes r, which led from source to the mask's grid, and puts the mask
// on source itself, so that shape and affine are the source's to the last bit.
// ErrShape where the mask does not come from that grid.
func (m *Mask) Restore(r Reorientation, source Grid) (*Mask, error) {
	if want := r.Grid(source).Shape; want != m.Shape {
		return nil, fmt.Errorf("%w: a mask of %v does not come from %v by %v", ErrShape, m.Shape, source.Shape, r)
	}
	return &Mask{Grid: source, Data: FlipPermute(r.Invert(), m.Shape, m.Data)}, nil
}

// On turns a label map onto a grid whose voxels are its own in another order,
// such as that of the DICOM series that a NIfTI file was made of. ErrShape where
// the grid's voxels lie elsewhere, by more than 0.001 mm.
func (m *LabelMap) On(g Grid) (*LabelMap, error) {
	to, from := g.ToRAS(), m.ToRAS()
	if own, want := from.Grid(m.Grid), to.Grid(g); !own.Equal(want, gridSlack) {
		return nil, fmt.Errorf("%w: the label map's voxels are not those of the grid (%v at %v, and %v at %v in RAS order)",
			ErrShape, own.Shape, own.Affine, want.Shape, want.Affine)
	}
	ras := FlipPermute(from, m.Shape, m.Data)
	return &LabelMap{Grid: g, Data: FlipPermute(to.Invert(), from.Grid(m.Grid).Shape, ras)}, nil
}
