package suggest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"satgraph/graph"
	"satgraph/labelmap"
)

// leastSpelt is the score below which a word that is only nearly one of the
// tree's gives no answer: "clips" is no "CLi".
const leastSpelt = 0.7

// unsidedNamed is the least score of a term that is called as a label but for the
// side, where the tree has no side of it.
const unsidedNamed = 0.74

// sideless is the best score of a term without the side that a label states: not
// to be accepted unseen.
const sideless = Accept - 0.01

// shortFor says whether a hit was found by an abbreviation: one that stands for
// its name, or one that is a synonym of it as of other things.
func shortFor(h graph.Hit, r reading, short bool) bool {
	if graph.Normalize(h.Text) != graph.Normalize(r.text) {
		return short
	}
	const code, letters = 3, 4
	text := strings.TrimSpace(r.text)
	switch {
	case h.How == graph.ByName:
		return false
	case strings.ContainsFunc(text, unicode.IsDigit):
		return len(text) <= code
	}
	return h.How == graph.ByOtherSynonym && len(text) <= letters
}

// doubtfully says whether a hit rests on a misspelling that may be another word,
// as any word is nearly some abbreviation.
func doubtfully(h graph.Hit) bool {
	const abbreviation = 4
	return h.Misspelt && (h.Score < leastSpelt || len(h.Text) <= abbreviation)
}

// hitsAsked is how many hits of a search are weighed.
const hitsAsked = 8

// alone is what a label means by itself.
func (e *Engine) alone(l *labelmap.RawLabel) answer {
	a := answer{found: map[string]*candidate{}}
	e.coded(&a, l)
	if a.none = e.pointless(l.Name); a.none == "" && isDigits(e.words.remarksOff(unwrap(split(l.Name)))) {
		a.none = "a number names no structure"
	}
	if bare := e.words.remarksOff(unwrap(split(l.Name))); a.none == "" && bare != "" {
		a.none = e.pointless(bare)
	}
	if m := reTargetOf.FindStringSubmatch(strings.TrimSpace(l.Name)); m != nil {
		e.ofFindingNamed(&a, l, "tumor "+m[1])
		if len(a.found) > 0 {
			a.none = ""
			return a
		}
	}
	if a.none != "" {
		return a
	}
	e.before(&a, l)
	a.planned = planned(l.Name)
	a.read = e.readings(l.Name)
	for _, r := range a.read {
		e.look(&a, r, l.Modality)
	}
	if a.best() < 0.85 {
		a.loose = e.words.loose(l.Name, e.readings)
		for _, r := range a.loose {
			e.look(&a, r, l.Modality)
		}
	}
	if a.best() < 0.85 {
		e.translated(&a, a.read, l)
	}
	if a.best() < completeBelow { // a word that nothing explains may be foreign
		e.translated(&a, a.loose, l)
	}
	if a.foreign != "" && a.best() < 0.8 {
		return answer{none: a.foreign, found: map[string]*candidate{}}
	}
	if a.best() < leastUnder {
		e.under(&a, l)
	}
	if otherHand(l.Name) {
		a.several = "its side is told by another's"
	} else if reBothHand.MatchString(l.Name) && a.best() < 0.96 || bothHands(l.Name) {
		a.several = "it names both sides"
	} else if a.best() < 0.82 {
		a.several = e.parts(&a, l)
	}
	if a.several == "" && a.best() < 0.8 {
		e.wholeOf(&a, l)
	}
	if a.best() < doubt {
		e.ofFinding(&a, l)
	}
	if a.best() < 0.8 {
		e.shortened(&a, l)
	}
	if a.best() < 0.8 {
		e.division(&a, l)
	}
	if a.best() < completeBelow {
		e.completed(&a, l)
	}
	if a.best() < completeBelow {
		e.foreignCut(&a, l)
	}
	if a.several == "" && a.best() < doubt {
		e.inPinyin(&a, l, false)
	}
	if len(a.found) == 0 {
		e.partly(&a, l)
	}
	return a
}

