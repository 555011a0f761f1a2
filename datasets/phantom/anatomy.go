package phantom

import "math"

// anatomy is one patient: every structure placed, ready to be asked for the tissue at a point.
type anatomy struct {
	plan *plan

	// The body as a whole.
	tr      *trunk
	sk      *skeleton
	pose    mat
	scale   vec
	scol    [3]float64 // sideways curve of the body: amplitude, period, phase
	warp    [3]texture // smooth deformation of everything
	warpAmp float64    // mm
	fine    texture    // irregularity of surfaces
	coarse  texture
	grain   texture // of the image within an organ
	arms    int     // 1 lowered, else raised
	table   int     // 0 none, else how much it is curved
	tableY  float64
	breath  float64 // downward shift of the diaphragm, mm

	// Chest.
	ht       *heart
	vessels  []vessel
	aorta    *tube
	wallAo   float64 // thickness of the aorta's wall, mm
	calc     float64 // calcification
	trachea  *tube
	bronchi  []*tube
	gullet   *tube
	medW     float64    // half width of the mediastinum, mm
	lungTree [2]*forest // vessels of the left and the right lung
	fiss     [3]plane   // left oblique, right oblique, horizontal
	dome     [4]float64 // diaphragm: right, left and middle height, lowest edge

	// Abdomen and pelvis; index 0 is left, 1 right.
	liver    liverForm
	lobes    []solid // a liver built of solids; none where it is built of surfaces
	liverTr  *forest
	gb       *ellipsoid
	spleen   solid
	spleenIn float64 // how far the spleen gives way to the stomach
	stomach  *tube
	gasY     float64 // level of the stomach's gas
	kidney   [2]kidney
	adrenal  [2][]*tube
	pancr    *tube
	duod     *tube
	colon    *tube
	colonGas float64
	bowel    [2]*tube // loops behind and in front
	bowelGas float64
	bladder  *ellipsoid
	uterus   *ellipsoid // or the prostate
	psoasR   float64
}

// vessel is a hose of one tissue.
type vessel struct {
	t *tube
	c tissue
}

// plane is a flat fissure.
type plane struct {
	n vec
	d float64
}

func (p plane) dist(q vec) float64 { return p.n.dot(q) - p.d }

// kidney is its outline, its sinus and perhaps a cyst.
type kidney struct {
	body    solid
	sinus   *ellipsoid
	cyst    *ellipsoid
	hasCyst bool
}

// liverForm holds the surfaces that bound the liver besides the diaphragm and the wall.
type liverForm struct {
	left, tip  float64 // how far it reaches to the left, and down on the right (mm)
	mid, slope float64 // height of the lower surface near the midline, and its fall to the right
	front      float64 // fall of the lower surface to the front
	depth      float64 // where the hind surface passes the midline
}

// forest is a set of branching vessels in a grid of cells, so that a point meets only the near ones.
type forest struct {
	segs  []limb
	cells map[[3]int][]int32
}

const forestCell = 16.0

func newForest(segs []limb) *forest {
	f := &forest{segs: segs, cells: map[[3]int][]int32{}}
	for i, l := range segs {
		lo, hi := cellOf(l.box.lo), cellOf(l.box.hi)
		for x := lo[0]; x <= hi[0]; x++ {
			for y := lo[1]; y <= hi[1]; y++ {
				for z := lo[2]; z <= hi[2]; z++ {
					c := [3]int{x, y, z}
					f.cells[c] = append(f.cells[c], int32(i))
				}
			}
		}
	}
	return f
}

func cellOf(p vec) [3]int {
	return [3]int{int(math.Floor(p.x / forestCell)), int(math.Floor(p.y / forestCell)), int(math.Floor(p.z / forestCell))}
}

func (f *forest) inside(p vec) bool {
	for _, i := range f.cells[cellOf(p)] {
		l := &f.segs[i]
		if capsule(p, l.a, l.b, l.ra, l.rb) < 0 {
			return true
		}
	}
	return false
}

// grow adds a branching tree: each branch splits in two (sometimes three) thinner ones.
func grow(s stream, out *[]limb, p, dir vec, length, r float64, depth int, spread float64) {
	q := p.add(dir.unit().mul(length)).add(s.jitter(length * 0.08))
	*out = append(*out, newLimb(p, q, r, r*0.8, 0))
	if depth == 0 {
		return
	}
	n := 2
	if s.chance(0.3) {
		n = 3
	}
	for range n {
		d := dir.unit().add(s.jitter(spread))
		grow(s, out, q, d, length*s.uni(0.7, 0.95), r*s.uni(0.66, 0.82), depth-1, spread)
	}
}

