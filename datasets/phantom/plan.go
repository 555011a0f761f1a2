package phantom

import "math"

// plan is one generator version: the shape families, control points and constants that its anatomy is drawn from.
type plan struct {
	trunk        trunkPlan
	bones        bonePlan
	heart        heartPlan
	dome         domePlan
	hu           huPlan
	noise        func(s stream, step float64) texture
	fineStep     float64 // mm, surface irregularity
	coarseStep   float64
	grainStep    float64 // mm, parenchymal texture
	branchSpread float64 // how widely lung vessels fork
	fissureBend  float64 // curvature of the fissures, 1/mm
	spleen       func(s stream, size float64) solid
	kidney       func(c vec, size, side float64, rot mat) solid
	stomach      func(j jitterKnot, fill float64) []knot
	colon        func(j jitterKnot, dy, r float64) []knot
	bowel        func(s stream, layer int, full, dy float64) []knot
	aorta        func(r *aortaRoom) []knot
	lobes        func(s stream) []solid // nil: the liver is bounded by surfaces instead
}

// jitterKnot makes a knot at about (x, y, z) of about radius r, spread by sd.
type jitterKnot func(x, y, z, r, sd float64) knot

// domePlan shapes the diaphragm: heights of its domes (mm) and how it falls from the top (1) to the wall (0).
type domePlan struct {
	right, left, mid, width float64
	fall                    func(t float64) float64
}

// aortaRoom is what an aorta is laid in: knots that follow the heart, free knots, the spine, and the radii.
type aortaRoom struct {
	onHeart    func(x, y, z, r, share, sd float64) knot
	free       jitterKnot
	spine      func(z float64) float64
	asc, desc  float64
	abd        float64
	side, tort float64
	archUp     float64
}

// front is the y of the front of the vertebral bodies.
func (r *aortaRoom) front(z float64) float64 { return r.spine(z) + vertebraFront }

// planFor returns the plan of a generator version.
func planFor(version int) (*plan, bool) {
	switch version {
	case 1:
		return planOne(), true
	case 2:
		return planTwo(), true
	}
	return nil, false
}

