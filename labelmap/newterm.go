package labelmap

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// ErrTermExists says that a term wanted as new is in the tree already.
var ErrTermExists = errors.New("the tree has this term already")

// NewTermVerdict says that the tree lacks a term of this name, and proposes the
// change set that would add it (ProposedTerm). places are where it would lie: a
// broad target is what it is a kind of, a related one what it is part of, or
// what a finding lies in; there may be none. Errors: ErrTermExists, or an error
// for a name or place that no tree takes.
func NewTermVerdict(tree *graph.Tree, name string, places ...Target) (*Verdict, error) {
	name = strings.Join(strings.Fields(name), " ")
	v := &Verdict{Outcome: NewTerm, NewTerm: name, Targets: places}
	if best := graph.Best(tree.Lookup(name)); len(best) > 0 && best[0].How <= graph.ByExactSynonym {
		return nil, fmt.Errorf("%w: %s is %s", ErrTermExists, name, best[0].ID)
	}
	key := []string{graph.Normalize(name)}
	for _, p := range places {
		if p.Predicate != Broad && p.Predicate != Related {
			return nil, fmt.Errorf("a new term lies under %s as a kind (broad) or a part of it (related), not %q", p.Name, p.Predicate)
		}
		key = append(key, string(p.Predicate)+" "+p.TermID)
	}
	slices.Sort(key[1:])
	v.ChangeSet = "new-term-" + short(strings.Join(key, "\n"))
	set, err := ProposedTerm(tree, v)
	if err != nil {
		return nil, err
	}
	return v, set.Check()
}

// short is a name for a text, the same each time.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// ProposedTerm is the change set that a verdict for a new term proposes. It is
// made from the verdict alone, so that equal verdicts propose one set, and is
// applied, listed and undone like any other. Errors: graph.ErrUnknownTerm for a
// place that the tree no longer has; ErrInvalidEvent for another verdict.
func ProposedTerm(tree *graph.Tree, v *Verdict) (graph.ChangeSet, error) {
	set := graph.ChangeSet{ID: v.ChangeSet, Title: "New term: " + v.NewTerm, Base: tree.Revision()}
	if v.Outcome != NewTerm || v.ChangeSet == "" {
		return set, fmt.Errorf("%w: the verdict proposes no new term", ErrInvalidEvent)
	}
	term := &graph.Term{ID: newTermID(v.NewTerm), Name: v.NewTerm, Kind: graph.KindAnatomy}
	switch first, _, _ := strings.Cut(strings.ToLower(v.NewTerm), " "); first {
	case "left", "right":
		term.Laterality = graph.Laterality(first)
	}
	for _, p := range v.Targets {
		place, ok := tree.Term(p.TermID)
		if !ok {
			return set, fmt.Errorf("%w: %s (%s), under which %q was to lie", graph.ErrUnknownTerm, p.Name, p.TermID, v.NewTerm)
		}
		if p.Predicate == Broad && place.Kind == graph.KindFinding {
			term.Kind = graph.KindFinding
		}
	}
	set.Changes = []graph.Change{{Op: graph.AddTerm, New: term}}
	for _, p := range v.Targets {
		r := graph.Relation{Child: term.ID, Parent: p.TermID, Type: graph.IsA}
		switch {
		case p.Predicate == Broad:
		case term.Kind == graph.KindFinding:
			r.Type = graph.LocatedIn
		default:
			r.Type = graph.PartOf
		}
		set.Changes = append(set.Changes, graph.Change{Op: graph.AddRelation, Relation: r})
	}
	return set, nil
}

// newTermID is the id of a term that curators add: a checksum of its name, so
// that two who add it mean one.
func newTermID(name string) string { return "SATG:x" + short(graph.Normalize(name)) }

// Awaited lists the standing verdicts for new terms, a state once for each
// change set.
func Awaited(states []State) map[string][]*State {
	out := map[string][]*State{}
	for i := range states {
		st := &states[i]
		for _, v := range st.standing() {
			if v.Outcome != NewTerm || v.ChangeSet == "" || slices.Contains(out[v.ChangeSet], st) {
				continue
			}
			out[v.ChangeSet] = append(out[v.ChangeSet], st)
		}
	}
	return out
}

// standing are the verdicts that have not been replaced or undone.
func (st *State) standing() []*Verdict {
	var out []*Verdict
	for i := range st.Votes {
		out = append(out, &st.Votes[i].Verdict)
	}
	if st.Adjudication != nil {
		out = append(out, &st.Adjudication.Verdict)
	}
	return out
}

// Followers makes the entries by which labels that waited for a change set come
// to stand for its term, now that the tree has it. Their reviewers' verdicts
// stay theirs; the history says who let them follow. Errors: graph.ErrUnknownTerm
// where the tree does not have it.
func Followers(tree *graph.Tree, changeSet string, states []State) ([]Entry, error) {
	var out []Entry
	for _, st := range Awaited(states)[changeSet] {
		for _, v := range st.standing() {
			if v.ChangeSet != changeSet {
				continue
			}
			target, err := TargetOf(tree, newTermID(v.NewTerm), Exact)
			if err != nil {
				return nil, err
			}
			out = append(out, Entry{
				Subject: st.Subject, Version: st.Version, Action: ActConfirm,
				Verdict: &Verdict{Outcome: Mapped, Targets: []Target{target}, ChangeSet: changeSet},
				Comment: "the tree has the term that was wanted: " + v.NewTerm,
			})
			break
		}
	}
	return out, nil
}

// awaits says whether a verdict wanted the new term that w names.
func (v *Verdict) awaits(w *Verdict) bool {
	return v.Outcome == NewTerm && w.Outcome == Mapped && v.ChangeSet != "" && v.ChangeSet == w.ChangeSet
}
