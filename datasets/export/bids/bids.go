// Package bids exports a corpus as derivatives of the Brain Imaging Data Structure
// (BIDS 1.10): segmentations as sub-X/anat/sub-X_acq-Y_dseg.nii.gz, with one table
// dseg.tsv of the labels for all, in which a class has the same label everywhere.
//
// BIDS has no place yet for CT and for images of PET without their tracer's data,
// nor a name for MRI of an unknown sequence: such images lie beside their
// segmentations and are listed in .bidsignore. Structures that overlap are
// refused, or lie in layers, desc-layer1, desc-layer2, …, as few as a scan needs.
// Subjects and scans are named with letters and digits alone; participants.tsv and
// the sidecar files lead back. Start from [New].
package bids

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// Options are the user's choices.
type Options struct {
	// Name of the dataset; empty for "corpus".
	Name string
	// Overlap is Refuse, which is the default, or Layers.
	Overlap export.Overlap
}

// Format writes BIDS derivatives.
type Format struct {
	o        Options
	plan     *export.Plan
	labels   map[string]uint16
	subjects export.Names
	scans    map[string]*export.Names // by subject
}

// New begins an export.
func New(o Options) *Format {
	if o.Name == "" {
		o.Name = "corpus"
	}
	return &Format{o: o, labels: map[string]uint16{}, scans: map[string]*export.Names{}}
}

// Plan numbers classes and names subjects and scans.
func (f *Format) Plan(p *export.Plan) (_ []string, err error) {
	if f.o.Overlap, err = f.o.Overlap.Check("bids", export.Refuse, export.Layers); err != nil {
		return nil, err
	}
	if len(p.Classes) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d classes", volume.ErrTooLarge, len(p.Classes))
	}
	f.plan = p
	for i, class := range p.Classes {
		f.labels[class] = uint16(i + 1)
	}
	for _, s := range p.Samples {
		f.base(s)
	}
	return nil, nil
}

// patient is whose scan it is; a scan of nobody known is its own patient's.
func patient(s *export.Sample) string {
	if s.Patient == "" {
		return s.Name()
	}
	return s.Dataset + "/" + s.Patient
}

// base gives the subject's folder and how names of the scan's files begin.
func (f *Format) base(s *export.Sample) (dir, name string) {
	subject := f.subjects.Safe(patient(s))
	if f.scans[subject] == nil {
		f.scans[subject] = &export.Names{}
	}
	return "sub-" + subject, "sub-" + subject + "_acq-" + f.scans[subject].Safe(s.ID)
}

// suffixes are BIDS's words for sequences of MRI, by what a sequence's name holds.
var suffixes = []struct{ holds, suffix string }{{"flair", "FLAIR"}, {"t1", "T1w"}, {"t2", "T2w"}}

// kind is the suffix of a scan's image, and whether BIDS knows it.
func kind(s *export.Sample) (suffix string, known bool) {
	switch s.Modality {
	case "ct":
		return "CT", false
	case "pet":
		return "PET", false
	}
	for _, x := range suffixes {
		if strings.Contains(strings.ToLower(s.Sequence), x.holds) {
			return x.suffix, true
		}
	}
	return "MRI", false
}

// ignored is .bidsignore.
const ignored = "*_CT.nii.gz\n*_PET.nii.gz\n*_MRI.nii.gz\nexport.json\nfiles.sha256\n"

// sidecar is the JSON file beside a segmentation.
type sidecar struct {
	Description      string   `json:"Description"`
	SpatialReference string   `json:"SpatialReference"`
	Sources          []string `json:"Sources"`
	// What BIDS has no words for.
	Dataset   string   `json:"Dataset"`
	Scan      string   `json:"Scan"`
	Split     string   `json:"Split,omitempty"`
	Licence   string   `json:"License,omitempty"`
	Annotated []string `json:"AnnotatedClasses"` // seen or not
}

// Add writes image, segmentations and their sidecar files.
func (f *Format) Add(ctx context.Context, to *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	im, err := scan.Image(ctx)
	if err != nil {
		return nil, err
	}
	dir, name := f.base(s)
	suffix, known := kind(s)
	image := path.Join(dir, "anat", name+"_"+suffix+".nii.gz")
	if known {
		image = path.Join(dir, "anat", name+"_desc-corpus_"+suffix+".nii.gz")
	}
	if err := export.WriteImage(to, image, im); err != nil {
		return nil, err
	}
	im.Data = nil // the layers need the room
	layers, err := f.pack(ctx, s, scan, im.Grid)
	if err != nil {
		return nil, err
	}
	side := &sidecar{
		SpatialReference: "orig", Sources: []string{"bids::" + image},
		Dataset: s.Dataset, Scan: s.ID, Split: s.Split, Licence: s.Licence, Annotated: []string{},
	}
	for _, c := range s.Classes {
		side.Annotated = append(side.Annotated, c.Name)
	}
	for i, l := range layers {
		l.Header = im.Header
		base := path.Join(dir, "anat", name)
		side.Description = "Structures, by the labels of dseg.tsv"
		if f.o.Overlap == export.Layers {
			base += fmt.Sprintf("_desc-layer%d", i+1)
			side.Description += fmt.Sprintf("; layer %d of %d, since they overlap", i+1, len(layers))
		}
		file, err := to.Path(base + "_dseg.nii.gz")
		if err != nil {
			return nil, err
		}
		if err := volume.WriteLabelMap(file, l); err != nil {
			return nil, err
		}
		if err := to.WriteJSON(base+"_dseg.json", side); err != nil {
			return nil, err
		}
	}
	if known {
		err = to.WriteJSON(strings.TrimSuffix(image, ".nii.gz")+".json", map[string]any{"Description": "The scan as the corpus has it", "SkullStripped": false})
	}
	return struct{}{}, err
}

