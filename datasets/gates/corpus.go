package gates

import (
	"context"
	"fmt"
	"slices"

	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/masks"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// BuiltCorpus measures the scans of a corpus on disk, one after another; at any
// time it holds the masks of one scan.
type BuiltCorpus struct {
	Corpus *build.Corpus
	// Index says on which side a scan stands that was not built from a list;
	// without it, and for scans that it does not list, a scan of the owner's test
	// split is a test scan.
	Index *corpus.Index
	// Wholes as of WholesOf.
	Wholes map[string][]string
}

// Each measures every scan that was built. Errors are those of f, of reading a
// scan that is damaged, and the context's.
func (b BuiltCorpus) Each(ctx context.Context, f func(*Measured) error) error {
	for _, e := range b.Corpus.Scans {
		if err := ctx.Err(); err != nil {
			return err
		}
		stored, err := b.Corpus.Scan(e)
		if err != nil {
			return err
		}
		m, err := b.measure(stored)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// Failed lists the scans that could not be built, with the reason.
func (b BuiltCorpus) Failed() []FailedScan {
	out := make([]FailedScan, len(b.Corpus.Failed))
	for i, e := range b.Corpus.Failed {
		out[i] = FailedScan{e.Dataset, e.ID, e.Reason}
	}
	return out
}

func (b BuiltCorpus) measure(stored *standard.Stored) (*Measured, error) {
	r := &stored.Record
	m := &Measured{
		Dataset: r.Origin.Dataset, Scan: r.Origin.ID, Person: r.Origin.Patient, Side: b.side(&r.Origin),
		Content: r.Image, Print: r.Fingerprint, Modality: catalog.Modality(r.Origin.Modality),
		Spacing: r.Transform.Source.Affine.Spacing(), Shape: r.Transform.Source.Shape,
		Orientation: r.Transform.Source.Affine.Orientation(),
		Low:         float64(r.Transform.Low), High: float64(r.Transform.High), SD: r.Transform.SD,
		Problems: slices.Concat(r.Warnings, r.Problems),
	}
	if !m.Print.Current() { // built by an older version
		im, err := stored.ReadImage()
		if err != nil {
			return nil, err
		}
		m.Print = standard.FingerprintOf(im)
	}
	file, err := stored.OpenMasks()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // opened for reading: nothing can be lost
	read := reader{file, map[string]*volume.Bits{}}
	has := map[string]bool{}
	for _, c := range file.Classes() {
		has[c.Name] = true
	}
	for _, c := range file.Classes() {
		class := MeasuredClass{Name: c.Name, Voxels: c.Voxels}
		if c.Voxels > 0 {
			if err := b.measureClass(&class, &read, has); err != nil {
				return nil, err
			}
		}
		m.Classes = append(m.Classes, class)
	}
	return m, nil
}

func (b BuiltCorpus) side(o *standard.Origin) corpus.Side {
	if o.Side != "" {
		return corpus.Side(o.Side)
	}
	if b.Index != nil {
		for _, i := range b.Index.OfImage(o.Image) {
			if s := b.Index.Scan(i); s.Dataset == o.Dataset {
				return s.Side
			}
		}
	}
	if o.Split == string(corpus.Test) {
		return corpus.Test
	}
	return corpus.Train
}

// reader keeps the masks of a scan that were read.
type reader struct {
	file *masks.File
	have map[string]*volume.Bits
}

func (r *reader) mask(name string) (*volume.Bits, error) {
	if m := r.have[name]; m != nil {
		return m, nil
	}
	m, err := r.file.Read(name)
	if err == nil {
		r.have[name] = m
	}
	return m, err
}

func (b BuiltCorpus) measureClass(class *MeasuredClass, read *reader, has map[string]bool) error {
	m, err := read.mask(class.Name)
	if err != nil {
		return err
	}
	class.Centroid = centroid(m)
	for _, name := range b.Wholes[class.Name] {
		if !has[name] {
			continue
		}
		whole, err := read.mask(name)
		if err != nil {
			return err
		}
		outside := m.Clone()
		if err := outside.Subtract(whole); err != nil {
			return err
		}
		if class.Outside == nil {
			class.Outside = map[string]int{}
		}
		class.Outside[name] = outside.Count()
	}
	return nil
}

// centroid is the mean place of a mask's voxels, in mm.
func centroid(m *volume.Bits) [3]float64 {
	var sum [3]float64
	n := 0.0
	m.Runs(func(r volume.Run) bool {
		length := float64(r.To - r.From)
		sum[0] += length * (float64(r.From) + float64(r.To-1)) / 2
		sum[1] += length * float64(r.J)
		sum[2] += length * float64(r.K)
		n += length
		return true
	})
	return m.Affine.Apply([3]float64{sum[0] / n, sum[1] / n, sum[2] / n})
}
