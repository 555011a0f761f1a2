// Package fromraw lets a corpus be built from datasets as they were downloaded:
// it is the build.Source of the records of datasets/catalog over a tree of files.
// Start from [Source].
package fromraw

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// Source gives the scans of datasets below a folder.
type Source struct {
	Root     string
	Datasets []*catalog.Dataset
	// Rows, where there is a scan list, name the scans; else those that lie in the
	// folder are taken.
	Rows    *corpus.Index
	Options rawdata.Options
	// Spacing is that of the corpus, by which scans say what memory they take; SAT's
	// where it is not given.
	Spacing [3]float64
	// Asked says that each of the datasets was asked for: one that is not there is
	// a failure. Else it is passed by, and stands in Missing after the listing.
	Asked   bool
	Missing []string
}

// Scans lists the scans, dataset by dataset. Where a dataset cannot be read, that
// is the error of a scan named "*". rawdata.ErrLayout ends the list where no
// dataset is there at all.
func (s *Source) Scans(ctx context.Context) iter.Seq2[build.Scan, error] {
	return func(yield func(build.Scan, error) bool) {
		s.Missing = nil
		for _, d := range s.Datasets {
			if s.Rows != nil && len(s.Rows.OfDataset(d.Name)) == 0 {
				continue
			}
			scans, err := s.dataset(ctx, d)
			switch {
			case ctx.Err() != nil:
				yield(nil, ctx.Err())
				return
			case errors.Is(err, rawdata.ErrLayout) && !s.Asked:
				s.Missing = append(s.Missing, d.Name)
			case err != nil:
				scans = append(scans, &scan{origin: standard.Origin{Dataset: d.Name, ID: "*"}, err: err})
			}
			for _, scan := range scans {
				if !yield(scan, scan.err) {
					return
				}
			}
		}
		if len(s.Datasets) > 0 && len(s.Missing) == len(s.Datasets) {
			yield(nil, fmt.Errorf("%w: none of the %d datasets below %s", rawdata.ErrLayout, len(s.Datasets), s.Root))
		}
	}
}

// dataset lists the scans of one dataset.
func (s *Source) dataset(ctx context.Context, d *catalog.Dataset) ([]*scan, error) {
	recipe, err := recipeOf(d, s.Options)
	if err != nil {
		return nil, err
	}
	scanOf := func(from *rawdata.Source, c *rawdata.Case) *scan {
		return &scan{from: from, root: s.Root, spacing: s.spacing(), which: *c, origin: standard.Origin{
			Dataset: d.Name, ID: c.ID(), Image: c.ID(), Masks: []string{c.Mask}, Modality: string(d.Modality),
			Sequence: c.Sequence, Patient: c.Patient, Split: c.Split, Recipe: recipe,
		}}
	}
	var out []*scan
	if s.Rows == nil {
		from, err := rawdata.Open(ctx, s.Root, d, s.Options)
		if err != nil {
			return nil, err
		}
		cases, err := from.Cases(ctx)
		if err != nil {
			return nil, err
		}
		lost, err := from.Lost(ctx, cases)
		for _, c := range append(cases, lost...) {
			out = append(out, scanOf(from, &c))
		}
		return out, err
	}
	from, err := rawdata.Prepare(s.Root, d, s.Options)
	if err != nil {
		return nil, err
	}
	for _, i := range s.Rows.OfDataset(d.Name) {
		row := s.Rows.Scan(i)
		c, err := from.CaseOf(row)
		if err != nil {
			out = append(out, &scan{origin: standard.Origin{Dataset: d.Name, ID: row.Image}, err: err})
			continue
		}
		one := scanOf(from, c)
		one.origin.Side, one.origin.Split, one.origin.Patient = string(row.Side), row.Split, s.Rows.Person(i)
		out = append(out, one)
	}
	return out, nil
}

// spacing is that of the corpus, SAT's where it is not said.
func (s *Source) spacing() [3]float64 {
	if s.Spacing == [3]float64{} {
		return standard.SAT().Spacing
	}
	return s.Spacing
}

// recipeOf is a digest of all in a record that voxels depend on.
func recipeOf(d *catalog.Dataset, o rawdata.Options) (string, error) {
	text, err := json.Marshal([]any{d.Modality, d.Layouts, d.Masks, d.Labels, d.Recipes, d.Image, o.Layout, o.AsPublished, o.Rectify})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// scan is one of a dataset. It is a build.Scan.
type scan struct {
	from *rawdata.Source
	root string
	// spacing of the corpus, mm along the axes.
	spacing [3]float64
	which   rawdata.Case
	origin  standard.Origin
	err     error
	masks   []rawdata.Mask // since Read
}

// Origin says what the scan is.
func (s *scan) Origin() standard.Origin { return s.origin }

// Files are the files that are there; what is missing, Read says.
func (s *scan) Files() []build.File {
	if s.err != nil {
		return nil
	}
	names, err := s.from.Files(&s.which)
	if err != nil {
		s.err = err
		return nil
	}
	out := make([]build.File, len(names))
	for i, name := range names {
		out[i] = build.File{Name: name, Path: volume.Join(s.root, name)}
	}
	return out
}

// What a scan takes at its peak: its voxels as float32, the standardised ones
// twice, a bit a voxel for each mask, and what garbage is left of them. A CT of
// 512×512×200 with one class took 0.49 GB, and 0.54 GB are told.
const (
	bytesOfVoxel    = 5
	bytesOfStandard = 8
	garbage         = 1.15
)

// Bytes is about what building the scan takes, told by the image's header.
func (s *scan) Bytes(context.Context) int64 {
	if s.err != nil {
		return 0
	}
	info, err := s.from.Info(&s.which)
	if err != nil || len(info.Shape) < 3 {
		return 0 // reading it says why
	}
	voxels, standard := 1.0, 1.0
	for axis, n := range info.Shape[:3] {
		voxels *= float64(n)
		standard *= max(1, float64(n)*info.Spacing[axis]/s.spacing[axis])
	}
	masks := float64(len(s.from.Dataset().Recipes)) * voxels / 8
	return int64(garbage * (bytesOfVoxel*voxels + bytesOfStandard*standard + masks))
}

// Read reads image and masks. The error joins the problems of a scan that gives
// no masks, each a *rawdata.Problem.
func (s *scan) Read(ctx context.Context) (*build.Voxels, error) {
	if s.err != nil {
		return nil, s.err
	}
	read, err := s.from.Read(ctx, s.which)
	if err != nil {
		return nil, err
	}
	var faults []error
	// Without an orientation the scan keeps its own axes.
	out := &build.Voxels{Image: read.Voxels, Orientation: cmp.Or(read.Orient, read.Grid.Orientation())}
	for _, p := range read.Problems {
		out.Problems = append(out.Problems, p.Error())
		if p.Fatal {
			faults = append(faults, p)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.masks = read.Masks
	return out, nil
}

// Masks gives the masks that Read read, and lets them go.
func (s *scan) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	masks := s.masks
	s.masks = nil
	for i := range masks {
		if err := add(masks[i].Class, masks[i].Bits); err != nil {
			return err
		}
		masks[i].Bits = nil
	}
	return nil
}
