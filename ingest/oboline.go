package ingest

import (
	"fmt"
	"strings"
)

// cutTag cuts "tag: value" at the first colon that is not escaped.
func cutTag(text string) (tag, value string, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ':':
			return text[:i], strings.TrimSpace(text[i+1:]), i > 0
		case ' ', '\t':
			return "", "", false
		}
	}
	return "", "", false
}

// cutSpace cuts at the first run of spaces that is not escaped.
func cutSpace(value string) (word, rest string) {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case ' ', '\t':
			return value[:i], strings.TrimLeft(value[i:], " \t")
		}
	}
	return value, ""
}

// bare is a value that is one word: what follows is a description, qualifiers
// in braces, or a comment.
func bare(value string) string {
	word, _ := cutSpace(strings.TrimLeft(value, " \t"))
	if word != "" && (word[0] == '!' || word[0] == '{') {
		return ""
	}
	return word
}

// plainValue is a value of free words without its comment and qualifiers.
func plainValue(value string) string {
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '!':
			if i == 0 || value[i-1] == ' ' || value[i-1] == '\t' {
				return strings.TrimSpace(value[:i])
			}
		case '{':
			if i > 0 && value[i-1] == ' ' && isQualifiers(value[i:]) {
				return strings.TrimSpace(value[:i])
			}
		}
	}
	return strings.TrimSpace(value)
}

// isQualifiers tells {name="value", …} from braces in a name.
func isQualifiers(text string) bool {
	inside, _, closed := strings.Cut(text[1:], "}")
	return closed && strings.Contains(inside, "=")
}

// quoted reads the text in quotes that value begins with, and what follows it.
func quoted(value string) (text, rest string, err error) {
	value = strings.TrimLeft(value, " \t")
	if value == "" || value[0] != '"' {
		return "", "", fmt.Errorf("%w: %s does not begin with a quote", ErrFormat, shorten(value))
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return unescapeOBO(value[1:i]), strings.TrimLeft(value[i+1:], " \t"), nil
		}
	}
	return "", "", fmt.Errorf("%w: the quote of %s does not end", ErrFormat, shorten(value))
}

// unescapeOBO resolves the escapes of OBO: \n newline, \W space, \t tab; any
// other escaped character stands for itself.
func unescapeOBO(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			i++
			switch c = text[i]; c {
			case 'n':
				c = '\n'
			case 'W':
				c = ' '
			case 't':
				c = '\t'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// shorten quotes a text for an error, at most 60 bytes of it.
func shorten(text string) string {
	if len(text) > 60 {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(text[:60], ""))
	}
	return fmt.Sprintf("%q", text)
}
