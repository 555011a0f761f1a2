package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/gates"
)

// gatesFlags are those of 'corpus gates'.
type gatesFlags struct {
	listFlags
	before, use, waivers string
	corpus               string
	gates                []string
	asPublished          bool
	detail               gates.Detail
	asJSON               bool
}

func (a *app) corpusGatesCommand() *cobra.Command {
	var f gatesFlags
	cmd := &cobra.Command{
		Use:   "gates",
		Short: "Check whether the corpus may be trained on or given away",
		Long: `Check records and a list of scans: licences, scans and persons on both sides,
names that collide, counts that jump, and all that is known to be odd about the
published data. With --corpus also what was built: equal pictures, sides that
disagree with geometry, parts that stick out of their whole, values that nobody
explains, odd spacings and intensities. Exit code 3 means that something stops a
release.

A finding is waived by a record in a YAML file that two people sign:

  - gate: licence
    dataset: MSD_*
    reason: the terms were read on the homepage
    by: Ada Lovelace
    reviewer: Grace Hopper
    date: 2026-11-25
    expires: 2027-11-25   # may be left out`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := f.input(cmd)
			if err != nil {
				return err
			}
			if f.corpus != "" {
				if err := a.measureCorpus(cmd.Context(), f.corpus, &in); err != nil {
					return err
				}
			}
			report, err := gates.Run(cmd.Context(), in, f.gates...)
			if err != nil {
				return err
			}
			if f.asJSON {
				err = a.printJSON(report)
			} else {
				err = report.Write(a.out, f.detail)
			}
			if err == nil && !report.Passed {
				err = refusal{errors.New("")}
			}
			return err
		},
	}
	f.add(cmd)
	preset(cmd.Flags(), "scans")
	cmd.Flags().StringVar(&f.before, "before", "", "an earlier scan list, to find annotations that jumped")
	cmd.Flags().StringVar(&f.corpus, "corpus", "", "folder of a corpus that 'corpus build' made")
	cmd.Flags().StringVar(&f.use, "use", string(gates.Research), "what the corpus is for: research, commercial or share")
	cmd.Flags().StringVar(&f.waivers, "waivers", "", "YAML file of waivers")
	preset(cmd.Flags(), "waivers")
	cmd.Flags().StringSliceVar(&f.gates, "gate", nil, "only these gates")
	cmd.Flags().BoolVar(&f.asPublished, "as-published", false, "hold the published form against the corpus, whose faults are not put right")
	cmd.Flags().BoolVar(&f.detail.Notes, "notes", false, "list notes too: what is put right already")
	cmd.Flags().BoolVar(&f.detail.All, "all", false, "list every finding, not only the first of each dataset")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

// input reads what the flags name.
func (f *gatesFlags) input(cmd *cobra.Command) (in gates.Input, err error) {
	in.AsPublished = f.asPublished
	if err := f.checkSplit(f.asPublished); err != nil {
		return in, err
	}
	if in.Use, err = gates.ParseUse(f.use); err != nil {
		return in, usageError{err}
	}
	if in.Catalog, err = f.read(); err != nil {
		return in, err
	}
	if f.scans != "" {
		if in.Index, err = f.rows(cmd, in.Catalog); err != nil {
			return in, err
		}
	}
	if f.before != "" {
		if in.Before, err = readScans(cmd, f.before, in.Catalog); err != nil {
			return in, err
		}
	}
	if f.waivers != "" {
		file, err := os.Open(f.waivers)
		if err != nil {
			return in, err
		}
		defer file.Close() //nolint:errcheck // it was read
		in.Waivers, err = gates.ReadWaivers(file)
		if err != nil {
			return in, err
		}
	}
	return in, nil
}

// measureCorpus adds a built corpus to the input.
func (a *app) measureCorpus(ctx context.Context, dir string, in *gates.Input) error {
	built, err := build.Open(dir)
	if err != nil {
		return err
	}
	tree, err := a.openTree(ctx)
	if err != nil {
		return err
	}
	classes, err := catalog.Classes()
	if err != nil {
		return err
	}
	for _, list := range [][]*build.Entry{built.Scans, built.Failed} {
		for _, e := range list {
			if !slices.Contains(in.Datasets, e.Dataset) {
				in.Datasets = append(in.Datasets, e.Dataset)
			}
		}
	}
	slices.Sort(in.Datasets)
	in.Built = gates.BuiltCorpus{Corpus: built, Index: in.Index, Wholes: gates.WholesOf(tree, classes)}
	return nil
}
