package mcp

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/inference"
	"satgraph/internal/plain"
	"satgraph/volume"
	"satgraph/volume/picture"
)

type pictureIn struct {
	Job        string   `json:"job" jsonschema:"the id that segment returned"`
	Structures []string `json:"structures,omitempty" jsonschema:"term ids or names of structures of the job; the first that were found where it is left out"`
	Zoom       bool     `json:"zoom,omitempty" jsonschema:"cut the picture to the structures and a little around them"`
	Width      int      `json:"width,omitempty" jsonschema:"of the picture, in pixels"`
}

type drawn struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Color  string `json:"color,omitempty" jsonschema:"in the picture, as #rrggbb"`
}

type shownSlice struct {
	Plane string `json:"plane"`
	Axis  int    `json:"axis" jsonschema:"the axis of the file that the slice stands on"`
	Index int    `json:"index" jsonschema:"the voxel index along that axis, from 0"`
}

type pictureOut struct {
	Job        string       `json:"job"`
	Model      string       `json:"model" jsonschema:"that drew the masks"`
	Caption    string       `json:"caption"`
	Structures []drawn      `json:"structures"`
	Slices     []shownSlice `json:"slices"`
	Through    [3]float64   `json:"throughMm" jsonschema:"the point that all three slices hold, RAS+ mm"`
	Width      int          `json:"width"`
	Height     int          `json:"height"`
	LeftOff    int          `json:"leftOff,omitempty" jsonschema:"found structures that were not drawn: name them"`
	Notice     string       `json:"notice"`

	png []byte
}

func (p *pictureOut) contents() []sdk.Content {
	return []sdk.Content{&sdk.ImageContent{Data: p.png, MIMEType: "image/png"}, &sdk.TextContent{Text: p.Caption}}
}

// around is how many mm a zoomed picture shows beside the structures.
const around = 30

func (s *Server) picture(ctx context.Context, _ *sdk.CallToolRequest, in pictureIn) (*pictureOut, error) {
	at, err := s.find(ctx, in.Job, in.Structures, mostDrawn)
	if err != nil {
		return nil, err
	}
	j, list := at.job, at.structures
	masks := make([]*volume.Bits, len(list))
	for i, r := range list {
		if r.Status == inference.Segmented && r.File != "" {
			if masks[i], err = s.mask(ctx, j, r); err != nil {
				return nil, err
			}
		}
	}
	out := &pictureOut{Job: j.ID, Model: modelOf(j), Structures: []drawn{}, LeftOff: at.more, Notice: s.notice(j)}
	shown, layers, corner, err := cut(at.im, list, masks, in.Zoom)
	if err != nil {
		return nil, err
	}
	for i, r := range list {
		d := drawn{ID: r.TermID, Name: plain.Text(r.Term), Status: r.Status}
		if masks[i] != nil {
			c := picture.Palette(i)
			d.Color = fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
		}
		out.Structures = append(out.Structures, d)
	}
	if err := s.draw(ctx, out, shown, layers, in.Width); err != nil {
		return nil, err
	}
	for i := range out.Slices {
		out.Slices[i].Index += corner[out.Slices[i].Axis]
	}
	out.Caption = caption(out, in.Zoom)
	return out, nil
}

// cut gives what is drawn: the whole scan, or the part around the masks, which
// begins at corner.
func cut(im *volume.Image, list []*inference.StructureResult, masks []*volume.Bits, zoom bool) (shown *volume.Image, layers []picture.Layer, corner [3]int, err error) {
	box, have := volume.Box{}, false
	for i, m := range masks {
		layers = append(layers, picture.Layer{Name: plain.Text(list[i].Term), Bits: m, Color: picture.Palette(i)})
		if m == nil {
			continue
		}
		if b, ok := m.Bounds(); ok {
			box, have = union(box, b, have), true
		}
	}
	if !zoom || !have {
		return im, layers, corner, nil
	}
	spacing := im.Spacing()
	for a := range box.Min {
		n := int(around/spacing[a]) + 1
		box.Min[a], box.Max[a] = max(0, box.Min[a]-n), min(im.Shape[a], box.Max[a]+n)
	}
	if shown, err = im.Crop(box); err != nil {
		return nil, nil, corner, err
	}
	for i, m := range masks {
		if m != nil {
			layers[i].Bits = crop(m, box, shown.Grid)
		}
	}
	return shown, layers, box.Min, nil
}

