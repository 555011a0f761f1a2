// Package croissant exports a corpus as NIfTI files described in Croissant 1.1
// (ML Commons): scans/DATASET/SCAN/image.nii.gz, a mask for each structure under
// masks/ beside it, the tables scans.csv and annotations.csv, and croissant.json,
// whose record sets are scans, annotations, classes and splits. Structures may
// overlap, since each has a file. Start from [New].
package croissant

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// Options describe the corpus. What is empty is left out.
type Options struct {
	// Name is the corpus's; empty for "corpus".
	Name                      string
	Description, URL, Version string
	// Date is when it was published, as 2026-01-31.
	Date   string
	CiteAs string
}

// Format writes files and their description.
type Format struct {
	o        Options
	plan     *export.Plan
	datasets export.Names
	cases    map[string]*export.Names // by dataset
	classes  export.Names
}

// New begins an export.
func New(o Options) *Format {
	if o.Name == "" {
		o.Name = "corpus"
	}
	if o.Description == "" {
		o.Description = "Radiology scans with masks of structures, exported by satgraph"
	}
	safe := export.Names{Allowed: "_-", Instead: "_"}
	return &Format{o: o, datasets: safe, classes: safe, cases: map[string]*export.Names{}}
}

// Plan gives out the names.
func (f *Format) Plan(p *export.Plan) ([]string, error) {
	f.plan = p
	for _, s := range p.Samples {
		f.folder(s)
	}
	for _, class := range p.Classes {
		f.classes.Safe(class)
	}
	return nil, nil
}

func (f *Format) folder(s *export.Sample) string {
	dataset := f.datasets.Safe(s.Dataset)
	if f.cases[dataset] == nil {
		f.cases[dataset] = &export.Names{Allowed: "_-", Instead: "_"}
	}
	return "scans/" + dataset + "/" + f.cases[dataset].Safe(s.ID)
}

// record is what Finish makes a scan's rows of.
type record struct {
	Image       string
	Shape       [3]int
	Spacing     [3]float64
	Annotations []annotation
}

type annotation struct {
	Class, Label, Mask string
	Voxels             int
	Volume             float64
}

// Add writes the image and the masks that have voxels.
func (f *Format) Add(ctx context.Context, to *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	im, err := scan.Image(ctx)
	if err != nil {
		return nil, err
	}
	dir := f.folder(s)
	rec := &record{Image: dir + "/image.nii.gz", Shape: im.Shape, Spacing: im.Spacing(), Annotations: []annotation{}}
	if err := export.WriteImage(to, rec.Image, im); err != nil {
		return nil, err
	}
	im.Data = nil // the masks need the room
	for i, c := range s.Classes {
		m, err := scan.Mask(ctx, i)
		if err != nil {
			return nil, err
		}
		a := annotation{Class: c.Name, Label: c.Spelling(), Voxels: m.Count(), Volume: m.Volume()}
		if a.Voxels > 0 { // annotated and not seen: a row without a file
			a.Mask = dir + "/masks/" + f.classes.Safe(c.Name) + ".nii.gz"
			path, err := to.Path(a.Mask)
			if err != nil {
				return nil, err
			}
			if err := volume.WriteBits(path, m, im.Header); err != nil {
				return nil, err
			}
		}
		rec.Annotations = append(rec.Annotations, a)
	}
	return rec, nil
}

// Replay has nothing to do: scans don't depend on each other.
func (f *Format) Replay(*export.Sample, json.RawMessage) error { return nil }

// The tables.
const (
	scansFile       = "scans.csv"
	annotationsFile = "annotations.csv"
)

// column is a column of a table and its type in Croissant.
type column struct{ name, kind string }

var scanColumns = []column{
	{"scan", "sc:Text"},
	{"dataset", "sc:Text"},
	{"id", "sc:Text"},
	{"patient", "sc:Text"},
	{"split", "sc:Text"},
	{"modality", "sc:Text"},
	{"sequence", "sc:Text"},
	{"image", "sc:Text"},
	{"width", "sc:Integer"},
	{"height", "sc:Integer"},
	{"depth", "sc:Integer"},
	{"spacing_x_mm", "sc:Float"},
	{"spacing_y_mm", "sc:Float"},
	{"spacing_z_mm", "sc:Float"},
	{"licence", "sc:Text"},
}

var annotationColumns = []column{
	{"scan", "sc:Text"}, {"class", "sc:Text"}, {"label", "sc:Text"}, {"mask", "sc:Text"}, {"voxels", "sc:Integer"}, {"volume_ml", "sc:Float"},
}

func splitName(s *export.Sample) string {
	if s.Split == export.Unassigned {
		return "unassigned"
	}
	return s.Split
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Finish writes tables and description.
func (f *Format) Finish(_ context.Context, to *export.Folder, records export.Records) error {
	err := table(to, scansFile, scanColumns, records, func(put func(...string), s *export.Sample, rec *record) {
		put(s.Name(), s.Dataset, s.ID, s.Patient, splitName(s), s.Modality, s.Sequence, rec.Image,
			strconv.Itoa(rec.Shape[0]), strconv.Itoa(rec.Shape[1]), strconv.Itoa(rec.Shape[2]),
			decimal(rec.Spacing[0]), decimal(rec.Spacing[1]), decimal(rec.Spacing[2]), s.Licence)
	})
	if err != nil {
		return err
	}
	err = table(to, annotationsFile, annotationColumns, records, func(put func(...string), s *export.Sample, rec *record) {
		for _, a := range rec.Annotations {
			put(s.Name(), a.Class, a.Label, a.Mask, strconv.Itoa(a.Voxels), decimal(a.Volume))
		}
	})
	if err != nil {
		return err
	}
	doc, err := f.describe(to)
	if err != nil {
		return err
	}
	return to.WriteJSON("croissant.json", doc)
}

func table(to *export.Folder, name string, columns []column, records export.Records, rows func(put func(...string), s *export.Sample, rec *record)) error {
	return to.Write(name, func(w io.Writer) error {
		out := csv.NewWriter(w)
		put := func(cells ...string) { _ = out.Write(cells) } // Error has it
		head := make([]string, len(columns))
		for i, c := range columns {
			head[i] = c.name
		}
		put(head...)
		for r, err := range records {
			if err != nil {
				return err
			}
			var rec record
			if err := r.Decode(&rec); err != nil {
				return err
			}
			rows(put, r.Sample, &rec)
		}
		out.Flush()
		return out.Error()
	})
}
