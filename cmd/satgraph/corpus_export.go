package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satgraph/datasets/build"
	"satgraph/datasets/build/view"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/export/bids"
	"satgraph/datasets/export/croissant"
	"satgraph/datasets/export/dicomseg"
	"satgraph/datasets/export/index"
	"satgraph/datasets/export/labelmaps"
	"satgraph/datasets/export/monai"
	"satgraph/datasets/export/nnunet"
	"satgraph/datasets/export/phantoms"
	"satgraph/datasets/export/sat"
	"satgraph/inference"
	"satgraph/internal/sysmem"
	"satgraph/volume"
)

// exportFlags are the flags of corpus export.
type exportFlags struct {
	catalogFlag
	format, out string
	sel         export.Select
	split       string
	sides       export.Sides // of a file that split names
	splitHash   string
	overlap     string
	merge       string
	leaveOut    bool
	firstID     int
	about       croissant.Options
	prefix      string
	asIs        bool
	strict      bool
	workers     int
	asJSON      bool
}

// corpusFormat is a form that a corpus can be exported in.
type corpusFormat struct {
	about string
	flags []string // those of its own
	make  func(f *exportFlags) export.Format
}

// corpusFormats are the formats by name.
var corpusFormats = map[string]corpusFormat{
	"sat": {
		"arrays and rows as SAT's training code reads them",
		[]string{"prefix", "as-is"},
		func(f *exportFlags) export.Format { return sat.New(sat.Options{Prefix: f.prefix, AsIs: f.asIs}) },
	},
	"nnunet": {
		"raw datasets of nnU-Net v2",
		[]string{"overlap", "merge", "leave-out-partial", "first-id"},
		func(f *exportFlags) export.Format {
			return nnunet.New(nnunet.Options{Settings: f.labelMaps(), FirstID: f.firstID})
		},
	},
	"monai": {
		"decathlon datasets as MONAI reads them",
		[]string{"overlap", "merge", "leave-out-partial"},
		func(f *exportFlags) export.Format { return monai.New(f.labelMaps()) },
	},
	"croissant": {
		"NIfTI files described in Croissant 1.1",
		[]string{"name", "description", "url", "corpus-version", "date", "cite"},
		func(f *exportFlags) export.Format { return croissant.New(f.about) },
	},
	"bids": {
		"BIDS derivatives with dseg.tsv",
		[]string{"name", "overlap"},
		func(f *exportFlags) export.Format {
			return bids.New(bids.Options{Name: f.about.Name, Overlap: export.Overlap(f.overlap)})
		},
	},
	"dicomseg": {
		"DICOM series with segmentations in SNOMED CT codes", nil,
		func(*exportFlags) export.Format { return dicomseg.New(version) },
	},
	"index": {
		"tables of scans, structures and classes in Parquet", nil,
		func(*exportFlags) export.Format { return index.New() },
	},
}

func (f *exportFlags) labelMaps() labelmaps.Settings {
	return labelmaps.Settings{Overlap: export.Overlap(f.overlap), Merge: f.merge, LeaveOut: f.leaveOut}
}

