package phantom

import "math"

// canonical maps a point of the room (RAS, mm) into the reference body.
func (a *anatomy) canonical(p vec) vec {
	q := a.pose.applyT(p)
	q = vec{q.x / a.scale.x, q.y / a.scale.y, q.z / a.scale.z}
	q.x += a.scol[0] * math.Sin(q.z/a.scol[1]+a.scol[2])
	d := a.warpAmp
	return q.add(vec{d * a.warp[0].at(q), d * a.warp[1].at(q), d * a.warp[2].at(q)})
}

// diaphragmZ is the height of the diaphragm above (x, y); rho is the distance to the cavity's wall.
func (a *anatomy) diaphragmZ(x, y, wall float64) float64 {
	r, l, m := a.dome[0], a.dome[1], a.dome[2]
	top := m
	u, v := (x-66)/a.plan.dome.width, (x+68)/a.plan.dome.width
	top += (r-m)*math.Exp(-u*u) + (l-m)*math.Exp(-v*v)
	// Attachment: low behind and at the sides, high in front.
	edge := a.dome[3] + 55*smoothstep(-20, 75, y)
	t := clamp(1+(wall+2)/75, 0, 1) // 0 deep inside, 1 at the wall
	return edge + (top-edge)*a.plan.dome.fall(t) - a.breath*0.85
}

// at is the tissue at point p of the reference body.
func (a *anatomy) at(p vec) tissue {
	sec := a.tr.at(p.z)
	if math.Abs(p.x) > sec.skin.a+30 || p.y < sec.skin.back-30 || p.y > sec.skin.front+90 {
		return a.outside(p)
	}
	dMus := sec.mus.dist(p.x, p.y)
	dSkin := dMus
	if dMus > -6 || p.z < -285 { // deep inside nobody asks how far the skin is
		dSkin = sec.skin.dist(p.x, p.y)
	}
	if p.z < -285 { // the trunk parts into the thighs
		f := smoothstep(-285, -320, p.z)
		th := math.Hypot((math.Abs(p.x)-a.tr.thighX)*1.0, p.y+5) - a.tr.thighR
		fat := a.tr.fatA.at(p.z) * 0.8
		dMus = mix(dMus, th, f)
		dSkin = mix(dSkin, th-fat, f)
	}
	if a.tr.female && p.y > 0 && p.z > 60 && p.z < 220 {
		c := vec{a.tr.breastC.x, sec.mus.front - 8, a.tr.breastC.z}
		q := vec{math.Abs(p.x), p.y, p.z}.sub(c)
		b := vec{q.x, q.y * 1.15, q.z}.norm() - a.tr.breastR
		dSkin = smin(dSkin, b, 18)
		if b < -12 && dMus > 3 && q.y > 6 && a.fine.at(p) > 0.6 {
			return breast
		}
	}
	if dSkin > 0 {
		return a.outside(p)
	}
	if dMus > 0 {
		if t, ok := a.sk.other(p, &sec, sec.cav.dist(p.x, p.y)); ok {
			return t
		}
		if dSkin > -a.tr.skinT {
			return skin
		}
		return subcutaneousFat
	}
	dc := sec.cav.dist(p.x, p.y) + 1.2*a.coarse.at(p)
	if t, col, ok := a.sk.spine(p, &sec); ok {
		return t
	} else if t, ok := a.sk.chest(p, &sec, dc); ok {
		return t
	} else if t, ok := a.sk.other(p, &sec, dc); ok {
		return t
	} else if dc < 0 && p.z > -320 && p.z < 300 {
		return a.viscera(p, &sec, dc, col)
	}
	if p.z >= 285 {
		if t, ok := a.neck(p); ok {
			return t
		}
	}
	return a.wall(p, &sec, dc, dMus)
}

func (a *anatomy) outside(p vec) tissue {
	if a.arms == 1 && p.z < 270 {
		for i := range a.sk.limbs {
			l := &a.sk.limbs[i]
			if l.t != armBone || !l.box.near(p, 60) {
				continue
			}
			d := capsule(p, l.a, l.b, l.ra, l.rb)
			switch r := 46 - l.rb*1.2; {
			case d < -3:
				return boneMarrow
			case d < 0:
				return boneCortex
			case d < r-14:
				return muscle
			case d < r-2:
				return subcutaneousFat
			case d < r:
				return skin
			}
		}
	}
	if a.table > 0 {
		// A shallow curved table under the back.
		y := p.y - a.tableY - p.x*p.x*0.0009*float64(a.table-1)
		if math.Abs(p.x) < 215 && y < 0 && y > -28 {
			if y > -10 {
				return tablePad
			}
			if y > -12 || y < -26 {
				return tableShell
			}
		}
	}
	return airOutside
}

