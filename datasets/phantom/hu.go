package phantom

import (
	"math"

	"satgraph/internal/parallel"
)

// huPlan is what a generator version says about intensities (HU) and the look of the image.
type huPlan struct {
	fat, muscle, marrow, lung, blood, liver float64
	cortex                                  [2]float64
	phases                                  [4]float64 // cumulative chances of none, cardiac, arterial, portal; the rest is late
	enhance                                 [2]float64 // factor on the vessels' enhancement
	noise                                   [2]float64 // standard deviation
	corr                                    [2]float64 // share of the noise that is correlated
	blur                                    [2]float64 // point spread, voxels
	grain                                   [2]float64 // parenchymal texture
	shade                                   float64    // slow shading over the body
	sharp                                   float64    // chance of an edge-enhancing kernel
}

var huOne = huPlan{
	fat: -102, muscle: 52, marrow: 160, lung: -835, blood: 42, liver: 57, cortex: [2]float64{380, 900},
	phases: [4]float64{0.3, 0.48, 0.62, 0.88}, enhance: [2]float64{0.9, 1.1},
	noise: [2]float64{4, 28}, corr: [2]float64{0.2, 0.8}, blur: [2]float64{0.4, 0.75}, grain: [2]float64{2, 9}, shade: 6, sharp: 0.25,
}

var huTwo = huPlan{
	fat: -97, muscle: 56, marrow: 185, lung: -815, blood: 45, liver: 54, cortex: [2]float64{320, 760},
	phases: [4]float64{0.35, 0.55, 0.65, 0.85}, enhance: [2]float64{0.75, 1.15},
	noise: [2]float64{7, 35}, corr: [2]float64{0.5, 0.95}, blur: [2]float64{0.35, 0.95}, grain: [2]float64{4, 12}, shade: 10, sharp: 0.4,
}

// huTable is the mean intensity of each tissue in one phantom, and how its image is made.
type huTable struct {
	plan    *huPlan
	mean    [tissueCount]float64
	phase   string
	noise   float64
	sd      float64
	corr    float64
	grain   float64
	shade   float64
	depend  float64 // how much denser the lower parts of the lungs are
	sharpen float64
}

