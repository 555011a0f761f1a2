package review

import (
	tea "charm.land/bubbletea/v2"

	"satgraph/graph"
	"satgraph/labelmap"
)

// purpose is what a search is for.
type purpose int

const (
	searchTerm  purpose = iota // the term that the label stands for
	searchPlace                // where a new term lies
)

// search is a search for a term as the user types.
type search struct {
	purpose purpose
	hits    []graph.Hit
	at      int
	name    string            // of the new term
	places  []labelmap.Target // gathered for it
	part    bool              // the next place is a whole, not a kind
}

// found is how many hits are asked for.
const found = 20

func (m *model) startSearch(p purpose) {
	last := ""
	if p == searchTerm {
		last = m.searched // labels that are alike often need the same term
	}
	m.mode, m.search = searching, search{purpose: p}
	m.input.Reset()
	m.input.Prompt = "term: "
	m.input.SetValue(last)
	m.input.CursorEnd()
	m.input.Focus()
	m.find()
}

// find searches for what is typed, which may be a name or an id.
func (m *model) find() {
	m.search.at = 0
	m.search.hits = nil
	if m.search.purpose == searchTerm {
		m.searched = m.input.Value()
	}
	if text := m.input.Value(); text != "" {
		m.search.hits = m.Tree.Search(text, found)
	}
}

func (m *model) keySearching(k tea.KeyPressMsg) tea.Cmd {
	s := &m.search
	switch k.String() {
	case "esc":
		m.mode = browsing
	case "down", "ctrl+n":
		s.at = min(s.at+1, max(0, len(s.hits)-1))
	case "up", "ctrl+p":
		s.at = max(0, s.at-1)
	case "ctrl+t":
		if s.purpose == searchPlace {
			s.part = !s.part
		} else {
			m.choice.predicate = nextPredicate(m.searchedPredicate())
		}
	case "tab":
		m.addHit()
	case "enter":
		m.acceptHit()
	default:
		return m.typed(k)
	}
	return nil
}

// searchedPredicate is what a found term would be accepted with.
func (m *model) searchedPredicate() labelmap.Predicate {
	if m.choice.predicate != "" {
		return m.choice.predicate
	}
	return labelmap.Exact
}

// addHit gathers the hit: as one of several targets, or as a place.
func (m *model) addHit() {
	s := &m.search
	if s.at >= len(s.hits) {
		return
	}
	if s.purpose == searchTerm {
		m.addTarget(s.hits[s.at].ID, m.searchedPredicate())
	} else if !m.addPlace(s.hits[s.at].ID) {
		return
	}
	m.input.Reset()
	m.search.hits, m.search.at = nil, 0
}

func (m *model) addPlace(id string) bool {
	p := labelmap.Broad
	if m.search.part {
		p = labelmap.Related
	}
	t, err := labelmap.TargetOf(m.Tree, id, p)
	if err != nil {
		m.fail(err)
		return false
	}
	m.search.places = append(m.search.places, t)
	return true
}

// acceptHit decides for the hit, with what was gathered before. A new term may
// do without a place.
func (m *model) acceptHit() {
	s := &m.search
	hit := s.at < len(s.hits)
	if s.purpose == searchPlace {
		if hit && !m.addPlace(s.hits[s.at].ID) {
			return
		}
		m.mode = browsing
		m.proposeTerm(s.name, s.places)
		return
	}
	if !hit && len(m.choice.targets) == 0 {
		return
	}
	m.mode = browsing
	if hit {
		id := s.hits[s.at].ID
		m.choice.targets = removed(m.choice.targets, id)
		m.addTarget(id, m.searchedPredicate())
	}
	m.decideAll(m.current(), several(m.choice.targets, m.choice.oneOf))
}

func removed(targets []labelmap.Target, id string) []labelmap.Target {
	out := targets[:0:0]
	for _, t := range targets {
		if t.TermID != id {
			out = append(out, t)
		}
	}
	return out
}
