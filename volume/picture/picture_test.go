package picture

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"satgraph/volume"
)

var red = color.RGBA{R: 0xff, A: 0xff}

// newImage returns a RAS image of zeros with the origin at voxel (0,0,0).
func newImage(shape [3]int, spacing [3]float64) *volume.Image {
	g := volume.Grid{Shape: shape, Affine: volume.Identity()}
	for i, s := range spacing {
		g.Affine[i][i] = s
	}
	return &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
}

// box returns a mask of the voxels from lo (inclusive) to hi (exclusive).
func box(g volume.Grid, lo, hi [3]int) *volume.Mask {
	m := volume.NewMask(g)
	for k := lo[2]; k < hi[2]; k++ {
		for j := lo[1]; j < hi[1]; j++ {
			for i := lo[0]; i < hi[0]; i++ {
				m.Data[g.Index(i, j, k)] = 1
			}
		}
	}
	return m
}

// planeOf cuts the i-th plane's own area out of a picture.
func planeOf(t *testing.T, c *Canvas, pic image.Image, i int) *image.RGBA {
	t.Helper()
	p := c.layout()
	x := margin + i*(p.cellWidth+gap) + (p.cellWidth-p.panels[i].X)/2
	y := p.cellTop + (p.cellHeight-p.panels[i].Y)/2
	out := image.NewRGBA(image.Rectangle{Max: p.panels[i]})
	draw.Draw(out, out.Rect, pic, image.Pt(x, y), draw.Src)
	return out
}

// centroid returns the middle of the pixels that are tinted red, and how many
// there are.
func centroid(img *image.RGBA) (x, y float64, n int) {
	for py := range img.Rect.Dy() {
		for px := range img.Rect.Dx() {
			if c := img.RGBAAt(px, py); c.R > 60 && c.G == 0 && c.B == 0 {
				x, y, n = x+float64(px)+0.5, y+float64(py)+0.5, n+1
			}
		}
	}
	return x / float64(n), y / float64(n), n
}

func mustDraw(t *testing.T, im *volume.Image, o Options, layers ...Layer) (*Canvas, image.Image) {
	t.Helper()
	c, err := NewCanvas(im, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if err := c.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	pic, err := c.Draw()
	if err != nil {
		t.Fatal(err)
	}
	return c, pic
}

// A box of 4×4×4 voxels at i 2..5, j 12..15, k 22..25 of 20×20×40 voxels of
// 2×2×1 mm: low x is the patient's left, high y anterior. All planes are
// 40×40 mm, so 600×600 pixels, 30 a voxel in-plane and 15 along z. Shown
// reversed, its middle lies at R-L (20-4)/20, A-P (20-14)/20, S-I (40-24)/40
// of the plane.
func TestStructureIsDrawnWhereItLies(t *testing.T) {
	im := newImage([3]int{20, 20, 40}, [3]float64{2, 2, 1})
	mask := box(im.Grid, [3]int{2, 12, 22}, [3]int{6, 16, 26})
	c, pic := mustDraw(t, im, Options{}, Layer{Name: "box", Mask: mask, Color: red})
	for i, want := range []struct {
		plane string
		x, y  float64
		area  int
	}{
		{"axial", 480, 180, 120 * 120},
		{"coronal", 480, 240, 120 * 60},
		{"sagittal", 180, 240, 120 * 60},
	} {
		x, y, n := centroid(planeOf(t, c, pic, i))
		if math.Abs(x-want.x) > 1 || math.Abs(y-want.y) > 1 {
			t.Errorf("%s: middle at (%.1f, %.1f), want (%g, %g)", want.plane, x, y, want.x, want.y)
		}
		if math.Abs(float64(n-want.area)) > 0.08*float64(want.area) {
			t.Errorf("%s: %d pixels tinted, want about %d", want.plane, n, want.area)
		}
	}
}

// The same patient stored in any of the 48 axis orders and directions gives
// the same picture, byte by byte. LAS is among them.
func TestEveryOrientationGivesTheSamePicture(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ras := newImage([3]int{9, 12, 7}, [3]float64{2, 1.5, 3})
	ras.Affine[0][3], ras.Affine[1][3], ras.Affine[2][3] = -10, 20, -300
	for i := range ras.Data {
		ras.Data[i] = float32(rng.NormFloat64() * 300)
	}
	mask := box(ras.Grid, [3]int{1, 2, 3}, [3]int{4, 9, 5})
	_, pic := mustDraw(t, ras, Options{Panel: 200}, Layer{Name: "box", Mask: mask})
	want, ok := pic.(*image.RGBA)
	if !ok {
		t.Fatalf("picture is a %T", pic)
	}

	for _, perm := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for bits := range 8 {
			flip := [3]bool{bits&1 != 0, bits&2 != 0, bits&4 != 0}
			im, m := stored(ras, mask, perm, flip)
			t.Run(im.Orientation(), func(t *testing.T) {
				_, pic := mustDraw(t, im, Options{Panel: 200}, Layer{Name: "box", Mask: m})
				got, ok := pic.(*image.RGBA)
				if !ok || got.Rect != want.Rect {
					t.Fatalf("another size: %v, want %v", pic.Bounds(), want.Rect)
				}
				for i := range want.Pix {
					if got.Pix[i] != want.Pix[i] {
						n := i / 4
						t.Fatalf("pixel (%d,%d) differs", n%want.Rect.Dx(), n/want.Rect.Dx())
					}
				}
			})
		}
	}
}

