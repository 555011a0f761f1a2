package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/internal/plain"
	"satgraph/labelmap"
)

// proposal is a change set of the tree that waits to be applied, and the labels
// that wait for it.
type proposal struct {
	Set      graph.ChangeSet `json:"changeSet"`
	Labels   []string        `json:"labels"`
	WantedBy []string        `json:"wantedBy"`
	Problem  string          `json:"problem,omitempty"` // why it cannot be applied as it is
	states   []*labelmap.State
}

// proposals are made from the standing verdicts for new terms, sorted by id.
func (d *desk) proposals(ctx context.Context) ([]proposal, error) {
	states, err := d.book.States(ctx, "", labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	out := []proposal{}
	for id, waiting := range labelmap.Awaited(states) {
		p := proposal{Set: graph.ChangeSet{ID: id}, states: waiting}
		for _, st := range waiting {
			p.Labels = append(p.Labels, st.Subject.Dataset+": "+st.Subject.Key)
			votes := st.Votes
			if st.Adjudication != nil {
				votes = append(slices.Clone(votes), *st.Adjudication)
			}
			for _, v := range votes {
				if v.Verdict.ChangeSet != id {
					continue
				}
				if !slices.Contains(p.WantedBy, v.Actor) {
					p.WantedBy = append(p.WantedBy, v.Actor)
				}
				set, err := labelmap.ProposedTerm(d.tree, &v.Verdict)
				if p.Set = set; err != nil {
					p.Problem = err.Error()
				}
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b proposal) int { return strings.Compare(a.Set.ID, b.Set.ID) })
	return out, nil
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
				if asJSON {
					return a.printJSON(map[string]any{"proposals": list})
				}
				for i := range list {
					a.printProposal(&list[i])
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
	at := slices.IndexFunc(list, func(p proposal) bool { return p.Set.ID == id })
	if at < 0 {
		return nil, nil, refusal{fmt.Errorf("no label waits for a change set %q; `satgraph tree proposals` lists those proposed", id)}
	}
	p := &list[at]
	if p.Problem != "" {
		return nil, nil, refusal{errors.New(p.Problem)}
	}
	p.Set.Author, p.Set.Tool, p.Set.Source = by, tool, fmt.Sprintf("%d labels, wanted by %s", len(p.Labels), strings.Join(p.WantedBy, ", "))
	var record *graph.Record
	switch applied, err := d.store.Apply(ctx, p.Set); {
	case err == nil:
		record = &applied
	case !errors.Is(err, graph.ErrApplied):
		return nil, nil, err
	}
	snapshot, err := d.store.Load(ctx)
	if err != nil {
		return record, nil, err
	}
	if d.tree, err = snapshot.Tree(); err != nil {
		return record, nil, err
	}
	states := make([]labelmap.State, len(p.states))
	for i, st := range p.states {
		states[i] = *st
	}
	entries, err := labelmap.Followers(d.tree, id, states)
	if errors.Is(err, graph.ErrUnknownTerm) {
		return record, nil, refusal{fmt.Errorf("the change set %s was applied and taken back; `satgraph tree history` names the undo, which can be undone", id)}
	}
	if err != nil || len(entries) == 0 {
		return record, nil, err
	}
	events, err := d.book.Write(ctx, by, entries...)
	return record, events, err
}
