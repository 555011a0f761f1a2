package main

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/inference"
	"satgraph/inference/checkpoint"
	"satgraph/inference/onnx"
	"satgraph/models"
)

func (a *app) modelCommand() *cobra.Command {
	return group("model", "Make, look at and check model bundles",
		a.modelConvertCommand(), a.modelInfoCommand(), a.modelVerifyCommand(), a.modelTritonCommand())
}

func (a *app) modelInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [DIR]",
		Short: "Print what a bundle is and knows (default: the built-in demo model)",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			bundle, _, err := openBundle(given)
			if err != nil {
				return err
			}
			m, err := readManifest(bundle)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m)
			}
			a.printModel(m)
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

func readManifest(bundle fs.FS) (*checkpoint.Manifest, error) {
	if _, err := onnx.ReadManifest(bundle); err != nil {
		return nil, err
	}
	doc, err := fs.ReadFile(bundle, inference.ManifestFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBadManifest, err)
	}
	return checkpoint.ReadManifest(doc)
}

// proNote stands beside SAT-Pro's parameters.
const proNote = "its checkpoint holds these, the paper says 447M"

// printModel prints all of a manifest but its prompts.
func (a *app) printModel(m *checkpoint.Manifest) {
	a.printf("%s %s\n", m.Name, m.Version)
	if m.Warning() != "" {
		a.printf("%s\n", m.Warning())
	}
	a.printf("spacing     %g × %g × %g mm\npatch       %d × %d × %d voxels\nmodalities  %s\nqueries     %d numbers each\n",
		m.Spacing[0], m.Spacing[1], m.Spacing[2], m.Patch[0], m.Patch[1], m.Patch[2], joined(m.Modalities), m.EmbeddingWidth)
	if p := m.Parameters; p.Vision > 0 {
		note := ""
		if m.Variant() == checkpoint.Pro {
			note = " (" + proNote + ")"
		}
		a.printf("vision      %.1fM parameters%s: %s\n", float64(p.Vision)/1e6, note, &m.Vision)
		a.printf("text        %.1fM parameters: %s\n", float64(p.Text)/1e6, &m.Text)
		a.printf("unused      %.1fM of them, which inference leaves out\n", float64(p.Unused)/1e6)
		a.printf("weights     stored as %s\n", m.Weights)
		for _, s := range []struct {
			what string
			from checkpoint.Source
		}{{"vision", m.Source.Vision}, {"text", m.Source.Text}} {
			step := "no training step noted"
			if s.from.Step >= 0 {
				step = fmt.Sprintf("training step %d", s.from.Step)
			}
			a.printf("made from   %s checkpoint sha256 %s, %s\n", s.what, s.from.SHA256, step)
		}
	}
	if m.Pair != "" {
		a.printf("pair        %s\n", m.Pair)
	}
	names := make([]string, 0, len(m.Files))
	for name := range m.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		a.printf("file        %s  %s\n", m.Files[name], name)
	}
}

func joined(list []inference.Modality) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

func (a *app) modelVerifyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Check a bundle's files and what it computes (default: the built-in demo model)",
		Long: `Check every file of a bundle against its sum, and that its parts fit each
other and the manifest; then run its networks on the
prompts and the image of its self-test and compare what they give with what the
bundle notes. Without ONNX Runtime only the files are checked, and the command
fails.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			bundle, dir, err := openBundle(given)
			if err != nil {
				return err
			}
			if _, err := onnx.Check(bundle, dir); err != nil {
				return err
			}
			m, err := readManifest(bundle)
			if err != nil {
				return err
			}
			result := verification{Name: m.Name, Version: m.Version, Files: len(m.Files)}
			if m.SelfTest != nil {
				got := m.SelfTest.Clone()
				if got.Patch == [3]int{} {
					got.Patch = m.Patch
				}
				if err := onnx.SelfTest(cmd.Context(), bundle, dir, got); err != nil {
					return fmt.Errorf("%d files are as the manifest says; self-test: %w", len(m.Files), err)
				}
				if result.Difference, err = m.SelfTest.Check(got); err != nil {
					return err
				}
				result.Embeddings, result.Logits, result.Tolerance = m.SelfTest.Vectors(), len(got.Probes), m.SelfTest.Tolerance
			}
			if asJSON {
				return a.printJSON(result)
			}
			a.printf("%s %s: %d files as the manifest says\n", m.Name, m.Version, result.Files)
			if m.SelfTest == nil {
				a.printf("it has no self-test, so what it computes was not checked\n")
				return nil
			}
			a.printf("self-test: %d embeddings and %d logits as noted; largest difference %.2g (tolerance %g)\n",
				result.Embeddings, result.Logits, result.Difference, result.Tolerance)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// verification is what verify found in a bundle that is well.
type verification struct {
	Name       string  `json:"name"`
	Version    string  `json:"version"`
	Files      int     `json:"files"`
	Embeddings int     `json:"embeddings"`
	Logits     int     `json:"logits"`
	Difference float64 `json:"difference"`
	Tolerance  float64 `json:"tolerance"`
}

// openBundle is the folder given, and its path, or the built-in demo bundle.
func openBundle(given []string) (fs.FS, string, error) {
	if len(given) == 0 {
		bundle, err := models.Demo()
		return bundle, "", err
	}
	return os.DirFS(given[0]), given[0], nil
}
