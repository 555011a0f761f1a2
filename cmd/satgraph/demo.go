package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"satgraph/datasets/phantom"
	"satgraph/inference"
	"satgraph/volume"
)

const demoQuery = "children of heart"

func (a *app) demoCommand() *cobra.Command {
	var o segmentOptions
	var image, query string
	var seed uint64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Segment the children of the heart, with nothing configured",
		Long: `Segment the children of the heart, with nothing configured.

Without --image the scan is a generated torso phantom, and the built-in demo
model is one that learned from such phantoms alone. It shows how the parts work
together; it is never for clinical use.`,
		Example: "  satgraph demo\n  satgraph demo --image ct.nii.gz",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), image, query, seed, o)
		},
	}
	o.register(cmd, "satgraph-demo")
	cmd.Flags().StringVar(&image, "image", "", "a scan of your own (.nii, .nii.gz) in place of the phantom")
	cmd.Flags().StringVar(&query, "query", demoQuery, "what to segment")
	cmd.Flags().Uint64Var(&seed, "seed", 7, "seed of the generated phantom")
	return cmd
}

func (a *app) demo(ctx context.Context, image, query string, seed uint64, o segmentOptions) error {
	var drawn *phantom.Phantom
	if image == "" {
		if err := probeFolder(o.out); err != nil {
			return err
		}
		var err error
		if drawn, err = phantom.Generate(demoPhantom(seed)); err != nil {
			return err
		}
		image = filepath.Join(o.out, "scan.nii.gz")
		if err := volume.WriteImage(image, drawn.Image, volume.Int16); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(a.err, "made a torso phantom (seed %d): %s\n", seed, image)
	}
	report, err := a.segment(ctx, image, asked{query: query}, o)
	if report == nil {
		return err
	}
	if err := errors.Join(a.printReport(report, o, err), err); err != nil {
		return err
	}
	if o.asJSON {
		return nil
	}
	if drawn != nil && o.layout == layoutFiles {
		if err := a.printTruth(drawn, report, o.out); err != nil {
			return err
		}
	}
	a.printf("\nThe same over GraphQL:  satgraph serve   then open http://%s/\n", defaultAddr)
	return nil
}

// demoPhantom is a whole torso at a spacing that common CT protocols reach.
func demoPhantom(seed uint64) phantom.Options {
	return phantom.Options{Seed: seed, Version: 2, Spacing: 2.5, FullFOV: true}
}

// printTruth compares the masks with the phantom's own labels, which a real
// scan does not have.
func (a *app) printTruth(drawn *phantom.Phantom, report *inference.Report, dir string) error {
	a.printf("\nDice against the phantom's own labels:\n")
	for _, s := range report.Structures {
		if s.File == "" {
			continue
		}
		var codes []uint16
		for _, class := range s.Classes {
			codes = append(codes, drawn.Classes[class]...)
		}
		slices.Sort(codes)
		mask, err := volume.ReadLabelMap(filepath.Join(dir, s.File), volume.ReadOptions{})
		if err != nil {
			return err
		}
		a.printf("  %-28s %.2f\n", s.Term, dice(mask.Data, drawn.Tissues.Mask(slices.Compact(codes)...).Data))
	}
	return nil
}

func dice(found []uint16, truth []uint8) float64 {
	both, sum := 0, 0
	for i, t := range truth {
		f := found[i] != 0
		if f {
			sum++
		}
		if t != 0 {
			sum++
			if f {
				both++
			}
		}
	}
	if sum == 0 {
		return 1
	}
	return 2 * float64(both) / float64(sum)
}