func (a *anatomy) neck(p vec) (tissue, bool) {
	if d := a.trachea.dist(p); d < 0 {
		return tracheaAir, true
	} else if d < 1.8 {
		return tracheaWall, true
	}
	if a.gullet.dist(p) < 0 {
		return esophagus, true
	}
	for i := range a.vessels {
		if v := &a.vessels[i]; v.t.dist(p) < 0 {
			return v.c, true
		}
	}
	if d := a.trachea.dist(p); d < 14 && p.z > 280 && p.z < 325 && math.Abs(p.x) > 8 {
		return thyroid, true
	}
	return 0, false
}

// wall is the soft tissue between cavity and fascia: muscles with fat planes between them.
func (a *anatomy) wall(p vec, sec *section, dc, dMus float64) tissue {
	n, f := a.fine.at(p), a.coarse.at(p)
	dx := math.Abs(p.x)
	if p.z > -225 && p.y < sec.sy-8 {
		// The back muscles: a lens on each side of the spinous processes.
		c := sec.cav.back + 8 - 0.5*a.sk.ribOff
		thick := math.Max(c-sec.mus.back-3, 8)
		half := 36 + 10*smoothstep(60, -60, p.z) - 8*smoothstep(120, 260, p.z)
		e := math.Hypot((dx-3-half*0.85)/half, (p.y-(c-0.42*thick))/(0.62*thick))
		switch {
		case e < 1-0.05*n:
			if n > 2.1 || (e < 0.85 && math.Abs(f) < 0.05) {
				return subcutaneousFat
			}
			return autochthon
		case e < 1.09 && dMus < -5:
			return subcutaneousFat
		}
	}
	// Vessels of the shoulder and groin run here.
	if p.z > 240 || p.z < -200 {
		for i := range a.vessels {
			if v := &a.vessels[i]; v.t.dist(p) < 0 {
				return v.c
			}
		}
	}
	switch {
	case p.z > 30 && p.z < 235 && dc > 10.5+n:
		// Outside the ribs: pectorals, latissimus and serratus, with fat where they thin out.
		t := 5 + 3*f
		if p.y > sec.cav.cy && dx > 14 {
			t += 20 * smoothstep(125, 165, p.z) * smoothstep(14, 30, dx)
		}
		if p.y < sec.cav.cy+15 && dx > 40 {
			t += 9 * smoothstep(20, 90, p.z)
		}
		if p.y < sec.cav.cy && dx > 60 && p.z > 120 {
			t += 18 * smoothstep(120, 160, p.z)
		}
		if -dMus > t && dc > 13+1.5*f {
			return subcutaneousFat
		}
		if p.z > 130 && math.Abs(f) < 0.07 {
			return subcutaneousFat
		}
	case p.z <= 30 && p.z > -190:
		// The flat muscles of the belly, the linea alba, fat planes at the side.
		if p.y > sec.cav.cy && dx < 3 && dc > 3 {
			return subcutaneousFat
		}
		if dx > 70 && math.Abs(dc/math.Max(dc-dMus, 1)-0.5-0.15*f) < 0.06 {
			return visceralFat
		}
	case p.z <= -190:
		if math.Abs(f) < 0.09 || n > 2 {
			return subcutaneousFat
		}
	case p.z >= 235:
		if math.Abs(f) < 0.11 || f > 1.4 {
			return subcutaneousFat
		}
	}
	return muscle
}

// viscera is the content of chest, abdomen and pelvis.
func (a *anatomy) viscera(p vec, sec *section, dc, col float64) tissue {
	n := a.fine.at(p)
	wide := a.coarse.at(p)
	dz := p.z - a.diaphragmZ(p.x, p.y, dc) - 1.5*wide

	// Great vessels.
	dAo, along := a.aorta.distAt(p)
	if dAo < 0 {
		if dAo > -a.wallAo {
			if a.calc > 0.3 && along > 0.25 && n+0.4*a.calc > 2.1 {
				return aortaCalcium
			}
			return aortaWall
		}
		return aortaBlood
	}
	med := dAo - 2
	ht, hull, inHeart := a.ht.at(p, &a.plan.heart)
	great := far
	code := tissue(0)
	for i := range a.vessels {
		v := &a.vessels[i]
		d := v.t.dist(p)
		if d < great && (!inHeart || (v.c != pulmonaryArtery && v.c != superiorVenaCava && v.c != inferiorVenaCava) || ht == heartFat || ht == pericardium) {
			great, code = d, v.c
		}
	}
	if great < 0 {
		return code
	}
	if inHeart {
		return ht
	}
	dT := a.trachea.dist(p)
	for _, b := range a.bronchi {
		dT = math.Min(dT, b.dist(p))
	}
	dE := far
	if p.z > 40 {
		dE = a.gullet.dist(p)
	}
	switch {
	case dT < 0:
		return tracheaAir
	case dE < -3.5 && n > 1.2:
		return tracheaAir
	case dE < 0:
		return esophagus
	case dT < 1.6:
		return tracheaWall
	}
	if dz > 0 {
		return a.chestContent(p, sec, dc, col, n, wide, smin(smin(med, great-2, 10), smin(smin(dT-3, dE-2, 10), hull-a.ht.fat-a.ht.peri-1, 12), 12))
	}
	if dz > -3.2 && p.z > -10 {
		if dc < -1 || p.z > 40 {
			return diaphragm
		}
	}
	return a.belly(p, sec, dc, col, dz, n, wide)
}

