package picture

import (
	"math"
	"testing"
)

func TestAutoWindow(t *testing.T) {
	repeat := func(counts map[float32]int) (out []float32) {
		for v, n := range counts {
			for range n {
				out = append(out, v)
			}
		}
		return out
	}
	ramp := make([]float32, 1001) // 0..1000, as an MR might be
	for i := range ramp {
		ramp[i] = float32(i)
	}
	nan := float32(math.NaN())
	for _, tc := range []struct {
		name string
		data []float32
		want Window
	}{
		{"air and tissue: a CT", repeat(map[float32]int{-1000: 500, 40: 500}), softTissue},
		{"a CT of tissue and fat only", repeat(map[float32]int{-110: 500, 40: 500}), softTissue},
		// 1 % of 1001 values is the 10th, 99.5 % the 995th: 10 to 995.
		{"positive values", ramp, Window{Center: 502.5, Width: 985}},
		// Nothing between -160 and 240: its own range.
		{"below zero, but no tissue", repeat(map[float32]int{-1000: 500, 3000: 500}), Window{Center: 1000, Width: 4000}},
		{"all zero", repeat(map[float32]int{0: 100}), Window{Center: 0.5, Width: 1}},
		{"a few points on zero", repeat(map[float32]int{0: 1000, 8: 2}), Window{Center: 4, Width: 8}},
		{"nothing to read", []float32{nan, nan}, softTissue},
		{"holes are left out", append(repeat(map[float32]int{nan: 1}), ramp...), Window{Center: 502.5, Width: 985}},
	} {
		if got := AutoWindow(tc.data); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestGrey(t *testing.T) {
	for _, tc := range []struct {
		v    float32
		want float64
	}{
		{-1000, 0},
		{-160, 0},
		{40, 0.5},
		{140, 0.75},
		{240, 1},
		{3000, 1},
		{float32(math.NaN()), 0},
		{float32(math.Inf(1)), 1},
		{float32(math.Inf(-1)), 0},
	} {
		if got := softTissue.grey(tc.v); got != tc.want {
			t.Errorf("%g HU is %g, want %g", tc.v, got, tc.want)
		}
	}
}
