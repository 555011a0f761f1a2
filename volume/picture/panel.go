package picture

import (
	"image"
	"image/color"
	"math"
)

const (
	fillAlpha    = 0.40 // how much of a structure's colour covers the image
	contourAlpha = 0.95
	contourWidth = 1.8 // pixels
)

// resize returns the field at w×h pixels by linear interpolation; where that
// makes it smaller, each pixel is the mean of as many samples as it covers.
func (f field) resize(w, h int) field {
	out := field{w: w, h: h, v: make([]float32, w*h)}
	stepX, stepY := float64(f.w)/float64(w), float64(f.h)/float64(h)
	// At most 8 samples a pixel and axis: enough for 5,000 voxels in 600.
	nx, ny := min(8, int(math.Ceil(stepX))), min(8, int(math.Ceil(stepY)))
	for y := range h {
		for x := range w {
			var sum float64
			for j := range ny {
				sy := (float64(y)+(float64(j)+0.5)/float64(ny))*stepY - 0.5
				for i := range nx {
					sx := (float64(x)+(float64(i)+0.5)/float64(nx))*stepX - 0.5
					sum += f.at(sx, sy)
				}
			}
			out.v[y*w+x] = float32(sum / float64(nx*ny))
		}
	}
	return out
}

// at interpolates the field at a place between its points; beyond the outer
// points it stays as it is there.
func (f field) at(x, y float64) float64 {
	x = min(max(x, 0), float64(f.w-1))
	y = min(max(y, 0), float64(f.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, f.w-1), min(y0+1, f.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	above := float64(f.v[y0*f.w+x0])*(1-fx) + float64(f.v[y0*f.w+x1])*fx
	below := float64(f.v[y1*f.w+x0])*(1-fx) + float64(f.v[y1*f.w+x1])*fx
	return above*(1-fy) + below*fy
}

// paintGrey draws the field into dst at the corner given.
func paintGrey(dst *image.RGBA, corner image.Point, f field, win Window) {
	for i, v := range f.v {
		g := uint8(math.Round(255 * win.grey(v)))
		dst.SetRGBA(corner.X+i%f.w, corner.Y+i/f.w, color.RGBA{R: g, G: g, B: g, A: 0xff})
	}
}

// paintStructure lays a structure over dst: a tint inside, and a thin contour
// where the field, 1 inside and 0 outside, passes one half.
func paintStructure(dst *image.RGBA, corner image.Point, f field, c color.RGBA) {
	for y := range f.h {
		for x := range f.w {
			m := float64(f.v[y*f.w+x])
			x0, x1 := max(x-1, 0), min(x+1, f.w-1)
			y0, y1 := max(y-1, 0), min(y+1, f.h-1)
			gx := float64(f.v[y*f.w+x1]-f.v[y*f.w+x0]) / float64(max(x1-x0, 1))
			gy := float64(f.v[y1*f.w+x]-f.v[y0*f.w+x]) / float64(max(y1-y0, 1))
			// The distance from the contour in pixels, positive inside.
			d := math.Inf(1)
			if m < 0.5 {
				d = math.Inf(-1)
			}
			if slope := math.Hypot(gx, gy); slope > 1e-6 {
				d = (m - 0.5) / slope
			}
			alpha := fillAlpha * clamp01(d+0.5)
			edge := contourAlpha * clamp01(contourWidth/2+0.5-math.Abs(d))
			if alpha = max(alpha, edge); alpha > 0 {
				blend(dst, corner.X+x, corner.Y+y, c, alpha)
			}
		}
	}
}

func clamp01(v float64) float64 { return min(max(v, 0), 1) }

// blend mixes a colour into one pixel of dst.
func blend(dst *image.RGBA, x, y int, c color.RGBA, alpha float64) {
	if !(image.Point{X: x, Y: y}).In(dst.Rect) {
		return
	}
	under := dst.RGBAAt(x, y)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-alpha) + float64(b)*alpha)) }
	dst.SetRGBA(x, y, color.RGBA{R: mix(under.R, c.R), G: mix(under.G, c.G), B: mix(under.B, c.B), A: 0xff})
}