// pack puts the masks into label maps, each into the first where it has room.
func (f *Format) pack(ctx context.Context, s *export.Sample, scan export.Scan, g volume.Grid) ([]*volume.LabelMap, error) {
	layers := []*volume.LabelMap{{Grid: g, Data: make([]uint16, g.Voxels())}}
	for _, c := range order(s, f.labels) {
		class := s.Classes[c].Name
		m, err := scan.Mask(ctx, c)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(layers, func(l *volume.LabelMap) bool { return taken(l, m) == 0 })
		if i < 0 {
			if f.o.Overlap == export.Refuse {
				return nil, &export.OverlapError{
					Sample: s.Name(), A: f.plan.Classes[taken(layers[0], m)-1], B: class,
					Hint: "ask for layers to keep both",
				}
			}
			i = len(layers)
			layers = append(layers, &volume.LabelMap{Grid: g, Data: make([]uint16, g.Voxels())})
		}
		m.Runs(func(r volume.Run) bool {
			row := layers[i].Data[m.Index(r.From, r.J, r.K):][:r.To-r.From]
			for x := range row {
				row[x] = f.labels[class]
			}
			return true
		})
	}
	return layers, nil
}

func order(s *export.Sample, labels map[string]uint16) []int {
	out := make([]int, len(s.Classes))
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(a, b int) int { return int(labels[s.Classes[a].Name]) - int(labels[s.Classes[b].Name]) })
	return out
}

// taken is a label that has some of the mask's voxels, 0 where none has.
func taken(l *volume.LabelMap, m *volume.Bits) (label uint16) {
	m.Runs(func(r volume.Run) bool {
		for _, v := range l.Data[m.Index(r.From, r.J, r.K):][:r.To-r.From] {
			if v != 0 {
				label = v
				return false
			}
		}
		return true
	})
	return label
}

// Replay has nothing to do: scans don't depend on each other.
func (f *Format) Replay(*export.Sample, json.RawMessage) error { return nil }

// Finish writes what describes the dataset.
func (f *Format) Finish(_ context.Context, to *export.Folder, _ export.Records) error {
	var licences, pages []string
	for _, s := range f.plan.Samples {
		for list, v := range map[*[]string]string{&licences: s.Licence, &pages: s.Homepage} {
			if v != "" && !slices.Contains(*list, v) {
				*list = append(*list, v)
			}
		}
	}
	doc := map[string]any{
		"Name": f.o.Name, "BIDSVersion": "1.10.0", "DatasetType": "derivative",
		"GeneratedBy": []map[string]string{{"Name": "satgraph", "Description": "export of a corpus"}},
	}
	if len(licences) > 0 {
		doc["License"] = strings.Join(licences, "; ")
	}
	sources := []map[string]string{}
	for _, page := range pages {
		sources = append(sources, map[string]string{"URL": page})
	}
	if len(sources) > 0 {
		doc["SourceDatasets"] = sources
	}
	if err := to.WriteJSON("dataset_description.json", doc); err != nil {
		return err
	}
	for name, fill := range map[string]func(io.Writer) error{
		".bidsignore":      text(ignored),
		"README.md":        text(fmt.Sprintf("# %s\n\nScans with segmentations of %d structures, exported by satgraph. dseg.tsv lists the labels; CT, PET and MRI of unknown sequence lie beside their segmentations, outside BIDS.\n", f.o.Name, len(f.plan.Classes))),
		"dseg.tsv":         f.table,
		"participants.tsv": f.participants,
	} {
		if err := to.Write(name, fill); err != nil {
			return err
		}
	}
	return to.WriteJSON("participants.json", map[string]map[string]string{
		"dataset": {"Description": "the dataset that the patient belongs to"},
		"patient": {"Description": "the patient as that dataset names it"},
		"split":   {"Description": "the sides of a training that the patient's scans are on: train, validation, test; n/a where none is known"},
	})
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// cell makes a text fit for a table.
func cell(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "n/a"
	}
	return s
}

func (f *Format) table(w io.Writer) error {
	_, err := io.WriteString(w, "index\tname\n")
	for i, class := range f.plan.Classes {
		if err == nil {
			_, err = fmt.Fprintf(w, "%d\t%s\n", i+1, cell(class))
		}
	}
	return err
}

func (f *Format) participants(w io.Writer) error {
	_, err := io.WriteString(w, "participant_id\tdataset\tpatient\tsplit\n")
	sides := map[string][]string{}
	for _, s := range f.plan.Samples {
		if dir, _ := f.base(s); s.Split != export.Unassigned && !slices.Contains(sides[dir], s.Split) {
			sides[dir] = append(sides[dir], s.Split)
		}
	}
	seen := map[string]bool{}
	for _, s := range f.plan.Samples {
		dir, _ := f.base(s)
		if err == nil && !seen[dir] {
			slices.Sort(sides[dir])
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", dir, cell(s.Dataset), cell(s.Patient), cell(strings.Join(sides[dir], " ")))
		}
		seen[dir] = true
	}
	return err
}
