package rawdata

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// Read reads one scan: its image, and the masks of all classes of the record.
// What is wrong with the scan stands in Scan.Problems; a fatal one leaves no
// masks. The error is the context's alone.
func (s *Source) Read(ctx context.Context, c Case) (*Scan, error) {
	scan := &Scan{Case: c, Orient: s.orient()}
	im, err := s.image(scan)
	if err == nil {
		err = s.masks(ctx, scan, im)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		scan.fail(err)
	}
	if scan.Failed() {
		scan.Masks, scan.Absent = nil, nil
	}
	if err == nil && s.options.AsPublished {
		if err := s.crop(scan); err != nil {
			scan.fail(err)
		}
	}
	return scan, nil
}

func (s *Scan) raise(file string, fatal bool, err error) {
	s.Problems = append(s.Problems, &ScanError{Dataset: s.Dataset, Scan: s.ID(), File: file, Err: err, Fatal: fatal})
}

// fail adds the problem that ended the reading of a scan.
func (s *Scan) fail(err error) {
	file := ""
	if at, ok := errors.AsType[*fileError](err); ok {
		file, err = at.file, at.err
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrMissing, err)
	}
	s.raise(file, true, err)
}

// fileError is an error of a file.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// orient is the orientation of the standard form.
func (s *Source) orient() string {
	for i := range s.dataset.Image {
		if op := &s.dataset.Image[i]; op.Op == catalog.OpOrient && s.options.AsPublished {
			return strings.TrimSuffix(op.Value, "none")
		}
	}
	return "RAS"
}

// ops are the steps of a kind on an image, a mask or a label of this layout.
func (s *Source) ops(c *Case, op catalog.Op, on ...string) []*catalog.ImageOp {
	var out []*catalog.ImageOp
	for i := range s.dataset.Image {
		o := &s.dataset.Image[i]
		here := len(o.Where) == 0 || slices.ContainsFunc(o.Where, func(w string) bool { return strings.Contains(c.Image, w) })
		if o.Op == op && slices.Contains(on, o.On) && here && (o.Layout == "" || s.layout.Has(o.Layout)) && (!o.Published || s.options.AsPublished) {
			out = append(out, o)
		}
	}
	return out
}

// image reads the image, or with Options.NoImage its grid alone.
func (s *Source) image(scan *Scan) (*opened, error) {
	im, err := s.openImage(scan)
	if err != nil {
		return nil, &fileError{scan.Image, err}
	}
	scan.Grid = im.grid
	if scan.Voxels == nil {
		return im, nil
	}
	for _, op := range s.ops(&scan.Case, catalog.OpAdd, "") {
		add, err := strconv.ParseFloat(op.Value, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: %s adds %q", ErrRecipe, s.dataset.Name, op.Value)
		}
		for i := range scan.Voxels.Data {
			scan.Voxels.Data[i] += float32(add)
		}
	}
	return im, nil
}

func (s *Source) openImage(scan *Scan) (*opened, error) {
	name := s.path(scan.Image)
	switch {
	case strings.EqualFold(path.Ext(name), ".npy"):
		var data []float32
		g, err := s.numpy(scan.Image, func(shape [3]int, values []float32) error {
			if !s.options.NoImage {
				data = append(data, values...)
			}
			return nil
		})
		if !s.options.NoImage {
			scan.Voxels = &volume.Image{Grid: g, Data: data}
		}
		return &opened{grid: g}, err
	case scan.Channel >= 0:
		return s.channel(scan)
	case s.options.NoImage:
		info, err := volume.ReadInfoWith(name, s.options.ReadOptions)
		if err != nil {
			return nil, err
		}
		im := &opened{}
		if info.Format == volume.DICOM {
			im.series, im.grid, err = volume.ReadSeries(name, s.options.ReadOptions)
			return im, err
		}
		im.grid, err = gridOf(info)
		return im, err
	}
	v, err := volume.ReadImage(name, s.options.ReadOptions)
	if err != nil {
		return nil, err
	}
	scan.Voxels = v
	return &opened{grid: v.Grid, series: v.Series}, nil
}