// chestContent is lung or mediastinum; med is the distance to all that the mediastinum holds.
func (a *anatomy) chestContent(p vec, sec *section, dc, col, n, wide, med float64) tissue {
	// The column of fat between the lungs, from spine to breast bone.
	ant := smoothstep(0, 50, p.y)
	w := a.medW*(1-0.6*ant) + 4 + 10*smoothstep(215, 260, p.z)*(1-ant)
	cx := -2.0
	column := math.Abs(p.x-cx) - w
	if p.y < sec.sy+14 {
		column = far
	}
	m := smin(smin(med, column, 12), col-3, 8) + 0.8*n
	if m < 0 || dc > -1.5 {
		if dc > -1.5 && m > 0 {
			return muscle
		}
		return mediastinalFat
	}
	if math.Abs(p.x) < 3 {
		return mediastinalFat
	}
	left := p.x < cx
	q := p
	q.z += 3*wide + a.plan.fissureBend*(math.Abs(p.x)-60)*(math.Abs(p.x)-60)
	q.y += 3 * n
	if left {
		v := a.lungTree[0].inside(p)
		if a.fiss[0].dist(q) > 0 {
			if v {
				return vesselLUL
			}
			return lungLUL
		}
		if v {
			return vesselLLL
		}
		return lungLLL
	}
	v := a.lungTree[1].inside(p)
	switch {
	case a.fiss[1].dist(q) < 0:
		if v {
			return vesselRLL
		}
		return lungRLL
	case a.fiss[2].dist(q) > 0:
		if v {
			return vesselRUL
		}
		return lungRUL
	}
	if v {
		return vesselRML
	}
	return lungRML
}

