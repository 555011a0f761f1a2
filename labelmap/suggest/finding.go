package suggest

import (
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// lesionWords are findings that a label may name without their site.
var lesionWords = map[string]string{
	"tumor": "tumor", "cancer": "tumor", "carcinoma": "tumor", "neoplasm": "tumor", "malignancy": "tumor",
	"lesion": "tumor", "mass": "tumor", "cyst": "cyst", "nodule": "nodule", "scar": "scar", "edema": "edema",
	"leasion": "tumor", "lession": "tumor", "leison": "tumor", "metastasi": "tumor", "metastase": "tumor", "metastasis": "tumor", "met": "tumor", "adenocarcinoma": "tumor", "tumour": "tumor",
}

// diseased says whether a label names a finding that no structure is named after.
func diseased(name string) bool {
	name = reWithout.ReplaceAllString(split(name), "")
	return slices.ContainsFunc(graph.Words(split(name)), func(w string) bool {
		switch lesionWords[w] {
		case "tumor":
			return w != "mass" && w != "met" // the lateral mass of the atlas
		case "cyst":
			return true
		}
		return false
	})
}

// finding is a term of the tree for something found in a structure.
type finding struct{ id, what, site string }

// findingsOf lists the findings whose kind a label may name, with their sites.
func findingsOf(tree *graph.Tree) []finding {
	var out []finding
	for _, t := range tree.Terms() {
		if t.Kind != graph.KindFinding || t.Laterality != graph.Unsided {
			continue
		}
		words := graph.Words(t.Name)
		if len(words) < 2 {
			continue // "tumor" alone lies anywhere
		}
		what := lesionWords[words[len(words)-1]]
		if what == "" {
			continue
		}
		if len(tree.Parents(t.ID, graph.PartOf)) > 0 {
			continue // a part of a tumor
		}
		for _, site := range tree.Parents(t.ID, graph.LocatedIn) {
			out = append(out, finding{t.ID, what, site})
		}
	}
	return out
}

// ofFinding reads a label that names a finding and where it lies, in words of
// its own: "hypodense liver lesion", "nodule RUL".
func (e *Engine) ofFinding(a *answer, l *labelmap.RawLabel) { e.ofFindingNamed(a, l, l.Name) }

func (e *Engine) ofFindingNamed(a *answer, l *labelmap.RawLabel, name string) {
	e.findingIn(a, l, name)
	if len(a.found) > 0 {
		return
	}
	for _, r := range e.words.translate(name) {
		e.findingIn(a, l, r.text)
	}
}

func (e *Engine) findingIn(a *answer, l *labelmap.RawLabel, name string) {
	what, rest := e.words.found(name)
	if what == "" || len(rest) == 0 {
		return
	}
	place := answer{found: map[string]*candidate{}}
	for _, r := range e.readings(strings.Join(rest, " ")) {
		e.look(&place, r, l.Modality)
	}
	ranked := place.ranked()
	if len(ranked) == 0 || ranked[0].score < 0.7 {
		return
	}
	site := ranked[0].id
	t, _ := e.tree.Term(site)
	for _, f := range e.findings {
		if f.what != what || site != f.site && !e.tree.IsDescendant(site, f.site) {
			continue
		}
		id, predicate := f.id, labelmap.Exact
		if t.Laterality != graph.Unsided || site != f.site {
			predicate = labelmap.Broad
		}
		if sided, ok := e.ofSide(f.id, t.Laterality); ok {
			id, predicate = sided, labelmap.Exact
		}
		a.add(candidate{id: id, score: 0.78, predicate: predicate, reasons: append([]string{"a " + what + " of " + t.Name}, ranked[0].reasons...), evidence: byPart})
	}
}

// found takes the finding and words for how it looks out of a name.
func (v *vocabulary) found(name string) (what string, rest []string) {
	for w := range strings.FieldsSeq(split(name)) {
		folded := graph.Normalize(w)
		switch {
		case lesionWords[folded] != "":
			what = lesionWords[folded]
		case v.qualities[strings.ToLower(w)], strings.Trim(w, "0123456789") == "":
		default:
			rest = append(rest, w)
		}
	}
	return what, rest
}

// lesion gives a finding the site that the list is about, where there is one.
func (e *Engine) lesion(l *labelmap.RawLabel, a *answer, s *surroundings) {
	finding, rest := e.words.found(l.Name)
	if finding == "" || len(rest) > 0 || a.sure() {
		return
	}
	sites := map[string]bool{}
	add := func(id string) {
		if t, _ := e.tree.Term(id); t.Kind != graph.KindFinding {
			sites[id] = true
		}
	}
	for id := range s.organs {
		add(id)
	}
	if len(sites) != 1 {
		for _, id := range s.named {
			add(id)
		}
	}
	found, within := map[string]string{}, []string{}
	for _, f := range e.findings {
		if f.what == finding && sites[f.site] {
			found[f.id] = e.name(f.site)
			within = append(within, f.site)
		}
	}
	elsewhere := false // the list has structures of other places
	for id := range s.organs {
		elsewhere = elsewhere || sites[id] && !slices.ContainsFunc(within, func(site string) bool {
			return id == site || e.tree.IsDescendant(id, site) || e.tree.IsDescendant(site, id)
		})
	}
	if len(found) > 0 {
		for id := range a.found {
			if e.siteless(id) {
				delete(a.found, id)
			}
		}
	}
	for id, site := range found {
		c := &candidate{id: id, score: 0.985, predicate: labelmap.Exact, reasons: []string{"a " + finding + " in a list about " + site}, sure: true, evidence: byTable}
		if len(found) > 1 || elsewhere {
			c.score = 0.75
		}
		a.found[id] = c
	}
}

// findingWords name what only findings are called.
var findingWords = []string{"stroke", "infarct", "infarction", "hemorrhage", "bleeding", "effusion", "embolism", "edema", "scar", "hyperintensity"}

// plainFinding leaves out how a finding looks or how old it is.
func (v *vocabulary) plainFinding(name string) string {
	words := graph.Words(split(name))
	if !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(findingWords, w) }) {
		return name
	}
	return strings.Join(slices.DeleteFunc(strings.Fields(split(name)), func(w string) bool { return v.qualities[strings.ToLower(w)] }), " ")
}
