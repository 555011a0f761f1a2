package ingest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"satgraph/labelmap"
)

// readJSON reads the dataset.json of nnU-Net 2 ("labels" from names to a value
// or the values of a region, "channel_names"), of the Decathlon, MONAI and
// nnU-Net 1 ("labels" from values to names, "modality"), a bare object of
// either, or a list of names. The rest of the document is passed over unread,
// however long its lists of scans are.
func (c *collector) readJSON(text *labelText) (int, error) {
	j := newJSONReader(text.source, c.o.Limits)
	d := &labelDocument{c: c, j: j}
	if strings.HasPrefix(strings.TrimSpace(text.head()), "[") {
		return d.list()
	}
	if err := j.open('{'); err != nil {
		return j.fail(err)
	}
	bare := true // as long as all members may be labels
	for j.more() {
		key, err := j.key()
		if err != nil {
			return j.fail(err)
		}
		switch key {
		case "labels":
			err = d.labels()
		case "channel_names", "modality":
			err = d.channels()
			d.nnunet = d.nnunet || key == "channel_names"
		case "file_ending", "regions_class_order":
			d.nnunet = true
			err = d.skip()
		case "name", "dataset":
			err = d.name(key)
		case "description", "reference", "licence", "license", "release", "tensorImageSize", "numTraining", "numTest", "training", "test":
			bare = false
			err = d.skip()
		default:
			bare, err = d.other(key, bare)
		}
		if err != nil {
			return j.fail(err)
		}
	}
	if err := j.close('}'); err != nil {
		return j.fail(err)
	}
	if !bare {
		d.loose = nil
	}
	return d.finish()
}

// labelDocument collects what a JSON document says of labels.
type labelDocument struct {
	c       *collector
	j       *jsonReader
	entries []jsonEntry // of "labels"
	loose   []jsonEntry // of the document itself
	nnunet  bool
	found   bool // a "labels" was there
	dataset string
	modal   string   // what the channels agree on
	names   []string // of the channels
}

// jsonEntry is one member of "labels".
type jsonEntry struct {
	key  string
	text string // a name
	nums []json.Number
	line int
}

func (d *labelDocument) labels() error {
	d.found = true
	t, err := d.j.token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
	case json.Delim('['):
		if err := d.listed(); err != nil {
			return err
		}
		_, err = d.j.token()
		return err
	default:
		return fmt.Errorf("%w: \"labels\" is neither an object nor a list", ErrFormat)
	}
	for d.j.more() {
		key, err := d.j.key()
		if err != nil {
			return err
		}
		e, err := d.entry(key)
		if err != nil {
			return err
		}
		if len(d.entries) == d.c.o.Terms {
			return fmt.Errorf("%w: more than %d labels", ErrTooLarge, d.c.o.Terms)
		}
		d.entries = append(d.entries, e)
	}
	_, err = d.j.token()
	return err
}

// listed reads a list of names up to its end; their values are not said.
func (d *labelDocument) listed() error {
	for d.j.more() {
		var name string
		if err := d.j.decode(&name); err != nil {
			return err
		}
		if err := d.c.add(labelmap.RawLabel{Name: name, Line: d.j.line()}); err != nil {
			return err
		}
	}
	return nil
}

func (d *labelDocument) list() (int, error) {
	if err := d.j.open('['); err != nil {
		return d.j.fail(err)
	}
	if err := d.listed(); err != nil {
		return d.j.fail(err)
	}
	if err := d.j.close(']'); err != nil {
		return d.j.fail(err)
	}
	return d.j.line(), nil
}

// entry reads the value of a member: a name, a number, or a list of numbers.
func (d *labelDocument) entry(key string) (jsonEntry, error) {
	e := jsonEntry{key: key, line: d.j.line()}
	var raw any
	if err := d.j.decode(&raw); err != nil {
		return e, err
	}
	switch v := raw.(type) {
	case string:
		e.text = v
	case json.Number:
		e.nums = []json.Number{v}
	case []any:
		for _, item := range v {
			n, ok := item.(json.Number)
			if !ok {
				return e, fmt.Errorf("%w: the label %s is a list of other things than values", ErrFormat, shorten(key))
			}
			e.nums = append(e.nums, n)
		}
	case nil:
	default:
		return e, fmt.Errorf("%w: the label %s is neither a name nor a value", ErrFormat, shorten(key))
	}
	return e, nil
}

