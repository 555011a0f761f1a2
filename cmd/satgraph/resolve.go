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

It is answered from the anatomy tree and the 498 corpus classes; no model or
scan is needed. Without --modality every kind of scan counts that has a class.

Each structure asked for is segmentable (a class draws it), composable (a
union of classes covers it, less what is to be left out; parts that no class
draws are named), not_segmentable, ambiguous or unknown, with the reason. The
exit code is 3 if nothing can be segmented, 4 if only a part of what was asked.

A query is understood in this form:

` + inference.Grammar,
		Example: `  satgraph resolve 'children of heart' --modality ct
  satgraph resolve 'left-sided ribs 3-5, both kidneys' --json
  satgraph resolve 'everything in the mediastinum except the heart' --modality ct
  satgraph resolve 'vertebrae T10-L2 and the L5/S1 disc' --modality mri`,
		Args: args(cobra.MinimumNArgs(1)),
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
			if err == nil && !plan.Complete() {
				return errPartial
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
		if len(t.Subtract) > 0 {
			a.printf("    less   %s\n", strings.Join(t.Subtract, " + "))
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
