package ingest

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"satgraph/labelmap"
)

// longName is the length of names that are flagged, in bytes.
const longName = 1000

func hasFlag(l *labelmap.RawLabel, flag string) bool { return slices.Contains(l.Flags, flag) }

// oddities are the flags that a label's own text earns.
func oddities(l *labelmap.RawLabel) []string {
	var flags []string
	name := strings.TrimSpace(l.Name)
	switch {
	case name == "":
		return append(flags, FlagEmptyName)
	case len(name) > longName:
		flags = append(flags, FlagLongName)
	}
	if isBackground(name, l.Values) {
		flags = append(flags, FlagBackground)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		flags = append(flags, FlagControl)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }) {
		flags = append(flags, FlagDirection)
	}
	if strings.ContainsRune(name, unicode.ReplacementChar) {
		flags = append(flags, FlagDamaged)
	}
	if i := strings.IndexByte(name, '<'); i >= 0 && strings.IndexByte(name[i:], '>') > 0 {
		flags = append(flags, FlagMarkup)
	}
	if strings.ContainsRune("=+-@", rune(name[0])) && len(name) > 1 {
		flags = append(flags, FlagFormula)
	}
	return flags
}

// isBackground says that a name stands for what is no structure.
func isBackground(name string, values []int64) bool {
	switch strings.ToLower(name) {
	case "background", "clear label", "bg":
		return true
	case "unknown", "???", "none", "air":
		return len(values) == 1 && values[0] == 0
	}
	return false
}

// modality reads what sources call modalities; "" for an unknown one.
func modality(text string) string {
	found := ""
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		m := ""
		switch word {
		case "ct", "cect", "ncct", "ldct", "cta", "cbct", "nect":
			m = "ct"
		case "pet", "suv", "fdg", "pt":
			m = "pet"
		case "mri", "mr", "t1", "t1w", "t1ce", "t1c", "t1gd", "t1n", "t2", "t2w", "t2f", "flair", "dwi", "adc", "swi", "pd", "pdw",
			"mra", "bssfp", "lge", "cine", "mprage", "tse", "dixon", "bold", "cmr":
			m = "mri"
		}
		switch {
		case m == "" || m == found:
		case found == "":
			found = m
		default: // two modalities: of several channels, or a word too many
			return ""
		}
	}
	return found
}

// values reads one value, several parted by commas, semicolons or spaces, or a
// range a-b.
func values(text string) ([]int64, bool) {
	text = strings.Trim(strings.TrimSpace(text), "[](){}")
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) })
	var out []int64
	for _, f := range fields {
		if v, ok := whole(f); ok {
			out = append(out, v)
			continue
		}
		low, high, ok := strings.Cut(f, "-")
		from, okFrom := whole(low)
		to, okTo := whole(high)
		const widest = 1000
		if !ok || !okFrom || !okTo || to < from || to-from > widest {
			return nil, false
		}
		for v := from; v <= to; v++ {
			out = append(out, v)
		}
	}
	const most = 10_000
	return out, len(out) > 0 && len(out) <= most
}

// whole reads a whole number, also one written as 3.0.
func whole(text string) (int64, bool) {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return v, true
	}
	digits, zeros, ok := strings.Cut(text, ".")
	if !ok || strings.Trim(zeros, "0") != "" {
		return 0, false
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	return v, err == nil
}

// clip shortens a text for a flag.
func clip(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}
