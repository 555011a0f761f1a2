package metrics

import (
	"math"
	"math/bits"
	"strings"

	"satgraph/volume"
)

// bitmap is a box of bits, in rows along the first axis.
type bitmap struct {
	shape [3]int
	words int // of a row
	bits  []uint64
}

// reset makes b an empty bitmap of a shape, in the memory that it has.
func (b *bitmap) reset(shape [3]int) {
	b.shape, b.words = shape, (shape[0]+63)/64
	n := b.words * shape[1] * shape[2]
	if cap(b.bits) < n {
		b.bits = make([]uint64, n)
		return
	}
	b.bits = b.bits[:n]
	clear(b.bits)
}

func (b *bitmap) row(j, k int) []uint64 {
	at := (j + b.shape[1]*k) * b.words
	return b.bits[at : at+b.words]
}

// fill sets the bits of a structure in a box of a grid. The box is one bit wider
// than the voxels, for the cells.
func (b *bitmap) fill(s *Structure, box volume.Box, g volume.Grid) {
	shape := box.Shape()
	shape[0]++
	b.reset(shape)
	if s == nil {
		return
	}
	nj := uint32(g.Shape[1]) //nolint:gosec // it was checked
	for _, r := range s.runs {
		row := b.row(int(r.row%nj)-box.Min[1], int(r.row/nj)-box.Min[2])
		from, to := int(r.from)-box.Min[0], int(r.to)-box.Min[0]
		for from < to {
			w, low := from/64, from%64
			n := min(64-low, to-from)
			row[w] |= (^uint64(0) >> (64 - n)) << low
			from += n
		}
	}
}

// overlap counts the bits that two bitmaps share.
func overlap(a, b *bitmap) (n int) {
	for i, w := range a.bits {
		n += bits.OnesCount64(w & b.bits[i])
	}
	return n
}

// border sets b to the border cells of a mask: cells are the corners of voxels,
// cell (i, j, k) being that between voxels i-1 and i, j-1 and j, k-1 and k, and
// at the border when some of these eight are in the mask and some are not.
func (b *bitmap) border(mask *bitmap) {
	s := mask.shape
	b.reset([3]int{s[0], s[1] + 1, s[2] + 1})
	none := make([]uint64, mask.words)
	for k := range s[2] + 1 {
		for j := range s[1] + 1 {
			rows := mask.around(j, k, none)
			out := b.row(j, k)
			var carry [4]uint64
			for w := range out {
				some, all := uint64(0), ^uint64(0)
				for n, row := range rows {
					v := row[w]
					left := v<<1 | carry[n]
					carry[n] = v >> 63
					some |= v | left
					all &= v & left
				}
				out[w] = some &^ all
			}
		}
	}
}

// around gives the rows of voxels at cell row (j, k), in the order of their
// weights: (j-1, k-1), (j-1, k), (j, k-1), (j, k).
func (b *bitmap) around(j, k int, none []uint64) (rows [4][]uint64) {
	for n := range rows {
		y, z := j-1+n>>1, k-1+n&1
		if y < 0 || z < 0 || y >= b.shape[1] || z >= b.shape[2] {
			rows[n] = none
			continue
		}
		rows[n] = b.row(y, z)
	}
	return rows
}

// code is the neighbourhood of cell i: a bit for each of the eight voxels, the
// highest for the one before on every axis, the lowest for the one behind.
func code(rows *[4][]uint64, i int) (c uint8) {
	for n, row := range rows {
		if i > 0 && row[(i-1)/64]>>((i-1)%64)&1 != 0 {
			c |= 128 >> n
		}
		if row[i/64]>>(i%64)&1 != 0 {
			c |= 8 >> n
		}
	}
	return c
}

// facets are the surface elements of each neighbourhood, which are the triangles
// and quadrangles of marching cubes: for codes 0 to 127, the others being their
// complements, a letter for each facet. Facts from DeepMind's surface-distance.
//
//	1 2 3    triangles with normals (1,1,1), (2,2,2), (3,3,3) eighths of a voxel
//	x y z    faces across an axis: (4,0,0), (0,4,0), (0,0,4)
//	X Y Z    faces along an axis: (0,2,2), (2,0,2), (2,2,0)
const facets = "- 1 1 ZZ 1 YY 11 12x 1 11 YY 12x ZZ 12x 12x xx " +
	"1 XX 11 12y 11 12z 111 1122 11 1XX 1YY 13XY 1ZZ 13XZ 112x 12x " +
	"1 11 XX 12y 11 1YY 1XX 13XY 11 111 12z 1122 1ZZ 112x 13XZ 12x " +
	"ZZ 12y 12y yy 1ZZ 13YZ 112y 12y 1ZZ 112y 13YZ 12y ZZZZ 1ZZ 1ZZ ZZ " +
	"1 11 11 1ZZ XX 12z 1XX 13XZ 11 111 1YY 112x 12y 1122 13XY 12x " +
	"YY 12z 1YY 13YZ 12z zz 112z 12z 1YY 112z YYYY 1YY 13YZ 12z 1YY YY " +
	"11 111 1XX 112y 1XX 112z XXXX 1XX 111 1111 112z 111 112y 111 1XX 11 " +
	"12x 1122 13XY 12y 13XZ 12z 1XX XX 112x 111 1YY 11 1ZZ 11 11 1"

var normals = map[rune][3]float64{
	'1': {1, 1, 1}, '2': {2, 2, 2}, '3': {3, 3, 3},
	'x': {4, 0, 0}, 'y': {0, 4, 0}, 'z': {0, 0, 4},
	'X': {0, 2, 2}, 'Y': {2, 0, 2}, 'Z': {2, 2, 0},
}

// areas is the surface in mm² of each neighbourhood at a spacing.
func areas(spacing [3]float64) (t [256]float64) {
	for c, word := range strings.Fields(facets) {
		for _, f := range word {
			n := normals[f]
			x := n[0] / 8 * spacing[1] * spacing[2]
			y := n[1] / 8 * spacing[0] * spacing[2]
			z := n[2] / 8 * spacing[0] * spacing[1]
			t[c] += math.Sqrt(x*x + y*y + z*z)
		}
		t[255-c] = t[c]
	}
	return t
}

// surfel is an element of a surface: its area in mm² and its distance in mm from
// the other surface.
type surfel struct{ area, distance float64 }
