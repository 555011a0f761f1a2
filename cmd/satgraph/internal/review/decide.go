package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// choice is what is being put together for the label under the cursor. It never
// outlives the label: a predicate left over from the last one would be a trap.
type choice struct {
	at        int                // the chosen suggestion
	predicate labelmap.Predicate // empty: the suggestion's own
	targets   []labelmap.Target  // several, gathered so far
	oneOf     bool
}

var predicates = []labelmap.Predicate{labelmap.Exact, labelmap.Close, labelmap.Broad, labelmap.Narrow, labelmap.Related}

func nextPredicate(p labelmap.Predicate) labelmap.Predicate {
	return predicates[(slices.Index(predicates, p)+1)%len(predicates)]
}

func (r *row) suggestions() []suggest.Suggestion {
	if r.result == nil {
		return nil
	}
	return r.result.Suggestions[:min(9, len(r.result.Suggestions))]
}

// predicate is what would be decided: what the user set, else the chosen
// suggestion's.
func (m *model) predicate(r *row) labelmap.Predicate {
	if m.choice.predicate != "" {
		return m.choice.predicate
	}
	if list := r.suggestions(); m.choice.at < len(list) {
		return list[m.choice.at].Predicate
	}
	return labelmap.Exact
}

// deciding is an entry that gives a verdict, as an adjudication where others
// disagree and this reviewer has not voted.
func (m *model) deciding(st *labelmap.State, v *labelmap.Verdict) labelmap.Entry {
	e := labelmap.Entry{Subject: st.Subject, Version: st.Version, Action: labelmap.ActDecide, Verdict: v}
	if st.Status == labelmap.Disputed && !m.voted(st) && !labelmap.IsPolicy(m.Actor) {
		e.Action = labelmap.ActAdjudicate
	}
	return e
}

// decide writes an entry and goes on to the next undecided label.
func (m *model) decide(e labelmap.Entry) {
	if !m.write(e) {
		return
	}
	m.last = e.Verdict
	m.say("%s: %s", show(e.Subject.Key), meant(e.Verdict))
	said := m.message
	m.nextUndecided(1)
	m.message = said
}

// accept accepts what was put together, else the chosen suggestion; with marked
// labels, the suggestion of each.
func (m *model) accept(r *row) {
	switch {
	case len(m.choice.targets) > 0:
		m.decideAll(r, several(m.choice.targets, m.choice.oneOf))
	case len(m.marked()) > 0:
		m.bulkAccept()
	default:
		m.choose(r, m.choice.at)
	}
}

// choose accepts the suggestion of a rank, from 0.
func (m *model) choose(r *row, rank int) {
	list := r.suggestions()
	switch {
	case r.result == nil && m.busy != "":
		m.say("suggestions are still being made; s searches meanwhile")
		return
	case rank >= len(list):
		m.say("no suggestion %d; s searches, 0 says that there is no term, w that one is wanted", rank+1)
		return
	}
	m.choice.at = rank
	s := &list[rank]
	t, err := labelmap.TargetOf(m.Tree, s.TermID, m.predicate(r))
	if err != nil {
		m.fail(err)
		return
	}
	e := m.deciding(&r.state, several([]labelmap.Target{t}, false))
	e.Suggestion = &labelmap.Offer{TermID: s.TermID, Score: s.Score, Rank: rank + 1, Tool: m.Tool}
	e.Comment = "suggested: " + strings.Join(s.Reasons, "; ")
	m.decide(e)
}

// several is a verdict for targets.
func several(targets []labelmap.Target, oneOf bool) *labelmap.Verdict {
	v := &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: slices.Clone(targets)}
	switch {
	case len(targets) < 2:
	case oneOf:
		v.Mode = labelmap.OneOf
	default:
		v.Mode = labelmap.AllOf
	}
	return v
}

// decideAll gives one verdict to the label, or to all that are marked.
func (m *model) decideAll(r *row, v *labelmap.Verdict) {
	marked := m.marked()
	if len(marked) == 0 {
		m.decide(m.deciding(&r.state, v))
		return
	}
	var entries []labelmap.Entry
	for _, i := range marked {
		entries = append(entries, m.deciding(&m.rows[i].state, v))
	}
	m.preview(meant(v), entries)
}

func (m *model) decideNone(r *row) { m.decideAll(r, &labelmap.Verdict{Outcome: labelmap.NoTerm}) }

func (m *model) repeat(r *row) {
	if m.last == nil {
		m.say("nothing was decided yet in this review")
		return
	}
	m.decideAll(r, m.last)
}

// addChosen gathers the chosen suggestion, or takes it out again.
func (m *model) addChosen(r *row) {
	list := r.suggestions()
	if m.choice.at >= len(list) {
		m.say("no suggestion to add; s searches")
		return
	}
	m.addTarget(list[m.choice.at].TermID, m.predicate(r))
}

