package labelmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Errors of proposals of new terms, wrapped with what and where.
var (
	// ErrNoProposal: no standing verdict proposes a change set of this id.
	ErrNoProposal = errors.New("no label waits for the change set")
	// ErrProposal: the proposal does not fit the tree, or was taken back.
	ErrProposal = errors.New("the proposal cannot be applied")
)

// TermProposal is a change set of the tree that standing verdicts for a new term
// propose, and the labels that wait for it.
type TermProposal struct {
	Set      graph.ChangeSet
	WantedBy []string // who gave such a verdict
	Labels   []State  // that wait
	Problem  string   // why it cannot be applied as it is; empty where it can
}

// TermProposals are made from the standing verdicts for new terms, sorted by id.
func TermProposals(tree *graph.Tree, states []State) []TermProposal {
	var out []TermProposal
	for id, waiting := range Awaited(states) {
		p := TermProposal{Set: graph.ChangeSet{ID: id}}
		for _, st := range waiting {
			p.Labels = append(p.Labels, *st)
			votes := st.Votes
			if st.Adjudication != nil {
				votes = append(slices.Clone(votes), *st.Adjudication)
			}
			for i := range votes {
				v := &votes[i]
				if v.Verdict.ChangeSet != id {
					continue
				}
				if !slices.Contains(p.WantedBy, v.Actor) {
					p.WantedBy = append(p.WantedBy, v.Actor)
				}
				set, err := ProposedTerm(tree, &v.Verdict)
				if p.Set = set; err != nil {
					p.Problem = err.Error()
				}
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b TermProposal) int { return cmp.Compare(a.Set.ID, b.Set.ID) })
	return out
}

// Applier applies change sets; graph.Changer is one.
type Applier interface {
	Apply(ctx context.Context, cs graph.ChangeSet) (graph.Record, error)
}

// Apply applies a proposal to the tree, unless that was done before, and lets
// its labels follow, as events by the same person. tree gives the present tree
// and is asked after the change. Given again, it finishes what was interrupted.
// The record is nil where the set was applied before. Errors: ErrProposal, and
// those of graph.Changer.Apply and Write.
func (b *Book) Apply(ctx context.Context, p *TermProposal, by string, store Applier, tree func(ctx context.Context) (*graph.Tree, error)) (*graph.Record, []Event, error) {
	if p.Problem != "" {
		return nil, nil, fmt.Errorf("%w: %s", ErrProposal, p.Problem)
	}
	set := p.Set
	set.Author, set.Tool = by, b.tool
	set.Source = fmt.Sprintf("%d labels, wanted by %s", len(p.Labels), strings.Join(p.WantedBy, ", "))
	var record *graph.Record
	switch applied, err := store.Apply(ctx, set); {
	case err == nil:
		record = &applied
	case !errors.Is(err, graph.ErrApplied):
		return nil, nil, err
	}
	now, err := tree(ctx)
	if err != nil {
		return record, nil, err
	}
	entries, err := Followers(now, set.ID, p.Labels)
	if errors.Is(err, graph.ErrUnknownTerm) {
		return record, nil, fmt.Errorf("%w: %s was applied and taken back; the history names the undo, which can be undone", ErrProposal, set.ID)
	}
	if err != nil || len(entries) == 0 {
		return record, nil, err
	}
	events, err := b.Write(ctx, by, entries...)
	return record, events, err
}

// FindTermProposal finds one by the id of its change set. The error is
// ErrNoProposal.
func FindTermProposal(list []TermProposal, id string) (*TermProposal, error) {
	i := slices.IndexFunc(list, func(p TermProposal) bool { return p.Set.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("%w %q", ErrNoProposal, id)
	}
	return &list[i], nil
}
