package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"satgraph/inference"
	"satgraph/volume"
	"satgraph/volume/segcode"
)

// Layouts of the masks that a run writes.
const (
	layoutFiles      = "files"
	layoutMultilabel = "multilabel"
	layoutLayers     = "layers"
	layoutDICOM      = "dicomseg"
)

var layouts = []string{layoutFiles, layoutMultilabel, layoutLayers, layoutDICOM}

// masks writes what a run finds.
type masks interface {
	// add takes a structure while its mask is at hand.
	add(s *inference.StructureResult) error
	// finish writes what add did not, and puts files' names into the report.
	finish(r *inference.Report) error
}

func newMasks(layout, dir string, scan *volume.Image) (masks, error) {
	switch layout {
	case layoutFiles:
		return &maskFiles{dir: dir, like: scan.Header}, nil
	case layoutMultilabel, layoutLayers:
		return &labelFiles{keeper: keeper{dir: dir, scan: scan}, single: layout == layoutMultilabel}, nil
	case layoutDICOM:
		if scan.Series == nil {
			return nil, usageError{errors.New("--layout dicomseg needs a scan that is a DICOM series, to whose images it refers")}
		}
		return &segFile{keeper{dir: dir, scan: scan}}, nil
	default:
		return nil, usageError{fmt.Errorf("--layout %q is none of %s", layout, strings.Join(layouts, ", "))}
	}
}

// maskFiles is a file for each structure.
type maskFiles struct {
	dir  string
	like *volume.Header
}

func (m *maskFiles) add(s *inference.StructureResult) error {
	return volume.WriteBits(filepath.Join(m.dir, s.File), s.Mask, m.like)
}

func (m *maskFiles) finish(*inference.Report) error { return nil }

// keeper holds on to what was found until all of it is.
type keeper struct {
	dir  string
	scan *volume.Image
	kept []kept
}

// kept is a structure with its mask.
type kept struct {
	id, name, file string
	coded          string // the name by which DICOM knows it
	mask           *volume.Bits
}

func (k *keeper) add(s *inference.StructureResult) error { //nolint:unparam // masks asks for it
	coded := s.Term
	if len(s.Classes) == 1 && len(s.Subtract) == 0 {
		coded = s.Classes[0]
	}
	k.kept = append(k.kept, kept{s.TermID, s.Term, s.File, coded, s.Mask})
	s.File = ""
	return nil
}

func setFile(r *inference.Report, id, name, file string) {
	for i := range r.Structures {
		if s := &r.Structures[i]; s.TermID == id && s.Term == name && s.Status == inference.Segmented {
			s.File = file
		}
	}
}

// labelFiles is one label map, or as few as structures that overlap need.
type labelFiles struct {
	keeper
	single bool
}

func (l *labelFiles) finish(r *inference.Report) error {
	if len(l.kept) == 0 {
		return nil
	}
	layers := volume.NewLayers(l.scan.Grid, l.single)
	for _, k := range l.kept {
		err := layers.Add(volume.Label{Name: k.name, Term: k.id}, k.mask)
		if clash, ok := errors.AsType[*volume.OverlapError](err); ok {
			return l.apart(r, clash)
		}
		if err != nil {
			return err
		}
	}
	paths, err := layers.Write(filepath.Join(l.dir, "labels"), l.scan.Header)
	if err != nil {
		return err
	}
	for _, path := range paths {
		table, err := volume.ReadLabelTable(path)
		if err != nil {
			return err
		}
		for _, label := range table {
			setFile(r, label.Term, label.Name, filepath.Base(path))
		}
	}
	return nil
}

// apart writes a file for each structure, since an hour's work is not thrown
// away over a file's form, and refuses all the same.
func (l *labelFiles) apart(r *inference.Report, clash error) error {
	files := &maskFiles{l.dir, l.scan.Header}
	for _, k := range l.kept {
		if err := files.add(&inference.StructureResult{File: k.file, Mask: k.mask}); err != nil {
			return err
		}
		setFile(r, k.id, k.name, k.file)
	}
	return refusal{fmt.Errorf("one label map cannot hold all of it, and a file was written for each structure instead: %w", clash)}
}

// segFile is a DICOM segmentation of the series.
type segFile struct{ keeper }

const segName = "segmentation.dcm"

func (s *segFile) finish(r *inference.Report) (err error) {
	if len(s.kept) == 0 {
		return nil
	}
	out, err := volume.NewSEG(filepath.Join(s.dir, segName), s.scan.Series, s.scan.Grid, volume.SEGOptions{
		Description: r.Model + " segmentation", Version: version,
	})
	if err != nil {
		return err
	}
	defer out.Abort()
	for _, k := range s.kept {
		codes, _ := segcode.For(k.coded)
		err := out.Add(volume.Segment{Name: k.name, Description: k.id, Codes: codes, Algorithm: r.Model + " " + r.Version}, k.mask)
		if err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	for _, k := range s.kept {
		setFile(r, k.id, k.name, segName)
	}
	return nil
}
