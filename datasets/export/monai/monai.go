// Package monai exports a corpus in the layout of the Medical Segmentation
// Decathlon, as monai.data.load_decathlon_datalist reads it: a folder for each
// dataset, or one of all, with imagesTr, labelsTr, imagesTs, labelsTs,
// dataset.json with the lists "training", "validation" (where there is one) and
// "test", and names.json, which leads back from the names in it.
//
// Structures that overlap are refused, or become regions: each combination that
// occurs has a label of its own, named after its classes, and "regions" in
// dataset.json lists the labels of each class. Start from [New].
package monai

import (
	"context"
	"strconv"
	"strings"

	"satgraph/datasets/export"
	"satgraph/datasets/export/labelmaps"
)

// Format writes decathlon datasets.
type Format struct {
	*labelmaps.Writer
}

// New begins an export.
func New(s labelmaps.Settings) *Format {
	folder := func(_ int, name string) string { return name }
	return &Format{labelmaps.NewWriter("monai", s, folder, "", "background")}
}

// item is a line of a list. Paths are below the dataset's folder.
type item struct {
	Image string `json:"image"`
	Label string `json:"label"`
}

// document is dataset.json.
type document struct {
	Name            string            `json:"name"`
	Description     string            `json:"description"`
	Licence         string            `json:"licence"`
	Reference       string            `json:"reference"`
	TensorImageSize string            `json:"tensorImageSize"`
	Modality        map[string]string `json:"modality"`
	// Labels names each label; a combination by its classes with " + " between.
	Labels map[string]string `json:"labels"`
	// Regions lists the labels of each class, where classes overlap.
	Regions     map[string][]int `json:"regions,omitempty"`
	NumTraining int              `json:"numTraining"`
	NumTest     int              `json:"numTest"`
	Training    []item           `json:"training"`
	Validation  []item           `json:"validation,omitempty"`
	Test        []item           `json:"test"`
}

// Finish writes dataset.json and names.json of each dataset.
func (f *Format) Finish(_ context.Context, to *export.Folder, _ export.Records) error {
	for _, g := range f.Groups() {
		doc := &document{
			Name: g.Name, Description: "exported by satgraph", Licence: g.Licence(), Reference: g.Reference(),
			TensorImageSize: "3D", Modality: map[string]string{"0": strings.ToUpper(g.Modality)},
			Labels: map[string]string{"0": "background"}, Training: []item{}, Test: []item{},
		}
		f.lists(doc, g)
		doc.table(g)
		if err := to.WriteJSON(g.Folder+"/dataset.json", doc); err != nil {
			return err
		}
		if err := g.WriteNames(to); err != nil {
			return err
		}
	}
	return nil
}

func (f *Format) lists(doc *document, g *labelmaps.Group) {
	for _, s := range g.Samples {
		list := &doc.Training
		switch s.Split {
		case export.Test:
			list = &doc.Test
		case export.Validation:
			list = &doc.Validation
		}
		*list = append(*list, item{"./" + f.ImagePath(g, s), "./" + f.LabelPath(g, s)})
	}
	doc.NumTraining, doc.NumTest = len(doc.Training), len(doc.Test)
}

// table names the labels.
func (doc *document) table(g *labelmaps.Group) {
	for l := 1; l <= g.Packer.Labels(); l++ {
		var classes []string
		for _, c := range g.Packer.Set(uint16(l)) {
			classes = append(classes, g.ClassNames.Safe(g.Classes[c]))
		}
		doc.Labels[strconv.Itoa(l)] = strings.Join(classes, " + ")
	}
	if !g.Packer.Overlapping() {
		return
	}
	doc.Regions = map[string][]int{}
	for c, class := range g.Classes {
		doc.Regions[g.ClassNames.Safe(class)] = g.Packer.Of(c)
	}
}
