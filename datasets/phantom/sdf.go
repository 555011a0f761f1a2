package phantom

import "math"

// vec is a point or direction in millimetres, RAS+ axes.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec             { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec             { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) mul(s float64) vec         { return vec{a.x * s, a.y * s, a.z * s} }
func (a vec) dot(b vec) float64         { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) norm() float64             { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec                 { return a.mul(1 / math.Max(a.norm(), 1e-9)) }
func (a vec) lerp(b vec, t float64) vec { return a.add(b.sub(a).mul(t)) }
func (a vec) cross(b vec) vec {
	return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x}
}

// solid is a shape that can tell the distance to its surface, negative inside; beyond reach it may say far.
type solid interface{ dist(p vec) float64 }

// far is the distance reported for a shape whose box is out of reach.
const far = 1e3

// reach is how near a point must be to a shape's box for its distance to be computed at all.
const reach = 25.0

type box struct{ lo, hi vec }

func emptyBox() box { return box{vec{far, far, far}.mul(10), vec{-far, -far, -far}.mul(10)} }

func (b *box) include(c vec, r float64) {
	b.lo = vec{math.Min(b.lo.x, c.x-r), math.Min(b.lo.y, c.y-r), math.Min(b.lo.z, c.z-r)}
	b.hi = vec{math.Max(b.hi.x, c.x+r), math.Max(b.hi.y, c.y+r), math.Max(b.hi.z, c.z+r)}
}

func (b *box) near(p vec, m float64) bool {
	return p.x > b.lo.x-m && p.x < b.hi.x+m && p.y > b.lo.y-m && p.y < b.hi.y+m && p.z > b.lo.z-m && p.z < b.hi.z+m
}

// smin is the polynomial smooth minimum of two distances with blending width k (mm).
func smin(a, b, k float64) float64 {
	h := k - math.Abs(a-b)
	if h <= 0 {
		return math.Min(a, b)
	}
	return math.Min(a, b) - h*h/(4*k)
}

func smax(a, b, k float64) float64 { return -smin(-a, -b, k) }

