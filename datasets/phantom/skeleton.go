package phantom

import "math"

// vertebra is one bone of the spine: body, canal, arch and processes.
type vertebra struct {
	z, h, w, d float64 // centre height, half height, half width, half depth of the body
	tilt       float64 // slope of the spine, dy/dz
	spinous    float64 // length of the spinous process beyond the arch
	drop       float64 // how far its tip falls
	trans      float64 // reach of the transverse processes
	ex         *power
	lumbar     bool
	ribbed     bool
}

// rib is one pair; its plane falls from the spine to the front.
type rib struct {
	z, tilt, sag, end, rise float64
	thick, high             float64
	cartilage               bool
}

type skeleton struct {
	vertebrae []vertebra
	ribs      []rib
	ribOff    float64
	limbs     []limb
	marrow    float64 // thickness of cortex in mm
	sternumW  float64
	scapTilt  float64
	scapUp    float64
}

// limb is a long bone or a joint head: a capsule.
type limb struct {
	a, b   vec
	ra, rb float64
	t      tissue
	box    box
}

func newLimb(a, b vec, ra, rb float64, t tissue) limb {
	l := limb{a: a, b: b, ra: ra, rb: rb, t: t, box: emptyBox()}
	l.box.include(a, ra)
	l.box.include(b, rb)
	return l
}

// levels gives the tops of C6, C7, T1..T12, L1..L5 and the bottom of L5 in the reference body (mm).
var levels = []float64{323, 306, 289, 269, 249, 227, 205, 183, 160, 136, 112, 86, 60, 30, 0, -34, -69, -105, -141, -178}

// bonePlan is what a generator version says about the bones.
type bonePlan struct {
	ribTilt, ribEnd   []float64
	sagBase, sagStep  float64
	ribThick, ribHigh [2]float64
	bodyEx            float64 // exponent of a vertebral body's outline
	bodyW, bodyD      float64 // relative width and depth
	spinous           float64
	cortex            [2]float64
}

