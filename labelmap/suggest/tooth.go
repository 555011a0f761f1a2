package suggest

import (
	"regexp"
	"strings"

	"satgraph/labelmap"
)

// reTooth is a tooth's number after the FDI (ISO 3950): a quadrant, 1 to 4 of the
// second dentition and 5 to 8 of the first, then its place from the midline.
var reTooth = regexp.MustCompile(`(?i)^(tooth|teeth|fdi|zahn|dent|diente|dente|t|#)?[ _\-.#]*([1-4][1-8]|[5-8][1-5])(?:[ _\-.]+\pL+)*$`)

var (
	permanent = []string{"central secondary incisor", "lateral secondary incisor", "secondary canine", "first secondary premolar", "second secondary premolar", "first secondary molar", "second secondary molar", "third secondary molar"}
	deciduous = []string{"central primary incisor", "lateral primary incisor", "primary canine", "first primary molar", "second primary molar"}
)

// teethWords are regions and datasets that are about teeth; toothNames the terms
// that a list about them holds.
var (
	teethWords = regexp.MustCompile(`(?i)\b(teeth|tooth|dental|dent\w*|jaws?|fdi|cbct)\b`)
	toothNames = []string{"tooth", "jaw region"}
)

// tooth reads a number as a tooth where label or list say that it is one. The
// tree tells no left teeth from right ones.
func (e *Engine) tooth(l *labelmap.RawLabel, a *answer, s *surroundings) {
	m := reTooth.FindStringSubmatch(reExtension.ReplaceAllString(strings.TrimSpace(l.Name), ""))
	if m == nil {
		return
	}
	said := len(m[1]) > 1
	if !said && !teethWords.MatchString(l.Region+" "+l.Dataset+" "+l.Context) && !e.aboutTeeth(s) {
		return
	}
	quadrant, place := int(m[2][0]-'0'), int(m[2][1]-'1')
	names := permanent
	if quadrant > 4 {
		names, quadrant = deciduous, quadrant-4
	}
	jaw := "upper "
	if quadrant > 2 {
		jaw = "lower "
	}
	id, ok := one(e.tree, jaw+names[place]+" tooth")
	if !ok {
		return
	}
	a.none, a.several = "", ""
	a.found[id] = &candidate{id: id, score: 0.95, predicate: labelmap.Broad, reasons: []string{"tooth " + m[2] + " after the FDI"}, sure: true}
	a.overrule()
}

func (e *Engine) aboutTeeth(s *surroundings) bool {
	for _, name := range toothNames {
		if id, ok := one(e.tree, name); ok && s.holds(id) {
			return true
		}
	}
	return false
}
