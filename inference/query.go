package inference

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of a query; longer ones are refused before they are looked at.
const (
	maxQueryBytes = 8192
	maxQueryItems = 1000
	maxPieceWords = 40 // longer pieces are looked up as they stand
	maxDepth      = 6  // of what is said of what is said of a structure
	maxNameWords  = 18 // the longest name with an "and" or a comma in it
)

// Grammar says in which form a question is understood. Case, plurals, British
// spelling and the place of a side word do not matter.
const Grammar = `query    = list { ( ";" | new line ) list } .
list     = asked { ( "," | "and" ) asked } [ "without" list ] .
asked    = name | side asked | selector asked | within | range | "its" name .
name     = a term by name, synonym or id, or a class, also in quotes .
side     = "left" | "right" | "both" | … "on the left" | "left-sided" .
selector = ( "children" | "parts" | "descendants" | "kinds" ) "of" | "each" .
within   = "everything" "in" region | kind ( "of" | "in" ) region | region kind .
kind     = "organs" | "bones" | "muscles" | "vessels" | "arteries" | "veins"
         | "nerves" | "glands" | "tumors" | … .
range    = noun number { ( "-" | "to" | "and" ) number } .

A name that holds "and", "without" or a comma is found whole before anything
is cut; a selector reaches over "and" and ends at a comma. "without" (also
"except", "excluding", "but not", "minus") takes structures out of everything
listed before it. "Please segment … in this CT" around a question is
understood. Names of several structures ("liver segments", "organs at risk in
the thorax") are read as these; a short name of several meanings ("LV") as the
one that fits what is asked beside it.`

// selector says which terms around a named one are asked for.
type selector int

const (
	self        selector = iota // the term itself
	children                    // what is directly below it
	parts                       // its parts at every depth
	descendants                 // everything below it
	kinds                       // its direct kinds
	members                     // each one of its kind: the 24 ribs of "each rib"
	within                      // the outermost structures that lie in it
)

// item is one structure asked for: a selector, the text of a term, a side.
type item struct {
	sel  selector
	text string
	side string   // "", left, right or both
	kind string   // of structures that lie within; empty for any
	of   string   // "its": the text that it belongs to
	mean []string // names of what it may mean, where that is open
	note string   // how the text was read
	bad  string   // why it can't be read
}

// group is a list of items and of what is left out of them.
type group struct {
	items   []item
	without []item
	// perhaps are items after a comma behind "without": left out too if they
	// lie in what is listed, else asked for.
	perhaps []item
}

// namer tells the parser what a text may be, so that names are not cut.
type namer interface {
	lookups
	tables
}

type lookups interface {
	known(text string) bool    // it names a term, perhaps several
	whole(text string) bool    // a text with commas names a term as it stands
	place(text string) bool    // it names a region of the body
	drawn(text string) bool    // it names one term that classes draw
	singular(text string) bool // it is a name in the singular
}

type tables interface {
	// group gives the query that a text stands for which means several structures.
	group(text string) (query, note string, ok bool)
	meanings(word string) []string // what an abbreviation in a phrase may mean
	same(texts []string) bool      // all name one term
}

// parseQuery reads a query. A modality named in it ("... in this CT") is
// returned; it is empty when none is.
func parseQuery(query string, names namer) ([]group, Modality, error) {
	switch {
	case len(query) > maxQueryBytes:
		return nil, "", fmt.Errorf("%w: it has %d bytes, at most %d are taken", ErrBadQuery, len(query), maxQueryBytes)
	case !utf8.ValidString(query):
		return nil, "", fmt.Errorf("%w: it is not UTF-8 text", ErrBadQuery)
	}
	text := strings.TrimSpace(tidy(query))
	if text == "" {
		return nil, "", fmt.Errorf("%w: it is empty", ErrBadQuery)
	}
	p := &parser{names: names, seen: map[string]bool{}, parts: map[string]reading{}}
	if p.isName(split(text), text) {
		items, _ := p.readText(text, 0)
		return []group{{items: items}}, "", nil
	}
	text, modality := p.trim(text)
	groups := p.query(text)
	n := 0
	for _, g := range groups {
		n += len(g.items) + len(g.without) + len(g.perhaps)
	}
	switch {
	case n == 0:
		return nil, "", fmt.Errorf("%w: no term is named in %q", ErrBadQuery, abbreviate(query))
	case n > maxQueryItems:
		return nil, "", fmt.Errorf("%w: it names %d terms, at most %d are taken", ErrBadQuery, n, maxQueryItems)
	}
	return groups, modality, nil
}

// shortText is how much of a text of the user's an error repeats.
const shortText = 80

// abbreviate keeps error texts short.
func abbreviate(text string) string { return abridgeText(text, shortText) }

