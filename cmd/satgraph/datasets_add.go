package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata"
	"satgraph/volume"
)

// addDocument is what 'datasets add --json' prints.
type addDocument struct {
	Record  string           `json:"record"` // the file that was written
	Kind    string           `json:"kind,omitempty"`
	Why     string           `json:"modalitySaidBy,omitempty"`
	Table   string           `json:"labelTable,omitempty"`
	Dataset *catalog.Dataset `json:"dataset"`
	Scans   int              `json:"scans"` // that the record finds in the folder
	// Open are labels that make no class yet, with the reason.
	Open []openLabel `json:"open"`
	// Left are files that are no part of the record, with the reason.
	Left  []rawdata.Left  `json:"left"`
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
	licence, reference                               string
	scans                                            int
	asJSON, yes                                      bool
}

func (a *app) datasetsAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add DIR|FILE",
		Short: "Propose the record of a new dataset from its folder, or take a reviewed record in",
		Long: `Propose the record of a new dataset from its folder, or take a reviewed record in.

Of a folder, the layout is told (nnU-Net, Decathlon, BIDS with derivatives, one
file a structure in folders of scans, of structures or in one, pairs of images
and masks, DICOM series with masks), labels are read (dataset.json, dseg.tsv, a
file called like labels.txt, --labels FILE, else the values that masks hold), a
term is suggested for each, recipes for the corpus's classes are proposed, and
all is tried on a few scans. Files that are no part of the record are listed with
the reason. At a terminal you are asked what files do not say; elsewhere, and with
--yes or --json, nothing is asked.

The record is written as a draft: nothing is decided. Look through it, look the
licence up, take out "draft: true", and give the file to this command again with
--catalog DIR, the folder of your records. At a terminal you may say that it is
right instead.`,
		Example: `  satgraph datasets add ~/data/MyDataset --modality ct -o MyDataset.yaml
  satgraph datasets add MyDataset.yaml --catalog ~/records
  satgraph datasets check MyDataset --catalog ~/records --raw ~/data`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if (f.licence == "") != (f.reference == "") {
				return usageError{errors.New("--licence and --reference go together")}
			}
			if f.scans < 1 {
				return usageError{errors.New("--scans: want a number above 0")}
			}
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
	cmd.Flags().StringVar(&f.mask, "mask", "", "pattern of the masks, as D/labels/{case}.nii.gz, or D/{structure}/{case}.nii.gz where each structure has its own")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "file to write (default: NAME.yaml in the folder of --catalog, else here)")
	cmd.Flags().StringVar(&f.licence, "licence", "", "licence: an SPDX identifier, or the terms' own name")
	cmd.Flags().StringVar(&f.reference, "reference", "", "with --licence: where the terms stand")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "take what is proposed, and ask nothing")
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
	doc := &addDocument{Dataset: d, Open: []openLabel{}, Left: []rawdata.Left{}, Record: f.target(d.Name)}
	if doc.Check, err = a.checkAlone(ctx, d); err != nil {
		return err
	}
	if err := writeNew(doc.Record, text); err != nil {
		return err
	}
	return a.printAdded(f, doc, true)
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

func (a *app) proposeRecord(ctx context.Context, f *addFlags, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if f.dir != "" {
		if err := os.MkdirAll(f.dir, 0o750); err != nil {
			return err
		}
	}
	c, err := f.read()
	if err != nil {
		return err
	}
	p := &draft{addFlags: f, parent: filepath.Dir(dir), folder: dir, doc: &addDocument{Open: []openLabel{}, Left: []rawdata.Left{}}}
	if !f.asJSON && !f.yes {
		p.ask = newAsker(a.err)
	}
	p.d = &catalog.Dataset{
		Name: cmp.Or(f.name, datasetName(filepath.Base(dir))), Licence: catalog.Licence{ID: cmp.Or(f.licence, catalog.Unknown), Reference: f.reference}, Draft: true,
		Masks: catalog.Masks{Kind: catalog.Values, Published: catalog.Equality},
	}
	p.doc.Dataset, p.doc.Record = p.d, f.target(p.d.Name)
	if _, there := c.Dataset(p.d.Name); there {
		return fmt.Errorf("a record of %s %w: 'datasets check %s --raw %s' reads this folder by it; --name gives another", p.d.Name, fs.ErrExist, p.d.Name, filepath.Dir(dir))
	}
	if _, err := os.Stat(p.doc.Record); err == nil {
		return fmt.Errorf("%s %w; --output names another file", p.doc.Record, fs.ErrExist)
	}
	if p.tree, err = a.openTree(ctx); err != nil {
		return err
	}
	if p.engine, err = newSuggester(p.tree); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{func(ctx context.Context) error { return p.layout(ctx, dir) }, p.readLabels, func(context.Context) error { return p.recipes() }} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return a.finishRecord(ctx, p)
}

