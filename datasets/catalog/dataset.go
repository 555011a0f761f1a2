package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/labelmap"
)

// Unknown is the licence of a dataset whose terms nobody has looked up yet.
const Unknown = "unknown: check"

// Dataset is one reviewed record: what a public dataset holds, where its files
// lie, and how its raw labels make corpus classes.
//
// Recipes are written on the labels as SAT-DS stores them: by value for a label
// map, as "{1, 3}", by channel for a stack of masks, as "#0{1} + #1{1}". Where
// the dataset's own release keeps a label elsewhere, Label.Release says where,
// and a Layout says which of the two a tree of files follows.
type Dataset struct {
	Name     string   `yaml:"name" json:"name"`
	Title    string   `yaml:"title,omitempty" json:"title,omitempty"`
	Homepage string   `yaml:"homepage" json:"homepage"`
	Cite     string   `yaml:"cite,omitempty" json:"cite,omitempty"` // key in the bibliography of SAT-DS
	Licence  Licence  `yaml:"licence" json:"licence"`
	Modality Modality `yaml:"modality" json:"modality"`
	Region   string   `yaml:"region" json:"region"`
	// Draft says that nobody has reviewed the record yet: it was proposed from a
	// folder.
	Draft bool     `yaml:"draft,omitempty" json:"draft,omitempty"`
	Scope []string `yaml:"scope,omitempty" json:"scope,omitempty"` // what of the release is used, what is not

	Published *Published `yaml:"published,omitempty" json:"published,omitempty"`
	Layouts   []Layout   `yaml:"layouts" json:"layouts"`
	Masks     Masks      `yaml:"masks" json:"masks"`
	Labels    []Label    `yaml:"labels" json:"labels"`
	Recipes   []Recipe   `yaml:"recipes" json:"recipes"`
	Image     []ImageOp  `yaml:"image,omitempty" json:"image,omitempty"`
	Anomalies []Anomaly  `yaml:"anomalies,omitempty" json:"anomalies,omitempty"`
	// Origins are older collections that the scans were taken from. Two datasets
	// of one origin may hold the same scans under other names.
	Origins []Origin `yaml:"origins,omitempty" json:"origins,omitempty"`

	// Source is the file that the record was read from.
	Source string `yaml:"-" json:"source,omitempty"`
}

// Licence is what the dataset's own terms say.
type Licence struct {
	// ID is an SPDX identifier, the terms' own name, or Unknown.
	ID string `yaml:"id" json:"id"`
	// Reference is where the terms stand; required of every licence that is known.
	Reference string `yaml:"reference,omitempty" json:"reference,omitempty"`
	Note      string `yaml:"note,omitempty" json:"note,omitempty"`
}

// Known says whether somebody has looked the licence up.
func (l Licence) Known() bool { return l.ID != Unknown }

// Published is what the lists released with SAT-DS hold of the dataset.
type Published struct {
	// Family names lists of one release on the same images: there a scan is an
	// image, however many of the lists have a row of it.
	Family   string `yaml:"family,omitempty" json:"family,omitempty"`
	Rows     int    `yaml:"rows" json:"rows"`
	Images   int    `yaml:"images" json:"images"`     // distinct paths
	Masks    int    `yaml:"masks" json:"masks"`       // distinct paths
	Patients int    `yaml:"patients" json:"patients"` // distinct ids, whatever they stand for
	// People is how many people the ids stand for, where that is another number.
	People int `yaml:"people,omitempty" json:"people,omitempty"`
	// LabelsTwice is how many labels a row writes that it has already.
	LabelsTwice int            `yaml:"labels_twice,omitempty" json:"labelsTwice,omitempty"`
	Split       map[string]int `yaml:"split" json:"split"` // rows by the dataset's own split
	SATSplit    map[string]int `yaml:"sat_split" json:"satSplit"`
	// Sequences are rows by the modality as the list writes it, where it says
	// more than the modality.
	Sequences map[string]int `yaml:"sequences,omitempty" json:"sequences,omitempty"`
	// IDsWithoutRows is how many ids of the split file no row has.
	IDsWithoutRows int `yaml:"ids_without_rows,omitempty" json:"idsWithoutRows,omitempty"`
	// SharesImages names datasets whose rows use the same image files.
	SharesImages []string `yaml:"shares_images,omitempty" json:"sharesImages,omitempty"`
	// Readme is what the table of SAT-DS's README says where the rows differ, as
	// "scans: 20".
	Readme map[string]string `yaml:"readme,omitempty" json:"readme,omitempty"`
}

