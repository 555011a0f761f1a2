package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/datasets/labelvolume"
	"satgraph/ingest"
	"satgraph/labelmap"
	"satgraph/volume"
)

// Formats of raw labels that are no tables of package ingest.
const (
	labelsVolume   ingest.LabelFormat = "volume"   // a label volume, with a table beside it or without
	labelsSegments ingest.LabelFormat = "segments" // DICOM SEG or RTSTRUCT
)

// read takes the raw labels from whatever path is: a table, a folder of masks, a
// label volume or DICOM.
func (f *labelFlags) read(ctx context.Context, path string) (*ingest.Labels, error) {
	switch f.modality {
	case "", "ct", "mri", "pet":
	default:
		return nil, usageError{fmt.Errorf("unknown modality %q: use ct, mri or pet", f.modality)}
	}
	format := ingest.LabelFormat(f.format)
	if format == "" {
		format = volumeFormat(path)
	}
	switch {
	case f.table != "" && format != labelsVolume:
		return nil, usageError{fmt.Errorf("--table names the labels of a label volume, and %s is none", path)}
	case format == labelsVolume:
		return f.readVolume(ctx, path)
	case format == labelsSegments:
		labels, err := labelvolume.Segments(path, f.like(path))
		return &ingest.Labels{Format: labelsSegments, Encoding: "DICOM", Labels: labels}, err
	}
	labels, err := ingest.ReadLabels(path, f.options(format))
	if err == nil && labels.Format == ingest.LabelsFolder && !f.namesOnly {
		err = f.measureMasks(ctx, labels)
	}
	return labels, err
}

// measureMasks adds what the masks of a folder show.
func (f *labelFlags) measureMasks(ctx context.Context, labels *ingest.Labels) error {
	tell := f.measured
	if tell == nil {
		progress := newProgress(f.progress)
		tell = func(done, total int) { progress.count("masks measured", done, total) }
	}
	measured, err := labelvolume.Masks(ctx, labels.Folder, labels.Labels, volume.ReadOptions{}, tell)
	if err != nil {
		return err
	}
	labels.Labels = measured
	return nil
}

func (f *labelFlags) options(format ingest.LabelFormat) ingest.LabelOptions {
	return ingest.LabelOptions{Dataset: f.dataset, Modality: f.modality, Region: f.region, Format: format}
}

// like is what all labels of a source have in common.
func (f *labelFlags) like(path string) labelmap.RawLabel {
	return labelmap.RawLabel{Dataset: f.dataset, Modality: f.modality, Region: f.region, File: filepath.Base(path)}
}

// readVolume measures a label volume, and names its values by the table given or
// found beside it.
func (f *labelFlags) readVolume(ctx context.Context, path string) (*ingest.Labels, error) {
	table := f.table
	if table == "" {
		table = tableBeside(path)
	}
	out := &ingest.Labels{Format: labelsVolume, Encoding: "UTF-8"}
	var named []labelmap.RawLabel
	if table != "" {
		labels, err := ingest.ReadLabels(table, f.options(""))
		if err != nil {
			return nil, err
		}
		named, out.Encoding = labels.Labels, labels.Encoding
	}
	measured, err := labelvolume.Measure(ctx, path, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	out.Labels = measured.Join(named, f.like(path))
	if len(out.Labels) == 0 {
		return nil, usageError{fmt.Errorf("%s: no voxel carries a label", path)}
	}
	return out, nil
}

// volumeEndings are those of volumes; a compressed text is told from a
// compressed volume by them alone.
var volumeEndings = []string{".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".img", ".hdr.gz", ".img.gz"}

// volumeFormat tells a volume or a DICOM file from other sources of labels;
// empty for those.
func volumeFormat(path string) ingest.LabelFormat {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if lower := strings.ToLower(path); slices.ContainsFunc(volumeEndings, func(e string) bool { return strings.HasSuffix(lower, e) }) {
		return labelsVolume
	}
	file, err := os.Open(path)
	if err != nil {
		return "" // the reader of tables says so
	}
	defer file.Close()        //nolint:errcheck // read only
	head := make([]byte, 348) // of a NIfTI header
	n, _ := io.ReadFull(file, head)
	head = head[:n]
	switch {
	case len(head) > 132 && string(head[128:132]) == "DICM":
		return labelsSegments
	case len(head) == 348 && (bytes.HasPrefix(head[344:], []byte("n+1\x00")) || bytes.HasPrefix(head[4:], []byte("n+2\x00"))), bytes.HasPrefix(head, []byte("NRRD000")):
		return labelsVolume
	case strings.HasSuffix(strings.ToLower(path), ".dcm"):
		return labelsSegments
	}
	return ""
}

// tablesBeside are the endings, in place of the volume's, of a table that names
// its values.
var tablesBeside = []string{".labels.txt", ".labels.ctbl", ".ctbl", ".label", ".tsv", ".csv", ".txt"}

// tableBeside finds the table of a label volume: of the same name, or the
// dataset.json of nnU-Net and the Decathlon beside or above it. Empty for none.
func tableBeside(path string) string {
	base := path
	for _, e := range slices.Backward(volumeEndings) { // the longer ones last
		if strings.HasSuffix(strings.ToLower(path), e) {
			base = path[:len(path)-len(e)]
			break
		}
	}
	folder := filepath.Dir(path)
	names := make([]string, 0, len(tablesBeside)+2)
	for _, e := range tablesBeside {
		names = append(names, base+e)
	}
	for _, name := range append(names, filepath.Join(folder, "dataset.json"), filepath.Join(folder, "..", "dataset.json")) {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}
