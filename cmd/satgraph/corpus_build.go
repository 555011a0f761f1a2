package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satgraph/datasets/build"
	"satgraph/datasets/build/fromraw"
	"satgraph/datasets/catalog"
	"satgraph/datasets/standard"
	"satgraph/internal/sysmem"
)

// buildFlags are those of 'corpus build'.
type buildFlags struct {
	listFlags
	source  fromraw.Source
	options build.Options
	cache   cacheFlags
	spacing string
	memory  string
	asJSON  bool
}

func (a *app) corpusBuildCommand() *cobra.Command {
	f := &buildFlags{}
	cmd := &cobra.Command{
		Use:   "build [NAME…]",
		Short: "Standardise the scans of datasets into a corpus",
		Long: `Standardise the scans of datasets into a corpus.

--raw DIR names the folder that holds the datasets' folders. Every scan that a
record describes there, or with --scans every row of a list, is read, its recipes
are carried out, and image and masks are brought to the form that SAT is trained
on: RAS, 1×1×3 mm, cropped to what is above 0, intensities by modality. Each scan
gets a folder with image, masks and record, from which its masks can be put back
into the scan.

A build may be stopped at any time; the same command goes on. Scans whose files,
recipe and settings have not changed are not built again. Scans that fail are
listed with the reason, the rest goes on, and the exit code is 4. The version of
a corpus is a hash of its content.

--raw and --scans may name object stores. ` + urlHelp,
		Example: `  satgraph corpus build --raw ~/data -o corpus
  satgraph corpus build KiTS23 ACDC --raw ~/data -o corpus --workers 8
  satgraph corpus build --raw s3://scans/raw -o corpus --cache /scratch --cache-size 50G`,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.read(cmd, given); err != nil {
				return err
			}
			return a.buildCorpus(cmd, f)
		},
	}
	f.add(cmd)
	f.cache.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.source.Root, "raw", "", "folder or URL that holds the datasets' folders")
	flags.StringVarP(&f.options.Dir, "out", "o", "", "folder of the corpus")
	flags.StringVar(&f.source.Options.Layout, "layout", "", "release or sat-ds (default: the first of the record that has scans)")
	flags.BoolVar(&f.source.Options.AsPublished, "as-published", false, "as SAT's published code, with its anomalies")
	flags.StringVar(&f.spacing, "spacing", "1,1,3", "mm along the axes")
	flags.StringVar((*string)(&f.options.Settings.Labels), "labels", string(standard.Nearest), "how masks are resampled: nearest or linear")
	flags.IntVar(&f.options.Workers, "workers", 0, "scans at work at the same time (default: one more than there are processors)")
	flags.StringVar(&f.memory, "memory", "", "bound on the memory of all scans at work, as 8G, by which scans are held back (default: 80% of what is free); a scan that takes more works alone")
	flags.BoolVar(&f.options.Rehash, "rehash", false, "read files again whose size and time have not changed, and every voxel of what was built: what is damaged is built again")
	flags.BoolVar(&f.options.Prune, "prune", false, "drop scans that are not listed any more")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// read turns flags and names into a source and settings.
