package labelmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Precedent is what labels of one name were settled as.
type Precedent struct {
	Target   Target
	Datasets []string // sorted
	Actors   []string // who settled the first of them
}

// Precedents gathers, by normalised name (graph.Normalize), what labels were
// settled as. Labels of several targets, or of none, are no precedent. Several
// precedents of a name are sorted by the number of datasets, most first.
func Precedents(states []State) map[string][]Precedent {
	out := map[string][]Precedent{}
	for i := range states {
		st := &states[i]
		v := st.Verdict
		if st.Label == nil || st.Label.Name == "" || v == nil || v.Outcome != Mapped || len(v.Targets) != 1 {
			continue
		}
		name := graph.Normalize(st.Label.Name)
		list := out[name]
		at := slices.IndexFunc(list, func(p Precedent) bool {
			return p.Target.TermID == v.Targets[0].TermID && p.Target.Predicate == v.Targets[0].Predicate
		})
		if at < 0 {
			at = len(list)
			list = append(list, Precedent{Target: v.Targets[0], Actors: st.SettledBy})
		}
		if d := st.Subject.Dataset; !slices.Contains(list[at].Datasets, d) {
			list[at].Datasets = append(list[at].Datasets, d)
		}
		out[name] = list
	}
	for _, list := range out {
		for i := range list {
			slices.Sort(list[i].Datasets)
		}
		slices.SortFunc(list, func(a, b Precedent) int {
			return cmp.Or(cmp.Compare(len(b.Datasets), len(a.Datasets)), cmp.Compare(a.Target.TermID, b.Target.TermID), cmp.Compare(a.Target.Predicate, b.Target.Predicate))
		})
	}
	return out
}

// Where names the datasets of a precedent: "KiTS23, LiTS and 3 more".
func (p *Precedent) Where() string {
	const shown = 2
	s := strings.Join(p.Datasets[:min(shown, len(p.Datasets))], ", ")
	if more := len(p.Datasets) - shown; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
