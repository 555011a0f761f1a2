package suggest

import (
	"slices"
	"strings"
)

// leastGlued is the length of the shortest word that is looked for in a name
// whose words are run together; glued that of the shortest beginning that may
// stand last.
const (
	leastGlued = 3
	glued      = 5
	mostGlued  = 40 // letters of a name that is taken apart
)

// apart parts words of lower-case letters that are run together, with as few
// parts as possible: "leftkidney", "smallintestin". Empty where that cannot be.
func (v *vocabulary) apart(text string) string {
	words := strings.Fields(strings.ToLower(separated(text)))
	changed := false
	for i, w := range words {
		if len(w) < 2*leastGlued || len(w) > mostGlued || v.known[w] {
			continue
		}
		if parts := v.parts(w); len(parts) > 1 {
			words[i], changed = strings.Join(parts, " "), true
		}
	}
	if !changed {
		return ""
	}
	if long, why := v.expand(strings.Join(words, " ")); why != "" {
		return long
	}
	return strings.Join(words, " ")
}

func (v *vocabulary) parts(w string) []string {
	best := make([][]string, len(w)+1) // of the first letters
	best[0] = []string{}
	for end := leastGlued; end <= len(w); end++ {
		for from := 0; from <= end-leastGlued; from++ {
			part := w[from:end]
			begun := end == len(w) && from > 0 && len(part) >= glued && v.starts[part[:glued]]
			if best[from] == nil || !v.known[part] && !begun {
				continue
			}
			if best[end] == nil || len(best[from])+1 < len(best[end]) {
				best[end] = append(slices.Clone(best[from]), part)
			}
		}
	}
	return best[len(w)]
}
