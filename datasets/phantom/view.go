package phantom

import (
	"math"

	"satgraph/volume"
)

// view is what the scanner sees: the voxel grid, and the circle outside which nothing is reconstructed.
type view struct {
	name   string
	grid   volume.Grid
	origin vec
	step   [3]vec // world step of each voxel axis
	centre vec
	circle float64 // mm; 0 where the whole square is reconstructed
	beyond float64 // HU outside the circle
}

func (v *view) at(i, j, k int) vec {
	return v.origin.add(v.step[0].mul(float64(i))).add(v.step[1].mul(float64(j))).add(v.step[2].mul(float64(k)))
}

// blind tells whether a point of the room lies outside the reconstructed circle.
func (v *view) blind(w vec) bool {
	return v.circle > 0 && math.Hypot(w.x-v.centre.x, w.y-v.centre.y) > v.circle
}

// The reach of the torso in the reference body (mm), table and lowered arms aside.
const (
	torsoTop    = 318.0
	torsoBottom = -388.0
)

// view draws the field of view.
func (a *anatomy) view(o *Options, s stream) *view {
	wide, front, back := 0.0, 0.0, 0.0
	for z := torsoBottom; z < 235; z += 10 {
		sec := a.tr.at(z)
		wide, front, back = math.Max(wide, sec.skin.a), math.Max(front, sec.skin.front), math.Min(back, sec.skin.back)
	}
	if a.tr.female {
		front += 0.6 * a.tr.breastR
	}
	wide += s.uni(12, 45)
	lo, hi := vec{-wide, back - s.uni(12, 45), torsoBottom}, vec{wide, front + s.uni(10, 40), torsoTop}
	v := &view{name: "full"}
	sp := [3]float64{o.Spacing, o.Spacing, o.Spacing}
	if o.Spacing == 0 {
		in := s.uni(1.4, 3)
		sp = [3]float64{in, in, in}
		if s.chance(0.7) {
			sp[2] = s.uni(1.5, 6)
		}
	}
	order, flip, tilt := [3]int{0, 1, 2}, [3]bool{}, rotation(0, 0, 0)
	if !o.FullFOV {
		lo, hi = a.crop(s, v, lo, hi)
		order, flip = drawOrder(s)
		if s.chance(0.25) {
			tilt = rotation(s.gauss(0, 5), s.gauss(0, 3), s.gauss(0, 3))
		}
	}
	// The box of the reference body, carried into the room.
	c := lo.lerp(hi, 0.5)
	half := hi.sub(lo).mul(0.5)
	v.centre = a.pose.apply(vec{c.x * a.scale.x, c.y * a.scale.y, c.z * a.scale.z})
	size := [3]float64{half.x * a.scale.x, half.y * a.scale.y, half.z * a.scale.z}
	axes := [3]vec{tilt.col(0), tilt.col(1), tilt.col(2)}
	v.origin = v.centre
	for n, ax := range order {
		v.grid.Shape[n] = max(int(2*size[ax]/sp[ax]), 2)
		v.step[n] = axes[ax].mul(sp[ax])
		if flip[n] {
			v.step[n] = v.step[n].mul(-1)
		}
		v.origin = v.origin.sub(v.step[n].mul(float64(v.grid.Shape[n]-1) / 2))
	}
	for n, st := range v.step {
		v.grid.Affine[0][n], v.grid.Affine[1][n], v.grid.Affine[2][n] = st.x, st.y, st.z
	}
	v.grid.Affine[0][3], v.grid.Affine[1][3], v.grid.Affine[2][3] = v.origin.x, v.origin.y, v.origin.z
	v.grid.Affine[3][3] = 1
	if !o.FullFOV && s.chance(0.25) {
		v.circle = math.Max(size[0], size[1]) * s.uni(0.96, 1.05)
		v.beyond = []float64{-1024, -1024, -2000}[s.IntN(3)]
	}
	return v
}

// crop draws a field of view within the box of the torso.
func (a *anatomy) crop(s stream, v *view, lo, hi vec) (vec, vec) {
	set := func(name string, bottom, top float64) {
		v.name, lo.z, hi.z = name, math.Max(bottom, torsoBottom), math.Min(top, torsoTop)
	}
	switch u := s.Float64(); {
	case u < 0.15:
		set("torso", torsoBottom, torsoTop)
	case u < 0.35:
		set("chest", s.gauss(-15, 25), s.gauss(300, 10))
	case u < 0.55:
		set("abdomen", s.uni(-310, -130), s.gauss(125, 20))
	case u < 0.65:
		set("trunk", s.gauss(-320, 20), s.gauss(300, 10))
	case u < 0.83:
		c := a.ht.base.lerp(a.ht.ra.c, 0.35).add(s.jitter(10))
		set("cardiac", c.z-s.uni(58, 130), c.z+s.uni(58, 115))
		w, d := s.uni(80, 115), s.uni(82, 115)
		lo.x, hi.x, lo.y, hi.y = c.x-w, c.x+w, c.y-d, c.y+d
		return lo, hi
	default:
		c, h := s.uni(-250, 260), s.uni(20, 100)
		set("slab", c-h, c+h)
	}
	if s.chance(0.35) { // a narrower reconstruction, not always centred
		r := s.uni(110, 185)
		x, y := s.gauss(0, 20), s.gauss(0, 12)
		lo.x, hi.x = math.Max(lo.x, x-r), math.Min(hi.x, x+r)
		lo.y, hi.y = math.Max(lo.y, y-r), math.Min(hi.y, y+r)
	}
	return lo, hi
}

// drawOrder draws which world axis each voxel axis follows, and which way.
func drawOrder(s stream) ([3]int, [3]bool) {
	order := [3]int{0, 1, 2}
	switch u := s.Float64(); {
	case u < 0.3: // RAS
		return order, [3]bool{}
	case u < 0.65: // LPS
		return order, [3]bool{true, true, false}
	case u < 0.85: // LAS
		return order, [3]bool{true, false, false}
	}
	s.Shuffle(3, func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order, [3]bool{s.chance(0.5), s.chance(0.5), s.chance(0.5)}
}
