package inference

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/npy/npytest"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
	"satgraph/volume/prepare"
)

// plain is the straightforward way: full-size sums for one class, and every
// voxel of the scan looked up.
type plain struct {
	shape, patch  [3]int
	sums, weights []float32
}

func newPlain(shape, patch [3]int) *plain {
	n := shape[0] * shape[1] * shape[2]
	return &plain{shape, patch, make([]float32, n), make([]float32, n)}
}

func (p *plain) add(w window, logits, gauss []float32) {
	for x := w.lo[0]; x < w.hi[0]; x++ {
		for y := w.lo[1]; y < w.hi[1]; y++ {
			for z := w.lo[2]; z < w.hi[2]; z++ {
				from := ((x-w.lo[0])*p.patch[1]+y-w.lo[1])*p.patch[2] + z - w.lo[2]
				at := (x*p.shape[1]+y)*p.shape[2] + z
				p.sums[at] += float32(1/(1+math.Exp(-float64(logits[from])))) * gauss[from]
				p.weights[at] += gauss[from]
			}
		}
	}
}

func (p *plain) probabilities() []float32 {
	out := make([]float32, len(p.sums))
	for i, s := range p.sums {
		out[i] = s / p.weights[i]
	}
	return out
}

// lookup interpolates a C-order volume at a voxel position; 0 beyond half a
// voxel outside.
func lookup(data []float32, shape [3]int, at [3]float64) float64 {
	var lo, hi [3]int
	var w [3]float64
	for a, p := range at {
		n := float64(shape[a])
		if !(p >= -0.5 && p <= n-0.5) {
			return 0
		}
		p = min(max(p, 0), n-1)
		lo[a] = int(p)
		hi[a] = min(lo[a]+1, shape[a]-1)
		w[a] = p - float64(lo[a])
	}
	sum := 0.0
	for n := range 8 {
		c, weight := lo, 1.0
		for a := range 3 {
			if n>>a&1 == 1 {
				c[a] = hi[a]
				weight *= w[a]
			} else {
				weight *= 1 - w[a]
			}
		}
		sum += weight * float64(data[(c[0]*shape[1]+c[1])*shape[2]+c[2]])
	}
	return sum
}

func TestLookup(t *testing.T) {
	data := []float32{0, 1, 2, 3, 4, 5, 6, 7} // 2x2x2: 4x + 2y + z
	for _, c := range []struct {
		at   [3]float64
		want float64
	}{
		{[3]float64{1, 1, 1}, 7},
		{[3]float64{0.25, 0, 1}, 2},
		{[3]float64{-0.5, 0, 0}, 0},
		{[3]float64{1.5, 1.5, 1}, 7},
		{[3]float64{-0.51, 1, 1}, 0},
		{[3]float64{1, 1, 1.6}, 0},
		{[3]float64{math.NaN(), 0, 0}, 0},
	} {
		if got := lookup(data, [3]int{2, 2, 2}, c.at); got != c.want {
			t.Errorf("at %v: %g, want %g", c.at, got, c.want)
		}
	}
}

// blobs makes smooth logits: some balls that are found, on a background that is
// quiet (-20), unsure (-3) or noisy.
func blobs(rng *rand.Rand, shape [3]int, background float64, noise float64) []float32 {
	out := make([]float32, 0, shape[0]*shape[1]*shape[2])
	type ball struct {
		at [3]float64
		r  float64
	}
	balls := make([]ball, 1+rng.IntN(3))
	for i := range balls {
		for a := range 3 {
			balls[i].at[a] = rng.Float64() * float64(shape[a])
		}
		balls[i].r = 2 + rng.Float64()*8
	}
	for x := range shape[0] {
		for y := range shape[1] {
			for z := range shape[2] {
				l := background
				for _, b := range balls {
					d := math.Sqrt(math.Pow(float64(x)-b.at[0], 2) + math.Pow(float64(y)-b.at[1], 2) + math.Pow(float64(z)-b.at[2], 2))
					l = max(l, 2*(b.r-d))
				}
				out = append(out, float32(l+noise*rng.NormFloat64()))
			}
		}
	}
	return out
}

