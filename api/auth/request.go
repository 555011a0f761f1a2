package auth

import (
	"crypto/rand"
	"strings"
)

const longestRequestID = 64

// RequestID is the id under which a request stands in logs, in the audit log and
// with the jobs that it asks for: the one that it was given, where that is a short
// plain word and no secret, or a new one.
func RequestID(given string) string {
	plain := func(c rune) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.'
	}
	if given == "" || len(given) > longestRequestID || Redact(given) != given || strings.ContainsFunc(given, func(c rune) bool { return !plain(c) }) {
		return rand.Text()
	}
	return given
}
