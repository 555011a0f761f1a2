package main

import (
	"strings"

	"github.com/spf13/cobra"

	"satgraph/inference"
)

func (a *app) resolveCommand() *cobra.Command {
	var asJSON bool
	var modality string
	cmd := &cobra.Command{
		Use:   "resolve QUERY",
		Short: "Say what can be segmented for a query, and why the rest can't",
		Long: `Say what can be segmented for a query, and why the rest can't.

A query is a term by name, synonym or id, "children of X", "all descendants
of X", or several of these with commas between them. It is answered from the
anatomy tree and the 498 corpus classes; no model or scan is needed.`,
		Example: "  satgraph resolve 'children of heart' --modality ct",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			m, err := inference.ParseModality(modality)
			if err != nil {
				return err
			}
			resolver, err := a.openResolver(cmd.Context())
			if err != nil {
				return err
			}
			plan, err := resolver.Resolve(strings.Join(given, " "), m)
			if plan == nil {
				return err
			}
			if asJSON {
				if jsonErr := a.printJSON(plan); jsonErr != nil {
					return jsonErr
				}
			} else {
				a.printPlan(plan)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	cmd.Flags().StringVar(&modality, "modality", "", "ct, mri or pet (default: all)")
	return cmd
}

func (a *app) printPlan(plan *inference.Plan) {
	for _, t := range plan.Terms {
		a.printf("%-16s %-16s %s\n", t.ID, t.Status, t.Name)
		if len(t.Classes) > 0 {
			a.printf("    by     %s\n", strings.Join(t.Classes, " + "))
		}
		if len(t.Missing) > 0 {
			a.printf("    lacks  %s\n", strings.Join(t.Missing, ", "))
		}
		if t.Reason != "" {
			a.printf("    why    %s\n", t.Reason)
		}
		for _, c := range t.Candidates {
			a.printf("    maybe  %s  %s\n", c.ID, c.Name)
		}
	}
	a.printf("%d calls\n", len(plan.Calls))
}
