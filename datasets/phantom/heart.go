package phantom

import "math"

// heart is the four chambers in their own frame: e1 runs from the mitral valve to the apex,
// e2 to the right ventricle's side, e3 completes the frame.
type heart struct {
	centre                vec // pivot of the random turn
	turn                  mat
	scale                 float64
	base                  vec
	e1, e2, e3            vec
	length, epi, wall     float64
	rv, la, ra, appendage *ellipsoid
	rvWall, atriumWall    float64
	rvot, lvot            *tube
	veins                 []*tube
	fat, peri             float64
	warp                  texture
	warpAmp               float64
	apexEx                *power
	box                   box
}

// heartPlan is what a generator version says about the heart's form (mm in the reference body).
type heartPlan struct {
	axis               vec     // long axis, base to apex
	apexEx, shoulder   float64 // the left ventricle's long profile: its exponent, and where it starts to narrow
	length, epi, wall  [2]float64
	taper              float64 // how much the wall thins towards the apex
	rvR                vec     // half axes of the right ventricle: along, across, about the long axis
	rvAlong, rvSide    [2]float64
	rvEx, laEx, raEx   float64
	laC, laR, raC, raR vec
	laTurn, raTurn     vec // degrees
	appendC, appendR   vec
	warpStep           float64
	noise              func(stream, float64) texture
}

// place maps a point of the reference heart into this one.
func (h *heart) place(p vec) vec {
	return h.turn.apply(p.sub(h.centre).mul(h.scale)).add(h.centre)
}

func newHeart(s stream, pl *heartPlan, shift vec, size float64) *heart {
	h := &heart{centre: vec{-10, 15, 145}, apexEx: newPower(pl.apexEx)}
	h.turn = rotation(s.gauss(0, 7), s.gauss(0, 8), s.gauss(0, 8))
	h.scale = size * s.uni(0.92, 1.1)
	j := func(x, y, z, sd float64) vec { return h.place(vec{x, y, z}.add(s.jitter(sd))).add(shift) }
	k := h.scale
	h.base = j(-20, -2, 150, 2)
	h.e1 = h.turn.apply(pl.axis.add(s.jitter(0.05)).unit())
	side := h.turn.apply(vec{0.72, 0.66, 0.12})
	h.e2 = side.sub(h.e1.mul(side.dot(h.e1))).unit()
	h.e3 = h.e1.cross(h.e2)
	between := func(r [2]float64) float64 { return k * s.uni(r[0], r[1]) }
	h.length, h.epi, h.wall = between(pl.length), between(pl.epi), between(pl.wall)
	frame := mat{{h.e1.x, h.e2.x, h.e3.x}, {h.e1.y, h.e2.y, h.e3.y}, {h.e1.z, h.e2.z, h.e3.z}}
	dil := s.uni(0.9, 1.15)
	rc := h.base.add(h.e1.mul(between(pl.rvAlong))).add(h.e2.mul(between(pl.rvSide))).add(h.e3.mul(k * s.gauss(0, 2)))
	h.rv = newEllipsoid(rc, pl.rvR.mul(k*dil), pl.rvEx, frame)
	turned := func(t vec, sd float64) mat {
		return rotation(s.gauss(t.x, sd), s.gauss(t.y, sd), s.gauss(t.z, sd))
	}
	h.la = newEllipsoid(j(pl.laC.x, pl.laC.y, pl.laC.z, 2), pl.laR.mul(k*s.uni(0.88, 1.18)), pl.laEx, turned(pl.laTurn, 6))
	h.ra = newEllipsoid(j(pl.raC.x, pl.raC.y, pl.raC.z, 2), pl.raR.mul(k*s.uni(0.9, 1.15)), pl.raEx, turned(pl.raTurn, 7))
	h.appendage = newEllipsoid(j(pl.appendC.x, pl.appendC.y, pl.appendC.z, 3), pl.appendR.mul(k), 2, turned(vec{0, 0, 20}, 10))
	h.rvWall, h.atriumWall = k*s.uni(2.2, 3.6), k*s.uni(1.2, 2)
	h.rvot = newTube([]knot{{rc.add(h.e1.mul(-k * 8)), k * 20}, {j(-4, 50, 158, 2), k * 17}, {j(-14, 46, 178, 1), k * 13.5}}, 5)
	h.lvot = newTube([]knot{{h.base.add(h.e1.mul(k * 16)), k * 12}, {j(-6, 10, 156, 1), k * 11}, {j(0, 14, 163, 1), k * 11}}, 4)
	for _, v := range []vec{{52, -26, 182}, {50, -28, 150}, {-50, -30, 182}, {-46, -34, 152}} {
		a := j(v.x*0.45, -16, 166+(v.z-166)*0.6, 1)
		h.veins = append(h.veins, newTube([]knot{{a, k * 8}, {j(v.x, v.y, v.z, 3), k * 6.5}}, 1))
	}
	h.fat, h.peri = s.uni(2, 7), s.uni(1, 2)
	h.warp, h.warpAmp = pl.noise(s, pl.warpStep), s.uni(1, 2.4)
	h.box = emptyBox()
	h.box.include(h.rv.c, h.rv.r.x)
	h.box.include(h.la.c, h.la.r.x)
	h.box.include(h.ra.c, h.ra.r.z)
	h.box.include(h.base.add(h.e1.mul(h.length/2)), h.length/2+6)
	for _, t := range []*tube{h.rvot, h.lvot, h.veins[0], h.veins[1], h.veins[2], h.veins[3]} {
		for i, p := range t.pts {
			h.box.include(p, t.rad[i])
		}
	}
	return h
}

