package catalog

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Pattern is a path, with "/" between folders, in which placeholders stand for
// what differs from scan to scan:
//
//	{case}            any characters but "/", at least one
//	{frame#}          digits
//	{case#500..9999}  digits of a number within the range
//	{seq=t1n|t1c|t2w} one of these words
//
// A placeholder that stands twice is the same text twice. A part of a mask's
// path may hold "*", for files that are told by their ending.
type Pattern struct {
	text  string
	match *regexp.Regexp
	names []string // of the groups, in order; a name may come twice
	span  map[string][2]int
}

// maxPattern is the longest pattern, in bytes.
const maxPattern = 1000

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)(#[0-9]{1,9}\.\.[0-9]{1,9}|#|=[^{}/=]+)?\}`)

// ParsePattern reads a pattern. Errors wrap ErrRecord.
func ParsePattern(text string) (Pattern, error) {
	fail := func(why string) (Pattern, error) {
		return Pattern{}, fmt.Errorf("%w: path pattern %q: %s", ErrRecord, text, why)
	}
	switch {
	case text == "":
		return fail("it is empty")
	case len(text) > maxPattern:
		return fail("it is too long")
	case strings.HasPrefix(text, "/"), strings.ContainsAny(text, "\\\x00"), slices.Contains(strings.Split(text, "/"), ".."):
		return fail(`want a path below the folder of the datasets, with "/" between folders`)
	case strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}"):
		return fail("want placeholders as {case}, {frame#} or {seq=a|b}")
	}
	p := Pattern{text: text, span: map[string][2]int{}}
	var re strings.Builder
	re.WriteString("^")
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		re.WriteString(literal(text[at:m[0]]))
		at = m[1]
		p.names = append(p.names, text[m[2]:m[3]])
		kind := ""
		if m[4] >= 0 {
			kind = text[m[4]:m[5]]
		}
		switch {
		case strings.HasPrefix(kind, "#"):
			re.WriteString(`([0-9]+)`)
			if low, high, ok := strings.Cut(kind[1:], ".."); ok {
				a, _ := strconv.Atoi(low)
				b, _ := strconv.Atoi(high)
				p.span[text[m[2]:m[3]]] = [2]int{a, b}
			}
		case kind != "":
			words := strings.Split(kind[1:], "|")
			for i := range words {
				words[i] = regexp.QuoteMeta(words[i])
			}
			re.WriteString("(" + strings.Join(words, "|") + ")")
		default:
			re.WriteString(`([^/]+)`)
		}
	}
	re.WriteString(literal(text[at:]) + "$")
	var err error
	if p.match, err = regexp.Compile(re.String()); err != nil {
		return fail(err.Error())
	}
	return p, nil
}

// literal quotes text between placeholders; "*" stands for any characters of a
// name.
func literal(text string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `[^/]*`)
}

// String is the pattern as written.
func (p Pattern) String() string { return p.text }

// IsZero says whether there is no pattern.
func (p Pattern) IsZero() bool { return p.text == "" }

// IsFolder says whether the pattern names a folder: it ends in "/".
func (p Pattern) IsFolder() bool { return strings.HasSuffix(p.text, "/") }

// Names are the placeholders, each once.
func (p Pattern) Names() []string {
	return slices.Compact(slices.Sorted(slices.Values(p.names)))
}

// Match takes a path apart: the text of each placeholder; false where the path
// does not follow the pattern.
func (p Pattern) Match(name string) (map[string]string, bool) {
	if p.match == nil {
		return nil, false
	}
	m := p.match.FindStringSubmatch(name)
	if m == nil {
		return nil, false
	}
	out := make(map[string]string, len(p.names))
	for i, key := range p.names {
		if seen, ok := out[key]; ok && seen != m[i+1] {
			return nil, false
		}
		out[key] = m[i+1]
	}
	for key, span := range p.span {
		if n, err := strconv.Atoi(out[key]); err != nil || n < span[0] || n > span[1] {
			return nil, false
		}
	}
	return out, true
}

// Fill puts texts in place of the placeholders. ErrRecord where one is missing,
// or holds "/" or "..".
func (p Pattern) Fill(values map[string]string) (string, error) {
	var missing []string
	out := placeholder.ReplaceAllStringFunc(p.text, func(at string) string {
		key := placeholder.FindStringSubmatch(at)[1]
		v, ok := values[key]
		if !ok || v == "" || strings.ContainsAny(v, "/\\\x00") || v == ".." {
			missing = append(missing, key)
		}
		return v
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("%w: path pattern %q: nothing, or no name of a file, for {%s} in %v", ErrRecord, p.text, strings.Join(missing, "}, {"), slices.Sorted(maps.Keys(values)))
	}
	return out, nil
}

// Root is the part of the path before the first placeholder or "*": a folder,
// "" for none.
func (p Pattern) Root() string {
	text := p.text
	if i := strings.IndexAny(text, "{*"); i >= 0 {
		text = text[:i]
	}
	if dir := path.Dir(text + "x"); dir != "." {
		return dir
	}
	return ""
}

// MarshalText writes the pattern.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*p = Pattern{}
		return nil
	}
	*p, err = ParsePattern(string(text))
	return err
}

// UnmarshalYAML reads the pattern; its errors name the line.
func (p *Pattern) UnmarshalYAML(n *yaml.Node) error { return textAt(n, p) }

// UnmarshalYAML reads the expression; its errors name the line.
func (e *Expr) UnmarshalYAML(n *yaml.Node) error { return textAt(n, e) }

// textAt reads a scalar's text.
func textAt(n *yaml.Node, to interface{ UnmarshalText([]byte) error }) error {
	err := errors.New("want a text")
	if n.Kind == yaml.ScalarNode {
		err = to.UnmarshalText([]byte(n.Value))
	}
	if err != nil {
		return &lineError{n.Line, err}
	}
	return nil
}
