package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/labelvolume"
	"satgraph/datasets/rawdata"
	"satgraph/graph"
	"satgraph/ingest"
	"satgraph/labelmap"
	"satgraph/volume"
)

// addDocument is what 'datasets add --json' prints.
type addDocument struct {
	Record  string           `json:"record"` // the file that was written
	Kind    string           `json:"kind,omitempty"`
	Dataset *catalog.Dataset `json:"dataset"`
	// Open are labels that make no class yet, with the reason.
	Open  []openLabel     `json:"open"`
	Left  []string        `json:"left,omitempty"` // files that belong to no pair
	Check *checkedDataset `json:"check"`
}

type openLabel struct {
	Label      string   `json:"label"`
	Why        string   `json:"why"`
	Candidates []string `json:"candidates,omitempty"`
}

// addFlags say what a folder does not tell.
type addFlags struct {
	catalogFlag
	name, modality, region, labels, image, mask, out string
	scans                                            int
	asJSON                                           bool
}

func (a *app) datasetsAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add DIR|FILE",
		Short: "Propose the record of a new dataset from its folder, or take a reviewed record in",
		Long: `Propose the record of a new dataset from its folder, or take a reviewed record in.

Of a folder, the layout is told (nnU-Net, Decathlon, BIDS with derivatives, one
file a structure, pairs of images and masks), labels are read (dataset.json,
dseg.tsv, --labels FILE, else the values that masks hold), a term is suggested for
each, recipes for the corpus's classes are proposed, and all is tried on a few
scans. The record is written as a draft: nothing is decided. Look through it, look
the licence up, take out "draft: true", and give the file to this command again
with --catalog DIR, the folder of your records.`,
		Example: `  satgraph datasets add ~/data/MyDataset --modality ct -o MyDataset.yaml
  satgraph datasets add MyDataset.yaml --catalog ~/records
  satgraph datasets check MyDataset --catalog ~/records --raw ~/data`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			info, err := os.Stat(given[0])
			if err != nil {
				return err
			}
			if !info.IsDir() {
				return a.takeRecord(cmd.Context(), &f, given[0])
			}
			return a.proposeRecord(cmd.Context(), &f, given[0])
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "name of the dataset (default: the folder's)")
	cmd.Flags().StringVar(&f.modality, "modality", "", "ct, mri or pet, where the files do not say")
	cmd.Flags().StringVar(&f.region, "region", "", "part of the body (default: that of most classes)")
	cmd.Flags().StringVar(&f.labels, "labels", "", "file that names the labels, in any form that 'labels suggest' reads")
	cmd.Flags().StringVar(&f.image, "image", "", "pattern of the images, as D/images/{case}.nii.gz, where it cannot be told")
	cmd.Flags().StringVar(&f.mask, "mask", "", "pattern of the masks, as D/labels/{case}.nii.gz")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "file to write (default: NAME.yaml in the folder of --catalog, else here)")
	cmd.Flags().IntVar(&f.scans, "scans", 3, "scans to try the recipes on")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// takeRecord checks a record and puts it into the folder of records.
