package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Interval is a mean with its bootstrap interval.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// N is the number of values; NaN and infinite ones are left out.
	N int `json:"n"`
}

// Resamples is how often a bootstrap draws.
const Resamples = 2000

// Bootstrap is the mean of values with its percentile bootstrap interval (Efron
// 1979) at a level such as 0.95. The same values and seed give the same interval.
func Bootstrap(values []float64, level float64, seed uint64) Interval {
	var v []float64
	for _, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			v = append(v, x)
		}
	}
	out := Interval{N: len(v), Mean: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if len(v) == 0 {
		return out
	}
	mean := func(at func(int) float64) (sum float64) {
		for i := range v {
			sum += at(i)
		}
		return sum / float64(len(v))
	}
	out.Mean = mean(func(i int) float64 { return v[i] })
	rng := rand.New(rand.NewPCG(seed, uint64(len(v)))) //nolint:gosec // a seeded generator gives the same interval again
	means := make([]float64, Resamples)
	for n := range means {
		means[n] = mean(func(int) float64 { return v[rng.IntN(len(v))] })
	}
	slices.Sort(means)
	at := func(q float64) float64 { return means[int(math.Round(q*float64(len(means)-1)))] }
	out.Low, out.High = at((1-level)/2), at((1+level)/2)
	return out
}
