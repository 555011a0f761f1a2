package suggest

import (
	"regexp"
	"slices"
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

// unglued parts what is run together at the end of a name: a known word and the
// letter of its side ("parotidl"), and a remark behind either ("brainag",
// "cochlea_lag").
func (v *vocabulary) unglued(text string) []string {
	words := strings.Fields(strings.ToLower(separated(text)))
	if len(words) == 0 {
		return nil
	}
	last := words[len(words)-1]
	if _, short := v.shorts[last]; short || v.known[last] || isSideWord(last) {
		return nil
	}
	var out []string
	with := func(parts ...string) {
		out = append(out, strings.Join(append(slices.Clone(words[:len(words)-1]), parts...), " "))
	}
	bare := last
	for remark := range v.remarks {
		rest, ok := strings.CutSuffix(last, remark)
		switch {
		case !ok || len(rest) == 0 || len(remark) < 2:
		case len(rest) == 1 && isSideWord(rest) && len(words) > 1, len(rest) >= leastNamed && v.known[rest]:
			with(rest)
			if len(rest) < len(bare) { // whatever the order of the map
				bare = rest
			}
		}
	}
	if rest := bare[:len(bare)-1]; len(rest) >= leastNamed && isSideWord(bare[len(rest):]) {
		if parts := v.parts(rest); v.known[rest] || len(parts) > 1 {
			with(strings.Join(append(parts, bare[len(rest):]), " "))
		}
	}
	if m := reSideCount.FindStringSubmatch(text); m != nil && v.known[strings.ToLower(m[1])] && !strings.HasPrefix(strings.ToLower(m[1]), "vert") {
		out = append(out, m[1]+" "+m[2])
	}
	if m := reTrailing.FindStringSubmatch(last); m != nil && v.known[m[1]] && len(words) > 1 {
		with(m[1]) // "whole brain1"
	}
	slices.Sort(out)
	return out
}

// reTrailing is a word with a count behind it.
var reTrailing = regexp.MustCompile(`^(\pL{4,})\d{1,2}$`)

// tailOff takes remarks, versions, dates and initials off the end of a name for
// as long as there are any ("Liver_BW_v3_final"). It is empty where fewer than
// two stand there.
func (v *vocabulary) tailOff(text string) string {
	rest, taken := text, 0
	for {
		short := unwrap(rest)
		if short == rest {
			short = reDate.ReplaceAllString(rest, "")
		}
		if short == rest && !counted(rest) {
			short = reCount.ReplaceAllString(rest, "")
		}
		if m := reInitials.FindString(rest); short == rest && m != "" && !v.saysMore(m[1:]) {
			short = strings.TrimSuffix(rest, m)
		}
		if short == rest {
			words := separated(rest)
			if short = v.remarksOff(words); short == words {
				break
			}
		}
		rest = short
		taken++
	}
	if taken < 2 || len(rest) < leastNamed {
		return ""
	}
	return rest
}
