package picture

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
)

// The page, in pixels.
const (
	margin       = 36
	gap          = 28 // between planes
	titleHeight  = 64
	captionLine  = 40
	legendLine   = 40
	footerLine   = 44
	swatch       = 22
	shownAtLeast = 4   // of a plane one thin slice high
	cellAtLeast  = 160 // room for the letters beside such a plane
	tallest      = 1.3 // height of a plane over its width, at most
)

var (
	pageColor    = color.RGBA{R: 0x0f, G: 0x13, B: 0x1a, A: 0xff}
	cellColor    = color.RGBA{A: 0xff}
	ruleColor    = color.RGBA{R: 0x2b, G: 0x33, B: 0x40, A: 0xff}
	textColor    = color.RGBA{R: 0xee, G: 0xf2, B: 0xf7, A: 0xff}
	quietColor   = color.RGBA{R: 0x93, G: 0x9f, B: 0xb0, A: 0xff}
	warningColor = color.RGBA{R: 0xff, G: 0xc1, B: 0x4d, A: 0xff}
)

// Draw makes the picture of what was added so far. An error can only come
// from the fonts inside the program.
func (c *Canvas) Draw() (image.Image, error) {
	text, err := newTypeface()
	if err != nil {
		return nil, err
	}
	page := c.layout()
	dst := image.NewRGBA(image.Rect(0, 0, page.width, page.height))
	draw.Draw(dst, dst.Rect, image.NewUniform(pageColor), image.Point{}, draw.Src)

	win := c.o.Window
	if !(win.Width > 0) {
		win = AutoWindow(c.im.Data)
	}
	if c.o.Title != "" {
		text.left(dst, text.title, image.Pt(margin, page.titleBase), page.width-2*margin, textColor, c.o.Title)
	}
	point := c.frame.bestPoint(c.layers)
	for i, p := range planes() {
		cell := image.Rect(0, 0, page.cellWidth, page.cellHeight).Add(image.Pt(margin+i*(page.cellWidth+gap), page.cellTop))
		c.drawPlane(dst, text, p, cell, page.panels[i], point, win)
	}
	c.drawLegend(dst, text, page)

	note := fmt.Sprintf("window %.4g to %.4g  ·  patient’s left is on the right", win.Center-win.Width/2, win.Center+win.Width/2)
	noteWidth := text.right(dst, text.small, image.Pt(page.width-margin, page.footerBase), quietColor, note)
	if c.o.Footer != "" {
		text.left(dst, text.small, image.Pt(margin, page.footerBase), page.width-3*margin-noteWidth, warningColor, c.o.Footer)
	}
	return dst, nil
}

// Voxel is the voxel, by its indices in the file, through which the three planes
// run: where the structures that were added so far are largest.
func (c *Canvas) Voxel() [3]int { return c.frame.voxel(c.frame.bestPoint(c.layers)) }

// page says where everything lies.
type page struct {
	width, height                            int
	titleBase, footerBase                    int
	cellTop, cellWidth, cellHeight           int
	legendTop, legendColumns, legendRowCount int
	panels                                   [3]image.Point // size of each plane
}

func (c *Canvas) layout() page {
	out := page{cellWidth: c.o.Panel, cellHeight: cellAtLeast}
	for i, p := range planes() {
		w, h := p.size(c.frame)
		scale := min(float64(c.o.Panel)/w, tallest*float64(c.o.Panel)/h)
		out.panels[i] = image.Pt(
			max(shownAtLeast, int(math.Round(w*scale))),
			max(shownAtLeast, int(math.Round(h*scale))))
		out.cellHeight = max(out.cellHeight, out.panels[i].Y)
	}
	out.width = 2*margin + 3*out.cellWidth + 2*gap

	y := margin
	if c.o.Title != "" {
		out.titleBase = y + 30
		y += titleHeight
	}
	out.cellTop = y + captionLine
	y = out.cellTop + out.cellHeight + gap
	if len(c.layers) > 0 {
		out.legendTop = y
		// Columns stand under the planes; a few structures need only one.
		out.legendColumns = min(3, (len(c.layers)+2)/3)
		out.legendRowCount = (len(c.layers) + out.legendColumns - 1) / out.legendColumns
		y += out.legendRowCount*legendLine + gap/2
	}
	out.footerBase = y + footerLine/2 + 8
	out.height = y + footerLine + margin/2
	return out
}