// planOne is the version that models are trained on.
func planOne() *plan {
	return &plan{
		trunk: trunkPlan{
			cavA:   [][2]float64{{345, 24}, {300, 34}, {285, 56}, {268, 76}, {250, 93}, {200, 117}, {150, 128}, {100, 132}, {50, 131}, {0, 127}, {-60, 124}, {-120, 122}, {-180, 118}, {-230, 98}, {-290, 66}, {-320, 40}},
			cavF:   [][2]float64{{345, 12}, {300, 8}, {285, 14}, {262, 30}, {250, 36}, {200, 56}, {150, 70}, {100, 79}, {50, 84}, {0, 84}, {-60, 82}, {-120, 78}, {-180, 72}, {-230, 60}, {-290, 42}, {-320, 30}},
			cavB:   [][2]float64{{345, -40}, {300, -62}, {285, -70}, {250, -86}, {200, -96}, {150, -98}, {100, -97}, {50, -93}, {0, -89}, {-60, -84}, {-120, -80}, {-180, -78}, {-230, -88}, {-290, -76}, {-320, -55}},
			musA:   [][2]float64{{345, 56}, {320, 58}, {300, 80}, {285, 140}, {268, 176}, {240, 182}, {215, 170}, {180, 160}, {140, 155}, {100, 152}, {50, 148}, {0, 143}, {-60, 138}, {-120, 138}, {-180, 150}, {-230, 163}, {-285, 168}, {-460, 165}},
			musF:   [][2]float64{{345, 42}, {320, 42}, {300, 36}, {280, 46}, {250, 62}, {200, 82}, {150, 92}, {100, 96}, {50, 97}, {0, 95}, {-60, 92}, {-120, 89}, {-180, 85}, {-240, 78}, {-300, 76}, {-460, 65}},
			musB:   [][2]float64{{345, -78}, {320, -80}, {300, -90}, {270, -112}, {200, -126}, {150, -127}, {100, -124}, {50, -119}, {0, -116}, {-60, -114}, {-120, -113}, {-180, -116}, {-240, -130}, {-300, -125}, {-460, -80}},
			spineY: [][2]float64{{345, -28}, {306, -36}, {280, -45}, {238, -58}, {172, -66}, {100, -62}, {60, -57}, {15, -51}, {-17, -47}, {-52, -42}, {-87, -39}, {-123, -39}, {-160, -44}, {-200, -58}, {-240, -72}, {-275, -68}, {-300, -60}, {-460, -60}},
			cavEx:  [2]float64{2.1, 2.5}, musEx: [2]float64{2.2, 2.6}, skinEx: [2]float64{2.1, 2.5},
		},
		bones: bonePlan{
			ribTilt: []float64{0.18, 0.3, 0.42, 0.5, 0.55, 0.58, 0.6, 0.6, 0.6, 0.6, 0.55, 0.5},
			ribEnd:  []float64{2.45, 2.5, 2.55, 2.5, 2.42, 2.3, 2.2, 2.08, 1.95, 1.8, 1.3, 0.9},
			sagBase: 6, sagStep: 2.2, ribThick: [2]float64{3.2, 4.4}, ribHigh: [2]float64{5.5, 7.2},
			bodyEx: 2.4, bodyW: 1, bodyD: 1, spinous: 1, cortex: [2]float64{1.6, 2.8},
		},
		heart: heartPlan{
			axis: vec{-0.62, 0.58, -0.52}, apexEx: 2, shoulder: 0.28,
			length: [2]float64{78, 92}, epi: [2]float64{31, 37}, wall: [2]float64{8, 12.5}, taper: 0.35,
			rvR: vec{47, 25, 40}, rvAlong: [2]float64{26, 32}, rvSide: [2]float64{29, 34}, rvEx: 2, laEx: 2.2, raEx: 2,
			laC: vec{0, -14, 166}, laR: vec{31, 21, 27}, laTurn: vec{8, 0, -6},
			raC: vec{40, 10, 139}, raR: vec{23, 27, 33},
			appendC: vec{-42, 14, 178}, appendR: vec{12, 17, 11}, warpStep: 22, noise: newField,
		},
		dome: domePlan{right: 110, left: 99, mid: 88, width: 51, fall: func(t float64) float64 {
			return math.Sqrt(1 - math.Pow(t, 3.2))
		}},
		hu:    huOne,
		noise: newField, fineStep: 13, coarseStep: 34, grainStep: 5, branchSpread: 0.34,
		spleen: func(s stream, k float64) solid {
			return newEllipsoid(vec{-90, -46, 38}.add(s.jitter(6)), vec{35, 47, 63}.mul(k), 2.2, rotation(s.gauss(-24, 8), s.gauss(12, 6), s.gauss(-20, 9)))
		},
		kidney: func(c vec, k, _ float64, rot mat) solid {
			return newEllipsoid(c, vec{25, 29, 54}.mul(k), 2.2, rot)
		},
		stomach: func(j jitterKnot, f float64) []knot {
			g := math.Sqrt(f)
			return []knot{j(-42, -32, 78, 25*f, 5), j(-50, -12, 62, 33*g, 5), j(-56, 16, 32, 29*f, 6), j(-54, 40, 2, 25*f, 7), j(-26, 50, -22, 21*g, 7), j(6, 46, -26, 18, 5), j(30, 32, -16, 12, 4)}
		},
		colon: func(j jitterKnot, dy, r float64) []knot {
			return []knot{j(78, 12, -182, 26*r, 6), j(92, 0, -130, 24*r, 5), j(94, -8, -80, 23*r, 5), j(82, 14, -48, 22*r, 6), j(50, 48+dy, -74, 21*r, 8), j(0, 56+dy, -88, 20*r, 9), j(-50, 52+dy, -60, 20*r, 9), j(-92, 10, 4, 19*r, 7), j(-104, -30, -10, 18*r, 5), j(-102, -32, -80, 16*r, 5), j(-98, -12, -150, 16*r, 6), j(-78, 8, -198, 15*r, 8), j(-30, 18, -205, 16*r, 9), j(8, -10, -212, 16*r, 9), j(0, -48, -240, 18*r, 4), j(0, -52, -280, 19*r, 3), j(0, -42, -318, 12, 2)}
		},
		bowel: func(s stream, layer int, full, dy float64) []knot {
			var loops []knot
			l := float64(layer)
			for i := range 54 { // rows from side to side
				t := float64(i%6) / 5
				if i/6%2 == 1 {
					t = 1 - t
				}
				p := vec{-74 + 148*t, 6 + 34*l + 12*math.Sin(float64(i)*1.9+l) + l*dy, -62 - 17*float64(i/6) - 9*l}
				loops = append(loops, knot{p.add(s.jitter(8)), s.uni(9.5, 15.5) * full})
			}
			return loops
		},
		aorta: func(r *aortaRoom) []knot {
			return []knot{
				r.onHeart(0, 14, 163, r.asc*1.05, 1, 0), r.onHeart(9, 19, 178, r.asc*1.08, 1, 1), r.onHeart(20, 24, 205, r.asc, 0.6, 2), r.free(16, 18, 232, r.asc*0.98, 3),
				r.free(4, 2, 246+r.archUp, r.asc*0.92, 2), r.free(-10, -20, 245, r.asc*0.85, 2), r.free(-20, r.spine(224)+18, 224, r.desc*1.05, 2), r.free(-24+r.side, r.spine(190)+6, 190, r.desc, 2),
				r.free(-23+r.side, r.spine(140)+8, 140, r.desc, 2), r.free(-18+r.side, r.spine(90)+16, 90, r.desc*0.97, 2), r.free(-10+r.side*0.6, r.front(40)+r.abd, 40, r.desc*0.9, 1.5), r.free(-6+r.tort*0.5, r.front(0)+r.abd, 0, r.abd, 1.5),
				r.free(-5+r.tort, r.front(-70)+r.abd, -70, r.abd*0.92, 2), r.free(-4, r.front(-135)+r.abd*0.8, -138, r.abd*0.85, 2),
			}
		},
	}
}
