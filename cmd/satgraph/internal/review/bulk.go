package review

import (
	"errors"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// writing is what the review is busy with while a batch is written.
const writing = "writing"

// batch is what would be written, shown before it is.
type batch struct {
	title   string
	entries []labelmap.Entry
	changes []labelmap.Change
	// least is the score from which suggestions are accepted; 0 where the batch
	// is no such.
	least float64
	left  int // how many labels were left out
	top   int
}

// bulkAccept gathers the suggestions of all shown labels, or of the marked ones.
func (m *model) bulkAccept() { m.gather(suggest.Accept) }

func (m *model) gather(least float64) {
	if m.busy != "" {
		m.say("suggestions are still being made")
		return
	}
	places, what := m.marked(), "marked"
	if len(places) == 0 {
		places, what = m.shown, "shown"
	}
	b := batch{least: least}
	for _, i := range places {
		r := &m.rows[i]
		if e, ok := m.sure(r, least); ok {
			b.entries = append(b.entries, e)
		} else {
			b.left++
		}
	}
	b.title = fmt.Sprintf("accept %d of the %d labels %s, those that score %.2f or more", len(b.entries), len(places), what, least)
	m.open(b)
}

// sure is the entry that accepts a label's suggestion, where nothing speaks
// against doing so unseen.
func (m *model) sure(r *row, least float64) (labelmap.Entry, bool) {
	st := &r.state
	if r.result == nil || st.Status != labelmap.Open && st.Status != labelmap.Awaiting ||
		len(st.Flags) > 0 || len(r.result.Flags) > 0 || m.voted(st) {
		return labelmap.Entry{}, false
	}
	e, ok, err := r.result.Accepting(m.Tree, st, m.Tool)
	if err != nil || !ok || r.result.Suggestions[0].Score < least {
		return e, false
	}
	return e, true
}

// preview shows entries before they are written.
func (m *model) preview(title string, entries []labelmap.Entry) {
	m.open(batch{title: fmt.Sprintf("%s, for %d labels", title, len(entries)), entries: entries})
}

func (m *model) open(b batch) {
	if len(b.entries) > 0 {
		var err error
		if b.changes, err = m.Book.Preview(m.ctx, m.Actor, b.entries...); err != nil {
			if conflict, ok := errors.AsType[*labelmap.ConflictError](err); ok { // a label has moved on since it was read
				m.refresh(conflict.Yours.Subject)
			}
			m.fail(err)
			return
		}
	}
	m.batch, m.mode = b, confirming
}

func (m *model) keyConfirming(k tea.KeyPressMsg) tea.Cmd {
	b := &m.batch
	switch k.String() {
	case "y":
		if len(b.entries) == 0 {
			m.mode = browsing
			return nil
		}
		m.mode, m.busy = browsing, writing
		entries := b.entries
		for i := range m.rows {
			m.rows[i].marked = false
		}
		return func() tea.Msg {
			events, err := m.Book.Write(m.ctx, m.Actor, entries...)
			return written{events, err}
		}
	case "n", "esc", "q":
		m.mode = browsing
		m.say("nothing was written")
	case "down", "j", "]":
		b.top = min(b.top+1, max(0, len(b.changes)-1))
	case "pgdown", "space":
		b.top = min(b.top+m.height-6, max(0, len(b.changes)-1))
	case "up", "k", "[":
		b.top = max(0, b.top-1)
	case "pgup":
		b.top = max(0, b.top-m.height+6)
	case "-":
		if b.least > 0.05 {
			m.gather(b.least - 0.05)
		}
	case "+":
		if b.least > 0 && b.least < 0.95 {
			m.gather(b.least + 0.05)
		}
	}
	return nil
}

// keyConflicted ends a conflict: the other's version stays, or one's own is
// written after it.
func (m *model) keyConflicted(k tea.KeyPressMsg) {
	switch k.String() {
	case "y":
		if m.blocked == nil {
			return
		}
		e := *m.blocked
		m.mode, m.conflict, m.blocked = browsing, nil, nil
		st, err := m.Book.State(m.ctx, e.Subject)
		if err != nil {
			m.fail(err)
			return
		}
		e.Version = st.Version
		if e.Verdict != nil && (e.Action == labelmap.ActDecide || e.Action == labelmap.ActAdjudicate) {
			e.Action = m.deciding(&st, e.Verdict).Action
		}
		m.decide(e)
	case "n", "esc", "q", "enter":
		m.mode, m.conflict, m.blocked = browsing, nil, nil
		m.say("the other's version stands; yours was not written")
	}
}
