package suggest

import (
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Accepting makes the entry that accepts a label's first suggestion, on the
// state that the label was seen in. ok is false where there is no answer to
// accept. tool names the program and version that suggested it.
func (r *Result) Accepting(tree *graph.Tree, state *labelmap.State, tool string) (entry labelmap.Entry, ok bool, err error) {
	if r.Abstained || len(r.Suggestions) == 0 || state.IsRejected(r.Suggestions[0].TermID) {
		return entry, false, nil
	}
	s := r.Suggestions[0]
	target, err := labelmap.TargetOf(tree, s.TermID, s.Predicate)
	if err != nil {
		return entry, false, err
	}
	return labelmap.Entry{
		Subject: state.Subject, Version: state.Version, Action: labelmap.ActDecide,
		Verdict:    &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}},
		Suggestion: &labelmap.Offer{TermID: s.TermID, Score: s.Score, Rank: 1, Tool: tool},
		Comment:    "suggested: " + strings.Join(s.Reasons, "; "),
	}, true, nil
}
