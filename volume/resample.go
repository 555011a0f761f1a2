package volume

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// keepSpacing is how far (mm) an axis may be from the spacing asked for and
// still keep its own; the same tolerance decides whether two grids are one.
// Value of MONAI 1.1.0's Spacing, which SAT was trained behind.
const keepSpacing = 1e-3

// Respaced is the RAS-oriented grid that covers g at another spacing (mm, along
// R, A and S), by the rules of MONAI 1.1.0's Orientation and Spacing:
//
//   - g is first turned to RAS by flips and transposes, and its affine rounded
//     to float32;
//   - an axis whose spacing is within 0.001 mm of the one asked for keeps its
//     own, and where that leaves the affine as it was (within 0.001), the turned
//     grid itself is returned;
//   - shear is dropped: the new axes are the orthonormal factor of the old ones
//     (by Cholesky), scaled;
//   - the size is the extent of the transformed corners (voxel centres) plus
//     one, rounded half to even;
//   - the first voxel is the corner that is smallest along every new axis; where
//     shear (also the traces of it that float32 leaves in an oblique affine)
//     leaves no such corner, the points at half the shape coincide.
//
// The error wraps ErrBadAffine or ErrShape.
func (g Grid) Respaced(spacing [3]float64) (Grid, error) {
	in, _, err := g.turned()
	if err != nil {
		return Grid{}, err
	}
	for _, s := range spacing {
		if !(s > 0) || math.IsInf(s, 0) {
			return Grid{}, fmt.Errorf("%w: spacing %v mm", ErrShape, spacing)
		}
	}
	own := in.Spacing()
	for a := range spacing {
		if math.Abs(own[a]-spacing[a]) < keepSpacing {
			spacing[a] = own[a]
		}
	}
	out := Grid{Affine: orthonormal(in.Affine)}
	for r := range 3 {
		for c := range 3 {
			out.Affine[r][c] *= spacing[c]
		}
	}
	inverse, err := out.Affine.Inverse()
	if err != nil {
		return Grid{}, err
	}
	origin := placeCorners(in, inverse, &out)
	for r := range 3 {
		out.Affine[r][3] = origin[r]
	}
	if out.Shape == in.Shape && close3(out.Affine, in.Affine) {
		return in, nil
	}
	return out, nil
}

