package catalog_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/internal/sharedtest"
	"satgraph/labelmap"
)

// fact is what the facts say of a dataset.
type fact struct {
	Name            string
	Modalities      []string
	ModalityStrings map[string]int `json:"modality_strings"`
	Regions         []string
	URL, Cite       string
	Scans, Images   int
	Masks, Patients int
	Splits          map[string]int
	SATSplits       map[string]int `json:"sat_splits"`
	SharesImages    []string       `json:"shares_images_with"`
	LabelStrings    []string       `json:"label_strings"`
	Classes         []string
	Renamed         []struct{ From, To string }
	MaskKind        string `json:"mask_kind"`
	MaskRule        string `json:"mask_rule"`
	MaskBuild       []struct {
		Value     *int
		Channel   *int
		Source    string
		RawRange  string `json:"raw_range"`
		RawValues []int  `json:"raw_values"`
	} `json:"mask_build"`
	Recipes []struct {
		Class string
		From  []struct {
			Channel *int
			File    string
			Values  []float64
		}
	}
	Merges []struct {
		Class string
		Parts []string
	}
	Absorbs []struct {
		Class string
		Parts []string
	}
	ImageOps []string `json:"image_ops"`
	Readme   struct {
		Modality string
		Classes  int
		Scans    int
	}
}

