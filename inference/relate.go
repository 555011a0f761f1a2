package inference

import (
	"fmt"
	"slices"

	"satgraph/graph"
)

// partsOf names the classes of the asked terms that lie within a term, other
// than its own.
func (p *Plan) partsOf(t *TermPlan) []string {
	if p.resolver == nil || t.ID == "" {
		return nil
	}
	var out []string
	for i := range p.Terms {
		part := &p.Terms[i]
		if part.ID == "" || part.ID == t.ID || !p.resolver.tree.IsDescendant(part.ID, t.ID, graph.PartOf, graph.IsA) {
			continue
		}
		for _, class := range part.Classes {
			if !slices.Contains(t.Classes, class) && !slices.Contains(t.Subtract, class) && !slices.Contains(out, class) {
				out = append(out, class)
			}
		}
	}
	return out
}

// otherModality gives those terms their status for which a class exists, but in
// another kind of scan.
func (r *run) otherModality(asked *Plan) {
	for i := range r.report.Structures {
		s := &r.report.Structures[i]
		if s.Status != NotSegmentable {
			continue
		}
		var classes []string
		if i < len(asked.Terms) {
			classes = asked.Terms[i].Classes
		}
		for _, m := range modalities {
			if m == r.report.Modality {
				continue
			}
			found := len(classes) > 0 && !slices.ContainsFunc(classes, func(c string) bool { return !r.man.Knows(c, m) })
			if !found && s.TermID != "" && asked.resolver != nil {
				t := asked.resolver.narrow(r.man).newCover().plan(target{id: s.TermID}, m)
				found = t.Status == Segmentable
			}
			if found {
				s.Status = WrongModality
				s.Reason = join(s.Reason, fmt.Sprintf("this model knows it in %v, and the scan is %v", m, r.report.Modality))
				break
			}
		}
	}
}

// regions of the body from the head down, by the names of their terms.
var regions = []string{"head", "neck", "thoracic segment of trunk", "abdominal segment of trunk", "pelvic region of trunk", "hindlimb"}

// lookForEdges tells structures that the scan does not seem to reach from those
// that are not there: all that was asked of their region of the body is absent,
// and something of another region was found.
func (r *run) lookForEdges() {
	if r.plan.resolver == nil {
		return
	}
	tree := r.plan.resolver.tree
	region := func(s *StructureResult) int {
		if s.TermID == "" {
			return -1
		}
		at := -1
		for n, name := range regions {
			m := tree.Lookup(name)
			if len(m) == 0 || !tree.IsDescendant(s.TermID, m[0].ID, graph.PartOf, graph.IsA) {
				continue
			}
			if at >= 0 {
				return -1 // it spans several
			}
			at = n
		}
		return at
	}
	var lost []*StructureResult
	seen := map[int]bool{}
	for i := range r.report.Structures {
		s := &r.report.Structures[i]
		at := region(s)
		if at < 0 {
			continue
		}
		switch s.Status {
		case Segmented:
			seen[at] = true
		case Absent:
			lost = append(lost, s)
		}
	}
	if len(seen) == 0 {
		return
	}
	for _, s := range lost {
		// A neighbouring region may be in view without a structure of it having
		// been asked.
		at := region(s)
		if seen[at] || seen[at-1] || seen[at+1] {
			continue
		}
		s.Status = OutsideView
		s.Reason = join(s.Reason, fmt.Sprintf("nothing of the %s was found, while other parts of the body were: the scan does not seem to reach it", regions[at]))
	}
}
