package ingest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// sniffLabels tells the format of a label file from its beginning.
func sniffLabels(head, file string) (LabelFormat, error) {
	text := strings.TrimSpace(head)
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return "", fmt.Errorf("%w: the file is empty", ErrFormat)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", fmt.Errorf("%w: it holds NUL bytes, as binary files do", ErrEncoding)
	case text[0] == '{' || text[0] == '[' && strings.HasSuffix(strings.ToLower(file), ".json"):
		return LabelsJSON, nil
	case strings.Contains(lower, "itk-snap label description"):
		return LabelsITKSNAP, nil
	case strings.HasPrefix(lower, "# color procedural file"):
		return "", fmt.Errorf("%w: it is a continuous color scale, which names no labels", ErrFormat)
	case strings.HasPrefix(lower, "# color table file"):
		return LabelsSlicer, nil
	}
	rows := sample(text, 40)
	if len(rows) == 0 {
		return LabelsList, nil
	}
	if all(rows, func(row string) bool { return itksnapRow.MatchString(row) && strings.Contains(row, `"`) }) {
		return LabelsITKSNAP, nil
	}
	if isLookup(rows) {
		return LabelsFreeSurfer, nil
	}
	delimiter, columns := headerAbove(text, rows)
	switch {
	case columns == nil:
	case columns.has("subject_id") && columns.has("predicate_id"):
		return LabelsSSSOM, nil
	case columns.has("labelvalue") && columns.has("color_r"):
		return LabelsSlicer, nil
	case delimiter == '\t' && columns.has("index") && columns.has("name"):
		return LabelsBIDS, nil
	default:
		return LabelsTable, nil
	}
	if _, _, ok := headless(rows); ok {
		return LabelsTable, nil
	}
	return LabelsList, nil
}

// isLookup tells a colour lookup table, of which a row in ten may be odd.
func isLookup(rows []string) bool {
	fit, colors := 0, false
	for _, row := range rows {
		if l, ok := lookupRow(row); ok {
			fit++
			colors = colors || l.Color != ""
		}
	}
	const most = 9
	return colors && fit*10 >= len(rows)*most
}

// headless tells a table without a header, by numbered or by named.
func headless(rows []string) (delimiter rune, nameFirst, ok bool) {
	if delimiter, ok = numbered(rows); ok {
		return delimiter, false, true
	}
	delimiter, ok = named(rows)
	return delimiter, ok, ok
}

// itksnapRow is: index, red, green, blue, alpha, visible, mesh, "label"; some
// tools leave the quotes out.
var itksnapRow = regexp.MustCompile(`^\s*(-?\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+\d+\s+\d+\s*(?:"(.*)"|(.*?))\s*$`)

// sample returns up to n lines that hold something and are no comments. The
// last one may be cut off, so it only counts where it is the only one.
func sample(text string, n int) []string {
	var rows []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if s := strings.TrimSpace(line); s == "" || s[0] == '#' {
			continue
		}
		if rows = append(rows, line); len(rows) == n {
			return rows
		}
	}
	if len(text) > headBytes/2 && len(rows) > 1 {
		rows = rows[:len(rows)-1]
	}
	return rows
}

func all(rows []string, is func(string) bool) bool {
	for _, row := range rows {
		if !is(row) {
			return false
		}
	}
	return true
}

// named tells a headless table of names and values: each row ends with a whole
// number behind the delimiter, and no name or value stands twice. A colon or a
// space parts names from their own numbers, as in "FMA:7203" and "lobule 4".
func named(rows []string) (rune, bool) {
	const least = 2
	if len(rows) < least {
		return 0, false
	}
	for _, d := range []rune{'\t', ',', ';', '|', '='} {
		seen := map[string]bool{}
		if all(rows, func(row string) bool {
			name, value, ok := cutLast(row, d)
			if _, isWhole := whole(value); !ok || !isWhole || name == "" || seen["n"+name] || seen["v"+value] {
				return false
			}
			seen["n"+name], seen["v"+value] = true, true
			return true
		}) {
			return d, true
		}
	}
	return 0, false
}

// cutLast cuts a row at the last delimiter.
func cutLast(row string, d rune) (name, value string, ok bool) {
	at := strings.LastIndex(row, string(d))
	if at < 0 {
		return "", "", false
	}
	return unquote(strings.TrimSpace(row[:at])), strings.Trim(strings.TrimSpace(row[at+1:]), `"`), true
}

// numbered tells a headless table of values and names by its rows: each has a
// whole number first, and all are parted alike. It returns the delimiter; ' '
// stands for any run of spaces.
func numbered(rows []string) (rune, bool) {
	const least = 2 // one row alone may well be a name that begins with a number
	if len(rows) < least {
		return 0, false
	}
	for _, d := range []rune{'\t', ',', ';', '|', ':', '=', ' '} {
		seen := map[int64]bool{}
		if all(rows, func(row string) bool {
			value, name, ok := strings.Cut(strings.TrimSpace(row), string(d))
			v, isWhole := whole(strings.Trim(strings.TrimSpace(value), `"`))
			if !ok || !isWhole || strings.Trim(strings.TrimSpace(name), `"`) == "" || seen[v] {
				return false
			}
			seen[v] = true
			return true
		}) {
			return d, true
		}
	}
	return 0, false
}
