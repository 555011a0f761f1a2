package main

import (
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"satgraph/inference/onnx"
	"satgraph/models"
)

func (a *app) modelCommand() *cobra.Command {
	return group("model", "Look at model bundles", a.modelInfoCommand(), a.modelVerifyCommand())
}

func (a *app) modelInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [DIR]",
		Short: "Print what a bundle is and knows (default: the built-in demo model)",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			bundle, err := openBundle(given)
			if err != nil {
				return err
			}
			m, err := onnx.ReadManifest(bundle)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m)
			}
			a.printf("%s %s\n", m.Name, m.Version)
			if m.Warning() != "" {
				a.printf("%s\n", m.Warning())
			}
			a.printf("spacing   %g × %g × %g mm\npatch     %d × %d × %d voxels\n",
				m.Spacing[0], m.Spacing[1], m.Spacing[2], m.Patch[0], m.Patch[1], m.Patch[2])
			a.printf("%d prompts\n", len(m.Prompts))
			for _, p := range m.Prompts {
				a.printf("  %v  %s\n", p.Modalities, p.Name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) modelVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Check every file of a bundle against its sum (default: the built-in demo model)",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			bundle, err := openBundle(given)
			if err != nil {
				return err
			}
			m, err := onnx.Verify(bundle)
			if err != nil {
				return err
			}
			a.printf("%s %s: %d files as the manifest says\n", m.Name, m.Version, len(m.Files))
			return nil
		},
	}
}

// openBundle is the folder given, or the built-in demo bundle.
func openBundle(given []string) (fs.FS, error) {
	if len(given) == 0 {
		return models.Demo()
	}
	return os.DirFS(given[0]), nil
}