func (f *buildFlags) read(cmd *cobra.Command, names []string) error {
	for flag, value := range map[string]string{"raw": f.source.Root, "out": f.options.Dir} {
		if value == "" {
			return usageError{fmt.Errorf("give --%s", flag)}
		}
	}
	set := &f.options.Settings
	parts := strings.Split(f.spacing, ",")
	for a := range set.Spacing {
		var err error
		if len(parts) != 3 {
			err = errors.New("three numbers are needed")
		} else if set.Spacing[a], err = strconv.ParseFloat(strings.TrimSpace(parts[a]), 64); err == nil && !(set.Spacing[a] > 0 && set.Spacing[a] < 1000) {
			err = errors.New("want numbers from 0 to 1000")
		}
		if err != nil {
			return usageError{fmt.Errorf("--spacing %q: %w", f.spacing, err)}
		}
	}
	if set.Labels != standard.Nearest && set.Labels != standard.Linear {
		return usageError{fmt.Errorf("--labels %q: want nearest or linear", set.Labels)}
	}
	if f.options.Workers < 0 {
		return usageError{errors.New("--workers: want a number above 0")}
	}
	if err := f.readMemory(); err != nil {
		return err
	}
	f.source.Spacing = set.Spacing
	set.Orientation, set.AsPublished = "RAS", f.source.Options.AsPublished
	f.source.Options.Rectify = set.AsPublished // as the published loader reads headers
	if err := f.checkSplit(set.AsPublished); err != nil {
		return err
	}
	c, err := f.catalogFlag.read()
	if err != nil {
		return err
	}
	if f.source.Datasets, err = chosen(c, names); err != nil {
		return err
	}
	f.source.Asked = len(names) > 0
	if f.scans != "" {
		f.source.Rows, err = f.rows(cmd, c)
	}
	return err
}

// readMemory settles the budget.
func (f *buildFlags) readMemory() (err error) {
	if f.options.Memory, err = parseBytes(f.memory); err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	if free, known := sysmem.Available(); f.options.Memory == 0 && known {
		f.options.Memory = free / 5 * 4
	}
	return nil
}

// chosen are the datasets of these names; all where none is named.
func chosen(c *catalog.Catalog, names []string) ([]*catalog.Dataset, error) {
	if len(names) == 0 {
		return c.Datasets(), nil
	}
	var out []*catalog.Dataset
	for _, name := range names {
		d, err := dataset(c, name)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// buildDocument is what 'corpus build --json' prints.
type buildDocument struct {
	*build.Report
	// Missing are datasets that do not lie in the folder.
	Missing []string `json:"missing,omitempty"`
}

func (a *app) buildCorpus(cmd *cobra.Command, f *buildFlags) error {
	debug.SetGCPercent(25) // scans are large and few
	p := newProgress(a.err)
	f.options.Program = "satgraph " + version
	f.options.Progress = func(at build.Progress) {
		p.build(at)
	}
	cache, err := f.cache.options()
	if err != nil {
		return err
	}
	root, store, end, err := openURL(cmd.Context(), f.source.Root, cache)
	if err != nil {
		return err
	}
	defer end()
	if f.source.Root = root; store != nil {
		f.options.Files, f.source.Options.Files = store, store
	}
	report, err := build.Run(cmd.Context(), &f.source, f.options)
	p.done()
	a.sayUsage(store)
	if err != nil {
		if report.Built > 0 {
			_, _ = fmt.Fprintf(a.err, "%d scans were built; the same command goes on\n", report.Built)
		}
		return err
	}
	doc := &buildDocument{report, f.source.Missing}
	if f.asJSON {
		err = a.printJSON(doc)
	} else {
		a.printBuild(doc)
	}
	if err == nil && len(report.Failures) > 0 {
		err = errPartial
	}
	return err
}

func (a *app) printBuild(doc *buildDocument) {
	a.printf("%s: %d scans; %d built, %d unchanged, %d failed, in %v\n", doc.Dir, doc.Version.Scans,
		doc.Built, doc.Unchanged, len(doc.Failures), time.Duration(doc.Seconds*float64(time.Second)).Round(100*time.Millisecond))
	if doc.Elsewhere > 0 {
		a.printf("%d scans are of earlier builds and not listed any more; --prune drops them\n", doc.Elsewhere)
	}
	if n := len(doc.Missing); n > 0 {
		a.printf("%d datasets do not lie in the folder: %s\n", n, strings.Join(doc.Missing[:min(n, 10)], ", "))
	}
	const shown = 20
	for _, failure := range doc.Failures[:min(shown, len(doc.Failures))] {
		a.printf("failed: %s: %s\n", failure.Scan, failure.Reason)
	}
	if more := len(doc.Failures) - shown; more > 0 {
		a.printf("%d more failed; --json lists all\n", more)
	}
	a.printf("version %s\n", doc.Version.Hash)
}
