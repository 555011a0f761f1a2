package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/rawdata"
	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/volume"
)

// checkDocument is what 'datasets check --json' prints.
type checkDocument struct {
	Datasets []*checkedDataset `json:"datasets"`
	Problems int               `json:"problems"`
}

type checkedDataset struct {
	Name string `json:"name"`
	// Record lists what the record itself leaves open.
	Record []recordNote `json:"record"`
	// Layout and scans are of the files that were read.
	Layout   string         `json:"layout,omitempty"`
	Scans    int            `json:"scans"`
	Failed   int            `json:"failed"`
	Masks    int            `json:"masks"`
	Empty    int            `json:"emptyMasks"`
	Problems []fileProblem  `json:"problems"`
	Classes  map[string]int `json:"classes,omitempty"` // scans in which a class has voxels
	Error    string         `json:"error,omitempty"`
}

// recordNote is a doubt about a record.
type recordNote struct {
	Kind string `json:"kind"` // "draft", "licence", "class", "recipe"
	What string `json:"what"`
}

type fileProblem struct {
	Scan  string `json:"scan"`
	File  string `json:"file,omitempty"`
	What  string `json:"what"`
	Fatal bool   `json:"fatal"`
}

func (a *app) datasetsCheckCommand() *cobra.Command {
	var from listFlags
	var cache cacheFlags
	var asJSON bool
	var o rawdata.Options
	var raw string
	var limit, workers int
	cmd := &cobra.Command{
		Use:   "check [NAME…]",
		Short: "Check records against the tree, and their recipes on real files",
		Long: `Check records against the tree, and their recipes on real files.

Without --raw the records alone are checked: classes that the corpus does not
have, recipes that anatomy would make otherwise, licences that nobody has looked
up. --raw DIR names the folder that holds the datasets' folders: every scan that
a record describes there is read, one at a time for each worker, and its recipes
are carried out. What is wrong is listed by scan. With --scans the rows of a list
are read instead of what lies in the folder.

--raw and --scans may name object stores. ` + urlHelp,
		Example: `  satgraph datasets check KiTS23
  satgraph datasets check ACDC --raw ~/data --limit 10
  satgraph datasets check --catalog my-records MyDataset --raw ~/data`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := from.checkSplit(o.AsPublished); err != nil {
				return err
			}
			if limit < 0 || workers < 1 {
				return usageError{errors.New("--limit and --workers: want numbers above 0")}
			}
			c, err := from.read()
			if err != nil {
				return err
			}
			sets := c.Datasets()
			if len(given) > 0 {
				sets = nil
				for _, name := range given {
					d, err := dataset(c, name)
					if err != nil {
						return err
					}
					sets = append(sets, d)
				}
			}
			var rows *corpus.Index
			if from.scans != "" {
				if rows, err = from.rows(cmd, c); err != nil {
					return err
				}
			}
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			classes, err := catalog.Classes()
			if err != nil {
				return err
			}
			copies, err := cache.options()
			if err != nil {
				return err
			}
			raw, store, end, err := openURL(cmd.Context(), raw, copies)
			if err != nil {
				return err
			}
			defer end()
			defer a.sayUsage(store)
			if store != nil {
				o.Files = store
			}
			doc := &checkDocument{Datasets: []*checkedDataset{}}
			check := &fileCheck{root: raw, options: o, limit: limit, workers: workers, rows: rows, progress: newProgress(a.err)}
			for _, d := range sets {
				out := &checkedDataset{Name: d.Name, Record: checkRecord(tree, classes, d), Problems: []fileProblem{}}
				if raw != "" {
					err := check.run(cmd.Context(), d, out)
					switch {
					case errors.Is(err, rawdata.ErrLayout) && len(given) == 0:
						continue // a dataset that is not there was not asked for
					case cmd.Context().Err() != nil:
						return cmd.Context().Err()
					case err != nil:
						out.Error = err.Error()
						doc.Problems++
					}
					doc.Problems += len(out.Problems)
				}
				doc.Datasets = append(doc.Datasets, out)
			}
			if raw != "" && len(doc.Datasets) == 0 {
				return fmt.Errorf("%w: none of the %d datasets below %s", rawdata.ErrLayout, len(sets), raw)
			}
			if asJSON {
				if err := a.printJSON(doc); err != nil {
					return err
				}
			} else {
				a.printCheck(doc, raw != "")
			}
			if doc.Problems > 0 {
				return errPartial
			}
			return nil
		},
	}
	from.add(cmd)
	cache.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&raw, "raw", "", "folder or URL that holds the datasets' folders")
	cmd.Flags().StringVar(&o.Layout, "layout", "", "release or sat-ds (default: the first of the record that has scans)")
	cmd.Flags().BoolVar(&o.AsPublished, "as-published", false, "carry recipes out as the published loader does")
	cmd.Flags().IntVar(&limit, "limit", 0, "scans of each dataset, spread over all (default: all)")
	cmd.Flags().IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "scans read at the same time")
	return cmd
}

