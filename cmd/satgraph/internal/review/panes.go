package review

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// pane is what is shown of the label under the cursor.
type pane int

const (
	why pane = iota
	place
	around
	past
	impact
	panes // how many there are
)

var paneNames = [panes]string{"why", "place", "around", "history", "impact"}

// paneLines draws the pane, of exactly a width and height.
func (m *model) paneLines(width, height int) []string {
	if height <= 0 {
		return nil
	}
	var title string
	var lines []string
	if m.mode == searching {
		title, lines = m.searchLines(width, height)
	} else {
		title = m.paneTitle()
		if r := m.current(); r != nil {
			for _, line := range m.paneText(r) {
				lines = append(lines, wrap(line, width, 5)...)
			}
		}
		m.paneTop = max(0, min(m.paneTop, len(lines)-1))
		lines = lines[min(m.paneTop, len(lines)):]
	}
	out := []string{headStyle.Render(fit(title, width))}
	for i := range height - 1 {
		line := ""
		if i < len(lines) {
			line = lines[i]
		}
		out = append(out, fit(line, width))
	}
	return out
}

func (m *model) paneTitle() string {
	var b strings.Builder
	for p := range panes {
		if p == m.pane {
			fmt.Fprintf(&b, "--[%s]", paneNames[p])
		} else {
			fmt.Fprintf(&b, "-- %s ", paneNames[p])
		}
	}
	b.WriteString("--")
	return b.String()
}

func (m *model) paneText(r *row) []string {
	switch m.pane {
	case place:
		return m.placeText(r)
	case around:
		return m.aroundText()
	case past:
		return m.pastText()
	case impact:
		return m.impactText()
	case why, panes:
	}
	return m.whyText(r)
}

func (m *model) whyText(r *row) []string {
	out := m.decidedText(r)
	switch res := r.result; {
	case res == nil && m.busy != "":
		out = append(out, "suggestions are being made ...")
	case res == nil:
		out = append(out, "never imported, so nothing is suggested")
	default:
		if res.Abstained {
			out = append(out, "no answer: "+show(res.Why))
		}
		for i, s := range r.suggestions() {
			p := s.Predicate
			if i == m.choice.at {
				p = m.predicate(r)
			}
			out = append(out, fmt.Sprintf("%s%d %.2f %-7s %s (%s)  %s", pointer(i == m.choice.at), i+1, s.Score, p, show(s.Name), s.TermID, show(strings.Join(s.Reasons, "; "))))
			if r.state.IsRejected(s.TermID) {
				out = append(out, "     rejected")
			}
		}
		for _, f := range res.Flags {
			out = append(out, "look: "+show(f))
		}
	}
	return append(out, m.labelText(r)...)
}

func pointer(on bool) string {
	if on {
		return "> "
	}
	return "  "
}

// decidedText is what stands: verdicts, several targets in the making, flags.
func (m *model) decidedText(r *row) []string {
	var out []string
	if list := m.choice.targets; len(list) > 0 {
		out = append(out, "several: "+meant(several(list, m.choice.oneOf))+"  (a accepts, m all or one of)")
	}
	if r.state.Status == labelmap.Disputed && !m.voted(&r.state) {
		out = append(out, "reviewers disagree; your decision settles it")
	}
	for _, v := range r.state.Votes {
		out = append(out, fmt.Sprintf("%s says %s  (%s)", show(v.Actor), meant(&v.Verdict), v.Time.Local().Format("2006-01-02 15:04")))
	}
	if a := r.state.Adjudication; a != nil {
		out = append(out, fmt.Sprintf("%s settled it: %s", show(a.Actor), meant(&a.Verdict)))
	}
	for _, w := range r.touched {
		out = append(out, "the tree has changed: "+show(w)+"  (= keeps the decision)")
	}
	for _, f := range r.state.Flags {
		out = append(out, "flag by "+show(f.Actor)+": "+show(f.Comment))
	}
	return out
}

// labelText is what the source and the voxels say.
func (m *model) labelText(r *row) []string {
	l := r.state.Label
	if l == nil {
		return nil
	}
	out := []string{"label " + show(l.Key())}
	var facts []string
	for _, f := range [][2]string{{"modality", l.Modality}, {"region", l.Region}, {"context", l.Context}, {"codes", strings.Join(l.Codes, " ")}, {"file", l.File}} {
		if f[1] != "" {
			facts = append(facts, f[0]+" "+show(f[1]))
		}
	}
	if l.Line > 0 {
		facts = append(facts, fmt.Sprintf("line %d", l.Line))
	}
	out = append(out, "  "+strings.Join(facts, "; "))
	if g := l.Geometry; g != nil {
		side := g.Side
		if side == "" {
			side = "no side"
		}
		out = append(out, fmt.Sprintf("  measured: %d voxels, %.1f mL, %s, centre %.0f %.0f %.0f mm", g.Voxels, g.VolumeML, side, g.Centroid[0], g.Centroid[1], g.Centroid[2]))
	}
	for _, f := range l.Flags {
		out = append(out, "  odd: "+show(f))
	}
	return out
}

// chosenTerm is the term that the panes speak of: what was decided, or the
// chosen suggestion.
func (m *model) chosenTerm(r *row) string {
	if v := r.state.Verdict; v != nil && len(v.Targets) > 0 {
		return v.Targets[0].TermID
	}
	if list := r.suggestions(); m.choice.at < len(list) {
		return list[m.choice.at].TermID
	}
	return ""
}

