package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/volume"
	"satgraph/volume/objects"
)

// statsDocument is what 'corpus stats --json' prints.
type statsDocument struct {
	*corpus.Stats
	// Version names the list's content; empty without a list.
	Version     string           `json:"version,omitempty"`
	AsPublished bool             `json:"asPublished"`
	Findings    []corpus.Finding `json:"findings"`
	// Moved is what --split persons changed.
	Moved     []corpus.Moved    `json:"moved,omitempty"`
	Anomalies []anomalyDocument `json:"anomalies"`
}

// anomalyDocument is a known oddity of a dataset.
type anomalyDocument struct {
	Dataset string `json:"dataset"`
	catalog.Anomaly
}

// listFlags say which scans a corpus has.
type listFlags struct {
	catalogFlag
	scans string
	split string
	moved []corpus.Moved // by the split, once rows were read
}

func (f *listFlags) add(cmd *cobra.Command) {
	f.catalogFlag.add(cmd)
	cmd.Flags().StringVar(&f.scans, "scans", "", "scan list (scans.jsonl, scans.jsonl.gz), or a folder that holds one")
	cmd.Flags().StringVar(&f.split, "split", string(corpus.AsListed), "sides of the list's rows: published, or persons, which moves all scans of a person to the side that has most of them")
}

// rows reads the scan list and splits it.
func (f *listFlags) rows(cmd *cobra.Command, c *catalog.Catalog) (*corpus.Index, error) {
	x, err := readScans(cmd, f.scans, c)
	if err == nil && corpus.Split(f.split) == corpus.ByPerson {
		x, f.moved = x.ByPerson()
	}
	return x, err
}

// checkSplit looks at the flag's value. What is published is not split anew.
func (f *listFlags) checkSplit(asPublished bool) error {
	switch corpus.Split(f.split) {
	case corpus.AsListed:
		return nil
	case corpus.ByPerson:
	default:
		return usageError{fmt.Errorf("--split %q: want published or persons", f.split)}
	}
	switch {
	case f.scans == "":
		return usageError{errors.New("--split persons needs a scan list: give --scans")}
	case asPublished:
		return usageError{errors.New("--as-published keeps the published split: leave --split out")}
	}
	return nil
}

