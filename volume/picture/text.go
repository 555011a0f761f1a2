package picture

import (
	"fmt"
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// typeface holds the Go fonts in the sizes that the page uses. Faces keep
// state, so each picture has its own.
type typeface struct {
	title, bold, regular, small font.Face
}

func newTypeface() (*typeface, error) {
	var t typeface
	for _, want := range []struct {
		face *font.Face
		ttf  []byte
		size float64
	}{
		{&t.title, gobold.TTF, 34},
		{&t.bold, gobold.TTF, 25},
		{&t.regular, goregular.TTF, 25},
		{&t.small, goregular.TTF, 22},
	} {
		parsed, err := opentype.Parse(want.ttf)
		if err != nil {
			return nil, fmt.Errorf("picture: reading the built-in font: %w", err)
		}
		*want.face, err = opentype.NewFace(parsed, &opentype.FaceOptions{Size: want.size, DPI: 72, Hinting: font.HintingFull})
		if err != nil {
			return nil, fmt.Errorf("picture: preparing the built-in font: %w", err)
		}
	}
	return &t, nil
}

// left writes from a baseline point to the right, shortened to at most width
// pixels, and returns the width used.
func (t *typeface) left(dst *image.RGBA, face font.Face, at image.Point, width int, c color.RGBA, s string) int {
	s = shorten(face, s, width)
	write(dst, face, at, c, s)
	return font.MeasureString(face, s).Ceil()
}

// right writes so that the text ends at a baseline point, and returns its width.
func (t *typeface) right(dst *image.RGBA, face font.Face, at image.Point, c color.RGBA, s string) int {
	width := font.MeasureString(face, s).Ceil()
	write(dst, face, at.Sub(image.Pt(width, 0)), c, s)
	return width
}

// letter writes a letter of direction with a dark rim, so that it reads on
// any grey. The fractions say which point of the letter lies at the place
// given: 0 its left or top, 1 its right or bottom.
func (t *typeface) letter(dst *image.RGBA, at image.Point, fx, fy float64, s string) {
	width := font.MeasureString(t.bold, s).Ceil()
	height := t.bold.Metrics().CapHeight.Ceil()
	at = at.Add(image.Pt(-int(fx*float64(width)), height-int(fy*float64(height))))
	for dy := -2; dy <= 2; dy++ {
		for dx := -2; dx <= 2; dx++ {
			write(dst, t.bold, at.Add(image.Pt(dx, dy)), cellColor, s)
		}
	}
	write(dst, t.bold, at, textColor, s)
}

func write(dst *image.RGBA, face font.Face, at image.Point, c color.RGBA, s string) {
	d := font.Drawer{Dst: dst, Src: image.NewUniform(c), Face: face, Dot: fixed.P(at.X, at.Y)}
	d.DrawString(s)
}

// shorten cuts text to width pixels, ending it with an ellipsis where it was
// cut. Line breaks and other controls become spaces.
func shorten(face font.Face, s string, width int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if font.MeasureString(face, s).Ceil() <= width {
		return s
	}
	runes := []rune(s)
	runes = runes[:min(len(runes), 500)] // more than fits at any size
	for len(runes) > 0 {
		runes = runes[:len(runes)-1]
		cut := strings.TrimRight(string(runes), " ") + "…"
		if font.MeasureString(face, cut).Ceil() <= width {
			return cut
		}
	}
	return ""
}
