package suggest

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// tie is how near in score two candidates are that a reader could confuse.
const tie = 0.015

// A term says too little ("artery", "gland") when it has this many kinds, in
// this many parts of the body.
const (
	kindsOfGeneral  = 5
	placesOfGeneral = 3
	manyKinds       = 60 // in however few
)

// bodyParts are the places that general terms are found in.
var bodyParts = []string{"head", "neck", "thoracic segment of trunk", "abdomen", "pelvis", "upper limb", "lower limb"}

// hopeless is the score below which a lead is worth nothing.
const hopeless = 0.55

// lead is by how much a doubtful candidate must lead the next other thing.
const lead = 0.12

// decide makes the result of a label.
func (e *Engine) decide(l *labelmap.RawLabel, a answer, s *surroundings, top int) Result {
	ranked := a.ranked()
	r := Result{Label: l}
	for _, c := range ranked[:min(top, len(ranked))] {
		r.Suggestions = append(r.Suggestions, e.suggestion(c))
	}
	abstain := func(why string) Result {
		r.Abstained, r.Why = true, why
		return r
	}
	switch {
	case a.none != "" && len(ranked) == 0:
		return abstain(a.none)
	case len(ranked) == 0:
		return abstain("nothing in the tree is so called")
	case a.several != "":
		return abstain(a.several)
	case a.planned != "":
		return abstain(a.planned)
	}
	best := ranked[0]
	switch {
	case strings.HasSuffix(strings.TrimSpace(l.Name), "?"):
		return abstain("the label itself asks")
	case best.evidence >= byLanguage && e.words.numbered(l.Name, e.name(best.id)):
		return abstain("one of several, and its number does not say which")
	case best.partial, best.score < hopeless, best.score < doubt && !e.leads(ranked):
		return abstain("only some of its words fit anything in the tree")
	case best.short:
		return abstain("an abbreviation that means other things elsewhere, and nothing around it says which")
	case !best.sure && e.general(best.id):
		return abstain(fmt.Sprintf("%s says too little: it has many kinds", e.name(best.id)))
	case e.siteless(best.id), best.score < doubt && e.isFinding(best.id):
		return abstain("a finding needs its site")
	}
	if rivals := e.rivals(ranked, s); len(rivals) > 1 {
		return abstain("it may be " + strings.Join(rivals, " or "))
	}
	return r
}

func (e *Engine) name(id string) string {
	t, _ := e.tree.Term(id)
	return t.Name
}

func (e *Engine) suggestion(c *candidate) Suggestion {
	t, _ := e.tree.Term(c.id)
	base, ok := e.tree.Base(c.id)
	if !ok {
		base = c.id
	}
	return Suggestion{
		TermID: c.id, Name: t.Name, Base: base, Kind: t.Kind, Predicate: c.predicate, Laterality: t.Laterality,
		Score: c.score, Reasons: c.reasons, evidence: c.evidence, field: c.field,
	}
}

// general says whether a term covers so many kinds in so many places that no
// dataset means it, unless a corpus has it as a class.
func (e *Engine) general(id string) bool {
	if e.isTrained(id) {
		return false
	}
	kinds := e.tree.Descendants(id, graph.IsA)
	if len(kinds) < kindsOfGeneral {
		return false
	}
	if len(kinds) >= manyKinds {
		return true
	}
	places := 0
	for _, place := range e.bodyParts {
		if slices.ContainsFunc(kinds, func(k string) bool { return e.tree.IsDescendant(k, place) }) {
			places++
		}
	}
	return places >= placesOfGeneral
}

// leads says whether the best candidate is far better than all that is not of
// its kind, part or side.
func (e *Engine) leads(ranked []*candidate) bool {
	for _, c := range ranked[1:] {
		if c.score > ranked[0].score-lead && !e.akin(ranked[0].id, c.id) {
			return false
		}
	}
	return true
}

func (e *Engine) isFinding(id string) bool {
	t, _ := e.tree.Term(id)
	return t.Kind == graph.KindFinding
}

// siteless says whether a finding is one whose kinds lie in several parts of the
// body: "tumor".
func (e *Engine) siteless(id string) bool {
	if !e.isFinding(id) {
		return false
	}
	kinds, places := e.tree.Descendants(id, graph.IsA), 0
	for _, place := range e.bodyParts {
		if slices.ContainsFunc(kinds, func(k string) bool { return e.tree.IsDescendant(k, place) }) {
			places++
		}
	}
	return places >= placesOfGeneral
}

// rivals names the best candidate and those as good that are another thing: no
// kind, part or side of it.
func (e *Engine) rivals(ranked []*candidate, s *surroundings) []string {
	best := ranked[0]
	out := []string{e.name(best.id)}
	for _, c := range ranked[1:] {
		if c.score < best.score-tie {
			break
		}
		if c.found < best.found-tie || e.lesser(best, c, s) {
			continue
		}
		out = append(out, e.name(c.id))
	}
	return out
}

// lesser says whether a candidate of about the same score is no rival of the
// best: it is akin, lacks the side asked for, lies elsewhere than the list, or is
// no class of the corpus where the best is one.
func (e *Engine) lesser(best, c *candidate, s *surroundings) bool {
	if e.akin(best.id, c.id) || c.ceiling > 0 && best.ceiling == 0 {
		return true
	}
	told := best.sure && c.sure // by a table, of the same list
	if !told && (s.affinity(c.id) < s.affinity(best.id)-0.3 || s.likeMost(best.id) && !s.likeMost(c.id)) {
		return true
	}
	return !told && !c.short && e.isTrained(best.id) && !e.isTrained(c.id)
}

// akin says whether two terms differ by kind, part or side only.
func (e *Engine) akin(a, b string) bool {
	if e.tree.IsDescendant(a, b) || e.tree.IsDescendant(b, a) {
		return true
	}
	baseA, okA := e.tree.Base(a)
	baseB, okB := e.tree.Base(b)
	return okA && baseA == b || okB && baseB == a
}