func (m *model) placeText(r *row) []string {
	id := m.chosenTerm(r)
	t, ok := m.Tree.Term(id)
	if !ok {
		return []string{"no term to show the place of"}
	}
	out := []string{fmt.Sprintf("%s (%s), %s", show(t.Name), t.ID, t.Kind)}
	if t.Definition != "" {
		out = append(out, "  "+show(cut(t.Definition, 300)))
	}
	var synonyms []string
	for _, s := range t.Synonyms {
		synonyms = append(synonyms, show(s.Text))
	}
	if len(synonyms) > 0 {
		out = append(out, "also called "+strings.Join(synonyms[:min(8, len(synonyms))], ", "))
	}
	for _, rel := range graph.RelationTypes() {
		if up := m.Tree.Parents(id, rel); len(up) > 0 {
			out = append(out, strings.ReplaceAll(string(rel), "_", " ")+" "+m.termNames(up))
		}
	}
	if other, ok := m.Tree.Counterpart(id); ok {
		out = append(out, "other side "+m.termNames([]string{other}))
	}
	if kinds := m.Tree.Children(id, graph.IsA); len(kinds) > 0 {
		out = append(out, "kinds "+m.termNames(kinds))
	}
	if parts := m.Tree.Children(id, graph.PartOf); len(parts) > 0 {
		out = append(out, "parts "+m.termNames(parts))
	}
	if inside := m.Tree.Children(id, graph.LocatedIn); len(inside) > 0 {
		out = append(out, "findings in it "+m.termNames(inside))
	}
	return out
}

// termNames lists the first terms of a list by name.
func (m *model) termNames(ids []string) string {
	const shown = 12
	var out []string
	for _, id := range m.Tree.SortByName(slices.Clone(ids)) {
		if len(out) == shown {
			out = append(out, fmt.Sprintf("and %d more", len(ids)-shown))
			break
		}
		t, _ := m.Tree.Term(id)
		out = append(out, show(t.Name))
	}
	return strings.Join(out, ", ")
}

// aroundText are the labels before and after, in the order of the source.
func (m *model) aroundText() []string {
	const near = 5
	at := m.shown[m.cursor]
	var out []string
	for i := max(0, at-near); i <= min(len(m.rows)-1, at+near); i++ {
		what, score, predicate, side := m.standing(&m.rows[i])
		out = append(out, fmt.Sprintf("%s%s %s  %s %s %s %s", pointer(i == at), m.mark(&m.rows[i]), show(m.rows[i].state.Subject.Key), what, score, predicate, side))
	}
	return out
}

func (m *model) pastText() []string {
	var out []string
	for i := range m.history {
		out = append(out, eventWords(&m.history[i]))
	}
	if len(out) == 0 {
		out = []string{"nothing was done yet"}
	}
	return out
}

func (m *model) impactText() []string {
	if m.Impact == nil {
		return []string{"what a decision changes in the corpus is not known here"}
	}
	return m.impact
}

// sight is what history and impact were read for.
type sight struct {
	subject   labelmap.Subject
	version   int64
	at        int
	predicate labelmap.Predicate
}

// look reads what the panes of history and impact show, where one of them is on
// the screen and shows something else.
func (m *model) look() {
	r := m.current()
	if r == nil || m.pane != past && m.pane != impact {
		return
	}
	now := sight{r.state.Subject, r.state.Version, m.choice.at, m.choice.predicate}
	if m.seen == now {
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	m.seen, m.history, m.impact = now, nil, nil
	history, err := m.Book.History(ctx, r.state.Subject)
	if err != nil {
		m.fail(err)
		return
	}
	m.history = history
	if m.Impact == nil {
		return
	}
	m.impact = []string{"choose a suggestion to see what it would change"}
	list := r.suggestions()
	if m.choice.at >= len(list) {
		return
	}
	t, err := labelmap.TargetOf(m.Tree, list[m.choice.at].TermID, m.predicate(r))
	if err != nil {
		return
	}
	lines, err := m.Impact(ctx, []labelmap.Entry{m.deciding(&r.state, several([]labelmap.Target{t}, false))})
	if err != nil {
		m.impact = []string{show(err.Error())}
		return
	}
	for i := range lines {
		lines[i] = show(lines[i])
	}
	m.impact = lines
}

// searchLines are the line that is typed in and what it finds.
func (m *model) searchLines(width, height int) (title string, lines []string) {
	s := &m.search
	title = fmt.Sprintf("--[search] %s; Enter accepts, Tab adds, Ctrl+T predicate, Esc back--", m.searchedPredicate())
	if s.purpose == searchPlace {
		how := "a kind of"
		if s.part {
			how = "part of, or lying in"
		}
		title = fmt.Sprintf("--[new term: %s] it is %s; Ctrl+T the other, Tab adds, Enter proposes--", show(s.name), how)
	}
	m.input.SetWidth(max(1, width-len(m.input.Prompt)-2))
	lines = []string{m.input.View()}
	for _, t := range append(slices.Clone(m.choice.targets), s.places...) {
		lines = append(lines, fmt.Sprintf("  with %s %s", t.Predicate, show(t.Name)))
	}
	first := max(0, s.at-max(0, height-len(lines)-2))
	for i := first; i < len(s.hits); i++ {
		h := &s.hits[i]
		t, _ := m.Tree.Term(h.ID)
		lines = append(lines, fmt.Sprintf("%s%.2f %s (%s)  %s", pointer(i == s.at), h.Score, show(t.Name), h.ID, show(strings.Join(h.Reasons, "; "))))
	}
	if len(s.hits) == 0 && m.input.Value() != "" {
		lines = append(lines, "  nothing fits")
	}
	return title, lines
}