func newAnatomy(o *Options, pl *plan) *anatomy {
	st := func(name string) stream { return newStream(o.Seed, o.Version, name) }
	a := &anatomy{plan: pl}
	s := st("body")
	female := s.chance(0.48)
	size := s.gauss(1.03, 0.06)
	if female {
		size -= 0.05
	}
	obesity := math.Pow(s.Float64(), 1.6)
	visceral := clamp(obesity*0.7+s.gauss(0, 0.35), -0.45, 1.1)
	a.arms = []int{0, 1, 2, 2}[s.IntN(4)]
	a.scale = vec{size * s.gauss(1, 0.03), size * s.gauss(1, 0.03), size * s.gauss(1, 0.04)}
	a.pose = rotation(s.gauss(0, 3), s.gauss(0, 3), s.gauss(0, 5))
	a.scol = [3]float64{math.Abs(s.gauss(0, 5)), s.uni(60, 130), s.uni(0, 6.28)}
	a.breath = s.gauss(5, 13)
	a.warpAmp = s.uni(2, 6)
	for i := range a.warp {
		a.warp[i] = pl.noise(s, s.uni(70, 120))
	}
	a.fine, a.coarse = pl.noise(s, pl.fineStep), pl.noise(s, pl.coarseStep)
	a.grain = newField(s, pl.grainStep) // plane waves this short would show as stripes on a coarse grid
	a.tr = newTrunk(st("trunk"), &pl.trunk, female, obesity, visceral)
	a.sk = newSkeleton(st("skeleton"), &pl.bones, a.tr, a.arms)
	a.table = s.IntN(4)
	a.tableY = a.tr.musB.at(170) - a.tr.fatB.at(170) - s.uni(4, 14)

	// The heart sinks and turns with the breath.
	hs := st("heart")
	shift := vec{hs.gauss(0, 6), hs.gauss(-5, 4) + 0.3*(a.tr.cavF.at(140)-72), hs.gauss(-5, 6) - 0.55*a.breath}
	a.ht = newHeart(hs, &pl.heart, shift, hs.gauss(1, 0.07))
	a.buildVessels(st("vessels"), shift)
	a.buildThorax(st("thorax"))
	a.buildAbdomen(st("abdomen"), visceral, female)
	return a
}

// vertebraFront is how far the front of a vertebral body lies before its centre (mm).
const vertebraFront = 17

