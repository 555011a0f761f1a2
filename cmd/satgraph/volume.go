package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"satgraph/volume"
)

func (a *app) volumeCommand() *cobra.Command {
	return group("volume", "Look at scans and label maps", a.volumeInfoCommand())
}

func (a *app) volumeInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info FILE",
		Short: "Print a NIfTI file's shape, spacing, affine, orientation and data type",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			info, err := volume.ReadInfo(given[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(info)
			}
			a.printf("shape        %v\n", info.Shape)
			a.printf("spacing      %.6g × %.6g × %.6g mm\n", info.Spacing[0], info.Spacing[1], info.Spacing[2])
			a.printf("orientation  %s\n", info.Orientation)
			a.printf("data type    %s\n", info.DType)
			a.printf("affine\n")
			for _, row := range info.Affine {
				a.printf("  %s\n", fmt.Sprintf("%12.6g %12.6g %12.6g %12.6g", row[0], row[1], row[2], row[3]))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
