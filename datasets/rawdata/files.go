package rawdata

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// put takes voxels piece by piece, the first axis fastest: of volume n of
// volumes of a 4-D file.
type put func(shape [3]int, volumes, n int, values []float32) error

// frame is the grid that voxels lie on. Voxels of a file that knows no geometry
// are given in the order of the image's own voxels.
type frame struct {
	volume.Grid
	ofImage bool
}

// opened is what is known of a scan's image before masks are read.
type opened struct {
	grid   volume.Grid
	series *volume.Series // of a DICOM image
}

// path of a file of the tree.
func (s *Source) path(name string) string { return volume.Join(s.root, name) }

// files are the paths that a recipe's file stands for in a case, in order of
// their names; none where there is no such file.
func (s *Source) files(c *Case, file string) ([]string, error) {
	if file == "" {
		if _, err := s.options.Place().Stat(s.path(c.Mask)); err != nil {
			return nil, ignoreMissing(err)
		}
		return []string{c.Mask}, nil
	}
	pattern, err := catalog.ParsePattern(file)
	if err != nil {
		return nil, err
	}
	name, err := pattern.Fill(c.Values)
	if err != nil {
		return nil, err
	}
	folders := append([]string{c.Mask}, c.Also...)
	if !c.Folder {
		folders[0] = path.Dir(c.Mask)
	}
	for _, folder := range folders {
		at := path.Join(folder, name)
		if !strings.Contains(name, "*") {
			if _, err := s.options.Place().Stat(s.path(at)); err == nil {
				return []string{at}, nil
			} else if err = ignoreMissing(err); err != nil {
				return nil, err
			}
			continue
		}
		entries, err := s.options.Place().ReadDir(s.path(path.Dir(at)))
		if err = ignoreMissing(err); err != nil {
			return nil, err
		}
		var found []string
		for _, e := range entries {
			if ok, _ := path.Match(path.Base(name), e.Name()); ok && !e.IsDir() {
				found = append(found, path.Join(path.Dir(at), e.Name()))
			}
		}
		if len(found) > 0 {
			slices.SortFunc(found, naturally)
			return found, nil
		}
	}
	return nil, nil
}