func newSkeleton(s stream, pl *bonePlan, tr *trunk, arms int) *skeleton {
	k := &skeleton{ribOff: s.uni(4.5, 6.5), marrow: s.uni(pl.cortex[0], pl.cortex[1]), sternumW: s.uni(0.9, 1.15)}
	bw, ex := s.gauss(1, 0.07), newPower(pl.bodyEx)
	for i := range len(levels) - 1 {
		top, bot := levels[i], levels[i+1]
		f := float64(i) / 18
		gap := 3.5 + 5*f // disc
		v := vertebra{z: (top+bot)/2 + gap*0.1, h: (top - bot - gap) / 2, w: bw * pl.bodyW * (11.5 + 14*f), d: bw * pl.bodyD * (8.5 + 9*f), ex: ex, lumbar: i >= 14, ribbed: i >= 2 && i < 14}
		if i < 2 {
			v.w, v.d = bw*13, bw*8
		}
		v.tilt = (tr.spineY.at(v.z+10) - tr.spineY.at(v.z-10)) / 20
		switch {
		case v.lumbar:
			v.spinous, v.drop, v.trans = s.uni(20, 27), 4, s.uni(36, 44)
		case i < 2:
			v.spinous, v.drop, v.trans = s.uni(22, 30), 5, 26
		default:
			v.spinous, v.drop, v.trans = s.uni(20, 27), 14+8*math.Sin(float64(i-2)/11*math.Pi), 36-12*math.Max(0, float64(i-9)/4)
		}
		v.spinous *= pl.spinous
		k.vertebrae = append(k.vertebrae, v)
	}
	dt, de, dz := s.gauss(0, 0.06), s.gauss(0, 0.06), s.gauss(0, 2)
	for i := range 12 {
		fi := float64(i)
		k.ribs = append(k.ribs, rib{
			z: levels[2+i] - 3 + dz + s.gauss(0, 1), tilt: pl.ribTilt[i] + dt*math.Min(1, fi/4) + s.gauss(0, 0.015),
			sag: pl.sagBase + pl.sagStep*fi + s.gauss(0, 1.5), end: pl.ribEnd[i] + de + s.gauss(0, 0.05), rise: []float64{-8, -4, 0, 14, 34, 50, 66, 76, 84, 90, 0, 0}[i],
			thick: s.uni(pl.ribThick[0], pl.ribThick[1]), high: s.uni(pl.ribHigh[0], pl.ribHigh[1]), cartilage: i < 10,
		})
	}
	hipZ := -285 + s.gauss(0, 4)
	hipX := 86 + s.gauss(0, 3)
	for _, sd := range []float64{-1, 1} {
		f := func(x, y, z float64) vec { return vec{sd * x, y, z} }
		head := f(hipX, 2, hipZ)
		k.limbs = append(k.limbs,
			newLimb(head, head, 24, 24, boneMarrow),
			newLimb(head, f(hipX+38, -8, hipZ-28), 15, 18, boneMarrow),
			newLimb(f(hipX+40, -8, hipZ-22), f(hipX+26, 0, -460), 17, 14, boneMarrow),
			newLimb(f(hipX-18, 12, hipZ+6), f(8, 48, hipZ-22), 13, 10, boneMarrow),
			newLimb(f(hipX-22, -28, hipZ+4), f(hipX-32, -42, hipZ-48), 14, 12, boneMarrow),
			newLimb(f(hipX-32, -42, hipZ-48), f(14, 40, hipZ-38), 10, 7, boneMarrow),
			newLimb(f(hipX-4, -8, hipZ+22), f(hipX-18, -30, hipZ+50), 20, 12, boneMarrow),
			// Clavicle and shoulder.
			newLimb(f(20, 44, 262), f(75, 40, 275), 8, 6, boneMarrow),
			newLimb(f(75, 40, 275), f(148, -18, 283), 6, 7, boneMarrow),
			newLimb(f(148, -18, 283), f(95, -95, 240), 7, 5, boneMarrow),
		)
		switch arms {
		case 1: // down
			k.limbs = append(k.limbs,
				newLimb(f(158, -20, 255), f(158, -20, 255), 23, 23, armBone),
				newLimb(f(163, -20, 250), f(218, -35, -40), 12, 11, armBone),
				newLimb(f(218, -35, -50), f(222, 10, -300), 8, 7, armBone))
		default: // raised
			k.limbs = append(k.limbs,
				newLimb(f(150, -18, 272), f(150, -18, 272), 23, 23, armBone),
				newLimb(f(152, -18, 275), f(170, 10, 460), 13, 12, armBone))
		}
	}
	if s.chance(0.03) { // a hip replacement: head and shaft of one femur
		first := s.IntN(2) * (len(k.limbs) / 2)
		for i := first; i < first+3; i++ {
			k.limbs[i].t = metal
		}
	}
	k.scapTilt, k.scapUp = s.gauss(0, 0.1), s.gauss(0, 8)
	if arms != 1 {
		k.scapUp += 15
	}
	return k
}

// spine returns the tissue of the vertebral column at p, and the distance to the bodies' column.
func (k *skeleton) spine(p vec, sec *section) (tissue, float64, bool) {
	dx := math.Abs(p.x)
	if dx > 70 || math.Abs(p.y-sec.sy) > 95 || p.z < -186 || p.z > 345 {
		return 0, far, false
	}
	// The nearest vertebra by height; its processes may reach into the next one's height.
	best := 0
	for i := range k.vertebrae {
		if math.Abs(p.z-k.vertebrae[i].z) < math.Abs(p.z-k.vertebrae[best].z) {
			best = i
		}
	}
	v := &k.vertebrae[best]
	yb := p.y - sec.sy
	col := v.ex.norm(dx/v.w, math.Abs(yb)/v.d)
	column := math.Hypot(dx, yb) * (1 - 1/math.Max(col, 0.05))
	canalY := -v.d - 8.5
	canal := math.Hypot(dx/1.15, yb-canalY) - 8
	if canal < 0 {
		return spinalCanal, column, true
	}
	for i := max(best-1, 0); i <= min(best+1, len(k.vertebrae)-1); i++ {
		if d := k.vertebrae[i].dist(dx, p.y-sec.sy, p.z, canal); d < 0 {
			if d > -k.marrow {
				return vertebraCortex, column, true
			}
			return vertebraMarrow, column, true
		}
	}
	if column < 0 {
		return disc, column, true
	}
	return 0, column, false
}

