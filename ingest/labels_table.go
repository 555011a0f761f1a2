package ingest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"satgraph/labelmap"
)

// tableColumns says what the columns of tables are called, in lower case with
// "_" for spaces and hyphens; first come, first taken. These are those of BIDS
// (dseg.tsv), 3D Slicer, SSSOM, the exports of common tools, and this program.
var tableColumns = map[string][]string{
	"value": {
		"value", "index", "labelvalue", "label_value", "label_id", "labelid", "voxel_value", "pixel_value", "intensity", "idx", "id", "#",
		"no", "no.", "number", "label_number", "integer_label", "label_index", "label_code", "key",
		"class_id", "classid", "class_index", "class_value", "structure_id", "roi_id", "roi_number", "roinumber", "segment_id", "segment_number",
		"segmentnumber", "organ_id", "region_id", "mask_value", "gray_value", "grey_value",
	},
	"name": {
		"name", "raw", "raw_label", "label_name", "labelname", "structure", "structure_name", "roi", "roi_name", "roi_label", "segment",
		"segment_name", "text_label", "subject_label", "class", "class_name", "organ", "anatomy", "label", "term", "region_name", "region",
	},
	"dataset":  {"dataset", "dataset_name", "subject_source", "atlas"},
	"modality": {"modality", "image_modality"},
	"region":   {"region", "body_region", "body_part", "bodypart", "region_codemeaning"},
	"context":  {"context", "description", "comment", "note", "notes", "abbreviation", "abbr", "hemisphere", "side"},
	"color":    {"color", "colour", "hex", "rgb"},
	"red":      {"color_r", "r", "red"},
	"green":    {"color_g", "g", "green"},
	"blue":     {"color_b", "b", "blue"},
	"code":     {"code", "codes", "subject_id", "curie", "sct", "snomed", "snomed_ct", "snomedct", "fma", "radlex", "umls", "mapping"},
}

// vocabularies are the prefixes of bare codes in columns named after them.
var vocabularies = map[string]string{
	"sct": "SCT", "snomed": "SCT", "snomed_ct": "SCT", "snomedct": "SCT", "fma": "FMA", "radlex": "RadLex", "umls": "UMLS",
}

// headerColumns are the columns of a table by name.
type headerColumns []string

func (h headerColumns) has(name string) bool { return slices.Contains(h, name) }

// headerAbove finds the header of a table: its first row, or the comment right
// above it.
func headerAbove(head string, rows []string) (rune, headerColumns) {
	first := rows[0]
	if d, h := header(first); h != nil {
		return d, h
	}
	if d, h := headerUnlike(rows); h != nil {
		return d, h
	}
	above := ""
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, "\r\n")
		if line == first {
			break
		}
		if strings.TrimSpace(line) != "" {
			above = line
		}
	}
	if d, h := header(above); len(h) > 1 {
		if cells, _ := splitRow(first, d); len(cells) == len(h) {
			return d, h
		}
	}
	return 0, nil
}

// headerUnlike reads the first row as a header by what it is unlike: it has a column
// for names or values, and none of its cells is a number, where all rows below
// have one in a column.
func headerUnlike(rows []string) (rune, headerColumns) {
	const least = 3
	if len(rows) < least {
		return 0, nil
	}
	for _, d := range []rune{'\t', ';', ',', '|'} {
		first, _ := splitRow(rows[0], d)
		if len(first) < 2 || slices.ContainsFunc(first, isNumber) {
			continue
		}
		numbers := slices.Repeat([]bool{true}, len(first))
		alike := all(rows[1:], func(row string) bool {
			cells, _ := splitRow(row, d)
			for i := range min(len(cells), len(first)) {
				numbers[i] = numbers[i] && isNumber(cells[i])
			}
			return len(cells) == len(first)
		})
		if alike && slices.Contains(numbers, true) {
			if h, known := columnsOf(first); known.main {
				return d, h
			}
		}
	}
	return 0, nil
}

func isNumber(cell string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
	return err == nil
}

// plainly are names of columns that no label is called.
var plainly = []string{
	"name", "label", "raw", "raw_label", "label_name", "labelname", "structure_name", "roi_name", "roi_label", "class_name", "segment_name",
	"labelvalue", "label_value", "label_id", "subject_label", "text_label",
}