func formatNames() []string {
	names := make([]string, 0, len(corpusFormats))
	for name := range corpusFormats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (a *app) corpusExportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export FOLDER --format FORMAT -o DIR",
		Short: "Write a corpus in the form that a trainer already reads",
		Example: `  satgraph phantom -o phantoms --count 10 --spacing 3
  satgraph corpus export phantoms --format nnunet --overlap regions -o nnUNet_raw`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			format, err := f.check(cmd)
			if err != nil {
				return err
			}
			return a.exportCorpus(cmd.Context(), given[0], format, &f)
		},
	}
	lines := make([]string, 0, len(corpusFormats))
	for _, name := range formatNames() {
		lines = append(lines, fmt.Sprintf("  %-10s %s", name, corpusFormats[name].about))
	}
	cmd.Long = `Write a corpus in the form that a trainer already reads.

FOLDER holds a corpus (satgraph corpus build) or phantoms (satgraph phantom).
Of a corpus, sat gets intensities as they are standardised, every other format
those of the scans' own units, clipped as the corpus clips them. Formats:

` + strings.Join(lines, "\n") + `

DIR appears when the export is whole; stopped or failed, the same command goes
on from where it was. The same corpus gives the same bytes: files.sha256 lists
them, export.json says what was exported and how. --split persons, or a file of
your own, puts scans on sides as every format writes them. Structures that share voxels
are refused by name where a format has one label a voxel, unless --overlap says
how both are kept. Datasets whose licence forbids passing them on, or that
nobody has checked, are named; --strict-licence refuses them.`
	flags := cmd.Flags()
	f.add(cmd)
	flags.StringVar(&f.format, "format", "", "one of "+strings.Join(formatNames(), ", "))
	flags.StringVarP(&f.out, "out", "o", "", "folder to write")
	flags.StringSliceVar(&f.sel.Datasets, "dataset", nil, "only these datasets")
	flags.StringVar(&f.split, "split", splitPublished, "sides of the scans: published; persons, which moves all scans of a person to the side that has most of them; or a file with the columns scan (DATASET/ID) and split, in CSV or with tabs")
	flags.StringSliceVar(&f.sel.Splits, "side", nil, "only scans on these sides: train, validation, test")
	flags.StringSliceVar(&f.sel.Modalities, "modality", nil, "only these modalities: ct, mri, pet")
	flags.StringSliceVar(&f.sel.Without, "without", nil, "leave out these scans, each as DATASET/ID")
	flags.StringVar(&f.overlap, "overlap", "", "structures that share voxels: refuse (the default), regions (nnunet, monai), layers (bids)")
	flags.StringVar(&f.merge, "merge", "", "put all datasets into one of this name (nnunet, monai)")
	flags.BoolVar(&f.leaveOut, "leave-out-partial", false, "leave out classes that not every scan has annotated, instead of refusing (nnunet, monai)")
	flags.IntVar(&f.firstID, "first-id", 1, "number of the first dataset (nnunet)")
	flags.StringVar(&f.about.Name, "name", "", "name of the corpus (croissant, bids)")
	flags.StringVar(&f.about.Description, "description", "", "what it is (croissant)")
	flags.StringVar(&f.about.URL, "url", "", "where it can be found (croissant)")
	flags.StringVar(&f.about.Version, "corpus-version", "", "its version (croissant)")
	flags.StringVar(&f.about.Date, "date", "", "when it was published, as 2026-01-31 (croissant)")
	flags.StringVar(&f.about.CiteAs, "cite", "", "how to cite it (croissant)")
	flags.StringVar(&f.prefix, "prefix", "", "what goes before every path in the rows (sat)")
	flags.BoolVar(&f.asIs, "as-is", false, "take scans that were not standardised for SAT as they are (sat)")
	flags.BoolVar(&f.strict, "strict-licence", false, "refuse datasets that may not be passed on, or that nobody has checked")
	flags.IntVar(&f.workers, "workers", 0, "scans written at the same time, each of them in memory (default: one on each processor, as far as 2 GiB are free for each); the bytes don't depend on it")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// check finds the format, and flags that it does not have.
func (f *exportFlags) check(cmd *cobra.Command) (corpusFormat, error) {
	format, ok := corpusFormats[f.format]
	if !ok {
		return format, usageError{fmt.Errorf("--format %q: want one of %s", f.format, strings.Join(formatNames(), ", "))}
	}
	if f.out == "" {
		return format, usageError{errors.New("give the output folder with -o")}
	}
	if f.workers < 0 {
		return format, usageError{errors.New("--workers: want a number above 0")}
	}
	for _, side := range f.sel.Splits {
		if !slices.Contains(exportSides, side) {
			return format, usageError{fmt.Errorf("--side %q: want train, validation or test", side)}
		}
	}
	if err := f.readSplit(); err != nil {
		return format, err
	}
	for _, other := range corpusFormats {
		for _, flag := range other.flags {
			if cmd.Flags().Changed(flag) && !slices.Contains(format.flags, flag) {
				return format, usageError{fmt.Errorf("--%s has no meaning for --format %s", flag, f.format)}
			}
		}
	}
	return format, nil
}

// The splits of corpus export that are no files.
const (
	splitPublished = string(corpus.AsListed)
	splitPersons   = string(corpus.ByPerson)
)

var exportSides = []string{export.Train, export.Validation, export.Test}

// readSplit reads the file of sides, where --split names one.
func (f *exportFlags) readSplit() (err error) {
	switch {
	case f.split == splitPublished, f.split == splitPersons:
		return nil
	case f.split == "" || slices.Contains(exportSides, f.split):
		return usageError{fmt.Errorf("--split %q: want published, persons or a file of sides; --side chooses a side", f.split)}
	}
	f.sides, f.splitHash, err = export.ReadSides(f.split)
	if err != nil {
		return usageError{fmt.Errorf("--split: %w", err)}
	}
	return nil
}

