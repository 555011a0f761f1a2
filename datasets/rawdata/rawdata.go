// Package rawdata reads the files of datasets as their records describe them:
// it finds the scans of a tree of files, reads one scan at a time, and carries
// out the recipes that make corpus classes of raw labels. It changes no voxel's
// place: images and masks are on the image's own grid.
//
// What is wrong with a scan is never passed over: every problem is named, with
// its scan and file, and goes with the scan. Start from Open.
package rawdata

import (
	"errors"
	"fmt"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// What can be wrong with a dataset's files. Errors of package volume, for files
// that cannot be read, are wrapped as they are.
var (
	ErrLayout  = errors.New("no scans where the record says")
	ErrVersion = errors.New("the folder looks like another version of the dataset")
	ErrMissing = errors.New("file is missing")
	ErrGrid    = errors.New("the mask does not lie on the image's grid")
	ErrValue   = errors.New("a value that no label of the record has")
	ErrTable   = errors.New("a value that only another label table has")
	ErrOverlap = errors.New("voxels lie in several labels of one class")
	ErrFormat  = errors.New("not in the expected format")
	ErrRecipe  = errors.New("a recipe that cannot be carried out on files")
)

// ScanError is what is wrong with a scan.
type ScanError struct {
	Dataset string
	Scan    string // the image's path
	File    string // the file in question, if another
	Err     error
	// Fatal says that the scan gives no masks; otherwise they are as good as the
	// problem lets them be.
	Fatal bool
}

// Error names scan and file.
func (p *ScanError) Error() string {
	if p.File != "" && p.File != p.Scan {
		return fmt.Sprintf("%s: %s: %s: %v", p.Dataset, p.Scan, p.File, p.Err)
	}
	return fmt.Sprintf("%s: %s: %v", p.Dataset, p.Scan, p.Err)
}

// Unwrap returns the cause.
func (p *ScanError) Unwrap() error { return p.Err }

// Options say how a tree is read.
type Options struct {
	// Layout is catalog.Release, catalog.Prepared or another name of the record;
	// empty: the first that has scans.
	Layout string
	// AsPublished reads as the published loader does, with its anomalies.
	AsPublished bool
	// NoImage leaves the image's voxels unread.
	NoImage bool
	volume.ReadOptions
}

// Case is one scan of a tree: an image and where its masks lie. Paths have "/"
// between folders and are relative to the tree's folder.
type Case struct {
	Dataset  string
	Layout   string
	Image    string // a file, or a folder of DICOM slices
	Mask     string // a file, or with Folder set a folder
	Folder   bool
	Also     []string // further folders that mask files may lie in
	Patient  string
	Sequence string // as the scan list writes it, where the record says
	Split    string
	Channel  int // of a 4-D image; -1 for a 3-D one
	Values   map[string]string
}

// ID names the scan: the image's path, with the channel behind it.
func (c *Case) ID() string {
	if c.Channel >= 0 {
		return fmt.Sprintf("%s#%d", c.Image, c.Channel)
	}
	return c.Image
}

// Mask is a class drawn on a scan.
type Mask struct {
	Class string // the corpus class
	Name  string // as the published rows spell it
	Bits  *volume.Bits
}

// Scan is a scan that was read.
type Scan struct {
	Case
	Grid   volume.Grid
	Voxels *volume.Image // nil with Options.NoImage
	// Masks are in the order of the record's recipes; an empty mask is one whose
	// class was looked for and not drawn.
	Masks []Mask
	// Absent are classes that were not annotated in this scan.
	Absent []string
	// Orient is how the standard form is to be oriented: "RAS", or as published;
	// empty: not at all.
	Orient   string
	Problems []*ScanError
}

// Failed says whether the scan gives no masks.
func (s *Scan) Failed() bool {
	for _, p := range s.Problems {
		if p.Fatal {
			return true
		}
	}
	return false
}

// Source is a dataset's tree of files.
type Source struct {
	root    string
	dataset *catalog.Dataset
	layout  *catalog.Layout
	options Options
	recipes []recipe
}

// Dataset is the record that the tree is read by.
func (s *Source) Dataset() *catalog.Dataset { return s.dataset }

// Layout is the name of the layout that the tree follows.
func (s *Source) Layout() string {
	if s.options.Layout != "" {
		return s.options.Layout
	}
	return s.layout.Names[0]
}
