package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph/export"
	"satgraph/volume"
)

func (a *app) treeExportCommand() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "export [--format FORMAT] [-o FILE]",
		Short: "Write the tree for other tools: OBO, TSV, SKOS, GraphML",
		Long: `Write the tree for other tools.

obo and tsv hold all that the tree does: 'tree import' reads the same tree from
them. skos is JSON-LD for RDF tools; graphml is for graph tools, its edges lead
from child to parent. The file is written whole or not at all; without -o the
tree goes to stdout.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := exportFormat(format, out)
			if err != nil {
				return err
			}
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			if out == "" {
				return export.Write(a.out, tree, f)
			}
			return volume.WriteAtomic(out, func(w io.Writer) error { return export.Write(w, tree, f) })
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "obo, tsv, skos or graphml (default: by the file's name, else obo)")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write")
	return cmd
}

// exportFormat is the one asked for, or that of the file's name.
func exportFormat(asked, out string) (export.Format, error) {
	f := export.Format(asked)
	if asked == "" {
		f = export.OBO
		switch ext := strings.TrimPrefix(filepath.Ext(out), "."); ext {
		case "jsonld":
			f = export.SKOS
		case "":
		default:
			f = export.Format(ext)
		}
	}
	if !slices.Contains(export.Formats(), f) {
		return "", usageError{fmt.Errorf("--format: %w: %q; want obo, tsv, skos or graphml", export.ErrFormat, f)}
	}
	return f, nil
}
