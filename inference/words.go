package inference

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A word of a question, or one mark of punctuation.
type word struct {
	text       string // lower case
	start, end int    // where it stands in the question
}

func (w word) isBreak() bool { return w.text == ";" || w.text == "\n" }
func (w word) isMark() bool {
	switch w.text {
	case ",", ";", "\n", "(", ")", `"`, ":":
		return true
	}
	return false
}

// tidy brings the typography of a question to plain characters of the same
// meaning: dashes, quotes, brackets and spaces of every kind.
func tidy(text string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '‐', '‑', '‒', '–', '—', '―', '−':
			return '-'
		case '“', '”', '„', '«', '»', '`':
			return '"'
		case '‘', '’', '´':
			return '\''
		case '[', '{':
			return '('
		case ']', '}':
			return ')'
		case '\r', '\n', '\u2028', '\u2029':
			return '\n'
		case '、', '，':
			return ','
		case '；', '•', '·':
			return ';'
		}
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r == '\u200b', r == '\u200c', r == '\u200d', r == '\ufeff', r == '\u00ad':
			return -1
		}
		return r
	}, text)
}

// split cuts a tidy text into words and marks. A word keeps what joins its
// letters (T10-L2, L5/S1, covid-19, crohn's).
func split(text string) []word {
	var out []word
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == ' ':
			i += size
		case r == '&':
			out = append(out, word{"and", i, i + size})
			i += size
		case strings.ContainsRune(",;\n()\":", r):
			out = append(out, word{string(r), i, i + size})
			i += size
		default:
			end := i + size
			for end < len(text) {
				r, size := utf8.DecodeRuneInString(text[end:])
				if r == ' ' || r == '&' || strings.ContainsRune(",;\n()\":", r) {
					break
				}
				end += size
			}
			w := strings.ToLower(text[i:end])
			trimmed := strings.TrimRight(w, ".!?")
			if trimmed != "" {
				out = append(out, word{trimmed, i, i + len(text[i:end]) - (len(w) - len(trimmed))})
			}
			i = end
		}
	}
	return out
}

// say joins words to a text again, as they were written.
func say(text string, words []word) string {
	if len(words) == 0 {
		return ""
	}
	return text[words[0].start:words[len(words)-1].end]
}
