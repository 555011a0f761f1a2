package main

import (
	"time"

	"github.com/spf13/cobra"

	"satgraph/graph"
)

func (a *app) treeHistoryCommand() *cobra.Command {
	var limit, before int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history [ID]",
		Short: "List the change sets of the tree, or show one",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			ctx := cmd.Context()
			return a.withStore(ctx, func(store treeStore) error {
				if len(given) == 1 {
					set, err := store.ChangeSet(ctx, given[0])
					if err != nil {
						return err
					}
					return a.printChangeSet(set, asJSON)
				}
				records, err := store.History(ctx, before, limit)
				if err != nil {
					return err
				}
				if asJSON {
					if records == nil {
						records = []graph.Record{}
					}
					return a.printJSON(map[string]any{"history": records})
				}
				for i := range records {
					a.printRecord(&records[i])
				}
				if len(records) == 0 {
					a.printf("no change set yet\n")
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "change sets to list at most")
	cmd.Flags().IntVar(&before, "before", 0, "only those before this number")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) printRecord(r *graph.Record) {
	a.printf("%4d  %s  %s  %s: %s\n", r.Number, r.ID, r.Time.Local().Format(time.DateTime), r.Author, r.Title)
	c := r.Counts
	a.printf("      terms +%d −%d, %d changed; relations +%d −%d; revision %s", c.TermsAdded, c.TermsRemoved, c.TermsUpdated, c.RelationsAdded, c.RelationsRemoved, r.Revision)
	if r.Undoes != "" {
		a.printf("; takes back %s", r.Undoes)
	}
	if r.UndoneBy != "" {
		a.printf("; taken back by %s", r.UndoneBy)
	}
	a.printf("\n")
}

func (a *app) printChangeSet(set *graph.ChangeSet, asJSON bool) error {
	if asJSON {
		return a.printJSON(set)
	}
	a.printf("%s  %s\nby %s, %s, with %s", set.ID, set.Title, set.Author, set.Time.Local().Format(time.DateTime), set.Tool)
	if set.Source != "" {
		a.printf("\nfrom %s", set.Source)
	}
	a.printf("\n")
	a.printChanges(set.Changes)
	return nil
}

func (a *app) treeUndoCommand() *cobra.Command {
	var by, title string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "undo ID",
		Short: "Take a change set of the tree back",
		Long: `Take a change set of the tree back.

What it changed is as before, and the history says so. A term that was changed
again since is a conflict: nothing is taken back then. An undo can itself be
undone.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withStore(cmd.Context(), func(store treeStore) error {
				record, err := store.Undo(cmd.Context(), given[0], graph.ChangeSet{Author: author(by), Title: title, Tool: tool})
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(record)
				}
				a.printRecord(&record)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&by, "author", "", "who answers for it (default: the user's name)")
	cmd.Flags().StringVar(&title, "title", "", "why")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}
