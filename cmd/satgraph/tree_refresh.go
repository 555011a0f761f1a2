package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/graph/builtin"
)

// treeRefreshCommand brings the built-in tree into a store that an older
// program filled: a store is only filled on its first start.
func (a *app) treeRefreshCommand() *cobra.Command {
	var by string
	var preview, anyway, asJSON bool
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Bring the tree of this version of the program into the store",
		Long: `Bring the tree of this version of the program into the store.

A store keeps the tree that the program had when it was first started. This makes
it the present one, as a change set that can be seen first (--preview) and taken
back ('tree undo'). A store whose tree was changed by hand since, by imports for
instance, is left alone, since those changes would be lost, unless --anyway says
so.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				now, err := store.Load(ctx)
				if err != nil {
					return err
				}
				next, err := builtin.Snapshot()
				if err != nil {
					return err
				}
				set := graph.Diff(now, next)
				set.Title, set.Author, set.Tool = "The built-in tree of satgraph "+version, author(by), tool
				doc := importDocument{File: "built-in", Mode: "replace", Counts: set.Counts()}
				doc.Read.Terms, doc.Read.Relations = len(next.Terms), len(next.Relations)
				if doc.Unplaced, err = unplaced(&set); err != nil {
					return err
				}
				changed, err := store.History(ctx, 0, 1)
				if err != nil {
					return err
				}
				switch {
				case preview:
					doc.Changes = set.Changes
				case len(set.Changes) == 0:
				case len(changed) > 0 && !anyway:
					return refusal{fmt.Errorf("the tree was changed since it was first filled, last by %q (%s); see what would be lost with --preview, and do it with --anyway",
						changed[0].Title, changed[0].ID)}
				default:
					record, err := store.Apply(ctx, set)
					if err != nil {
						return err
					}
					doc.Applied, doc.ChangeSet = true, &record
				}
				if asJSON {
					return a.printJSON(doc)
				}
				if len(set.Changes) == 0 {
					a.printf("the store holds the tree of this version\n")
					return nil
				}
				a.printImport(doc)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&by, "author", "", "who answers for the change (default: the user's name)")
	cmd.Flags().BoolVar(&preview, "preview", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&anyway, "anyway", false, "also where the tree was changed since it was first filled")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