func newHUTable(s stream, pl *huPlan) *huTable {
	h := &huTable{plan: pl}
	set := func(v float64, ts ...tissue) {
		for _, t := range ts {
			h.mean[t] = math.Round(v*10) / 10
		}
	}
	fat := s.gauss(pl.fat, 8)
	set(-1000, airOutside)
	set(s.gauss(25, 15), skin)
	set(fat, subcutaneousFat)
	set(fat+s.gauss(4, 4), visceralFat, mediastinalFat, heartFat, renalSinus)
	mus := s.gauss(pl.muscle, 6)
	set(mus, muscle, autochthon, psoas, diaphragm)
	set(s.uni(pl.cortex[0], pl.cortex[1]), boneCortex, vertebraCortex)
	h.mean[vertebraCortex] *= 0.75
	set(s.uni(pl.cortex[0]+100, pl.cortex[1]+100), ribBone)
	mar := s.gauss(pl.marrow, 50)
	set(mar, vertebraMarrow)
	set(mar*s.uni(0.6, 1.1), boneMarrow, armBone, ribMarrow)
	set(s.gauss(110, 20), cartilage)
	set(s.gauss(80, 12), disc)
	set(s.gauss(28, 8), spinalCanal)
	lung := s.gauss(pl.lung, 45)
	for t := lungLUL; t <= lungRLL; t++ {
		set(lung+s.gauss(0, 12), t)
	}
	set(s.gauss(-975, 15), tracheaAir)
	set(s.gauss(0, 25), tracheaWall)
	set(s.gauss(38, 8), esophagus, adrenalLeft, adrenalRight)
	set(s.gauss(20, 10), pericardium)
	blood := s.gauss(pl.blood, 6)
	liver := s.gauss(pl.liver, 6)
	if s.chance(0.2) {
		liver = s.uni(0, 45)
	}
	spleen, kid := s.gauss(46, 5), s.gauss(33, 4)
	var ao, pa, lh, rh, svc, ivc, pv float64
	cor, medu, liv, spl, myo, panc, gut := kid, kid, liver, spleen, s.gauss(46, 6), s.gauss(38, 7), s.gauss(36, 8)
	switch u := s.Float64(); {
	case u < pl.phases[0]:
		h.phase = "none"
		ao, pa, lh, rh, svc, ivc, pv = blood, blood, blood, blood, blood, blood, blood
	case u < pl.phases[1]:
		h.phase = "cardiac"
		ao = s.uni(280, 520)
		lh = ao * s.uni(0.92, 1.08)
		rh = s.uni(60, 380)
		pa = rh * s.uni(0.9, 1.3)
		svc, ivc, pv = s.uni(60, 450), s.uni(45, 110), blood
		myo += s.uni(35, 85)
		cor, medu, spl, liv, panc, gut = kid+s.uni(40, 150), kid+s.uni(0, 30), spleen+s.uni(10, 60), liver+s.uni(0, 12), panc+s.uni(10, 40), gut+s.uni(5, 25)
	case u < pl.phases[2]:
		h.phase = "arterial"
		ao = s.uni(220, 430)
		lh, rh = ao*s.uni(0.9, 1.1), s.uni(110, 350)
		pa = rh * s.uni(0.9, 1.2)
		svc, ivc, pv = s.uni(100, 500), s.uni(50, 130), s.uni(50, 120)
		myo += s.uni(35, 80)
		cor, medu, spl, liv, panc, gut = s.uni(120, 210), s.uni(40, 100), s.uni(90, 150), liver+s.uni(5, 25), s.uni(80, 120), s.uni(60, 100)
	case u < pl.phases[3]:
		h.phase = "portal"
		ao = s.uni(120, 200)
		lh, rh, pa, svc, ivc, pv = ao*s.uni(0.95, 1.05), ao*s.uni(0.92, 1.05), ao*s.uni(0.92, 1.05), ao*s.uni(0.9, 1.1), ao*s.uni(0.8, 1), ao*s.uni(0.95, 1.15)
		myo += s.uni(40, 70)
		cor, medu, spl, liv, panc, gut = s.uni(160, 220), s.uni(130, 210), s.uni(100, 140), liver+s.uni(38, 62), s.uni(75, 115), s.uni(65, 105)
	default:
		h.phase = "late"
		ao = s.uni(90, 130)
		lh, rh, pa, svc, ivc, pv = ao, ao, ao, ao, ao*s.uni(0.95, 1.02), ao*1.03
		myo += s.uni(30, 50)
		cor, medu, spl, liv, panc, gut = s.uni(120, 170), s.uni(130, 190), s.uni(80, 105), liver+s.uni(28, 45), s.uni(60, 85), s.uni(55, 85)
	}
	if h.phase != "none" {
		e := s.uni(pl.enhance[0], pl.enhance[1])
		for _, v := range []*float64{&ao, &pa, &lh, &rh, &svc, &ivc, &pv} {
			*v = blood + (*v-blood)*e
		}
		mu := s.uni(5, 14)
		for _, t := range []tissue{muscle, autochthon, psoas, diaphragm, esophagus} {
			h.mean[t] += mu
		}
		set(s.uni(50, 90), adrenalLeft, adrenalRight, prostateUterus)
	} else {
		set(s.gauss(42, 6), prostateUterus)
	}
	set(ao, aortaBlood, iliacArtery)
	set(ao*0.6+18, aortaWall)
	set(s.uni(350, 900), aortaCalcium)
	set(pa, pulmonaryArtery)
	set(svc, superiorVenaCava)
	set((svc+ao)/2, neckVessel)
	set(ivc, inferiorVenaCava, iliacVein, azygos)
	set(pv, portalVein)
	set(lh, lvBlood, laBlood, laWall, pulmonaryVein)
	set(rh, rvBlood, raBlood)
	h.mean[laWall] = lh*0.5 + myo*0.5
	set(rh*0.4+myo*0.6, rvWall, raWall)
	set(myo, lvMyocardium)
	for t := vesselLUL; t <= vesselRLL; t++ {
		set(pa*0.7+lh*0.2-10, t)
	}
	set(liv, liverTissue)
	set(liv+(pv-liv)*0.8, liverVessel)
	if h.phase == "none" {
		set(liv+(blood-liv)*0.7, liverVessel)
	}
	set(s.gauss(9, 6), gallbladder)
	set(spl, spleenTissue)
	set(gut, stomachWall, smallBowel, duodenum, colonWall)
	fl := s.gauss(15, 15)
	if s.chance(0.12) {
		fl = s.uni(100, 350) // oral contrast
	}
	set(fl, stomachFluid, bowelFluid)
	set(s.gauss(-930, 40), stomachGas, bowelGas, colonGas)
	set(s.uni(-150, 60), colonFaeces)
	set(cor, kidneyLeftCortex, kidneyRightCortex)
	set(medu, kidneyLeftMedulla, kidneyRightMedulla)
	set(s.gauss(8, 5), kidneyLeftCyst, kidneyRightCyst)
	set(panc, pancreas)
	set(s.gauss(6, 5), bladder)
	set(s.gauss(100, 20), thyroid)
	set(s.uni(0, 40), breast)
	set(s.uni(-920, -700), tablePad)
	set(s.uni(-300, 150), tableShell)
	set(2500, metal)
	h.noise = s.uni(pl.noise[0], pl.noise[1])
	h.sd = s.uni(pl.blur[0], pl.blur[1])
	h.corr = s.uni(pl.corr[0], pl.corr[1])
	h.grain = s.uni(pl.grain[0], pl.grain[1])
	h.shade = s.uni(0, pl.shade)
	h.depend = s.uni(0, 45)
	if s.chance(pl.sharp) {
		h.sharpen = s.uni(0.3, 1)
	}
	return h
}