// header reads a row as a header; nil where it may be a row like the others: a
// list may well begin with the label "region", or "kidney, organ".
func header(row string) (rune, headerColumns) {
	for _, d := range []rune{'\t', ';', ',', '|'} {
		if cells, _ := splitRow(row, d); len(cells) > 1 {
			if h := headerOf(cells); h != nil {
				return d, h
			}
		}
	}
	return '\t', headerOf([]string{row})
}

// knownColumns says how much of a row is the name of a column.
type knownColumns struct {
	n           int
	main, plain bool // one for names or values; one that no label is called
}

func headerOf(cells []string) headerColumns {
	if slices.ContainsFunc(cells, func(cell string) bool { _, ok := whole(strings.TrimSpace(cell)); return ok }) {
		return nil
	}
	h, known := columnsOf(cells)
	if !known.plain && (!known.main || known.n < 2) {
		return nil
	}
	return h
}

// columnsOf takes cells for the names of columns.
func columnsOf(cells []string) (headerColumns, knownColumns) {
	h := make(headerColumns, len(cells))
	var k knownColumns
	for i, cell := range cells {
		c := strings.ToLower(strings.TrimSpace(cell))
		c = strings.NewReplacer(" ", "_", "-", "_").Replace(c)
		if h[i] = c; i == 0 {
			h[i] = strings.TrimLeft(c, "#_") // some write the header as a comment
			if c == "#" {
				h[i] = c
			}
		}
		k.plain = k.plain || slices.Contains(plainly, h[i])
		for what, names := range tableColumns {
			if slices.Contains(names, h[i]) {
				k.n++
				k.main = k.main || what == "value" || what == "name"
				break
			}
		}
	}
	return h, k
}

// layout says in which columns what is; -1 for nowhere.
type layout struct {
	value, name, dataset, modality, region, color, red, green, blue int
	context, codes                                                  []int
	slicer                                                          []int // Type_CodingScheme, Type_CodeValue and the like, in pairs
	header                                                          headerColumns
}

func newLayout(h headerColumns) layout {
	find := func(what string, besides ...int) int {
		for _, name := range tableColumns[what] {
			if i := slices.Index(h, name); i >= 0 && !slices.Contains(besides, i) {
				return i
			}
		}
		return -1
	}
	l := layout{header: h, value: find("value")}
	l.name = find("name", l.value)
	l.dataset, l.modality, l.region = find("dataset"), find("modality"), find("region", l.name)
	l.color, l.red, l.green, l.blue = find("color"), find("red"), find("green"), find("blue")
	if l.value < 0 && l.name >= 0 && h[l.name] != "label" { // then "label" is what the voxels hold
		l.value = slices.Index(h, "label")
	}
	for i, name := range h {
		switch {
		case i == l.name || i == l.value:
		case slices.Contains(tableColumns["context"], name):
			l.context = append(l.context, i)
		case slices.Contains(tableColumns["code"], name):
			l.codes = append(l.codes, i)
		}
	}
	for _, part := range []string{"type", "typemodifier", "region", "regionmodifier"} {
		scheme, value := slices.Index(h, part+"_codingscheme"), slices.Index(h, part+"_codevalue")
		if scheme >= 0 && value >= 0 {
			l.slicer = append(l.slicer, scheme, value)
		}
	}
	return l
}

// readTable reads a delimited table: with a header that names its columns, or
// with values first and names second. Rows that do not fit are flagged, and
// their text kept as the name.
func (c *collector) readTable(text *labelText) (int, error) {
	rows := sample(text.head(), 40)
	if len(rows) == 0 {
		return text.n, fmt.Errorf("%w: the table has no row", ErrFormat)
	}
	delimiter, columns := headerAbove(text.head(), rows)
	nameFirst := false
	if columns == nil {
		var ok bool
		if delimiter, nameFirst, ok = headless(rows); !ok {
			return 1, fmt.Errorf("%w: it has neither a header that names a column for names or values, nor a value in each row", ErrFormat)
		}
		columns = headerColumns{"value", "name"}
	} else {
		rows = nil // the header is still to come
	}
	t := tableReader{
		c: c, text: text, delimiter: delimiter, layout: newLayout(columns), headless: rows != nil, nameFirst: nameFirst, begun: rows != nil,
		seen: map[string]bool{},
	}
	if t.layout.name < 0 && t.layout.value < 0 {
		return 1, fmt.Errorf("%w: no column of the table holds names", ErrFormat)
	}
	for {
		line, ok, err := text.next()
		if err != nil || !ok {
			return text.n, err
		}
		if err := t.line(line); err != nil {
			return text.n, err
		}
	}
}

