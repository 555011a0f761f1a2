package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"satgraph/labelmap"
)

// filter chooses labels by where they stand.
type filter int

const (
	all filter = iota
	waiting
	disputed
	flagged
	doubtful
	settled
	changed
	filters // how many there are
)

var filterNames = [filters]string{"all", "undecided", "disputed", "flagged", "no answer", "settled", "changed tree"}

// order is how the list is sorted.
type order int

const (
	bySource order = iota
	byDoubt
	byScore
	byName
	byStatus
	orders // how many there are
)

var orderNames = [orders]string{"source", "doubtful first", "sure first", "name", "state"}

// refilter makes the list anew and keeps the cursor on its label.
func (m *model) refilter() {
	var at labelmap.Subject
	if r := m.current(); r != nil {
		at = r.state.Subject
	}
	needle := strings.ToLower(m.text)
	m.shown = m.shown[:0]
	for i := range m.rows {
		if r := &m.rows[i]; m.passes(r) && (needle == "" || r.contains(needle)) {
			m.shown = append(m.shown, i)
		}
	}
	slices.SortStableFunc(m.shown, func(a, b int) int { return m.order.compare(&m.rows[a], &m.rows[b]) })
	m.cursor = max(0, min(m.cursor, len(m.shown)-1))
	if n := slices.IndexFunc(m.shown, func(i int) bool { return m.rows[i].state.Subject == at }); n >= 0 {
		m.cursor = n
	} else {
		m.choice, m.paneTop = choice{}, 0
	}
	m.scroll()
}

func (m *model) passes(r *row) bool {
	switch m.status {
	case waiting:
		return m.undecided(r)
	case disputed:
		return r.state.Status == labelmap.Disputed
	case flagged:
		return len(r.state.Flags) > 0 || r.result != nil && len(r.result.Flags) > 0 || r.state.Label != nil && len(r.state.Label.Flags) > 0
	case doubtful:
		return r.state.Status == labelmap.Open && r.result != nil && r.result.Abstained
	case settled:
		return r.state.Status == labelmap.Settled
	case changed:
		return len(r.touched) > 0
	case all, filters:
	}
	return true
}

// contains says whether a label, what is suggested or what was decided holds a
// text.
func (r *row) contains(needle string) bool {
	holds := func(s string) bool { return strings.Contains(strings.ToLower(cut(s, longest)), needle) }
	if holds(r.state.Subject.Key) {
		return true
	}
	if v := r.state.Verdict; v != nil && slices.ContainsFunc(v.Targets, func(t labelmap.Target) bool { return holds(t.Name) }) {
		return true
	}
	return r.result != nil && len(r.result.Suggestions) > 0 && holds(r.result.Suggestions[0].Name)
}

// score is how sure the first suggestion is; an answer that is none comes below
// all that are.
func (r *row) score() float64 {
	if r.result == nil || len(r.result.Suggestions) == 0 {
		return -2
	}
	if r.result.Abstained {
		return r.result.Suggestions[0].Score - 1
	}
	return r.result.Suggestions[0].Score
}

func (o order) compare(a, b *row) int {
	switch o {
	case byDoubt:
		return cmp.Compare(a.score(), b.score())
	case byScore:
		return cmp.Compare(b.score(), a.score())
	case byName:
		return cmp.Compare(strings.ToLower(name(&a.state)), strings.ToLower(name(&b.state)))
	case byStatus:
		return cmp.Compare(a.state.Status, b.state.Status)
	case bySource, orders:
	}
	return 0
}

// compareSource is the order of the source: by value, then as read.
func compareSource(a, b *labelmap.State) int {
	first := func(s *labelmap.State) (int64, int) {
		if s.Label == nil {
			return 1 << 62, 0
		}
		if len(s.Label.Values) == 0 {
			return 1<<62 - 1, s.Label.Line
		}
		return s.Label.Values[0], s.Label.Line
	}
	v, n := first(a)
	w, o := first(b)
	return cmp.Or(cmp.Compare(v, w), cmp.Compare(n, o), cmp.Compare(a.Subject.Key, b.Subject.Key))
}

// name is the label's name, else its key.
func name(s *labelmap.State) string {
	if s.Label != nil && s.Label.Name != "" {
		return s.Label.Name
	}
	return s.Subject.Key
}

// counts says how far the dataset is.
func (m *model) counts() string {
	n := map[labelmap.Status]int{}
	for i := range m.rows {
		n[m.rows[i].state.Status]++
	}
	out := fmt.Sprintf("%d of %d settled", n[labelmap.Settled], len(m.rows))
	if n[labelmap.Awaiting] > 0 {
		out += fmt.Sprintf(", %d await a second", n[labelmap.Awaiting])
	}
	if n[labelmap.Disputed] > 0 {
		out += fmt.Sprintf(", %d disputed", n[labelmap.Disputed])
	}
	return out
}