// The layouts that records of SAT-DS have.
const (
	Release  = "release" // as the dataset's owner publishes it
	Prepared = "sat-ds"  // as the preparation of SAT-DS leaves it, and its scan list names it
)

// Layout says where the files of a tree lie. Patterns are relative to the folder
// that holds the datasets; see Pattern.
type Layout struct {
	// Names of the layout: Release, Prepared, or both where they are the same.
	Names []string `yaml:"names,flow" json:"names"`
	Note  string   `yaml:"note,omitempty" json:"note,omitempty"`
	Scans []Scans  `yaml:"scans" json:"scans"`
}

// Has says whether the layout goes by a name.
func (l *Layout) Has(name string) bool { return slices.Contains(l.Names, name) }

// Scans is one family of scans within a layout.
type Scans struct {
	Image Pattern `yaml:"image" json:"image"`
	// Mask is the label file; or, ending in "/", the folder that the files named
	// by Label.Release lie in.
	Mask Pattern `yaml:"mask" json:"mask"`
	// Also are further folders that the files named by Label.Release may lie in.
	Also []Pattern `yaml:"also,omitempty,flow" json:"also,omitempty"`
	// Example is the path of one image.
	Example string `yaml:"example" json:"example"`
	// Patient names the person, of the placeholders of Image, as "{site}{subject}".
	Patient string `yaml:"patient" json:"patient"`
	// Sequence is the modality as the scan list writes it ("MRI T1").
	Sequence string `yaml:"sequence,omitempty" json:"sequence,omitempty"`
	// Channel of a 4-D image that is the scan; absent for a 3-D image.
	Channel *int `yaml:"channel,omitempty" json:"channel,omitempty"`
	// Suffix is what scan lists add to the image's path to choose the channel.
	Suffix string `yaml:"suffix,omitempty" json:"suffix,omitempty"`
	// Split is the owner's split that the family belongs to, if the place says so.
	Split string `yaml:"split,omitempty" json:"split,omitempty"`
}

// Masks says how label volumes are read.
type Masks struct {
	// Kind is how SAT-DS keeps the labels: "values" in one label map, "channels"
	// in one 4-D stack.
	Kind MaskKind `yaml:"kind" json:"kind"`
	// Published is the rule of the published loader; the corrected rule is always
	// that a voxel is of a label when its value is one that the recipe lists.
	Published Rule `yaml:"published" json:"published"`
	// Overwrite says that the published preparation let a later label take
	// voxels away from an earlier one.
	Overwrite bool `yaml:"overwrite,omitempty" json:"overwrite,omitempty"`
	// Absent says that a scan may lack the file of a label: the published
	// preparation takes an empty mask for it, the corrected one says that the
	// label was not annotated.
	Absent bool `yaml:"absent,omitempty" json:"absent,omitempty"`
	// OtherTable lists values that only another table of the same labels has: a
	// volume that holds one follows that table, and is refused.
	OtherTable *Expr `yaml:"other_table,omitempty" json:"otherTable,omitempty"`
	// Background lists values that are no label and no mistake, besides 0: "{10}".
	Background *Expr `yaml:"background,omitempty" json:"background,omitempty"`
}

// MaskKind is how labels are stored.
type MaskKind string

// The kinds of masks.
const (
	Values   MaskKind = "values"
	Channels MaskKind = "channels"
)

// Rule says how the published loader makes a mask of voxel values.
type Rule string

// The rules.
const (
	Equality  Rule = "equality"          // the voxel is one of the values listed
	AboveHalf Rule = "above half"        // the voxel is above 0.5
	Scaled    Rule = "scaled above half" // the volume is brought to 0..1 by its least and greatest value, then above 0.5
	StackMax  Rule = "stack above half"  // the stack of all class masks is brought to 0..1, then above 0.5
	Sum       Rule = "sum"               // channels are added and not cut: a voxel of two parts counts 2
)

// Label is a raw label as the dataset has it.
type Label struct {
	Name string `yaml:"name" json:"name"`
	// Value is its voxel value in a label map; Channel its place in a stack.
	Value   *int `yaml:"value,omitempty" json:"value,omitempty"`
	Channel *int `yaml:"channel,omitempty" json:"channel,omitempty"`
	// Release is where the release has it, as labelmap.ParseExpr reads it, where
	// that is not the label map's own value: "structures/BrainStem.nrrd{1}".
	Release *Expr `yaml:"release,omitempty" json:"release,omitempty"`
	// Class is the corpus class that the label stands for alone or as its main
	// part; empty for a label that no class is named after.
	Class string `yaml:"class,omitempty" json:"class,omitempty"`
	Note  string `yaml:"note,omitempty" json:"note,omitempty"`
}

