package suggest

import (
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// beside adds what the tables say of a label in its surroundings, or anywhere. A
// row without a side stands for both sides.
func (e *Engine) beside(label string, a *answer, s *surroundings) {
	here, side, quality := e.fits(label, a, s)
	if side != graph.Unsided && len(here) > 0 && here[0].where == "" && e.hasSided(a, side) && !e.anySided(here, side) {
		return // "pelvic bones" are the pelvis, the left one is a hip bone
	}
	for _, c := range here {
		a.none, a.several = "", ""
		meanings := e.nearest(strings.Split(c.meaning.meaning, "|"), s)
		for _, m := range meanings {
			id, ok := one(e.tree, m)
			if !ok {
				continue
			}
			found := &candidate{id: id, score: 0.985 * quality, predicate: e.predicate(id), reasons: []string{c.reason + s.said(c.where)}, sure: true, evidence: byTable, field: c.fieldOf(label)}
			if t, _ := e.tree.Term(id); side != graph.Unsided && t.Laterality == graph.Unsided {
				if sided, ok := e.ofSide(id, side); ok {
					found.id = sided
				} else if len(meanings) > 1 {
					continue // the one that has sides is meant
				} else {
					found.score, found.predicate = 0.79, labelmap.Broad
				}
			}
			if old := a.found[found.id]; old != nil && old.score >= Accept && old.evidence <= bySynonym && !old.short {
				found.field = "" // it is called so
			}
			if c.short && c.where != "" && !s.closely(c.where) {
				found.score = min(found.score, sideless)
			}
			if c.broad {
				found.score, found.predicate = min(found.score, sideless), labelmap.Broad
			}
			if strings.Contains(c.meaning.meaning, "|") {
				found.score = 0.75
			}
			a.found[found.id] = found
		}
	}
	a.overrule()
}

// nearest are those of several meanings that lie where the list does, if any do.
func (e *Engine) nearest(meanings []string, s *surroundings) []string {
	near := slices.DeleteFunc(slices.Clone(meanings), func(m string) bool {
		id, ok := one(e.tree, m)
		return !ok || s.affinity(id) < surelyAbout
	})
	if len(near) == 0 {
		return meanings
	}
	return near
}

// isName says whether a label is a term's own name, or an exact synonym of
// several letters.
func (a *answer) isName() bool {
	for _, c := range a.found {
		if c.evidence <= bySynonym && !c.short && !c.partial && c.score >= 0.93 {
			return true
		}
	}
	return false
}

// overrule keeps what a table does not name below what it does.
func (a *answer) overrule() {
	if !a.sure() {
		return
	}
	for _, c := range a.found {
		if !c.sure {
			c.score = min(c.score, overruled)
		}
	}
}

// hasSided says whether a good candidate has the side asked for.
func (e *Engine) hasSided(a *answer, side graph.Laterality) bool {
	for _, c := range a.found {
		if t, _ := e.tree.Term(c.id); t.Laterality == side && c.score >= 0.85 {
			return true
		}
	}
	return false
}

// anySided says whether a row names a structure that has sides.
func (e *Engine) anySided(rows []placed, side graph.Laterality) bool {
	return slices.ContainsFunc(rows, func(c placed) bool {
		return slices.ContainsFunc(strings.Split(c.meaning.meaning, "|"), func(m string) bool {
			id, ok := one(e.tree, m)
			if !ok {
				return false
			}
			t, _ := e.tree.Term(id)
			_, sided := e.ofSide(id, side)
			return sided || t.Laterality == side
		})
	})
}

// reSegment is a segment of the liver after Couinaud, as lists about the liver
// write it.
var reSegment = regexp.MustCompile(`(?i)^(?:liver|hepatic|couinaud)?[ _\-]*(?:(?:segments?|segm?|s)[ _.\-]*(\d[ab]?)|(?:segments?|segm?|s)?[ _.\-]*([ivx]+[ab]?))段?$`)

// reSaysSegment is what makes more of it than a number.
var reSaysSegment = regexp.MustCompile(`(?i)liver|hepatic|couinaud|seg|段`)

// liverSegment reads "S3", "Segment 6" and "IV" in a list about the liver.
func (e *Engine) liverSegment(l *labelmap.RawLabel, a *answer, s *surroundings) {
	name := strings.TrimSpace(l.Name)
	if a.none == "" {
		name = e.words.remarksOff(separated(name))
	}
	m := reSegment.FindStringSubmatch(name)
	liver, ok := one(e.tree, "liver")
	if m == nil || !ok || !s.holds(liver) && !(strings.HasSuffix(m[0], "段") && s.affinity(liver) >= surelyAbout) {
		return
	}
	found := answer{found: map[string]*candidate{}}
	e.look(&found, reading{text: "liver segment " + m[1] + m[2], quality: 1, reason: "a segment of the liver, in a list about it"}, l.Modality)
	for _, c := range found.found {
		if c.score >= 0.8 && e.tree.IsDescendant(c.id, liver) {
			a.none, c.sure, c.score = "", true, 0.985
			if !reSaysSegment.MatchString(l.Name) {
				c.field = "segments of the liver"
			}
			a.add(*c)
		}
	}
	a.overrule()
}

// overruled is the best score of what a table does not name for a label that it
// knows.
const overruled = 0.7

// sure says whether some candidate is beyond weighing.
func (a *answer) sure() bool {
	for _, c := range a.found {
		if c.sure {
			return true
		}
	}
	return false
}

// fits looks a label up in the tables by each way to read it: whole, then
// without its side.
func (e *Engine) fits(label string, a *answer, s *surroundings) (rows []placed, side graph.Laterality, quality float64) {
	texts := []reading{{text: label, quality: 1}, {text: strings.ToLower(separated(label)), quality: 1}}
	if hand, parcel, ok := hemisphere(label); ok {
		texts = append(texts, reading{text: hand + " " + parcel, quality: 1})
	}
	texts = append(append(texts, a.read...), a.loose...)
	named := a.isName() && !e.words.relative(label)
	for _, r := range texts {
		if r.partial && a.best() >= doubt || a.best() >= 0.8 && strings.HasPrefix(r.reason, beforeComma) {
			continue
		}
		for _, spelt := range e.spellings(r.text) {
			if rows := e.words.here(spelt.key, s, named); len(rows) > 0 && (!reBareNumber.MatchString(spelt.key) || isWhole(label, spelt.key)) {
				return rows, spelt.side, r.quality
			}
		}
	}
	if rows, side = e.bySideLetter(texts, s); len(rows) > 0 && a.best() < doubt {
		return rows, side, sideLetterQuality
	}
	if rows, side, quality = e.byForeignSide(texts, s); len(rows) > 0 && a.best() < doubt {
		return rows, side, quality
	}
	for _, r := range a.told {
		for _, spelt := range e.spellings(r.text) {
			if rows := e.words.here(spelt.key, s, false); len(rows) > 0 {
				return rows, spelt.side, r.quality
			}
		}
	}
	if a.none != "" || a.best() >= 0.9 {
		return nil, graph.Unsided, 0
	}
	rows, side = e.ownPlace(label)
	return rows, side, ownPlaceQuality
}

// reBareNumber is a key that is no more than a number, which says something only
// where the label has no more either: "4R" among the stations of lymph nodes.
var reBareNumber = regexp.MustCompile(`^\d{1,2}[a-z]{0,2}$`)

// isWhole says whether a key is all that a label says but for its side.
func isWhole(label, k string) bool {
	_, rest := handed(split(label))
	return key(label) == k || key(strings.Join(rest, " ")) == k
}

// sideLetterQuality is how sure a meaning is whose side is a letter run together
// with the abbreviation.
const sideLetterQuality = 0.8

// bySideLetter reads an abbreviation with the letter of its side before or behind
// it: "lsmg", "smgr".
func (e *Engine) bySideLetter(texts []reading, s *surroundings) ([]placed, graph.Laterality) {
	for _, r := range texts {
		word := key(r.text)
		if len(word) <= capitals-2 || strings.Contains(word, " ") || e.words.known[word] || lesionWords[word] != "" {
			continue
		}
		for _, cut := range [][2]string{{word[:1], word[1:]}, {word[len(word)-1:], word[:len(word)-1]}} {
			side, ok := map[string]graph.Laterality{"l": graph.Left, "r": graph.Right}[cut[0]]
			if rows := e.words.here(cut[1], s, false); ok && len(rows) > 0 && e.anySided(rows, side) {
				return rows, side
			}
		}
	}
	return nil, graph.Unsided
}

// foreignSideQuality is how sure a meaning is beside which a word of another
// language says the side.
const foreignSideQuality = 0.95

// byForeignSide reads an abbreviation beside the side in another language: "NO G",
// "foramen dx".
func (e *Engine) byForeignSide(texts []reading, s *surroundings) ([]placed, graph.Laterality, float64) {
	for _, r := range texts {
		words := plain.cut(r.text)
		if len(words) < 2 || len(words) > mostOwnPlace {
			continue
		}
		for _, language := range e.words.order {
			lex := e.words.languages[language]
			if lex.script != nil || lex.phrases[words[0]] == "" && lex.phrases[words[len(words)-1]] == "" {
				continue
			}
			side, rest := lex.sideOff(words)
			if side == graph.Unsided || len(rest) != len(words)-1 {
				continue
			}
			if rows := e.words.here(key(strings.Join(rest, " ")), s, false); len(rows) > 0 && e.anySided(rows, side) {
				quality := foreignSideQuality
				if len(words[0]) == 1 || len(words[len(words)-1]) == 1 {
					quality = sideLetterQuality
				}
				return rows, side, quality
			}
		}
	}
	return nil, graph.Unsided, 0
}

// spelling is a text as the keys of tables are spelt, and the side taken out of
// it.
type spelling struct {
	key  string
	side graph.Laterality
}

// spellings are the ways to look a text up: whole, without its side, and without
// what says nothing.
func (e *Engine) spellings(text string) []spelling {
	return e.memory.spelt.of(text, func(text string) []spelling {
		out := []spelling{{key: key(text)}}
		add := func(text string) {
			side, rest := handed(text)
			if len(rest) > 1 && rest[0] == "m" {
				rest = rest[1:] // musculus
			}
			if s := (spelling{key(strings.Join(rest, " ")), side}); !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		add(strings.ToLower(separated(text))) // "PrG_R"
		add(unwrap(split(text)))
		if side, bare := e.words.genericOff(text); bare != "" && !slices.ContainsFunc(out, func(s spelling) bool { return s.key == bare }) {
			out = append(out, spelling{bare, side})
		}
		return out
	})
}

// leftOut are sorts of structures that abbreviations leave out; a wall or a cavity
// is another structure than what it is of.
var leftOut = []string{"muscle", "gland", "bone", "nerve", "artery", "vein", "vessel", "ligament", "tendon", "joint", "lobe", "lymph node"}

// genericOff leaves out what sort of structure an abbreviation stands for: "mpc
// muscle". It is empty where no abbreviation is left.
func (v *vocabulary) genericOff(text string) (graph.Laterality, string) {
	side, words := handed(split(text))
	rest := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(leftOut, graph.Normalize(w)) })
	if len(rest) != 1 || len(words) == 1 || len(rest[0]) > capitals {
		return side, ""
	}
	return side, key(rest[0])
}

