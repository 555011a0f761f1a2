// Package sat exports a corpus as the training code of SAT reads it: for each
// scan an array of the image, an array of each mask cut to its box, and a row of
// a JSON Lines file that names both.
//
// The arrays are NumPy's, in C order: the image float32 of shape (1, H, W, D)
// along the scan's axes, each mask bool of its box, the union of all masks beside
// their folder bool of its own box. A row's keys are those that SAT's
// convert_to_npy.py writes: renorm_image, chwd, renorm_segmentation_dir,
// renorm_y1x1z1_y2x2z2 (a box for each label, false for one without voxels; ends
// exclusive), roi_y1x1z1_y2x2z2 (the box around all), label as the released rows
// spell it, and dataset, image, mask, modality, patient_id, official_split.
//
// train.jsonl, validation.jsonl and test.jsonl hold the splits; scans without one
// are for training. dataset_config.json holds neutral sampling settings for each
// dataset, without augmentation, in the keys that the training code asks for.
// SAT's own file of settings serves as well where it knows the datasets.
//
// Scans must have been standardised: turned, 1×1×3 mm, normalised intensities.
// With AsIs others are taken too, turned to RAS. Start from [New].
package sat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"satgraph/datasets/export"
	"satgraph/volume"
	"satgraph/volume/prepare"
)

// Options are the user's choices.
type Options struct {
	// Prefix goes before every path in the rows, so that training can be started in
	// another folder than the export; empty leaves them relative to it.
	Prefix string
	// AsIs takes scans of any spacing and intensities as they are.
	AsIs bool
}

// Format writes SAT's files.
type Format struct {
	o        Options
	datasets export.Names
	scans    map[string]*export.Names // by dataset
	rows     map[string]*place
}

// place is where a sample's files lie.
type place struct{ image, masks, id string }

// New begins an export.
func New(o Options) *Format {
	return &Format{o: o, datasets: export.Names{Allowed: "_-", Instead: "_"}, scans: map[string]*export.Names{}, rows: map[string]*place{}}
}

// Plan refuses scans that were not standardised (ErrGeometry) and labels that
// can't be the name of a file (ErrNames), since the training code looks for a mask
// under its label.
func (f *Format) Plan(p *export.Plan) ([]string, error) {
	for _, s := range p.Samples {
		if !s.Normalised && !f.o.AsIs {
			return nil, fmt.Errorf("%w: %s was not standardised for SAT; build the corpus with its settings, or ask for scans as they are", export.ErrGeometry, s.Name())
		}
		seen := map[string]string{}
		for _, c := range s.Classes {
			label := c.Spelling()
			if why := unfit(label); why != "" {
				return nil, fmt.Errorf("%w: %s: the label %q %s, and SAT keeps its mask in a file of that name", export.ErrNames, s.Name(), label, why)
			}
			if other, twice := seen[strings.ToLower(label)]; twice {
				return nil, fmt.Errorf("%w: %s: the labels %q and %q would share a file", export.ErrNames, s.Name(), other, label)
			}
			seen[strings.ToLower(label)] = label
		}
		folder := f.datasets.Safe(s.Dataset)
		if f.scans[folder] == nil {
			f.scans[folder] = &export.Names{Allowed: "_-", Instead: "_"}
		}
		id := f.scans[folder].Safe(s.ID)
		f.rows[s.Name()] = &place{folder + "/renorm_image/" + id + ".npy", folder + "/renorm_segmentation/" + id, id}
	}
	return nil, nil
}

func unfit(label string) string {
	switch {
	case strings.ContainsAny(label, "/\x00"):
		return "holds a slash or NUL"
	case label == "." || label == "..":
		return "is a folder's name"
	case len(label) > 240:
		return "is longer than 240 bytes"
	}
	return ""
}

// box is y1, x1, z1, y2, x2, z2, or nil, which is written as false. SAT calls the
// axes y, x, z; they are the first, second and third of the array.
type box []int

func boxOf(b volume.Box, ok bool) box {
	if !ok {
		return nil
	}
	return box{b.Min[0], b.Min[1], b.Min[2], b.Max[0], b.Max[1], b.Max[2]}
}

// MarshalJSON writes false for a box of nothing.
func (b box) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("false"), nil
	}
	return json.Marshal([]int(b))
}

// row is a line of the JSON Lines files.
type row struct {
	Dataset  string   `json:"dataset"`
	SampleID string   `json:"sample_id"`
	Image    string   `json:"image"`
	Mask     string   `json:"mask"`
	Label    []string `json:"label"`
	Modality string   `json:"modality"`
	Split    string   `json:"official_split"`
	Patient  string   `json:"patient_id"`
	Array    string   `json:"renorm_image"`
	Shape    [4]int   `json:"chwd"`
	Masks    string   `json:"renorm_segmentation_dir"`
	Boxes    []box    `json:"renorm_y1x1z1_y2x2z2"`
	ROI      box      `json:"roi_y1x1z1_y2x2z2"`
}

