package guard

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type kind byte

const (
	eof kind = iota
	punctuator
	name
	number
	text // string or block string
)

// A token is the bytes [start,end) of the source.
type token struct {
	kind       kind
	start, end int
}

// A lexer reads the tokens of the GraphQL specification (October 2021, section
// 2.1), one after another, without recursion.
type lexer struct {
	src string
	pos int
}

const byteOrderMark = "\uFEFF"

// next skips what the specification ignores and reads one token.
func (l *lexer) next() (token, error) {
	l.skipIgnored()
	if l.pos >= len(l.src) {
		return token{eof, l.pos, l.pos}, nil
	}
	start := l.pos
	c := l.src[start]
	switch {
	case strings.IndexByte("!$&():=@[]{|}", c) >= 0:
		l.pos++
		return token{punctuator, start, l.pos}, nil
	case strings.HasPrefix(l.src[start:], "..."):
		l.pos += 3
		return token{punctuator, start, l.pos}, nil
	case isNameStart(c):
		for l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || isDigit(l.src[l.pos])) {
			l.pos++
		}
		return token{name, start, l.pos}, nil
	case c == '-' || isDigit(c):
		return l.number()
	case strings.HasPrefix(l.src[start:], `"""`):
		return l.blockString()
	case c == '"':
		return l.string()
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	return token{}, l.errorf(start, "unexpected character %q", r)
}

func (l *lexer) skipIgnored() {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
			l.pos++
		case c == '#':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
				l.pos++
			}
		case strings.HasPrefix(l.src[l.pos:], byteOrderMark):
			l.pos += len(byteOrderMark)
		default:
			return
		}
	}
}

func (l *lexer) number() (token, error) {
	start := l.pos
	if l.src[l.pos] == '-' {
		l.pos++
	}
	whole := l.pos
	if !l.digits() {
		return token{}, l.errorf(start, "a number without digits")
	}
	if l.src[whole] == '0' && l.pos-whole > 1 {
		return token{}, l.errorf(start, "a number may not start with 0")
	}
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		l.pos++
		if !l.digits() {
			return token{}, l.errorf(start, "a number without digits after its point")
		}
	}
	if l.pos < len(l.src) && (l.src[l.pos] == 'e' || l.src[l.pos] == 'E') {
		l.pos++
		if l.pos < len(l.src) && (l.src[l.pos] == '+' || l.src[l.pos] == '-') {
			l.pos++
		}
		if !l.digits() {
			return token{}, l.errorf(start, "a number without digits in its exponent")
		}
	}
	if l.pos < len(l.src) && (isNameStart(l.src[l.pos]) || l.src[l.pos] == '.') {
		return token{}, l.errorf(start, "a number may not be followed by %q", l.src[l.pos])
	}
	return token{number, start, l.pos}, nil
}

func (l *lexer) digits() bool {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	return l.pos > start
}

func (l *lexer) string() (token, error) {
	start := l.pos
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '"':
			l.pos++
			return token{text, start, l.pos}, nil
		case c == '\n' || c == '\r':
			return token{}, l.errorf(start, "a string that does not end on its line")
		case c == '\\':
			// The escaped byte is skipped so that \" does not end the string;
			// whether the escape exists is the parser's business.
			l.pos++
		case c < ' ' && c != '\t':
			return token{}, l.errorf(l.pos, "unexpected character %q", c)
		}
	}
	return token{}, l.errorf(start, "a string that does not end")
}

func (l *lexer) blockString() (token, error) {
	start := l.pos
	for l.pos += 3; l.pos < len(l.src); {
		switch rest := l.src[l.pos:]; {
		case strings.HasPrefix(rest, `\"""`):
			l.pos += 4
		case strings.HasPrefix(rest, `"""`):
			l.pos += 3
			return token{text, start, l.pos}, nil
		case rest[0] < ' ' && rest[0] != '\t' && rest[0] != '\n' && rest[0] != '\r':
			return token{}, l.errorf(l.pos, "unexpected character %q", rest[0])
		default:
			l.pos++
		}
	}
	return token{}, l.errorf(start, "a block string that does not end")
}

func (l *lexer) errorf(at int, format string, args ...any) error {
	line, column := Position(l.src, at)
	return &SyntaxError{Message: fmt.Sprintf(format, args...), Line: line, Column: column}
}

func isNameStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Position turns a byte offset into line and column, both from one, the column
// in bytes. A line ends with \n, \r or \r\n.
func Position(src string, offset int) (line, column int) {
	offset = max(0, min(offset, len(src)))
	line, start := 1, 0
	for i := range offset {
		if src[i] == '\n' || src[i] == '\r' && (i+1 >= len(src) || src[i+1] != '\n') {
			line, start = line+1, i+1
		}
	}
	return line, offset - start + 1
}