// placeCorners sets out.Shape and returns the world position of its first
// voxel. inverse is that of out.Affine, whose translation is still zero.
func placeCorners(in Grid, inverse Affine, out *Grid) [3]float64 {
	var world, mapped [8][3]float64
	lo := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
	hi := [3]float64{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	for n := range world {
		var p [3]float64
		for a := range 3 {
			if n>>(2-a)&1 == 1 { // the first axis varies slowest
				p[a] = float64(in.Shape[a] - 1)
			}
		}
		world[n] = in.Affine.Apply(p)
		mapped[n] = inverse.Apply(world[n])
		for a := range 3 {
			lo[a], hi[a] = math.Min(lo[a], mapped[n][a]), math.Max(hi[a], mapped[n][a])
		}
	}
	for a := range 3 {
		out.Shape[a] = max(1, int(math.RoundToEven(hi[a]-lo[a]+1)))
	}
	const same = 1e-8
	for n := range world {
		if mapped[n][0]-lo[0] <= same && mapped[n][1]-lo[1] <= same && mapped[n][2]-lo[2] <= same {
			return world[n]
		}
	}
	var middle, half [3]float64
	for a := range 3 {
		middle[a] = float64(in.Shape[a]) / 2
		half[a] = float64(out.Shape[a]) / 2
	}
	from, to := in.Affine.Apply(middle), out.Affine.Apply(half)
	return [3]float64{from[0] - to[0], from[1] - to[1], from[2] - to[2]}
}

// orthonormal is R·Z⁻¹ for the 3×3 part R of a, Z being the upper Cholesky
// factor of RᵀR: the axes made orthogonal in turn, each of length 1. The
// translation is dropped.
func orthonormal(a Affine) Affine {
	var q Affine
	q[3][3] = 1
	for c := range 3 {
		var v [3]float64
		for r := range 3 {
			v[r] = a[r][c]
		}
		for p := range c {
			dot := 0.0
			for r := range 3 {
				dot += q[r][p] * a[r][c]
			}
			for r := range 3 {
				v[r] -= dot * q[r][p]
			}
		}
		norm := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
		for r := range 3 {
			q[r][c] = v[r] / norm
		}
	}
	return q
}

// close3 is NumPy's allclose with an absolute tolerance of keepSpacing and a
// relative one of 1e-5.
func close3(a, b Affine) bool {
	for r := range a {
		for c := range a[r] {
			if math.Abs(a[r][c]-b[r][c]) > keepSpacing+1e-5*math.Abs(b[r][c]) {
				return false
			}
		}
	}
	return true
}

// turned turns a grid to RAS; its affine is rounded to float32, as MONAI keeps
// it.
func (g Grid) turned() (Grid, Reorientation, error) {
	if err := g.Affine.check(); err != nil {
		return Grid{}, Reorientation{}, err
	}
	if err := g.check(g.Voxels()); err != nil {
		return Grid{}, Reorientation{}, err
	}
	turn := g.ToRAS()
	out := turn.Grid(g)
	for r := range 3 {
		for c := range 4 {
			out.Affine[r][c] = float64(float32(out.Affine[r][c]))
		}
	}
	return out, turn, nil
}

// ToGrid maps voxel coordinates of g to voxel coordinates of o. Both are
// compared through the RAS view that Respaced starts from, so that a grid made
// by it maps exactly, without the rounding of its affine.
func (g Grid) ToGrid(o Grid) (Affine, error) {
	ras, turn, err := g.turned()
	if err != nil {
		return Affine{}, err
	}
	inverse, err := o.Affine.Inverse()
	if err != nil {
		return Affine{}, err
	}
	toRAS := Affine{3: {0, 0, 0, 1}}
	for a, c := range turn.Perm {
		toRAS[a][c] = 1
		if turn.Flip[a] {
			toRAS[a][c], toRAS[a][3] = -1, float64(g.Shape[c]-1)
		}
	}
	if o.Affine == ras.Affine {
		return toRAS, nil
	}
	return inverse.Mul(ras.Affine).Mul(toRAS), nil
}

// Resample samples the image at the voxel centres of another grid: trilinear,
// computed in float64, with positions outside the image moved to its border
// (MONAI's and torch's "border" padding with align_corners false). No smoothing
// precedes it, also where the new grid is coarser. Threads 0 means all
// processors.
//
// The result has no header. The error wraps ErrBadAffine or ErrShape.
func (im *Image) Resample(to Grid, threads int) (*Image, error) {
	out := &Image{Grid: to}
	if err := to.check(to.Voxels()); err != nil {
		return nil, err
	}
	out.Data = make([]float32, to.Voxels())
	size := to.Shape[0] * to.Shape[1]
	err := im.ResampleEach(to, threads, func(k int, planes []float32) { copy(out.Data[k*size:], planes) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// planesAtOnce is how many planes of the third axis ResampleEach makes at a
// time: a cache line of floats, for those who turn them.
const planesAtOnce = 16

// ResampleEach is Resample for those who keep the voxels in another way: put is
// given some planes of the third axis, beginning with number k, the first axis
// fastest. It is called from several goroutines at a time, each time for other
// planes, which it must not keep.
func (im *Image) ResampleEach(to Grid, threads int, put func(k int, planes []float32)) error {
	if err := im.check(len(im.Data)); err != nil {
		return err
	}
	ras, turn, err := im.turned()
	if err != nil {
		return err
	}
	if err := to.check(to.Voxels()); err != nil {
		return err
	}
	s := sampler{data: im.Data, shape: ras.Shape}
	strides := [3]int{1, im.Shape[0], im.Shape[0] * im.Shape[1]}
	for a, c := range turn.Perm {
		s.stride[a] = strides[c]
		if turn.Flip[a] {
			s.base += strides[c] * (im.Shape[c] - 1)
			s.stride[a] = -strides[c]
		}
	}
	if s.place, err = placement(ras.Affine, to.Affine); err != nil {
		return err
	}
	plane := s.general(to)
	if s.diagonal() {
		plane = s.separable(to)
	}
	size := to.Shape[0] * to.Shape[1]
	slabs((to.Shape[2]+planesAtOnce-1)/planesAtOnce, threads, func(take func() (int, bool)) {
		planes := make([]float32, min(planesAtOnce, to.Shape[2])*size)
		one := plane()
		for n, ok := take(); ok; n, ok = take() {
			first := n * planesAtOnce
			last := min(first+planesAtOnce, to.Shape[2])
			for k := first; k < last; k++ {
				one(k, planes[(k-first)*size:][:size])
			}
			put(first, planes[:(last-first)*size])
		}
	})
	return nil
}

// placement is inv(in)·out: voxels of out in voxel coordinates of in.
func placement(in, out Affine) (Affine, error) {
	if in == out {
		return Identity(), nil
	}
	inverse, err := in.Inverse()
	if err != nil {
		return Affine{}, err
	}
	return inverse.Mul(out), nil
}

// sampler reads a RAS view of an image at places of another grid.
type sampler struct {
	data   []float32
	shape  [3]int
	base   int
	stride [3]int
	place  Affine
}

// tap is a position along one axis: two neighbouring offsets and the weight of
// the second.
type tap struct {
	lo, hi int
	w      float64
}

// snap is how near (voxels) a position must be to a voxel centre to be on it.
// Without it, rounding leaves traces of 1e-14 of one slice in the next, which a
// test for "above 0" then takes for tissue.
const snap = 1e-8

// tap clamps a position to the axis and cuts it into taps.
func (s *sampler) tap(axis int, p float64) tap {
	n := s.shape[axis]
	p = math.Min(math.Max(p, 0), float64(n-1))
	if near := math.Round(p); math.Abs(p-near) < snap {
		p = near
	}
	i := int(p)
	t := tap{lo: i * s.stride[axis], w: p - float64(i)}
	t.hi = t.lo
	if i+1 < n {
		t.hi += s.stride[axis]
	}
	return t
}

func (s *sampler) at(x, y, z tap) float32 {
	row := func(o int) float64 {
		a, b := float64(s.data[o+x.lo]), float64(s.data[o+x.hi])
		return a + x.w*(b-a)
	}
	plane := func(o int) float64 {
		a := row(o + y.lo)
		if y.w == 0 {
			return a
		}
		return a + y.w*(row(o+y.hi)-a)
	}
	v := plane(s.base + z.lo)
	if z.w != 0 {
		v += z.w * (plane(s.base+z.hi) - v)
	}
	return float32(v)
}

// diagonal says whether each axis of the new grid runs along one of the image.
func (s *sampler) diagonal() bool {
	const none = 1e-12
	for r := range 3 {
		for c := range 3 {
			if r != c && math.Abs(s.place[r][c]) > none {
				return false
			}
		}
	}
	return true
}

// separable gives what makes planes of a grid whose axes run along the image's:
// the image's rows are interpolated along the first axis once, and what is
// between them from that.
func (s *sampler) separable(to Grid) func() func(k int, out []float32) {
	var taps [3][]tap
	for a := range taps {
		taps[a] = make([]tap, to.Shape[a])
		for i := range taps[a] {
			taps[a][i] = s.tap(a, s.place[a][a]*float64(i)+s.place[a][3])
		}
	}
	width := to.Shape[0]
	return func() func(k int, out []float32) {
		planes := [2]xPlane{{z: math.MinInt}, {z: math.MinInt}}
		find := func(z, keep int) *xPlane {
			for n := range planes {
				if planes[n].z == z {
					return &planes[n]
				}
			}
			p := &planes[0]
			if p.z == keep {
				p = &planes[1]
			}
			p.fill(s, z, taps[0])
			return p
		}
		return func(k int, out []float32) {
			z := taps[2][k]
			lo := find(z.lo, z.hi)
			hi := find(z.hi, z.lo)
			for j, y := range taps[1] {
				a, b := lo.row(s, y.lo, width), lo.row(s, y.hi, width)
				c, d := hi.row(s, y.lo, width), hi.row(s, y.hi, width)
				for i := range out[j*width : (j+1)*width] {
					near := a[i] + y.w*(b[i]-a[i])
					far := c[i] + y.w*(d[i]-c[i])
					out[j*width+i] = float32(near + z.w*(far-near))
				}
			}
		}
	}
}

// xPlane is a plane of the image, interpolated along the first axis.
type xPlane struct {
	z    int // its offset in the image, MinInt for none
	data []float64
}

// row is the row of the image at offset y.
func (p *xPlane) row(s *sampler, y, width int) []float64 {
	n := y / s.stride[1]
	return p.data[n*width : (n+1)*width]
}

func (p *xPlane) fill(s *sampler, z int, taps []tap) {
	if p.data == nil {
		p.data = make([]float64, s.shape[1]*len(taps))
	}
	p.z = z
	for j := range s.shape[1] {
		from := s.base + z + j*s.stride[1]
		row := p.data[j*len(taps) : (j+1)*len(taps)]
		for i, x := range taps {
			a := float64(s.data[from+x.lo])
			row[i] = a + x.w*(float64(s.data[from+x.hi])-a)
		}
	}
}

// general gives what makes planes of any grid.
func (s *sampler) general(to Grid) func() func(k int, out []float32) {
	one := func(k int, out []float32) {
		n := 0
		for j := range to.Shape[1] {
			for i := range to.Shape[0] {
				p := s.place.Apply([3]float64{float64(i), float64(j), float64(k)})
				out[n] = s.at(s.tap(0, p[0]), s.tap(1, p[1]), s.tap(2, p[2]))
				n++
			}
		}
	}
	return func() func(int, []float32) { return one }
}

// slabs runs work on some threads, which take the numbers 0..n-1 between them;
// 0 threads means all processors.
func slabs(n, threads int, work func(take func() (int, bool))) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	take := func() (int, bool) {
		i := int(next.Add(1)) - 1
		return i, i < n
	}
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() { work(take) })
	}
	wg.Wait()
}