// onSides puts the scans of a source on the sides that --split says.
func (f *exportFlags) onSides(ctx context.Context, src export.Source) (export.Source, []string, error) {
	switch {
	case f.sides != nil:
		return export.OnSides(ctx, src, f.sides.Assign(&f.sel))
	case f.split == splitPersons:
		return export.OnSides(ctx, src, export.ByPerson)
	}
	return src, nil, nil
}

// settings are the flags that the bytes depend on.
func (f *exportFlags) settings(cmd corpusFormat) map[string]string {
	all := map[string]string{
		"overlap": f.overlap, "merge": f.merge, "leave-out-partial": fmt.Sprint(f.leaveOut),
		"first-id": fmt.Sprint(f.firstID), "prefix": f.prefix, "as-is": fmt.Sprint(f.asIs),
		"name": f.about.Name, "description": f.about.Description, "url": f.about.URL,
		"corpus-version": f.about.Version, "date": f.about.Date, "cite": f.about.CiteAs,
	}
	out := map[string]string{}
	for _, flag := range cmd.flags {
		out[flag] = all[flag]
	}
	switch {
	case f.sides != nil: // whatever the file is called
		out["split"] = "file with the SHA-256 " + f.splitHash
	case f.split == splitPersons:
		out["split"] = f.split
	}
	return out
}

// exportSource opens a built corpus, or a folder of phantoms, and says what is to
// be warned of. units asks for intensities in the scans' own units.
func exportSource(folder string, records *catalogFlag, units bool) (src export.Source, warnings []string, err error) {
	if volume.IsURL(folder) {
		return nil, nil, usageError{fmt.Errorf("%s: a corpus is read from a disk; copy it there with the store's own tools", folder)}
	}
	if !build.Is(folder) {
		src, err = phantoms.Open(folder)
		if errors.Is(err, phantoms.ErrNone) {
			err = fmt.Errorf("%w, nor a corpus: build one of raw datasets with 'corpus build', or draw some with 'phantom'", err)
		}
		return src, nil, err
	}
	known, err := records.read()
	if err != nil {
		return nil, nil, err
	}
	c, err := view.Open(folder, known)
	if err != nil {
		return nil, nil, err
	}
	c.Units = units
	return c, c.Unbuilt(), nil
}

// exportWorkers is how many scans are written at the same time.
func exportWorkers(asked int) int {
	const each = 2 << 30 // more than most scans take
	free, known := sysmem.Available()
	if asked > 0 || !known {
		return asked
	}
	return max(1, min(runtime.GOMAXPROCS(0), int(free/each)))
}

// exportProgress prints how far an export is, and about how long the rest takes.
func exportProgress(p *progress) func(export.Progress) {
	started, first := time.Now(), -1
	return func(at export.Progress) {
		if first < 0 {
			first = at.Done // what an earlier run had written
		}
		what := at.Sample
		if n := at.Done - first; n > 0 && at.Done < at.Total {
			left := time.Since(started) / time.Duration(n) * time.Duration(at.Total-at.Done)
			what += fmt.Sprintf(", %v left", left.Round(time.Second))
		}
		p.update(inference.Progress{Phase: "export", Done: at.Done, Total: at.Total, What: what})
	}
}

func (a *app) exportCorpus(ctx context.Context, folder string, format corpusFormat, f *exportFlags) error {
	src, warnings, err := exportSource(folder, &f.catalogFlag, f.format != "sat")
	if err != nil {
		return err
	}
	src, more, err := f.onSides(ctx, src)
	if err != nil {
		return err
	}
	warnings = append(warnings, more...)
	p := newProgress(a.err)
	report, err := export.Run(ctx, format.make(f), src, export.Options{
		Dir: f.out, Format: f.format, Settings: f.settings(format), Select: f.sel, StrictLicence: f.strict, Program: "satgraph " + version, Warnings: warnings,
		Workers: exportWorkers(f.workers), Progress: exportProgress(p),
	})
	p.done()
	if incomplete, ok := errors.AsType[*export.IncompleteError](err); ok && f.asJSON {
		failed := map[string]string{}
		for _, x := range incomplete.Failed {
			failed[x.Sample] = x.Err.Error()
		}
		return errors.Join(a.printJSON(map[string]any{"done": incomplete.Done, "total": incomplete.Total, "failed": failed}), err)
	}
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		_, _ = fmt.Fprintln(a.err, "warning:", w)
	}
	if f.asJSON {
		return a.printJSON(report)
	}
	a.printf("%s: %d scans, %d files, %.1f MB, %s\n", report.Dir, report.Samples, report.Files, float64(report.Bytes)/1e6, report.Hash)
	return nil
}
