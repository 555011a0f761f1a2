package ingest

import (
	"fmt"
	"strconv"
	"strings"

	"satgraph/labelmap"
)

// readLookup reads colour lookup tables, whose rows are parted by spaces:
// FreeSurfer's and 3D Slicer's (value, name, red, green, blue, opacity) and
// ITK-SNAP's (value, red, green, blue, opacity, visible, mesh, "name"). Newer
// tables of 3D Slicer are delimited with a header, and read as tables.
func (c *collector) readLookup(text *labelText) (int, error) {
	if c.labels.Format == LabelsSlicer && !strings.HasPrefix(strings.TrimSpace(text.head()), "#") {
		return c.readTable(text)
	}
	for {
		line, ok, err := text.next()
		if err != nil || !ok {
			return text.n, err
		}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if trimmed[0] == '#' {
			c.labels.Comments++
			continue
		}
		var label labelmap.RawLabel
		if c.labels.Format == LabelsITKSNAP {
			label, ok = snapRow(trimmed)
		} else {
			label, ok = lookupRow(trimmed)
		}
		switch {
		case ok:
		case c.labels.Format == LabelsFreeSurfer: // told by its rows, of which this is none
			label = labelmap.RawLabel{Name: trimmed, Flags: []string{FlagColumns}}
		default:
			return text.n, fmt.Errorf("%w: %s is no row of a %s table", ErrFormat, shorten(trimmed), c.labels.Format)
		}
		label.Line = text.n
		c.flagText(&label, text)
		if err := c.add(label); err != nil {
			return text.n, err
		}
	}
}

// flagText flags a label whose line was not UTF-8.
func (c *collector) flagText(l *labelmap.RawLabel, text *labelText) {
	if text.repaired[l.Line] {
		l.Flags = append(l.Flags, FlagEncoding)
	}
}

func snapRow(row string) (labelmap.RawLabel, bool) {
	m := itksnapRow.FindStringSubmatch(row)
	if m == nil {
		return labelmap.RawLabel{}, false
	}
	v, ok := whole(m[1])
	l := labelmap.RawLabel{Values: []int64{v}, Name: m[6] + m[7]} // one of them is empty
	l.Color = rgb(m[2], m[3], m[4])
	return l, ok
}

// lookupRow reads value, name, red, green, blue and, mostly, opacity; a comment may
// follow. The name may hold spaces, so what is left after the numbers at the end is
// the name.
func lookupRow(row string) (labelmap.RawLabel, bool) {
	l, ok := lookupFields(row)
	if !ok {
		if bare, _, commented := strings.Cut(strings.ReplaceAll(row, "\t", " "), " #"); commented {
			l, ok = lookupFields(bare)
		}
	}
	return l, ok
}

func lookupFields(row string) (labelmap.RawLabel, bool) {
	f := strings.Fields(row)
	const least = 4 // value and colour: the name may be missing
	if len(f) < least {
		return labelmap.RawLabel{}, false
	}
	v, ok := whole(f[0])
	if !ok {
		return labelmap.RawLabel{}, false
	}
	colors := 0
	for colors < 4 && len(f)-colors > 1 && isCount(f[len(f)-1-colors]) {
		colors++
	}
	const rgbOnly = 3
	if colors < rgbOnly {
		return labelmap.RawLabel{}, false
	}
	c := f[len(f)-colors:]
	name := strings.Trim(strings.Join(f[1:len(f)-colors], " "), `"`)
	l := labelmap.RawLabel{Values: []int64{v}, Name: name, Color: rgb(c[0], c[1], c[2])}
	if l.Color == "" {
		l.Flags = append(l.Flags, FlagColor+": "+strings.Join(c[:rgbOnly], " "))
	}
	return l, true
}

func isCount(text string) bool {
	v, err := strconv.Atoi(text)
	return err == nil && v >= 0
}

// rgb writes a colour as #rrggbb; "" where the numbers are none.
func rgb(red, green, blue string) string {
	var c [3]int64
	for i, text := range []string{red, green, blue} {
		v, ok := whole(strings.TrimSpace(text))
		if !ok || v < 0 || v > 255 {
			return ""
		}
		c[i] = v
	}
	return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])
}