// drawPlane draws one plane with its caption, letters and scale into a cell.
func (c *Canvas) drawPlane(dst *image.RGBA, text *typeface, p plane, cell image.Rectangle, size image.Point, point [3]int, win Window) {
	corner := cell.Min.Add(image.Pt((cell.Dx()-size.X)/2, (cell.Dy()-size.Y)/2))
	draw.Draw(dst, cell, image.NewUniform(cellColor), image.Point{}, draw.Src)

	n := point[p.through]
	paintGrey(dst, corner, p.cutImage(c.frame, c.im.Data, n).resize(size.X, size.Y), win)

	// Large structures first, so that what lies within them stays visible.
	order := make([]int, len(c.layers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(c.layers[b].voxels, c.layers[a].voxels) })
	for _, i := range order {
		if cut, ok := p.cutRuns(c.frame, c.layers[i].runs, n); ok {
			paintStructure(dst, corner, cut.resize(size.X, size.Y), c.layers[i].color)
		}
	}
	c.markOtherPlanes(dst, p, image.Rectangle{Min: corner, Max: corner.Add(size)}, point)

	ijk := c.frame.voxel(point)
	at := c.im.Affine.Apply([3]float64{float64(ijk[0]), float64(ijk[1]), float64(ijk[2])})
	width := text.left(dst, text.bold, image.Pt(cell.Min.X, cell.Min.Y-13), cell.Dx(), textColor, p.name)
	text.left(dst, text.small, image.Pt(cell.Min.X+width+14, cell.Min.Y-13), cell.Dx()-width-14, quietColor,
		fmt.Sprintf("%s %s mm", [3]string{"x", "y", "z"}[p.through], signed(at[p.through])))

	const inset = 14
	middle := image.Pt((cell.Min.X+cell.Max.X)/2, (cell.Min.Y+cell.Max.Y)/2)
	text.letter(dst, image.Pt(cell.Min.X+inset, middle.Y), 0, 0.5, p.left)
	text.letter(dst, image.Pt(cell.Max.X-inset, middle.Y), 1, 0.5, p.right)
	text.letter(dst, image.Pt(middle.X, cell.Min.Y+inset), 0.5, 0, p.top)
	text.letter(dst, image.Pt(middle.X, cell.Max.Y-inset), 0.5, 1, p.bottom)

	mmWide, _ := p.size(c.frame)
	drawScale(dst, text, cell, float64(size.X)/mmWide)
}

// markOtherPlanes sets a short tick on the plane's edge wherever one of the
// other two planes cuts it.
func (c *Canvas) markOtherPlanes(dst *image.RGBA, p plane, area image.Rectangle, point [3]int) {
	const tick, alpha = 16, 0.6
	place := func(axis, pixels int) int {
		shown := float64(c.frame.shape[axis]-1-point[axis]) + 0.5
		return int(shown / float64(c.frame.shape[axis]) * float64(pixels))
	}
	x := area.Min.X + place(p.across, area.Dx())
	y := area.Min.Y + place(p.up, area.Dy())
	for i := range min(tick, area.Dy()/4) {
		blend(dst, x, area.Min.Y+i, quietColor, alpha)
		blend(dst, x, area.Max.Y-1-i, quietColor, alpha)
	}
	for i := range min(tick, area.Dx()/4) {
		blend(dst, area.Min.X+i, y, quietColor, alpha)
		blend(dst, area.Max.X-1-i, y, quietColor, alpha)
	}
}

// drawScale draws a bar of a round length in the cell's lower right corner.
func drawScale(dst *image.RGBA, text *typeface, cell image.Rectangle, pixelsPerMM float64) {
	length := roundLength(0.28 * float64(cell.Dx()) / pixelsPerMM)
	pixels := int(math.Round(length * pixelsPerMM))
	const inset, thick = 18, 3
	bar := image.Rect(cell.Max.X-inset-pixels, cell.Max.Y-inset-thick, cell.Max.X-inset, cell.Max.Y-inset)
	draw.Draw(dst, bar.Inset(-1), image.NewUniform(cellColor), image.Point{}, draw.Src)
	draw.Draw(dst, bar, image.NewUniform(textColor), image.Point{}, draw.Src)
	text.right(dst, text.small, image.Pt(bar.Max.X, bar.Min.Y-8), textColor, fmt.Sprintf("%g mm", length))
}

// roundLength returns the greatest of 1, 2 and 5 times a power of ten that is
// not above most.
func roundLength(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, f := range []float64{5, 2} {
		if f*power <= most {
			return f * power
		}
	}
	return power
}

// drawLegend lists every structure with its colour and volume, down the
// columns in the order in which they were added.
func (c *Canvas) drawLegend(dst *image.RGBA, text *typeface, at page) {
	for i, l := range c.layers {
		column, row := i/at.legendRowCount, i%at.legendRowCount
		x := margin + column*(at.cellWidth+gap)
		y := at.legendTop + row*legendLine
		if row > 0 {
			draw.Draw(dst, image.Rect(x, y, x+at.cellWidth, y+1), image.NewUniform(ruleColor), image.Point{}, draw.Src)
		}
		base := y + 28
		box := image.Rect(x, y+9, x+swatch, y+9+swatch)
		amount, ink := formatVolume(l.volumeML), textColor
		if l.voxels == 0 {
			amount, ink = "not found", quietColor
			draw.Draw(dst, box, image.NewUniform(ruleColor), image.Point{}, draw.Src)
			draw.Draw(dst, box.Inset(2), image.NewUniform(pageColor), image.Point{}, draw.Src)
		} else {
			draw.Draw(dst, box, image.NewUniform(l.color), image.Point{}, draw.Src)
		}
		used := text.right(dst, text.regular, image.Pt(x+at.cellWidth, base), ink, amount)
		text.left(dst, text.regular, image.Pt(x+swatch+14, base), at.cellWidth-swatch-14-used-20, ink, l.name)
	}
}

// formatVolume writes a volume with three figures or to the whole mL.
func formatVolume(ml float64) string {
	switch {
	case ml < 0.01:
		return "< 0.01 mL"
	case ml < 10:
		return fmt.Sprintf("%.2f mL", ml)
	case ml < 100:
		return fmt.Sprintf("%.1f mL", ml)
	}
	return fmt.Sprintf("%.0f mL", ml)
}

// signed writes a coordinate with a true minus sign.
func signed(v float64) string {
	if r := math.Round(v); r < 0 {
		return fmt.Sprintf("−%.0f", -r)
	}
	return fmt.Sprintf("%.0f", math.Abs(v))
}
