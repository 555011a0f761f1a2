package phantom

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// stream is the random source of one named structure: what one structure draws never moves another.
type stream struct{ *rand.Rand }

func newStream(seed uint64, version int, name string) stream {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))                                                             // a hash never fails
	return stream{rand.New(rand.NewPCG(seed, h.Sum64()+uint64(version)*0x9e3779b97f4a7c15))} //nolint:gosec // reproducible, not secret
}

// uni draws evenly from [lo, hi).
func (s stream) uni(lo, hi float64) float64 { return lo + (hi-lo)*s.Float64() }

// gauss draws from a normal distribution cut at two and a half standard deviations.
func (s stream) gauss(mean, sd float64) float64 {
	return mean + sd*clamp(s.NormFloat64(), -2.5, 2.5)
}

func (s stream) chance(p float64) bool { return s.Float64() < p }

func (s stream) jitter(sd float64) vec {
	return vec{s.gauss(0, sd), s.gauss(0, sd), s.gauss(0, sd)}
}

// texture is smooth random noise in space, about zero mean and unit standard deviation.
type texture interface{ at(p vec) float64 }

// waves is a texture made of plane waves in random directions: another spectrum than field's.
type waves struct {
	k     [6]vec
	phase [6]float64
}

func newWaves(s stream, step float64) texture {
	w := &waves{}
	for i := range w.k {
		d := s.jitter(1).unit()
		w.k[i] = d.mul(2 * math.Pi / (step * s.uni(1.7, 4.5)))
		w.phase[i] = s.uni(0, 2*math.Pi)
	}
	return w
}

func (w *waves) at(p vec) float64 {
	var v float64
	for i := range w.k {
		v += parabolicSine(w.k[i].dot(p) + w.phase[i])
	}
	return v * 0.577
}

// parabolicSine is a sine drawn by parabolas: cheap, smooth, and the same on every machine.
func parabolicSine(x float64) float64 {
	t := x / (2 * math.Pi)
	t -= math.Floor(t + 0.5)
	return 8 * t * (1 - 2*math.Abs(t))
}

// field is smooth random noise on a lattice that repeats, about unit standard deviation.
type field struct {
	step float64
	off  vec
	tab  []float32
}

const fieldSize = 32 // lattice points along each axis

func newField(s stream, step float64) texture {
	f := &field{step: step, off: vec{s.uni(0, 1e4), s.uni(0, 1e4), s.uni(0, 1e4)}, tab: make([]float32, fieldSize*fieldSize*fieldSize)}
	for i := range f.tab {
		f.tab[i] = float32(s.gauss(0, 1.6)) // trilinear averaging narrows the spread
	}
	return f
}

func (f *field) at(p vec) float64 {
	x, y, z := (p.x+f.off.x)/f.step, (p.y+f.off.y)/f.step, (p.z+f.off.z)/f.step
	fx, fy, fz := math.Floor(x), math.Floor(y), math.Floor(z)
	ux, uy, uz := fade(x-fx), fade(y-fy), fade(z-fz)
	const m = fieldSize - 1
	x0, y0, z0 := int(fx)&m, int(fy)&m, int(fz)&m
	x1, y1, z1 := (x0+1)&m, (y0+1)&m, (z0+1)&m
	g := func(i, j, k int) float64 { return float64(f.tab[(k*fieldSize+j)*fieldSize+i]) }
	a := mix(mix(g(x0, y0, z0), g(x1, y0, z0), ux), mix(g(x0, y1, z0), g(x1, y1, z0), ux), uy)
	b := mix(mix(g(x0, y0, z1), g(x1, y0, z1), ux), mix(g(x0, y1, z1), g(x1, y1, z1), ux), uy)
	return mix(a, b, uz)
}

func fade(u float64) float64      { return u * u * (3 - 2*u) }
func mix(a, b, u float64) float64 { return a + (b-a)*u }

// hash64 is the SplitMix64 finaliser: white noise by voxel number, whatever the order of evaluation.
func hash64(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9
	v = (v ^ (v >> 27)) * 0x94d049bb133111eb
	return v ^ (v >> 31)
}

// white is a nearly normal variate (sum of four 16-bit uniforms, unit variance) for voxel n.
func white(seed, n uint64) float32 {
	h := hash64(seed ^ hash64(n))
	s := (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + (h >> 48)
	return (float32(s)/65536 - 2) * 1.7320508
}
