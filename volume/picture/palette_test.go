package picture

import (
	"image/color"
	"math"
	"testing"
)

type matrix [3][3]float64

var (
	normal = matrix{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
	// Machado, Oliveira and Fernandes 2009, full severity, on linear RGB.
	noRedCones   = matrix{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}
	noGreenCones = matrix{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}
	// IEC 61966-2-1 (sRGB) to CIE XYZ, white point D65.
	toXYZ = matrix{{0.4124564, 0.3575761, 0.1804375}, {0.2126729, 0.7151522, 0.0721750}, {0.0193339, 0.1191920, 0.9503041}}
)

func (m matrix) apply(v [3]float64) (out [3]float64) {
	for r := range 3 {
		for c := range 3 {
			out[r] += m[r][c] * v[c]
		}
	}
	return out
}

// lab is the colour in CIELAB as seen through the given eyes.
func lab(c color.RGBA, eyes matrix) [3]float64 {
	var rgb [3]float64
	for i, v := range [3]uint8{c.R, c.G, c.B} {
		f := float64(v) / 255
		if f <= 0.04045 {
			rgb[i] = f / 12.92
		} else {
			rgb[i] = math.Pow((f+0.055)/1.055, 2.4)
		}
	}
	rgb = eyes.apply(rgb)
	for i := range rgb {
		rgb[i] = clamp01(rgb[i])
	}
	xyz := toXYZ.apply(rgb)
	for i, white := range [3]float64{0.95047, 1, 1.08883} {
		if v := xyz[i] / white; v > 0.008856 {
			xyz[i] = math.Cbrt(v)
		} else {
			xyz[i] = 7.787*v + 16.0/116
		}
	}
	return [3]float64{116*xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])}
}

func TestPaletteIsTellable(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first int
		eyes  matrix
		apart float64
	}{
		{"first 8", 8, normal, 30},
		{"first 8, no red cones", 8, noRedCones, 30},
		{"first 8, no green cones", 8, noGreenCones, 30},
		{"first 32", 32, normal, 25},
		{"all", len(palette), normal, 18},
	} {
		for i := range tc.first {
			for j := range i {
				a, b := lab(Palette(i), tc.eyes), lab(Palette(j), tc.eyes)
				d := math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
				if d < tc.apart {
					t.Errorf("%s: colours %d and %d are %.1f apart, want %g", tc.name, j, i, d, tc.apart)
				}
			}
		}
	}
	for i := range palette {
		c := lab(Palette(i), normal)
		if chroma := math.Hypot(c[1], c[2]); c[0] < 45 || chroma < 30 {
			t.Errorf("colour %d is hard to tell from grey on black: lightness %.0f, chroma %.0f", i, c[0], chroma)
		}
	}
	if Palette(len(palette)) != Palette(0) {
		t.Error("the palette does not begin again")
	}
}