// mostOwnPlace is how many words a label has at most that names its own place;
// ownPlaceQuality how sure a meaning is that rests on it.
const (
	mostOwnPlace    = 4
	ownPlaceQuality = 0.8
)

// ownPlace reads a label that names the place of its abbreviation itself:
// "prostate PZ", "PZ of prostate".
func (e *Engine) ownPlace(label string) ([]placed, graph.Laterality) {
	side, words := handed(split(label))
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "of" })
	if len(words) < 2 || len(words) > mostOwnPlace {
		return nil, side
	}
	for n := 1; n < len(words); n++ {
		for _, cut := range [][2][]string{{words[:n], words[n:]}, {words[n:], words[:n]}} {
			short := key(strings.Join(cut[1], " "))
			rows := e.words.contexts[short]
			if len(rows) == 0 || len(cut[1]) > 1 || len(short) > capitals {
				continue
			}
			place, ok := one(e.tree, strings.Join(cut[0], " "))
			if !ok {
				continue
			}
			rows = slices.DeleteFunc(slices.Clone(rows), func(c placed) bool {
				return c.where == "" || c.with != "" || c.where != place && !e.tree.IsDescendant(place, c.where)
			})
			if len(rows) > 0 {
				return rows[:1], side
			}
		}
	}
	return nil, side
}