// Recipe makes a corpus class.
type Recipe struct {
	Class string `yaml:"class" json:"class"`
	// Written is the class as the published rows spell it, where case differs.
	Written string `yaml:"written,omitempty" json:"written,omitempty"`
	Expr    Expr   `yaml:"expr" json:"expr"`
	// Published is what the published loader does where that is not right.
	Published *Expr `yaml:"published,omitempty" json:"published,omitempty"`
	// Definition is what the dataset means by the class where datasets differ.
	Definition string `yaml:"definition,omitempty" json:"definition,omitempty"`
	Reason     string `yaml:"reason,omitempty" json:"reason,omitempty"`
}

// Of returns the recipe as it is, or as published.
func (r *Recipe) Of(asPublished bool) labelmap.Expr {
	if asPublished && r.Published != nil {
		return r.Published.Expr
	}
	return r.Expr.Expr
}

// Spelling is the class as the published rows write it.
func (r *Recipe) Spelling() string { return cmp.Or(r.Written, r.Class) }

// ImageOp is a step that an image or mask needs beyond the standard ones.
type ImageOp struct {
	Op    Op     `yaml:"op" json:"op"`
	Value string `yaml:"value,omitempty" json:"value,omitempty"`
	// On is what it works on: the image (if empty), OnMask, or the name of a label.
	On string `yaml:"on,omitempty" json:"on,omitempty"`
	// Layout that needs it; empty: every one.
	Layout string `yaml:"layout,omitempty" json:"layout,omitempty"`
	// Where restricts it to image paths that hold one of these texts.
	Where []string `yaml:"where,omitempty,flow" json:"where,omitempty"`
	// Published says that only the published form needs it.
	Published bool   `yaml:"published,omitempty" json:"published,omitempty"`
	Reason    string `yaml:"reason,omitempty" json:"reason,omitempty"`
}

// OnMask is the ImageOp.On of steps on all masks of a scan.
const OnMask = "mask"

// Op is a step's kind.
type Op string

// The steps.
const (
	// OpOrient says how the published loader orients image and masks: to the axes
	// of Value, as "LPS", or not at all ("none"). The corrected form is RAS.
	OpOrient Op = "orient"
	// OpAdd adds the number of Value to every intensity.
	OpAdd Op = "add"
	// OpFlip reverses the voxel axes of Value, of "i", "j" and "k".
	OpFlip Op = "flip"
	// OpGeometry gives a mask of the image's shape the image's affine.
	OpGeometry Op = "geometry"
	// OpAxes gives arrays without geometry their axes, in the order of the array,
	// and the voxel size in mm: "IPL 0.3". As published they are RAS, of 1 mm.
	OpAxes Op = "axes"
	// OpCrop keeps, along the axis of Value, the slices that hold any label and as
	// many more on each side as Value says: "k 48".
	OpCrop Op = "crop"
)

// Anomaly is something known to be odd about the published data or its loader.
type Anomaly struct {
	// Gate is the name of the check that raises it.
	Gate      string `yaml:"gate" json:"gate"`
	What      string `yaml:"what" json:"what"`
	Published string `yaml:"published,omitempty" json:"published,omitempty"` // what --as-published does
	Corrected string `yaml:"corrected,omitempty" json:"corrected,omitempty"` // what is done otherwise; empty: it is only raised
}

// Origin is a collection that a dataset's scans were taken from.
type Origin struct {
	Name string `yaml:"name" json:"name"`
	// What says which scans: "all", "80 scans"; "not verified" where nobody found
	// it said.
	What string `yaml:"what" json:"what"`
	// Source is where the dataset's owner, or somebody else, says so.
	Source string `yaml:"source" json:"source"`
}

// Expr is a labelmap.Expr that a record holds as text.
type Expr struct{ labelmap.Expr }

// MarshalText writes the expression as labelmap.Expr.String does.
func (e Expr) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText writes. Errors wrap labelmap.ErrRecipe.
func (e *Expr) UnmarshalText(text []byte) (err error) {
	e.Expr, err = labelmap.ParseExpr(string(text))
	return err
}