// buildVessels lays the great vessels; what hangs on the heart moves with it.
func (a *anatomy) buildVessels(s stream, shift vec) {
	h := a.ht
	sp := func(z float64) float64 { return a.tr.spineY.at(z) }
	j := func(x, y, z, r, sd float64) knot { return knot{vec{x, y, z}.add(s.jitter(sd)), r} }
	// hk places a knot that follows the heart, by share f.
	hk := func(x, y, z, r, f, sd float64) knot {
		p := vec{x, y, z}
		return knot{p.lerp(h.place(p).add(shift), f).add(s.jitter(sd)), r}
	}
	ra := s.uni(14, 18.5) // ascending radius
	rd := ra * s.uni(0.68, 0.82)
	ab := rd * s.uni(0.75, 0.9)
	ax := s.gauss(0, 3)
	front := func(z float64) float64 { return sp(z) + vertebraFront }
	tort := s.gauss(0, 4)
	a.aorta = newTube(a.plan.aorta(&aortaRoom{hk, j, sp, ra, rd, ab, ax, tort, s.gauss(0, 4)}), 6)
	a.wallAo = s.uni(1.2, 2.2)
	a.calc = math.Max(0, s.gauss(-0.2, 1))
	add := func(c tissue, ks ...knot) { a.vessels = append(a.vessels, vessel{newTube(ks, 5), c}) }
	bif := a.aorta.pts[len(a.aorta.pts)-1]
	for _, sd := range []float64{-1, 1} {
		add(iliacArtery, knot{bif, 6.5}, j(sd*30, -22, -185, 6, 3), j(sd*52, -8, -225, 5.5, 3), j(sd*60, 35, -275, 5, 2), j(sd*62, 42, -330, 4.5, 2), j(sd*70, 35, -460, 4, 2))
	}
	// Pulmonary trunk, then the right and left main arteries.
	rp := s.uni(12, 15.5)
	bp := hk(-20, 6, 203, rp, 0.85, 1)
	add(pulmonaryArtery, hk(-14, 46, 177, rp, 1, 0), hk(-20, 32, 192, rp*1.03, 1, 1), bp)
	add(pulmonaryArtery, knot{bp.p, rp * 0.9}, hk(6, -3, 199, rp*0.8, 0.8, 1), hk(32, -8, 197, rp*0.74, 0.6, 1.5), hk(54, -16, 190, rp*0.55, 0.5, 2))
	add(pulmonaryArtery, knot{bp.p, rp * 0.9}, hk(-34, -14, 208, rp*0.8, 0.7, 1.5), hk(-48, -28, 200, rp*0.65, 0.5, 2), hk(-54, -36, 184, rp*0.5, 0.5, 2))
	// Caval veins.
	rs, ri := s.uni(8, 11), s.uni(9, 14)
	add(superiorVenaCava, hk(38, 8, 168, rs*1.1, 1, 0), hk(35, 8, 195, rs, 0.8, 1), j(30, 16, 228, rs, 2), j(24, 24, 250, rs*0.9, 2))
	add(neckVessel, j(24, 24, 250, 6.5, 0), j(0, 30, 258, 6, 2), j(-30, 22, 268, 6, 2), j(-38, 8, 300, 6, 2), j(-36, 0, 345, 6, 3))
	add(neckVessel, j(24, 24, 250, 6, 0), j(32, 12, 272, 6, 2), j(36, 4, 300, 6.5, 2), j(36, 0, 345, 6.5, 3))
	add(neckVessel, j(10, 6, 246, 5.5, 1), j(18, 6, 270, 5, 2), j(27, -4, 300, 4, 2), j(27, -4, 345, 4, 2))
	add(neckVessel, j(-2, -6, 248, 4, 1), j(-16, -6, 275, 3.6, 2), j(-25, -6, 310, 3.6, 2), j(-25, -6, 345, 3.6, 2))
	add(neckVessel, j(-12, -22, 248, 4.5, 1), j(-24, -26, 275, 4.5, 2), j(-50, -10, 290, 4, 2), j(-100, 5, 272, 4, 4))
	iz := -0.8 * a.breath
	add(inferiorVenaCava, hk(36, 6, 122, ri*1.05, 1, 0), j(30, -6, 88+iz, ri*1.05, 2), j(26, -20, 50, ri, 2), j(20, front(0)+ri*0.8, 0, ri, 2), j(18, front(-60)+ri*0.6, -60, ri*0.92, 2), j(14, front(-140)+ri*0.4, -142, ri*0.9, 2))
	for _, sd := range []float64{-1, 1} {
		add(iliacVein, j(12, front(-140)+4, -143, ri*0.65, 1), j(5+sd*28, -28, -185, 7, 3), j(sd*52, -18, -230, 6.5, 3), j(sd*55, 28, -280, 6, 2), j(sd*56, 32, -330, 5.5, 2), j(sd*66, 25, -460, 5, 2))
	}
	add(azygos, j(10, sp(30)+16, 30, 3, 1), j(10, sp(110)+17, 110, 3.5, 1), j(10, sp(190)+17, 190, 4, 1), j(16, -25, 225, 4, 1), j(30, 6, 222, 4, 1))
	add(portalVein, j(6, 4, -32, 6.5, 2), j(20, 4, -8, 6.5, 2), j(40, 2, 18, 6.5, 2))
	add(portalVein, j(6, 4, -32, 5, 2), j(-25, -6, -14, 4.5, 2), j(-60, -26, 14, 4, 3))
	add(portalVein, j(6, 4, -32, 5, 2), j(10, 10, -80, 4.5, 2), j(14, 14, -120, 4, 3))
	for i, sd := range []float64{-1, 1} {
		z := []float64{-14, -26}[i]
		add(neckVessel, j(sd*2-3, front(z)+ab, z+6, 3, 0), j(sd*30, -38, z, 3, 2))
		add(inferiorVenaCava, j(18, front(z)+9, z, 4, 0), j(sd*34, -36, z-2, 4, 2))
	}
	// Coeliac trunk and superior mesenteric artery.
	add(neckVessel, j(-5, front(2)+ab, 2, 3.4, 0), j(-4, front(2)+ab+22, 4, 3, 2), j(25, 8, 4, 2.6, 3))
	add(neckVessel, j(-5, front(-14)+ab, -14, 3.6, 0), j(-4, front(-30)+ab+22, -34, 3.4, 2), j(0, 22, -110, 3, 4))
	// Airway and gullet.
	rt := s.uni(7.5, 10)
	cz := 220 + s.gauss(0, 4) - 0.3*a.breath
	car := vec{4, -18, cz}.add(s.jitter(1.5))
	a.trachea = newTube([]knot{{vec{0, sp(330) + 30, 345}, rt}, j(0, sp(300)+28, 300, rt, 1), j(2, -10, 260, rt, 2), {car, rt * 1.1}}, 6)
	a.bronchi = []*tube{
		newTube([]knot{{car, rt * 0.85}, j(24, -24, cz-20, rt*0.75, 1), j(42, -28, cz-34, rt*0.6, 2), j(50, -36, cz-62, rt*0.45, 2)}, 4),
		newTube([]knot{{car, rt * 0.8}, j(-18, -24, cz-22, rt*0.66, 1), j(-40, -31, cz-36, rt*0.58, 2), j(-52, -42, cz-64, rt*0.42, 2)}, 4),
		newTube([]knot{j(34, -26, cz-26, rt*0.5, 1), j(55, -26, cz-8, rt*0.36, 3)}, 3),
		newTube([]knot{j(-36, -28, cz-32, rt*0.45, 1), j(-56, -14, cz-18, rt*0.36, 3)}, 3),
	}
	re := s.uni(6, 8.5)
	a.gullet = newTube([]knot{{vec{-3, sp(330) + 17, 345}, re}, j(-4, sp(290)+19, 290, re, 1), j(-4, sp(240)+20, 240, re, 1.5), j(-2, sp(190)+20, 190, re, 2), j(-4, sp(140)+21, 140, re, 2), j(-12, sp(95)+30, 95-0.5*a.breath, re, 2), j(-24, sp(60)+42, 66-a.breath, re*1.05, 2)}, 5)
}

