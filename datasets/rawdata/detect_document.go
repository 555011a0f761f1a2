package rawdata

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// document is what a dataset.json says beside its labels.
type document struct {
	// files are those of its lists that are there: true for masks.
	files    map[string]bool
	pairs    map[string]string // image to mask, of those that are there
	channels map[string]string // names by number
	licence  string
}

// Limits of documents, and of pairs that are listed one by one.
const (
	maxDocument = 64 << 20
	maxListed   = 2000
)

// readDocument reads the lists of dataset.json, of the Decathlon and nnU-Net 1,
// and the licence that it or BIDS's dataset_description.json names. A document
// that is broken says nothing here: its labels are read elsewhere, with errors.
func (d *detector) readDocument() error {
	var b struct {
		Licence string `json:"License"`
	}
	d.decode(d.base+"/dataset_description.json", &b)
	d.document = document{files: map[string]bool{}, pairs: map[string]string{}, channels: map[string]string{}, licence: b.Licence}
	if d.table != d.base+"/dataset.json" {
		return nil
	}
	var doc struct {
		Channels map[string]any `json:"channel_names"`
		Modality map[string]any `json:"modality"`
		Licence  string         `json:"licence"`
		License  string         `json:"license"`
		Training []any          `json:"training"`
		Test     []any          `json:"test"`
	}
	d.decode(d.table, &doc)
	d.document.licence = doc.Licence + doc.License
	for _, names := range []map[string]any{doc.Modality, doc.Channels} {
		for number, name := range names {
			d.document.channels[number] = fmt.Sprint(name)
		}
	}
	there := map[string]bool{}
	for _, v := range d.volumes {
		there[v] = true
	}
	for _, entry := range append(doc.Training, doc.Test...) {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		d.listed(entry, there)
	}
	return nil
}

// decode reads a JSON file into a value, as far as it is right.
func (d *detector) decode(name string, to any) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	_ = json.NewDecoder(io.LimitReader(f, maxDocument)).Decode(to)
}

// listed takes an entry of a list: the path of an image, or of an image and its
// mask. nnU-Net 1 lists images without the numbers of their channels.
func (d *detector) listed(entry any, there map[string]bool) {
	pair, _ := entry.(map[string]any)
	if image, ok := entry.(string); ok {
		pair = map[string]any{"image": image}
	}
	name := func(v any) string {
		text, _ := v.(string)
		if text == "" || len(text) > 1000 {
			return ""
		}
		at := path.Join(d.base, path.Clean("/"+text))
		if !there[at] {
			if first := stem(at) + "_0000" + volumeFile.FindString(at); there[first] {
				return first
			}
			d.leaveOne(at, "dataset.json lists it and it is not there")
			return ""
		}
		return at
	}
	images, _ := pair["image"].([]any)
	if pair["image"] != nil && images == nil {
		images = []any{pair["image"]}
	}
	mask := name(pair["label"])
	if mask != "" {
		d.document.files[mask] = true
	}
	for _, image := range images {
		if at := name(image); at != "" {
			d.document.files[at] = false
			if mask != "" {
				d.document.pairs[at] = mask
			}
		}
	}
}

// contradicts says whether families miss a pair of the document's lists, or have
// another mask for its image.
func (doc *document) contradicts(families []*family) bool {
	if len(doc.pairs) == 0 || len(doc.pairs) > maxListed {
		return false
	}
	for image, mask := range doc.pairs {
		if !slices.ContainsFunc(families, func(f *family) bool { return f.pairs[image] == mask }) {
			return true
		}
	}
	return false
}

// families are the listed pairs, one by one: of names that no pattern joins.
func (doc *document) families() []*family {
	var out []*family
	for _, image := range slices.Sorted(maps.Keys(doc.pairs)) {
		mask := doc.pairs[image]
		name := stem(path.Base(image))
		if strings.ContainsAny(name, "=|") {
			continue
		}
		at, err := catalog.ParsePattern(path.Dir(image) + "/{case=" + name + "}" + volumeFile.FindString(image))
		to, err2 := catalog.ParsePattern(mask)
		if err != nil || err2 != nil {
			continue
		}
		out = append(out, &family{
			scans: catalog.Scans{Image: at, Mask: to, Example: image, Patient: "{case}"}, pairs: map[string]string{image: mask},
		})
	}
	return out
}