// finishRecord tries a proposed record on files, and writes it.
func (a *app) finishRecord(ctx context.Context, p *draft) error {
	if said := p.found.Licence; said != "" && !p.d.Licence.Known() {
		p.d.Licence.Note = fmt.Sprintf("a file of the dataset says %q; look it up at its owner's", said)
	}
	if p.ask != nil {
		p.ask.licence(&p.d.Licence)
	}
	head := "A draft, proposed from the folder " + filepath.Base(p.folder) + ": nobody has reviewed it."
	text, err := catalog.Format(p.d, head)
	if err != nil {
		return err
	}
	if p.d, err = catalog.Parse(p.doc.Record, text); err != nil {
		return err
	}
	p.doc.Dataset = p.d
	if p.doc.Check, err = a.checkAlone(ctx, p.d); err != nil {
		return err
	}
	check := &fileCheck{root: p.parent, limit: p.scans, workers: 2, progress: newProgress(a.err)}
	if err := check.run(ctx, p.d, p.doc.Check); err != nil {
		return err
	}
	if p.ask != nil {
		a.printProposed(p.doc)
		if len(p.doc.Open) == 0 && p.doc.Check.Failed == 0 && p.ask.yes("\nHave you looked through it, and is it right? It is then no draft.", false) {
			p.d.Draft = false
			if text, err = catalog.Format(p.d, "Proposed from the folder "+filepath.Base(p.folder)+" and reviewed."); err != nil {
				return err
			}
		}
	}
	if err := writeNew(p.doc.Record, text); err != nil {
		return err
	}
	return a.printAdded(p.addFlags, p.doc, p.ask == nil)
}

func (a *app) printAdded(f *addFlags, doc *addDocument, whole bool) error {
	switch {
	case f.asJSON:
		if err := a.printJSON(doc); err != nil {
			return err
		}
	default:
		if whole {
			a.printProposed(doc)
		}
		a.printf("%s: %s, %s, %d labels, %d classes", doc.Record, doc.Dataset.Name, doc.Dataset.Modality, len(doc.Dataset.Labels), len(doc.Dataset.Recipes))
		if doc.Dataset.Draft {
			a.printf("; a draft: look through it, take out \"draft: true\", and give it to 'datasets add' with --catalog DIR")
		}
		a.printf("\n")
	}
	if len(doc.Open) > 0 || len(doc.Check.Problems) > 0 {
		return errPartial
	}
	return nil
}

// printProposed says what was told of a folder, and what the check found.
func (a *app) printProposed(doc *addDocument) {
	if doc.Kind != "" {
		for _, l := range doc.Dataset.Layouts {
			for i := range l.Scans[:min(len(l.Scans), maxShown)] {
				s := &l.Scans[i]
				a.printf("told as %s: image %s, mask %s%s\n", doc.Kind, s.Image, s.Mask, aboutScans(s))
			}
			if more := len(l.Scans) - maxShown; more > 0 {
				a.printf("  %d more patterns\n", more)
			}
		}
		if doc.Why != "" {
			a.printf("taken for %s: %s\n", doc.Dataset.Modality, doc.Why)
		}
		if doc.Table != "" {
			a.printf("names of labels: %s\n", doc.Table)
		}
		for i := range doc.Dataset.Recipes {
			r := &doc.Dataset.Recipes[i]
			a.printf("  %-40s %s  (%s)\n", r.Class, shorten(r.Expr.String()), r.Reason)
		}
	}
	a.printOpen(doc.Open)
	if doc.Kind != "" && len(doc.Dataset.Recipes) == 0 {
		a.printf("  no label could be told: give names with --labels FILE\n")
	}
	a.printLeft(doc.Left)
	if doc.Scans > doc.Check.Scans {
		a.printf("tried on %d of %d scans; 'datasets check' reads all\n", doc.Check.Scans, doc.Scans)
	}
	a.printCheck(&checkDocument{Datasets: []*checkedDataset{doc.Check}}, doc.Check.Layout != "")
}

// printOpen lists labels that wait for somebody, those of one reason without
// candidates in one line.
func (a *app) printOpen(open []openLabel) {
	alike := map[string][]string{}
	for _, o := range open {
		if len(o.Candidates) == 0 {
			alike[o.Why] = append(alike[o.Why], o.Label)
			continue
		}
		a.printf("  open: %s: %s (%s)\n", o.Label, o.Why, strings.Join(o.Candidates, ", "))
	}
	for _, why := range slices.Sorted(maps.Keys(alike)) {
		a.printf("  open: %s: %s\n", shorten(strings.Join(alike[why], ", ")), why)
	}
}

// shorten leaves out the middle of a long list.
func shorten(text string) string {
	const most = 100
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + " … " + string(runes[len(runes)-most/2:])
}

// maxShown is how many patterns are shown.
const maxShown = 12

// aboutScans is what is known of the scans of a pattern beside their paths.
func aboutScans(s *catalog.Scans) string {
	about := []string{""}
	for _, text := range []string{s.Sequence, s.Split} {
		if text != "" {
			about = append(about, text)
		}
	}
	if s.Channel != nil {
		about = append(about, fmt.Sprintf("volume %d", *s.Channel))
	}
	return strings.Join(about, ", ")
}

// printLeft says, reason by reason, what files are no part of the record.
func (a *app) printLeft(left []rawdata.Left) {
	count, first := map[string]int{}, map[string]string{}
	for _, l := range left {
		if first[l.Why] == "" {
			first[l.Why] = l.File
		}
		count[l.Why] += l.Files
	}
	for _, why := range slices.Sorted(maps.Keys(count)) {
		a.printf("  left out: %d, %s, such as %s\n", max(1, count[why]), why, first[why])
	}
}
