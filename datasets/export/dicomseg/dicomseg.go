// Package dicomseg exports a corpus as DICOM: for each scan the folder image/ with
// a series of its slices, and seg.dcm, a segmentation (PS3.3 A.51) of that series
// with a segment for each structure, coded by SNOMED CT. Structures may overlap,
// since each segment has frames of its own. A scan in which nothing is seen has no
// seg.dcm; segments.jsonl says for each scan what its segments are, and which
// structures were looked for and not seen.
//
// Scans whose axes are left-handed are turned along the third axis, which changes
// the order of slices and no voxel's place. Intensities are stored in 16 bits
// (volume.WriteSeries). Images of PET lack the tracer's data, which nobody knows
// of a corpus. Start from [New].
package dicomseg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"time"

	"satgraph/datasets/export"
	"satgraph/volume"
	"satgraph/volume/segcode"
)

// Format writes DICOM series and segmentations.
type Format struct {
	version  string
	datasets export.Names
	scans    map[string]*export.Names // by dataset
}

// New begins an export. version is the program's.
func New(version string) *Format {
	return &Format{version: version, datasets: export.Names{Allowed: "_-", Instead: "_"}, scans: map[string]*export.Names{}}
}

// Plan gives out the names, and names the classes without a code of SNOMED CT.
func (f *Format) Plan(p *export.Plan) ([]string, error) {
	for _, s := range p.Samples {
		f.folder(s)
	}
	var bare []string
	for _, class := range p.Classes {
		if _, coded := segcode.For(class); !coded {
			bare = append(bare, class)
		}
	}
	if len(bare) == 0 {
		return nil, nil
	}
	return []string{fmt.Sprintf("%d of %d classes have no code of SNOMED CT yet and get one of the program's own: %q", len(bare), len(p.Classes), bare)}, nil
}

func (f *Format) folder(s *export.Sample) string {
	dataset := f.datasets.Safe(s.Dataset)
	if f.scans[dataset] == nil {
		f.scans[dataset] = &export.Names{Allowed: "_-", Instead: "_"}
	}
	return dataset + "/" + f.scans[dataset].Safe(s.ID)
}

// record is a line of segments.jsonl.
type record struct {
	Dataset      string    `json:"dataset"`
	Scan         string    `json:"scan"`
	Split        string    `json:"split,omitempty"`
	Folder       string    `json:"folder"`
	Segmentation string    `json:"segmentation,omitempty"`
	Segments     []segment `json:"segments"`
	Absent       []string  `json:"absent"` // looked for and not seen
}

type segment struct {
	Number int           `json:"number"`
	Class  string        `json:"class"`
	Codes  segcode.Codes `json:"codes"`
	Coded  bool          `json:"coded"` // by SNOMED CT
}

// made is when segmentations say that they were made: always the same, so that
// an export has the same bytes each time.
var made = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Add writes a scan's series and segmentation.
func (f *Format) Add(ctx context.Context, to *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	im, err := scan.Image(ctx)
	if err != nil {
		return nil, err
	}
	turn := rightHanded(im.Grid)
	if !turn.Identity() {
		im = &volume.Image{Grid: turn.Grid(im.Grid), Data: volume.FlipPermute(turn, im.Shape, im.Data)}
	}
	rec := &record{Dataset: s.Dataset, Scan: s.ID, Split: s.Split, Folder: f.folder(s), Segments: []segment{}, Absent: []string{}}
	dir := ""
	for k := range im.Shape[2] {
		file, err := to.Path(path.Join(rec.Folder, "image", fmt.Sprintf("%05d.dcm", k+1)))
		if err != nil {
			return nil, err
		}
		dir = filepath.Dir(file)
	}
	patient := s.Patient
	if patient == "" {
		patient = s.ID
	}
	if err := volume.WriteSeries(ctx, dir, im, volume.SeriesOptions{
		Identity: s.Name(), Modality: s.Modality, PatientID: s.Dataset + " " + patient, Description: s.Name(),
	}); err != nil {
		return nil, f.scanError(ctx, s, err)
	}
	im.Data = nil // the masks need the room
	series, grid, err := volume.ReadSeries(dir, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	file, err := to.Path(path.Join(rec.Folder, segmentation))
	if err != nil {
		return nil, err
	}
	seg, err := volume.NewSEG(file, series, grid, volume.SEGOptions{Time: made, Description: s.Name(), Version: f.version})
	if err != nil {
		return nil, err
	}
	if err := f.segments(ctx, seg, s, scan, turn, rec); err != nil {
		seg.Abort()
		return nil, err
	}
	if len(rec.Segments) == 0 {
		seg.Abort()
		return rec, to.Drop(path.Join(rec.Folder, segmentation))
	}
	rec.Segmentation = path.Join(rec.Folder, segmentation)
	return rec, seg.Close()
}

const segmentation = "seg.dcm"

// scanError tells what is wrong with a scan from what is wrong with the disk.
func (f *Format) scanError(ctx context.Context, s *export.Sample, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, kind := range []error{volume.ErrBadAffine, volume.ErrRange, volume.ErrUnsupported, volume.ErrTooLarge} {
		if errors.Is(err, kind) {
			return &export.ScanError{Sample: s.Name(), Err: err}
		}
	}
	return err
}

// rightHanded flips the third axis of a left-handed grid.
func rightHanded(g volume.Grid) volume.Reorientation {
	return volume.Reorientation{Perm: [3]int{0, 1, 2}, Flip: [3]bool{false, false, g.Affine.Det() < 0}}
}

func (f *Format) segments(ctx context.Context, seg *volume.SEG, s *export.Sample, scan export.Scan, turn volume.Reorientation, rec *record) error {
	for i, c := range s.Classes {
		m, err := scan.Mask(ctx, i)
		if err != nil {
			return err
		}
		if m.Count() == 0 {
			rec.Absent = append(rec.Absent, c.Name)
			continue
		}
		if !turn.Identity() {
			m = volume.BitsOf(m.Dense().Reorient(turn))
		}
		codes, coded := segcode.For(c.Name)
		n := len(rec.Segments) + 1
		if err := seg.Add(volume.Segment{Name: c.Name, Codes: codes, Algorithm: "annotation of " + s.Dataset, Annotated: true}, m); err != nil {
			return err
		}
		rec.Segments = append(rec.Segments, segment{Number: n, Class: c.Name, Codes: codes, Coded: coded})
	}
	return nil
}

// Replay has nothing to do: scans don't depend on each other.
func (f *Format) Replay(*export.Sample, json.RawMessage) error { return nil }

// Finish writes segments.jsonl.
func (f *Format) Finish(_ context.Context, to *export.Folder, records export.Records) error {
	return to.Write("segments.jsonl", func(w io.Writer) error {
		for r, err := range records {
			if err != nil {
				return err
			}
			if _, err := w.Write(append(r.JSON, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
}
