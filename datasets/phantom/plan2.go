package phantom

import "math"

// planTwo is the version that no model is trained on: other shape families, control points, noise and intensities.
func planTwo() *plan {
	return &plan{
		trunk: trunkPlan{ // a rounder chest, a narrower waist
			cavA:   [][2]float64{{345, 26}, {305, 32}, {288, 52}, {265, 80}, {240, 101}, {190, 122}, {140, 131}, {90, 134}, {40, 129}, {-20, 120}, {-80, 116}, {-140, 120}, {-190, 116}, {-235, 95}, {-290, 68}, {-320, 42}},
			cavF:   [][2]float64{{345, 12}, {305, 9}, {288, 16}, {260, 34}, {235, 46}, {190, 64}, {140, 78}, {90, 88}, {40, 88}, {-20, 82}, {-80, 76}, {-140, 72}, {-190, 68}, {-235, 58}, {-290, 44}, {-320, 32}},
			cavB:   [][2]float64{{345, -42}, {305, -60}, {288, -70}, {260, -84}, {220, -96}, {170, -102}, {110, -100}, {50, -95}, {-10, -89}, {-70, -83}, {-130, -79}, {-185, -80}, {-235, -90}, {-290, -78}, {-320, -58}},
			musA:   [][2]float64{{345, 60}, {318, 62}, {302, 84}, {284, 146}, {262, 178}, {235, 178}, {210, 166}, {170, 158}, {120, 155}, {60, 149}, {0, 138}, {-60, 131}, {-120, 136}, {-180, 153}, {-230, 168}, {-285, 172}, {-460, 160}},
			musF:   [][2]float64{{345, 44}, {318, 44}, {300, 38}, {278, 50}, {245, 70}, {195, 90}, {145, 99}, {90, 104}, {40, 101}, {-20, 94}, {-80, 88}, {-140, 84}, {-200, 80}, {-260, 78}, {-460, 66}},
			musB:   [][2]float64{{345, -80}, {318, -82}, {295, -94}, {262, -116}, {200, -130}, {140, -130}, {80, -123}, {20, -116}, {-60, -112}, {-130, -114}, {-190, -121}, {-250, -134}, {-310, -122}, {-460, -78}},
			spineY: [][2]float64{{345, -30}, {310, -34}, {275, -48}, {225, -63}, {165, -69}, {105, -65}, {50, -57}, {5, -49}, {-35, -43}, {-75, -38}, {-115, -38}, {-155, -43}, {-195, -56}, {-235, -71}, {-275, -70}, {-300, -60}, {-460, -60}},
			cavEx:  [2]float64{1.95, 2.2}, musEx: [2]float64{2.05, 2.35}, skinEx: [2]float64{1.95, 2.25},
		},
		bones: bonePlan{
			ribTilt: []float64{0.22, 0.33, 0.44, 0.5, 0.54, 0.56, 0.57, 0.57, 0.56, 0.55, 0.52, 0.46},
			ribEnd:  []float64{2.4, 2.52, 2.5, 2.46, 2.4, 2.33, 2.24, 2.12, 2.0, 1.84, 1.38, 0.95},
			sagBase: 9, sagStep: 1.8, ribThick: [2]float64{2.9, 4.0}, ribHigh: [2]float64{5.8, 7.8},
			bodyEx: 2.9, bodyW: 1.04, bodyD: 0.97, spinous: 0.92, cortex: [2]float64{1.3, 2.3},
		},
		heart: heartPlan{
			axis: vec{-0.66, 0.56, -0.46}, apexEx: 2.3, shoulder: 0.2,
			length: [2]float64{76, 90}, epi: [2]float64{30, 35.5}, wall: [2]float64{7.5, 12}, taper: 0.25,
			rvR: vec{44, 26, 37}, rvAlong: [2]float64{24, 30}, rvSide: [2]float64{28, 33}, rvEx: 2.3, laEx: 2.6, raEx: 2.4,
			laC: vec{1, -15, 165}, laR: vec{29, 20, 25}, laTurn: vec{14, 4, -2},
			raC: vec{39, 9, 140}, raR: vec{22, 25, 32}, raTurn: vec{5, -8, 10},
			appendC: vec{-40, 12, 180}, appendR: vec{10, 20, 10}, warpStep: 30, noise: newWaves,
		},
		dome: domePlan{right: 108, left: 98, mid: 90, width: 58, fall: func(t float64) float64 {
			return math.Cos(math.Pi / 2 * math.Pow(t, 2.1))
		}},
		hu:    huTwo,
		noise: newWaves, fineStep: 9, coarseStep: 24, grainStep: 3.2, branchSpread: 0.45, fissureBend: 0.0035,
		spleen: func(s stream, k float64) solid { // a bent hose that hugs the wall
			j := func(x, y, z, r float64) knot { return knot{vec{x, y, z}.add(s.jitter(4)), r * k} }
			c := s.jitter(4)
			ks := []knot{j(-66, -58, 76, 21), j(-90, -54, 58, 31), j(-100, -38, 30, 32), j(-98, -16, 6, 20)}
			for i := range ks {
				ks[i].p = ks[i].p.add(c)
			}
			return newTube(ks, 4)
		},
		kidney: func(c vec, k, side float64, rot mat) solid { // a bean: a hose bent towards the spine
			at := func(x, z, r float64) knot { return knot{c.add(rot.apply(vec{side * x, 0, z}.mul(k))), r * k} }
			return newTube([]knot{at(-5, 30, 23), at(2, 10, 26.5), at(2, -10, 26.5), at(-5, -30, 23)}, 4)
		},
		stomach: func(j jitterKnot, f float64) []knot { // J-shaped
			g := math.Sqrt(f)
			return []knot{j(-46, -36, 80, 27*g, 5), j(-58, -18, 60, 32*g, 5), j(-58, 6, 36, 28*f, 6), j(-56, 30, 8, 24*f, 7), j(-44, 46, -22, 21*f, 8), j(-18, 52, -40, 19*g, 8), j(8, 46, -34, 16, 5), j(30, 30, -14, 11, 4)}
		},
		colon: func(j jitterKnot, dy, r float64) []knot { // a deeper transverse loop, a shorter sigmoid
			return []knot{j(72, 16, -190, 28*r, 7), j(90, 2, -140, 25*r, 6), j(92, -10, -90, 23*r, 6), j(84, 8, -52, 23*r, 6), j(56, 44+dy, -66, 22*r, 8), j(22, 54+dy, -106, 20*r, 11), j(-22, 54+dy, -104, 20*r, 11), j(-66, 44+dy, -40, 19*r, 9), j(-96, 0, 8, 19*r, 6), j(-104, -34, -24, 17*r, 5), j(-100, -34, -90, 15*r, 6), j(-94, -8, -160, 16*r, 7), j(-56, 14, -206, 16*r, 9), j(-14, 0, -200, 16*r, 10), j(6, -40, -226, 17*r, 5), j(0, -54, -270, 20*r, 3), j(0, -42, -318, 12, 2)}
		},
		bowel: func(s stream, layer int, full, dy float64) []knot {
			var loops []knot
			l := float64(layer)
			for i := range 45 { // columns from top to bottom
				t := float64(i%5) / 4
				if i/5%2 == 1 {
					t = 1 - t
				}
				p := vec{-76 + 19*float64(i/5) + 8*l, 4 + 36*l + 13*math.Cos(float64(i)*2.3) + l*dy, -66 - 140*t}
				loops = append(loops, knot{p.add(s.jitter(10)), s.uni(10, 17) * full})
			}
			return loops
		},
		aorta: func(r *aortaRoom) []knot { // a steeper, more pointed arch laid through fewer knots
			return []knot{
				r.onHeart(0, 14, 163, r.asc*1.08, 1, 0), r.onHeart(10, 20, 180, r.asc*1.12, 1, 1.5), r.onHeart(22, 25, 210, r.asc, 0.5, 2.5),
				r.free(8, 6, 246+r.archUp, r.asc*0.9, 3), r.free(-16, -26, 238, r.desc*1.12, 3), r.free(-26+r.side, r.spine(200)+6, 200, r.desc, 3),
				r.free(-24+r.side*1.3, r.spine(120)+9, 120, r.desc*0.98, 3), r.free(-12+r.side*0.5, r.front(45)+r.abd*0.9, 45, r.desc*0.88, 2),
				r.free(-4+r.tort*0.4, r.front(-20)+r.abd, -20, r.abd*0.95, 2), r.free(-7+r.tort*1.2, r.front(-85)+r.abd, -85, r.abd*0.9, 3), r.free(-3, r.front(-140)+r.abd*0.8, -140, r.abd*0.85, 2),
			}
		},
		lobes: func(s stream) []solid { // superellipsoids that merge
			k := s.gauss(1, 0.07)
			e := func(c, r vec, ex float64, rot mat) solid { return newEllipsoid(c.add(s.jitter(5)), r.mul(k), ex, rot) }
			return []solid{
				e(vec{74, -8, 34}, vec{68, 92, 86}, 2.5, rotation(s.gauss(6, 5), s.gauss(10, 5), 0)),
				e(vec{100, 0, -22 + s.gauss(0, 14)}, vec{30, 52, 50}, 2.2, rotation(0, s.gauss(6, 5), 0)),
				e(vec{6, 42, 46}, vec{62, 40, 40}, 2.3, rotation(s.gauss(-8, 6), s.gauss(12, 6), s.gauss(-8, 6))),
				e(vec{-44 + s.gauss(0, 16), 42, 62}, vec{42, 34, 26}, 2, rotation(0, s.gauss(10, 8), s.gauss(-14, 8))),
				e(vec{16, -14, 36}, vec{17, 20, 26}, 2, rotation(0, 0, 0)),
			}
		},
	}
}