func union(a, b volume.Box, have bool) volume.Box {
	if !have {
		return b
	}
	for i := range a.Min {
		a.Min[i], a.Max[i] = min(a.Min[i], b.Min[i]), max(a.Max[i], b.Max[i])
	}
	return a
}

// crop is the part of a mask inside a box, which holds all of it.
func crop(m *volume.Bits, b volume.Box, g volume.Grid) *volume.Bits {
	out := volume.NewBits(g)
	m.Runs(func(r volume.Run) bool {
		out.SetRun(r.From-b.Min[0], r.To-b.Min[0], r.J-b.Min[1], r.K-b.Min[2])
		return true
	})
	return out
}

// draw makes the picture, smaller where it would take too many bytes.
func (s *Server) draw(ctx context.Context, out *pictureOut, im *volume.Image, layers []picture.Layer, width int) error {
	for panel := max(200, (width-130)/3); ; panel = panel * 3 / 4 {
		if err := ctx.Err(); err != nil {
			return err
		}
		canvas, err := picture.NewCanvas(im, picture.Options{
			Title: shorten(title(layers), 90), Footer: "Research aid, never for clinical use", Panel: panel,
		})
		if err != nil {
			return err
		}
		for _, l := range layers {
			if err := canvas.Add(l); err != nil {
				return err
			}
		}
		img, err := canvas.Draw()
		if err != nil {
			return err
		}
		var encoded bytes.Buffer
		if err := png.Encode(&encoded, img); err != nil {
			return err
		}
		if encoded.Len() > s.limits.PictureBytes && panel > 200 {
			continue
		}
		at := canvas.Voxel()
		out.png, out.Width, out.Height = encoded.Bytes(), img.Bounds().Dx(), img.Bounds().Dy()
		out.Through = rounded(im.Affine.Apply([3]float64{float64(at[0]), float64(at[1]), float64(at[2])}), 1)
		perm := im.ToRAS().Perm
		for i, plane := range []string{"axial", "coronal", "sagittal"} {
			axis := perm[2-i]
			out.Slices = append(out.Slices, shownSlice{plane, axis, at[axis]})
		}
		return nil
	}
}

func title(layers []picture.Layer) string {
	names := make([]string, len(layers))
	for i, l := range layers {
		names[i] = l.Name
	}
	return strings.Join(names, ", ")
}

func caption(p *pictureOut, zoom bool) string {
	var names []string
	for _, d := range p.Structures {
		name := d.Name
		if d.Color == "" {
			name += " (" + d.Status + ", not drawn)"
		}
		names = append(names, name)
	}
	what := "The whole scan"
	if zoom {
		what = "A part of the scan"
	}
	return fmt.Sprintf("%s, from left to right an axial, a coronal and a sagittal slice through (%.1f, %.1f, %.1f) mm RAS+ (%s), where the structures are largest. "+
		"Radiological convention: the patient's left is on the right of the axial and the coronal slice; in the sagittal one the face looks left. "+
		"Structures: %s, as the model %s drew them. Not for measuring. %s",
		what, p.Through[0], p.Through[1], p.Through[2], slicesInWords(p.Slices), strings.Join(names, ", "), p.Model, p.Notice)
}

func slicesInWords(list []shownSlice) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%s: index %d of axis %d", s.Plane, s.Index, s.Axis))
	}
	return strings.Join(out, "; ")
}
