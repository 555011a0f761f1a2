package main

import (
	"github.com/spf13/cobra"

	"satgraph/graph"
)

func (a *app) treeCommand() *cobra.Command {
	return group("tree", "Look at the anatomy tree, change it, and build it",
		a.treeStatsCommand(), a.treeShowCommand(), a.treeSearchCommand(),
		a.treePathCommand(), a.treeCommonCommand(), a.treeSiblingsCommand(), a.treePartsCommand(),
		a.treeBuildCommand(), a.treeRefreshCommand(), a.treeImportCommand(), a.treeExportCommand(), a.treeHistoryCommand(), a.treeUndoCommand(),
		a.treeProposalsCommand(), a.treeApplyCommand(),
		a.treeExemplarsCommand())
}

func (a *app) treeStatsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count the tree's terms and relations",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			tree, err := a.openTree(cmd.Context())
			if err != nil {
				return err
			}
			s := tree.Stats()
			if asJSON {
				return a.printJSON(s)
			}
			a.printf("revision   %s\nterms      %d\n", tree.Revision(), s.Terms)
			for _, r := range graph.RelationTypes() {
				a.printf("%-10s %d\n", r, s.Relations[r])
			}
			a.printf("roots      %d\nmax depth  %d\n", s.Roots, s.MaxDepth)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