// translated adds what readings say in other languages.
func (e *Engine) translated(a *answer, readings []reading, l *labelmap.RawLabel) {
	for _, written := range readings {
		if written.partial && !written.atLevel {
			continue
		}
		for _, r := range e.words.translate(written.text) {
			r.quality *= written.quality
			r.evidence = byLanguage.of(written.evidence)
			if why := e.pointless(r.text); why != "" {
				a.foreign = why
				continue
			}
			a.told = append(a.told, r)
			e.look(a, r, l.Modality)
		}
	}
}

// before adds what equal labels of other datasets were settled as. A name of a
// few letters means other things elsewhere, so there it is a hint alone.
func (e *Engine) before(a *answer, l *labelmap.RawLabel) {
	if e.decided == nil {
		return
	}
	for _, d := range e.decided(l.Name) {
		if _, ok := e.tree.Term(d.TermID); !ok {
			continue
		}
		c := candidate{id: d.TermID, score: 0.97, predicate: d.Predicate, reasons: []string{fmt.Sprintf("decided so for %s by %s", d.Dataset, d.Actor)}}
		if len(key(l.Name)) <= 3 {
			c.score = 0.75
			c.reasons = append(c.reasons, "but so short a name may mean another thing here")
		}
		a.add(c)
	}
}

// isDigits says whether nothing but digits is left of a name.
func isDigits(text string) bool { return strings.Trim(text, "0123456789 ") == "" }

// sideCodes say a side in SNOMED CT.
var sideCodes = map[string]graph.Laterality{"SCTID:7771000": graph.Left, "SCTID:24028007": graph.Right}

// coded adds the terms that a label's codes name, on the side that they or the
// name state.
func (e *Engine) coded(a *answer, l *labelmap.RawLabel) {
	side, _ := handed(l.Name)
	for _, c := range l.Codes {
		if s, ok := sideCodes[code(c)]; ok {
			side = s
		}
	}
	for _, c := range l.Codes {
		for _, id := range e.codes[code(c)] {
			found := candidate{id: id, score: 0.98, predicate: labelmap.Exact, reasons: []string{"its code " + c}}
			if t, _ := e.tree.Term(id); side != graph.Unsided && t.Laterality == graph.Unsided {
				if sided, ok := e.ofSide(id, side); ok {
					found.id = sided
				} else {
					found.predicate = labelmap.Broad
				}
			}
			a.add(found)
		}
	}
}

func (a *answer) best() float64 {
	best := 0.0
	for _, c := range a.found {
		best = max(best, c.score)
	}
	return best
}

// guessed says whether the best that was found rests on a guess at spelling, or on
// some words alone.
func (a *answer) guessed() bool {
	best := a.ranked()
	return best[0].score < alignedScore && best[0].evidence >= bySpelling
}

// look adds what one reading finds.
func (e *Engine) look(a *answer, r reading, modality string) {
	for _, c := range e.classes[graph.Normalize(r.text)] {
		score := 0.97
		if modality != "" && c.Modality == modality {
			score = 0.98
		}
		a.add(candidate{id: c.TermID, score: score * e.quality(r, c.TermID), predicate: c.Predicate, reasons: because(r, "the corpus class "+c.Name), evidence: r.evidence})
	}
	asked, bare := handed(r.text)
	short := len(key(r.text)) <= 2 && !r.told && !strings.ContainsFunc(r.text, unicode.IsDigit)
	hits := e.search(r.text, hitsAsked)
	for _, h := range hits {
		term, _ := e.tree.Term(h.ID)
		if slices.ContainsFunc(h.Reasons, reLoneJoined.MatchString) {
			h.Score *= otherSort // a lone letter says something of its own
		}
		c := candidate{id: h.ID, score: h.Score * e.quality(r, h.ID), reasons: because(r, h.Reasons...), short: shortFor(h, r, short), partial: doubtfully(h), evidence: evidenceOf(h).of(r.evidence)}
		switch {
		case asked != graph.Unsided && term.Laterality == graph.Unsided:
			// Search thinks little of a term without the side asked for; here it is
			// a broader match, if no sided term exists.
			c.predicate = labelmap.Broad
			if sided, ok := e.ofSide(h.ID, asked); ok {
				c.id, c.score, c.predicate = sided, min(1.6*c.score, 0.95), labelmap.Exact
			} else if !e.sided(hits, h.ID, asked) {
				c.ceiling = sideless
				c.score = min(1.35*c.score, sideless)
				if h.How <= graph.ByExactSynonym && sameWords(h.Text, bare) {
					c.score = max(c.score, unsidedNamed*r.quality)
				}
			} else if h.How <= graph.ByExactSynonym && sameWords(h.Text, bare) {
				c.ceiling = sideless
				c.score = min(1.35*c.score, 0.7) // "metacarpal left" is one of five
			}
		case h.Score < 0.8:
			c.predicate = labelmap.Narrow // the term's name says more than the label
		case h.How == graph.ByOtherSynonym:
			c.predicate = labelmap.Close
		default:
			c.predicate = labelmap.Exact
		}
		a.add(c)
	}
	if len(hits) == 0 && asked != graph.Unsided {
		e.lookUnsided(a, r, asked, strings.Join(bare, " "))
	}
}

