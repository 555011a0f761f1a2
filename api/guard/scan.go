package guard

import (
	"strings"
	"unicode/utf8"
)

// Scan reads the document's tokens and checks QueryBytes, Tokens, Depth,
// Aliases and Directives, and that brackets match. It returns the document
// with everything that is ignored (comments, commas, byte order marks) turned
// into blanks byte for byte, so that positions stay what they were.
//
// The error is a [*LimitError] or a [*SyntaxError]. Time and memory are linear
// in the text, whatever it holds.
func Scan(document string, limits Limits) (string, error) {
	limits = limits.WithDefaults()
	if len(document) > limits.QueryBytes {
		return "", &LimitError{What: "bytes", Limit: limits.QueryBytes}
	}
	if !utf8.ValidString(document) {
		return "", &SyntaxError{Message: "the document is not valid UTF-8"}
	}
	var (
		l          = lexer{src: document}
		clean      = make([]byte, 0, len(document))
		open       = make([]byte, 0, limits.Depth) // the brackets still open
		parens     int                             // how many of them are "("
		tokens     int
		aliases    int
		directives int
		tooMany    = func(what string, limit, at int) error {
			line, column := Position(document, at)
			return &LimitError{What: what, Limit: limit, Line: line, Column: column}
		}
	)
	for {
		t, err := l.next()
		if err != nil {
			return "", err
		}
		clean = appendBlanks(clean, document[len(clean):t.start])
		if t.kind == eof {
			break
		}
		clean = append(clean, document[t.start:t.end]...)
		if tokens++; tokens > limits.Tokens {
			return "", tooMany("tokens", limits.Tokens, t.start)
		}
		if t.kind != punctuator {
			continue
		}
		switch c := document[t.start]; c {
		case '{', '[', '(':
			if len(open) == limits.Depth {
				return "", tooMany("levels of nesting", limits.Depth, t.start)
			}
			open = append(open, c)
			if c == '(' {
				parens++
			}
		case '}', ']', ')':
			if len(open) == 0 || open[len(open)-1] != opening(c) {
				return "", l.errorf(t.start, "unexpected %q", c)
			}
			open = open[:len(open)-1]
			if c == ')' {
				parens--
			}
		case ':':
			// Inside parentheses a colon stands in an argument, a variable
			// definition or an object value.
			if parens == 0 {
				if aliases++; aliases > limits.Aliases {
					return "", tooMany("aliases", limits.Aliases, t.start)
				}
			}
		case '@':
			if directives++; directives > limits.Directives {
				return "", tooMany("directives", limits.Directives, t.start)
			}
		}
	}
	if len(open) > 0 {
		return "", l.errorf(len(document), "the document ends where %q is still open", open[len(open)-1])
	}
	if tokens == 0 {
		return "", &SyntaxError{Message: "the document is empty"}
	}
	return string(clean), nil
}

func opening(c byte) byte {
	return "{[("[strings.IndexByte("}])", c)]
}

// appendBlanks appends as many bytes as s has: its line ends, and spaces.
func appendBlanks(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' {
			dst = append(dst, s[i])
		} else {
			dst = append(dst, ' ')
		}
	}
	return dst
}
