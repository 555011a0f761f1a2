package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
)

// errNoDataset says that a dataset asked for has no record.
var errNoDataset = errors.New("unknown dataset")

func (a *app) datasetsCommand() *cobra.Command {
	return group("datasets", "Look at the records of the datasets that corpora are made of",
		a.datasetsListCommand(), a.datasetsShowCommand(), a.datasetsCheckCommand(), a.datasetsAddCommand(),
	)
}

// catalogFlag is where the user's own records lie.
type catalogFlag struct{ dir string }

func (f *catalogFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "catalog", "", "folder of your own records (*.yaml), read beside the builtin ones")
}

func (f *catalogFlag) read() (*catalog.Catalog, error) {
	c, err := catalog.Builtin()
	if err != nil || f.dir == "" {
		return c, err
	}
	own, err := catalog.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	return c.With(own)
}

// dataset returns a record by its name, whatever its case.
func dataset(c *catalog.Catalog, name string) (*catalog.Dataset, error) {
	if d, ok := c.Dataset(name); ok {
		return d, nil
	}
	var near []string
	for _, d := range c.Datasets() {
		if strings.EqualFold(d.Name, name) {
			return d, nil
		}
		if strings.Contains(strings.ToLower(d.Name), strings.ToLower(name)) {
			near = append(near, d.Name)
		}
	}
	if len(near) > 0 {
		return nil, fmt.Errorf("%w %q; there is %s", errNoDataset, name, strings.Join(near, ", "))
	}
	return nil, fmt.Errorf("%w %q; 'satgraph datasets list' names them", errNoDataset, name)
}

// listedDataset is a line of 'datasets list --json'.
type listedDataset struct {
	Name     string           `json:"name"`
	Title    string           `json:"title"`
	Modality catalog.Modality `json:"modality"`
	Region   string           `json:"region"`
	Classes  int              `json:"classes"`
	Labels   int              `json:"labels"`
	Rows     int              `json:"rows"`
	Licence  string           `json:"licence"`
	Homepage string           `json:"homepage"`
	Source   string           `json:"source"`
}

func (a *app) datasetsListCommand() *cobra.Command {
	var from catalogFlag
	var asJSON bool
	var modality string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the datasets that have a record",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"", "ct", "mri", "pet"}, modality) {
				return usageError{fmt.Errorf("--modality %q: want ct, mri or pet", modality)}
			}
			c, err := from.read()
			if err != nil {
				return err
			}
			docs := []listedDataset{}
			for _, d := range c.Datasets() {
				if modality != "" && string(d.Modality) != modality {
					continue
				}
				doc := listedDataset{Name: d.Name, Title: d.Title, Modality: d.Modality, Region: d.Region, Classes: len(d.Recipes), Labels: len(d.Labels), Licence: d.Licence.ID, Homepage: d.Homepage, Source: d.Source}
				if d.Published != nil {
					doc.Rows = d.Published.Rows
				}
				docs = append(docs, doc)
			}
			if asJSON {
				return a.printJSON(map[string]any{"datasets": docs})
			}
			a.printf("%-27s %-4s %-14s %7s %6s  %s\n", "dataset", "", "region", "classes", "rows", "licence")
			for _, d := range docs {
				a.printf("%-27s %-4s %-14s %7d %6d  %s\n", d.Name, d.Modality, d.Region, d.Classes, d.Rows, d.Licence)
			}
			return nil
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&modality, "modality", "", "only the datasets of ct, mri or pet")
	return cmd
}

func (a *app) datasetsShowCommand() *cobra.Command {
	var from catalogFlag
	var asJSON, asPublished bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a record: labels, recipes, layouts, what is odd about it",
		Long: `Show a record: labels, recipes, layouts, what is odd about it.

A recipe is written on the labels as SAT-DS stores them: {1, 3} are values of a
label map, #0{1} + #1{1} channels of a stack of masks. --as-published shows the
recipes of the published loader where they differ.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			c, err := from.read()
			if err != nil {
				return err
			}
			d, err := dataset(c, given[0])
			if err != nil {
				return err
			}
			if asPublished {
				d = published(d)
			}
			if asJSON {
				return a.printJSON(map[string]any{"dataset": d})
			}
			a.printDataset(d)
			return nil
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&asPublished, "as-published", false, "recipes as the published loader carries them out")
	return cmd
}

// published is the record with the recipes of the published loader.
func published(d *catalog.Dataset) *catalog.Dataset {
	out := *d
	out.Recipes = slices.Clone(d.Recipes)
	for i := range out.Recipes {
		r := &out.Recipes[i]
		r.Expr, r.Published = catalog.Expr{Expr: r.Of(true)}, nil
	}
	return &out
}

func (a *app) printDataset(d *catalog.Dataset) {
	a.printf("%s: %s\n%s, %s\n%s\nlicence: %s", d.Name, cmp.Or(d.Title, "(no title)"), d.Modality, d.Region, d.Homepage, d.Licence.ID)
	if d.Licence.Reference != "" {
		a.printf(" (%s)", d.Licence.Reference)
	}
	a.printf("\n")
	if d.Licence.Note != "" {
		a.printf("  %s\n", d.Licence.Note)
	}
	for _, s := range d.Scope {
		a.printf("%s\n", s)
	}
	if p := d.Published; p != nil {
		a.printf("published: %d rows, %d images, %d masks, %d patient ids\n", p.Rows, p.Images, p.Masks, p.Patients)
	}
	for i := range d.Layouts {
		l := &d.Layouts[i]
		a.printf("\nlayout %s\n", strings.Join(l.Names, ", "))
		for j := range l.Scans {
			s := &l.Scans[j]
			a.printf("  image %s\n  mask  %s\n", s.Image, s.Mask)
		}
	}
	a.printf("\nlabels (%s; published rule: %s)\n", d.Masks.Kind, d.Masks.Published)
	for i := range d.Labels {
		l := &d.Labels[i]
		a.printf("  %-6s %-40s", labelKey(l), l.Name)
		if l.Release != nil {
			a.printf(" %s", l.Release.String())
		}
		a.printf("\n")
	}
	a.printf("\nrecipes\n")
	for i := range d.Recipes {
		r := &d.Recipes[i]
		a.printf("  %-40s %s", r.Class, r.Expr.String())
		if r.Published != nil {
			a.printf("  (published: %s; %s)", r.Published.String(), r.Reason)
		}
		if r.Definition != "" {
			a.printf("  %s", r.Definition)
		}
		a.printf("\n")
	}
	for _, n := range d.Anomalies {
		a.printf("\n%s: %s\n", n.Gate, n.What)
		if n.Published != "" {
			a.printf("  published: %s\n", n.Published)
		}
		a.printf("  here: %s\n", cmp.Or(n.Corrected, "as it is; the gate raises it"))
	}
}

// labelKey is a label's value, or its channel as "#3".
func labelKey(l *catalog.Label) string {
	switch {
	case l.Channel != nil:
		return fmt.Sprintf("#%d", *l.Channel)
	case l.Value != nil:
		return fmt.Sprint(*l.Value)
	}
	return ""
}