// quality is how sure a reading is of a term, which may be of another sort than
// the label says.
func (e *Engine) quality(r reading, id string) float64 {
	if sort, ok := one(e.tree, r.sort); ok && !e.tree.IsDescendant(id, sort, graph.IsA) {
		return r.quality * otherSort
	}
	return r.quality
}

// lookUnsided looks for a sided structure of which only the unsided term is
// found by its words.
func (e *Engine) lookUnsided(a *answer, r reading, asked graph.Laterality, bare string) {
	for _, h := range e.search(bare, hitsAsked) {
		if t, _ := e.tree.Term(h.ID); t.Laterality != graph.Unsided {
			continue
		}
		c := candidate{
			id: h.ID, score: min(0.95*h.Score*r.quality, sideless), ceiling: sideless, predicate: labelmap.Broad, partial: doubtfully(h), evidence: evidenceOf(h).of(r.evidence),
			reasons: because(r, append(h.Reasons, "the tree has no such term of the side asked for: this one has no side")...),
		}
		if sided, ok := e.ofSide(h.ID, asked); ok {
			c.id, c.score, c.ceiling, c.predicate, c.reasons = sided, 0.95*h.Score*r.quality, 0, labelmap.Exact, because(r, h.Reasons...)
		}
		a.add(c)
	}
}

// sameWords says whether a name has no other words than these.
func sameWords(name string, words []string) bool {
	return slices.Equal(contentWords(name), contentWords(strings.Join(words, " ")))
}

// sided says whether a kind of a structure, of the side asked for, was found too.
func (e *Engine) sided(hits []graph.Hit, id string, side graph.Laterality) bool {
	return slices.ContainsFunc(hits, func(h graph.Hit) bool {
		t, _ := e.tree.Term(h.ID)
		return t.Laterality == side && e.tree.IsDescendant(h.ID, id, graph.IsA)
	})
}

func because(r reading, more ...string) []string {
	if r.reason == "" {
		return more
	}
	return append([]string{r.reason}, more...)
}