type tableReader struct {
	c         *collector
	text      *labelText
	delimiter rune
	layout    layout
	headless  bool
	nameFirst bool            // of a headless table: the value stands last
	begun     bool            // the header is behind
	stray     int             // quotes that do not end
	seen      map[string]bool // subjects of SSSOM
}

func (t *tableReader) line(line string) error {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		return nil
	case !t.begun && t.isHeader(line):
		t.begun = true
		return nil
	case isComment(trimmed), !t.begun && trimmed[0] == '#':
		t.c.labels.Comments++
		return nil
	}
	label := labelmap.RawLabel{}
	at := t.text.n
	if t.headless {
		label = t.pair(trimmed)
	} else {
		joined, err := t.joined(line)
		if err != nil {
			return err
		}
		label = t.row(joined)
	}
	label.Line = at
	t.c.flagText(&label, t.text)
	if t.c.labels.Format == LabelsSSSOM && t.again(&label) {
		return nil
	}
	return t.c.add(label)
}

func (t *tableReader) isHeader(line string) bool {
	cells, _ := splitRow(line, t.delimiter)
	columns, _ := columnsOf(cells)
	return slices.Equal(columns, t.layout.header)
}

const (
	mostJoined = 20   // lines of a row
	mostStray  = 1000 // quotes that do not end, behind which none is followed any more
)

// joined is a row whose cell in quotes goes on over the next lines, up to where it
// ends. Where it ends nowhere near, or not as a row of the table does, the row is
// the line.
func (t *tableReader) joined(line string) (string, error) {
	if _, balanced := splitRow(line, t.delimiter); balanced || t.stray >= mostStray {
		return line, nil
	}
	row, read := line, []string{}
	for len(read) < mostJoined && len(row) < t.c.o.LineBytes {
		next, ok, err := t.text.next()
		if err != nil {
			return "", err
		}
		if !ok {
			break
		}
		read = append(read, next)
		row += "\n" + next
		if !strings.Contains(next, `"`) {
			continue
		}
		if cells, balanced := splitRow(row, t.delimiter); balanced && len(cells) == len(t.layout.header) {
			return row, nil
		}
	}
	t.stray++
	t.text.unread(read)
	return line, nil
}

// pair reads a row of a headless table: a value, and the rest is the name, or the
// other way round.
func (t *tableReader) pair(row string) labelmap.RawLabel {
	value, name, _ := strings.Cut(row, string(t.delimiter))
	if t.nameFirst {
		name, value, _ = cutLast(row, t.delimiter)
	}
	l := labelmap.RawLabel{Name: unquote(strings.TrimSpace(name))}
	if v, ok := whole(strings.Trim(strings.TrimSpace(value), `"`)); ok {
		l.Values = []int64{v}
		return l
	}
	// A row unlike those before: nothing of it is lost.
	l.Name, l.Flags = row, []string{FlagColumns}
	return l
}

func (t *tableReader) row(line string) labelmap.RawLabel {
	cells, balanced := splitRow(line, t.delimiter)
	var l labelmap.RawLabel
	if !balanced {
		l.Flags = append(l.Flags, FlagQuote)
	}
	if len(cells) != len(t.layout.header) {
		l.Flags = append(l.Flags, FlagColumns)
	}
	at := func(i int) string {
		if i < 0 || i >= len(cells) || cells[i] == "n/a" { // BIDS writes n/a for nothing
			return ""
		}
		return strings.TrimSpace(cells[i])
	}
	y := &t.layout
	l.Name, l.Dataset, l.Modality, l.Region = at(y.name), at(y.dataset), at(y.modality), at(y.region)
	if text := at(y.value); text != "" {
		v, ok := values(text)
		switch {
		case ok:
			l.Values = v
		case y.name < 0:
			l.Name = text
		default:
			l.Flags = append(l.Flags, FlagBadValue+": "+clip(text))
		}
	}
	if l.Name == "" && len(cells) > len(y.header) {
		l.Name = strings.TrimSpace(line)
	}
	var context []string
	for _, i := range y.context {
		if text := at(i); text != "" {
			if name := y.header[i]; name != "context" {
				text = name + ": " + text
			}
			context = append(context, text)
		}
	}
	l.Context = strings.Join(context, "; ")
	for _, i := range y.codes {
		l.Codes = append(l.Codes, codes(y.header[i], at(i))...)
	}
	for i := 0; i < len(y.slicer); i += 2 {
		if scheme, value := at(y.slicer[i]), at(y.slicer[i+1]); scheme != "" && value != "" {
			l.Codes = append(l.Codes, scheme+":"+value)
		}
	}
	t.color(&l, at)
	return l
}

