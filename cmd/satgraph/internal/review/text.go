package review

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"satgraph/internal/plain"
)

// longest is how many bytes of a text are looked at; names may have 100 kB.
const longest = 2048

// cut shortens a text at a rune, far beyond what a line holds.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "~"
}

// show makes a text of unknown origin fit for a line.
func show(s string) string { return plain.Text(cut(s, longest)) }

// fit pads or shortens a line, which is shown already, to a width of cells.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	s = ansi.Truncate(s, width, "~")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// wrap breaks a line into lines of a width; the further ones are indented.
func wrap(s string, width, indent int) []string {
	if width <= indent+1 || ansi.StringWidth(s) <= width {
		return []string{s}
	}
	lines := strings.Split(ansi.Wrap(s, width-indent, " "), "\n")
	for i := 1; i < len(lines); i++ {
		lines[i] = strings.Repeat(" ", indent) + strings.TrimLeft(lines[i], " ")
	}
	return lines
}