func (a *anatomy) buildThorax(s stream) {
	d := &a.plan.dome
	a.dome = [4]float64{d.right + s.gauss(0, 7), d.left + s.gauss(0, 7), d.mid + s.gauss(0, 4), s.uni(-8, 18)}
	a.medW = s.uni(9, 22)
	for side := range 2 {
		sd := float64(2*side - 1)
		root := vec{sd * 46, -20, 192 - 0.4*a.breath}
		var segs []limb
		for _, d := range []vec{{0.5, -0.1, 1}, {0.7, 0.7, 0.35}, {1, -0.3, 0.1}, {0.45, -0.7, -0.8}, {0.6, 0.35, -0.8}, {0.35, -0.3, -1.1}, {0.4, -0.7, 0.5}} {
			grow(s, &segs, root, vec{d.x * sd, d.y, d.z}, s.uni(26, 36), s.uni(4.6, 6.2), 5, a.plan.branchSpread)
		}
		a.lungTree[side] = newForest(segs)
	}
	ob := func(y0, z0, y1, z1, skew float64) plane {
		// A plane through (y0,z0) behind and (y1,z1) in front, a little skewed sideways.
		n := vec{skew, -(z1 - z0), y1 - y0}.unit()
		return plane{n, n.dot(vec{0, y0, z0})}
	}
	a.fiss[0] = ob(-85, 212+s.gauss(0, 9), 62, 88+s.gauss(0, 8), s.gauss(18, 10))
	a.fiss[1] = ob(-85, 205+s.gauss(0, 9), 60, 82+s.gauss(0, 8), s.gauss(-18, 10))
	n := vec{s.gauss(0, 0.08), s.gauss(-0.05, 0.08), 1}.unit()
	a.fiss[2] = plane{n, n.dot(vec{60, 30, 166 + s.gauss(0, 9) - 0.4*a.breath})}
}