func clamp(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// smoothstep rises from 0 at lo to 1 at hi.
func smoothstep(lo, hi, v float64) float64 {
	t := clamp((v-lo)/(hi-lo), 0, 1)
	return t * t * (3 - 2*t)
}

// capsule is the distance to a segment whose radius runs linearly from ra to rb.
func capsule(p, a, b vec, ra, rb float64) float64 {
	ab, ap := b.sub(a), p.sub(a)
	t := clamp(ap.dot(ab)/math.Max(ab.dot(ab), 1e-9), 0, 1)
	return ap.sub(ab.mul(t)).norm() - (ra + (rb-ra)*t)
}

// power is the p-norm of two lengths, tabulated: |a,b| = larger · (1 + (smaller/larger)^p)^(1/p).
// It is exact to about 1e-5 and needs no power function, which may differ between machines.
type power struct{ tab [powerSize + 1]float64 }

const powerSize = 256

func newPower(p float64) *power {
	t := &power{}
	for i := range t.tab {
		t.tab[i] = math.Pow(1+math.Pow(float64(i)/powerSize, p), 1/p)
	}
	return t
}

// norm takes two non-negative lengths.
func (t *power) norm(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if a <= 0 {
		return 0
	}
	f := b / a * powerSize
	i := min(int(f), powerSize-1)
	return a * (t.tab[i] + (t.tab[i+1]-t.tab[i])*(f-float64(i)))
}

// ellipsoid is a superellipsoid with its own frame; exponent 2 is an ellipsoid.
type ellipsoid struct {
	c       vec
	r       vec
	ex      *power
	u, v, w vec
	box     box
	rmin    float64
}

func newEllipsoid(c, r vec, ex float64, rot mat) *ellipsoid {
	e := &ellipsoid{c: c, r: r, ex: newPower(ex), u: rot.col(0), v: rot.col(1), w: rot.col(2), box: emptyBox()}
	e.box.include(c, math.Max(r.x, math.Max(r.y, r.z))*1.2)
	e.rmin = math.Min(r.x, math.Min(r.y, r.z))
	return e
}

func (e *ellipsoid) dist(p vec) float64 {
	if !e.box.near(p, reach) {
		return far
	}
	d := p.sub(e.c)
	x, y, z := math.Abs(d.dot(e.u))/e.r.x, math.Abs(d.dot(e.v))/e.r.y, math.Abs(d.dot(e.w))/e.r.z
	k := e.ex.norm(e.ex.norm(x, y), z)
	if k < 1e-6 {
		return -e.rmin
	}
	// Radial distance, bounded by the smallest half axis inside.
	return math.Max(d.norm()*(1-1/k), -e.rmin)
}

// tube is a smooth curve with a varying radius: an organ of hose shape, or a vessel.
type tube struct {
	pts    []vec
	rad    []float64
	box    box
	pieces []box // boxes of runs of pieceLen segments, so that far runs are skipped
}

const pieceLen = 5

// knot is a control point of a tube: position and radius in mm.
type knot struct {
	p vec
	r float64
}

// newTube runs a Catmull-Rom spline through the knots, sub segments between two of them.
func newTube(ks []knot, sub int) *tube {
	t := &tube{box: emptyBox()}
	at := func(i int) knot { return ks[min(max(i, 0), len(ks)-1)] }
	for i := range len(ks) - 1 {
		a, b, c, d := at(i-1), at(i), at(i+1), at(i+2)
		for j := range sub {
			u := float64(j) / float64(sub)
			t.push(vec{
				catmull(a.p.x, b.p.x, c.p.x, d.p.x, u),
				catmull(a.p.y, b.p.y, c.p.y, d.p.y, u),
				catmull(a.p.z, b.p.z, c.p.z, d.p.z, u),
			}, b.r+(c.r-b.r)*u)
		}
	}
	t.push(ks[len(ks)-1].p, ks[len(ks)-1].r)
	for i := 0; i < len(t.pts)-1; i += pieceLen {
		b := emptyBox()
		for j := i; j <= min(i+pieceLen, len(t.pts)-1); j++ {
			b.include(t.pts[j], t.rad[j])
		}
		t.pieces = append(t.pieces, b)
	}
	return t
}

func (t *tube) push(p vec, r float64) {
	t.pts, t.rad = append(t.pts, p), append(t.rad, r)
	t.box.include(p, r)
}

func catmull(a, b, c, d, u float64) float64 {
	return b + 0.5*u*(c-a+u*(2*a-5*b+4*c-d+u*(3*(b-c)+d-a)))
}

func (t *tube) dist(p vec) float64 {
	d, _ := t.distAt(p)
	return d
}

// distAt also tells how far along the tube (0 to 1) the nearest point lies.
func (t *tube) distAt(p vec) (float64, float64) {
	if !t.box.near(p, reach) {
		return far, 0
	}
	best, where := far, 0.0
	for k := range t.pieces {
		if !t.pieces[k].near(p, clamp(best, 0, reach)) {
			continue
		}
		for i := k*pieceLen + 1; i <= min((k+1)*pieceLen, len(t.pts)-1); i++ {
			a := t.pts[i-1]
			ab, ap := t.pts[i].sub(a), p.sub(a)
			u := clamp(ap.dot(ab)/math.Max(ab.dot(ab), 1e-9), 0, 1)
			if d := ap.sub(ab.mul(u)).norm() - (t.rad[i-1] + (t.rad[i]-t.rad[i-1])*u); d < best {
				best, where = d, (float64(i-1)+u)/float64(len(t.pts)-1)
			}
		}
	}
	return best, where
}

// mat is a rotation, rows first.
type mat [3][3]float64

func (m mat) col(i int) vec { return vec{m[0][i], m[1][i], m[2][i]} }

func (m mat) apply(p vec) vec {
	return vec{
		m[0][0]*p.x + m[0][1]*p.y + m[0][2]*p.z,
		m[1][0]*p.x + m[1][1]*p.y + m[1][2]*p.z,
		m[2][0]*p.x + m[2][1]*p.y + m[2][2]*p.z,
	}
}

// applyT applies the inverse rotation.
func (m mat) applyT(p vec) vec { return vec{m.col(0).dot(p), m.col(1).dot(p), m.col(2).dot(p)} }

// rotation turns by the given degrees about x, then y, then z.
func rotation(dx, dy, dz float64) mat {
	sx, cx := math.Sincos(dx * math.Pi / 180)
	sy, cy := math.Sincos(dy * math.Pi / 180)
	sz, cz := math.Sincos(dz * math.Pi / 180)
	return mat{
		{cy * cz, sx*sy*cz - cx*sz, cx*sy*cz + sx*sz},
		{cy * sz, sx*sy*sz + cx*cz, cx*sy*sz - sx*cz},
		{-sy, sx * cy, cx * cy},
	}
}

// profile is a quantity tabulated along z, one entry a millimetre.
type profile struct {
	z0  float64
	tab []float64
}

const profileLo, profileHi = -520.0, 460.0

// newProfile interpolates (z, value) pairs given in falling or rising z by monotone cubic pieces.
func newProfile(pairs ...[2]float64) profile {
	p := profile{z0: profileLo}
	if pairs[0][0] > pairs[len(pairs)-1][0] {
		r := make([][2]float64, len(pairs))
		for i := range pairs {
			r[i] = pairs[len(pairs)-1-i]
		}
		pairs = r
	}
	k := 0
	for z := profileLo; z <= profileHi; z++ {
		for k < len(pairs)-2 && z > pairs[k+1][0] {
			k++
		}
		at := func(i int) [2]float64 { return pairs[min(max(i, 0), len(pairs)-1)] }
		a, b, c, d := at(k-1), at(k), at(k+1), at(k+2)
		h := c[0] - b[0]
		u := clamp((z-b[0])/h, 0, 1)
		m := (c[1] - b[1]) / h
		mb, mc := m, m
		if k > 0 {
			mb = limited((b[1]-a[1])/(b[0]-a[0]), m)
		}
		if k+2 < len(pairs) {
			mc = limited(m, (d[1]-c[1])/(d[0]-c[0]))
		}
		u2, u3 := u*u, u*u*u
		p.tab = append(p.tab, b[1]*(2*u3-3*u2+1)+h*mb*(u3-2*u2+u)+c[1]*(3*u2-2*u3)+h*mc*(u3-u2))
	}
	return p
}

// limited is the harmonic mean of two slopes, zero where they disagree in sign.
func limited(a, b float64) float64 {
	if a*b <= 0 {
		return 0
	}
	return 2 * a * b / (a + b)
}

func (p *profile) at(z float64) float64 {
	f := z - p.z0
	if f <= 0 {
		return p.tab[0]
	}
	i := int(f)
	if i >= len(p.tab)-1 {
		return p.tab[len(p.tab)-1]
	}
	u := f - float64(i)
	return p.tab[i] + (p.tab[i+1]-p.tab[i])*u
}
