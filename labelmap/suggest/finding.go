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
	return findsIn(name) && findsIn(reWithout.ReplaceAllString(split(name), ""))
}

func findsIn(name string) bool {
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

// barely says whether a name is a finding and nothing else: "nodule 3".
func (v *vocabulary) barely(name string) bool {
	what, rest := v.found(name)
	return what != "" && len(rest) == 0
}

// lesion gives a finding the site that the list is about, where there is one.
func (e *Engine) lesion(l *labelmap.RawLabel, a *answer, s *surroundings) {
	name, ceiling := strings.TrimSpace(l.Name), 1.0
	if m := reInitials.FindString(name); m != "" && !e.words.saysMore(m[1:]) {
		name, ceiling = strings.TrimSuffix(name, m), sideless
	}
	finding, rest := e.words.found(name)
	if finding == "" || len(rest) > 0 || a.sure() {
		return
	}
	sites := map[string]bool{}
	for id := range s.organs {
		sites[id] = true
	}
	found, within := e.findingsAt(finding, func(site string) bool { return sites[site] })
	if named, places := e.findingsAt(finding, func(site string) bool { return slices.Contains(s.named, site) }); len(found) == 0 || len(named) == 1 && len(found) > 1 {
		found, within = named, places
	}
	elsewhere, far, here := 0, 0, 0 // structures of other places, those of another region, and of these
	for id := range s.organs {
		switch {
		case slices.ContainsFunc(within, func(site string) bool { return s.under(id, site) || s.under(site, id) }):
			here++
		case !slices.ContainsFunc(within, func(site string) bool { return e.sameRegion(id, site, s) }):
			far++
			fallthrough
		default:
			elsewhere++
		}
	}
	named := slices.ContainsFunc(within, func(site string) bool { return slices.Contains(s.named, site) })
	for id, c := range a.found {
		switch {
		case !e.isFinding(id):
		case !e.siteless(id):
			c.score = min(c.score, hopeless-0.02) // its site is not named
		case len(found) > 0:
			delete(a.found, id)
		}
	}
	for id, site := range found {
		c := &candidate{id: id, score: 0.985, predicate: labelmap.Exact, reasons: []string{"a " + finding + " in a list about " + site}, sure: true, evidence: byTable}
		switch {
		case len(found) == 1 && !named && far > here:
			c.score = hopeless - 0.01 // nobody says that it is this one of several places
		case len(found) > 1, elsewhere > 0:
			c.score = 0.75
		}
		c.score = min(c.score, ceiling)
		a.found[id] = c
	}
}

// sameRegion says whether some region holds both of two structures.
func (e *Engine) sameRegion(a, b string, s *surroundings) bool {
	return slices.ContainsFunc(e.regions, func(r string) bool { return s.under(a, r) && s.under(b, r) })
}

// findingsAt are the findings of a kind at the sites that suit, with the names of
// their sites, and the sites. A sort of structure that lies everywhere is no site.
func (e *Engine) findingsAt(what string, suits func(site string) bool) (found map[string]string, sites []string) {
	found = map[string]string{}
	for _, f := range e.findings {
		if f.what == what && suits(f.site) && !e.isFinding(f.site) && len(e.tree.Descendants(f.site, graph.IsA)) < manyKinds {
			found[f.id] = e.name(f.site)
			sites = append(sites, f.site)
		}
	}
	return found, sites
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
