package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"satgraph/cmd/satgraph/internal/review"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// reviewFlags say what is reviewed, by whom, and what its impact is counted in.
type reviewFlags struct {
	deskFlags
	scans   string
	exports []string
}

func (a *app) labelsReviewCommand() *cobra.Command {
	var f reviewFlags
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Review a dataset's labels on the whole screen, by keys",
		Long: `Review a dataset's labels on the whole screen, by keys.

The list shows every label with what is suggested for it; the pane says why, and
shows the place in the tree, the labels around and the history. "a" accepts and
goes on to the next undecided label, "?" lists all keys. Every decision is
written at once, as "labels accept" would; "u" takes it back. When a colleague
was quicker, both versions are shown.

It needs a terminal of 40 by 12 or more; colours are left out with NO_COLOR.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				n, err := a.review(cmd.Context(), d, &f)
				if errors.Is(err, review.ErrNoTerminal) {
					return refusal{err}
				}
				if n > 0 {
					a.printf("%d decisions written by %s; `satgraph labels history` lists them\n", n, author(f.by))
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "the dataset whose labels are reviewed")
	cmd.Flags().StringVar(&f.by, "by", "", "who decides (default: the user's name)")
	cmd.Flags().StringVar(&f.scans, "scans", "", "scan list in which the pane of impact counts")
	preset(cmd.Flags(), "scans")
	cmd.Flags().StringArrayVar(&f.exports, "export", nil, "folder of a finished export that the pane of impact looks at")
	return cmd
}

func (a *app) review(ctx context.Context, d *desk, f *reviewFlags) (int, error) {
	some, err := d.ledger.Subjects(ctx, labelmap.SubjectQuery{Dataset: f.dataset, Kind: labelmap.SubjectLabel, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(some) == 0 {
		return 0, fmt.Errorf("%w: %s has none; `satgraph labels import FILE --dataset` brings them in", errNoLabel, f.dataset)
	}
	g, err := newGround(ctx, f.scans, f.exports)
	if err != nil {
		return 0, err
	}
	return review.Run(ctx, review.Config{
		Tree: d.tree, Book: d.book, Dataset: f.dataset, Actor: author(f.by), Tool: tool,
		Suggest: func(states []labelmap.State) (map[string]*suggest.Result, error) { return d.suggestions(ctx, states) },
		Impact: func(ctx context.Context, entries []labelmap.Entry) ([]string, error) {
			report, err := d.impact(ctx, g, f.dataset, author(f.by), entries)
			if err != nil {
				return nil, err
			}
			return report.Lines(), nil
		},
	}, os.Stdin, a.out)
}