// Add writes a scan's arrays and returns its row.
func (f *Format) Add(ctx context.Context, to *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	im, err := scan.Image(ctx)
	if err != nil {
		return nil, err
	}
	if err := export.CheckFinite(s, im); err != nil {
		return nil, err
	}
	turned, turn := im, volume.Reorientation{Perm: [3]int{0, 1, 2}}
	if !s.Normalised { // a corpus has the axes that its settings ask for
		turned, turn = volume.ReorientRAS(im)
	}
	if err := f.check(s, turned.Grid); err != nil {
		return nil, err
	}
	at := f.rows[s.Name()]
	if err := to.Write(at.image, func(w io.Writer) error { return writeImage(w, turned) }); err != nil {
		return nil, err
	}
	r := &row{
		Dataset: s.Dataset, SampleID: at.id, Image: s.Provenance["image"], Mask: s.Provenance["masks"],
		Label: []string{}, Modality: modality(s), Split: s.Split, Patient: s.Patient,
		Array: f.o.Prefix + at.image, Masks: f.o.Prefix + at.masks, Boxes: []box{},
		Shape: [4]int{1, turned.Shape[0], turned.Shape[1], turned.Shape[2]},
	}
	if r.Split == export.Unassigned {
		r.Split = "unknown"
	}
	grid := turned.Grid
	im.Data, turned.Data = nil, nil // the masks need the room
	all := volume.NewBits(grid)
	for i, c := range s.Classes {
		m, err := scan.Mask(ctx, i)
		if err != nil {
			return nil, err
		}
		if !turn.Identity() {
			m = volume.BitsOf(m.Dense().Reorient(turn))
		}
		b, ok := m.Bounds()
		r.Label, r.Boxes = append(r.Label, c.Spelling()), append(r.Boxes, boxOf(b, ok))
		if !ok {
			continue
		}
		if err := all.Union(m); err != nil {
			return nil, err
		}
		if err := writeMask(to, at.masks+"/"+c.Spelling()+".npy", m, b); err != nil {
			return nil, err
		}
	}
	b, ok := all.Bounds()
	if r.ROI = boxOf(b, ok); ok {
		err = writeMask(to, at.masks+".npy", all, b)
	}
	return r, err
}

// spacingSlack is how far, in mm, a spacing may be off, as it is for SAT's own
// loader.
const spacingSlack = 1e-3

func (f *Format) check(s *export.Sample, g volume.Grid) error {
	if f.o.AsIs {
		return nil
	}
	for axis, mm := range g.Spacing() {
		if math.Abs(mm-prepare.SATSpacing[axis]) > spacingSlack {
			return fmt.Errorf("%w: %s has a spacing of %v mm, SAT's training %v; build the corpus with its settings, or ask for scans as they are",
				export.ErrGeometry, s.Name(), g.Spacing(), prepare.SATSpacing)
		}
	}
	return nil
}

func modality(s *export.Sample) string {
	if s.Sequence != "" {
		return s.Sequence
	}
	return strings.ToUpper(s.Modality)
}

// Replay has nothing to do: rows don't depend on each other.
func (f *Format) Replay(*export.Sample, json.RawMessage) error { return nil }

// sampling is an entry of dataset_config.json.
type sampling struct {
	Weight         float64        `json:"sampling_weight"`
	PositiveFirst  float64        `json:"pos_label_first_prob"`
	ForegroundCrop float64        `json:"foreground_crop_prob"`
	LabelCrop      float64        `json:"label_based_crop_prob"`
	Uncenter       float64        `json:"uncenter_prob"`
	NegativeAtMost float64        `json:"neg_label_ratio_threshold"`
	Augmentation   map[string]any `json:"augmentation"`
}

// Finish writes the rows, split by split.
func (f *Format) Finish(_ context.Context, to *export.Folder, records export.Records) error {
	config := map[string]sampling{}
	splits := map[string]bool{}
	for r, err := range records {
		if err != nil {
			return err
		}
		config[r.Sample.Dataset] = sampling{Weight: 1, PositiveFirst: 1, ForegroundCrop: 1, LabelCrop: 0.5, NegativeAtMost: 0.5, Augmentation: map[string]any{}}
		splits[side(r.Sample)] = true
	}
	for _, split := range []string{export.Train, export.Validation, export.Test} {
		if !splits[split] {
			continue
		}
		err := to.Write(split+".jsonl", func(w io.Writer) (err error) {
			for r, e := range records {
				if e != nil {
					return e
				}
				if side(r.Sample) == split {
					_, e = w.Write(append(r.JSON, '\n'))
					err = errors.Join(err, e)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := to.WriteJSON("names.json", f.names()); err != nil {
		return err
	}
	return to.WriteJSON("dataset_config.json", config)
}

func side(s *export.Sample) string {
	if s.Split == export.Unassigned {
		return export.Train
	}
	return s.Split
}

// names leads back from folders and files to datasets and scans.
func (f *Format) names() any {
	scans := map[string]map[string]string{}
	for folder, n := range f.scans {
		scans[folder] = n.Originals()
	}
	return map[string]any{"datasets": f.datasets.Originals(), "scans": scans}
}
