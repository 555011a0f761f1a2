package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

// grid is one of a shape and spacing, in RAS order.
func grid(shape [3]int, spacing [3]float64) volume.Grid {
	g := volume.Grid{Shape: shape, Affine: volume.Identity()}
	for a, s := range spacing {
		g.Affine[a][a] = s
	}
	return g
}

// labels collects a mask given in C order (the last axis fastest).
func labels(t testing.TB, g volume.Grid, c []uint8) *Labels {
	t.Helper()
	m := &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())}
	n := 0
	for i := range g.Shape[0] {
		for j := range g.Shape[1] {
			for k := range g.Shape[2] {
				m.Data[g.Index(i, j, k)] = uint16(c[n])
				n++
			}
		}
	}
	l, err := Collect(m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// number reads a JSON number or the text "NaN".
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == `"NaN"` {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(1, math.Abs(b))
}

// The official evaluation of SAT made these numbers.
func TestEqualsOfficialEvaluation(t *testing.T) {
	var want struct {
		Shape [3]int
		Pairs []struct {
			Index   int
			Name    string
			Dice    float64
			NSD     float64
			Surface []struct {
				Spacing     [3]float64
				Tolerance   float64
				NSD         number
				AreaGT      float64 `json:"surface_area_gt"`
				AreaPred    float64 `json:"surface_area_pred"`
				SurfelsGT   int     `json:"n_surfels_gt"`
				SurfelsPred int     `json:"n_surfels_pred"`
			}
		}
	}
	b, err := os.ReadFile(sharedtest.Path(t, "fixtures/metrics/expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	load := func(name string) []uint8 {
		a, err := npy.ReadFile(sharedtest.Path(t, "fixtures/metrics/"+name))
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Uint8s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	preds, gts := load("pred.npy"), load("gt.npy")
	size := want.Shape[0] * want.Shape[1] * want.Shape[2]
	for _, p := range want.Pairs {
		at := func(spacing [3]float64) (pred, ref *Labels) {
			g := grid(want.Shape, spacing)
			return labels(t, g, preds[p.Index*size:(p.Index+1)*size]), labels(t, g, gts[p.Index*size:(p.Index+1)*size])
		}
		// Whatever the spacing, SATExact takes (1, 1, 3).
		pred, ref := at([3]float64{0.5, 2, 7})
		r := Compare(pred.Structures[1], ref.Structures[1], ref.Grid, Options{SATExact: true})
		if r.Dice != p.Dice || !near(r.NSD, p.NSD) {
			t.Errorf("%s: DSC %v NSD %v, want %v %v", p.Name, r.Dice, r.NSD, p.Dice, p.NSD)
		}
		for _, s := range p.Surface {
			pred, ref := at(s.Spacing)
			r := Compare(pred.Structures[1], ref.Structures[1], ref.Grid, Options{Tolerance: s.Tolerance})
			if !near(r.NSD, float64(s.NSD)) || !near(r.RefSurface, s.AreaGT) || !near(r.PredSurface, s.AreaPred) ||
				r.RefSurfels != s.SurfelsGT || r.PredSurfels != s.SurfelsPred {
				t.Errorf("%s at %v, %g mm: %+v, want %+v", p.Name, s.Spacing, s.Tolerance, r, s)
			}
		}
	}
	var tables map[string][256]float64
	if b, err = os.ReadFile(sharedtest.Path(t, "fixtures/metrics/surfel_areas.json")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &tables); err != nil {
		t.Fatal(err)
	}
	for name, table := range tables {
		var s [3]float64
		if _, err := fmt.Sscanf(name, "%gx%gx%g", &s[0], &s[1], &s[2]); err != nil {
			t.Fatal(err)
		}
		for c, a := range areas(s) {
			if !near(a, table[c]) {
				t.Errorf("%s: area of code %d is %g, want %g", name, c, a, table[c])
			}
		}
	}
}

// brute measures by looking at all pairs of border cells.
func brute(pred, ref []uint8, g volume.Grid, tolerance float64) (nsd, hd95 float64) {
	type cell struct {
		at   [3]float64
		area float64
	}
	s, table := g.Shape, areas(g.Spacing())
	border := func(m []uint8) (out []cell) {
		at := func(i, j, k int) int {
			if i < 0 || j < 0 || k < 0 || i >= s[0] || j >= s[1] || k >= s[2] {
				return 0
			}
			return int(m[(i*s[1]+j)*s[2]+k])
		}
		for i := range s[0] + 1 {
			for j := range s[1] + 1 {
				for k := range s[2] + 1 {
					c := 0
					for n := range 8 {
						c = c<<1 | at(i-1+n>>2, j-1+n>>1&1, k-1+n&1)
					}
					if c != 0 && c != 255 {
						sp := g.Spacing()
						out = append(out, cell{[3]float64{float64(i) * sp[0], float64(j) * sp[1], float64(k) * sp[2]}, table[c]})
					}
				}
			}
		}
		return out
	}
	a, b := border(pred), border(ref)
	within, area := 0.0, 0.0
	for _, side := range [2][2][]cell{{a, b}, {b, a}} {
		var surfels []surfel
		sum := 0.0
		for _, p := range side[0] {
			d := math.Inf(1)
			for _, q := range side[1] {
				x, y, z := p.at[0]-q.at[0], p.at[1]-q.at[1], p.at[2]-q.at[2]
				d = min(d, math.Sqrt(x*x+y*y+z*z))
			}
			if sum += p.area; d <= tolerance {
				within += p.area
			}
			surfels = append(surfels, surfel{p.area, d})
		}
		area += sum
		hd95 = max(hd95, percentile(surfels, sum, 0.95))
	}
	return within / area, hd95
}

// Masks near each other and far apart, on rows longer than a word, at uneven
// spacings, against all pairs.
func TestEqualsAllPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		shape := [3]int{1 + rng.IntN(150), 1 + rng.IntN(12), 1 + rng.IntN(40)}
		if n%2 == 0 {
			shape[0], shape[2] = 1+rng.IntN(20), 1+rng.IntN(150)
		}
		g := grid(shape, [3]float64{0.3 + rng.Float64(), 0.3 + 3*rng.Float64(), 0.3 + rng.Float64()})
		blob := func() []uint8 {
			m := make([]uint8, g.Voxels())
			centre := [3]float64{rng.Float64() * float64(shape[0]), rng.Float64() * float64(shape[1]), rng.Float64() * float64(shape[2])}
			radius, noise := 1+5*rng.Float64(), rng.Float64()*0.02
			v := 0
			for i := range shape[0] {
				for j := range shape[1] {
					for k := range shape[2] {
						x, y, z := float64(i)-centre[0], float64(j)-centre[1], float64(k)-centre[2]
						if x*x+y*y+z*z < radius*radius || n%3 == 0 && rng.Float64() < noise {
							m[v] = 1
						}
						v++
					}
				}
			}
			return m
		}
		a, b := blob(), blob()
		pred, ref := labels(t, g, a).Structures[1], labels(t, g, b).Structures[1]
		if pred == nil || ref == nil {
			continue
		}
		tolerance := 5 * rng.Float64()
		r := Compare(pred, ref, g, Options{Tolerance: tolerance})
		nsd, hd95 := brute(a, b, g, tolerance)
		if !near(r.NSD, nsd) || !near(r.HD95, hd95) {
			t.Errorf("%d %v: NSD %g HD95 %g, all pairs give %g %g", n, g, r.NSD, r.HD95, nsd, hd95)
		}
	}
}

func TestEmptyMasks(t *testing.T) {
	g := grid([3]int{2, 2, 2}, [3]float64{1, 1, 1})
	some := labels(t, g, []uint8{1, 0, 0, 0, 0, 0, 0, 0}).Structures[1]
	r := Compare(nil, nil, g, Options{})
	if r.Status != NeitherHas || !math.IsNaN(r.Dice) || !math.IsNaN(r.NSD) || !math.IsNaN(r.HD95) {
		t.Errorf("%+v", r)
	}
	for want, r := range map[Status]Result{OnlyPred: Compare(some, nil, g, Options{}), OnlyRef: Compare(nil, some, g, Options{})} {
		if r.Status != want || r.Dice != 0 || r.NSD != 0 || !math.IsInf(r.HD95, 1) {
			t.Errorf("%+v", r)
		}
	}
}

func TestCompareAll(t *testing.T) {
	g := grid([3]int{3, 1, 2}, [3]float64{10, 10, 10})
	pred := labels(t, g, []uint8{1, 1, 2, 2, 0, 3})
	ref := labels(t, g, []uint8{1, 1, 2, 0, 0, 0})
	got, err := CompareAll(pred, ref, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[1].Dice != 1 || got[1].HD95 != 0 || got[2].Dice != 2.0/3 || got[2].VolumeError != 1 || got[2].PredVolume != 2 ||
		got[3].Status != OnlyPred {
		t.Errorf("%+v", got)
	}
	moved := *ref
	moved.Affine[0][3] = 0.1
	if _, err := CompareAll(pred, &moved, nil, Options{}); !errors.Is(err, ErrGrid) {
		t.Error(err)
	}
}

// Reading piece by piece gives the same runs as a map in memory, whatever the
// length of rows.
func TestReadEqualsCollect(t *testing.T) {
	for _, shape := range [][3]int{{700, 300, 2}, {1, 5, 70001}, {65535, 3, 1}} {
		rng := rand.New(rand.NewPCG(5, 6))
		m := &volume.LabelMap{Grid: grid(shape, [3]float64{1, 1, 1})}
		for range m.Voxels() {
			m.Data = append(m.Data, uint16(rng.IntN(8)/5)*300)
		}
		path := filepath.Join(t.TempDir(), "m.nii.gz")
		if err := volume.WriteLabelMap(path, m); err != nil {
			t.Fatal(err)
		}
		read, err := Read(path, volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := Collect(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(read.Structures[300]), fmt.Sprint(whole.Structures[300]); got != want || whole.Structures[300] == nil {
			t.Errorf("%v: other runs", shape)
		}
		n := 0
		for _, v := range m.Data {
			if v != 0 {
				n++
			}
		}
		if read.Structures[300].Voxels != n {
			t.Errorf("%v: %d voxels, want %d", shape, read.Structures[300].Voxels, n)
		}
	}
}

func TestBootstrap(t *testing.T) {
	got := Bootstrap([]float64{0.8, 0.9, 1, math.NaN(), 0.7, 0.6, math.Inf(1)}, 0.95, 1)
	if got != Bootstrap([]float64{0.8, 0.9, 1, 0.7, 0.6}, 0.95, 1) {
		t.Error("not the same for the same values")
	}
	// The standard error of the mean is 0.063.
	if math.Abs(got.Mean-0.8) > 1e-12 || got.Low < 0.66 || got.Low > 0.74 || got.High < 0.86 || got.High > 0.94 || got.N != 5 {
		t.Errorf("%+v", got)
	}
	if none := Bootstrap(nil, 0.95, 1); !math.IsNaN(none.Mean) || none.N != 0 {
		t.Errorf("%+v", none)
	}
}