func (m *model) addTarget(id string, p labelmap.Predicate) {
	if i := slices.IndexFunc(m.choice.targets, func(t labelmap.Target) bool { return t.TermID == id }); i >= 0 {
		m.choice.targets = slices.Delete(m.choice.targets, i, i+1)
		return
	}
	t, err := labelmap.TargetOf(m.Tree, id, p)
	if err != nil {
		m.fail(err)
		return
	}
	m.choice.targets = append(m.choice.targets, t)
	m.choice.predicate = ""
}

func (m *model) reject(r *row) {
	list := r.suggestions()
	if m.choice.at >= len(list) {
		m.say("no suggestion to reject")
		return
	}
	t, err := labelmap.TargetOf(m.Tree, list[m.choice.at].TermID, labelmap.Exact)
	if err != nil {
		m.fail(err)
		return
	}
	if m.write(labelmap.Entry{
		Subject: r.state.Subject, Version: r.state.Version, Action: labelmap.ActReject,
		Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{t}},
	}) {
		m.say("%s is not %s; the label stays open", show(r.state.Subject.Key), show(t.Name))
		if m.choice.at+1 < len(list) {
			m.choice.at++
		}
	}
}

func (m *model) takeBackOwn(r *row) {
	for _, v := range r.state.Votes {
		if v.Actor == m.Actor {
			m.undoEvent(v.Event)
			return
		}
	}
	if a := r.state.Adjudication; a != nil && a.Actor == m.Actor {
		m.undoEvent(a.Event)
		return
	}
	m.say("no decision of yours stands here")
}

func (m *model) undoEvent(id string) {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	entries, err := m.Book.Undoing(ctx, id, "taken back in the review")
	if err != nil {
		m.fail(err)
		return
	}
	if m.write(entries...) {
		m.say("your decision was taken back")
	}
}

// keep confirms a decision whose terms the tree has changed.
func (m *model) keep(r *row) {
	if r.state.Verdict == nil || len(r.touched) == 0 {
		m.say("the tree has changed nothing under this decision")
		return
	}
	v := *r.state.Verdict
	v.Targets = slices.Clone(v.Targets)
	for i, t := range v.Targets {
		var err error
		if v.Targets[i], err = labelmap.TargetOf(m.Tree, t.TermID, t.Predicate); err != nil {
			m.fail(err)
			return
		}
	}
	m.decide(labelmap.Entry{Subject: r.state.Subject, Version: r.state.Version, Action: labelmap.ActConfirm, Verdict: &v})
}

// onAll makes an entry for the label under the cursor, or for all marked ones.
func (m *model) onAll(what string, e labelmap.Entry) {
	marked := m.marked()
	if len(marked) == 0 {
		r := m.current()
		e.Subject, e.Version = r.state.Subject, r.state.Version
		if m.write(e) {
			m.say("%s: %s", what, show(e.Subject.Key))
		}
		return
	}
	var entries []labelmap.Entry
	for _, i := range marked {
		one := e
		one.Subject, one.Version = m.rows[i].state.Subject, m.rows[i].state.Version
		entries = append(entries, one)
	}
	m.preview(what, entries)
}

func (m *model) flag(why string) {
	if strings.TrimSpace(why) == "" {
		m.say("a flag needs its reason")
		return
	}
	m.onAll("flagged", labelmap.Entry{Action: labelmap.ActFlag, Comment: why})
}

func (m *model) unflag(r *row) {
	if len(r.state.Flags) == 0 {
		m.say("there is no flag")
		return
	}
	m.onAll("flags taken away", labelmap.Entry{Action: labelmap.ActUnflag})
}

func (m *model) comment(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	m.onAll("comment", labelmap.Entry{Action: labelmap.ActComment, Comment: text})
}

// wantTerm goes on from the name of a new term to its place.
func (m *model) wantTerm(text string) {
	if strings.TrimSpace(text) == "" {
		m.say("a new term needs a name")
		return
	}
	m.startSearch(searchPlace)
	m.search.name = text
}

// proposeTerm decides for a new term under places.
func (m *model) proposeTerm(name string, places []labelmap.Target) {
	v, err := labelmap.NewTermVerdict(m.Tree, name, places...)
	if err != nil {
		m.fail(err)
		if errors.Is(err, labelmap.ErrTermExists) {
			m.message += "; s finds it"
		}
		return
	}
	m.decideAll(m.current(), v)
}

// meant is a verdict in words.
func meant(v *labelmap.Verdict) string {
	switch v.Outcome {
	case labelmap.NoTerm:
		return "no term"
	case labelmap.NewTerm:
		return "new term wanted: " + show(v.NewTerm)
	case labelmap.Refused:
		return "refused"
	case labelmap.Mapped:
	}
	parts := make([]string, len(v.Targets))
	for i, t := range v.Targets {
		parts[i] = fmt.Sprintf("%s %s", t.Predicate, show(t.Name))
	}
	sep := " and "
	if v.Mode == labelmap.OneOf {
		sep = " or "
	}
	return strings.Join(parts, sep)
}