func (a *anatomy) buildAbdomen(s stream, visceral float64, female bool) {
	j := func(x, y, z, r, sd float64) knot { return knot{vec{x, y, z}.add(s.jitter(sd)), r * s.uni(0.88, 1.12)} }
	vf := 8 * visceral
	a.liver = liverForm{left: s.gauss(-62, 22), tip: s.gauss(-52, 20), slope: s.gauss(0.78, 0.1), mid: s.gauss(20, 9), front: s.gauss(0.35, 0.12), depth: s.gauss(-20, 5)}
	var segs []limb
	for _, d := range []vec{{1, -0.5, 0.5}, {1, 0.4, -0.2}, {0.8, -0.5, -0.7}, {-0.8, 0.9, 0.5}, {0.3, 0.9, 0.5}} {
		grow(s, &segs, vec{36, 0, 30}, d, s.uni(22, 30), s.uni(4, 6), 3, 0.35)
	}
	for _, d := range []vec{{1, 0.1, -0.7}, {0.5, 0.9, -0.6}, {-0.5, 1, -0.35}} {
		grow(s, &segs, vec{30, -5, 84 - 0.7*a.breath}, d, s.uni(28, 36), s.uni(4, 6), 2, 0.3)
	}
	a.liverTr = newForest(segs)
	if a.plan.lobes != nil {
		a.lobes = a.plan.lobes(s)
	}
	gr := s.uni(9, 18)
	a.gb = newEllipsoid(vec{52, 42, -28}.add(s.jitter(7)), vec{gr, gr * 1.05, gr * s.uni(1.7, 2.4)}, 2, rotation(s.gauss(-25, 10), s.gauss(15, 10), 0))
	sz := s.gauss(1.05, 0.14)
	a.spleen = a.plan.spleen(s, sz)
	a.spleenIn = s.uni(0.7, 1.0)
	f := s.uni(0.75, 1.3) // filling
	a.stomach = newTube(a.plan.stomach(j, f), 4)
	a.gasY = s.uni(-5, 45)
	for side := range 2 {
		sd := float64(2*side - 1)
		c := vec{sd * (63 + 0.6*vf), a.tr.spineY.at(-20) + 1 + 0.3*vf, -10 - 16*float64(side)}.add(s.jitter(5))
		ks := s.gauss(1.07, 0.08)
		rot := rotation(s.gauss(14, 5), sd*s.gauss(13, 4), -sd*s.gauss(38, 10))
		k := kidney{body: a.plan.kidney(c, ks, sd, rot)}
		med := rot.apply(vec{-sd * ks * 17, ks * 6, 0})
		k.sinus = newEllipsoid(c.add(med), vec{ks * 17, ks * 11, ks * 27}, 2, rot)
		if s.chance(0.2) {
			k.hasCyst = true
			r := s.uni(6, 22)
			k.cyst = newEllipsoid(c.add(rot.apply(vec{sd * 20, s.gauss(0, 12), s.gauss(0, 30)})), vec{r, r, r}, 2, rot)
		}
		a.kidney[side] = k
		top := c.add(vec{-sd * 20, 12, ks * 48})
		a.adrenal[side] = []*tube{newTube([]knot{{top.add(vec{0, 8, 8}), 3.2}, {top.add(vec{sd * 5, -12, -6}), 2.4}}, 1), newTube([]knot{{top.add(vec{0, 8, 8}), 3.2}, {top.add(vec{-sd * 5, -12, -6}), 2.4}}, 1)}
	}
	pr := s.uni(0.8, 1.15)
	a.pancr = newTube([]knot{j(40, 8, -58, 13*pr, 3), j(32, 12, -38, 15*pr, 3), j(10, 18, -22, 10*pr, 3), j(-22, 8, -12, 10.5*pr, 4), j(-52, -14, 2, 11*pr, 4), j(-80, -34, 20, 9*pr, 4)}, 4)
	a.duod = newTube([]knot{{a.stomach.pts[len(a.stomach.pts)-1], 12}, j(48, 16, -22, 13, 3), j(58, 4, -50, 13, 3), j(50, -2, -84, 13, 3), j(14, 4, -94, 12, 3), j(-24, 4, -80, 12, 4), j(-38, 16, -60, 12, 4)}, 4)
	dy := 0.4 * (a.tr.cavF.at(-80) - 72)
	cr := s.uni(0.8, 1.3)
	a.colon = newTube(a.plan.colon(j, dy, cr), 6)
	a.colonGas = s.gauss(-0.1, 0.7)
	full := s.uni(0.85, 1.2)
	for layer := range 2 { // loops behind and in front
		a.bowel[layer] = newTube(a.plan.bowel(s, layer, full, dy), 3)
	}
	a.bowelGas = s.uni(0.4, 1.6)
	bf := s.uni(0.55, 1.25)
	a.bladder = newEllipsoid(vec{0, 14, -284 + 24*bf}.add(s.jitter(3)), vec{44 * bf, 34 * bf, 34 * bf}, 2.3, rotation(0, 0, 0))
	if female {
		a.uterus = newEllipsoid(vec{s.gauss(0, 8), -20, -252}.add(s.jitter(4)), vec{27, 22, 34}, 2, rotation(s.gauss(35, 15), 0, 0))
	} else {
		pr := s.uni(17, 27)
		a.uterus = newEllipsoid(vec{0, 2, -304}, vec{pr * 1.1, pr * 0.85, pr}, 2, rotation(0, 0, 0))
	}
	a.psoasR = s.uni(17, 25)
}
