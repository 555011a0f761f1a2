// Package rawtest makes tiny trees of files in the layouts of datasets, with
// voxels that are known: material for tests, never patients. Start from Write.
package rawtest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/labelmap"
	"satgraph/volume"
)

// Shape is the voxels of every scan along its axes.
var Shape = [3]int{17, 13, 11}

// Options say what is written.
type Options struct {
	// Overlap lets each label take a voxel of the next one, where labels lie in
	// files or channels of their own.
	Overlap bool
	// Shape of the scans, if not Shape.
	Shape [3]int
}

// Case is a scan that was written.
type Case struct {
	Image string // relative to the tree's folder
	Grid  volume.Grid
	// Labels are the voxels of each label, by its value or channel, on the image's
	// grid.
	Labels map[int][][3]int
}

// Write writes one scan of each family of a layout below root.
func Write(root string, d *catalog.Dataset, layout string, o Options) ([]Case, error) {
	l, ok := d.Layout(layout)
	if !ok {
		return nil, fmt.Errorf("%s has no layout %s", d.Name, layout)
	}
	if o.Shape == [3]int{} {
		o.Shape = Shape
	}
	w := &writer{root: root, d: d, o: o, moved: l.Has(catalog.Release) && !l.Has(catalog.Prepared)}
	var out []Case
	for i := range l.Scans {
		c, err := w.scan(&l.Scans[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		out = append(out, *c)
	}
	return out, nil
}

type writer struct {
	root  string
	d     *catalog.Dataset
	o     Options
	moved bool
}

func (w *writer) path(name string) string { return filepath.Join(w.root, filepath.FromSlash(name)) }

// key is a label's value or channel.
func key(l *catalog.Label) int {
	if l.Channel != nil {
		return *l.Channel
	}
	return *l.Value
}

// voxels are those of the n-th label: two, and one of the next with overlap.
func (w *writer) voxels(n int, overlap bool) [][3]int {
	const first, apart = 40, 5
	at := first + apart*n
	list := []int{at, at + 1}
	if overlap && n+1 < len(w.d.Labels) {
		list = append(list, at+apart)
	}
	out := make([][3]int, len(list))
	s := w.o.Shape
	for i, p := range list {
		out[i] = [3]int{p % s[0], p / s[0] % s[1], p / (s[0] * s[1])}
	}
	return out
}

// grid is where the voxels of an image lie. DICOM slices and arrays have axes of
// their own.
func (w *writer) grid(image string, folder bool) volume.Grid {
	g := volume.Grid{Shape: w.o.Shape, Affine: volume.Affine{{-0.8, 0, 0, 90}, {0, 0.9, 0, -120}, {0, 0, 2.5, 30}, {3: 1}}}
	switch {
	case folder:
		g.Affine = volume.Affine{{-0.8, 0, 0, 90}, {0, -0.9, 0, 120}, {0, 0, 2.5, 30}, {3: 1}}
	case path.Ext(image) == ".npy":
		g.Affine = volume.Affine{{-0.3}, {0, -0.3}, {0, 0, -0.3}, {3: 1}}
	}
	return g
}

func (w *writer) scan(s *catalog.Scans) (*Case, error) {
	values, ok := s.Image.Match(s.Example)
	if !ok {
		return nil, fmt.Errorf("the example %q does not follow %q", s.Example, s.Image)
	}
	image := strings.TrimSuffix(s.Example, "/")
	c := &Case{Image: image, Grid: w.grid(image, s.Image.IsFolder()), Labels: map[int][][3]int{}}
	if err := w.image(image, s, c.Grid); err != nil {
		return nil, err
	}
	mask, err := s.Mask.Fill(values)
	if err != nil {
		return nil, err
	}
	files := map[string]*file{}
	for i := range w.d.Labels {
		if err := w.label(i, s, strings.TrimSuffix(mask, "/"), values, c, files); err != nil {
			return nil, err
		}
	}
	for name, f := range files {
		if err := w.mask(name, f, c.Grid, s.Image.IsFolder()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}

// file is the voxels of a mask file, volume after volume.
type file struct {
	volumes [][]float32
	flip    string // axes that it is stored with in reverse
	lost    bool   // its affine is not that of the image
}

func (f *file) set(shape [3]int, n int, at [3]int, v float64) {
	for len(f.volumes) <= n {
		f.volumes = append(f.volumes, make([]float32, shape[0]*shape[1]*shape[2]))
	}
	f.volumes[n][at[0]+shape[0]*(at[1]+shape[1]*at[2])] = float32(v)
}

// label puts a label down where the layout has it.
func (w *writer) label(n int, s *catalog.Scans, mask string, values map[string]string, c *Case, files map[string]*file) error {
	l := &w.d.Labels[n]
	name, channel, value := mask, 0, 1.0
	switch {
	case w.moved && l.Release != nil:
		src := l.Release.Sources()[0]
		value = pick(src.Values[0])
		if src.File != "" {
			p, err := catalog.ParsePattern(src.File)
			if err != nil {
				return err
			}
			at, err := p.Fill(values)
			if err != nil {
				return err
			}
			if !strings.HasSuffix(at, ".png") {
				at = strings.ReplaceAll(at, "*", "1")
			}
			if name = path.Join(mask, at); len(s.Also) > 0 && n == len(w.d.Labels)-1 {
				also, err := s.Also[0].Fill(values)
				if err != nil {
					return err
				}
				name = path.Join(also, at)
			}
		}
	case l.Channel != nil:
		channel = *l.Channel
	default:
		value = float64(*l.Value)
	}
	f := files[name]
	if f == nil {
		f = &file{}
		files[name] = f
	}
	own := w.d.Masks.Kind == catalog.Channels || w.moved && l.Release != nil && l.Release.Sources()[0].File != ""
	voxels := w.voxels(n, w.o.Overlap && own && !strings.HasSuffix(name, ".png"))
	for _, at := range voxels {
		f.set(w.o.Shape, channel, at, value)
	}
	c.Labels[key(l)] = voxels
	for i := range w.d.Image {
		op := &w.d.Image[i]
		if op.Layout == catalog.Release && !w.moved || op.On != catalog.OnMask && op.On != l.Name {
			continue
		}
		switch op.Op {
		case catalog.OpFlip:
			f.flip = op.Value
		case catalog.OpGeometry:
			f.lost = true
		}
	}
	return nil
}

// pick is a value within a range, 1 if that is one.
func pick(r labelmap.Range) float64 {
	for _, v := range []float64{1, r.High, float64(int(r.Low) + 1)} {
		if r.Holds(v) && v < 1e6 {
			return v
		}
	}
	return r.Low
}

// image writes intensities that follow from the voxel's place.
func (w *writer) image(name string, s *catalog.Scans, g volume.Grid) error {
	data := make([]float32, g.Voxels())
	for i := range data {
		data[i] = float32(100 + i%700)
	}
	channels := [][]float32{data}
	if s.Channel != nil {
		second := slices.Clone(data)
		for i := range second {
			second[i] += 1000
		}
		channels = append(channels, second)
	}
	if s.Image.IsFolder() {
		return writeSlices(w.path(name), g, data, string(w.d.Modality))
	}
	return w.write(name, g, channels, true)
}

// mask writes the voxels of a mask file.
func (w *writer) mask(name string, f *file, g volume.Grid, ofSlices bool) error {
	if f.flip != "" {
		g = w.turn(f, g, f.flip)
	} else if ofSlices && strings.Contains(path.Ext(strings.TrimSuffix(name, ".gz")), ".nii") {
		g = w.turn(f, g, "j") // as converters of DICOM write it
	}
	if f.lost {
		g.Affine = volume.Affine{{1}, {0, 1}, {0, 0, 1}, {3: 1}}
	}
	switch path.Ext(name) {
	case ".png":
		return writePictures(w.path(name), g, f.volumes[0])
	case ".mat":
		return writeMAT(w.path(name), g, f.volumes[0])
	}
	return w.write(name, g, f.volumes, false)
}

// turn reverses axes of a file's voxels, and gives the grid that they lie on.
func (w *writer) turn(f *file, g volume.Grid, axes string) volume.Grid {
	var r volume.Reorientation
	for a := range 3 {
		r.Perm[a], r.Flip[a] = a, strings.ContainsRune(axes, rune('i'+a))
	}
	for i := range f.volumes {
		f.volumes[i] = volume.FlipPermute(r, g.Shape, f.volumes[i])
	}
	return r.Grid(g)
}

func (w *writer) write(name string, g volume.Grid, volumes [][]float32, image bool) error {
	at := w.path(name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil { //nolint:gosec // as other folders of the user
		return err
	}
	switch {
	case strings.HasSuffix(name, ".nrrd"):
		return writeNRRD(at, g, volumes[0])
	case strings.HasSuffix(name, ".mhd"):
		return writeMeta(at, g, volumes[0])
	case strings.HasSuffix(name, ".npy"):
		return writeNPY(at, g, volumes[0])
	case len(volumes) > 1:
		return WriteNIfTI4D(at, g, volumes)
	}
	dtype := volume.Int16
	if image {
		dtype = volume.Float32
	}
	return volume.WriteImage(at, &volume.Image{Grid: g, Data: volumes[0]}, dtype)
}