// Info reads the header of a case's image. Errors are those of
// volume.ReadInfoWith.
func (s *Source) Info(c *Case) (*volume.Info, error) {
	return volume.ReadInfoWith(s.path(c.Image), s.options.ReadOptions)
}

// gridOf is the grid of one 3-D volume.
func gridOf(info *volume.Info) (volume.Grid, error) {
	g := volume.Grid{Shape: [3]int{1, 1, 1}, Affine: info.Affine}
	for i, n := range info.Shape {
		if i < 3 {
			g.Shape[i] = n
		} else if n != 1 {
			return g, fmt.Errorf("%w: it has the shape %v", volume.ErrNotVolume, info.Shape)
		}
	}
	return g, nil
}

// channel reads one volume of a 4-D image.
func (s *Source) channel(scan *Scan) (*opened, error) {
	var data []float32
	count := 0
	g, err := volume.ReadVolumes(s.path(scan.Image), s.options.ReadOptions, func(_ volume.Grid, volumes, n int, values []float32) error {
		count = volumes
		if n == scan.Channel && !s.options.NoImage {
			data = append(data, values...)
		}
		return nil
	})
	if err == nil && scan.Channel >= count {
		err = fmt.Errorf("%w: channel %d is wanted of %d volumes", volume.ErrNotVolume, scan.Channel, count)
	}
	if err == nil && !s.options.NoImage {
		scan.Voxels = &volume.Image{Grid: g, Data: data, Format: volume.NIfTI}
	}
	return &opened{grid: g}, err
}

// crop keeps the slices around the labels, as a published preparation did.
func (s *Source) crop(scan *Scan) error {
	for _, op := range s.ops(&scan.Case, catalog.OpCrop, "") {
		axis := int(op.Value[0] - 'i')
		margin, err := strconv.Atoi(op.Value[2:])
		if err != nil {
			return fmt.Errorf("%w: %s crops by %q", ErrRecipe, s.dataset.Name, op.Value)
		}
		box := volume.Box{Max: scan.Grid.Shape}
		low, high := math.MaxInt, -1
		for _, m := range scan.Masks {
			if b, ok := m.Bits.Bounds(); ok {
				low, high = min(low, b.Min[axis]), max(high, b.Max[axis])
			}
		}
		if high < 0 {
			return fmt.Errorf("%w: no lesion; the published preparation leaves such scans out", volume.ErrEmptyMask)
		}
		box.Min[axis], box.Max[axis] = max(0, low-margin), min(scan.Grid.Shape[axis], high+margin)
		g, err := scan.Grid.Crop(box)
		if err != nil {
			return err
		}
		scan.Grid = g
		for i := range scan.Masks {
			scan.Masks[i].Bits = cropBits(scan.Masks[i].Bits, g, box)
		}
		if v := scan.Voxels; v != nil {
			out := &volume.Image{Grid: g, Data: make([]float32, 0, g.Voxels()), Format: v.Format, Modality: v.Modality}
			for k := box.Min[2]; k < box.Max[2]; k++ {
				for j := box.Min[1]; j < box.Max[1]; j++ {
					out.Data = append(out.Data, v.Data[v.Index(box.Min[0], j, k):v.Index(box.Max[0]-1, j, k)+1]...)
				}
			}
			scan.Voxels = out
		}
	}
	return nil
}

func cropBits(b *volume.Bits, g volume.Grid, box volume.Box) *volume.Bits {
	out := volume.NewBits(g)
	b.Runs(func(r volume.Run) bool {
		from, to := max(r.From, box.Min[0]), min(r.To, box.Max[0])
		if from < to && r.J >= box.Min[1] && r.J < box.Max[1] && r.K >= box.Min[2] && r.K < box.Max[2] {
			out.SetRun(from-box.Min[0], to-box.Min[0], r.J-box.Min[1], r.K-box.Min[2])
		}
		return true
	})
	return out
}
