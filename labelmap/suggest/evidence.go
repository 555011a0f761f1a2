package suggest

import (
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
	"satgraph/labelmap"
)

// evidence is the weakest that an answer rests on; later kinds are weaker.
type evidence uint8

const (
	byName     evidence = iota // a term's name, a corpus class, a code, an earlier decision
	bySynonym                  // an exact synonym
	byShort                    // an abbreviation that search knows, or shortened words
	byTable                    // what a table says of the label in its surroundings
	byLanguage                 // words of another language
	byLoose                    // a reading that leaves something out
	byOther                    // a synonym that is not exact
	bySpelling                 // a guess at a misspelt word
	byPart                     // some words, or a division, of the structure
	kindsOfEvidence
)

// String names a kind as devset/README.md does.
func (k evidence) String() string {
	return [...]string{"name", "exact synonym", "abbreviation", "table of the field", "language", "something left out", "other synonym", "spelling", "some words"}[k]
}

// of is the weaker of two kinds.
func (k evidence) of(other evidence) evidence { return max(k, other) }

// evidenceOf says what a hit of a search rests on.
func evidenceOf(h graph.Hit) evidence {
	abbreviated := slices.ContainsFunc(h.Reasons, func(r string) bool {
		return strings.Contains(r, " stands for ") || strings.Contains(r, " is abbreviation for ")
	})
	switch {
	case h.Misspelt, slices.ContainsFunc(h.Reasons, reLoneJoined.MatchString):
		return bySpelling
	case slices.ContainsFunc(h.Reasons, func(r string) bool { return strings.HasPrefix(r, "words of ") || strings.Contains(r, " begins ") }):
		return byPart
	case h.How == graph.ByOtherSynonym:
		return byOther
	case abbreviated:
		return byShort
	case h.How == graph.ByExactSynonym:
		return bySynonym
	}
	return byName
}

// leavesOut says whether a hit rests on a word less than the label has, beyond
// what is written together with it.
func leavesOut(reason string) bool {
	return strings.HasPrefix(reason, `leaving out "muscle`) || strings.HasPrefix(reason, `leaving out "vessel`) || strings.HasPrefix(reason, `leaving out "bone`)
}

// reLoneJoined is the reason of a hit that joined a lone letter to a word.
var reLoneJoined = regexp.MustCompile(`^"(?:\pL [^"]*|[^"]* \pL)" written as one word`)

// calibrate keeps answers below Accept that rest on what was wrong too often on
// lists seen for the first time: devset/README.md has the rates.
func (e *Engine) calibrate(l *labelmap.RawLabel, a *answer, s *surroundings) {
	_, bare := handed(split(l.Name))
	letters := len(strings.Join(bare, ""))
	relative := e.words.relative(l.Name)
	dorsal := reDorsal.MatchString(strings.TrimSpace(l.Name)) && !s.spinal(e)
	for _, c := range a.found {
		if c.found = c.score; c.score < Accept {
			c.score = min(c.score, sideless)
			continue
		}
		weak := c.evidence >= byOther || slices.ContainsFunc(c.reasons, leavesOut)
		switch {
		case c.sure:
			weak = weak || c.evidence == byTable && (letters <= 2 || letters <= capitals && e.elsewhere(c.id, s))
		case (c.evidence == byShort && letters <= capitals || c.evidence == byLanguage || letters <= 2) && e.elsewhere(c.id, s):
			weak = true
			c.short = c.short || letters <= 2 && c.evidence < byShort
		case !e.isTrained(c.id):
			weak = weak || relative || dorsal
		}
		if weak {
			c.score = sideless
		}
	}
}

// leastAgreed is how many labels of a list must be read by one field for any of
// them to be accepted unseen.
const leastAgreed = 3

// agreed keeps below Accept what is read as an abbreviation of a field that no
// other labels of the list speak for: "CC" among tracts is one, alone it may be
// anything.
func agreed(out []Result) {
	terms := map[string]map[string]bool{} // by field, whatever their side
	for i := range out {
		for _, s := range out[i].Suggestions[:min(1, len(out[i].Suggestions))] {
			if terms[s.field] == nil {
				terms[s.field] = map[string]bool{}
			}
			terms[s.field][s.Base] = true
		}
	}
	for i := range out {
		for k := range out[i].Suggestions {
			if s := &out[i].Suggestions[k]; s.field != "" && len(terms[s.field]) < leastAgreed {
				s.Score = min(s.Score, Accept-0.01)
			}
		}
	}
}

// elsewhere says whether a term, or the site of a finding, lies where the list is
// not: where no other label lies, while most lie in another place.
func (e *Engine) elsewhere(id string, s *surroundings) bool {
	if sites := e.tree.Parents(id, graph.LocatedIn); len(sites) > 0 {
		id = sites[0]
	}
	near, most := s.affinity(id), 0.0
	for _, share := range s.regions {
		most = max(most, share)
	}
	const alone = 1.01 // the label itself
	return near >= 0 && most >= surelyAbout && near < surelyAbout && near*float64(s.total) < alone
}

// reDorsal is a level of the spine as it is written after its dorsal vertebrae,
// and as diagonal branches and doses are.
var reDorsal = regexp.MustCompile(`(?i)^d\d{1,2}$`)

func (s *surroundings) spinal(e *Engine) bool {
	id, ok := one(e.tree, "vertebral column")
	return ok && s.holds(id)
}

// relative says whether a name says no more than a place and a sort of
// structure, which many parts of the body have: "medial nucleus".
func (v *vocabulary) relative(name string) bool {
	_, words := handed(split(name))
	generic := false
	for _, w := range words {
		switch {
		case v.generic[graph.Normalize(w)]:
			generic = true
		case v.divisions[strings.ToLower(w)]:
		default:
			return false
		}
	}
	return generic && len(words) > 1
}

// numbered says whether a label is a sort of structure with a number, "muscle 3",
// in whatever language, where its term is called so too.
func (v *vocabulary) numbered(label, term string) bool {
	words := graph.Words(split(label))
	if len(words) < 2 || strings.Trim(words[len(words)-1], "0123456789") != "" {
		return false
	}
	return !slices.ContainsFunc(graph.Words(term), func(w string) bool { return !v.generic[w] })
}