// channels reads {"0": "CT", …}, a list of names, or one name.
func (d *labelDocument) channels() error {
	var raw any
	if err := d.j.decode(&raw); err != nil {
		return err
	}
	var names []string
	switch v := raw.(type) {
	case string:
		names = []string{v}
	case map[string]any:
		for _, name := range v {
			names = append(names, fmt.Sprint(name))
		}
	case []any:
		for _, name := range v {
			names = append(names, fmt.Sprint(name))
		}
	}
	slices.Sort(names)
	d.names = names
	for i, name := range names {
		m := modality(name)
		if i > 0 && m != d.modal {
			m = ""
		}
		if d.modal = m; m == "" {
			break
		}
	}
	return nil
}

func (d *labelDocument) name(key string) error {
	var raw any
	if err := d.j.decode(&raw); err != nil {
		return err
	}
	if text, ok := raw.(string); ok && (key == "name" || d.dataset == "") {
		d.dataset = text
	}
	return nil
}

// other passes over a member, or keeps it where the document may be a bare
// object of labels: as long as all members so far are names and values.
func (d *labelDocument) other(key string, bare bool) (bool, error) {
	if !bare || d.found {
		return false, d.skip()
	}
	e := jsonEntry{key: key, line: d.j.line()}
	t, err := d.j.token()
	if err != nil {
		return false, err
	}
	ok := true
	switch v := t.(type) {
	case nil:
	case string:
		e.text = v
	case json.Number:
		e.nums = []json.Number{v}
	case json.Delim:
		if ok = v == '['; ok {
			e.nums, ok, err = d.numbers()
		} else {
			err = d.rest(1)
		}
	default:
		ok = false
	}
	if err != nil || !ok {
		return false, err
	}
	if len(d.loose) == d.c.o.Terms {
		return false, fmt.Errorf("%w: more than %d labels", ErrTooLarge, d.c.o.Terms)
	}
	d.loose = append(d.loose, e)
	return true, nil
}

// numbers reads the rest of a list of numbers; any other is passed over.
func (d *labelDocument) numbers() (nums []json.Number, ok bool, err error) {
	const most = 10_000
	for d.j.more() {
		t, err := d.j.token()
		if err != nil {
			return nil, false, err
		}
		n, isNumber := t.(json.Number)
		if !isNumber || len(nums) == most {
			depth := 1
			if _, opens := t.(json.Delim); opens {
				depth++
			}
			return nil, false, d.rest(depth)
		}
		nums = append(nums, n)
	}
	_, err = d.j.token()
	return nums, len(nums) > 0, err
}

// skip passes over a value of any length.
func (d *labelDocument) skip() error {
	t, err := d.j.token()
	if _, opens := t.(json.Delim); err != nil || !opens {
		return err
	}
	return d.rest(1)
}

// rest passes over what ends the values that are open.
func (d *labelDocument) rest(depth int) error {
	for depth > 0 {
		t, err := d.j.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}

// finish makes labels of the members, once all of the document is known.
func (d *labelDocument) finish() (int, error) {
	entries, format := d.entries, LabelsDecathlon
	switch {
	case !d.found:
		format = LabelsJSON
		if slices.ContainsFunc(d.loose, func(e jsonEntry) bool { _, ok := values(e.key); return ok || e.nums != nil }) {
			entries = d.loose
		}
	case d.nnunet:
		format = LabelsNNUNet
	}
	d.c.labels.Format = format
	if d.modal != "" || len(d.names) > 0 {
		for i := range d.c.labels.Labels { // of a list of names
			d.describe(&d.c.labels.Labels[i])
		}
	}
	for _, e := range entries {
		l := labelmap.RawLabel{Line: e.line, Dataset: d.dataset, Name: e.key}
		if e.nums == nil { // between two texts, the value is the one that is a number
			byKey, keyOK := values(e.key)
			byText, textOK := values(e.text)
			switch {
			case keyOK:
				l.Name, l.Values = e.text, byKey
			case textOK:
				l.Values = byText
			default:
				l.Flags = append(l.Flags, FlagBadValue+": "+clip(e.text))
			}
		}
		for _, n := range e.nums {
			v, ok := whole(n.String())
			if !ok {
				l.Flags = append(l.Flags, FlagBadValue+": "+clip(n.String()))
				continue
			}
			l.Values = append(l.Values, v)
		}
		d.describe(&l)
		if err := d.c.add(l); err != nil {
			return e.line, err
		}
	}
	return 0, nil
}

// describe gives a label what the document says of all.
func (d *labelDocument) describe(l *labelmap.RawLabel) {
	if l.Dataset == "" {
		l.Dataset = d.dataset
	}
	if l.Modality == "" {
		l.Modality = d.modal
	}
	if d.modal == "" && len(d.names) > 0 {
		l.Context = "channels: " + clip(strings.Join(d.names, ", "))
	}
}
