package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/inference"
	"satgraph/volume"
)

// Layouts of the masks that a run writes.
const (
	layoutFiles      = "files"
	layoutMultilabel = "multilabel"
	layoutLayers     = "layers"
)

var layouts = []string{layoutFiles, layoutMultilabel, layoutLayers}

// errOverlap says that structures which share voxels were to go into one label
// map.
var errOverlap = errors.New("one label map cannot hold structures that overlap")

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
		return &labelFiles{dir: dir, scan: scan, one: layout == layoutMultilabel}, nil
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

// labelFiles is one label map, or as few as structures that overlap need.
type labelFiles struct {
	dir   string
	scan  *volume.Image
	one   bool
	kept  []labelled
	taken int // labels given
}

// labelled is a structure with its mask.
type labelled struct {
	id, name, file string
	mask           *volume.Bits
}

func (l *labelFiles) add(s *inference.StructureResult) error {
	l.kept = append(l.kept, labelled{s.TermID, s.Term, s.File, s.Mask})
	s.File = ""
	return nil
}

// label is a row of labels.json.
type label struct {
	Value int    `json:"value"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	File  string `json:"file"`
}

func (l *labelFiles) finish(r *inference.Report) error {
	if len(l.kept) == 0 {
		return nil
	}
	layers, clash := l.layer()
	if l.one && len(layers) > 1 {
		// An hour's work is not thrown away over a file's form.
		files := &maskFiles{l.dir, l.scan.Header}
		for _, k := range l.kept {
			if err := files.add(&inference.StructureResult{File: k.file, Mask: k.mask}); err != nil {
				return err
			}
			setFile(r, k, k.file)
		}
		return refusal{fmt.Errorf("%w: %s and %s; a file was written for each structure instead (--layout layers puts them into as few label maps as that takes)",
			errOverlap, clash[0], clash[1])}
	}
	var table []label
	for n, layer := range layers {
		name := "labels.nii.gz"
		if len(layers) > 1 {
			name = fmt.Sprintf("labels_%d.nii.gz", n+1)
		}
		out := &volume.LabelMap{Grid: l.scan.Grid, Data: make([]uint16, l.scan.Voxels()), Header: l.scan.Header}
		for _, k := range layer {
			l.taken++
			if l.taken > 1<<16-1 {
				return fmt.Errorf("more than %d structures; use --layout files", 1<<16-1)
			}
			value := uint16(l.taken) //nolint:gosec // checked above
			k.mask.Runs(func(r volume.Run) bool {
				row := out.Data[out.Index(r.From, r.J, r.K):][:r.To-r.From]
				for i := range row {
					row[i] = value
				}
				return true
			})
			table = append(table, label{l.taken, k.id, k.name, name})
			setFile(r, k, name)
		}
		if err := volume.WriteLabelMap(filepath.Join(l.dir, name), out); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(map[string]any{"labels": table}, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(l.dir, "labels.json"), append(text, '\n'))
}

// layer puts each structure into the first layer in which it overlaps nothing.
// clash names the first two that overlap.
func (l *labelFiles) layer() (layers [][]labelled, clash [2]string) {
	for _, k := range l.kept {
		at := slices.IndexFunc(layers, func(layer []labelled) bool {
			other := slices.IndexFunc(layer, func(o labelled) bool { return o.mask.Overlaps(k.mask) })
			if other >= 0 && clash[0] == "" {
				clash = [2]string{layer[other].name, k.name}
			}
			return other < 0
		})
		if at < 0 {
			layers, at = append(layers, nil), len(layers)
		}
		layers[at] = append(layers[at], k)
	}
	return layers, clash
}

func setFile(r *inference.Report, k labelled, file string) {
	for i := range r.Structures {
		if s := &r.Structures[i]; s.TermID == k.id && s.Term == k.name && s.Status == inference.Segmented {
			s.File = file
		}
	}
}
