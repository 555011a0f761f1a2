// Package picture draws what was found in a scan: an axial, a coronal and a
// sagittal plane with coloured, half-transparent structures, their contours,
// and a legend with each structure's volume.
//
// Planes are shown in the radiological convention (the patient's left is on
// the right of the picture, the face looks left in the sagittal plane) and in
// true proportion in mm, whatever the orientation of the file. Planes run
// along the volume's own axes: an oblique scan is not resampled, each plane
// takes the name of the patient plane it is nearest to. The package changes
// neither image nor mask, and a picture is for looking at, never for measuring.
//
// Start from [Render], or from [Canvas] to add structures one at a time
// without keeping their masks.
package picture

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"satgraph/volume"
)

// Errors of this package; they come wrapped with what they are about.
var (
	// ErrImage says that the image can't be drawn: no voxels, voxels missing
	// or left over, or a spacing that is not a positive length.
	ErrImage = errors.New("image can't be drawn")
	// ErrGrid says that a mask does not have the image's shape and affine.
	ErrGrid = errors.New("mask is not on the image's grid")
)

// DefaultPanel is the width of one plane in pixels where Options name none.
const DefaultPanel = 600

const (
	minPanel = 200
	maxPanel = 2000

	// gridTolerance is how far, in mm, the affines of image and mask may
	// differ: less than any voxel, more than float32 rounding.
	gridTolerance = 1e-3
)

// A Layer is one structure drawn over the image.
type Layer struct {
	// Name is what the legend calls it.
	Name string
	// Mask lies on the image's grid; nil or all zero is a structure that was
	// not found, which the legend then says.
	Mask *volume.Mask
	// Bits is a mask in another form, in place of Mask.
	Bits *volume.Bits
	// Color is drawn opaque whatever its alpha; the zero value takes the next
	// colour of the palette.
	Color color.RGBA
}

// Options of a picture; the zero value is good.
type Options struct {
	Title  string // first line; none where empty
	Footer string // last line, such as a warning; none where empty
	// Window is the range of intensities shown; the zero value chooses one
	// (see [AutoWindow]).
	Window Window
	// Panel is the width of each plane in pixels, held between 200 and 2000;
	// 0 is DefaultPanel. Text keeps its size.
	Panel int
}

// Render draws the image with the layers over it. Small structures are drawn
// over large ones. It returns ErrImage or ErrGrid, wrapped.
func Render(im *volume.Image, layers []Layer, o Options) (image.Image, error) {
	c, err := NewCanvas(im, o)
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		if err := c.Add(l); err != nil {
			return nil, err
		}
	}
	return c.Draw()
}

// A Canvas collects structures as they are finished. Of each mask it keeps
// only the runs of set voxels, so memory grows with the surface of the
// structures and not with their number times the size of the scan. It is not
// safe for concurrent use.
type Canvas struct {
	im     *volume.Image
	o      Options
	frame  frame
	layers []layer
}

// layer is what a Canvas keeps of a Layer.
type layer struct {
	name     string
	color    color.RGBA
	runs     []run
	voxels   int
	volumeML float64
}

// NewCanvas begins a picture of im, which is read again by Draw and must not
// change until then. It returns ErrImage, wrapped.
func NewCanvas(im *volume.Image, o Options) (*Canvas, error) {
	if im == nil {
		return nil, fmt.Errorf("picture: %w: there is none", ErrImage)
	}
	n := 1
	for _, d := range im.Shape {
		if d <= 0 || n > math.MaxInt/d {
			return nil, fmt.Errorf("picture: %w: shape %v", ErrImage, im.Shape)
		}
		n *= d
	}
	if n != len(im.Data) {
		return nil, fmt.Errorf("picture: %w: shape %v wants %d voxels, there are %d", ErrImage, im.Shape, n, len(im.Data))
	}
	for _, s := range im.Spacing() {
		if !(s > 0) || math.IsInf(s, 0) {
			return nil, fmt.Errorf("picture: %w: spacing %v mm", ErrImage, im.Spacing())
		}
	}
	if o.Panel == 0 {
		o.Panel = DefaultPanel
	}
	o.Panel = min(max(o.Panel, minPanel), maxPanel)
	return &Canvas{im: im, o: o, frame: newFrame(im.Grid)}, nil
}

// Add puts a structure on the picture. The mask may be reused or changed once
// Add has returned. It returns ErrGrid, wrapped.
func (c *Canvas) Add(l Layer) error {
	kept := layer{name: l.Name, color: l.Color}
	if kept.color == (color.RGBA{}) {
		kept.color = Palette(len(c.layers))
	}
	kept.color.A = 0xff
	if m := l.Mask; m != nil {
		if len(m.Data) != len(c.im.Data) || !m.Equal(c.im.Grid, gridTolerance) {
			return fmt.Errorf("picture: %s: %w: mask %v %s (%d voxels), image %v %s",
				l.Name, ErrGrid, m.Shape, m.Orientation(), len(m.Data), c.im.Shape, c.im.Orientation())
		}
		kept.runs, kept.voxels = findRuns(m.Data, m.Shape[0])
		kept.volumeML = float64(kept.voxels) * c.im.VoxelVolume() / 1000
	}
	if m := l.Bits; m != nil {
		if !m.Equal(c.im.Grid, gridTolerance) {
			return fmt.Errorf("picture: %s: %w: mask %v %s, image %v %s",
				l.Name, ErrGrid, m.Shape, m.Orientation(), c.im.Shape, c.im.Orientation())
		}
		m.Runs(func(r volume.Run) bool {
			kept.runs = append(kept.runs, run{m.Index(r.From, r.J, r.K), r.To - r.From})
			return true
		})
		kept.voxels = m.Count()
		kept.volumeML = m.Volume()
	}
	c.layers = append(c.layers, kept)
	return nil
}
