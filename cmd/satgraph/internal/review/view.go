package review

import (
	"cmp"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Styles add to what the characters say already, so that the screen reads the
// same without colours.
var (
	titleStyle  = lipgloss.NewStyle().Bold(true).Reverse(true)
	cursorStyle = lipgloss.NewStyle().Reverse(true)
	headStyle   = lipgloss.NewStyle().Bold(true)
	faintStyle  = lipgloss.NewStyle().Faint(true)
	failStyle   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	goodStyle   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	doubtStyle  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// The smallest window that the review fits in.
const (
	leastWidth  = 40
	leastHeight = 12
)

// View draws the screen: exactly height lines of exactly width cells.
func (m *model) View() tea.View {
	lines := m.screen()
	v := tea.NewView(strings.Join(lines[:min(len(lines), m.height)], "\n"))
	v.AltScreen = true
	return v
}

func (m *model) screen() []string {
	if m.width < leastWidth || m.height < leastHeight {
		return []string{fit(fmt.Sprintf("needs %dx%d", leastWidth, leastHeight), m.width), fit("q leaves", m.width)}
	}
	switch m.mode {
	case helping:
		return m.full("keys; any key goes back", m.helpLines(), 0)
	case confirming:
		return m.full(m.batch.title, m.batchLines(), m.batch.top)
	case conflicted:
		return m.full("somebody was quicker", m.conflictLines(), 0)
	case browsing, asking, searching:
	}
	out := []string{m.header()}
	if m.wide() {
		left := m.width * 9 / 20
		list, pane := m.listLines(left-1), m.paneLines(m.width-left, m.listHeight())
		for i := range m.listHeight() {
			out = append(out, list[i]+"|"+pane[i])
		}
	} else {
		out = append(out, m.listLines(m.width)...)
		out = append(out, m.paneLines(m.width, m.height-m.listHeight()-2)...)
	}
	return append(out, m.footer())
}

// wide says whether list and pane stand side by side.
func (m *model) wide() bool { return m.width >= 120 }

// listHeight is how many labels the list shows.
func (m *model) listHeight() int {
	if m.wide() {
		return max(1, m.height-2)
	}
	return max(3, (m.height-2)*2/5)
}

// scroll keeps the cursor on the screen.
func (m *model) scroll() {
	h := m.listHeight()
	m.top = max(0, min(m.top, len(m.shown)-h))
	m.top = max(m.cursor-h+1, min(m.top, m.cursor), 0)
}

func (m *model) header() string {
	s := fmt.Sprintf(" %s: %s", show(m.Dataset), m.counts())
	if m.status != all {
		s += "  [" + filterNames[m.status] + "]"
	}
	if m.text != "" {
		s += "  [/" + show(m.text) + "]"
	}
	if m.order != bySource {
		s += "  [" + orderNames[m.order] + "]"
	}
	if n := len(m.marked()); n > 0 {
		s += fmt.Sprintf("  %d marked", n)
	}
	if m.busy != "" {
		s += "  " + m.busy + " ..."
	}
	return titleStyle.Render(fit(s+"  "+show(m.Actor), m.width))
}

func (m *model) footer() string {
	switch {
	case m.mode == asking:
		m.input.SetWidth(max(1, m.width-len(m.input.Prompt)-2))
		return fit(m.input.View(), m.width)
	case m.failed:
		return failStyle.Render(fit(m.message, m.width))
	case m.message != "":
		return fit(m.message, m.width)
	}
	return faintStyle.Render(fit("a accept  1-9 choose  x reject  0 none  w new  s search  f flag  c comment  u undo  n next  ? keys  q leave", m.width))
}

// listLines are the labels on the screen, as many as the list is high.
func (m *model) listLines(width int) []string {
	var out []string
	for n := m.top; n < m.top+m.listHeight(); n++ {
		switch {
		case n < len(m.shown):
			line := m.listLine(&m.rows[m.shown[n]], width)
			switch r := &m.rows[m.shown[n]]; {
			case n == m.cursor:
				line = cursorStyle.Render(line)
			case r.state.Status == labelmap.Settled && len(r.touched) == 0:
				line = goodStyle.Render(line)
			case m.undecided(r) && (r.result == nil || r.result.Abstained):
				line = doubtStyle.Render(line)
			}
			out = append(out, line)
		case n == 0:
			out = append(out, fit("  no label here; t, / and Esc change the filter", width))
		default:
			out = append(out, fit("", width))
		}
	}
	return out
}

// mark is one character for where a label stands.
func (m *model) mark(r *row) string {
	switch {
	case len(r.touched) > 0:
		return "~"
	case r.state.Status == labelmap.Settled:
		return "+"
	case r.state.Status == labelmap.Disputed:
		return "!"
	case r.state.Status == labelmap.Awaiting:
		return "1"
	}
	return "."
}

// listLine is a label in a line: mark, state, flag, key, then what it stands for
// or may stand for with score, predicate and side.
func (m *model) listLine(r *row, width int) string {
	marked, flag := " ", " "
	if r.marked {
		marked = "*"
	}
	if len(r.state.Flags) > 0 || r.result != nil && len(r.result.Flags) > 0 {
		flag = "F"
	}
	const tail = 4 + 1 + 7 + 1 + 1 // score, predicate, side
	names := max(10, width-6-tail-2)
	key := names * 2 / 5
	what, score, predicate, side := m.standing(r)
	return fit(fmt.Sprintf("%s%s%s %s  %s %s %s %s", marked, m.mark(r), flag,
		fit(show(r.state.Subject.Key), key), fit(what, names-key), fit(score, 4), fit(predicate, 7), fit(side, 1)), width)
}

// standing is what the list says of a label: what was decided, else the first
// suggestion.
func (m *model) standing(r *row) (what, score, predicate, side string) {
	switch v := r.state.Verdict; {
	case v != nil && v.Outcome == labelmap.Mapped && len(v.Targets) == 1:
		t := v.Targets[0]
		return "= " + show(t.Name), "", string(t.Predicate), m.side(t.TermID)
	case v != nil:
		return "= " + meant(v), "", "", ""
	case r.state.Status == labelmap.Disputed:
		return "disputed by " + show(voters(&r.state)), "", "", ""
	case r.state.Status == labelmap.Awaiting && m.voted(&r.state):
		return "awaits a second: " + meant(&r.state.Votes[0].Verdict), "", "", ""
	case r.result == nil:
		return "", "", "", ""
	case len(r.result.Suggestions) == 0:
		return "no answer", "", "", ""
	}
	s := r.result.Suggestions[0]
	what = "? " + show(s.Name)
	if r.result.Abstained {
		what = "no answer; " + show(s.Name)
	}
	return what, fmt.Sprintf("%.2f", s.Score), string(s.Predicate), m.side(s.TermID)
}

func voters(st *labelmap.State) string {
	var out []string
	for _, v := range st.Votes {
		out = append(out, v.Actor)
	}
	return strings.Join(out, ", ")
}

// side is L, R or nothing.
func (m *model) side(id string) string {
	t, ok := m.Tree.Term(id)
	if !ok || t.Laterality == graph.Unsided {
		return ""
	}
	return strings.ToUpper(string(t.Laterality)[:1])
}

// full is a screen of lines under a title.
func (m *model) full(title string, lines []string, top int) []string {
	out := []string{titleStyle.Render(fit(" "+title, m.width))}
	top = max(0, min(top, len(lines)-1))
	for i := range m.height - 2 {
		line := ""
		if top+i < len(lines) {
			line = lines[top+i]
		}
		out = append(out, fit(line, m.width))
	}
	if m.failed {
		return append(out, failStyle.Render(fit(m.message, m.width)))
	}
	return append(out, faintStyle.Render(fit(m.answers(), m.width)))
}

// answers are the keys of a full screen.
func (m *model) answers() string {
	switch m.mode {
	case confirming:
		if len(m.batch.entries) == 0 {
			return "nothing to write; - accepts less sure ones too, Esc goes back"
		}
		if m.batch.least > 0 {
			return "y writes them as one batch, Esc does not; - + another least score; arrows scroll"
		}
		return "y writes them as one batch, Esc does not; arrows scroll"
	case conflicted:
		if m.blocked == nil {
			return "nothing of the batch was written; Esc goes back, then begin anew"
		}
		return "y writes yours after theirs, Esc lets theirs stand"
	case browsing, asking, searching, helping:
	}
	return ""
}

func (m *model) helpLines() []string {
	var out []string
	for _, h := range help {
		out = append(out, fmt.Sprintf(" %-14s %s", h[0], h[1]))
	}
	return append(out, " state: . open  1 awaits a second  ! disputed  + settled  ~ tree has changed  F flag")
}

func (m *model) batchLines() []string {
	out := make([]string, 0, len(m.batch.changes)+1)
	for i := range m.batch.changes {
		c := &m.batch.changes[i]
		what := cmp.Or(stateWords(&c.After), "as before")
		out = append(out, fmt.Sprintf(" %s  %s > %s  %s", fit(show(c.After.Subject.Key), 28), c.Before.Status, c.After.Status, what))
	}
	return out
}

// stateWords is what a state says in a line.
func stateWords(st *labelmap.State) string {
	if st.Verdict != nil {
		return meant(st.Verdict)
	}
	var out []string
	for _, v := range st.Votes {
		out = append(out, show(v.Actor)+": "+meant(&v.Verdict))
	}
	return strings.Join(out, "; ")
}

func (m *model) conflictLines() []string {
	c := m.conflict
	out := []string{" " + show(c.Yours.Subject.String()), "", " yours, which was not written:", "   " + eventWords(&c.Yours), "", " theirs, written since you read the label:"}
	for i := range c.Theirs {
		out = append(out, "   "+eventWords(&c.Theirs[i]))
	}
	var wrapped []string
	for _, line := range out {
		wrapped = append(wrapped, wrap(line, m.width, 5)...)
	}
	return wrapped
}

// eventWords is an event in a line.
func eventWords(e *labelmap.Event) string {
	s := fmt.Sprintf("%s  %s by %s", e.Time.Local().Format("2006-01-02 15:04:05"), e.Action, show(e.Actor))
	if e.Verdict != nil {
		s += ": " + meant(e.Verdict)
	}
	if e.Comment != "" {
		s += "  (" + show(e.Comment) + ")"
	}
	return s
}
