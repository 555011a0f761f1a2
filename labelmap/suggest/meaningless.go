package suggest

import (
	"regexp"
	"strings"

	"satgraph/graph"
)

// meaningless labels and why, by what they are.
var meaningless = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`^[\d\s.,_\-]*$`), "a number names no structure"},
	{regexp.MustCompile(`(?i)^(labels?|lbl|class|segments?|seg|roi|structure|region|mask|object|obj|material|value|val|item|part|layer|contour|annotation|volume|channel|index|id|branch|fragment)[\s_\-.:#]*\d*$`), "a placeholder of a tool names no structure"},
	{regexp.MustCompile(`(?i)^(background|bg|back ground|unknown|unlabel?led|unlabell?ed|other|others|misc|miscellaneous|ignore|ignored|void|none|null|nan|empty|nothing|clear label|exterior|outside|rest|remainder|undefined|n/?a|not ?used|reserved|test|tmp|temp|todo|dummy|foo|bar|new|untitled)$`), "it says that no structure is meant"},
	{regexp.MustCompile(`(?i)^[ipgc]tv(?:[\s_\-]?[a-z0-9.+]+)*$|^(gtv|ctv|ptv|itv|igtv|hrctv)[a-z]?[\s_\-.0-9]*`), "a planning volume of radiotherapy, not a structure"},
	{regexp.MustCompile(`(?i)^(external|externe?|outer contour|body[ _]?\d*|body contour|couch|couch ?\w*|table|tabletop|bolus|ring(?:s?|[ _\-]?\d\w*|[ _\-]\w+)|avoid\w*|opt[_ ]\w+|z+[_ ]\w+|dose\w*|isodose\w*|iso ?cent(er|re)|marker\w*|fiducials?|artifacts?|artefacts?)$`), "a helper of planning or scanning, not a structure"},
	{regexp.MustCompile(`(?i)^(implants?|metal|screws?|plates?|stents?|pacemaker|catheter|tube|wire|clips?|prosthes[ie]s?|contrast( agent| medium)?|air|gas|water|fluid|noise|needles?|devices?|cement|cages?|rods?|leads?|fillings?|drains?)$`), "not a structure of the body by itself"},
	{regexp.MustCompile(`(?i)\b(prosthes[ie]s?|implants?|stents?|pacemaker|catheter)\b`), "it is about an implant"},
	{regexp.MustCompile(`(?i)^(left|right|l|r|lt|rt|bilateral|both|upper|lower|middle|superior|inferior|central|inner|outer|anterior|posterior|medial|lateral|proximal|distal|dorsal|ventral|cranial|caudal)(?:[\s_\-]*(?:wall|part|half|side|third))?$`), "a place without the structure it belongs to"},
}

// planned says what makes a label a structure that planning made of another one;
// empty for those of the body.
func planned(name string) string {
	text := strings.TrimSpace(reExtension.ReplaceAllString(name, ""))
	switch {
	case reMargin.MatchString(text), reAround.MatchString(text):
		return "a margin around a structure, made for planning"
	case lessTarget(text) != text:
		return "what is left of a structure without the target"
	}
	return ""
}

// pointless says why a label means no structure; empty if it may mean one.
func pointless(name string) string {
	text := strings.TrimSpace(reExtension.ReplaceAllString(name, ""))
	switch {
	case text == "":
		return "it has no name"
	case len(text) > maxName:
		return "its name is too long to be one"
	case len(graph.Words(text)) == 0:
		return "its name has no letters"
	}
	for _, m := range meaningless {
		if m.pattern.MatchString(text) {
			return m.why
		}
	}
	return ""
}

var (
	reJoined   = regexp.MustCompile(`(?i)\s*(?:\band\b|\bund\b|\bet\b|\bor\b|\boder\b|&|\+|/|,|;)\s*`)
	reAnd      = regexp.MustCompile(`(?i)\b(and|und|et|or|oder|ou|y)\b|&|\+|/|;`)
	reOneOf    = regexp.MustCompile(`(?i)/|\bor\b`)
	reBothHand = regexp.MustCompile(`(?i)\b(left|lt)\b.*\b(right|rt)\b|\b(right|rt)\b.*\b(left|lt)\b`)
)

// bothHands says whether a label says one side in a word and the other by a
// letter at its end: "kidney_left_R".
func bothHands(name string) bool {
	side, rest := graph.SplitSide(split(name))
	words := strings.Fields(strings.ToLower(rest))
	if side == graph.Unsided || len(words) < 2 {
		return false
	}
	hand, ok := handWords[words[len(words)-1]]
	return ok && hand != side
}
