package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"satgraph/datasets/phantom"
)

func (a *app) phantomCommand() *cobra.Command {
	o := phantom.Options{Version: 1}
	var out string
	var count int
	cmd := &cobra.Command{
		Use:   "phantom -o DIR",
		Short: "Make torso CT phantoms with complete tissue maps",
		Long: `Make torso CT phantoms with complete tissue maps.

Each phantom gets a folder: image.nii.gz (HU), tissues.nii.gz (one code a
voxel) and phantom.json (what the codes are, and which codes make up each
class). The same seed and version give the same voxels. Phantoms are drawn from
formulas; they are demonstration material and show no patient.`,
		Example: "  satgraph phantom -o phantoms --seed 1 --count 10",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case out == "":
				return usageError{errors.New("give the output folder with -o")}
			case count < 1:
				return usageError{fmt.Errorf("--count %d: want 1 or more", count)}
			}
			for range count {
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				dir := filepath.Join(out, fmt.Sprintf("phantom_%d", o.Seed))
				if err := writePhantom(dir, o); err != nil {
					return err
				}
				a.printf("%s\n", dir)
				o.Seed++
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder to write into")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "seed of the first phantom; the next ones count up")
	cmd.Flags().IntVar(&count, "count", 1, "number of phantoms")
	cmd.Flags().IntVar(&o.Version, "version", o.Version, "generator version: 1 made the demo model's training data, 2 is for evaluation")
	cmd.Flags().Float64Var(&o.Spacing, "spacing", o.Spacing, "voxel size in mm, along every axis; 0 draws one")
	cmd.Flags().BoolVar(&o.FullFOV, "full", false, "the whole torso, in place of a drawn field of view and axis order")
	return cmd
}

func writePhantom(dir string, o phantom.Options) error {
	p, err := phantom.Generate(o)
	if errors.Is(err, phantom.ErrOptions) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	return p.Write(dir)
}
