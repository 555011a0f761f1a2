package suggest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
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
	if a.none = pointless(l.Name); a.none == "" && isDigits(e.words.remarksOff(unwrap(split(l.Name)))) {
		a.none = "a number names no structure"
	}
	if bare := e.words.remarksOff(unwrap(split(l.Name))); a.none == "" && bare != "" {
		a.none = pointless(bare)
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
	if reBothHand.MatchString(l.Name) && a.best() < 0.96 || bothHands(l.Name) {
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
			if why := pointless(r.text); why != "" {
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
		if pointless(p) != "" {
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

// surroundings are what the rest of a list, its dataset's name and the scan say
// of where a label lies.
type surroundings struct {
	tree     *graph.Tree
	organs   map[string]int // unsided terms that other labels clearly are
	total    int
	keys     map[string]bool // of the labels, as the tables spell them
	named    []string        // terms that dataset, region and context name
	regions  map[string]float64
	sorts    map[string]float64 // the share of vessels, bones, muscles, nerves
	modality string
	// around are ids of the places around the brain; brainAlone says that the list
	// names it and none of them.
	around     []string
	brainAlone bool
	pinyin     bool     // it is written in pinyin
	held       sync.Map // of bool: what holds said of a term
}

// regionNames are the regions by which candidates are told apart.
var regionNames = []string{"brain", "head", "neck", "heart", "thoracic segment of trunk", "abdomen", "pelvis", "vertebral column", "upper limb", "lower limb"}

// sortNames are the sorts of structures that lists are often of.
var sortNames = []string{"blood vessel", "bone element", "muscle organ", "nerve", "lymph node"}

func (e *Engine) survey(labels []labelmap.RawLabel, alone []answer) *surroundings {
	s := &surroundings{tree: e.tree, organs: map[string]int{}, keys: map[string]bool{}, regions: map[string]float64{}, sorts: map[string]float64{}}
	said := map[string]bool{}
	for i := range labels {
		l := &labels[i]
		s.keys[key(l.Name)] = true
		if s.modality == "" {
			s.modality = l.Modality
		}
		for _, text := range []string{l.Region, l.Context, l.Dataset} {
			if text != "" && !said[text] {
				said[text] = true
				s.named = append(s.named, e.named(text)...)
			}
		}
		if reParcel.MatchString(l.Name) && !said["brain"] {
			said["brain"] = true
			s.named = append(s.named, e.named("brain")...)
		}
	}
	s.around, s.pinyin = ids(e.tree, around), inPinyinMostly(alone)
	if brain, ok := one(e.tree, "brain"); ok {
		s.brainAlone = slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, brain) }) &&
			!slices.ContainsFunc(s.named, func(id string) bool { return slices.Contains(s.around, id) })
	}
	s.count(e, alone, func(c *candidate) bool { return !c.short })
	if e.coherent(alone) { // a list of abbreviations: they speak for one another
		s.count(e, alone, func(c *candidate) bool { return c.short })
	}
	for _, sort := range e.sorts {
		of := 0
		for id, n := range s.organs {
			if s.tree.IsDescendant(id, sort, graph.IsA) {
				of += n
			}
		}
		if of > 0 {
			s.sorts[sort] = float64(of) / float64(s.total)
		}
	}
	for _, r := range e.regions {
		in := 0
		for id, n := range s.organs {
			if s.under(id, r) {
				in += n
			}
		}
		share := float64(in) / float64(max(s.total, 1))
		if slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, r) }) {
			share = max(share, 0.9)
		}
		s.regions[r] = share
	}
	return s
}

// coherent says whether half of a list, and two labels at least, are
// abbreviations of structures of one region.
func (e *Engine) coherent(alone []answer) bool {
	const least = 2
	in := map[string]int{}
	for k := range alone {
		ranked := alone[k].ranked()
		if len(ranked) == 0 || !ranked[0].short || !evident(ranked) {
			continue
		}
		for _, r := range e.regions {
			if ranked[0].id == r || e.tree.IsDescendant(ranked[0].id, r) {
				in[r]++
			}
		}
	}
	for region, n := range in {
		if n >= least && 2*n >= len(alone) || n >= leastInHeart && e.name(region) == "heart" {
			return true
		}
	}
	return false
}

// leastInHeart is how many abbreviations of its parts speak for one another in any
// list: no other place is so small and has so many.
const leastInHeart = 3