func abridgeText(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

const scanWords = `scans?|images?|volumes?|stud(?:y|ies)|series|exams?|examinations?|pictures?|dataset|patient|acquisition`

var (
	rePolite = regexp.MustCompile(`(?i)^(?:please|(?:where|how (?:big|large|long|thick)) (?:is|are)|what (?:is|are) the (?:size|volume|extent|location|position|length|mask|outline) of|(?:is|are)(?: there(?: any| an?)?)?|(?:can|do) you (?:see|find)(?: any| an?)?|kindly|can you|could you|would you|will you|i (?:want|need|would like|'d like)(?: you)?(?: to)?|i'd like(?: you)?(?: to)?|let's|we (?:want|need)(?: to)?|help me(?: to)?|now|just|only|hi|hello|hey)[\s,]+`)
	reVerb   = regexp.MustCompile(`(?i)^(?:auto-?)?(?:segment|show|find|outline|delineate|contour|mask|extract|get|give|draw|label|annotate|mark|highlight|locate|identify|isolate|select|measure|display|return|list|produce|create|make|generate|compute)(?:\s+(?:out|up))?(?:\s+(?:me|us))?[\s:]+`)
	// A segment of the liver or lung is none of these.
	reSegmentNo = regexp.MustCompile(`(?i)^segments?\s+(?:\d|[ivx]+\b)`)
	reObject    = regexp.MustCompile(`(?i)^(?:the|a|an|all)?\s*(?:binary\s+)?(?:masks?|segmentations?|contours?|outlines?|labels?|volumes?)\s+(?:of|for)\s+`)
	reLead      = regexp.MustCompile(`(?i)^(?:in|on|from|for)\s+(?:this|the|that|my|these|a|an)?\s*(?:[a-z-]+\s+){0,2}?(ct|cta|cbct|mri?|mra|pet|pet/ct|t1w?|t2w?|flair)?\s*(?:` + scanWords + `)?\s*[,:]\s*`)
	reTail      = regexp.MustCompile(`(?i)[\s,]+(?:(?:seen|visible|shown|present)\s+)?(?:in|on|from|for)\s+(?:(?:this|the|that|my|these|a|an)\s+)?(?:(?:[a-z]+\s+)?(ct|cta|cbct|mri?|mra|pet|pet/ct|t1w?|t2w?|flair)(?:\s+(?:` + scanWords + `))?|(?:` + scanWords + `))$`)
	reThanks    = regexp.MustCompile(`(?i)[\s,]+(?:please|there|for me|thanks|thank you|thx|now|if possible|(?:that |which )?you (?:can|know|have|see)(?: of)?)$`)
	reWhich     = regexp.MustCompile(`(?i)^(?:which|what)\s+([a-z ]+?)\s+(?:(?:is|are|lies|lie)(?:\s+(?:there|seen|visible|shown|found))?|(?:can|do)\s+you\s+(?:see|find)|can\s+be\s+(?:seen|found))\s+(in(?:side)?\s)`)
	reBefore    = regexp.MustCompile(`(?i)^(ct|cta|cbct|mri?|mra|pet|pet/ct)(?:\s+(?:` + scanWords + `))?\s*[:,;-]?\s+(.+)$`)
	reHeading   = regexp.MustCompile(`(?i)^(?:[a-z-]+\s+){0,3}?(ct|cta|cbct|mri?|mra|pet|pet/ct)(?:[ -][a-z -]{0,40})?:\s*(.+)$`)
	reBare      = regexp.MustCompile(`(?i)^(.+)\s+\(?(ct|mri|pet)\)?$`)
)

// trim takes "please segment ... in this CT" off a question.
func (p *parser) trim(text string) (string, Modality) {
	var modality Modality
	text = strings.TrimSpace(strings.TrimRight(text, " .?!"))
	take := func(said string) {
		if said != "" {
			modality, _ = ParseModality(said)
		}
	}
	text = reWhich.ReplaceAllString(text, "$1 $2")
	for range 8 {
		if p.known(text) {
			break
		}
		before := text
		if m := reTail.FindStringSubmatchIndex(text); m != nil {
			said := ""
			if m[2] >= 0 {
				said = text[m[2]:m[3]]
			}
			text = text[:m[0]]
			take(said)
		}
		if m := reLead.FindStringSubmatch(text); m != nil && len(m[0]) > len("in,  ") {
			text = text[len(m[0]):]
			take(m[1])
		}
		for _, re := range []*regexp.Regexp{reThanks, rePolite, reVerb, reObject} {
			if re == reVerb && reSegmentNo.MatchString(text) {
				break
			}
			if rest := strings.TrimSpace(re.ReplaceAllString(text, "")); rest != "" {
				text = rest
			}
		}
		text = strings.TrimSpace(strings.TrimRight(text, " .?!"))
		if text == before {
			break
		}
	}
	for _, re := range []*regexp.Regexp{reHeading, reBefore} {
		if m := re.FindStringSubmatch(text); m != nil && modality == "" && !p.known(text) {
			text = m[2]
			take(m[1])
		}
	}
	if m := reBare.FindStringSubmatch(text); m != nil && modality == "" && !p.known(text) {
		text = m[1]
		take(m[2])
	}
	return text, modality
}
