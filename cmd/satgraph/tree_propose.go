package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/internal/plain"
	"satgraph/labelmap"
)

// proposal is one of labelmap as a document.
type proposal struct {
	Set      graph.ChangeSet `json:"changeSet"`
	Labels   []string        `json:"labels"`
	WantedBy []string        `json:"wantedBy"`
	Problem  string          `json:"problem,omitempty"` // why it cannot be applied as it is
}

func (d *desk) proposals(ctx context.Context) ([]labelmap.TermProposal, error) {
	states, err := d.book.States(ctx, "", labelmap.SubjectLabel)
	return labelmap.TermProposals(d.tree, states), err
}

func proposalDocument(p *labelmap.TermProposal) proposal {
	out := proposal{Set: p.Set, WantedBy: p.WantedBy, Problem: p.Problem}
	for i := range p.Labels {
		out.Labels = append(out.Labels, p.Labels[i].Subject.Dataset+": "+p.Labels[i].Subject.Key)
	}
	return out
}

func (a *app) treeProposalsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "proposals",
		Short: "List the change sets that curators of labels have proposed: new terms",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				list, err := d.proposals(cmd.Context())
				if err != nil {
					return err
				}
				docs := make([]proposal, len(list))
				for i := range list {
					docs[i] = proposalDocument(&list[i])
				}
				if asJSON {
					return a.printJSON(map[string]any{"proposals": docs})
				}
				for i := range docs {
					a.printProposal(&docs[i])
				}
				a.printf("%d proposals\n", len(list))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) printProposal(p *proposal) {
	a.printf("%s  %s, wanted by %s\n", p.Set.ID, plain.Text(p.Set.Title), plain.Text(strings.Join(p.WantedBy, ", ")))
	for i := range p.Set.Changes {
		a.printf("    %s\n", plain.Text(p.Set.Changes[i].String()))
	}
	for _, l := range p.Labels {
		a.printf("    for %s\n", plain.Text(l))
	}
	if p.Problem != "" {
		a.printf("    cannot be applied: %s\n", plain.Text(p.Problem))
	}
}

func (a *app) treeApplyCommand() *cobra.Command {
	var by string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "apply ID",
		Short: "Apply a proposed change set; the labels that wait for its term follow",
		Long: `Apply a proposed change set; the labels that wait for its term follow.

"tree proposals" lists them. The tree gets the term as one change set, which
"tree undo" takes back. Each label whose reviewers wanted the term then stands
for it; that is an event of its own, by whoever applies. Given again, the command
finishes what was interrupted.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				record, events, err := d.apply(cmd.Context(), given[0], author(by))
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(map[string]any{"changeSet": record, "followed": len(events)})
				}
				if record != nil {
					a.printRecord(record)
				}
				if len(events) > 0 {
					return a.printWritten(cmd.Context(), d, events, false)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&by, "author", "", "who answers for it (default: the user's name)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// apply applies a proposal, unless that was done, and lets its labels follow.
func (d *desk) apply(ctx context.Context, id, by string) (*graph.Record, []labelmap.Event, error) {
	list, err := d.proposals(ctx)
	if err != nil {
		return nil, nil, err
	}
	p, err := labelmap.FindTermProposal(list, id)
	if err != nil {
		return nil, nil, refusal{fmt.Errorf("%w; `satgraph tree proposals` lists those proposed", err)}
	}
	record, events, err := d.book.Apply(ctx, p, by, d.store, func(ctx context.Context) (*graph.Tree, error) {
		snapshot, err := d.store.Load(ctx)
		if err == nil {
			d.tree, err = snapshot.Tree()
		}
		return d.tree, err
	})
	if errors.Is(err, labelmap.ErrProposal) {
		err = refusal{err}
	}
	return record, events, err
}
