package volume

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Affine maps voxel indices to world millimetres: (x, y, z, 1) = A·(i, j, k, 1),
// with x growing to the patient's right, y to the anterior, z to the superior
// (RAS+, the NIfTI convention). Rows are world axes, columns voxel axes; the
// last row is (0, 0, 0, 1).
type Affine [4][4]float64

// Identity is the affine of 1 mm voxels in RAS order with voxel (0,0,0) at the
// world's origin.
func Identity() Affine {
	return Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}
}

// Spacing is the length in mm of a step along each voxel axis: the norms of
// the first three columns.
func (a Affine) Spacing() [3]float64 {
	var s [3]float64
	for c := range s {
		s[c] = math.Sqrt(a[0][c]*a[0][c] + a[1][c]*a[1][c] + a[2][c]*a[2][c])
	}
	return s
}

// Orientation names for each voxel axis the direction in which it increases,
// as nibabel's aff2axcodes does: "RAS", "LPS", "PSR", ...
func (a Affine) Orientation() string {
	world, flip := a.axes()
	codes := [3]byte{}
	for axis, w := range world {
		codes[axis] = "RAS"[w]
		if flip[axis] {
			codes[axis] = "LPI"[w]
		}
	}
	return string(codes[:])
}

// Apply maps a point in voxel coordinates to world millimetres.
func (a Affine) Apply(p [3]float64) [3]float64 {
	var q [3]float64
	for r := range q {
		q[r] = a[r][0]*p[0] + a[r][1]*p[1] + a[r][2]*p[2] + a[r][3]
	}
	return q
}

// Mul is the matrix product a·b: first b, then a.
func (a Affine) Mul(b Affine) Affine {
	var m Affine
	for r := range m {
		for c := range m[r] {
			for k := range 4 {
				m[r][c] += a[r][k] * b[k][c]
			}
		}
	}
	return m
}

// Det is the determinant of the 3×3 part: the signed volume of a voxel in mm³,
// negative where the voxel axes are left-handed.
func (a Affine) Det() float64 {
	return a[0][0]*(a[1][1]*a[2][2]-a[1][2]*a[2][1]) -
		a[0][1]*(a[1][0]*a[2][2]-a[1][2]*a[2][0]) +
		a[0][2]*(a[1][0]*a[2][1]-a[1][1]*a[2][0])
}

// Inverse maps world millimetres to voxel coordinates. The error wraps
// ErrBadAffine where a is singular or not finite.
func (a Affine) Inverse() (Affine, error) {
	if err := a.check(); err != nil {
		return Affine{}, err
	}
	inv := inverse3(a)
	inv[3] = [4]float64{0, 0, 0, 1}
	for r := range 3 {
		inv[r][3] = -(inv[r][0]*a[0][3] + inv[r][1]*a[1][3] + inv[r][2]*a[2][3])
	}
	return inv, nil
}

// inverse3 inverts the 3×3 part by cofactors; the rest is left zero.
func inverse3(a Affine) Affine {
	var inv Affine
	det := a.Det()
	for r := range 3 {
		for c := range 3 {
			// Cyclic indices give the cofactor its sign.
			r1, r2, c1, c2 := (r+1)%3, (r+2)%3, (c+1)%3, (c+2)%3
			inv[c][r] = (a[r1][c1]*a[r2][c2] - a[r1][c2]*a[r2][c1]) / det
		}
	}
	return inv
}

// minSine is how flat a voxel may be: the volume of a voxel over the product
// of its edge lengths. Below it, axes are parallel for all practical purposes.
const minSine = 1e-6

// check says why an affine cannot be used: a value is not finite, an axis has
// no length, or two axes are parallel.
func (a Affine) check() error {
	for _, row := range a {
		for _, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%w: it has a value that is not finite", ErrBadAffine)
			}
		}
	}
	s := a.Spacing()
	if edges := s[0] * s[1] * s[2]; edges == 0 || math.IsInf(edges, 0) || !(math.Abs(a.Det()) > minSine*edges) {
		return fmt.Errorf("%w: it is singular (column lengths %g, %g, %g mm)", ErrBadAffine, s[0], s[1], s[2])
	}
	return nil
}

// skew is by how many degrees the two voxel axes that are least at right angles
// miss it.
func (a Affine) skew() float64 {
	s, worst := a.Spacing(), 0.0
	for c := range 3 {
		d := (c + 1) % 3
		dot := a[0][c]*a[0][d] + a[1][c]*a[1][d] + a[2][c]*a[2][d]
		worst = max(worst, math.Abs(math.Asin(max(-1, min(1, dot/(s[c]*s[d]))))))
	}
	return worst * 180 / math.Pi
}

// minSkew in degrees is less than what shows, and more than what rounding does.
const minSkew = 0.1

// skewed says of an affine with axes that are not at right angles what comes of
// it, else nothing.
func (a Affine) skewed() string {
	if d := a.skew(); d > minSkew {
		return fmt.Sprintf("its axes are not at right angles but %.3g degrees off (a sheared affine); "+
			"masks keep its grid, but a model sees the body slanted", d)
	}
	return ""
}

// axes assigns each voxel axis its closest world axis (0 = x, 1 = y, 2 = z),
// and says whether it runs against it. It follows nibabel 5.4's io_orientation:
// the 3×3 part is stripped of its column lengths and replaced by the closest
// orthogonal matrix (its polar factor); then each column, the one with the
// largest entry first, takes the world axis of its largest entry that is free.
func (a Affine) axes() (world [3]int, flip [3]bool) {
	r := polar(a)
	strength := func(c int) float64 {
		return max(math.Abs(r[0][c]), math.Abs(r[1][c]), math.Abs(r[2][c]))
	}
	order := []int{0, 1, 2}
	slices.SortStableFunc(order, func(c, d int) int { return cmp.Compare(strength(d), strength(c)) })
	taken := [3]bool{}
	for _, c := range order {
		best := -1
		for w := range 3 {
			if !taken[w] && (best < 0 || math.Abs(r[w][c]) > math.Abs(r[best][c])) {
				best = w
			}
		}
		taken[best] = true
		world[c], flip[c] = best, r[best][c] < 0
	}
	return world, flip
}

// polar returns the orthogonal matrix closest to the 3×3 part of a after its
// columns are brought to length 1: U·Vᵀ of its singular value decomposition,
// found by Newton's iteration X ← (X + X⁻ᵀ)/2 (Higham 1986), which converges
// quadratically for every nonsingular matrix. A singular matrix is returned
// with its columns normalised only.
func polar(a Affine) Affine {
	s := a.Spacing()
	x := a
	for c := range 3 {
		for r := range 3 {
			if s[c] != 0 {
				x[r][c] /= s[c]
			}
		}
	}
	if x.check() != nil {
		return x
	}
	for range 100 {
		inv := inverse3(x)
		delta := 0.0
		for r := range 3 {
			for c := range 3 {
				v := (x[r][c] + inv[c][r]) / 2
				delta = math.Max(delta, math.Abs(v-x[r][c]))
				inv[c][r] = v // each entry is read just before it is replaced
			}
		}
		for r := range 3 {
			for c := range 3 {
				x[r][c] = inv[c][r]
			}
		}
		if delta < 1e-15 {
			break
		}
	}
	return x
}
