package labelmap

import "satgraph/graph"

// Class is a class of the corpus: what models are trained on.
type Class struct {
	Name     string
	Modality string // "ct", "mri" or "pet"
	TermID   string
}

// WantedOf are the classes that recipes of a dataset are proposed for: those of
// its labels' modalities (of all, where a label names none), one for each term:
// of near-synonyms the one that a label is called by.
func WantedOf(labels []Judged, classes []Class) []Wanted {
	called, modalities := map[string]bool{}, map[string]bool{}
	for i := range labels {
		called[graph.Normalize(labels[i].Label.Name)] = true
		modalities[labels[i].Label.Modality] = true
	}
	var out []Wanted
	byTerm := map[string]int{}
	for _, c := range classes {
		if !modalities[""] && !modalities[c.Modality] {
			continue
		}
		w := Wanted{Name: c.Name, TermID: c.TermID}
		at, ok := byTerm[c.TermID]
		switch {
		case !ok:
			byTerm[c.TermID] = len(out)
			out = append(out, w)
		case !called[graph.Normalize(out[at].Name)] && called[graph.Normalize(c.Name)]:
			out[at] = w
		}
	}
	return out
}