// Stitching and restoring layer by layer gives what full-size sums and a look
// at every voxel give: on axes in any order, oblique, sheared, and where the
// model's grid is finer, coarser or smaller than the scan.
func TestStitchingAgreesWithThePlainWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	affines := map[string]volume.Affine{
		"LPS":     {{-1.1, 0, 0, 30}, {0, -1.3, 0, 20}, {0, 0, 1.7, -4}, {0, 0, 0, 1}},
		"ASL":     {{0, 0, -1.5, 3}, {1.2, 0, 0, 2}, {0, 0.9, 0, -1}, {0, 0, 0, 1}},
		"oblique": {{1.1, 0.2, -0.1, 3}, {-0.15, -1.3, 0.1, 20}, {0.1, 0.2, 1.7, -4}, {0, 0, 0, 1}},
		"sheared": {{1.1, 0.3, 0, 3}, {0, 1.3, 0.2, 20}, {0, 0, 1.7, -4}, {0, 0, 0, 1}},
	}
	for name, affine := range affines {
		for n := range 6 {
			source := volume.Grid{Shape: [3]int{20 + rng.IntN(50), 20 + rng.IntN(40), 1 + rng.IntN(40)}, Affine: affine}
			spacing := [3]float64{0.7 + 2*rng.Float64(), 0.7 + 2*rng.Float64(), 0.7 + 3*rng.Float64()}
			patch := [3]int{[]int{32, 16, 24}[rng.IntN(3)], []int{32, 16}[rng.IntN(2)], []int{8, 32, 20}[rng.IntN(3)]}
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				comparePlain(t, rng, source, spacing, patch, n)
			})
		}
	}
}

func comparePlain(t *testing.T, rng *rand.Rand, source volume.Grid, spacing [3]float64, patch [3]int, n int) {
	t.Helper()
	grid, err := source.Respaced(spacing)
	if err != nil {
		t.Fatal(err)
	}
	p := &prepare.Scan{Source: source, Grid: grid}
	if p.ToGrid, err = source.ToGrid(grid); err != nil {
		t.Fatal(err)
	}
	if n%2 == 1 && min(grid.Shape[0], grid.Shape[1], grid.Shape[2]) > 6 { // cropped, as by a foreground
		box := volume.Box{Min: [3]int{2, 1, 3}, Max: grid.Shape}
		if p.Grid, err = grid.Crop(box); err != nil {
			t.Fatal(err)
		}
		for a := range 3 {
			p.ToGrid[a][3] -= float64(box.Min[a])
		}
	}
	nearest := n == 4
	to, err := newRestorer(p, nearest)
	if err != nil {
		t.Fatal(err)
	}
	s := newStitcher(p.Grid.Shape, patch, to, &pool{limit: 1 << 20}, n == 5)
	const classes = 3
	var fields []*field
	var naive []*plain
	for c := range classes {
		fields = append(fields, s.newField(c))
		naive = append(naive, newPlain(p.Grid.Shape, patch))
	}
	crew := newCrew(n % 3)
	defer crew.close()
	for i, w := range s.places {
		for c, f := range fields {
			logits := blobs(rng, patch, []float64{-20, -3, -11}[c], []float64{0, 0.2, 3}[c])
			s.add(f, w, logits)
			naive[c].add(w, logits, s.gauss)
		}
		s.finish(crew, fields, i)
		crew.drain()
	}
	if s.pool.live != 0 {
		t.Errorf("%d bricks are left", s.pool.live)
	}
	if open, most := int64(s.pool.top)*brickBytes, classes*s.denseBytes(); open > most || n == 5 && open != most {
		t.Errorf("at most %d bytes of bricks, forecast %d", open, most) // n = 5 sums everything
	}
	for c, f := range fields {
		prob := naive[c].probabilities()
		flips, near := 0, 0
		for k := range source.Shape[2] {
			for j := range source.Shape[1] {
				for i := range source.Shape[0] {
					at := p.ToGrid.Apply([3]float64{float64(i), float64(j), float64(k)})
					tie := false
					if nearest {
						for a := range at {
							if at[a] >= -0.5 && at[a] <= float64(p.Grid.Shape[a])-0.5 {
								exact := min(max(at[a], 0), float64(p.Grid.Shape[a]-1)) + 0.5
								at[a] = math.Floor(exact)
								tie = tie || math.Abs(exact-math.Round(exact)) < 1e-6
							}
						}
					}
					v := lookup(prob, p.Grid.Shape, at)
					if tie || math.Abs(v-threshold) < 2e-5 {
						near++
						continue
					}
					if f.bits.At(i, j, k) != (v > threshold) {
						flips++
					}
				}
			}
		}
		if flips > 0 {
			t.Errorf("class %d: %d of %d voxels differ (grid %v, patch %v, axis %d)", c, flips, source.Voxels(), p.Grid.Shape, patch, s.axis)
		}
		if !nearest && near > source.Voxels()/100 {
			t.Errorf("class %d: %d voxels could not be judged", c, near)
		}
	}
}