// ventricle is the distance to a bullet about the long axis, open at the base: s0 is where its
// half-ellipsoid begins, cut the level of its flat base.
func (h *heart) ventricle(s, r, length, radius, s0, cut float64, ex *power) float64 {
	var d float64
	if s > s0 {
		u, v := (s-s0)/(length-s0), r/radius
		k := ex.norm(u, v)
		if k < 1e-6 {
			return -radius
		}
		d = math.Hypot(s-s0, r) * (1 - 1/k)
	} else {
		d = r - radius*(1-0.12*(s0-s)/math.Max(s0-cut, 1))
	}
	return smax(math.Max(d, -radius), cut-s, 4)
}

// at tells the heart tissue at p, and the distance to the whole heart's surface (mm).
func (h *heart) at(p vec, pl *heartPlan) (tissue, float64, bool) {
	if !h.box.near(p, reach) {
		return 0, far, false
	}
	w := h.warp.at(p) * h.warpAmp
	q := p.sub(h.base)
	s, a, b := q.dot(h.e1), q.dot(h.e2), q.dot(h.e3)
	r := math.Hypot(a, b)
	wall := h.wall * (1 - pl.taper*smoothstep(0.6*h.length, h.length, s))
	if a > 0 { // the septum is a little thinner
		wall *= 1 - 0.12*smoothstep(0, 20, a)
	}
	epi := h.ventricle(s, r, h.length, h.epi, pl.shoulder*h.length, -5*h.scale, h.apexEx) + 0.7*w
	endo := h.ventricle(s, r, h.length-wall*0.75, h.epi-wall, pl.shoulder*h.length, -1, h.apexEx) + 0.7*w
	lvot := h.lvot.dist(p)
	endo = math.Min(endo, math.Max(lvot, -s-16*h.scale))
	la, ra := h.la.dist(p)+w, h.ra.dist(p)-w
	app := h.appendage.dist(p) + w
	la = smin(la, app, 5)
	vein := far
	for _, v := range h.veins {
		vein = math.Min(vein, v.dist(p))
	}
	la = smin(la, math.Max(vein, h.la.dist(p)-9), 5)
	rv := h.rv.dist(p)
	rv = smin(rv, h.rvot.dist(p), 9) + w
	// The right ventricle ends at the tricuspid plane, where the right atrium begins.
	rv = smax(rv, -s-18*h.scale+0.25*b, 4)
	hull := smin(smin(epi, rv, 18), smin(la, ra, 12), 18)
	switch {
	case endo < 0:
		return lvBlood, hull, true
	case epi < 0:
		return lvMyocardium, hull, true
	case lvot < 2.2*h.scale && s > -14*h.scale:
		return lvMyocardium, hull, true
	case la < 0 && la <= ra:
		if la > -h.atriumWall {
			return laWall, hull, true
		}
		return laBlood, hull, true
	case ra < 0 && ra <= rv+3:
		if ra > -h.atriumWall {
			if rv < 0 { // tricuspid orifice
				return raBlood, hull, true
			}
			return raWall, hull, true
		}
		return raBlood, hull, true
	case rv < 0:
		return rvBlood, hull, true
	case rv < h.rvWall:
		return rvWall, hull, true
	case vein < 0:
		return pulmonaryVein, hull, true
	case hull < h.fat:
		return heartFat, hull, true
	case hull < h.fat+h.peri:
		return pericardium, hull, true
	}
	return 0, hull, false
}
