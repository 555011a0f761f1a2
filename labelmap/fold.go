package labelmap

import (
	"slices"
	"time"
)

// Status is where a subject stands.
type Status string

// The statuses.
const (
	Open     Status = "open"     // nobody has decided
	Awaiting Status = "awaiting" // decided once; a second reviewer is needed
	Disputed Status = "disputed" // reviewers disagree; a third must settle it
	Settled  Status = "settled"  // the verdict counts
)

// Vote is a reviewer's standing verdict.
type Vote struct {
	Actor   string
	Time    time.Time
	Verdict Verdict
	Event   string // the ID of the event that gave it
	Comment string
}

// State is the fold of a subject's events.
type State struct {
	Subject Subject
	Status  Status
	// Verdict counts when Status is Settled; nil otherwise.
	Verdict *Verdict
	// SettledBy names who settled it: one or two reviewers, or the adjudicator.
	SettledBy []string
	Votes     []Vote // standing verdicts, oldest first
	// Adjudication is the third person's verdict, while it stands.
	Adjudication *Vote
	// Rejected holds the verdicts of rejected suggestions.
	Rejected []Vote
	Flags    []Vote // Comment says why; Verdict is empty
	Label    *RawLabel
	// Version is the number of events; the next event must name it.
	Version int64
	// Last is the time of the latest event.
	Last time.Time
	// Reviewers is how many were needed to settle it; for a dataset, what its
	// policy says, or 0.
	Reviewers int
}

// Fold makes the state of one subject from its events in order. reviewers is
// how many equal verdicts of different people settle it (1 or 2).
//
// An event that an undo names counts for nothing while that undo stands, and an
// undo can itself be undone: what is left is folded as if the rest had never
// been.
func Fold(s Subject, events []Event, reviewers int) State {
	st := State{Subject: s, Status: Open, Version: int64(len(events))}
	if s.Kind != SubjectDataset {
		st.Reviewers = reviewers
	}
	off := undone(events)
	var adjudicated *Vote
	for i := range events {
		e := &events[i]
		st.Last = e.Time
		if off[e.ID] {
			continue
		}
		vote := Vote{Actor: e.Actor, Time: e.Time, Event: e.ID, Comment: e.Comment}
		switch e.Action {
		case ActImport:
			st.Label = e.Label
		case ActPolicy:
			st.Reviewers = e.Reviewers
		case ActDecide:
			vote.Verdict = *e.Verdict
			st.Votes = slices.DeleteFunc(st.Votes, func(v Vote) bool { return v.Actor == e.Actor })
			st.Votes = append(st.Votes, vote)
			adjudicated = nil // a new verdict opens the matter again
		case ActAdjudicate:
			vote.Verdict = *e.Verdict
			adjudicated = &vote
		case ActConfirm:
			confirm(&st, adjudicated, e.Verdict)
		case ActReject:
			vote.Verdict = *e.Verdict
			st.Rejected = append(st.Rejected, vote)
		case ActFlag:
			st.Flags = append(st.Flags, vote)
		case ActUnflag:
			st.Flags = nil
		case ActComment, ActUndo:
		}
	}
	settle(&st, adjudicated, reviewers)
	return st
}

// IsRejected says whether somebody has said that the subject is not the term.
func (st *State) IsRejected(termID string) bool {
	return slices.ContainsFunc(st.Rejected, func(v Vote) bool {
		return slices.ContainsFunc(v.Verdict.Targets, func(t Target) bool { return t.TermID == termID })
	})
}

// confirm renews the fingerprints of the standing verdicts that agree with it,
// and gives those that wanted a new term the term that the tree has got.
func confirm(st *State, adjudicated *Vote, v *Verdict) {
	kept := func(old *Verdict) bool { return old.Agrees(v) || old.awaits(v) }
	for i := range st.Votes {
		if kept(&st.Votes[i].Verdict) {
			st.Votes[i].Verdict = *v
		}
	}
	if adjudicated != nil && kept(&adjudicated.Verdict) {
		adjudicated.Verdict = *v
	}
}

// settle finds the status from the standing verdicts. With one reviewer the
// latest verdict counts; with two, both must agree.
func settle(st *State, adjudicated *Vote, reviewers int) {
	n := len(st.Votes)
	switch {
	case adjudicated != nil:
		st.Adjudication = adjudicated
		st.Status, st.Verdict, st.SettledBy = Settled, &adjudicated.Verdict, []string{adjudicated.Actor}
	case n == 0:
	case reviewers <= 1:
		last := &st.Votes[n-1]
		st.Status, st.Verdict, st.SettledBy = Settled, &last.Verdict, []string{last.Actor}
	case n == 1:
		st.Status = Awaiting
	default:
		for i := range st.Votes[1:] {
			if !st.Votes[0].Verdict.Agrees(&st.Votes[i+1].Verdict) {
				st.Status = Disputed
				return
			}
		}
		st.Status, st.Verdict = Settled, &st.Votes[n-1].Verdict
		for _, v := range st.Votes {
			st.SettledBy = append(st.SettledBy, v.Actor)
		}
	}
}

// undone returns the IDs of events that a standing undo takes back. An undo
// comes after what it names, so going backwards decides each before its target.
func undone(events []Event) map[string]bool {
	var off map[string]bool
	for i := len(events) - 1; i >= 0; i-- {
		if e := &events[i]; e.Action == ActUndo && !off[e.ID] {
			if off == nil {
				off = map[string]bool{}
			}
			off[e.Ref] = true
		}
	}
	return off
}