func facts(t *testing.T) []fact {
	t.Helper()
	text, err := os.ReadFile(sharedtest.Path(t, "facts/sat-ds/datasets.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []fact
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func datasets(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rules are the facts' words for the rules of the records.
var rules = map[string]catalog.Rule{
	"equality": catalog.Equality, "channel above 0.5": catalog.AboveHalf, "above 0.5": catalog.AboveHalf,
	"volume scaled to 0..1, kept above half": catalog.Scaled, "scaled to 0..1 by stack range, kept above half": catalog.StackMax,
	"channel sum, no final cut": catalog.Sum,
}

// Every record is held against the facts: counts, classes in order, recipes'
// values and channels, files, merges.
func TestRecordsAreTheFacts(t *testing.T) {
	c := datasets(t)
	all := facts(t)
	if c.Len() != 72 || len(all) != 72 {
		t.Fatalf("%d records, %d datasets in the facts", c.Len(), len(all))
	}
	pairs := map[string]bool{}
	for _, p := range classes(t) {
		pairs[string(p.Modality)+"_"+p.Name] = true
	}
	for _, f := range all {
		d, ok := c.Dataset(f.Name)
		if !ok {
			t.Errorf("no record of %s", f.Name)
			continue
		}
		p := d.Published
		if string(d.Modality) != f.Modalities[0] || d.Region != f.Regions[0] || d.Cite != f.Cite {
			t.Errorf("%s: %s, %s, %s; want %v, %v, %s", f.Name, d.Modality, d.Region, d.Cite, f.Modalities, f.Regions, f.Cite)
		}
		if d.Homepage != f.URL && f.Name != "HAN_Seg" { // cut short in the facts
			t.Errorf("%s: homepage %s, want %s", f.Name, d.Homepage, f.URL)
		}
		if p.Rows != f.Scans || p.Images != f.Images || p.Masks != f.Masks || p.Patients != f.Patients {
			t.Errorf("%s: published %+v, want %d, %d, %d, %d", f.Name, *p, f.Scans, f.Images, f.Masks, f.Patients)
		}
		for what, got := range map[string][2]any{
			"split": {p.Split, f.Splits}, "sides": {p.SATSplit, f.SATSplits}, "sequences": {p.Sequences, f.ModalityStrings}, "shared images": {p.SharesImages, f.SharesImages},
		} {
			if fmt.Sprint(got[0]) != fmt.Sprint(got[1]) {
				t.Errorf("%s: %s %v, want %v", f.Name, what, got[0], got[1])
			}
		}
		if d.Masks.Published != rules[f.MaskRule] || string(d.Masks.Kind) != f.MaskKind {
			t.Errorf("%s: masks %+v, want %s by %q", f.Name, d.Masks, f.MaskKind, f.MaskRule)
		}
		if got := d.Classes(); !slices.Equal(got, f.Classes) {
			t.Errorf("%s: classes %q, want %q", f.Name, got, f.Classes)
		}
		written := map[string]string{}
		for _, s := range f.LabelStrings {
			written[strings.ToLower(s)] = s
		}
		for i := range d.Recipes {
			r := &d.Recipes[i]
			if r.Spelling() != written[r.Class] {
				t.Errorf("%s: %q is written %q, want %q", f.Name, r.Class, r.Spelling(), written[r.Class])
			}
			if !pairs[string(d.Modality)+"_"+r.Class] {
				t.Errorf("%s: %q is no class of %s", f.Name, r.Class, d.Modality)
			}
		}
		compareRecipes(t, d, &f)
		compareUnions(t, d, &f)
	}
}

// atoms names the values and channels that an expression takes.
func atoms(e *labelmap.Expr) []string {
	var out []string
	for _, s := range e.Sources() {
		for _, v := range s.Values {
			if s.Channel >= 0 {
				out = append(out, fmt.Sprintf("#%d", s.Channel))
			} else {
				out = append(out, v.String())
			}
		}
	}
	slices.Sort(out)
	return out
}

func compareRecipes(t *testing.T, d *catalog.Dataset, f *fact) {
	t.Helper()
	for _, r := range f.Recipes {
		var want []string
		files := map[string]bool{}
		for _, from := range r.From {
			for _, v := range from.Values {
				if from.Channel != nil {
					want = append(want, fmt.Sprintf("#%d", *from.Channel))
					files[from.File] = true
				} else {
					want = append(want, labelmap.Value(v).String())
				}
			}
		}
		slices.Sort(want)
		got, ok := d.Recipe(r.Class)
		if !ok {
			continue // reported with the classes
		}
		published := got.Of(true)
		above := slices.Equal(atoms(&published), []string{">0.5.."}) && f.MaskRule == "above 0.5"
		if !slices.Equal(atoms(&published), want) && !above {
			t.Errorf("%s, %s: published %s, want %q", d.Name, r.Class, published.String(), want)
		}
		if got.Published == nil && published.Op != labelmap.OpSource && published.Op != labelmap.OpUnion {
			t.Errorf("%s, %s: %s is no union", d.Name, r.Class, published.String())
		}
		for _, l := range d.Draws(&published) {
			if l.Channel == nil {
				continue
			}
			for _, s := range l.Release.Sources() {
				if !files[s.File] {
					t.Errorf("%s, %s: channel %d is of %s, want one of %v", d.Name, r.Class, *l.Channel, s.File, files)
				}
			}
		}
	}
	for _, b := range f.MaskBuild {
		for i := range d.Labels {
			l := &d.Labels[i]
			if b.Value == nil || l.Value == nil || *l.Value != *b.Value {
				continue
			}
			if l.Release == nil {
				if b.Source != "" && b.Source != "SEG.nii.gz" {
					t.Errorf("%s: value %d comes from %s, the record does not say so", d.Name, *l.Value, b.Source)
				}
				continue
			}
			for _, s := range l.Release.Sources() {
				for _, raw := range b.RawValues {
					if !slices.ContainsFunc(s.Values, func(r labelmap.Range) bool { return r.Holds(float64(raw)) }) {
						t.Errorf("%s: value %d is not made of %d but of %s", d.Name, *l.Value, raw, s.String())
					}
				}
				if b.Source != "" && s.File != b.Source {
					t.Errorf("%s: value %d comes from %s, want %s", d.Name, *l.Value, s.File, b.Source)
				}
			}
		}
	}
}

// compareUnions finds the unions among the published recipes and compares them
// with the facts' merges.
func compareUnions(t *testing.T, d *catalog.Dataset, f *fact) {
	t.Helper()
	want := map[string][]string{}
	for _, m := range f.Merges {
		slices.Sort(m.Parts)
		want[m.Class] = m.Parts
	}
	for class, parts := range want {
		whole, _ := d.Recipe(class)
		var made []string
		for _, part := range parts {
			r, ok := d.Recipe(part)
			if !ok {
				t.Fatalf("%s: no %q", d.Name, part)
			}
			e := r.Of(true)
			made = append(made, atoms(&e)...)
		}
		slices.Sort(made)
		made = slices.Compact(made)
		e := whole.Of(true)
		for _, a := range made {
			if !slices.Contains(atoms(&e), a) {
				t.Errorf("%s: %s lacks %s of its parts", d.Name, class, a)
			}
		}
		if extra := len(atoms(&e)) - len(made); extra > 0 && d.Name != "VerSe" {
			t.Errorf("%s: %s holds %d values more than its parts %q", d.Name, class, extra, parts)
		}
	}
	for _, m := range f.Absorbs {
		r, _ := d.Recipe(m.Class)
		if r.Definition == "" {
			t.Errorf("%s: %s takes in %q and does not say so", d.Name, m.Class, m.Parts)
		}
	}
}

// Every row of the released list follows a pattern of its dataset's prepared
// layout, and the pattern of the mask gives the row's mask.
func TestLayoutsNameTheReleasedRows(t *testing.T) {
	c := datasets(t)
	f, err := os.Open(sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, bad := 0, map[string]int{}
	patients := map[string]map[string]bool{}
	for dec := json.NewDecoder(z); dec.More(); rows++ {
		var row struct{ Dataset, Image, Mask, Modality, Split string }
		if err := dec.Decode(&row); err != nil {
			t.Fatal(err)
		}
		d, ok := c.Dataset(row.Dataset)
		if !ok {
			t.Fatalf("no record of %s", row.Dataset)
		}
		l, ok := d.Layout(catalog.Prepared)
		if !ok {
			t.Fatalf("%s: no layout %s", d.Name, catalog.Prepared)
		}
		image, mask := strings.TrimPrefix(row.Image, "data/nii/"), strings.TrimPrefix(row.Mask, "data/nii/")
		hits := 0
		for i := range l.Scans {
			s := &l.Scans[i]
			path, ok := image, true
			if s.Suffix != "" {
				path, ok = strings.CutSuffix(image, "/"+s.Suffix)
			}
			values, match := s.Image.Match(path)
			if !ok || !match {
				continue
			}
			hits++
			got, err := s.Mask.Fill(values)
			person, err2 := s.PatientOf(values)
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			if patients[d.Name] == nil {
				patients[d.Name] = map[string]bool{}
			}
			patients[d.Name][person] = true
			sequence := s.Sequence == "" || s.Sequence == row.Modality
			if got != mask || !sequence || s.Split != "" && s.Split != row.Split && d.Name != "FLARE22" {
				bad[d.Name]++
				if bad[d.Name] < 3 {
					t.Errorf("%s: %s\n got mask %s, %s, %s\nwant mask %s, %s, %s", d.Name, image, got, s.Sequence, s.Split, mask, row.Modality, row.Split)
				}
			}
		}
		if hits != 1 {
			if bad[d.Name]++; bad[d.Name] < 3 {
				t.Errorf("%s: %d patterns fit %s", d.Name, hits, image)
			}
		}
	}
	if rows != 28186 || len(bad) > 0 {
		t.Errorf("%d rows; wrong by dataset: %v", rows, bad)
	}
	for _, f := range facts(t) {
		d, _ := c.Dataset(f.Name)
		want := d.Published.People
		if want == 0 {
			want = f.Patients
		}
		if got := len(patients[f.Name]); got != want {
			t.Errorf("%s: %d people by the paths, want %d", f.Name, got, want)
		}
	}
}

func TestBadRecords(t *testing.T) {
	d, _ := datasets(t).Dataset("ACDC")
	text, err := os.ReadFile(filepath.Join("records", d.Name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	if _, err := catalog.Parse("good.yaml", text); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		line     int // 0: any
		says     string
	}{
		"unknown key":         {"cite: ACDC", "citee: ACDC", 4, "citee"},
		"no name":             {"name: ACDC", "name: \"../x\"", 1, "name"},
		"modality":            {"modality: mri", "modality: xray", 6, "xray"},
		"region":              {"region: thorax", "region: foot", 7, "foot"},
		"licence unproved":    {`id: "unknown: check"`, "id: CC0-1.0", 5, "reference"},
		"recipe syntax":       {`expr: "{1, 3}"`, `expr: "{1, 3"`, 0, "}"},
		"recipe of no label":  {`expr: "{1, 3}"`, `expr: "{1, 4}"`, 0, "no label is {4}"},
		"class twice":         {"class: heart ventricle, expr", "class: myocardium, expr", 0, "two recipes"},
		"value twice":         {"{value: 2, name: myo", "{value: 1, name: myo", 0, "both"},
		"label without class": {"class: left heart ventricle}", "class: left heart}", 0, "no recipe"},
		"pattern":             {`image: "ACDC/database/training/{patient}/`, `image: "../ACDC/{patient}/`, 0, "pattern"},
		"placeholder":         {`_gt.nii.gz"`, `_{other}_gt.nii.gz"`, 0, "other"},
		"example":             {"example: ACDC/database/training/", "example: ACDC/database/other/", 0, "example"},
		"rule":                {"published: equality", "published: sometimes", 0, "sometimes"},
		"kind":                {"kind: values", "kind: colours", 0, "colours"},
		"anomaly":             {"gate: readme", `gate: ""`, 0, "gate"},
		"not yaml":            {"layouts:", "layouts: [", 0, ""},
		"wrong type":          {"rows: 300", "rows: many", 9, "many"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%s: %q is not in the record", name, c.old)
		}
		_, err := catalog.Parse("bad.yaml", []byte(bad))
		var at *catalog.FileError
		if !errors.As(err, &at) || !errors.Is(err, catalog.ErrRecord) {
			t.Errorf("%s: got %v, want a FileError of ErrRecord", name, err)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || at.Line == 0 || c.line != 0 && at.Line != c.line {
			t.Errorf("%s: got line %d, %v; want line %d and %q", name, at.Line, err, c.line, c.says)
		}
	}
	for name, text := range map[string]string{"empty": "", "two documents": good + "---\n" + good, "huge": strings.Repeat("#", 5<<20), "a list": "- a\n- b\n"} {
		if _, err := catalog.Parse(name, []byte(text)); !errors.Is(err, catalog.ErrRecord) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFolderOfRecords(t *testing.T) {
	dir := t.TempDir()
	d, _ := datasets(t).Dataset("ACDC")
	text, err := os.ReadFile(filepath.Join("records", d.Name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mine := strings.Replace(string(text), "name: ACDC", "name: Mine", 1)
	write("mine.yaml", mine)
	write("notes.txt", "no record")
	c, err := catalog.ReadDir(dir)
	if err != nil || c.Len() != 1 {
		t.Fatalf("got %v, %v", c, err)
	}
	both, err := datasets(t).With(c)
	if err != nil || both.Len() != 73 {
		t.Fatalf("with the builtin ones: %v, %v", both, err)
	}
	if _, err := both.With(c); !errors.Is(err, catalog.ErrRecord) {
		t.Errorf("twice the same: %v", err)
	}
	write("again.yml", strings.Replace(mine, "name: Mine", "name: MINE", 1))
	if _, err := catalog.ReadDir(dir); !errors.Is(err, catalog.ErrRecord) {
		t.Errorf("two of one name: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("records", "KiTS23.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := catalog.Parse("fuzz", text); err == nil && d.Validate() != nil {
			t.Error("an invalid record was taken")
		}
	})
}

// A record that is written is read again as it was.
func TestFormat(t *testing.T) {
	for _, d := range datasets(t).Datasets() {
		text, err := catalog.Format(d, "a comment")
		if err != nil {
			t.Fatal(err)
		}
		again, err := catalog.Parse(d.Source, text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", d.Name, err, text)
		}
		a, _ := json.Marshal(d)
		b, _ := json.Marshal(again)
		if string(a) != string(b) {
			t.Errorf("%s: reads otherwise\n%s\n%s", d.Name, a, b)
		}
	}
}