// checkRecord says what a record leaves open.
func checkRecord(tree *graph.Tree, classes []catalog.Class, d *catalog.Dataset) []recordNote {
	out := []recordNote{}
	note := func(kind, format string, args ...any) {
		out = append(out, recordNote{kind, fmt.Sprintf(format, args...)})
	}
	if d.Draft {
		note("draft", "nobody has reviewed the record")
	}
	if !d.Licence.Known() {
		note("licence", "%s", d.Licence.ID)
	}
	term := map[string]string{}
	for i := range classes {
		if classes[i].Modality == d.Modality {
			term[classes[i].Name] = classes[i].TermID
		}
	}
	var items []labelmap.Item
	for i := range d.Recipes {
		r := &d.Recipes[i]
		if term[r.Class] == "" {
			note("class", "%s is no class of the corpus in %s", r.Class, d.Modality)
			continue
		}
		items = append(items, labelmap.Item{Name: r.Class, TermID: term[r.Class]})
	}
	for _, p := range labelmap.Propose(tree, items) {
		whole, _ := d.Recipe(p.Class)
		if !p.Complete {
			continue
		}
		for _, part := range p.Parts {
			r, ok := d.Recipe(part)
			if !ok {
				continue
			}
			for _, l := range d.Draws(&r.Expr.Expr) {
				if !slices.ContainsFunc(whole.Expr.Sources(), l.Names) {
					note("recipe", "%s leaves out %s of %s, which is a part of it", p.Class, l.Name, part)
				}
			}
		}
	}
	return out
}

// fileCheck reads the scans of datasets.
type fileCheck struct {
	root           string
	options        rawdata.Options
	limit, workers int
	rows           *corpus.Index
	progress       *progress
}

func (f *fileCheck) run(ctx context.Context, d *catalog.Dataset, out *checkedDataset) error {
	s, cases, err := f.cases(ctx, d)
	if err != nil {
		return err
	}
	if f.limit > 0 && len(cases) > f.limit {
		spread := make([]rawdata.Case, f.limit)
		for i := range spread {
			spread[i] = cases[i*len(cases)/f.limit]
		}
		cases = spread
	}
	out.Layout, out.Scans, out.Classes = s.Layout(), len(cases), map[string]int{}
	scans := make(chan *rawdata.Scan)
	next := make(chan rawdata.Case)
	var group sync.WaitGroup
	for range min(f.workers, len(cases)) {
		group.Go(func() {
			for c := range next {
				scan, err := s.Read(ctx, c)
				if err != nil {
					return // cancelled
				}
				scan.Voxels = nil
				scans <- scan
			}
		})
	}
	go func() {
		defer close(next)
		for _, c := range cases {
			select {
			case next <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { group.Wait(); close(scans) }()
	done := 0
	for scan := range scans {
		done++
		f.progress.count(d.Name, done, len(cases))
		out.take(scan)
	}
	slices.SortFunc(out.Problems, func(a, b fileProblem) int { return strings.Compare(a.Scan+a.File, b.Scan+b.File) })
	return ctx.Err()
}

// cases are the scans of the list, or those that lie in the folder.
func (f *fileCheck) cases(ctx context.Context, d *catalog.Dataset) (*rawdata.Source, []rawdata.Case, error) {
	if f.rows == nil {
		root := f.root
		if !volume.IsURL(root) && rawdata.IsFolderOf(root, d) {
			root = filepath.Dir(filepath.Clean(root))
		}
		s, err := rawdata.Open(ctx, root, d, f.options)
		if err != nil {
			return nil, nil, err
		}
		cases, err := s.Cases(ctx)
		if err != nil {
			return nil, nil, err
		}
		lost, err := s.Lost(ctx, cases)
		return s, append(cases, lost...), err
	}
	if _, err := f.options.Place().Stat(f.root); err != nil {
		return nil, nil, err
	}
	s, err := rawdata.Prepare(f.root, d, f.options)
	if err != nil {
		return nil, nil, err
	}
	var cases []rawdata.Case
	for _, i := range f.rows.OfDataset(d.Name) {
		c, err := s.CaseOf(f.rows.Scan(i))
		if err != nil {
			return nil, nil, err
		}
		cases = append(cases, *c)
	}
	return s, cases, nil
}

func (d *checkedDataset) take(scan *rawdata.Scan) {
	if scan.Failed() {
		d.Failed++
	}
	for _, m := range scan.Masks {
		d.Masks++
		if _, drawn := m.Bits.Bounds(); drawn {
			d.Classes[m.Class]++
		} else {
			d.Empty++
		}
	}
	for _, p := range scan.Problems {
		d.Problems = append(d.Problems, fileProblem{Scan: p.Scan, File: p.File, What: p.Err.Error(), Fatal: p.Fatal})
	}
}

func (a *app) printCheck(doc *checkDocument, files bool) {
	const shown = 20
	for _, d := range doc.Datasets {
		a.printf("%s", d.Name)
		switch {
		case d.Error != "":
			a.printf(": %s", d.Error)
		case files:
			a.printf(": %d scans (layout %s), %d failed; %d masks, %d of them empty, of %d classes", d.Scans, d.Layout, d.Failed, d.Masks, d.Empty, len(d.Classes))
		}
		a.printf("\n")
		for _, n := range d.Record {
			a.printf("  %s: %s\n", n.Kind, n.What)
		}
		for _, p := range d.Problems[:min(shown, len(d.Problems))] {
			mark := "note"
			if p.Fatal {
				mark = "failed"
			}
			a.printf("  %s: %s: %s: %s\n", mark, p.Scan, p.File, p.What)
		}
		if more := len(d.Problems) - shown; more > 0 {
			a.printf("  %d more problems; --json lists all\n", more)
		}
	}
}
