package review

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// row is a label with what is known and suggested.
type row struct {
	state   labelmap.State
	result  *suggest.Result // nil until suggestions are there
	touched []string        // what the tree has changed since the decision
	marked  bool
}

// mode is what the keys mean at present.
type mode int

const (
	browsing   mode = iota
	asking          // one line is asked for
	searching       // a term is searched for as the user types
	confirming      // a batch is shown before it is written
	conflicted      // somebody else was quicker
	helping
)

// model is the state of the review. Its methods run one at a time.
type model struct {
	Config
	ctx context.Context //nolint:containedctx // bubbletea's Update takes none

	rows   []row
	shown  []int // places in rows, filtered and sorted
	cursor int   // place in shown
	top    int   // first line of the list on the screen

	status filter
	text   string // filter
	order  order

	choice choice
	last   *labelmap.Verdict // the latest verdict given, to give again

	pane    pane
	paneTop int
	history []labelmap.Event // of the label under the cursor
	impact  []string
	seen    sight // what history and impact are of

	mode     mode
	input    textinput.Model
	question question
	search   search
	searched string // what was last searched for a term
	batch    batch
	conflict *labelmap.ConflictError
	blocked  *labelmap.Entry // what the conflict refused

	undo, redo []string // batches
	decided    int

	busy    string // what is being waited for
	message string
	failed  bool // the message is an error

	width, height int
}

func newModel(ctx context.Context, c Config) (*model, error) {
	states, err := c.Book.States(ctx, c.Dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	m := &model{Config: c, ctx: ctx, width: 80, height: 24, busy: "suggesting"}
	for i := range states {
		if states[i].Label != nil || len(states[i].Votes) > 0 {
			m.rows = append(m.rows, row{state: states[i]})
		}
	}
	slices.SortStableFunc(m.rows, func(a, b row) int { return compareSource(&a.state, &b.state) })
	m.retouch()
	m.refilter()
	m.input = textinput.New()
	m.input.CharLimit = 4000
	styles := m.input.Styles()
	styles.Cursor.Blink = false // a blinking cursor redraws twice a second
	m.input.SetStyles(styles)
	return m, nil
}

// retouch finds the decisions whose terms the tree has changed.
func (m *model) retouch() {
	states := make([]labelmap.State, len(m.rows))
	for i := range m.rows {
		states[i] = m.rows[i].state
	}
	at := map[labelmap.Subject][]string{}
	for _, t := range labelmap.FindTouched(m.Tree, states) {
		at[t.State.Subject] = t.Why
	}
	for i := range m.rows {
		m.rows[i].touched = at[m.rows[i].state.Subject]
	}
}

// suggested brings the suggestions, which take a while for long lists.
type suggested struct {
	results map[string]*suggest.Result
	err     error
}

// written ends a batch that was written in the background.
type written struct {
	events []labelmap.Event
	err    error
}

// Init starts what takes longer than a frame.
func (m *model) Init() tea.Cmd {
	states := make([]labelmap.State, len(m.rows))
	for i := range m.rows {
		states[i] = m.rows[i].state
	}
	return func() tea.Msg {
		results, err := m.Suggest(states)
		return suggested{results, err}
	}
}

// Update takes a key, a resize or a result.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.take(msg)
	m.look()
	return m, cmd
}

func (m *model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.scroll()
	case suggested:
		m.busy = ""
		if msg.err != nil {
			m.fail(msg.err)
			break
		}
		for i := range m.rows {
			m.rows[i].result = msg.results[m.rows[i].state.Subject.Key]
		}
		m.refilter()
	case written:
		m.busy = ""
		m.wrote(msg.events, msg.err)
	case tea.PasteMsg:
		return m.typed(msg)
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	return nil
}

func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return tea.Quit
	}
	if m.busy == writing { // its outcome decides what other keys would do
		return nil
	}
	switch m.mode {
	case asking:
		return m.keyAsking(k)
	case searching:
		return m.keySearching(k)
	case confirming:
		return m.keyConfirming(k)
	case conflicted:
		m.keyConflicted(k)
	case helping:
		m.mode = browsing
	case browsing:
		m.message, m.failed = "", false
		return m.keyBrowsing(k)
	}
	return nil
}

// typed gives a message to the line that is typed in.
func (m *model) typed(msg tea.Msg) (cmd tea.Cmd) {
	if m.mode != asking && m.mode != searching {
		return nil
	}
	m.input, cmd = m.input.Update(msg)
	if m.mode == searching {
		m.find()
	}
	return cmd
}

func (m *model) say(format string, args ...any) {
	m.message, m.failed = fmt.Sprintf(format, args...), false
}

func (m *model) fail(err error) {
	m.message, m.failed = show(err.Error()), true
}

// current is the row under the cursor; nil where none is shown.
func (m *model) current() *row {
	if m.cursor < 0 || m.cursor >= len(m.shown) {
		return nil
	}
	return &m.rows[m.shown[m.cursor]]
}