// count counts the structures that labels evidently are, of those that suit.
func (s *surroundings) count(e *Engine, alone []answer, suits func(c *candidate) bool) {
	for k := range alone {
		ranked := alone[k].ranked()
		if alone[k].several != "" || len(ranked) == 0 || !suits(ranked[0]) || !evident(ranked) {
			continue
		}
		id := ranked[0].id
		if base, ok := e.tree.Base(id); ok {
			id = base
		}
		s.organs[id]++
		s.total++
	}
}

// evident says whether the best candidate is well found, and the less well the
// farther from the next.
func evident(ranked []*candidate) bool {
	gap := 1.0
	if len(ranked) > 1 {
		gap = ranked[0].score - ranked[1].score
	}
	return ranked[0].score >= 0.9 && gap >= 0.01 || ranked[0].score >= 0.85 && gap >= 0.1
}

// regionWords are words for regions that name no single term of the tree.
var regionWords = map[string][]string{
	"thorax": {"thoracic segment of trunk"}, "chest": {"thoracic segment of trunk"}, "thoracic": {"thoracic segment of trunk"},
	"spine": {"vertebral column"}, "spinal": {"vertebral column"}, "cardiac": {"heart"}, "abdominal": {"abdomen"},
	"pelvic": {"pelvis"}, "prostate": {"prostate gland"}, "airway": {"thoracic segment of trunk"}, "bronchial": {"thoracic segment of trunk"}, "jaw": {"jaw region", "head"},
	"dental": {"jaw region", "head"}, "knee": {"lower limb"}, "ankle": {"lower limb"}, "foot": {"lower limb"}, "thigh": {"lower limb"}, "calf": {"lower limb"}, "leg": {"lower limb"},
	"hand": {"upper limb"}, "wrist": {"upper limb"}, "elbow": {"upper limb"}, "shoulder": {"upper limb"}, "arm": {"upper limb"}, "breast": {"thoracic segment of trunk"},
	"thalamic": {"thalamus"}, "thalamu": {"thalamus"}, "cerebellar": {"cerebellum"}, "hippocampal": {"hippocampus"}, "coronary": {"heart"}, "orbit": {"head"}, "retinal": {"retina"},
	"neck": {"neck"}, "laryngeal": {"neck"}, "larynx": {"neck"}, "lumbar": {"vertebral column"}, "vertebral": {"vertebral column"}, "gynecological": {"pelvis"}, "uterine": {"pelvis"}, "hepatic": {"liver"}, "renal": {"kidney"},
}

// named finds the structures that a free text names.
func (e *Engine) named(text string) []string {
	var out []string
	for _, w := range graph.Words(text) {
		for _, name := range regionWords[w] {
			if id, ok := one(e.tree, name); ok {
				out = append(out, id)
			}
		}
	}
	words := strings.Fields(split(text))
	for n := 3; n >= 1; n-- {
		for i := 0; i+n <= len(words); i++ {
			phrase := strings.Join(words[i:i+n], " ")
			if len(phrase) < 4 {
				continue
			}
			if id, ok := one(e.tree, phrase); ok {
				out = append(out, id)
			} else if hits := e.search(phrase, 1); n == 1 && len(hits) > 0 && hits[0].Score >= 0.8 && e.isTrained(hits[0].ID) {
				out = append(out, hits[0].ID)
			}
		}
	}
	return out
}

// under says whether a term is another, or lies in it by any relation.
func (s *surroundings) under(id, above string) bool {
	return id == above || s.tree.IsDescendant(id, above)
}

// holds says whether the list is about a structure.
func (s *surroundings) holds(where string) bool {
	if known, ok := s.held.Load(where); ok {
		return known.(bool)
	}
	about := s.about(where)
	s.held.Store(where, about)
	return about
}

// aboutAlso is how many labels of a long list make it one about a structure too.
const aboutAlso = 6

func (s *surroundings) about(where string) bool {
	if slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, where) }) {
		return true
	}
	n := 0
	for id, k := range s.organs {
		if s.under(id, where) {
			n += k
		}
	}
	return n >= 2 && 10*n >= 3*s.total || n >= 1 && 2*n >= s.total || n >= aboutAlso
}

// affinity is how much of the list lies in the same region as a term: 1 for all
// of it, -1 when nothing is known.
func (s *surroundings) affinity(id string) float64 {
	best := -1.0
	for r, share := range s.regions {
		if s.under(id, r) {
			best = max(best, share)
		}
	}
	return best
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

// likeMost says whether a term is of the sort that most of the list is of: an
// artery among arteries.
func (s *surroundings) likeMost(id string) bool {
	const most, least = 0.6, 3
	if s.total < least {
		return false
	}
	for sort, share := range s.sorts {
		if share >= most && s.tree.IsDescendant(id, sort, graph.IsA) {
			return true
		}
	}
	return false
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