// dist is the distance to the bone, x folded to one side, y from the body's centre; canal is the distance to the canal.
func (v *vertebra) dist(x, y, z, canal float64) float64 {
	dz := z - v.z + v.tilt*y*0.8
	mid := math.Min(1, math.Abs(dz)/v.h)
	waist := 1 - 0.07*(1-mid*mid)
	w, d := v.w*waist, v.d*waist
	k := v.ex.norm(x/w, math.Abs(y)/d)
	body := smax(math.Hypot(x, y)*(1-1/math.Max(k, 0.05)), math.Abs(dz)-v.h, 2)
	if x > 62 {
		return body
	}
	q := vec{x, y, dz}
	cy := -v.d - 8.5
	up := 0.35 * v.h
	pedicle := capsule(q, vec{v.w * 0.62, -v.d * 0.6, up}, vec{12.5, cy, up * 0.7}, 5, 5)
	lamina := math.Max(canal-6.5, math.Abs(dz+2)-v.h*0.85)
	lamina = smax(lamina, y-cy+2, 3)
	facet := capsule(q, vec{15, cy - 5, v.h + 2}, vec{14, cy - 6, -v.h - 2}, 5, 5.5)
	sp := capsule(vec{x * 1.3, y, dz}, vec{0, cy - 12, -2}, vec{0, cy - 10 - v.spinous, -v.drop}, 4.2, 5)
	if v.lumbar { // a tall plate
		sp = math.Max(math.Max(x-3.5, math.Abs(dz+5)-v.h*0.72), math.Max(y-(cy-9), (cy-10-v.spinous)-y))
	}
	ty := cy - 4.0
	if v.lumbar {
		ty = cy + 4
	}
	end := vec{v.trans, ty - 8, up}
	if !v.lumbar && v.ribbed {
		end = vec{v.trans, ty - 12, up + 2}
	}
	tr := capsule(q, vec{14, ty, up}, end, 5, 4.2)
	return math.Min(body, math.Min(math.Min(smin(pedicle, lamina, 3), smin(facet, lamina, 3)), math.Min(sp, tr)))
}