// grainOf is how strongly a tissue shows texture, times the table's grain.
func grainOf(t tissue) float64 {
	switch {
	case t == airOutside || t == tracheaAir || t == metal || t == stomachGas || t == bowelGas || t == colonGas:
		return 0
	case t == colonFaeces:
		return 9
	case t >= lungLUL && t <= lungRLL:
		return 3.5
	case t == vertebraMarrow || t == boneMarrow || t == ribMarrow || t == boneCortex || t == vertebraCortex || t == ribBone:
		return 5
	case t == muscle || t == autochthon || t == psoas || t == visceralFat || t == subcutaneousFat || t == stomachFluid:
		return 1.4
	}
	return 1
}

// render turns the tissue map into HU: texture, partial volume, kernel, noise. The noise at a voxel
// hangs on the seed and the voxel's number only.
func (h *huTable) render(seed uint64, a *anatomy, v *view, tissues []uint16) []float32 {
	shape := v.grid.Shape
	im := make([]float32, len(tissues))
	noise := make([]float32, len(tissues))
	each := func(f func(n int, w vec)) {
		parallel.For(shape[2], 0, func(k int) {
			for j := range shape[1] {
				for i := range shape[0] {
					f(v.grid.Index(i, j, k), v.at(i, j, k))
				}
			}
		})
	}
	var amp [tissueCount]float64
	for t := range tissueCount {
		amp[t] = grainOf(t) * h.grain
	}
	each(func(n int, w vec) {
		t := tissue(tissues[n])
		x := h.mean[t]
		if amp[t] > 0 {
			x += amp[t] * a.grain.at(w)
			if t >= lungLUL && t <= lungRLL {
				x -= h.depend * w.y / 80
			}
		}
		im[n] = float32(x)
		noise[n] = white(seed, uint64(n)) //nolint:gosec // an index
	})
	blur(im, shape, h.sd)
	if h.sharpen > 0 {
		soft := append([]float32(nil), im...)
		blur(soft, shape, 0.8)
		for i, s := range soft {
			im[i] += float32(h.sharpen) * (im[i] - s)
		}
	}
	// Correlated noise keeps its variance: a Gaussian of 0.8 voxels leaves about a seventh of it in 3-D.
	soft := append([]float32(nil), noise...)
	blur(soft, shape, 0.8)
	c, size := float32(h.corr), h.noise*(0.7+0.3*a.scale.x*a.tr.musA.at(0)/140)
	each(func(n int, w vec) {
		if v.blind(w) {
			im[n] = float32(v.beyond)
			return
		}
		x := float64(im[n]) + size*float64((1-c)*noise[n]+c*3.7*soft[n])
		if tissues[n] != uint16(airOutside) {
			x += h.shade * a.warp[0].at(w)
		}
		im[n] = float32(math.Round(clamp(x, -1024, 3071)))
	})
	return im
}

// blur smooths in place by a Gaussian of sd voxels along each axis.
func blur(im []float32, shape [3]int, sd float64) {
	r := int(math.Ceil(3 * sd))
	ker := make([]float32, 2*r+1)
	var sum float64
	for i := range ker {
		sum += math.Exp(-0.5 * math.Pow(float64(i-r)/sd, 2))
	}
	for i := range ker {
		ker[i] = float32(math.Exp(-0.5*math.Pow(float64(i-r)/sd, 2)) / sum)
	}
	stride := [3]int{1, shape[0], shape[0] * shape[1]}
	for ax := range 3 {
		o1, o2 := (ax+1)%3, (ax+2)%3
		parallel.For(shape[o2], 0, func(b int) {
			line := make([]float32, shape[ax])
			for a := range shape[o1] {
				base := a*stride[o1] + b*stride[o2]
				for i := range line {
					line[i] = im[base+i*stride[ax]]
				}
				for i := range line {
					var v float32
					for j, w := range ker {
						v += w * line[min(max(i+j-r, 0), len(line)-1)]
					}
					im[base+i*stride[ax]] = v
				}
			}
		})
	}
}