// Layout returns the layout of a name; false if the record has none.
func (d *Dataset) Layout(name string) (*Layout, bool) {
	for i := range d.Layouts {
		if d.Layouts[i].Has(name) {
			return &d.Layouts[i], true
		}
	}
	return nil, false
}

// Locate finds the scans that an image's path belongs to, and the texts of the
// path's placeholders. The path may have folders before those of the pattern,
// and the suffix that chooses a channel behind. Layouts are tried in the record's
// order, those that have one of the names given first.
func (d *Dataset) Locate(image string, names ...string) (*Scans, map[string]string, bool) {
	for _, named := range []bool{true, false} {
		for i := range d.Layouts {
			l := &d.Layouts[i]
			if slices.ContainsFunc(names, l.Has) != named {
				continue
			}
			for j := range l.Scans {
				if values, ok := l.Scans[j].locate(image); ok {
					return &l.Scans[j], values, true
				}
			}
		}
	}
	return nil, nil, false
}

func (s *Scans) locate(image string) (map[string]string, bool) {
	if s.Suffix != "" {
		image = strings.TrimSuffix(image, "/"+s.Suffix)
	}
	root := s.Image.Root()
	for {
		if strings.HasPrefix(image, root) {
			if values, ok := s.Image.Match(image); ok {
				return values, true
			}
		}
		_, rest, ok := strings.Cut(image, "/")
		if !ok {
			return nil, false
		}
		image = rest
	}
}

// Recipe returns the recipe of a class, by its folded name; false if none.
func (d *Dataset) Recipe(class string) (*Recipe, bool) {
	for i := range d.Recipes {
		if d.Recipes[i].Class == class {
			return &d.Recipes[i], true
		}
	}
	return nil, false
}

// Classes are the names of the classes that the dataset has, in order.
func (d *Dataset) Classes() []string {
	out := make([]string, len(d.Recipes))
	for i := range d.Recipes {
		out[i] = d.Recipes[i].Class
	}
	return out
}

// Names says whether a source picks the label.
func (l *Label) Names(s *labelmap.Source) bool {
	if s.File != "" {
		return l.Release != nil && slices.ContainsFunc(l.Release.Sources(), func(r *labelmap.Source) bool { return r.File == s.File && r.Channel == s.Channel })
	}
	if l.Channel != nil {
		return s.Channel == *l.Channel
	}
	return s.Channel < 0 && l.Value != nil &&
		slices.ContainsFunc(s.Values, func(r labelmap.Range) bool { return r.Holds(float64(*l.Value)) })
}

// Draws are the labels that an expression takes voxels of, in the record's order.
func (d *Dataset) Draws(e *labelmap.Expr) []*Label {
	var out []*Label
	sources := e.Sources()
	for i := range d.Labels {
		if slices.ContainsFunc(sources, d.Labels[i].Names) {
			out = append(out, &d.Labels[i])
		}
	}
	return out
}

// ClassesOf are the classes whose recipes take voxels of the label.
func (d *Dataset) ClassesOf(l *Label) []string {
	var out []string
	for i := range d.Recipes {
		if slices.ContainsFunc(d.Recipes[i].Expr.Sources(), l.Names) {
			out = append(out, d.Recipes[i].Class)
		}
	}
	return out
}

// Catalog is a set of records, by name.
type Catalog struct{ byName map[string]*Dataset }

// Dataset returns the record of a name; false if there is none. It must not be
// changed.
func (c *Catalog) Dataset(name string) (*Dataset, bool) {
	d, ok := c.byName[name]
	return d, ok
}

// Datasets returns all records by name, whatever its case.
func (c *Catalog) Datasets() []*Dataset {
	return slices.SortedFunc(maps.Values(c.byName), func(a, b *Dataset) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
}

// Len is the number of records.
func (c *Catalog) Len() int { return len(c.byName) }

// add takes a record in.
func (c *Catalog) add(d *Dataset) error {
	for name, other := range c.byName {
		if strings.EqualFold(name, d.Name) {
			return fmt.Errorf("%w: %s is a record already, of %s", ErrRecord, d.Name, other.Source)
		}
	}
	c.byName[d.Name] = d
	return nil
}

// PatientOf names the person of a scan from the placeholders of its image.
func (s *Scans) PatientOf(values map[string]string) (string, error) {
	return Pattern{text: s.Patient}.Fill(values)
}
