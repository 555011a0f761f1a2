package phantom

import "math"

// oval is a cross-section of the trunk at one height: a superellipse with its own front and back half axes.
type oval struct {
	cx, cy, a, front, back float64 // front and back are absolute y, mm
	ex                     *power
}

// dist is the radial distance to the oval, negative inside.
func (o *oval) dist(x, y float64) float64 {
	x -= o.cx
	y -= o.cy
	b := o.front - o.cy
	if y < 0 {
		b = o.cy - o.back
	}
	u, v := math.Abs(x)/o.a, math.Abs(y)/math.Max(b, 1)
	k := o.ex.norm(u, v)
	if k < 1e-3 {
		return -math.Min(o.a, b)
	}
	return math.Hypot(x, y) * (1 - 1/k)
}

// trunk is the body wall: the cavity that holds the viscera, the muscle envelope round it, the skin.
type trunk struct {
	cavA, cavF, cavB     profile
	musA, musF, musB     profile
	fatA, fatF, fatB     profile
	spineY               profile
	cavEx, musEx, skinEx *power
	skinT                float64
	thighX, thighR       float64
	breastC              vec
	breastR              float64
	female               bool
}

// section is the trunk at one height, looked up once for a voxel.
type section struct {
	cav, mus, skin oval
	sy             float64
}

func (t *trunk) at(z float64) section {
	var s section
	s.sy = t.spineY.at(z)
	s.cav = oval{0, 0, t.cavA.at(z), t.cavF.at(z), t.cavB.at(z), t.cavEx}
	s.cav.cy = 0.45*s.cav.front + 0.55*s.cav.back
	s.mus = oval{0, 0, t.musA.at(z), t.musF.at(z), t.musB.at(z), t.musEx}
	s.mus.cy = 0.45*s.mus.front + 0.55*s.mus.back
	s.skin = oval{0, s.mus.cy, s.mus.a + t.fatA.at(z), s.mus.front + t.fatF.at(z), s.mus.back - t.fatB.at(z), t.skinEx}
	return s
}

// trunkPlan is what a generator version says about the body wall.
type trunkPlan struct {
	cavA, cavF, cavB, musA, musF, musB, spineY [][2]float64
	cavEx, musEx, skinEx                       [2]float64
}

func newTrunk(s stream, pl *trunkPlan, female bool, obesity, visceral float64) *trunk {
	t := &trunk{female: female}
	bump := func(base [][2]float64, add func(z float64) float64) profile {
		out := make([][2]float64, len(base))
		for i, p := range base {
			out[i] = [2]float64{p[0], p[1] + add(p[0])}
		}
		return newProfile(out...)
	}
	belly := func(z float64) float64 { return bell(z, -70, 95) }
	wob := func(sd float64) func(float64) float64 {
		a, b, c, d := s.gauss(0, sd), s.gauss(0, sd), s.uni(0, 6), s.uni(0, 6)
		return func(z float64) float64 { return a*math.Sin(z/90+c) + b*math.Sin(z/55+d)*0.6 }
	}
	wide, deep := s.gauss(1.03, 0.06), s.gauss(1, 0.07)
	if female {
		wide *= 0.95
	}
	wa, wf := wob(3), wob(3)
	fa := func(z float64) float64 { return wa(z) + (wide-1)*110 + 16*visceral*belly(z) }
	ff := func(z float64) float64 { return wf(z) + (deep-1)*80 + 38*visceral*belly(z) }
	t.cavA, t.cavF, t.cavB = bump(pl.cavA, fa), bump(pl.cavF, ff), bump(pl.cavB, wob(2))
	mus := s.gauss(0, 5)
	if female {
		mus -= 4
	}
	t.musA = bump(pl.musA, func(z float64) float64 { return fa(z) + mus })
	t.musF = bump(pl.musF, func(z float64) float64 { return ff(z) + 0.3*mus })
	t.musB = bump(pl.musB, func(z float64) float64 { return -0.6 * mus })
	t.spineY = bump(pl.spineY, func(float64) float64 { return 0 })
	base := 6 + 26*obesity
	var fat [3][][2]float64
	for z := -520.0; z <= 460; z += 20 {
		hip := bell(z, -220, 80)
		neck := smoothstep(230, 300, z)
		g := 1 - 0.6*neck
		if female {
			hip *= 1.5
		}
		fat[0] = append(fat[0], [2]float64{z, g * base * (0.75 + 0.5*hip + 0.3*belly(z))})
		fat[1] = append(fat[1], [2]float64{z, g * base * (0.55 + 0.75*belly(z))})
		fat[2] = append(fat[2], [2]float64{z, g * base * (0.8 + 0.5*hip)})
	}
	t.fatA, t.fatF, t.fatB = newProfile(fat[0]...), newProfile(fat[1]...), newProfile(fat[2]...)
	t.cavEx, t.musEx, t.skinEx = newPower(s.uni(pl.cavEx[0], pl.cavEx[1])), newPower(s.uni(pl.musEx[0], pl.musEx[1])), newPower(s.uni(pl.skinEx[0], pl.skinEx[1]))
	t.skinT = s.uni(1.2, 2.2)
	t.thighX, t.thighR = s.uni(84, 92), s.uni(64, 74)
	t.breastC = vec{s.uni(75, 90), 0, s.uni(120, 150)}
	t.breastR = s.uni(35, 60) * (0.8 + 0.4*obesity)
	return t
}

// bell is a Gaussian bump of height 1 about mid.
func bell(z, mid, width float64) float64 {
	u := (z - mid) / width
	return math.Exp(-u * u)
}
