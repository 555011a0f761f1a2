package standard

import (
	"flag"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/datasets/phantom"
	"satgraph/volume"
)

var whole = flag.Bool("phantoms", false, "the test of many people draws phantoms of datasets/phantom, which takes minutes")

const peopleCount = 64

// phantoms are of different seeds, cut to one size: scans of one protocol, with
// one spacing and calibration, of which only the anatomy differs.
func phantoms() ([]*volume.Image, error) {
	out := make([]*volume.Image, peopleCount)
	size := [3]int{math.MaxInt, math.MaxInt, math.MaxInt}
	for seed := range out {
		p, err := phantom.Generate(phantom.Options{Seed: uint64(seed), Version: 1 + seed%2, Spacing: 5, FullFOV: true})
		if err != nil {
			return nil, err
		}
		out[seed] = p.Image
		for a, n := range p.Image.Shape {
			size[a] = min(size[a], n)
		}
	}
	for i, im := range out {
		var b volume.Box
		for a, n := range im.Shape {
			b.Min[a] = (n - size[a]) / 2
			b.Max[a] = b.Min[a] + size[a]
		}
		var err error
		if out[i], err = im.Crop(b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// organ is an ellipsoid of a plain torso: middle and radii as shares of the
// body's, and Hounsfield units.
type organ struct {
	at, radius [3]float64
	hu         float64
}

var torso = []organ{
	{[3]float64{0, 0, 0}, [3]float64{0.9, 0.85, 2}, 40},
	{[3]float64{0, -0.55, 0}, [3]float64{0.12, 0.15, 2}, 300},
	{[3]float64{-0.45, 0, 0.6}, [3]float64{0.32, 0.55, 0.45}, -800},
	{[3]float64{0.45, 0, 0.6}, [3]float64{0.3, 0.55, 0.45}, -800},
	{[3]float64{-0.1, 0.25, 0.45}, [3]float64{0.25, 0.3, 0.2}, 130},
	{[3]float64{0.35, 0.15, 0.05}, [3]float64{0.45, 0.5, 0.2}, 100},
	{[3]float64{-0.55, -0.2, 0.1}, [3]float64{0.2, 0.25, 0.15}, 120},
	{[3]float64{-0.4, 0.35, 0.05}, [3]float64{0.25, 0.25, 0.15}, 10},
	{[3]float64{-0.42, -0.35, -0.15}, [3]float64{0.15, 0.16, 0.14}, 180},
	{[3]float64{0.42, -0.35, -0.18}, [3]float64{0.15, 0.16, 0.14}, 180},
	{[3]float64{0.05, -0.3, 0}, [3]float64{0.07, 0.08, 1.2}, 200},
	{[3]float64{0, 0.3, -0.75}, [3]float64{0.25, 0.25, 0.12}, 5},
	{[3]float64{-0.6, -0.3, -0.75}, [3]float64{0.15, 0.3, 0.2}, 350},
	{[3]float64{0.6, -0.3, -0.75}, [3]float64{0.15, 0.3, 0.2}, 350},
}

// body draws a person: organs a little elsewhere and of other size, bowel with and
// without gas, fat, and noise.
func body(seed uint64) *volume.Image {
	r := rand.New(rand.NewPCG(seed, 3))
	g := volume.Grid{Shape: [3]int{36, 28, 40}, Affine: volume.Affine{{11}, {0, 11}, {0, 0, 11}, {3: 1}}}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i := range im.Data {
		im.Data[i] = -1000
	}
	organs := []organ{{[3]float64{}, [3]float64{0.97, 0.95, 2}, -100}}
	for _, o := range torso {
		for a := range 3 {
			o.at[a] += 0.05 * r.NormFloat64()
			o.radius[a] *= 1 + 0.1*r.NormFloat64()
		}
		organs = append(organs, o)
	}
	for range 16 { // bowel
		organs = append(organs, organ{
			[3]float64{1.1*r.Float64() - 0.55, 0.8*r.Float64() - 0.2, 0.7*r.Float64() - 0.75},
			[3]float64{0.1 + 0.1*r.Float64(), 0.1 + 0.1*r.Float64(), 0.05 + 0.06*r.Float64()},
			[]float64{-700, 20, 60}[r.IntN(3)],
		})
	}
	half := [3]float64{float64(g.Shape[0]) / 2, float64(g.Shape[1]) / 2, float64(g.Shape[2]) / 2}
	for _, o := range organs {
		var low, high [3]int
		for a := range 3 {
			low[a] = max(0, int(half[a]*(1+o.at[a]-o.radius[a])))
			high[a] = min(g.Shape[a], int(half[a]*(1+o.at[a]+o.radius[a]))+1)
		}
		for k := low[2]; k < high[2]; k++ {
			z := ((float64(k)+0.5)/half[2] - 1 - o.at[2]) / o.radius[2]
			for j := low[1]; j < high[1]; j++ {
				y := ((float64(j)+0.5)/half[1] - 1 - o.at[1]) / o.radius[1]
				for i := low[0]; i < high[0]; i++ {
					x := ((float64(i)+0.5)/half[0] - 1 - o.at[0]) / o.radius[0]
					if x*x+y*y+z*z < 1 {
						im.Data[im.Index(i, j, k)] = float32(o.hu)
					}
				}
			}
		}
	}
	for i := range im.Data {
		im.Data[i] = float32(math.Round(float64(im.Data[i]) + 15*r.NormFloat64()))
	}
	return im
}

// saved are forms in which others hold a scan: turned, cut by a slice or two, in
// other units, types and files.
func saved(t *testing.T, im *volume.Image) map[string]*volume.Image {
	t.Helper()
	copied := func() *volume.Image { return &volume.Image{Grid: im.Grid, Data: slices.Clone(im.Data)} }
	cut := func(axis, low, high int) *volume.Image {
		b := volume.Box{Max: im.Shape}
		b.Min[axis], b.Max[axis] = low, b.Max[axis]-high
		out, err := copied().Crop(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	file := func(dtype volume.DType, name string) *volume.Image {
		at := filepath.Join(t.TempDir(), name)
		if err := volume.WriteImage(at, im, dtype); err != nil {
			t.Fatal(err)
		}
		out, err := volume.ReadImage(at, volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	flip := func(axes ...int) *volume.Image {
		r := volume.Reorientation{Perm: [3]int{0, 1, 2}}
		for _, a := range axes {
			r.Flip[a] = true
		}
		return &volume.Image{Grid: im.Grid, Data: volume.FlipPermute(r, im.Shape, im.Data)}
	}
	lps := flip(0, 1) // with a header that says so
	for _, a := range []int{0, 1} {
		for w := range 3 {
			lps.Affine[w][3] += float64(im.Shape[a]-1) * lps.Affine[w][a]
			lps.Affine[w][a] = -lps.Affine[w][a]
		}
	}
	scaled := copied()
	for i, v := range scaled.Data {
		scaled.Data[i] = 0.96*v + 15
	}
	return map[string]*volume.Image{
		"int16, gzip": file(volume.Int16, "a.nii.gz"), "float32": file(volume.Float32, "a.nii"), "rescaled": scaled,
		"left to right": flip(0), "head to foot": flip(2), "other axes": lps,
		"without the last slice": cut(2, 0, 1), "without the first slice": cut(2, 1, 0), "narrower": cut(0, 1, 0),
	}
}

// Many people of one protocol are told apart, and a scan of one of them that was
// saved again is known again.
func TestFingerprintsOfManyPeople(t *testing.T) {
	var images []*volume.Image
	for seed := range uint64(peopleCount) {
		images = append(images, body(seed))
	}
	if *whole {
		var err error
		if images, err = phantoms(); err != nil {
			t.Fatal(err)
		}
	}
	// What New does but for the crop, so that all are of one size.
	printed := func(im *volume.Image) *Fingerprint {
		out, _ := volume.ReorientRAS(&volume.Image{Grid: im.Grid, Data: slices.Clone(im.Data)})
		for i, v := range out.Data {
			out.Data[i] = min(max(v, -500), 1000)
		}
		return FingerprintOf(out)
	}
	prints := make([]*Fingerprint, len(images))
	for i, im := range images {
		prints[i] = printed(im)
	}
	// The others of a pair are people that follow.
	beyond := func(f, g *Fingerprint, i, j int) float64 {
		var others []*Fingerprint
		for n := i + 1; len(others) < 24; n++ {
			if at := n % len(prints); at != i && at != j {
				others = append(others, prints[at])
			}
		}
		return f.Beyond(g, others)
	}
	high, highOwn, pairs := 0.0, -1.0, 0
	for i, f := range prints {
		for j, g := range prints[:i] {
			pairs++
			like := f.Likeness(g)
			if high = max(high, like); like >= Likely {
				highOwn = max(highOwn, beyond(f, g, i, j))
			}
		}
	}
	low, lowOwn, found := 1.0, 1.0, 0
	for i, im := range images {
		if i%8 != 0 {
			continue
		}
		for form, other := range saved(t, im) {
			found++
			p := printed(other)
			like := prints[i].Likeness(p)
			own := beyond(prints[i], p, i, i)
			low, lowOwn = min(low, like), min(lowOwn, own)
			if !prints[i].SameExtent(p) || prints[i].Signs().Likeness(p.Signs()) != like || like < Likely || own < Own {
				t.Errorf("%d, %s: not known again: %.2f, beyond others %.2f", i, form, like, own)
			}
		}
	}
	t.Logf("%d pairs of two people: at most %.2f, beyond others %.2f; %d of one: at least %.2f, beyond others %.2f", pairs, high, highOwn, found, low, lowOwn)
	if highOwn >= Own {
		t.Errorf("two people are taken for one: %.2f beyond others", highOwn)
	}
}
