package rawdata

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// shape is the pattern of a group of paths: literal texts, and between them what
// differs from path to path.
type shape struct {
	parts []part
	// values are the texts of each placeholder, path by path.
	values [][]string
	// columns are the folders that were met so far, whose names later ones may
	// begin with.
	columns []column
}

// column is the names of one folder of all paths, and their pattern.
type column struct {
	texts []string
	parts []part
}

// part is a literal text, or the number of a placeholder.
type part struct {
	text  string
	place int // -1 for a literal
}

// shapeOf finds the pattern of paths of one depth.
func shapeOf(names []string) *shape {
	s := &shape{}
	split := make([][]string, len(names))
	for i, n := range names {
		split[i] = strings.Split(n, "/")
	}
	for c := range split[0] {
		if c > 0 {
			s.literal("/")
		}
		texts := make([]string, len(names))
		for i := range names {
			texts[i] = split[i][c]
		}
		own := &shape{values: s.values, columns: s.columns}
		own.column(texts)
		s.values = own.values
		if !same(texts) {
			s.columns = append(s.columns, column{texts, own.parts})
		}
		s.append(own.parts)
	}
	return s
}

func (s *shape) append(parts []part) {
	for _, p := range parts {
		if p.place < 0 {
			s.literal(p.text)
		} else {
			s.parts = append(s.parts, p)
		}
	}
}

func (s *shape) literal(text string) {
	if text == "" {
		return
	}
	if n := len(s.parts); n > 0 && s.parts[n-1].place < 0 {
		s.parts[n-1].text += text
		return
	}
	s.parts = append(s.parts, part{text, -1})
}

// column adds a part of the paths: what all share, ids that were met before, and
// what else differs.
func (s *shape) column(texts []string) {
	if same(texts) {
		s.literal(texts[0])
		return
	}
	for _, c := range s.columns {
		if rest, ok := cutAll(texts, c.texts); ok {
			s.append(c.parts)
			s.column(rest)
			return
		}
	}
	prefix, suffix := shared(texts)
	middle := make([]string, len(texts))
	for i, t := range texts {
		middle[i] = t[len(prefix) : len(t)-len(suffix)]
	}
	for place, known := range s.values {
		// The whole that differs, or its beginning, is an id met before.
		rest, ok := cutAll(middle, known)
		if !ok {
			continue
		}
		s.literal(prefix)
		s.parts = append(s.parts, part{place: place})
		for i := range rest {
			rest[i] += suffix
		}
		s.column(rest)
		return
	}
	s.literal(prefix)
	s.parts = append(s.parts, part{place: len(s.values)})
	s.values = append(s.values, middle)
	s.literal(suffix)
}

func same(texts []string) bool {
	return !slices.ContainsFunc(texts, func(t string) bool { return t != texts[0] })
}

// cutAll takes from each text the id that it begins with; false where one does
// not, or goes on in the middle of a word.
func cutAll(texts, ids []string) ([]string, bool) {
	out := make([]string, len(texts))
	for i, t := range texts {
		rest, ok := strings.CutPrefix(t, ids[i])
		if !ok || rest != "" && alnum(rest[0]) {
			return nil, false
		}
		out[i] = rest
	}
	return out, true
}

// alnum says whether a byte may be of a letter or a digit; those of letters
// beyond ASCII may.
func alnum(c byte) bool { return digit(c) || letter(c) }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf }

// within says whether two bytes that follow each other are of one word or number.
// A capital begins a word.
func within(a, b byte) bool {
	begins := 'a' <= a && a <= 'z' && 'A' <= b && b <= 'Z'
	return !utf8.RuneStart(b) || digit(a) && digit(b) || letter(a) && letter(b) && !begins
}

// shared is what all texts begin and end with, up to the bounds of words and
// numbers.
func shared(texts []string) (prefix, suffix string) {
	prefix, suffix = texts[0], texts[0]
	for _, t := range texts[1:] {
		n := 0
		for n < len(prefix) && n < len(t) && prefix[n] == t[n] {
			n++
		}
		prefix = prefix[:n]
		n = 0
		for n < len(suffix) && n < len(t) && suffix[len(suffix)-1-n] == t[len(t)-1-n] {
			n++
		}
		suffix = suffix[len(suffix)-n:]
	}
	for _, t := range texts {
		for len(prefix) > 0 && (len(prefix) >= len(t) || within(prefix[len(prefix)-1], t[len(prefix)])) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	for _, t := range texts {
		for len(suffix) > 0 && (len(prefix)+len(suffix) >= len(t) || within(t[len(t)-len(suffix)-1], suffix[0])) {
			suffix = suffix[1:]
		}
	}
	return prefix, suffix
}

// splitBy takes apart the values of a placeholder that begin with an id of the
// masks: "case_0001" is the id "case" and "0001". It is for images of several
// channels.
func (s *shape) splitBy(ids map[string]bool) {
	for place, values := range s.values {
		first, rest := make([]string, len(values)), make([]string, len(values))
		for i, v := range values {
			n := len(v)
			for n > 0 && (!ids[v[:n]] || n == len(v) || alnum(v[n])) {
				n--
			}
			if n == 0 {
				first = nil
				break
			}
			first[i], rest[i] = v[:n], v[n:]
		}
		if first == nil {
			continue
		}
		at := slices.IndexFunc(s.parts, func(p part) bool { return p.place == place })
		after := &shape{}
		after.column(rest)
		tail := slices.Clone(s.parts[at+1:])
		s.values[place] = first
		s.parts = s.parts[:at+1]
		for _, p := range after.parts {
			if p.place >= 0 {
				s.values = append(s.values, after.values[p.place])
				p.place = len(s.values) - 1
			}
			s.parts = append(s.parts, p)
		}
		s.parts = append(s.parts, tail...)
		return
	}
}

// few is how many words a placeholder lists rather than standing for any.
const few = 8

// pattern writes the shape with names for its placeholders.
func (s *shape) pattern(names map[int]string, kinds bool) string {
	var b strings.Builder
	for _, p := range s.parts {
		if p.place < 0 {
			b.WriteString(p.text)
			continue
		}
		b.WriteString("{" + names[p.place])
		words := slices.Compact(slices.Sorted(slices.Values(s.values[p.place])))
		switch digits := !slices.ContainsFunc(words, func(w string) bool { return strings.Trim(w, "0123456789") != "" }); {
		case !kinds:
		case names[p.place] == "case" && digits:
			b.WriteString("#")
		case names[p.place] != "case" && len(words) <= few && !slices.Contains(words, ""):
			b.WriteString("=" + strings.Join(words, "|"))
		}
		b.WriteString("}")
	}
	return b.String()
}

func distinct(values []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(values))))
}

func overlap(a, b []string) int {
	in := map[string]bool{}
	for _, v := range b {
		in[v] = true
	}
	n := 0
	for _, v := range slices.Compact(slices.Sorted(slices.Values(a))) {
		if in[v] {
			n++
		}
	}
	return n
}