// ignoreMissing lets an error pass that says that there is no such file.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// naturally compares names by their numbers: slice 9 before slice 10.
func naturally(a, b string) int {
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	for a != "" && b != "" {
		if n, m := digits(a), digits(b); n > 0 && m > 0 {
			x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:m], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[n:], b[m:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// stream reads the voxels of the files that make up one label file: a file that
// volume reads, an array of NumPy or MATLAB, or slices of a stack.
func (s *Source) stream(im *opened, names []string, take put) (frame, error) {
	switch strings.ToLower(path.Ext(names[0])) {
	case ".png":
		return frame{im.grid, true}, s.pngs(im, names, take)
	case ".mat":
		return frame{im.grid, true}, s.matlab(im, names[0], take)
	case ".npy":
		g, err := s.numpy(names[0], func(shape [3]int, values []float32) error { return take(shape, 1, 0, values) })
		return frame{Grid: g}, err
	}
	g, err := volume.ReadVolumes(s.path(names[0]), s.options.ReadOptions, func(g volume.Grid, volumes, n int, values []float32) error {
		return take(g.Shape, volumes, n, values)
	})
	return frame{Grid: g}, err
}

// sliceOrder is, for each slice of the image along its third axis, its place
// among the image's files by name.
func (im *opened) sliceOrder() []int {
	n := im.grid.Shape[2]
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	if im.series == nil || len(im.series.Slices) != n {
		return order
	}
	byName := slices.Clone(order)
	slices.SortStableFunc(byName, func(a, b int) int {
		return naturally(path.Base(filepath.ToSlash(im.series.Slices[a].Path)), path.Base(filepath.ToSlash(im.series.Slices[b].Path)))
	})
	for place, k := range byName {
		order[k] = place
	}
	return order
}

// pngs reads slices that lie in pictures, a pixel a voxel, as they belong to the
// image's slices by the order of names.
func (s *Source) pngs(im *opened, names []string, take put) error {
	shape := im.grid.Shape
	if len(names) != shape[2] {
		return fmt.Errorf("%w: %d pictures for %d slices", ErrGrid, len(names), shape[2])
	}
	for _, place := range im.sliceOrder() {
		values, err := s.picture(names[place], shape)
		if err != nil {
			return err
		}
		if err := take(shape, 1, 0, values); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) picture(name string, shape [3]int) ([]float32, error) {
	f, err := s.options.Place().Open(s.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	size, err := png.DecodeConfig(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, name, err)
	}
	if size.Width != shape[0] || size.Height != shape[1] {
		return nil, fmt.Errorf("%w: %s is of %d x %d pixels, the image's slices of %d x %d", ErrGrid, name, size.Width, size.Height, shape[0], shape[1])
	}
	im, err := png.Decode(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, name, err)
	}
	return greys(im, name)
}

// greys are the grey values of a picture, as stored.
func greys(im image.Image, name string) ([]float32, error) {
	b := im.Bounds()
	out := make([]float32, 0, b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			switch c := im.At(x, y).(type) {
			case color.Gray:
				out = append(out, float32(c.Y))
			case color.Gray16:
				out = append(out, float32(c.Y))
			default:
				r, g, b, _ := c.RGBA()
				if r != g || g != b {
					return nil, fmt.Errorf("%w: %s is in colour", ErrFormat, name)
				}
				out = append(out, float32(r>>8))
			}
		}
	}
	return out, nil
}

// axesOf reads the axes and the voxel size (mm) that the record gives arrays
// without geometry, in the order of the array: "IPL 0.3". As published an array
// has RAS axes and voxels of 1 mm.
func (s *Source) axesOf() (axes string, spacing float64) {
	for i := range s.dataset.Image {
		if op := &s.dataset.Image[i]; op.Op == catalog.OpAxes && !s.options.AsPublished {
			name, mm, _ := strings.Cut(op.Value, " ")
			size, err := strconv.ParseFloat(mm, 64)
			if err == nil {
				return name, size
			}
		}
	}
	return "RAS", 1
}

// arrayGrid is the grid of an array of shape (a, b, c), whose last axis varies
// fastest: voxel axis i is the array's last axis.
func arrayGrid(array [3]int, axes string, spacing float64) volume.Grid {
	g := volume.Grid{Shape: [3]int{array[2], array[1], array[0]}, Affine: volume.Affine{3: {3: 1}}}
	for n := range 3 {
		world, sign := strings.IndexByte("RAS", axes[2-n]), 1.0
		if world < 0 {
			world, sign = strings.IndexByte("LPI", axes[2-n]), -1
		}
		g.Affine[world][n] = sign * spacing
	}
	return g
}

// Files are the files that a scan is read from, relative to the tree's folder
// and sorted: those of its image and of the masks that are there, with the other
// halves of formats that keep voxels apart. A file that is missing is left out;
// Read says so.
func (s *Source) Files(c *Case) ([]string, error) {
	names := []string{c.Image}
	for _, g := range s.plan().groups {
		found, err := s.files(c, g.file)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	var out []string
	for _, name := range names {
		found, err := s.halves(name)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// halves are the file of a name, with those that belong to it; the files of a
// folder.
func (s *Source) halves(name string) ([]string, error) {
	info, err := s.options.Place().Stat(s.path(name))
	if err != nil {
		return nil, ignoreMissing(err)
	}
	folder, stem := path.Dir(name), ""
	switch ext := strings.ToLower(path.Ext(name)); {
	case info.IsDir():
		folder = name
	case slices.Contains([]string{".mhd", ".nhdr", ".hdr", ".img"}, ext):
		stem = strings.TrimSuffix(path.Base(name), path.Ext(name)) + "."
	default:
		return []string{name}, nil
	}
	entries, err := s.options.Place().ReadDir(s.path(folder))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasPrefix(e.Name(), stem) {
			out = append(out, path.Join(folder, e.Name()))
		}
	}
	return out, nil
}
