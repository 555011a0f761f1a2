package phantom

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"satgraph/volume"
)

func draw(t *testing.T, o Options) *Phantom {
	t.Helper()
	p, err := Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// extent is a number of voxels, and the sum of their places in the room.
type extent struct {
	n   float64
	sum vec
}

// measure gives the volume of each class in mL, and its centre in the room.
func measure(p *Phantom) (ml map[string]float64, centre map[string]vec) {
	tissues := map[uint16]extent{}
	m := p.Tissues
	for k := range m.Shape[2] {
		for j := range m.Shape[1] {
			for i := range m.Shape[0] {
				code := m.Data[m.Index(i, j, k)]
				if code == 0 {
					continue
				}
				w := m.Affine.Apply([3]float64{float64(i), float64(j), float64(k)})
				e := tissues[code]
				tissues[code] = extent{e.n + 1, e.sum.add(vec{w[0], w[1], w[2]})}
			}
		}
	}
	ml, centre = map[string]float64{}, map[string]vec{}
	for class, codes := range p.Classes {
		var whole extent
		for _, code := range codes {
			whole.n += tissues[code].n
			whole.sum = whole.sum.add(tissues[code].sum)
		}
		ml[class], centre[class] = whole.n*m.VoxelVolume()/1000, whole.sum.mul(1/math.Max(whole.n, 1))
	}
	return ml, centre
}

// limits are the volumes in mL outside which no adult's structure lies, with room for a coarse grid.
var limits = map[string][2]float64{
	"heart": {250, 1400}, "left heart atrium": {30, 250}, "right heart atrium": {25, 260},
	"left heart ventricle": {20, 320}, "right heart ventricle": {50, 500}, "myocardium": {45, 320},
	"aorta": {80, 560}, "pulmonary artery": {20, 170}, "left lung": {500, 4200}, "right lung": {550, 4600},
	"left lung upper lobe": {150, 2400}, "left lung lower lobe": {150, 2400}, "right lung upper lobe": {150, 2400},
	"right lung middle lobe": {25, 900}, "right lung lower lobe": {150, 2600}, "liver": {500, 3600},
	"spleen": {30, 700}, "left kidney": {50, 430}, "right kidney": {50, 430}, "stomach": {60, 1300},
	"vertebrae": {250, 1100}, "rib": {130, 800},
}

func TestAnatomy(t *testing.T) {
	for _, c := range ModelClasses() {
		if _, ok := limits[c]; !ok {
			t.Fatalf("no limits for %q", c)
		}
	}
	for version := 1; version <= 2; version++ {
		for seed := uint64(100); seed < 106; seed++ {
			p := draw(t, Options{Seed: seed, Version: version, Spacing: 6, FullFOV: true})
			ml, at := measure(p)
			for _, c := range ModelClasses() {
				if lim := limits[c]; ml[c] < lim[0] || ml[c] > lim[1] {
					t.Errorf("version %d seed %d: %s has %.0f mL, want %v", version, seed, c, ml[c], lim)
				}
			}
			// RAS: a smaller x is further left, a smaller z lower.
			for _, w := range []struct {
				small, large string
				axis         func(vec) float64
			}{
				{"left lung", "right lung", func(v vec) float64 { return v.x }},
				{"left kidney", "right kidney", func(v vec) float64 { return v.x }},
				{"spleen", "liver", func(v vec) float64 { return v.x }},
				{"stomach", "liver", func(v vec) float64 { return v.x }},
				{"left heart atrium", "right heart atrium", func(v vec) float64 { return v.x }},
				{"left heart ventricle", "right heart atrium", func(v vec) float64 { return v.x }},
				{"left heart atrium", "right heart ventricle", func(v vec) float64 { return v.y }},
				{"vertebrae", "heart", func(v vec) float64 { return v.y }},
				{"liver", "heart", func(v vec) float64 { return v.z }},
				{"left kidney", "spleen", func(v vec) float64 { return v.z }},
				{"left lung lower lobe", "left lung upper lobe", func(v vec) float64 { return v.z }},
				{"right lung lower lobe", "right lung upper lobe", func(v vec) float64 { return v.z }},
				{"right lung lower lobe", "right lung middle lobe", func(v vec) float64 { return v.y }},
				{"heart", "pulmonary artery", func(v vec) float64 { return v.z }},
			} {
				if w.axis(at[w.small]) >= w.axis(at[w.large]) {
					t.Errorf("version %d seed %d: %s %v is on the wrong side of %s %v", version, seed, w.small, at[w.small], w.large, at[w.large])
				}
			}
		}
	}
}

func TestClassesNest(t *testing.T) {
	p := draw(t, Options{Seed: 3, Version: 1, Spacing: 12, FullFOV: true})
	contains := func(whole string, parts ...string) {
		var sum []uint16
		for _, c := range parts {
			sum = append(sum, p.Classes[c]...)
		}
		want := slices.Clone(p.Classes[whole])
		slices.Sort(sum)
		slices.Sort(want)
		if !slices.Equal(sum, want) {
			t.Errorf("%s has codes %v, its parts %v", whole, want, sum)
		}
	}
	contains("heart", "left heart atrium", "right heart atrium", "left heart ventricle", "right heart ventricle", "myocardium")
	contains("left lung", "left lung upper lobe", "left lung lower lobe")
	contains("right lung", "right lung upper lobe", "right lung middle lobe", "right lung lower lobe")
	// Apart from whole and part, no code belongs to two classes.
	seen := map[uint16]string{}
	for c, codes := range p.Classes {
		if c == "heart" || c == "left lung" || c == "right lung" {
			continue
		}
		for _, code := range codes {
			if o, ok := seen[code]; ok {
				t.Errorf("code %d is in %s and in %s", code, c, o)
			}
			seen[code] = c
		}
	}
	for _, code := range p.Tissues.Data {
		if _, ok := p.Codes[code]; !ok || p.Codes[code].Name == "" {
			t.Fatalf("code %d of the map has no name", code)
		}
	}
}

func TestSameOptionsSameBytes(t *testing.T) {
	o := Options{Seed: 11, Version: 2, Spacing: 9}
	a := draw(t, o)
	old := runtime.GOMAXPROCS(1)
	b := draw(t, o)
	runtime.GOMAXPROCS(old)
	if !slices.Equal(a.Image.Data, b.Image.Data) || !slices.Equal(a.Tissues.Data, b.Tissues.Data) || a.Image.Grid != b.Image.Grid {
		t.Error("the same options gave two phantoms")
	}
}

func TestSeedsAndVersionsDiffer(t *testing.T) {
	base := Options{Seed: 5, Version: 1, Spacing: 14, FullFOV: true}
	a := draw(t, base)
	other, two := base, base
	other.Seed, two.Version = 6, 2
	for _, o := range []Options{other, two} {
		b := draw(t, o)
		if a.Image.Shape == b.Image.Shape && slices.Equal(a.Tissues.Data, b.Tissues.Data) {
			t.Errorf("%+v drew the same map as %+v", o, base)
		}
	}
}

func TestPlansShareNoShape(t *testing.T) {
	a, b := planOne(), planTwo()
	if a.heart.axis == b.heart.axis || a.heart.laR == b.heart.laR || a.heart.rvR == b.heart.rvR || a.bones.bodyEx == b.bones.bodyEx {
		t.Error("the versions share parameters of heart or spine")
	}
	if (a.lobes == nil) == (b.lobes == nil) {
		t.Error("the versions build the liver alike")
	}
	s := func() stream { return newStream(1, 1, "x") }
	if _, ok := a.spleen(s(), 1).(*ellipsoid); !ok {
		t.Error("version 1 should draw the spleen as a superellipsoid")
	}
	if _, ok := b.spleen(s(), 1).(*tube); !ok {
		t.Error("version 2 should draw the spleen as a bent hose")
	}
	if _, ok := b.noise(s(), 10).(*waves); !ok {
		t.Error("version 2 should have plane waves for noise")
	}
}

// A crop, flipped and tilted as it may be, shows the same patient: its labels are the body's own at each voxel's place.
func TestCropsStayAligned(t *testing.T) {
	views := map[string]bool{}
	for seed := uint64(1); seed < 60; seed++ {
		o := Options{Seed: seed, Version: 1 + int(seed%2), Spacing: 16}
		p := draw(t, o)
		views[p.View] = true
		if p.Image.Grid != p.Tissues.Grid || len(p.Image.Data) != p.Image.Voxels() || len(p.Tissues.Data) != p.Image.Voxels() {
			t.Fatalf("seed %d: image %v and map %v do not lie on one grid", seed, p.Image.Grid, p.Tissues.Grid)
		}
		pl, _ := planFor(o.Version)
		a := newAnatomy(&o, pl)
		g := p.Tissues.Grid
		for n := 0; n < g.Voxels(); n += 7 {
			i, j, k := n%g.Shape[0], n/g.Shape[0]%g.Shape[1], n/g.Shape[0]/g.Shape[1]
			w := g.Affine.Apply([3]float64{float64(i), float64(j), float64(k)})
			want := a.at(a.canonical(vec{w[0], w[1], w[2]}))
			got := tissue(p.Tissues.Data[n])
			if got != want && got != airOutside { // air: outside the reconstructed circle
				// The affine's rounding may put a voxel on a surface to its other side.
				near := a.at(a.canonical(vec{w[0] + 1e-6, w[1] - 1e-6, w[2] + 1e-6}))
				if got != near {
					t.Fatalf("seed %d (%s): voxel %d,%d,%d is %s, the body there is %s", seed, p.View, i, j, k, tissueNames[got], tissueNames[want])
				}
			}
		}
	}
	for _, v := range []string{"torso", "chest", "abdomen", "trunk", "cardiac", "slab"} {
		if !views[v] {
			t.Errorf("no seed drew a view of kind %s", v)
		}
	}
}

func TestIntensities(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := draw(t, Options{Seed: seed, Version: 1, Spacing: 8, FullFOV: true})
		sum := map[uint16]float64{}
		n := map[uint16]float64{}
		for i, c := range p.Tissues.Data {
			v := p.Image.Data[i]
			if v < -1024 || v > 3071 || v != float32(math.Round(float64(v))) {
				t.Fatalf("seed %d: %g HU", seed, v)
			}
			sum[c] += float64(v)
			n[c]++
		}
		mean := func(c tissue) float64 { return sum[uint16(c)] / n[uint16(c)] }
		if m := mean(airOutside); m > -900 {
			t.Errorf("seed %d: air has %.0f HU", seed, m)
		}
		if m := mean(lungRLL); m > -600 || m < -1000 {
			t.Errorf("seed %d: lung has %.0f HU", seed, m)
		}
		if m, want := mean(liverTissue), p.Codes[uint16(liverTissue)].HU; math.Abs(m-want) > 40 {
			t.Errorf("seed %d: liver has %.0f HU, its table says %.0f", seed, m, want)
		}
		if mean(subcutaneousFat) > mean(muscle)-50 {
			t.Errorf("seed %d: fat %.0f HU, muscle %.0f HU", seed, mean(subcutaneousFat), mean(muscle))
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, o := range []Options{{Version: 0, Spacing: 4}, {Version: 3, Spacing: 4}, {Version: 1, Spacing: 0.1}, {Version: 1, Spacing: math.NaN()}, {Version: 1, Spacing: -4}} {
		if _, err := Generate(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: error %v, want ErrOptions", o, err)
		}
	}
}

func TestWrite(t *testing.T) {
	p := draw(t, Options{Seed: 2, Version: 1, Spacing: 16})
	dir := filepath.Join(t.TempDir(), "phantom_2")
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	im, err := volume.ReadImage(filepath.Join(dir, ImageFile), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ts, err := volume.ReadLabelMap(filepath.Join(dir, TissuesFile), volume.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(im.Data, p.Image.Data) || !slices.Equal(ts.Data, p.Tissues.Data) || !im.Equal(p.Image.Grid, 1e-3) {
		t.Error("what was written is not what was drawn")
	}
	b, err := os.ReadFile(filepath.Join(dir, InfoFile))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Seed    uint64
		Version int
		Tissues map[string]Tissue
		Classes map[string][]uint16
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Seed != 2 || got.Version != 1 || got.Tissues["0"].Name != "air" || len(got.Classes["heart"]) != 8 {
		t.Errorf("phantom.json holds %+v", got)
	}
}
