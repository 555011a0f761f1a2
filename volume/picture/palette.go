package picture

import "image/color"

// palette begins with eight colours after Okabe and Ito (Color Universal
// Design, 2008), shifted until any two of them lie at least 30 apart in CIELAB
// also to a person without red or green cones (as simulated by Machado,
// Oliveira and Fernandes 2009). The others follow by greatest distance to all
// before them: at least 25 within the first 32, 18 within all 64. All are
// light and strong enough to stand out from grey on black.
var palette = [...]uint32{
	0xCC5D07, 0x30CFFF, 0xD1D472, 0x368759, 0xB466A1, 0x5883F7, 0xFFCC04, 0x87F8D4,
	0xFF2666, 0x33CC4D, 0xFFB399, 0xD973FF, 0xD90099, 0x8C7333, 0xBFBFFF, 0x598000,
	0xBFF24D, 0xBF4D4D, 0x2680BF, 0xFFB359, 0x00FFB3, 0x00A6A6, 0xFFB3D9, 0xFF4D40,
	0xFF73A6, 0x8CD980, 0xB3990D, 0xFF99F2, 0x00F2FF, 0x9966CC, 0x008C33, 0x00BF8C,
	0x8CA666, 0x8073B3, 0xBF7340, 0x99B31A, 0xD9808C, 0xFF990D, 0xFF8066, 0xFFD999,
	0x7366F2, 0xCC59BF, 0xE6E633, 0xB37300, 0xD92673, 0x73A6FF, 0x4DA600, 0x73BF99,
	0xCCE6A6, 0xB399F2, 0x1A99BF, 0xFFD966, 0xCCA659, 0xBF4D73, 0x4DFF8C, 0x99F273,
	0x00B3FF, 0x8CB34D, 0xFF7380, 0x8C8C26, 0x33BF66, 0xFF66BF, 0xFF66E6, 0x2673CC,
}

// Palette returns the colour of the n-th structure (from 0); after 64 they
// begin again.
func Palette(n int) color.RGBA {
	c := palette[n%len(palette)]
	return color.RGBA{R: uint8(c >> 16), G: uint8(c >> 8 & 0xff), B: uint8(c & 0xff), A: 0xff} //nolint:gosec // each shifted value is one byte
}