func (t *tableReader) color(l *labelmap.RawLabel, at func(int) string) {
	y := &t.layout
	if text := at(y.color); text != "" {
		c := strings.ToLower(strings.TrimPrefix(text, "#"))
		switch {
		case len(c) >= 6 && strings.Trim(c[:6], "0123456789abcdef") == "" && len(c) <= 8:
			l.Color = "#" + c[:6]
		default:
			if f := strings.FieldsFunc(c, func(r rune) bool { return r == ',' || r == ' ' || r == '(' || r == ')' }); len(f) >= 3 {
				l.Color = rgb(f[0], f[1], f[2])
			}
			if l.Color == "" {
				l.Flags = append(l.Flags, FlagColor+": "+clip(text))
			}
		}
		return
	}
	if y.red >= 0 && y.green >= 0 && y.blue >= 0 && at(y.red) != "" {
		if l.Color = rgb(at(y.red), at(y.green), at(y.blue)); l.Color == "" {
			l.Flags = append(l.Flags, FlagColor+": "+clip(at(y.red)+" "+at(y.green)+" "+at(y.blue)))
		}
	}
}

// codes reads the codes in a cell; bare ones take the vocabulary that their
// column is named after. A mapping of BIDS, which is a bare number, is none.
func codes(column, text string) []string {
	var out []string
	for _, code := range strings.FieldsFunc(text, func(r rune) bool { return r == '|' || r == ';' || r == ',' || r == ' ' }) {
		vocabulary := vocabularies[column]
		switch {
		case strings.Contains(code, ":"):
			out = append(out, code)
		case vocabulary != "":
			out = append(out, vocabulary+":"+code)
		}
	}
	return out
}

// again says that SSSOM named the subject before, in another mapping of it.
// A subject without a label is called by the end of its id.
func (t *tableReader) again(l *labelmap.RawLabel) bool {
	if l.Name == "" && len(l.Codes) > 0 {
		_, l.Name, _ = strings.Cut(l.Codes[0], ":")
	}
	key := l.Dataset + "\x00" + strings.Join(l.Codes, "|") + "\x00" + l.Name
	if t.seen[key] {
		return true
	}
	t.seen[key] = true
	return false
}

// splitRow splits a row; cells may stand in double quotes, doubled within. A
// quote that does not end on the line is kept as it stands, and balanced is
// false.
func splitRow(row string, delimiter rune) (cells []string, balanced bool) {
	balanced = true
	d := string(delimiter)
	for {
		trimmed := strings.TrimLeft(row, " ")
		if strings.HasPrefix(trimmed, `"`) {
			if cell, rest, ok := quotedCell(trimmed, d); ok {
				cells = append(cells, cell)
				if rest == "" {
					return cells, balanced
				}
				row = rest[len(d):]
				continue
			}
			balanced = false
		}
		cell, rest, more := strings.Cut(row, d)
		cells = append(cells, cell)
		if !more {
			return cells, balanced
		}
		row = rest
	}
}

// quotedCell reads a cell in quotes up to the delimiter, which rest begins
// with, or to the end of the row.
func quotedCell(row, d string) (cell, rest string, ok bool) {
	for i := 1; i < len(row); i++ {
		if row[i] != '"' {
			continue
		}
		if i+1 < len(row) && row[i+1] == '"' {
			i++
			continue
		}
		rest = strings.TrimLeft(row[i+1:], " ")
		if rest != "" && !strings.HasPrefix(rest, d) {
			return "", "", false
		}
		return strings.ReplaceAll(row[1:i], `""`, `"`), rest, true
	}
	return "", "", false
}
