package main

import (
	"github.com/spf13/cobra"

	"satgraph/inference/onnx"
)

func (a *app) modelCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "Look at model bundles"}
	cmd.AddCommand(a.modelInfoCommand())
	return cmd
}

func (a *app) modelInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [DIR]",
		Short: "Print what a bundle is and knows (default: the built-in demo model)",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			dir := ""
			if len(given) == 1 {
				dir = given[0]
			}
			m, err := readManifest(dir)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m)
			}
			a.printf("%s %s\n", m.Name, m.Version)
			if m.Notice != "" {
				a.printf("%s\n", m.Notice)
			}
			a.printf("spacing   %g × %g × %g mm\npatch     %d × %d × %d voxels\n",
				m.Spacing[0], m.Spacing[1], m.Spacing[2], m.Patch[0], m.Patch[1], m.Patch[2])
			a.printf("%d prompts\n", len(m.Prompts))
			for _, p := range m.Prompts {
				a.printf("  %v  %s\n", p.Modalities, p.Name)
			}
			if lib, err := onnx.FindLibrary(); err == nil {
				a.printf("ONNX Runtime  %s\n", lib)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