// ofSide is the left or right counterpart of an unsided term.
func (e *Engine) ofSide(id string, side graph.Laterality) (string, bool) {
	pair := e.sidesOf[id]
	switch side {
	case graph.Left:
		return pair[0], pair[0] != ""
	case graph.Right:
		return pair[1], pair[1] != ""
	}
	return "", false
}

// here are the rows that a label has in its surroundings, else those that it has
// anywhere; a label that is a term's own name shortens none.
func (v *vocabulary) here(name string, s *surroundings, named bool) []placed {
	rows := v.contexts[name]
	if rows == nil {
		rows = v.contexts[sorted(name)] // in whatever order
	}
	if named {
		rows = slices.DeleteFunc(slices.Clone(rows), func(c placed) bool { return c.short })
	}
	here := slices.DeleteFunc(slices.Clone(rows), func(c placed) bool {
		return c.where == "" || !s.holds(c.where) || c.short && s.within(c.where) || c.with != "" && !s.keys[c.with]
	})
	here = prefer(here, func(c placed) bool { return slices.Contains(s.named, c.where) })
	here = prefer(here, func(c placed) bool { return c.with != "" })
	if len(here) > 1 {
		all := slices.Clone(here)
		here = slices.DeleteFunc(here, func(c placed) bool {
			return slices.ContainsFunc(all, func(nearer placed) bool {
				return v.mostlyIn(s.tree, nearer.where, c.where) && !v.mostlyIn(s.tree, c.where, nearer.where)
			})
		})
	}
	if len(here) == 0 {
		here = unplaced(rows)
	}
	return here
}