// chest returns the rib, cartilage or sternum tissue at p; dc is the distance to the cavity's wall.
func (k *skeleton) chest(p vec, sec *section, dc float64) (tissue, bool) {
	if p.z > 305 || p.z < -80 {
		return 0, false
	}
	u := dc - k.ribOff
	dx := math.Abs(p.x)
	cav := &sec.cav
	if u > -9 && u < 9 {
		// Sternum.
		if p.y > cav.cy+10 && p.z > 92 && p.z < 265 {
			w := 17.0
			switch {
			case p.z > 215:
				w = 18 + 12*smoothstep(215, 240, p.z)
			case p.z < 118:
				w = 8 + 9*smoothstep(92, 118, p.z)
			}
			if e := math.Max(dx-w*k.sternumW, math.Abs(u)-6); e < 0 {
				if e > -1.6 {
					return boneCortex, true
				}
				return boneMarrow, true
			}
		}
		b := cav.front - cav.cy
		if p.y < cav.cy {
			b = cav.cy - cav.back
		}
		theta := math.Atan2(dx/cav.a, -(p.y-cav.cy)/b)
		yv := sec.sy - 22
		for i := range k.ribs {
			r := &k.ribs[i]
			zc := r.z - r.tilt*(p.y-yv) - r.sag*math.Sin(theta)
			past := theta - r.end
			if past > 0 {
				if !r.cartilage {
					continue
				}
				zc += r.rise * math.Pow(past/(2.95-r.end), 1.5)
			}
			v := (p.z - zc) * 0.88
			if math.Abs(v) > r.high || math.Abs(u) > r.thick+3 {
				continue
			}
			taper := 1.0
			if !r.cartilage {
				taper = 1 - 0.5*smoothstep(r.end-0.3, r.end, theta)
			}
			e := math.Hypot(u/r.thick, v/(r.high*taper)) // 1 on the surface
			if e > 1 {
				continue
			}
			if past > 0 {
				return cartilage, true
			}
			if dx < 20 {
				continue
			}
			if e < 0.62 {
				return ribMarrow, true
			}
			return ribBone, true
		}
	}
	// Head and neck of the ribs, from the cage to the vertebral body.
	if dx > 12 && dx < 55 && p.y < sec.sy+8 && p.y > sec.sy-60 {
		yj := cav.back + 6
		for i := range k.ribs {
			r := &k.ribs[i]
			if math.Abs(p.z-r.z) > 25 {
				continue
			}
			v := &k.vertebrae[i+2]
			c := vec{40, yj, r.z - r.tilt*(yj-(sec.sy-22))}
			if d := capsule(vec{dx, p.y, p.z}, vec{v.w + 3, sec.sy - v.d*0.7, r.z + 1}, c, 4.2, 4); d < 0 {
				if d < -1.6 {
					return ribMarrow, true
				}
				return ribBone, true
			}
		}
	}
	return 0, false
}

// other returns the pelvis, sacrum, scapula and limb bones at p; dc is the distance to the cavity's wall.
func (k *skeleton) other(p vec, sec *section, dc float64) (tissue, bool) {
	dx := math.Abs(p.x)
	for i := range k.limbs {
		l := &k.limbs[i]
		if !l.box.near(p, 0) {
			continue
		}
		if d := capsule(p, l.a, l.b, l.ra, l.rb); d < 0 {
			if d > -k.marrow-1 && l.t != metal {
				return boneCortex, true
			}
			return l.t, true
		}
	}
	if p.z < -180 && p.z > -300 { // sacrum and coccyx
		f := (-180 - p.z) / 120
		w := 50 * (1 - f*0.75) * smoothstep(0, 0.04, f+0.02)
		th := 20 - 13*f
		d := math.Max(dx-w, math.Abs(p.y-(sec.sy-4-0.0018*dx*dx))-th)
		if d < 0 {
			if math.Hypot(dx/1.6, p.y-sec.sy+10) < 6*(1-f) {
				return spinalCanal, true
			}
			if d > -2 {
				return boneCortex, true
			}
			return boneMarrow, true
		}
	}
	if p.z < -128 && p.z > -282 { // iliac wing along the pelvic wall
		crest := -128 - 0.0072*(p.y+10)*(p.y+10)
		u := dc - 6
		th := 5 + 4*smoothstep(-200, -265, p.z)
		front := 55 + 0.1*(p.z+160)
		if math.Abs(u) < th && p.z < crest && dx > 46 && p.y < front && p.y > -95 {
			if p.z > -240 || p.y > -40 {
				if math.Abs(u) > th-2 {
					return boneCortex, true
				}
				return boneMarrow, true
			}
		}
	}
	if z := p.z - k.scapUp; z > 110 && z < 250 && p.y < sec.cav.cy && dx > 62 { // scapula
		u := dc - 20 - k.scapTilt*(dx-100)
		lat := 88 + 50*smoothstep(110, 250, z)
		if math.Abs(u) < 3 && dx < lat && dx > 66 {
			return boneCortex, true
		}
	}
	return 0, false
}
