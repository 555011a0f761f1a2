// Package view shows the scans of a corpus on disk, as package build leaves it,
// to exports. It changes nothing. Start from [Open].
package view

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/gates"
	"satgraph/datasets/masks"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// Corpus is a corpus on disk. It is an export.Source.
type Corpus struct {
	*build.Corpus
	catalog *catalog.Catalog
	// Units gives exports intensities in the scans' own units (HU for CT), clipped
	// as the corpus clips them, instead of normalised.
	Units  bool
	byName map[string]*build.Entry
}

// Open opens a corpus, whose datasets' records are in c. Errors are those of
// build.Open.
func Open(dir string, c *catalog.Catalog) (*Corpus, error) {
	b, err := build.Open(dir)
	if err != nil {
		return nil, err
	}
	out := &Corpus{Corpus: b, catalog: c, byName: map[string]*build.Entry{}}
	for _, e := range b.Scans {
		out.byName[e.Name()] = e
	}
	return out, nil
}

// Samples lists the scans for an export, by dataset and id.
func (c *Corpus) Samples(ctx context.Context) iter.Seq2[*export.Sample, error] {
	return func(yield func(*export.Sample, error) bool) {
		for _, e := range c.Scans {
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			if !yield(c.sample(e)) {
				return
			}
		}
	}
}

// sample describes a scan; beside an error, as far as it can be read.
func (c *Corpus) sample(e *build.Entry) (*export.Sample, error) {
	s, err := c.Scan(e)
	if err != nil {
		return &export.Sample{ID: e.ID, Dataset: e.Dataset}, err
	}
	o := &s.Origin
	out := &export.Sample{
		ID: o.ID, Dataset: o.Dataset, Patient: o.Patient, Split: splitOf(o), Modality: o.Modality, Sequence: o.Sequence,
		Permission: export.Unknown, Normalised: !c.Units, Digest: e.Digest, Image: e.Image,
		Provenance: map[string]string{
			"image": o.Image, "masks": strings.Join(o.Masks, ", "), "input": o.Input, "recipe": o.Recipe,
			"spacing": fmt.Sprint(s.Settings.Spacing), "orientation": s.Settings.Orientation, "labels": string(s.Settings.Labels),
		},
	}
	d, known := c.catalog.Dataset(o.Dataset)
	if known {
		out.Homepage = d.Homepage
		out.Licence, out.Permission = licence(d)
	}
	f, err := s.OpenMasks()
	if err != nil {
		return out, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	for _, class := range f.Classes() {
		x := export.Class{Name: class.Name}
		if known {
			if r, ok := d.Recipe(class.Name); ok && r.Spelling() != class.Name {
				x.Label = r.Spelling()
			}
		}
		out.Classes = append(out.Classes, x)
	}
	return out, nil
}

// licence is what a record says of passing its scans on.
func licence(d *catalog.Dataset) (string, export.Permission) {
	if !d.Licence.Known() {
		return "", export.Unknown
	}
	switch allowed, known := gates.Allows(d.Licence, gates.Share); {
	case allowed:
		return d.Licence.ID, export.Allowed
	case known:
		return d.Licence.ID, export.Forbidden
	}
	return d.Licence.ID, export.Unknown
}

// Unbuilt names the scans that the build failed on, with the reason, which
// exports lack.
func (c *Corpus) Unbuilt() (out []string) {
	for _, e := range c.Failed {
		out = append(out, fmt.Sprintf("%s is not in the corpus: %s", e.Name(), e.Reason))
	}
	return out
}

// splitOf is the side of SAT's lists where there is one, else the owner's split.
func splitOf(o *standard.Origin) string {
	switch {
	case slices.Contains([]string{"train", "test"}, o.Side):
		return o.Side
	case o.Split == "val", o.Split == "valid":
		return export.Validation
	case slices.Contains([]string{export.Train, export.Validation, export.Test}, o.Split):
		return o.Split
	}
	return export.Unassigned
}

// Open gives a scan's voxels.
func (c *Corpus) Open(_ context.Context, sample *export.Sample) (export.Scan, error) {
	e := c.byName[sample.Name()]
	if e == nil {
		return nil, fmt.Errorf("%w: %s is not in the corpus", standard.ErrBadScan, sample.Name())
	}
	s, err := c.Scan(e)
	if err != nil {
		return nil, err
	}
	return &scan{Stored: s, sample: sample, units: c.Units}, nil
}

type scan struct {
	*standard.Stored
	sample *export.Sample
	units  bool
	masks  *masks.File // open since the first mask was asked for
}

func (s *scan) Image(context.Context) (*volume.Image, error) {
	im, err := s.ReadImage()
	if err != nil || !s.units {
		return im, err
	}
	for i, v := range im.Data {
		im.Data[i] = float32(float64(v)*s.Transform.SD + s.Transform.Mean)
	}
	return im, nil
}

func (s *scan) Mask(_ context.Context, class int) (_ *volume.Bits, err error) {
	if s.masks == nil {
		if s.masks, err = s.OpenMasks(); err != nil {
			return nil, err
		}
	}
	return s.masks.Read(s.sample.Classes[class].Name)
}

// Close lets the masks go.
func (s *scan) Close() error {
	if s.masks == nil {
		return nil
	}
	return s.masks.Close()
}