// parts says that a label joins several structures, and adds each.
func (e *Engine) parts(a *answer, l *labelmap.RawLabel) string {
	name := strings.NewReplacer("_", " ").Replace(l.Name)
	pieces := reJoined.Split(reValue.ReplaceAllString(name, ""), -1)
	if len(pieces) < 2 || len(pieces) > 6 {
		return ""
	}
	var ids []string
	for _, p := range pieces {
		part := answer{found: map[string]*candidate{}}
		if e.pointless(p) != "" {
			return ""
		}
		for _, r := range e.readings(p) {
			e.look(&part, r, l.Modality)
		}
		ranked := part.ranked()
		if len(ranked) == 0 || ranked[0].score < 0.8 {
			return ""
		}
		ids = append(ids, ranked[0].id)
	}
	if !slices.ContainsFunc(ids, func(id string) bool { return id != ids[0] }) {
		a.add(candidate{id: ids[0], score: 0.78, predicate: labelmap.Exact, reasons: []string{"all that it names are one"}})
		return ""
	}
	if whole := e.wholeAmong(ids); whole != "" {
		a.add(candidate{id: whole, score: 0.78, predicate: labelmap.Exact, reasons: []string{"the rest that it names are parts of it"}, evidence: byPart})
		return ""
	}
	if best := a.ranked(); len(best) > 0 && best[0].score >= 0.8 && strings.Contains(name, ",") && slices.ContainsFunc(ids, func(id string) bool { return id != best[0].id && e.tree.IsDescendant(best[0].id, id) }) {
		return "" // "inferior frontal gyrus, pars orbitalis" is a part of what it names first
	}
	if strings.Contains(name, ",") && !reAnd.MatchString(name) && e.qualifies(pieces[len(pieces)-1]) {
		a.add(candidate{id: ids[0], score: 0.75, predicate: labelmap.Broad, reasons: []string{"a part of it: " + strings.TrimSpace(pieces[len(pieces)-1])}})
		return ""
	}
	for _, id := range ids {
		a.add(candidate{id: id, score: 0.7, predicate: labelmap.Narrow, reasons: []string{"one of the structures that it names"}})
	}
	if reOneOf.MatchString(name) {
		return "it names one of several structures"
	}
	return "it names several structures together"
}

// wholeAmong is the one of several terms that the others are parts of.
func (e *Engine) wholeAmong(ids []string) string {
	for _, whole := range ids {
		if !slices.ContainsFunc(ids, func(id string) bool { return id != whole && !e.tree.IsDescendant(id, whole, graph.PartOf) }) {
			return whole
		}
	}
	return ""
}

// qualifies says whether a piece of a name is no structure's name by itself, but
// tells of the one before it: "cortical".
func (e *Engine) qualifies(piece string) bool {
	_, rest := handed(piece)
	text := strings.Join(rest, " ")
	_, ok := one(e.tree, text)
	return text == "" || !ok || e.words.generic[text]
}

// wholeOf reads a division that the tree lacks ("middle temporal gyrus, anterior
// division") as a part of the structure that it divides.
func (e *Engine) wholeOf(a *answer, l *labelmap.RawLabel) {
	text := strings.TrimSpace(l.Name)
	m := reQualified.FindStringSubmatch(text)
	if m == nil {
		return
	}
	whole := strings.TrimSpace(text[:len(text)-len(m[0])])
	e.look(a, reading{text: whole + " " + m[1] + " part", quality: 0.97, reason: m[2] + " read as part"}, l.Modality)
	e.look(a, reading{text: m[1] + " " + whole, quality: 0.95, reason: "without " + m[2]}, l.Modality)
	if a.best() >= 0.8 {
		return
	}
	for _, h := range e.search(whole, 1) {
		if h.Score >= 0.9 {
			a.add(candidate{id: h.ID, score: 0.75, predicate: labelmap.Broad, reasons: append([]string{"a division of it"}, h.Reasons...)})
		}
	}
}

