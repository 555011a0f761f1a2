// Package export writes a corpus in the forms that trainers, analysts and
// clinical systems already read; the formats are the folders below it, one each.
//
// A [Source] gives scans with their masks, a [Format] writes them, [Run] ties the
// two together: a few scans at a time, as many as there are workers, each with
// one mask at a time, so that memory does not grow with the corpus. An export is written beside its target, renamed when
// it is whole, goes on where it was stopped, and has the same bytes each time. No
// mask is changed, none is left out in silence: structures that overlap where a
// format holds one label a voxel are refused by name unless the caller chose how
// to keep them both ([Overlap]).
package export

import (
	"context"
	"encoding/json"
	"iter"

	"satgraph/volume"
)

// Permission says whether a licence allows that a dataset be passed on.
type Permission string

// The permissions.
const (
	Allowed   Permission = "allowed"
	Forbidden Permission = "forbidden"
	Unknown   Permission = "unknown" // nobody has checked yet
)

// The splits. Whatever a source calls them otherwise is Unassigned.
const (
	Train      = "train"
	Validation = "validation"
	Test       = "test"
	Unassigned = ""
)

// Class is a structure that a scan has a mask of.
type Class struct {
	// Name is the corpus class, such as "left kidney".
	Name string `json:"name"`
	// Label is how the dataset's released rows spell it; empty where that is Name.
	Label string `json:"label,omitempty"`
}

// Spelling is Label, or Name where there is none.
func (c Class) Spelling() string {
	if c.Label != "" {
		return c.Label
	}
	return c.Name
}

// Sample is all that is known of a scan without its voxels.
type Sample struct {
	// ID tells the scan from all others of its dataset.
	ID      string `json:"id"`
	Dataset string `json:"dataset"`
	// Patient is empty where the dataset does not say whose scan it is.
	Patient string `json:"patient,omitempty"`
	Split   string `json:"split,omitempty"`
	// Modality is ct, mri or pet; Sequence what is known beyond it, such as "t1".
	Modality string `json:"modality"`
	Sequence string `json:"sequence,omitempty"`
	// Classes are the structures that were annotated, whether or not the scan
	// shows them.
	Classes []Class `json:"classes"`
	// Licence names the licence, empty where it is not known; Permission is what a
	// reviewer made of it.
	Licence    string     `json:"licence,omitempty"`
	Permission Permission `json:"permission"`
	// Homepage is where the dataset comes from.
	Homepage string `json:"homepage,omitempty"`
	// Provenance says what the scan was made from and how: "image" and "masks" name
	// the files, other keys hashes, recipes, settings.
	Provenance map[string]string `json:"provenance,omitempty"`
	// Normalised says that intensities are standardised for SAT already.
	Normalised bool `json:"normalised,omitempty"`
	// Digest is a hash of the voxels, of image and masks; where it is empty, a
	// change of voxels alone is not noticed when an export goes on.
	Digest string `json:"digest,omitempty"`
	// Image is a hash of the image's voxels alone, by which scans of one image are
	// told; empty where it is not known.
	Image string `json:"-"`
}

// Name is the dataset and the id, as messages name a scan.
func (s *Sample) Name() string { return s.Dataset + "/" + s.ID }

// Source is what is exported.
type Source interface {
	// Samples lists the scans, in the same order each time. A Sample with an error is
	// a scan that is listed and can't be read, of which what is known is there; an
	// error alone ends the list.
	Samples(ctx context.Context) iter.Seq2[*Sample, error]
	// Open gives a scan's voxels; it is called by several goroutines. Errors are the scan's fault, never the export's:
	// the export goes on with the next one and is not finished.
	Open(ctx context.Context, s *Sample) (Scan, error)
}

// Scan gives the voxels of one sample, as they are asked for, to one goroutine. One
// that is an io.Closer is closed in the end.
type Scan interface {
	Image(ctx context.Context) (*volume.Image, error)
	// Mask is the mask of the class at this place of the sample's Classes, on the
	// image's grid. It may be empty.
	Mask(ctx context.Context, class int) (*volume.Bits, error)
}

// Format is a form that a corpus can be written in. Its methods are called in
// this order: Plan, then Add or Replay for each sample, then Finish. Add is called
// by several goroutines, in any order, and must give the same files whatever the
// order (see Ordered). A Format serves one Run.
type Format interface {
	// Plan sees every sample before the first voxel is read, and refuses what the
	// format can't hold. It returns warnings.
	Plan(p *Plan) (warnings []string, err error)
	// Add writes a sample's files and returns what Finish will need of it, which is
	// kept as JSON.
	Add(ctx context.Context, to *Folder, s *Sample, scan Scan) (record any, err error)
	// Replay does to the format's state what Add did, for a sample that an earlier
	// run wrote.
	Replay(s *Sample, record json.RawMessage) error
	// Finish writes what concerns the whole export.
	Finish(ctx context.Context, to *Folder, records Records) error
}

// Plan is what an export will hold.
type Plan struct {
	Samples []*Sample
	// Classes are the names of all classes, sorted, each once.
	Classes []string
}

// Record is what Add returned for a sample.
type Record struct {
	Sample *Sample
	JSON   json.RawMessage
}

// Records gives the records of all samples, in order, from disk.
type Records iter.Seq2[Record, error]

// Decode puts a record's content into v.
func (r Record) Decode(v any) error { return decode(r.JSON, v) }
