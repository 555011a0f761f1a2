package phantom

import "math"

// huTable is the mean intensity of each tissue in one phantom.
type huTable struct {
	mean  [tissueCount]float64
	phase string
	noise float64
}

func newHUTable(s stream) *huTable {
	h := &huTable{}
	set := func(v float64, ts ...tissue) {
		for _, t := range ts {
			h.mean[t] = math.Round(v*10) / 10
		}
	}
	fat := s.gauss(-102, 8)
	set(-1000, airOutside)
	set(s.gauss(25, 15), skin)
	set(fat, subcutaneousFat)
	set(fat+s.gauss(4, 4), visceralFat, mediastinalFat, heartFat, renalSinus)
	mus := s.gauss(52, 7)
	set(mus, muscle, autochthon, psoas, diaphragm)
	set(s.uni(380, 900), boneCortex, vertebraCortex)
	h.mean[vertebraCortex] *= 0.75
	set(s.uni(500, 1000), ribBone)
	mar := s.gauss(160, 55)
	set(mar, vertebraMarrow)
	set(mar*s.uni(0.6, 1.1), boneMarrow, armBone, ribMarrow)
	set(s.gauss(110, 20), cartilage)
	set(s.gauss(80, 12), disc)
	set(s.gauss(28, 8), spinalCanal)
	lung := s.gauss(-835, 45)
	for t := lungLUL; t <= lungRLL; t++ {
		set(lung+s.gauss(0, 12), t)
	}
	set(s.gauss(-975, 15), tracheaAir)
	set(s.gauss(0, 25), tracheaWall)
	set(s.gauss(38, 8), esophagus, adrenalLeft, adrenalRight)
	set(s.gauss(20, 10), pericardium)
	blood := s.gauss(42, 6)
	liver := s.gauss(57, 6)
	if s.chance(0.2) {
		liver = s.uni(0, 45)
	}
	spleen, kid := s.gauss(46, 5), s.gauss(33, 4)
	var ao, pa, lh, rh, svc, ivc, pv float64
	cor, medu, liv, spl, myo, panc, gut, mu := kid, kid, liver, spleen, s.gauss(46, 6), s.gauss(38, 7), s.gauss(36, 8), 0.0
	switch u := s.Float64(); {
	case u < 0.3:
		h.phase = "none"
		ao, pa, lh, rh, svc, ivc, pv = blood, blood, blood, blood, blood, blood, blood
	case u < 0.48:
		h.phase = "cardiac"
		ao = s.uni(280, 520)
		lh = ao * s.uni(0.92, 1.08)
		rh = s.uni(60, 380)
		pa = rh * s.uni(0.9, 1.3)
		svc, ivc, pv = s.uni(60, 450), s.uni(45, 110), blood
		myo += s.uni(35, 85)
		cor, medu, spl, liv, panc, gut = kid+s.uni(40, 150), kid+s.uni(0, 30), spleen+s.uni(10, 60), liver+s.uni(0, 12), panc+s.uni(10, 40), gut+s.uni(5, 25)
	case u < 0.62:
		h.phase = "arterial"
		ao = s.uni(220, 430)
		lh, rh = ao*s.uni(0.9, 1.1), s.uni(110, 350)
		pa = rh * s.uni(0.9, 1.2)
		svc, ivc, pv = s.uni(100, 500), s.uni(50, 130), s.uni(50, 120)
		myo += s.uni(35, 80)
		cor, medu, spl, liv, panc, gut = s.uni(120, 210), s.uni(40, 100), s.uni(90, 150), liver+s.uni(5, 25), s.uni(80, 120), s.uni(60, 100)
	case u < 0.88:
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
		mu = s.uni(5, 14)
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
	h.noise = s.uni(5, 28)
	return h
}

// render turns the tissue map into HU: texture, partial volume, noise.
func (h *huTable) render(seed uint64, shape [3]int, sp float64, tissues []uint16) []float32 {
	im := make([]float32, len(tissues))
	n := shape[0] * shape[1]
	parallel(shape[2], func(k int) {
		for i := k * n; i < (k+1)*n; i++ {
			t := tissue(tissues[i])
			v := float32(h.mean[t])
			switch {
			case t == colonFaeces:
				v += 90 * white(seed^1, uint64(i)) //nolint:gosec // an index
			case t >= lungLUL && t <= lungRLL:
				v += 25 * white(seed^1, uint64(i)) //nolint:gosec // an index
			case t != airOutside:
				v += 6 * white(seed^1, uint64(i)) //nolint:gosec // an index
			}
			im[i] = v
		}
	})
	blur(im, shape, 0.5)
	parallel(shape[2], func(k int) {
		for i := k * n; i < (k+1)*n; i++ {
			v := im[i] + float32(h.noise)*white(seed^2, uint64(i)) //nolint:gosec // an index
			im[i] = float32(math.Round(float64(max(v, -1024))))
		}
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
		parallel(shape[o2], func(b int) {
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