func (a *app) corpusStatsCommand() *cobra.Command {
	var from listFlags
	var asJSON bool
	var o corpus.Options
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count datasets, scans, classes and annotations",
		Long: `Count datasets, scans, classes and annotations: of a scan list, or, without one,
as the records say that the published lists hold them.

Images of one release's lists (the six of TotalSegmentator) count as one scan.
Where the paper gives another number, both are printed with the reason.
--as-published counts what the lists write: every row a scan, ids for patients,
labels as often as they stand.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := from.checkSplit(o.AsPublished); err != nil {
				return err
			}
			c, err := from.read()
			if err != nil {
				return err
			}
			classes, err := catalog.Classes()
			if err != nil {
				return err
			}
			doc := &statsDocument{AsPublished: o.AsPublished, Findings: []corpus.Finding{}, Anomalies: anomalies(c)}
			if from.scans == "" {
				doc.Stats = corpus.StatsOf(c, classes, o)
			} else {
				x, err := from.rows(cmd, c)
				if err != nil {
					return err
				}
				doc.Moved = from.moved
				doc.Stats, doc.Version, doc.Findings = x.Stats(classes, o), x.Version(), append(doc.Findings, x.Findings()...)
			}
			if asJSON {
				return a.printJSON(doc)
			}
			a.printStats(doc)
			return nil
		},
	}
	from.add(cmd)
	preset(cmd.Flags(), "scans")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().BoolVar(&o.AsPublished, "as-published", false, "count what the lists write")
	return cmd
}

func readScans(cmd *cobra.Command, path string, c *catalog.Catalog) (*corpus.Index, error) {
	if volume.IsURL(path) {
		return readScansFrom(cmd.Context(), path, c)
	}
	list, err := corpus.ListIn(path)
	if err != nil {
		return nil, err
	}
	return corpus.ReadList(cmd.Context(), list, c)
}

// readScansFrom reads a list that lies in an object store.
func readScansFrom(ctx context.Context, path string, c *catalog.Catalog) (*corpus.Index, error) {
	name, store, end, err := openURL(ctx, path, objects.Options{})
	if err != nil {
		return nil, err
	}
	defer end()
	f, err := store.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	return corpus.ReadListFrom(ctx, name, f, c)
}

func anomalies(c *catalog.Catalog) []anomalyDocument {
	out := []anomalyDocument{}
	for _, d := range c.Datasets() {
		for _, n := range d.Anomalies {
			out = append(out, anomalyDocument{d.Name, n})
		}
	}
	return out
}

func (a *app) printStats(doc *statsDocument) {
	a.printf("%d datasets, %d rows, %d scans, %d images, %d patients (of the %s)\n", doc.Datasets, doc.Rows, doc.Scans, doc.Images, doc.Patients, doc.Source)
	a.printf("%d classes (pairs of modality and name: %s) of %d names, %d of them abnormalities\n", doc.Classes, counts(doc.Pairs), doc.Names, doc.Abnormal)
	a.printf("%d annotations (rows times classes)\n", doc.Annotations)
	a.printf("classes by region: %s\n", counts(doc.Regions))
	a.printf("rows by side: %s; by the owners' splits: %s\n", counts(doc.Sides), counts(doc.Splits))
	for _, d := range doc.Differences {
		a.printf("\n%s: %d here, %d in the paper: %s\n", d.What, d.Released, d.Paper, d.Reason)
	}
	for _, m := range doc.Moved {
		a.printf("split by person: %s: %d people moved, %d rows to training, %d to test\n", m.Dataset, m.People, m.ToTrain, m.ToTest)
	}
	if doc.Version != "" {
		a.printf("\nversion %s\n", doc.Version)
	}
	byGate := map[string]int{}
	for _, f := range doc.Findings {
		byGate[f.Gate]++
	}
	if len(byGate) > 0 {
		a.printf("\nfindings: %s\n", counts(byGate))
	}
	const shown = 10
	n := 0
	for _, f := range doc.Findings {
		if f.Gate != corpus.GateBothSides {
			continue
		}
		if n++; n <= shown {
			a.printf("  %s: %s (lines %s)\n", f.Dataset, f.What, strings.Trim(fmt.Sprint(f.Lines), "[]"))
		}
	}
	if n > shown {
		a.printf("  %d more on both sides; --json lists all\n", n-shown)
	}
}

// counts writes numbers by name, the greatest first.
func counts[K ~string](m map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %d", k, m[k])
	}
	return strings.Join(parts, ", ")
}

func (a *app) corpusDiffCommand() *cobra.Command {
	var from catalogFlag
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what changed between two scan lists",
		Long: `Say what changed between two scan lists: rows added, removed and changed, and the
rows that each class has, by dataset. A and B are lists, or folders that hold one.
A list's version is a checksum of its rows, whatever their order.`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := from.read()
			if err != nil {
				return err
			}
			var lists [2]*corpus.Index
			for i := range lists {
				if lists[i], err = readScans(cmd, given[i], c); err != nil {
					return err
				}
			}
			d := lists[0].Compare(lists[1])
			if asJSON {
				return a.printJSON(d)
			}
			a.printDiff(d)
			return nil
		},
	}
	from.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) printDiff(d *corpus.Diff) {
	a.printf("%s -> %s\n", d.From, d.To)
	if d.Same {
		a.printf("the same rows\n")
		return
	}
	a.printf("%d rows added, %d removed, %d changed\n", d.Added, d.Removed, d.Changed)
	const shown = 10
	for _, s := range d.Datasets {
		a.printf("\n%s: %d rows -> %d\n", s.Name, s.Rows[0], s.Rows[1])
		for _, group := range []struct {
			sign string
			rows []string
		}{{"+", s.Added}, {"-", s.Removed}} {
			for _, image := range group.rows[:min(shown, len(group.rows))] {
				a.printf("  %s %s\n", group.sign, image)
			}
			if more := len(group.rows) - shown; more > 0 {
				a.printf("  %s %d more\n", group.sign, more)
			}
		}
		for _, r := range s.Changed[:min(shown, len(s.Changed))] {
			a.printf("  ~ %s: %s\n", r.Image, strings.Join(r.Fields, "; "))
		}
		if more := len(s.Changed) - shown; more > 0 {
			a.printf("  ~ %d more\n", more)
		}
		for _, c := range s.Classes {
			a.printf("  %s: %d rows -> %d\n", c.Class, c.Rows[0], c.Rows[1])
		}
	}
}
