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
)

// selector says which terms around a named one are asked for.
type selector int

const (
	self        selector = iota // the term itself
	children                    // what is directly below it
	parts                       // its parts at every depth
	descendants                 // everything below it
)

// item is one piece of a query: a selector and the text of a term.
type item struct {
	sel  selector
	text string
}

var (
	reSelector = regexp.MustCompile(`(?i)^(?:(?:all|every|each)\s+)?(?:of\s+)?(?:the\s+)?(?:direct\s+)?(child|children|parts?|components?|descendants?)\s+of\s+(.+)$`)
	reVerb     = regexp.MustCompile(`(?i)^(?:please\s+)?(?:segment|show|find|outline|delineate|mask|extract)(?:\s+me)?\s+`)
	reArticle  = regexp.MustCompile(`(?i)^(?:the|a|an)\s+`)
	reTail     = regexp.MustCompile(`(?i)\s+(?:in|on|from)\s+(?:this|the|that|my|a|an)?\s*(?:(ct|mri?|pet)\s*)?(?:scan|image|volume|study)?\s*[.?!]*$`)
	reComma    = regexp.MustCompile(`\s*[,;\n]\s*`)
	reAnd      = regexp.MustCompile(`(?i)\s+and\s+`)
	reSide     = regexp.MustCompile(`(?i)^(left|right)$`)
	reSided    = regexp.MustCompile(`(?i)^(left|right)\s+(.+)$`)
)

// parseQuery cuts a query into items. known says whether a text names a term,
// so that a name with a comma or an "and" in it is not cut. A modality named at
// the end ("... in this CT") is returned; it is empty when none is.
func parseQuery(query string, known func(string) bool) ([]item, Modality, error) {
	switch {
	case len(query) > maxQueryBytes:
		return nil, "", fmt.Errorf("%w: it has %d bytes, at most %d are taken", ErrBadQuery, len(query), maxQueryBytes)
	case !utf8.ValidString(query):
		return nil, "", fmt.Errorf("%w: it is not UTF-8 text", ErrBadQuery)
	}
	text := strings.TrimSpace(query)
	if text == "" {
		return nil, "", fmt.Errorf("%w: it is empty", ErrBadQuery)
	}
	if known(text) {
		return []item{{self, text}}, "", nil
	}
	text, modality := trimPhrase(text, known)
	var items []item
	for _, piece := range splitList(text, known) {
		items = append(items, piece...)
	}
	switch {
	case len(items) == 0:
		return nil, "", fmt.Errorf("%w: no term is named in %q", ErrBadQuery, query)
	case len(items) > maxQueryItems:
		return nil, "", fmt.Errorf("%w: it names %d terms, at most %d are taken", ErrBadQuery, len(items), maxQueryItems)
	}
	return items, modality, nil
}

// trimPhrase takes "segment ... in this CT" off a question.
func trimPhrase(text string, known func(string) bool) (string, Modality) {
	if rest := reVerb.ReplaceAllString(text, ""); rest != text && !known(text) {
		text = rest
	}
	var modality Modality
	if m := reTail.FindStringSubmatchIndex(text); m != nil {
		rest := text[:m[0]]
		said := ""
		if m[2] >= 0 {
			said = text[m[2]:m[3]]
		}
		// "in this" alone, or a name that goes on after "in", is no tail.
		if said != "" || regexp.MustCompile(`(?i)(scan|image|volume|study)\s*[.?!]*$`).MatchString(text[m[0]:]) {
			text = rest
			modality, _ = ParseModality(said)
		}
	}
	return strings.TrimRight(text, " .?!"), modality
}

// splitList cuts at commas, then at "and", but never inside a known name. A
// selector reaches over "and" ("children of heart and lung") and ends at a
// comma.
func splitList(text string, known func(string) bool) [][]item {
	if it, ok := readItem(text, known); ok {
		return [][]item{{it}}
	}
	var out [][]item
	for _, piece := range reComma.Split(text, -1) {
		piece = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(piece), "and "))
		if piece == "" {
			continue
		}
		if it, ok := readItem(piece, known); ok {
			out = append(out, []item{it})
			continue
		}
		out = append(out, splitAnd(piece, known))
	}
	return out
}

// splitAnd cuts one piece at "and"; "left and right kidney" gives both kidneys.
func splitAnd(piece string, known func(string) bool) []item {
	var out []item
	sel := self
	words := reAnd.Split(piece, -1)
	for i, w := range words {
		it, _ := readItem(w, known)
		if it.text == "" {
			continue
		}
		if it.sel == self {
			it.sel = sel
		} else {
			sel = it.sel
		}
		if reSide.MatchString(it.text) && i+1 < len(words) {
			if m := reSided.FindStringSubmatch(strings.TrimSpace(words[i+1])); m != nil {
				it.text += " " + m[2]
			}
		}
		out = append(out, it)
	}
	return out
}

// readItem reads one selector and name. ok is false when no term is so called.
func readItem(text string, known func(string) bool) (item, bool) {
	text = strings.TrimSpace(text)
	if known(text) {
		return item{self, text}, true
	}
	if m := reSelector.FindStringSubmatch(text); m != nil {
		name := trimArticle(m[2], known)
		sel := children
		switch strings.ToLower(m[1])[0] {
		case 'd':
			sel = descendants
		case 'p':
			sel = parts
		case 'c':
			if strings.HasPrefix(strings.ToLower(m[1]), "comp") {
				sel = parts
			}
		}
		return item{sel, name}, known(name)
	}
	name := trimArticle(text, known)
	return item{self, name}, known(name)
}

func trimArticle(text string, known func(string) bool) string {
	text = strings.Trim(strings.TrimSpace(text), `"'“”`)
	if known(text) {
		return text
	}
	return reArticle.ReplaceAllString(text, "")
}
