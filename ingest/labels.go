package ingest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"satgraph/labelmap"
)

// LabelFormat is a form that tables of raw labels come in.
type LabelFormat string

// The forms, as ReadLabels tells them.
const (
	LabelsNNUNet     LabelFormat = "nnunet"     // dataset.json of version 2: names to values, regions, channel names
	LabelsDecathlon  LabelFormat = "decathlon"  // dataset.json of the Decathlon, MONAI and nnU-Net 1: values to names
	LabelsJSON       LabelFormat = "json"       // a bare object of names and values, or a list of names
	LabelsFolder     LabelFormat = "folder"     // one mask file a structure, as TotalSegmentator writes
	LabelsFreeSurfer LabelFormat = "freesurfer" // colour lookup table
	LabelsITKSNAP    LabelFormat = "itksnap"    // label description file
	LabelsSlicer     LabelFormat = "slicer"     // .ctbl colour table, or the newer .csv with codes
	LabelsBIDS       LabelFormat = "bids"       // dseg.tsv
	LabelsSSSOM      LabelFormat = "sssom"      // the subjects of a mapping set
	LabelsTable      LabelFormat = "table"      // delimited, with or without a header
	LabelsList       LabelFormat = "list"       // one label a line
)

// Labels is what a source of raw labels says, every row of it: what is odd
// about a row stands in its Flags.
type Labels struct {
	Format   LabelFormat
	Encoding string // as told: "UTF-8", "UTF-16LE", "UTF-16BE", or "mixed" where lines are not UTF-8
	Labels   []labelmap.RawLabel
	Comments int      // comment lines
	Passed   []string // what was no label at all: files of a folder that are no masks
	Folder   string   // that holds the labels' files, where they are mask files
}

// Flags of labels.
const (
	FlagEmptyName  = "empty name"
	FlagLongName   = "name of over 1,000 bytes"
	FlagNameTwice  = "name given twice"
	FlagValueTwice = "value named twice"
	FlagBadValue   = "value is no whole number" // it follows after a colon
	FlagModality   = "unknown modality"         // it follows after a colon
	FlagColor      = "color is none"            // it follows after a colon
	FlagBackground = "background"
	FlagControl    = "control characters in the name"
	FlagDirection  = "text direction controls in the name"
	FlagMarkup     = "markup in the name"
	FlagFormula    = "the name begins as a spreadsheet formula"
	FlagDamaged    = "damaged characters in the name" // U+FFFD
	FlagEncoding   = "not UTF-8, read as Windows-1252"
	FlagQuote      = "unbalanced quote"
	FlagColumns    = "other columns than the header"
)

// LabelOptions say how labels are read.
type LabelOptions struct {
	Limits
	// Dataset, Modality and Region hold for labels whose source does not say.
	Dataset, Modality, Region string
	// Format, if given, is not told from the content.
	Format LabelFormat
}

// ReadLabels reads the raw labels that a file (also gzip-compressed) or a
// folder names. The format is told from the content, with the file's name where
// that leaves a doubt; a text in none of the formats is a list of labels, one a
// line. No label of the source is left out.
//
// Errors: *FileError around ErrFormat, ErrEncoding, ErrTooLarge, or the
// operating system's.
func ReadLabels(path string, o LabelOptions) (*Labels, error) {
	o.Limits = o.withDefaults()
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, 0, err)
	}
	if info.IsDir() {
		if inside := filepath.Join(path, "dataset.json"); o.Format == "" && isFile(inside) {
			return ReadLabels(inside, o)
		}
		return readLabelFolder(path, o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, 0, err)
	}
	defer f.Close() //nolint:errcheck // read only
	return ParseLabels(f, path, o)
}

// ParseLabels is ReadLabels of a file's content; name is the file's.
func ParseLabels(r io.Reader, name string, o LabelOptions) (*Labels, error) {
	o.Limits = o.withDefaults()
	c := &collector{labels: &Labels{Encoding: "UTF-8"}, o: o, file: filepath.Base(name)}
	if line, err := c.read(r); err != nil {
		return nil, fileError(name, line, err)
	}
	c.finish()
	return c.labels, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// collector takes labels in and flags them.
type collector struct {
	labels *Labels
	o      LabelOptions
	file   string
}

// read tells the format and reads; it returns the line at fault.
func (c *collector) read(r io.Reader) (int, error) {
	text, err := newLabelText(r, c.o.Limits)
	if err != nil {
		return 0, err
	}
	c.labels.Encoding = text.encoding
	format := c.o.Format
	if format == "" {
		if format, err = sniffLabels(text.head(), c.file); err != nil {
			return 0, err
		}
	}
	c.labels.Format = format
	var line int
	switch format {
	case LabelsNNUNet, LabelsDecathlon, LabelsJSON:
		line, err = c.readJSON(text)
	case LabelsFreeSurfer, LabelsSlicer, LabelsITKSNAP:
		line, err = c.readLookup(text)
	case LabelsBIDS, LabelsSSSOM, LabelsTable:
		line, err = c.readTable(text)
	case LabelsList:
		line, err = c.readList(text)
	default:
		return 0, fmt.Errorf("%w: no format of labels in a file is called %q", ErrFormat, format)
	}
	if err == nil && len(text.repaired) > 0 {
		c.labels.Encoding = "mixed"
	}
	if err == nil && len(c.labels.Labels) == 0 {
		line, err = 0, fmt.Errorf("%w: it names no label", ErrFormat)
	}
	return line, err
}

// add takes a label as its source gives it.
func (c *collector) add(l labelmap.RawLabel) error {
	if len(c.labels.Labels) == c.o.Terms {
		return fmt.Errorf("%w: more than %d labels", ErrTooLarge, c.o.Terms)
	}
	l.File = c.file
	if l.Dataset == "" {
		l.Dataset = c.o.Dataset
	}
	if l.Region == "" {
		l.Region = c.o.Region
	}
	if l.Modality == "" {
		l.Modality = c.o.Modality
	} else if m := modality(l.Modality); m != "" {
		l.Modality = m
	} else {
		l.Flags = append(l.Flags, FlagModality+": "+clip(l.Modality))
		l.Modality = c.o.Modality
	}
	l.Flags = append(l.Flags, oddities(&l)...)
	c.labels.Labels = append(c.labels.Labels, l)
	return nil
}

// finish flags what only the whole table shows: values and names given twice
// within a dataset.
func (c *collector) finish() {
	type key struct {
		dataset, name string
		value         int64
		isValue       bool
	}
	first := make(map[key]int, len(c.labels.Labels))
	mark := func(i int, k key, flag string) {
		j, dup := first[k]
		if !dup {
			first[k] = i
			return
		}
		for _, at := range []int{j, i} {
			if l := &c.labels.Labels[at]; !hasFlag(l, flag) {
				l.Flags = append(l.Flags, flag)
			}
		}
	}
	for i := range c.labels.Labels {
		l := &c.labels.Labels[i]
		if l.Name != "" {
			mark(i, key{dataset: l.Dataset, name: l.Name}, FlagNameTwice)
		}
		// A region shares its values with its parts.
		if len(l.Values) == 1 {
			mark(i, key{dataset: l.Dataset, value: l.Values[0], isValue: true}, FlagValueTwice)
		}
	}
}