// goTo moves the cursor, reads the label anew and forgets what was chosen for
// the one before.
func (m *model) goTo(n int) {
	m.cursor = max(0, min(n, len(m.shown)-1))
	m.choice, m.paneTop = choice{}, 0
	m.scroll()
	if r := m.current(); r != nil {
		m.reread(r)
	}
}

// reread takes what others have done to a label in the meantime.
func (m *model) reread(r *row) {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	st, err := m.Book.State(ctx, r.state.Subject)
	if err != nil {
		m.fail(err)
		return
	}
	if st.Version != r.state.Version {
		r.state, r.touched = st, nil
		for _, t := range labelmap.FindTouched(m.Tree, []labelmap.State{st}) {
			r.touched = t.Why
		}
	}
}

// patience is how long a store may take for one decision.
const patience = 30 * time.Second

// nextUndecided moves to the next label, in a direction, that waits for this
// reviewer.
func (m *model) nextUndecided(step int) {
	for n := m.cursor + step; n >= 0 && n < len(m.shown); n += step {
		if m.undecided(&m.rows[m.shown[n]]) {
			m.goTo(n)
			return
		}
	}
	if step > 0 {
		for n := range m.cursor { // from the start again
			if m.undecided(&m.rows[m.shown[n]]) {
				m.goTo(n)
				m.say("from the start of the list again")
				return
			}
		}
	}
	m.goTo(m.cursor)
	if m.message == "" {
		m.say("no label here waits for you")
	}
}

// undecided says whether a label waits for this reviewer.
func (m *model) undecided(r *row) bool {
	switch r.state.Status {
	case labelmap.Settled:
		return len(r.touched) > 0
	case labelmap.Disputed:
		return true
	case labelmap.Open, labelmap.Awaiting:
	}
	return !m.voted(&r.state)
}

func (m *model) voted(st *labelmap.State) bool {
	return slices.ContainsFunc(st.Votes, func(v labelmap.Vote) bool { return v.Actor == m.Actor })
}

// write appends entries on the states that are shown and takes up what came of
// it. It says whether they were written.
func (m *model) write(entries ...labelmap.Entry) bool {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	events, err := m.Book.Write(ctx, m.Actor, entries...)
	var conflict *labelmap.ConflictError
	if errors.As(err, &conflict) && len(entries) == 1 {
		m.blocked = &entries[0]
	}
	m.wrote(events, err)
	return err == nil
}

// wrote takes up the outcome of a batch.
func (m *model) wrote(events []labelmap.Event, err error) {
	var conflict *labelmap.ConflictError
	switch {
	case errors.As(err, &conflict):
		m.conflict, m.mode = conflict, conflicted
		m.refresh(conflict.Yours.Subject)
		return
	case err != nil:
		m.fail(err)
		return
	}
	m.undo, m.redo = append(m.undo, events[0].Batch), nil
	m.decided += len(events)
	for i := range events {
		m.refresh(events[i].Subject)
	}
	if len(events) > 1 {
		m.say("%d labels written as one batch; u takes it back", len(events))
	}
}

// refresh reads the state of a subject that this review shows.
func (m *model) refresh(s labelmap.Subject) {
	if i := slices.IndexFunc(m.rows, func(r row) bool { return r.state.Subject == s }); i >= 0 {
		m.reread(&m.rows[i])
	}
}

// takeBack undoes the last batch of this review, or redoes what was undone.
func (m *model) takeBack(from, to *[]string, word string) {
	if len(*from) == 0 {
		m.say("nothing to %s in this review", word)
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	ref := (*from)[len(*from)-1]
	entries, err := m.Book.Undoing(ctx, ref, word+" in the review")
	if err != nil {
		m.fail(err)
		return
	}
	events, err := m.Book.Write(ctx, m.Actor, entries...)
	if err != nil {
		m.fail(err)
		return
	}
	*from = (*from)[:len(*from)-1]
	*to = append(*to, events[0].Batch)
	if word == "undo" {
		m.decided -= len(events)
	} else {
		m.decided += len(events)
	}
	for i := range events {
		m.refresh(events[i].Subject)
	}
	m.show(events[0].Subject)
	if len(events) == 1 {
		m.say("%s: %s", word, show(events[0].Subject.Key))
	} else {
		m.say("%s: %d labels", word, len(events))
	}
}

// show brings the cursor to a label, if the filter lets it through.
func (m *model) show(s labelmap.Subject) {
	if n := slices.IndexFunc(m.shown, func(i int) bool { return m.rows[i].state.Subject == s }); n >= 0 {
		m.goTo(n)
	}
}

// marked are the places in rows of marked labels.
func (m *model) marked() []int {
	var out []int
	for i := range m.rows {
		if m.rows[i].marked {
			out = append(out, i)
		}
	}
	return out
}
