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
	case h.Misspelt:
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

// calibrate keeps answers below Accept that rest on what was wrong too often on
// lists seen for the first time: devset/README.md has the rates.
func (e *Engine) calibrate(l *labelmap.RawLabel, a *answer, s *surroundings) {
	relative := e.words.relative(l.Name)
	dorsal := reDorsal.MatchString(strings.TrimSpace(l.Name)) && !s.spinal(e)
	for _, c := range a.found {
		if c.score < Accept {
			continue
		}
		if c.evidence >= byOther || (relative || dorsal) && !c.sure && !e.isTrained(c.id) || c.sure && len(key(l.Name)) <= 2 && e.ambiguous(a, c, s) {
			c.score = Accept - 0.01
		}
	}
}

// reDorsal is a level of the spine as it is written after its dorsal vertebrae,
// and as diagonal branches and doses are.
var reDorsal = regexp.MustCompile(`(?i)^d\d{1,2}$`)

func (s *surroundings) spinal(e *Engine) bool {
	id, ok := one(e.tree, "vertebral column")
	return ok && s.holds(id)
}

// ambiguous says whether a label of two letters is known as something else, in
// the same part of the body, than a table has it.
func (e *Engine) ambiguous(a *answer, c *candidate, s *surroundings) bool {
	for _, other := range a.found {
		if !other.sure && other.evidence <= byShort && other.score >= doubt && !e.akin(c.id, other.id) && s.affinity(other.id) >= s.affinity(c.id) {
			return true
		}
	}
	return false
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

// numbered says whether a name is a sort of structure and a number: "muscle 3".
func (v *vocabulary) numbered(name string) bool {
	digits, generic := false, 0
	for _, w := range graph.Words(split(name)) {
		switch {
		case strings.Trim(w, "0123456789") == "":
			digits = true
		case v.generic[w]:
			generic++
		default:
			return false
		}
	}
	return digits && generic == 1
}