// prefer keeps the rows that are better than others, if there are any.
func prefer(rows []placed, better func(c placed) bool) []placed {
	if some := slices.DeleteFunc(slices.Clone(rows), func(c placed) bool { return !better(c) }); len(some) > 0 {
		return some
	}
	return rows
}

func unplaced(rows []placed) []placed {
	return slices.DeleteFunc(slices.Clone(rows), func(c placed) bool { return c.where != "" })
}

// around are places that lists about the brain lie in and are not about.
var around = []string{"head", "neck", "head and neck"}

// within says whether a place lies around the brain, in a list that is about the
// brain alone.
func (s *surroundings) within(where string) bool {
	return s.brainAlone && slices.Contains(s.around, where)
}

// closely says whether a place is what the list is said to be about, or a part of
// it, and not only something around it.
func (s *surroundings) closely(where string) bool {
	return len(s.named) == 0 || slices.ContainsFunc(s.named, func(id string) bool { return s.under(where, id) })
}

// mostlyIn says whether most of what lies in one place, or is of one sort, lies
// in another place: the prostate in the pelvis, tracts in the brain.
func (v *vocabulary) mostlyIn(tree *graph.Tree, a, b string) bool {
	if tree.IsDescendant(a, b) {
		return true
	}
	if in, ok := v.places.Load([2]string{a, b}); ok {
		return in.(bool)
	}
	parts, around := tree.Descendants(a), tree.Descendants(b)
	n := 0
	for _, p := range parts {
		if _, ok := slices.BinarySearch(around, p); ok { // sorted by id
			n++
		}
	}
	in := 2*n > len(parts)
	v.places.Store([2]string{a, b}, in)
	return in
}

// sorted puts the words of a key in order.
func sorted(key string) string {
	words := strings.Fields(key)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// said says in words which surroundings decided.
func (s *surroundings) said(where string) string {
	if where == "" {
		return ""
	}
	t, _ := s.tree.Term(where)
	return ", beside structures of " + t.Name
}

// predicate is what the corpus says of a term's class, else exact.
func (e *Engine) predicate(id string) labelmap.Predicate {
	if p, ok := e.trained[id]; ok {
		return p
	}
	return labelmap.Exact
}