func (a *app) takeRecord(ctx context.Context, f *addFlags, file string) error {
	if f.dir == "" {
		return usageError{errors.New("--catalog DIR: say which folder the record goes to")}
	}
	d, err := catalog.ReadFile(file)
	if err != nil {
		return err
	}
	if d.Draft {
		return refusal{fmt.Errorf(`%s is a draft: look through it and take out "draft: true" first`, file)}
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return err
	}
	c, err := f.read()
	if err != nil {
		return err
	}
	if _, there := c.Dataset(d.Name); there {
		return fmt.Errorf("a record of %s %w", d.Name, fs.ErrExist)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f.out = ""
	doc := &addDocument{Dataset: d, Open: []openLabel{}, Record: f.target(d.Name)}
	if doc.Check, err = a.checkAlone(ctx, d); err != nil {
		return err
	}
	if err := writeNew(doc.Record, text); err != nil {
		return err
	}
	return a.printAdded(f, doc)
}

func (a *app) checkAlone(ctx context.Context, d *catalog.Dataset) (*checkedDataset, error) {
	tree, err := a.openTree(ctx)
	if err != nil {
		return nil, err
	}
	classes, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	return &checkedDataset{Name: d.Name, Record: checkRecord(tree, classes, d), Problems: []fileProblem{}}, nil
}

func (f *addFlags) target(name string) string {
	return cmp.Or(f.out, filepath.Join(f.dir, name+".yaml"))
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, text []byte) error {
	if _, err := os.Stat(name); err == nil {
		return fmt.Errorf("%s %w", name, fs.ErrExist)
	}
	return volume.WriteAtomic(name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// notName is what a dataset's name may not hold.
var notName = regexp.MustCompile(`[^A-Za-z0-9._+-]+`)

func (a *app) proposeRecord(ctx context.Context, f *addFlags, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	c, err := f.read()
	if err != nil {
		return err
	}
	p := &draft{addFlags: f, parent: filepath.Dir(dir), doc: &addDocument{Open: []openLabel{}}}
	p.d = &catalog.Dataset{
		Name: cmp.Or(f.name, notName.ReplaceAllString(filepath.Base(dir), "_")), Licence: catalog.Licence{ID: catalog.Unknown}, Draft: true,
		Masks: catalog.Masks{Kind: catalog.Values, Published: catalog.Equality},
	}
	p.doc.Dataset, p.doc.Record = p.d, f.target(p.d.Name)
	if _, there := c.Dataset(p.d.Name); there {
		return fmt.Errorf("a record of %s %w; --name gives another", p.d.Name, fs.ErrExist)
	}
	if err := p.layout(ctx, dir); err != nil {
		return err
	}
	if p.tree, err = a.openTree(ctx); err != nil {
		return err
	}
	if err := p.readLabels(ctx); err != nil {
		return err
	}
	if err := p.recipes(); err != nil {
		return err
	}
	text, err := catalog.Format(p.d, "A draft, proposed from the folder "+filepath.Base(dir)+": nobody has reviewed it.")
	if err != nil {
		return err
	}
	if p.d, err = catalog.Parse(p.doc.Record, text); err != nil {
		return err
	}
	if p.doc.Check, err = a.checkAlone(ctx, p.d); err != nil {
		return err
	}
	check := &fileCheck{root: p.parent, limit: f.scans, workers: 2, progress: newProgress(a.err)}
	if err := check.run(ctx, p.d, p.doc.Check); err != nil {
		return err
	}
	if err := writeNew(p.doc.Record, text); err != nil {
		return err
	}
	return a.printAdded(f, p.doc)
}

// draft is a record in the making.
type draft struct {
	*addFlags
	parent string // the folder above the dataset's
	d      *catalog.Dataset
	doc    *addDocument
	tree   *graph.Tree
	found  *rawdata.Detected
	labels []labelmap.RawLabel
	files  []string // of each label, where it has one of its own
}

// layout tells where images and masks lie.
func (p *draft) layout(ctx context.Context, dir string) error {
	if (p.image == "") != (p.mask == "") {
		return usageError{errors.New("--image and --mask go together")}
	}
	if p.image != "" {
		return p.given(ctx, dir)
	}
	var err error
	if p.found, err = rawdata.Detect(ctx, dir); err != nil {
		return err
	}
	p.doc.Kind, p.doc.Left = p.found.Kind, p.found.Left
	p.d.Layouts = []catalog.Layout{{Names: []string{catalog.Release}, Scans: p.found.Scans}}
	return nil
}

// given takes the patterns that the user gives.
func (p *draft) given(ctx context.Context, dir string) error {
	image, err := catalog.ParsePattern(p.image)
	if err != nil {
		return err
	}
	mask, err := catalog.ParsePattern(p.mask)
	if err != nil {
		return err
	}
	names := image.Names()
	if len(names) == 0 {
		return usageError{fmt.Errorf("--image %s: want a placeholder, as {case}", p.image)}
	}
	person := names[0]
	if slices.Contains(names, "case") {
		person = "case"
	}
	scans := catalog.Scans{Image: image, Mask: mask, Patient: "{" + person + "}"}
	p.found = &rawdata.Detected{Kind: "given", Scans: []catalog.Scans{scans}}
	p.doc.Kind = "given"
	p.d.Layouts = []catalog.Layout{{Names: []string{catalog.Release}, Scans: p.found.Scans}}
	s, err := rawdata.Prepare(p.parent, p.d, rawdata.Options{Layout: catalog.Release})
	if err != nil {
		return err
	}
	cases, err := s.Cases(ctx)
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return fmt.Errorf("%w: nothing in %s is called %s; patterns begin with the folder's own name", rawdata.ErrLayout, dir, p.image)
	}
	p.d.Layouts[0].Scans[0].Example = cases[0].Image
	if image.IsFolder() {
		p.d.Layouts[0].Scans[0].Example += "/"
	}
	return nil
}

// readLabels finds the raw labels, with names where a table has some, and the
// modality.
func (p *draft) readLabels(ctx context.Context) error {
	if err := p.findModality(); err != nil {
		return err
	}
	o := ingest.LabelOptions{Dataset: p.d.Name, Modality: p.modality, Region: p.region}
	table := p.addFlags.labels
	if table == "" && p.found.Table != "" {
		table = filepath.Join(p.parent, filepath.FromSlash(p.found.Table))
	}
	switch {
	case len(p.found.Structures) > 0:
		for _, file := range p.found.Structures {
			p.labels = append(p.labels, labelmap.RawLabel{Dataset: p.d.Name, Name: structureName(file), Modality: p.modality, Region: p.region})
			p.files = append(p.files, file)
		}
		return nil
	case table != "":
		read, err := ingest.ReadLabels(table, o)
		if err != nil {
			return err
		}
		p.labels = read.Labels
	}
	// What the masks hold.
	s, err := rawdata.Prepare(p.parent, p.d, rawdata.Options{Layout: catalog.Release})
	if err != nil {
		return err
	}
	cases, err := s.Cases(ctx)
	if err != nil {
		return err
	}
	like := labelmap.RawLabel{Dataset: p.d.Name, Modality: p.modality, Region: p.region}
	seen := map[int64]bool{}
	for i := range min(p.scans, len(cases)) {
		c := cases[i*len(cases)/min(p.scans, len(cases))]
		m, err := labelvolume.Measure(ctx, filepath.Join(p.parent, filepath.FromSlash(c.Mask)), volume.ReadOptions{})
		if err != nil {
			continue // the check that follows names it
		}
		for _, found := range m.Found {
			seen[found.Value] = true
		}
	}
	for i := range p.labels {
		for _, v := range p.labels[i].Values {
			delete(seen, v)
		}
	}
	for v := range seen {
		l := like
		l.Values = []int64{v}
		p.labels = append(p.labels, l)
	}
	slices.SortStableFunc(p.labels, func(a, b labelmap.RawLabel) int { return slices.Compare(a.Values, b.Values) })
	if len(p.labels) == 0 {
		return fmt.Errorf("%w: neither a table of labels nor a value in the masks", rawdata.ErrUnclear)
	}
	return nil
}

// findModality asks the first image, where the user does not say.
func (p *draft) findModality() error {
	if p.modality == "" && p.found.Table != "" {
		labels, err := ingest.ReadLabels(filepath.Join(p.parent, filepath.FromSlash(p.found.Table)), ingest.LabelOptions{})
		if err == nil && len(labels.Labels) > 0 {
			p.modality = labels.Labels[0].Modality
		}
	}
	if p.modality == "" {
		info, err := volume.ReadInfo(filepath.Join(p.parent, filepath.FromSlash(strings.TrimSuffix(p.found.Scans[0].Example, "/"))))
		if err == nil {
			p.modality = info.Modality
		}
	}
	if !slices.Contains([]string{"ct", "mri", "pet"}, p.modality) {
		return usageError{errors.New("--modality: want ct, mri or pet; the files do not say")}
	}
	p.d.Modality = catalog.Modality(p.modality)
	return nil
}

// structureName is what a mask file is called, without its scan's id and its
// ending.
func structureName(file string) string {
	name := strings.ReplaceAll(filepath.Base(file), "{case}", "")
	name, _, _ = strings.Cut(name, ".")
	return strings.Trim(name, "_- ")
}

// recipes suggests terms for the labels and proposes recipes for the classes.
func (p *draft) recipes() error {
	engine, err := newSuggester(p.tree)
	if err != nil {
		return err
	}
	var judged []labelmap.Judged
	results := engine.Suggest(p.labels, 3)
	for i := range results {
		r := &results[i]
		l := catalog.Label{Name: cmp.Or(r.Label.Name, "value "+r.Label.Key())}
		j := labelmap.Judged{Label: *r.Label}
		j.Label.Modality = p.modality
		switch {
		case p.files != nil:
			e, err := labelmap.ParseExpr(fmt.Sprintf("%q{>0.5..}", p.files[i]))
			if err != nil {
				return err
			}
			l.Release, j.File = &catalog.Expr{Expr: e}, p.files[i]
		case len(r.Label.Values) == 1 && r.Label.Values[0] > 0:
			v := int(r.Label.Values[0])
			l.Value = &v
		case len(r.Label.Values) > 0 || slices.Contains(r.Label.Flags, ingest.FlagBackground):
			continue // the background, or a region of values that stand by themselves
		default:
			p.open(&results[i].Label.Name, "it has no value and no file", nil)
			continue
		}
		if r.Abstained || len(r.Suggestions) == 0 {
			var names []string
			for _, s := range r.Suggestions {
				names = append(names, s.Name)
			}
			l.Note = cmp.Or(r.Why, "no term was found")
			p.open(&l.Name, l.Note, names)
		} else {
			j.TermID, j.Predicate = r.Suggestions[0].TermID, r.Suggestions[0].Predicate
			l.Note = strings.Join(r.Suggestions[0].Reasons, "; ")
			judged = append(judged, j)
		}
		p.d.Labels = append(p.d.Labels, l)
	}
	return p.compose(judged)
}

func (p *draft) open(label *string, why string, candidates []string) {
	p.doc.Open = append(p.doc.Open, openLabel{*label, why, candidates})
}

// compose writes the recipes of the corpus's classes, and of terms that are no
// class yet.
func (p *draft) compose(judged []labelmap.Judged) error {
	corpus, err := corpusClasses()
	if err != nil {
		return err
	}
	classes := labelmap.WantedOf(judged, corpus)
	terms := map[string]bool{}
	for _, c := range classes {
		terms[c.TermID] = true
	}
	for _, j := range judged {
		if t, ok := p.tree.Term(j.TermID); ok && !terms[j.TermID] {
			terms[j.TermID] = true
			classes = append(classes, labelmap.Wanted{Name: t.Name, TermID: j.TermID})
		}
	}
	byTerm := map[string]string{}
	for _, r := range labelmap.Compose(p.tree, judged, classes) {
		if !r.Complete {
			continue // a class of which the dataset has parts alone is not its class
		}
		p.d.Recipes = append(p.d.Recipes, catalog.Recipe{
			Class: strings.ToLower(strings.Join(strings.Fields(r.Class), " ")), Expr: catalog.Expr{Expr: r.Expr}, Definition: r.Definition, Reason: r.Reason,
		})
		i := slices.IndexFunc(classes, func(w labelmap.Wanted) bool { return w.Name == r.Class })
		byTerm[classes[i].TermID] = p.d.Recipes[len(p.d.Recipes)-1].Class
	}
	if len(p.d.Recipes) == 0 {
		return refusal{fmt.Errorf("no label of %s could be told: give names with --labels FILE, or map them with 'satgraph labels' first", p.d.Name)}
	}
	for _, j := range judged {
		for i := range p.d.Labels {
			l := &p.d.Labels[i]
			if l.Name == cmp.Or(j.Label.Name, "value "+j.Label.Key()) && l.Class == "" {
				l.Class = byTerm[j.TermID]
			}
		}
	}
	p.d.Region = p.region
	if p.d.Region == "" {
		p.d.Region, err = regionOf(p.d)
	}
	return err
}

// regionOf is the part of the body that most classes of a dataset are of.
func regionOf(d *catalog.Dataset) (string, error) {
	classes, err := catalog.Classes()
	if err != nil {
		return "", err
	}
	count, best := map[string]int{}, "whole body"
	for i := range classes {
		if c := &classes[i]; c.Modality == d.Modality && slices.Contains(d.Classes(), c.Name) {
			if count[c.Region]++; count[c.Region] > count[best] {
				best = c.Region
			}
		}
	}
	return best, nil
}

func (a *app) printAdded(f *addFlags, doc *addDocument) error {
	if f.asJSON {
		if err := a.printJSON(doc); err != nil {
			return err
		}
	} else {
		a.printf("%s: %s, %s, %d labels, %d classes\n", doc.Record, doc.Dataset.Name, doc.Dataset.Modality, len(doc.Dataset.Labels), len(doc.Dataset.Recipes))
		if doc.Kind != "" {
			for _, l := range doc.Dataset.Layouts {
				for _, s := range l.Scans {
					a.printf("  told as %s: image %s, mask %s\n", doc.Kind, s.Image, s.Mask)
				}
			}
			for i := range doc.Dataset.Recipes {
				r := &doc.Dataset.Recipes[i]
				a.printf("  %-40s %s  (%s)\n", r.Class, r.Expr.String(), r.Reason)
			}
		}
		for _, o := range doc.Open {
			a.printf("  open: %s: %s", o.Label, o.Why)
			if len(o.Candidates) > 0 {
				a.printf(" (%s)", strings.Join(o.Candidates, ", "))
			}
			a.printf("\n")
		}
		if len(doc.Left) > 0 {
			a.printf("  %d files belong to no pair, such as %s\n", len(doc.Left), doc.Left[0])
		}
		a.printCheck(&checkDocument{Datasets: []*checkedDataset{doc.Check}}, doc.Check.Layout != "")
	}
	if len(doc.Open) > 0 || len(doc.Check.Problems) > 0 {
		return errPartial
	}
	return nil
}