func TestSigmoidTable(t *testing.T) {
	s := newSigmoidTable()
	for l := float32(-30); l < 30; l += 0.00037 {
		want := 1 / (1 + math.Exp(-float64(l)))
		if got := float64(s.at(l)); math.Abs(got-want) > 2.5e-7 {
			t.Fatalf("at %g: %g, want %g", l, got, want)
		}
	}
	if v := s.at(float32(math.NaN())); v == v {
		t.Errorf("NaN gives %g", v)
	}
	if a, b := s.at(float32(math.Inf(1))), s.at(float32(math.Inf(-1))); a != 1 || b != 0 {
		t.Errorf("infinities give %g and %g", a, b)
	}
}

// The official sums of weights, which every average is divided by.
func TestWeightsAgreeWithSAT(t *testing.T) {
	for name, shape := range map[string][3]int{"a_overlap": {70, 64, 40}, "b_smaller_than_patch": {40, 70, 20}} {
		a, err := npy.ReadFile(filepath.Join(sharedtest.Path(t, "fixtures/stitch"), name, "accumulation.npy"))
		if err != nil {
			t.Fatal(err)
		}
		p := &prepare.Scan{Source: volume.Grid{Shape: shape, Affine: volume.Identity()}, Grid: volume.Grid{Shape: shape}, ToGrid: volume.Identity()}
		to, err := newRestorer(p, false)
		if err != nil {
			t.Fatal(err)
		}
		s := newStitcher(shape, [3]int{64, 64, 32}, to, &pool{}, true)
		got := make([]float32, shape[0]*shape[1]*shape[2])
		for layer := range s.across[s.axis] {
			lo, hi := [3]int{}, s.across
			lo[s.axis], hi[s.axis] = layer, layer+1
			slab := s.weights(lo, hi)
			for x := slab.lo[0]; x < slab.lo[0]+slab.n[0]; x++ {
				for y := slab.lo[1]; y < slab.lo[1]+slab.n[1]; y++ {
					for z := slab.lo[2]; z < slab.lo[2]+slab.n[2]; z++ {
						got[(x*shape[1]+y)*shape[2]+z] = slab.data[slab.at(x, y, z)]
					}
				}
			}
		}
		npytest.Compare(t, name, got, a.Float32s(), 1e-5)
	}
}

// A patch of one value is looked at once where no class has anything to say of
// it.
func TestRunLooksAtEmptyPatchesOnce(t *testing.T) {
	im := scene()
	m := sceneModel()
	for k := range im.Shape[2] { // a long bar of one value, then the scene again
		for j := range im.Shape[1] {
			for i := range im.Shape[0] {
				if i < 4 {
					im.Data[im.Index(i, j, k)] = 10
				}
			}
		}
	}
	long := &volume.Image{Grid: im.Grid}
	long.Shape[2] = 34 + 160
	long.Data = append(append(long.Data, im.Data...), make([]float32, 160*im.Shape[0]*im.Shape[1])...)
	for i := len(im.Data); i < len(long.Data); i++ {
		long.Data[i] = 10
	}
	var mean, std float64
	for _, v := range long.Data {
		mean += float64(v) / float64(len(long.Data))
	}
	for _, v := range long.Data {
		std += (float64(v) - mean) * (float64(v) - mean) / float64(len(long.Data))
	}
	std = math.Sqrt(std)
	m.levels = []float32{float32((300 - mean) / std), float32((700 - mean) / std), 50}
	m.quiet = -20
	rep, err := Run(context.Background(), m, long, Prompts(CT, "low", "high"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Skipped == 0 || m.looks+rep.Skipped != rep.Windows {
		t.Errorf("%d windows, %d looked at, %d passed by", rep.Windows, m.looks, rep.Skipped)
	}
	if rep.Structures[0].Voxels != 720 || rep.Structures[1].Voxels != 800 {
		t.Errorf("%d and %d voxels", rep.Structures[0].Voxels, rep.Structures[1].Voxels)
	}
}