// belly is the content of abdomen and pelvis.
func (a *anatomy) belly(p vec, sec *section, dc, col, dz, n, wide float64) tissue {
	// The upper organs follow the diaphragm.
	q := p
	q.z += a.breath * 0.75 * smoothstep(-190, 60, p.z)
	q = q.add(vec{1.6 * n, -1.4 * wide, 1.5 * n})
	wall := dc + 4

	if t, ok := a.kidneys(q, wall); ok {
		return t
	}
	if a.gb.dist(q) < 0 {
		return gallbladder
	}
	dSp := a.spleen.dist(q)
	dSt, _ := a.stomach.distAt(q)
	dK := math.Min(a.kidney[0].body.dist(q), a.kidney[1].body.dist(q))
	// Spleen and stomach press into each other.
	spl := smax(smax(smax(smax(dSp, wall, 8), dz+5, 8), 7-dK, 6), -dSt-11*a.spleenIn, 10)
	if spl < 0 && p.x < -20 {
		return spleenTissue
	}
	if d := smax(a.liverDist(q, wall, dz, dK, wide, col), 4-spl, 6); d < 0 {
		if a.liverTr.inside(q) {
			return liverVessel
		}
		return liverTissue
	}
	if d := smax(smax(smax(dSt, wall, 6), dz+5, 6), 3-spl, 5); d < 0 {
		if d > -3.5-0.8*n {
			return stomachWall
		}
		if q.y > a.gasY+0.5*wide {
			return stomachGas
		}
		return stomachFluid
	}
	for i := range a.adrenal {
		for _, t := range a.adrenal[i] {
			if t.dist(q) < 0 {
				return adrenalLeft + tissue(i)
			}
		}
	}
	if a.pancr.dist(q)+2.2*n < 0 {
		return pancreas
	}
	if d := a.duod.dist(q); d < 0 && wall < 0 {
		if d < -4 && n > 0.9 {
			return bowelGas
		}
		return duodenum
	}
	if p.z < -215 {
		if a.bladder.dist(q) < 0 {
			return bladder
		}
		if a.uterus.dist(q) < 0 {
			return prostateUterus
		}
	}
	// Crura of the diaphragm, beside the aorta.
	if p.z < 75 && p.z > -75 && p.y < sec.sy+45 {
		f := smoothstep(-75, 60, p.z)
		r := 3 + 4.5*f
		y := sec.sy + 15 + 7*f
		if math.Min(math.Hypot(p.x-13-3*f, (p.y-y)*0.6)-r, math.Hypot(p.x+20+2*f, (p.y-y)*0.6)-r*0.9) < 0 {
			return diaphragm
		}
	}
	// Psoas beside the spine, widening downwards.
	if p.z < 10 && p.z > -260 {
		f := smoothstep(10, -140, p.z)
		g := smoothstep(-150, -260, p.z)
		r := a.psoasR * (0.35 + 0.65*f) * (1 - 0.2*g)
		c := vec{30 + 16*f + 28*g, sec.sy - 6 + 6*f + 55*g*g, 0}
		if dK > 4 && math.Hypot(math.Abs(p.x)-c.x, (p.y-c.y)*0.85)-r+n < 0 {
			return psoas
		}
	}
	if dc > -9 && dK > 3 && p.y < sec.cav.back+30 && math.Abs(p.x) < 85 && p.z < 20 && p.z > -170 && math.Abs(p.x) > 30 {
		return muscle // quadratus lumborum
	}
	if d, along := a.colon.distAt(q); d+2.5*math.Sin(along*150) < 0 && wall < 0 {
		d += 2.5 * math.Sin(along*150)
		switch {
		case d > -2.5:
			return colonWall
		case p.y > 12-25*a.colonGas+0.6*18*wide:
			return colonGas
		}
		return colonFaeces
	}
	if p.z < -55 && p.z > -235 {
		if d := math.Min(a.bowel[0].dist(q), a.bowel[1].dist(q)); d < 0 && wall < 0 {
			if d < -3.5 {
				if n > a.bowelGas+0.6 && p.y > 10 {
					return bowelGas
				}
				if wide > 0 {
					return bowelFluid
				}
			}
			return smallBowel
		}
	}
	if p.z < -296 && p.z > -320 && math.Abs(p.x) > 14 {
		return muscle
	}
	if p.z < -225 && (dc > -10+4*n) { // side wall of the pelvis
		return muscle
	}
	return visceralFat
}

func (a *anatomy) kidneys(q vec, wall float64) (tissue, bool) {
	for i := range a.kidney {
		k := &a.kidney[i]
		d := smax(k.body.dist(q), wall+3, 10)
		if k.hasCyst && wall < 0 && k.cyst.dist(q) < 0 {
			return kidneyLeftCyst + tissue(i), true
		}
		if d >= 0 {
			continue
		}
		s := k.sinus.dist(q)
		base := kidneyLeftCortex
		if i == 1 {
			base = kidneyRightCortex
		}
		switch {
		case s < 0:
			return renalSinus, true
		case d > -6.5 || a.fine.at(q.mul(2.2)) > 0.9:
			return base, true
		}
		return base + 1, true
	}
	return 0, false
}

// liverDist bounds the liver by the diaphragm, the wall and its lower and hind surfaces.
func (a *anatomy) liverDist(q vec, wall, dz, dK, wide, col float64) float64 {
	l := &a.liver
	d := smax(wall, dz+4, 10)
	if a.lobes != nil {
		u := far
		for _, s := range a.lobes {
			u = smin(u, s.dist(q), 26)
		}
		return smax(smax(smax(d, u, 14), 14-col, 10), 5-dK, 8)
	}
	// Lower surface: from the right tip up to the left.
	low := l.mid - l.slope*math.Max(0, q.x-5) - 0.28*math.Max(0, -q.x-10)*-1
	low = math.Max(low, l.tip) - l.front*q.y*smoothstep(-30, 30, q.x)
	if q.x < 10 {
		low = l.mid + 0.32*(10-q.x) - l.front*0.5*q.y
	}
	low += 6 * wide
	d = smax(d, (low-q.z)*0.75, 16)
	// Hind surface: free of the spine and of the stomach on the left.
	hind := -100 + (102+l.depth)*smoothstep(48, 14, q.x) + 0.62*math.Max(0, 14-q.x)
	d = smax(d, (hind-q.y)*0.8, 14)
	d = smax(d, (l.left-q.x)*0.9, 16)
	if q.x > 0 {
		d = smax(d, 5-dK, 8)
	}
	return d
}