// stored lays a RAS image and mask out anew: file axis a runs along RAS axis
// perm[a], backwards where flip[a].
func stored(im *volume.Image, m *volume.Mask, perm [3]int, flip [3]bool) (*volume.Image, *volume.Mask) {
	var g volume.Grid
	g.Affine[3][3] = 1
	for r := range 3 {
		g.Affine[r][3] = im.Affine[r][3]
	}
	for a, ras := range perm {
		g.Shape[a] = im.Shape[ras]
		for r := range 3 {
			step := im.Affine[r][ras]
			if flip[a] {
				g.Affine[r][3] += step * float64(im.Shape[ras]-1)
				step = -step
			}
			g.Affine[r][a] = step
		}
	}
	out, mask := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}, volume.NewMask(g)
	for k := range g.Shape[2] {
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				var at [3]int
				for a, n := range [3]int{i, j, k} {
					if flip[a] {
						n = g.Shape[a] - 1 - n
					}
					at[perm[a]] = n
				}
				from, to := im.Index(at[0], at[1], at[2]), g.Index(i, j, k)
				out.Data[to], mask.Data[to] = im.Data[from], m.Data[from]
			}
		}
	}
	return out, mask
}

func TestPlanesKeepTrueProportions(t *testing.T) {
	for _, tc := range []struct {
		shape   [3]int
		spacing [3]float64
		want    [3]image.Point
	}{
		// 100×50×300 mm. Axial: 600 wide. Coronal: 780 high, a third as wide.
		{[3]int{100, 50, 60}, [3]float64{1, 1, 5}, [3]image.Point{{X: 600, Y: 300}, {X: 260, Y: 780}, {X: 130, Y: 780}}},
		// One slice of 5 mm: 600×5/300 = 10 high.
		{[3]int{300, 300, 1}, [3]float64{1, 1, 5}, [3]image.Point{{X: 600, Y: 600}, {X: 600, Y: 10}, {X: 600, Y: 10}}},
		// One slice of 0.1 mm would be 0.2 pixels: kept visible.
		{[3]int{300, 300, 1}, [3]float64{1, 1, 0.1}, [3]image.Point{{X: 600, Y: 600}, {X: 600, Y: 4}, {X: 600, Y: 4}}},
		{[3]int{1, 1, 1}, [3]float64{1, 1, 1}, [3]image.Point{{X: 600, Y: 600}, {X: 600, Y: 600}, {X: 600, Y: 600}}},
	} {
		im := newImage(tc.shape, tc.spacing)
		full := box(im.Grid, [3]int{}, im.Shape)
		c, _ := mustDraw(t, im, Options{}, Layer{Name: "all", Mask: full}, Layer{Name: "none"})
		if got := c.layout().panels; got != tc.want {
			t.Errorf("%v voxels of %v mm: planes of %v, want %v", tc.shape, tc.spacing, got, tc.want)
		}
	}
}