// division reads "proximal femur" and "long head of biceps" as something of the
// structure named beside the part.
func (e *Engine) division(a *answer, l *labelmap.RawLabel) {
	words := strings.Fields(split(l.Name))
	var rest, dropped []string
	for _, w := range words {
		if e.words.divisions[strings.ToLower(w)] {
			dropped = append(dropped, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(dropped) == 0 || len(rest) == 0 {
		return
	}
	part := answer{found: map[string]*candidate{}}
	for _, r := range e.readings(strings.Join(rest, " ")) {
		e.look(&part, r, l.Modality)
	}
	for _, c := range part.found {
		if (c.score >= 0.85 || c.ceiling > 0 && c.score >= 0.7) && !c.short {
			a.add(candidate{id: c.id, score: 0.72, predicate: labelmap.Broad, reasons: append([]string{"a part of it: " + strings.Join(dropped, " ")}, c.reasons...), evidence: byPart})
		}
	}
}

// mostWords is how many words a name may have that is looked for word by word.
const mostWords = 6

// partly gives candidates, and no answer, for a name of which all words but one
// or two are understood.
func (e *Engine) partly(a *answer, l *labelmap.RawLabel) {
	words := strings.Fields(split(l.Name))
	if len(words) < 2 || len(words) > mostWords {
		return
	}
	for i, w := range words {
		if isSideWord(w) {
			continue
		}
		rest := strings.Join(append(append([]string{}, words[:i]...), words[i+1:]...), " ")
		if _, bare := handed(rest); len(bare) == 0 {
			continue
		}
		for _, h := range e.search(rest, 3) {
			if h.Score >= 0.5 {
				a.add(candidate{id: h.ID, score: min(0.55, 0.6*h.Score), predicate: labelmap.Related, partial: true, reasons: append([]string{fmt.Sprintf("all but %q", w)}, h.Reasons...)})
			}
		}
	}
}

// within weighs what a label means by itself against its surroundings.
func (e *Engine) within(l *labelmap.RawLabel, a answer, s *surroundings) answer {
	e.beside(l.Name, &a, s)
	e.liverSegment(l, &a, s)
	e.tooth(l, &a, s)
	e.lesion(l, &a, s)
	if general := a.best() >= 0.8 && e.general(a.ranked()[0].id); a.none == "" && (a.best() < 0.8 || general) && !a.sure() {
		e.compose(l, &a, s, general)
	}
	if a.none == "" && !a.sure() && (a.best() < 0.8 || e.besideBrain(&a, s)) {
		e.cortical(l, &a, s)
	}
	if a.none == "" && a.several == "" && a.best() < doubt {
		e.initials(l, &a, s)
	}
	if a.none == "" && a.several == "" && (a.best() < doubt || a.guessed()) {
		e.aligned(l, &a, s)
	}
	if s.pinyin && a.none == "" && a.several == "" && a.best() < Accept {
		e.inPinyin(&a, l, true)
	}
	if e.words.barely(l.Name) || diseased(l.Name) || slices.ContainsFunc(a.told, func(r reading) bool { return diseased(r.text) }) {
		for _, c := range a.found {
			if t, _ := e.tree.Term(c.id); t.Kind != graph.KindFinding {
				c.score = min(c.score, doubt-0.05) // a lesion of the kidney is no kidney
			}
		}
	}
	known := s.total > 0 || len(s.named) > 0
	_, bare := handed(split(l.Name))
	letters := len(strings.Join(bare, ""))
	for _, c := range a.found {
		if c.sure {
			continue
		}
		if e.isTrained(c.id) {
			c.score = min(c.score+0.02, 0.995)
		}
		switch near := s.affinity(c.id); {
		case !known:
		case near < 0:
			c.short = c.short && letters <= 2 && len(s.named) == 0
		case near == 0:
			c.score *= 0.85
		case near >= 0.3:
			c.score = min(c.score+0.02, 0.995)
			c.short = c.short && len(s.named) == 0 && (s.total < 2 || letters <= 2 && near < surelyAbout)
		}
		if s.likeMost(c.id) {
			c.score = min(c.score+0.03, 0.995)
			c.short = false
		}
		if c.ceiling > 0 {
			c.score = min(c.score, c.ceiling)
		}
	}
	e.calibrate(l, &a, s)
	return a
}

// compose reads a label as something of what its dataset is named after:
// "vessel" of a set of hepatic vessels. One that is general by itself must be
// called so.
func (e *Engine) compose(l *labelmap.RawLabel, a *answer, s *surroundings, general bool) {
	side, words := handed(split(l.Name))
	asked := strings.TrimSpace(string(side) + " " + strings.Join(words, " "))
	for _, id := range s.named {
		term, _ := e.tree.Term(id)
		for _, h := range e.search(asked+" "+term.Name, 1) {
			least := 0.75
			if general {
				least = 0.85 // all its words
			}
			if h.Score >= least && !slices.Contains(s.named, h.ID) {
				for _, c := range a.found {
					if general {
						c.score = min(c.score, overruled)
					}
				}
				a.add(candidate{id: h.ID, score: h.Score * 0.97, predicate: labelmap.Exact, reasons: append([]string{"read as one of " + term.Name}, h.Reasons...), evidence: byPart})
			}
		}
	}
}
