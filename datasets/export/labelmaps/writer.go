package labelmaps

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// Settings are what the user chooses.
type Settings struct {
	// Overlap is Refuse, which is the default, or Regions.
	Overlap export.Overlap
	// Merge puts all datasets into one of this name; else each has a folder.
	Merge string
	// LeaveOut leaves out classes that are not annotated in every scan, instead of
	// refusing the export.
	LeaveOut bool
}

// Group is a dataset of the export.
type Group struct {
	// Name is the dataset's, Folder where it lies.
	Name, Folder string
	Samples      []*export.Sample
	Classes      []string // by label, from 1
	Packer       *Packer
	Modality     string
	Normalised   bool
	// ClassNames and CaseNames give the names for classes and samples.
	ClassNames, CaseNames export.Names
}

// Writer is the part of a Format that the formats share: all but Finish.
type Writer struct {
	format   string
	settings Settings
	folder   func(n int, name string) string
	suffix   string
	reserved []string
	groups   []*Group
	of       map[string]*Group // by dataset
}

// NewWriter begins an export. folder names the n-th dataset's folder, from 1, by
// its safe name; suffix stands behind an image's name; reserved are names that no
// class may have.
func NewWriter(format string, s Settings, folder func(n int, name string) string, suffix string, reserved ...string) *Writer {
	return &Writer{format: format, settings: s, folder: folder, suffix: suffix, reserved: reserved, of: map[string]*Group{}}
}

// Groups are the datasets, once Plan has seen the samples.
func (w *Writer) Groups() []*Group { return w.groups }

// Ordered is true, since a combination's label depends on the scans before.
func (w *Writer) Ordered() bool { return w.settings.Overlap == export.Regions }

// Plan sorts the samples into datasets. Errors wrap ErrOption, ErrPartial,
// ErrMixed.
func (w *Writer) Plan(p *export.Plan) (warnings []string, err error) {
	if w.settings.Overlap, err = w.settings.Overlap.Check(w.format, export.Refuse, export.Regions); err != nil {
		return nil, err
	}
	datasets := map[string][]*export.Sample{}
	for _, s := range p.Samples {
		name := s.Dataset
		if w.settings.Merge != "" {
			name = w.settings.Merge
		}
		datasets[name] = append(datasets[name], s)
	}
	names := export.Names{Instead: "_"}
	for i, name := range slices.Sorted(maps.Keys(datasets)) {
		g, left, err := w.group(name, w.folder(i+1, names.Safe(name)), datasets[name])
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: classes left out, since not every scan has them annotated: %q", name, left))
		}
		w.groups = append(w.groups, g)
		for _, s := range g.Samples {
			w.of[s.Dataset] = g
		}
	}
	return warnings, nil
}

func (w *Writer) group(name, folder string, samples []*export.Sample) (*Group, []string, error) {
	first := samples[0]
	for _, s := range samples {
		if s.Modality != first.Modality || s.Normalised != first.Normalised {
			return nil, nil, fmt.Errorf("%w: %s and %s are of two modalities (%s, %s) or only one is normalised; choose a modality",
				export.ErrMixed, first.Name(), s.Name(), first.Modality, s.Modality)
		}
	}
	classes, left, err := common(samples, w.settings.LeaveOut)
	if err != nil {
		return nil, nil, err
	}
	g := &Group{
		Name: name, Folder: folder, Samples: samples, Classes: classes, Packer: NewPacker(classes, w.settings.Overlap),
		Modality: first.Modality, Normalised: first.Normalised,
		ClassNames: export.Names{Allowed: " _-", Instead: "_"}, CaseNames: export.Names{Allowed: "-", Instead: "_", Most: 80},
	}
	g.ClassNames.Reserve(w.reserved...)
	for _, class := range classes {
		g.ClassNames.Safe(class)
	}
	for _, s := range samples {
		g.Case(s)
	}
	return g, left, nil
}

// Licence names the licences of the group's scans.
func (g *Group) Licence() string {
	return g.distinct(func(s *export.Sample) string { return s.Licence })
}