func TestBestPoint(t *testing.T) {
	f := newFrame(newImage([3]int{10, 10, 10}, [3]float64{1, 1, 1}).Grid)
	kept := func(lo, hi [3]int) layer {
		m := box(volume.Grid{Shape: [3]int{10, 10, 10}}, lo, hi)
		runs, n := findRuns(m.Data, 10)
		return layer{runs: runs, voxels: n}
	}
	for _, tc := range []struct {
		name   string
		layers []layer
		want   [3]int
	}{
		{"nothing: the middle", nil, [3]int{5, 5, 5}},
		{"one voxel", []layer{kept([3]int{7, 2, 9}, [3]int{8, 3, 10})}, [3]int{7, 2, 9}},
		// Equal planes 2..6: the one nearest to the centre of mass, 4.
		{"a cube: its middle", []layer{kept([3]int{2, 2, 2}, [3]int{7, 7, 7})}, [3]int{4, 4, 4}},
		// Along z the large one (36 a plane, breadth 6) stands in 0..3, two
		// small ones (16 a plane, breadth 4 each) in 6..7: 8 beats 6 there.
		{"two small ones beat one large", []layer{
			kept([3]int{0, 0, 0}, [3]int{6, 6, 4}),
			kept([3]int{0, 0, 6}, [3]int{4, 4, 8}),
			kept([3]int{4, 4, 6}, [3]int{8, 8, 8}),
			// Along x and y, 0..5 are equal (√24 + √8); the centre of mass lies at
			// (144·2.5 + 32·1.5 + 32·5.5)/208 = 2.8.
		}, [3]int{3, 3, 6}},
	} {
		if got := f.bestPoint(tc.layers); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestLegend(t *testing.T) {
	im := newImage([3]int{10, 10, 10}, [3]float64{10, 10, 10}) // a voxel is 1 mL
	found := box(im.Grid, [3]int{}, [3]int{5, 5, 5})
	layers := []Layer{{Name: "kidney", Mask: found, Color: red}, {Name: "nowhere", Mask: volume.NewMask(im.Grid)}}
	c, pic := mustDraw(t, im, Options{}, layers...)
	if got := formatVolume(c.layers[0].volumeML); got != "125 mL" {
		t.Errorf("volume is given as %q, want 125 mL", got)
	}
	at := c.layout()
	swatchOf := func(row int) color.Color {
		return pic.At(margin+swatch/2, at.legendTop+row*legendLine+9+swatch/2)
	}
	if got := swatchOf(0); got != red {
		t.Errorf("the swatch of a structure has colour %v", got)
	}
	if got := swatchOf(1); got != pageColor {
		t.Errorf("the swatch of a structure not found has colour %v", got)
	}
}

func TestSixtyLayersFit(t *testing.T) {
	im := newImage([3]int{64, 64, 4}, [3]float64{1, 1, 1})
	var layers []Layer
	for i := range 60 {
		lo := [3]int{i % 8 * 8, i / 8 * 8, 0}
		layers = append(layers, Layer{
			Name: fmt.Sprintf("structure %d %s", i, strings.Repeat("very ", i*10)),
			Mask: box(im.Grid, lo, [3]int{lo[0] + 6, lo[1] + 6, 4}),
		})
	}
	c, pic := mustDraw(t, im, Options{Title: strings.Repeat("title ", 400), Footer: "line\nbreak"}, layers...)
	at := c.layout()
	if at.legendColumns != 3 || at.legendRowCount != 20 {
		t.Errorf("legend has %d columns of %d, want 3 of 20", at.legendColumns, at.legendRowCount)
	}
	if end := at.legendTop + at.legendRowCount*legendLine; end > at.footerBase-20 {
		t.Errorf("legend ends at %d, the footer begins at %d", end, at.footerBase-20)
	}
	// Text is cut before it runs off the page or into the next column.
	for y := range at.height {
		columns := []int{2, margin - 8, at.width - 8}
		if y > at.legendTop && y < at.legendTop+at.legendRowCount*legendLine {
			columns = append(columns, margin+at.cellWidth+gap/2)
		}
		for _, x := range columns {
			if got := pic.At(x, y); got != pageColor {
				t.Fatalf("something is drawn in the margin at (%d,%d): %v", x, y, got)
			}
		}
	}
}

func TestFooterIsWritten(t *testing.T) {
	im := newImage([3]int{4, 4, 4}, [3]float64{1, 1, 1})
	for _, footer := range []string{"", "never for clinical use"} {
		c, pic := mustDraw(t, im, Options{Footer: footer})
		base, inked := c.layout().footerBase, false
		for x := range c.layout().width / 3 {
			for y := base - 20; y < base+5; y++ {
				inked = inked || pic.At(x, y) == warningColor
			}
		}
		if inked != (footer != "") {
			t.Errorf("footer %q: drawn is %v", footer, inked)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := newImage([3]int{4, 4, 4}, [3]float64{1, 1, 1})
	shifted := volume.NewMask(good.Grid)
	shifted.Affine[0][3] = 7
	flat := newImage([3]int{4, 4, 4}, [3]float64{1, 1, 0})
	short := newImage([3]int{4, 4, 4}, [3]float64{1, 1, 1})
	short.Data = short.Data[1:]
	broken := newImage([3]int{4, 4, 4}, [3]float64{1, 1, math.NaN()})
	for _, tc := range []struct {
		name string
		im   *volume.Image
		mask *volume.Mask
		want error
	}{
		{"no image", nil, nil, ErrImage},
		{"no voxels", &volume.Image{Grid: volume.Grid{Affine: volume.Identity()}}, nil, ErrImage},
		{"voxels missing", short, nil, ErrImage},
		{"no spacing", flat, nil, ErrImage},
		{"spacing not a number", broken, nil, ErrImage},
		{"mask of another shape", good, volume.NewMask(volume.Grid{Shape: [3]int{4, 4, 5}, Affine: volume.Identity()}), ErrGrid},
		{"mask at another place", good, shifted, ErrGrid},
		{"mask without voxels", good, &volume.Mask{Grid: good.Grid}, ErrGrid},
	} {
		if _, err := Render(tc.im, []Layer{{Name: "x", Mask: tc.mask}}, Options{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: error is %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestUnreadableVoxelsAreBlack(t *testing.T) {
	im := newImage([3]int{4, 4, 4}, [3]float64{1, 1, 1})
	for i := range im.Data {
		im.Data[i] = float32(math.NaN())
	}
	c, pic := mustDraw(t, im, Options{})
	if got := planeOf(t, c, pic, 0).RGBAAt(200, 200); got != (color.RGBA{A: 0xff}) {
		t.Errorf("NaN is drawn as %v", got)
	}
}

func TestCanvasForgetsTheMask(t *testing.T) {
	im := newImage([3]int{8, 8, 8}, [3]float64{1, 1, 1})
	mask := box(im.Grid, [3]int{2, 2, 2}, [3]int{6, 6, 6})
	c, err := NewCanvas(im, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(Layer{Name: "x", Mask: mask, Color: red}); err != nil {
		t.Fatal(err)
	}
	clear(mask.Data)
	pic, err := c.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, n := centroid(planeOf(t, c, pic, 0)); n == 0 {
		t.Error("the structure is gone once its mask is reused")
	}
}
