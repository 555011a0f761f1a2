package ingest

import (
	"strings"

	"satgraph/labelmap"
)

// readList reads one label a line: everything on it is the name, quotes around
// it aside, but for comments.
func (c *collector) readList(text *labelText) (int, error) {
	for {
		line, ok, err := text.next()
		if err != nil || !ok {
			return text.n, err
		}
		name := strings.TrimSpace(line)
		switch {
		case name == "":
			continue
		case isComment(name):
			c.labels.Comments++
			continue
		}
		l := labelmap.RawLabel{Name: unquote(name), Line: text.n}
		c.flagText(&l, text)
		if err := c.add(l); err != nil {
			return text.n, err
		}
	}
}

// unquote takes quotes off that stand around the whole of a text.
func unquote(text string) string {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' && !strings.Contains(text[1:n-1], `"`) {
		return strings.TrimSpace(text[1 : n-1])
	}
	return text
}

// isComment tells a comment, "# …", from a label such as "#3".
func isComment(line string) bool {
	rest, marked := strings.CutPrefix(line, "#")
	return marked && (rest == "" || strings.ContainsRune(" \t#!-=", rune(rest[0])))
}
