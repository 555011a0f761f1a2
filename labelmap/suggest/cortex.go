package suggest

import (
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// cortical reads the label of a brain atlas, which leaves out that it means a
// gyrus, shortens words and counts ("Frontal_Sup_2_L", "G_temporal_inf").
func (e *Engine) cortical(l *labelmap.RawLabel, a *answer, s *surroundings) {
	brain, ok := one(e.tree, "brain")
	if !ok || !s.holds(brain) {
		return
	}
	text := e.words.cortexWords(l.Name)
	if text == "" {
		return
	}
	found := answer{found: map[string]*candidate{}}
	texts := []string{text, text + " gyrus", text + " cortex"}
	if strings.Contains(text, "gyrus") || strings.Contains(text, "sulcus") {
		texts = []string{text, strings.Replace(text, "gyrus ", "", 1)} // "gyrus cuneus"
	}
	for _, t := range texts {
		e.look(&found, reading{text: t, quality: 0.95, reason: "read as in a brain atlas: " + t, evidence: byShort}, l.Modality)
	}
	if p, ok := e.words.parcelNamed(l.Name); ok && !e.anyUnder(&found, brain) {
		e.look(&found, reading{text: p.meaning, quality: 0.95, reason: "a parcel of the cortex: " + p.reason, evidence: byShort}, l.Modality)
	}
	for id, c := range found.found {
		if e.tree.IsDescendant(id, brain) {
			a.add(*c)
		}
	}
}

// anyUnder says whether a good candidate lies in a place.
func (e *Engine) anyUnder(a *answer, place string) bool {
	for _, c := range a.found {
		if c.score >= doubt && e.tree.IsDescendant(c.id, place) {
			return true
		}
	}
	return false
}

// besideBrain says whether the best candidate lies out of the brain, and is not
// called as the label, in a list that is about the brain.
func (e *Engine) besideBrain(a *answer, s *surroundings) bool {
	brain, ok := one(e.tree, "brain")
	if !ok || s.regions[brain] < surelyAbout {
		return false
	}
	best := a.ranked()[0]
	return best.evidence > byName && !best.sure && !e.tree.IsDescendant(best.id, brain)
}

// parcelNamed is the parcel of FreeSurfer that a label names in words of its own,
// without what FreeSurfer puts before it: "Caudal Anterior Cingulate". The side
// stays in the meaning.
func (v *vocabulary) parcelNamed(name string) (meaning, bool) {
	side, _ := handed(split(name))
	var rest strings.Builder
	for w := range strings.FieldsSeq(strings.ToLower(split(name))) {
		if !isSideWord(w) {
			rest.WriteString(w)
		}
	}
	p, ok := v.parcels[rest.String()]
	if ok && side != graph.Unsided {
		p.meaning = string(side) + " " + p.meaning
	}
	return p, ok
}

// cortexWords writes the words of a brain atlas out, the side first.
func (v *vocabulary) cortexWords(name string) string {
	if hand, parcel, ok := hemisphere(name); ok {
		name = hand + " " + parcel
	}
	side, rest := handed(split(name))
	var out []string
	if side != graph.Unsided {
		out = append(out, string(side))
	}
	for _, w := range rest {
		if strings.Trim(w, "0123456789") == "" {
			continue
		}
		if long, ok := v.cortex[w]; ok {
			w = long
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

// hemisphere separates the hemisphere that FreeSurfer puts before a parcel.
func hemisphere(name string) (hand, parcel string, ok bool) {
	m := reParcel.FindStringSubmatch(name)
	if m == nil {
		m = reHemi.FindStringSubmatch(name)
	}
	if m == nil {
		return "", "", false
	}
	if strings.EqualFold(m[1], "rh") {
		return "right", m[2], true
	}
	return "left", m[2], true
}
