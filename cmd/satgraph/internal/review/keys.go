package review

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// help lists the keys, for the help screen and the page on the review.
var help = [][2]string{
	{"j k, arrows", "next, previous label; PgUp PgDn Home End, g G"},
	{"n N", "next, previous label that waits for you"},
	{"a, Enter", "accept the chosen suggestion, go to the next undecided"},
	{"1..9", "accept that suggestion, go on"},
	{"h l, < >", "choose another suggestion"},
	{"p", "another predicate for this label: exact close broad narrow related"},
	{"s", "search another term as you type; Enter accepts, Tab adds it"},
	{"+", "add the chosen suggestion to several targets"},
	{"m", "several targets: all together, or one of them"},
	{"0", "no term: the tree has no place for it and needs none"},
	{"w", "new term wanted: opens a change set of the tree"},
	{"r", "decide as on the label before"},
	{"x", "reject the chosen suggestion; the label stays open"},
	{"f F", "flag with a reason, take flags away"},
	{"c", "comment"},
	{"=", "keep a decision although the tree has changed its term"},
	{"u, Ctrl+R", "undo, redo what was done in this review"},
	{"U", "take back your decision on this label"},
	{"space, *", "mark this label, mark or unmark all shown; then a, 0, s, w, r, f"},
	{"", "decide on all marked ones, with a preview"},
	{"A", "accept the suggestions of all shown or marked, with a preview"},
	{"/ t o", "filter by text, by state; sort"},
	{"Tab", "pane: why, place in the tree, labels around, history, impact"},
	{"[ ]", "scroll the pane"},
	{"R", "read the labels again"},
	{"q", "leave; everything is written already"},
}

func (m *model) keyBrowsing(k tea.KeyPressMsg) tea.Cmd {
	if m.keyMoves(k.String()) || m.keyViews(k.String()) {
		return nil
	}
	switch key := k.String(); key {
	case "q":
		return tea.Quit
	case "u":
		m.takeBack(&m.undo, &m.redo, "undo")
	case "ctrl+r":
		m.takeBack(&m.redo, &m.undo, "redo")
	case "A":
		m.bulkAccept()
	case "*":
		m.markAll()
	default:
		if m.current() == nil {
			m.say("no label is shown; t and / change the filter")
			return nil
		}
		return m.keyDecides(key)
	}
	return nil
}

// keyMoves says whether the key moved the cursor.
func (m *model) keyMoves(key string) bool {
	switch key {
	case "j", "down":
		m.goTo(m.cursor + 1)
	case "k", "up":
		m.goTo(m.cursor - 1)
	case "pgdown", "ctrl+f":
		m.goTo(m.cursor + m.listHeight())
	case "pgup", "ctrl+b":
		m.goTo(m.cursor - m.listHeight())
	case "g", "home":
		m.goTo(0)
	case "G", "end":
		m.goTo(len(m.shown) - 1)
	case "n":
		m.nextUndecided(1)
	case "N":
		m.nextUndecided(-1)
	default:
		return false
	}
	return true
}

// keyViews says whether the key changed what is shown.
func (m *model) keyViews(key string) bool {
	switch key {
	case "t":
		m.status = (m.status + 1) % filters
		m.refilter()
	case "T":
		m.status = (m.status + filters - 1) % filters
		m.refilter()
	case "o":
		m.order = (m.order + 1) % orders
		m.refilter()
	case "/":
		m.ask(question{prompt: "filter: ", then: func(text string) { m.text = text; m.refilter() }}, m.text)
	case "esc":
		m.text, m.status, m.choice = "", all, choice{}
		m.refilter()
	case "tab":
		m.pane, m.paneTop = (m.pane+1)%panes, 0
	case "shift+tab":
		m.pane, m.paneTop = (m.pane+panes-1)%panes, 0
	case "i":
		m.pane, m.paneTop = impact, 0
	case "]":
		m.paneTop++
	case "[":
		m.paneTop = max(0, m.paneTop-1)
	case "R":
		m.rereadAll()
	case "?":
		m.mode = helping
	default:
		return false
	}
	return true
}

func (m *model) keyDecides(key string) tea.Cmd {
	r := m.current()
	switch key {
	case "space":
		r.marked = !r.marked
		m.goTo(m.cursor + 1)
	case "h", "left", "<":
		m.choice.at = max(0, m.choice.at-1)
	case "l", "right", ">":
		m.choice.at = min(m.choice.at+1, max(0, len(r.suggestions())-1))
	case "p":
		m.choice.predicate = nextPredicate(m.predicate(r))
	case "m":
		m.choice.oneOf = !m.choice.oneOf
	case "+":
		m.addChosen(r)
	case "a", "enter":
		m.accept(r)
	case "1", "2", "3", "4", "5", "6", "7", "8", "9":
		m.choose(r, int(key[0]-'1'))
	case "0":
		m.decideNone(r)
	case "r":
		m.repeat(r)
	case "x":
		m.reject(r)
	case "U":
		m.takeBackOwn(r)
	case "=":
		m.keep(r)
	case "s":
		m.startSearch(searchTerm)
	case "w":
		m.ask(question{prompt: "the new term's name: ", then: m.wantTerm}, show(name(&r.state)))
	case "f":
		m.ask(question{prompt: "flag because: ", then: m.flag}, "")
	case "F":
		m.unflag(r)
	case "c":
		m.ask(question{prompt: "comment: ", then: m.comment}, "")
	default:
		m.say("%s does nothing here; ? lists the keys", fmt.Sprintf("%q", key))
	}
	return nil
}

// question is a line that is asked for.
type question struct {
	prompt string
	then   func(text string)
}

func (m *model) ask(q question, given string) {
	m.mode, m.question = asking, q
	m.input.Reset()
	m.input.Prompt = q.prompt
	m.input.SetValue(given)
	m.input.CursorEnd()
	m.input.Focus()
}

func (m *model) keyAsking(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.mode = browsing
	case "enter":
		m.mode = browsing
		m.question.then(m.input.Value())
	default:
		return m.typed(k)
	}
	return nil
}

func (m *model) rereadAll() {
	fresh, err := newModel(m.ctx, m.Config)
	if err != nil {
		m.fail(err)
		return
	}
	old := map[string]*row{}
	for i := range m.rows {
		old[m.rows[i].state.Subject.Key] = &m.rows[i]
	}
	for i := range fresh.rows {
		if r := old[fresh.rows[i].state.Subject.Key]; r != nil {
			fresh.rows[i].result, fresh.rows[i].marked = r.result, r.marked
		}
	}
	m.rows = fresh.rows
	m.refilter()
	m.say("read again: %d labels", len(m.rows))
}

func (m *model) markAll() {
	on := false
	for _, i := range m.shown {
		on = on || !m.rows[i].marked
	}
	for _, i := range m.shown {
		m.rows[i].marked = on
	}
	m.say("%d labels marked", len(m.marked()))
}
