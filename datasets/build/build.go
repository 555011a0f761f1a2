// Package build makes a corpus: every scan of a source, standardised, in a
// folder of its own, with a manifest of what was done.
//
// A build may be stopped at any time, by a signal, by a full disk or by a power
// cut, and the next run goes on: a scan's folder appears whole, under a name
// that its content decides, and then gets its line in the manifest, which is
// flushed to disk. Scans whose files, recipe and settings have not changed are
// not looked at again. A scan that fails is listed with the reason, and the rest
// goes on; the next run tries it again.
//
// A corpus is a folder:
//
//	manifest.jsonl  one line for each scan built or failed, only ever appended
//	                to; of two lines of one scan the later counts
//	scans/          DATASET/ID.DIGEST/, each as package standard writes it
//	corpus.json     the Version of what is there, when a run has ended
//
// The package reads no raw dataset: a [Source] does. It decides on no class and
// checks nothing about anatomy; gates do that on the result. Start from [Run].
package build

import (
	"context"
	"errors"
	"iter"
	"time"

	"satgraph/datasets/standard"
	"satgraph/volume"
)

// Errors of builds.
var (
	// ErrBusy says: another process builds in the folder.
	ErrBusy = errors.New("another build is at work in this folder")
	// ErrManifest says: a manifest that is damaged other than by a crash.
	ErrManifest = errors.New("the manifest is damaged")
	// ErrTwice says: the source lists a scan twice.
	ErrTwice = errors.New("the source lists this scan twice")
	// ErrNoClasses says: a scan without any class.
	ErrNoClasses = errors.New("the scan has no class")
	// ErrName says: a dataset or scan without a name, or with an absurd one.
	ErrName = errors.New("the scan's name cannot be used")
)

// Source gives the scans that a corpus is built of.
type Source interface {
	// Scans lists every scan, without opening it. An error beside a scan is that
	// scan's; an error beside nil ends the build.
	Scans(ctx context.Context) iter.Seq2[Scan, error]
}

// Scan is one scan of a source. Its methods are called by one goroutine, those
// of different scans by several.
type Scan interface {
	// Origin says what the scan is: Dataset, ID and Modality are needed, Input is
	// left to the build, Recipe must change whenever the same files would give
	// other masks or another image.
	Origin() standard.Origin
	// Files are the files that image and masks are read from.
	Files() []File
	// Read reads the intensities. It is called once, before Masks.
	Read(ctx context.Context) (*Voxels, error)
	// Masks gives the classes that were annotated, one at a time, on the image's
	// grid; a class that the scan does not show has an empty mask. An error of add
	// must be returned.
	Masks(ctx context.Context, add func(class string, m *volume.Bits) error) error
}

// Voxels are the intensities of a scan.
type Voxels struct {
	Image *volume.Image
	// Orientation is one that this scan alone gets; empty: that of the settings.
	Orientation string
	// Problems are faults of the files that leave them usable.
	Problems []string
}

// File is an input file.
type File struct {
	Name string // as the dataset names it, which is part of the scan's identity
	Path string // where it lies
}

// Options of a build.
type Options struct {
	// Dir is the corpus's folder, made where it is missing.
	Dir string
	// Settings are those of every scan.
	Settings standard.Settings
	// Files is where input files lie; nil means the local disk.
	Files volume.Files
	// Workers is how many scans are at work at a time; 0 means one more than there
	// are processors, so that they have work while one waits for the disk.
	Workers int
	// Memory holds scans back that say what they take (Sized) while those at work
	// take more, in bytes; 0 holds none back. A larger scan works alone.
	Memory int64
	// Rehash reads input files again whose size and time have not changed, and what
	// was built of them.
	Rehash bool
	// Prune drops scans that the source no longer lists.
	Prune bool
	// Program is the version of the program, for the records.
	Program string
	// Progress is called, by one goroutine at a time, whenever a scan is done.
	Progress func(Progress)
}

// Progress says how far a build is.
type Progress struct {
	Scans             int // that the source lists
	Built             int
	Unchanged, Failed int
	// Scan is the latest, Err why it failed.
	Scan string
	Err  error
	// Left is about how long the rest will take, by the bytes of input files; 0
	// where nothing has been built yet.
	Left time.Duration
}

// Failure is a scan that could not be built.
type Failure struct {
	Scan   string `json:"scan"` // DATASET/ID
	Reason string `json:"reason"`
}

// Report says what a build did.
type Report struct {
	Dir string `json:"dir"`
	// Scans is how many scans the source lists: Built, Unchanged, Failures and what
	// was not reached.
	Scans     int       `json:"scans"`
	Built     int       `json:"built"`
	Unchanged int       `json:"unchanged"`
	Failures  []Failure `json:"failures"`
	// Elsewhere counts scans of the corpus that the source does not list; Pruned
	// those that were dropped.
	Elsewhere int     `json:"elsewhere,omitempty"`
	Pruned    int     `json:"pruned,omitempty"`
	Seconds   float64 `json:"seconds"`
	// Busy is the share of the processors' time that the build used.
	Busy float64 `json:"busy"`
	// Version is that of the corpus; empty where the build was stopped.
	Version *Version `json:"version,omitempty"`
}

// Version identifies a corpus by its content.
type Version struct {
	// Hash is the SHA-256 of the lines "DATASET/ID DIGEST" of all scans, in the
	// order of bytes, DIGEST being standard.Record.Digest.
	Hash     string            `json:"hash"`
	Scans    int               `json:"scans"`
	Settings standard.Settings `json:"settings"`
	Failures []Failure         `json:"failures,omitempty"`
}
