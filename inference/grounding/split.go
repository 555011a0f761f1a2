package grounding

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	reHeading = regexp.MustCompile(`(?i)^[ \t#*_]*(findings?|impressions?|conclusions?|summary|opinion|technique|indication|clinical (?:history|information|indication|data)|history|comparison|examination|exam|procedure|recommendations?)[ \t*_]*(?::|$)`)
	reTopic   = regexp.MustCompile(`^[ \t]*[A-Z][A-Za-z/&,() -]{1,48}:`)
	reBullet  = regexp.MustCompile(`^[ \t]*(?:[-*•–]|\(?\d{1,2}[.)])[ \t]+`)
	// reShort is a word behind whose full stop a sentence goes on.
	reShort = regexp.MustCompile(`(?i)(?:^|[\s(])(?:e\.g|i\.e|etc|vs|approx|ca|cf|dr|mr|mrs|ms|fig|no|nos|ser|se|im|img|s/p|incl|max|min|resp|st)$`)
)

// split cuts a draft into its sentences. Wrapped lines are joined; a heading, a
// list's item and an empty line begin anew.
func split(text string) ([]Sentence, error) {
	var out []Sentence
	section, from := "", 0
	end := func(to int) error {
		piece := text[from:to]
		start := from + len(piece) - len(strings.TrimLeftFunc(piece, unicode.IsSpace))
		stop := from + len(strings.TrimRightFunc(piece, unicode.IsSpace))
		from = to
		if start >= stop || !strings.ContainsFunc(text[start:stop], unicode.IsLetter) {
			return nil
		}
		if len(out) == MaxSentences {
			return fmt.Errorf("%w: it has more than %d sentences", ErrTooLong, MaxSentences)
		}
		out = append(out, Sentence{
			Text: strings.Join(strings.Fields(text[start:stop]), " "), From: start, To: stop, Section: section,
		})
		return nil
	}
	line, ended := 0, false // where the line begins; whether the one before ended a sentence
	for line <= len(text) {
		next := len(text)
		if i := strings.IndexByte(text[line:], '\n'); i >= 0 {
			next = line + i
		}
		row := text[line:next]
		heading := reHeading.FindStringSubmatchIndex(row)
		bullet := reBullet.FindString(row)
		if heading != nil || bullet != "" || ended || strings.TrimSpace(row) == "" || reTopic.MatchString(row) {
			if err := end(line); err != nil {
				return nil, err
			}
		}
		at := line
		switch {
		case heading != nil:
			section = strings.TrimSuffix(strings.ToLower(row[heading[2]:heading[3]]), "s")
			if section == "finding" {
				section = "findings"
			}
			at = line + heading[1]
			from = at
		case bullet != "":
			at = line + len(bullet)
			from = at
		}
		for i := at; i < next; i++ {
			if !stops(text, from, i, next) {
				continue
			}
			if err := end(i + 1); err != nil {
				return nil, err
			}
		}
		trimmed := strings.TrimRightFunc(text[from:next], unicode.IsSpace)
		ended = trimmed == "" || strings.HasSuffix(trimmed, ":")
		line = next + 1
	}
	return out, end(len(text))
}

// stops says whether a sentence that began at from ends with byte i of a line
// that ends at next.
func stops(text string, from, i, next int) bool {
	switch text[i] {
	case '!', '?', ';':
		return true
	case '.':
	default:
		return false
	}
	rest := text[i+1 : next]
	if rest == "" {
		return !reShort.MatchString(text[from:i])
	}
	trimmed := strings.TrimLeft(rest, " \t\r\")")
	if len(trimmed) == len(rest) || reShort.MatchString(text[from:i]) {
		return false // 2.1 cm, e.g.
	}
	first, _ := utf8.DecodeRuneInString(trimmed)
	return trimmed == "" || !unicode.IsLower(first)
}

// A token is a word of a sentence, or a mark that ends a scope.
type token struct {
	text     string // in lower case
	from, to int    // in the draft
	mark     bool   // , : ( ) and the like
}

// tokens cuts a piece of the draft into words. Hyphens and apostrophes within a
// word belong to it.
func tokens(text string, from, to int) []token {
	var out []token
	for i := from; i < to; {
		r, size := utf8.DecodeRuneInString(text[i:to])
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			j := i + size
			for j < to {
				r, size := utf8.DecodeRuneInString(text[j:to])
				inner := r == '-' || r == '\'' || r == '’' || r == '.' && unicode.IsDigit(rune(text[j-1]))
				if inner {
					after, _ := utf8.DecodeRuneInString(text[j+size : to])
					inner = unicode.IsLetter(after) || unicode.IsDigit(after)
				}
				if !inner && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
					break
				}
				j += size
			}
			out = append(out, token{text: strings.ToLower(text[i:j]), from: i, to: j})
			i = j
		case unicode.IsSpace(r):
			i += size
		default:
			out = append(out, token{text: text[i : i+size], from: i, to: i + size, mark: true})
			i += size
		}
	}
	return out
}
