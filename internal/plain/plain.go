// Package plain shows text of unknown origin to people. A raw label may hold
// escape sequences that drive a terminal, marks that turn text around, and
// bytes that are no text; none of them is ever written as it is.
package plain

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text writes what does not print as Go escapes: control characters (also those
// above 0x7f, which terminals obey), marks of direction and of zero width,
// spaces other than the usual one, and bytes that are no UTF-8. All else stays,
// letters of every script included.
func Text(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteString(strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}
