package graph

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The longest texts that a store keeps, in bytes. An id must fit an index.
const (
	maxID         = 512
	maxName       = 16 << 10
	maxDefinition = 1 << 20
	maxList       = 10_000 // synonyms or cross-references of one term
)

// CheckTerm refuses, with ErrInvalidTerm, what no store keeps: a term without
// id or name, of unknown kind, side or synonym scope, with text that is no
// UTF-8, holds a control character other than tab and newline, or is longer
// than sense (id 512 bytes, name and synonym 16 KiB, definition 1 MiB, 10,000
// synonyms). Quotes, braces and the like are only text.
func CheckTerm(t *Term) error {
	if err := checkTerm(t); err != nil {
		return err
	}
	fail := func(what, text, reason string) error {
		return fmt.Errorf("%w: %.80q: the %s %.80q %s", ErrInvalidTerm, t.ID, what, text, reason)
	}
	if reason := badText(t.ID, maxID); reason != "" {
		return fail("id", t.ID, reason)
	}
	if reason := badText(t.Name, maxName); reason != "" {
		return fail("name", t.Name, reason)
	}
	if reason := badText(t.Definition, maxDefinition); reason != "" {
		return fail("definition", t.Definition, reason)
	}
	if len(t.Synonyms) > maxList || len(t.Xrefs) > maxList {
		return fmt.Errorf("%w: %s has %d synonyms and %d cross-references, more than %d", ErrInvalidTerm, t.ID, len(t.Synonyms), len(t.Xrefs), maxList)
	}
	for _, s := range t.Synonyms {
		if reason := badText(s.Text, maxName); reason != "" {
			return fail("synonym", s.Text, reason)
		}
		switch s.Scope {
		case ScopeExact, ScopeBroad, ScopeNarrow, ScopeRelated:
		default:
			return fail("synonym", s.Text, fmt.Sprintf("has the unknown scope %.80q", s.Scope))
		}
	}
	for _, x := range t.Xrefs {
		if reason := badText(x, maxName); reason != "" {
			return fail("cross-reference", x, reason)
		}
	}
	return nil
}

// badText says why a store refuses a text, or "".
func badText(s string, longest int) string {
	switch {
	case len(s) > longest:
		return fmt.Sprintf("is longer than %d bytes", longest)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }):
		return "holds a control character"
	default:
		return ""
	}
}
