package suggest

import (
	"regexp"
	"strings"
	"unicode"
)

var reRoman = regexp.MustCompile(`^[IVX]+$`)

// remarksOff takes words off both ends of a name that say how or when it was
// drawn ("Parotid_old", "new Kidney L"); sides may stand between.
func (v *vocabulary) remarksOff(text string) string {
	words := strings.Fields(text)
	left := 0
	for _, w := range words {
		if !isSideWord(w) {
			left++
		}
	}
	drop := func(from, step int) {
		for i := from; i >= 0 && i < len(words); i += step {
			switch {
			case isSideWord(words[i]):
				continue
			case left > 1 && v.remarks[strings.ToLower(words[i])]:
				words = append(words[:i:i], words[i+1:]...)
				left--
				if step > 0 {
					i--
				}
			default:
				return
			}
		}
	}
	drop(len(words)-1, -1)
	drop(0, 1)
	return strings.Join(words, " ")
}

func isSideWord(w string) bool {
	lower := strings.ToLower(w)
	_, ok := handWords[lower]
	return ok || lower == "left" || lower == "right"
}

// acronymOff leaves out an abbreviation that stands beside what it shortens:
// "Left FuG fusiform gyrus", "inferior vena cava (IVC)". It is empty where there
// is none.
func acronymOff(text string) string {
	words := strings.Fields(separated(text))
	for i, w := range words {
		if len(w) < 2 || len(w) > 6 || isSideWord(w) || reRoman.MatchString(w) || !strings.ContainsFunc(w, unicode.IsUpper) || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }) {
			continue
		}
		var rest, spelled []string
		for k, other := range words {
			if k != i {
				rest = append(rest, other)
				if !isSideWord(other) {
					spelled = append(spelled, other)
				}
			}
		}
		if shortens(strings.ToLower(w), spelled) {
			return strings.Join(rest, " ")
		}
	}
	return ""
}

// shortens says whether the letters of an abbreviation follow one another in
// words, the first letter in front.
func shortens(short string, words []string) bool {
	long := strings.ToLower(strings.Join(words, ""))
	if len(long) < len(short)+4 || long[0] != short[0] {
		return false
	}
	for _, r := range short {
		_, after, found := strings.Cut(long, string(r))
		if !found {
			return false
		}
		long = after
	}
	return true
}
