// Package nnunet exports a corpus as raw datasets of nnU-Net v2, one for each
// dataset of the corpus or one of all: DatasetNNN_NAME with imagesTr, labelsTr,
// imagesTs, labelsTs, dataset.json, and names.json, which leads back from the
// names in it.
//
// Structures that overlap are refused, or become regions as nnU-Net has them: a
// class is the list of the labels that make it up, and regions_class_order has
// the greater classes first, so that a part is written over its whole. The splits
// of the corpus are kept: scans for testing lie in imagesTs; where there are
// scans for validation, splits_final.json says so, for the folder of nnU-Net's
// preprocessed data. Start from [New].
package nnunet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"satgraph/datasets/export"
	"satgraph/datasets/export/labelmaps"
)

// Options are the user's choices.
type Options struct {
	labelmaps.Settings
	// FirstID is the number of the first dataset; 0 for 1.
	FirstID int
}

// Format writes raw datasets of nnU-Net.
type Format struct {
	*labelmaps.Writer
}

// channel is the suffix of a scan's only image.
const channel = "_0000"

// New begins an export.
func New(o Options) *Format {
	first := max(o.FirstID, 1)
	folder := func(n int, name string) string { return fmt.Sprintf("Dataset%03d_%s", first+n-1, name) }
	return &Format{labelmaps.NewWriter("nnunet", o.Settings, folder, channel, "background", "ignore")}
}

// channels are nnU-Net's names of what an image shows, from which it chooses a
// normalisation.
var channels = map[string]string{"ct": "CT", "mri": "MRI", "pet": "PET"}

// document is dataset.json but for its labels, whose order counts.
type document struct {
	ChannelNames map[string]string `json:"channel_names"`
	Labels       json.RawMessage   `json:"labels"`
	Order        []int             `json:"regions_class_order,omitempty"`
	NumTraining  int               `json:"numTraining"`
	FileEnding   string            `json:"file_ending"`
	// Reader turns scans into one orientation, which nnU-Net's own choice for
	// NIfTI does not.
	Reader      string `json:"overwrite_image_reader_writer"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Licence     string `json:"licence,omitempty"`
	Reference   string `json:"reference,omitempty"`
}

// Finish writes dataset.json and names.json of each dataset.
func (f *Format) Finish(_ context.Context, to *export.Folder, records export.Records) error {
	sizes, err := f.Sizes(records)
	if err != nil {
		return err
	}
	for _, g := range f.Groups() {
		if err := f.finish(to, g, sizes[g]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Format) finish(to *export.Folder, g *labelmaps.Group, sizes []int) error {
	name := channels[g.Modality]
	if g.Normalised {
		name = "noNorm" // nnU-Net's word for leaving intensities alone
	}
	doc := document{
		ChannelNames: map[string]string{"0": name}, FileEnding: ".nii.gz", Reader: "NibabelIOWithReorient",
		Name: g.Name, Description: "exported by satgraph", Licence: g.Licence(), Reference: g.Reference(),
	}
	type split struct {
		Train []string `json:"train"`
		Val   []string `json:"val"`
	}
	fold := split{Train: []string{}, Val: []string{}}
	for _, s := range g.Samples {
		switch {
		case labelmaps.Test(s):
			continue
		case s.Split == export.Validation:
			fold.Val = append(fold.Val, g.Case(s))
		default:
			fold.Train = append(fold.Train, g.Case(s))
		}
		doc.NumTraining++
	}
	for _, dir := range []string{"/imagesTr", "/labelsTr"} { // asked for by nnU-Net, if empty
		if err := to.MkdirAll(g.Folder + dir); err != nil {
			return err
		}
	}
	doc.Labels, doc.Order = labels(g, sizes)
	if err := to.WriteJSON(g.Folder+"/dataset.json", doc); err != nil {
		return err
	}
	if len(fold.Val) > 0 {
		if err := to.WriteJSON(g.Folder+"/splits_final.json", []split{fold}); err != nil {
			return err
		}
	}
	return g.WriteNames(to)
}

// labels is the table of labels, in order, and the label that nnU-Net writes for
// each class when it makes a label map of its regions: that of the class alone.
func labels(g *labelmaps.Group, sizes []int) (json.RawMessage, []int) {
	var b bytes.Buffer
	_, _ = io.WriteString(&b, `{"background":0`) // a buffer takes all
	var order []int
	for _, class := range g.WholesFirst(sizes) {
		var of any = class + 1
		if list := g.Packer.Of(class); len(list) > 1 {
			of = list
		}
		name, _ := json.Marshal(g.ClassNames.Safe(g.Classes[class])) // a string
		value, _ := json.Marshal(of)                                 // whole numbers
		_, _ = fmt.Fprintf(&b, ",%s:%s", name, value)
		order = append(order, class+1)
	}
	b.WriteByte('}')
	if !g.Packer.Overlapping() {
		order = nil
	}
	return b.Bytes(), order
}