// Reference is where its scans come from.
func (g *Group) Reference() string {
	return g.distinct(func(s *export.Sample) string { return s.Homepage })
}

func (g *Group) distinct(of func(*export.Sample) string) string {
	var out []string
	for _, s := range g.Samples {
		if v := of(s); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return strings.Join(out, "; ")
}

// Case is the name of a sample's files.
func (g *Group) Case(s *export.Sample) string {
	return g.CaseNames.Safe(s.Name())
}

// Test tells whether a sample is for testing.
func Test(s *export.Sample) bool { return s.Split == export.Test }

// ImagePath and LabelPath are the files of a sample, below the group's folder.
func (w *Writer) ImagePath(g *Group, s *export.Sample) string {
	return "images" + side(s) + "/" + g.Case(s) + w.suffix + ".nii.gz"
}

// LabelPath is where its label map lies.
func (w *Writer) LabelPath(g *Group, s *export.Sample) string {
	return "labels" + side(s) + "/" + g.Case(s) + ".nii.gz"
}

func side(s *export.Sample) string {
	if Test(s) {
		return "Ts"
	}
	return "Tr"
}

// Add writes image and label map.
func (w *Writer) Add(ctx context.Context, to *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	g := w.of[s.Dataset]
	im, err := scan.Image(ctx)
	if err != nil {
		return nil, err
	}
	if err := export.CheckFinite(s, im); err != nil {
		return nil, err
	}
	if err := export.WriteImage(to, g.Folder+"/"+w.ImagePath(g, s), im); err != nil {
		return nil, err
	}
	im.Data = nil // the label map needs the room
	m, rec, err := g.Packer.Pack(ctx, s, scan, im.Grid, to.InOrder)
	if err != nil {
		return nil, err
	}
	m.Header = im.Header
	path, err := to.Path(g.Folder + "/" + w.LabelPath(g, s))
	if err != nil {
		return nil, err
	}
	return rec, volume.WriteLabelMap(path, m)
}

// Replay takes over a sample that was written before.
func (w *Writer) Replay(s *export.Sample, record json.RawMessage) error {
	var rec Record
	if err := (export.Record{Sample: s, JSON: record}).Decode(&rec); err != nil {
		return err
	}
	w.of[s.Dataset].Packer.Replay(&rec)
	return nil
}

// Sizes sums the voxels of each class of each group.
func (w *Writer) Sizes(records export.Records) (map[*Group][]int, error) {
	out := map[*Group][]int{}
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		var rec Record
		if err := r.Decode(&rec); err != nil {
			return nil, err
		}
		g := w.of[r.Sample.Dataset]
		if out[g] == nil {
			out[g] = make([]int, len(g.Classes))
		}
		for i, n := range rec.Voxels {
			out[g][i] += n
		}
	}
	return out, nil
}

// names is the layout of names.json, the way back from the names in a group's
// files.
type names struct {
	Dataset string            `json:"dataset"`
	Classes map[string]string `json:"classes"`
	Cases   map[string]string `json:"cases"`
	// Labels are the names of the classes that each label stands for.
	Labels map[int][]string `json:"labels"`
}

// WriteNames writes names.json into the group's folder.
func (g *Group) WriteNames(to *export.Folder) error {
	n := names{Dataset: g.Name, Classes: g.ClassNames.Originals(), Cases: g.CaseNames.Originals(), Labels: map[int][]string{}}
	for l := 1; l <= g.Packer.Labels(); l++ {
		for _, c := range g.Packer.Set(uint16(l)) {
			n.Labels[l] = append(n.Labels[l], g.Classes[c])
		}
	}
	return to.WriteJSON(g.Folder+"/names.json", n)
}

// WholesFirst orders classes by their size, the greatest first, so that parts
// come behind what they are parts of.
func (g *Group) WholesFirst(sizes []int) []int {
	order := make([]int, len(g.Classes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sizes[b] - sizes[a] })
	return order
}
