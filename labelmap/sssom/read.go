package sssom

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read reads a mapping set as TSV, CSV or JSON, told by its beginning, also
// compressed with gzip. Slots that this package does not hold are passed over;
// Read is for what this program wrote and for sets of others. These may name
// authors by their ids, or only reviewers or the creators of the set, date the set
// and not its records, and write terms as IRIs or with other prefixes. Errors wrap
// ErrFormat and name the line or record.
func Read(r io.Reader) (*Set, error) {
	in := bufio.NewReader(r)
	if first, err := in.Peek(2); err == nil && first[0] == 0x1f && first[1] == 0x8b {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		in = bufio.NewReader(plain)
	}
	in = bufio.NewReaderSize(io.LimitReader(in, MaxBytes+1), maxNames)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(len(mark))
	}
	for {
		first, err := in.Peek(1)
		if err != nil {
			return nil, fmt.Errorf("%w: it is empty", ErrFormat)
		}
		switch first[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = in.Discard(1)
			continue
		case '{':
			return readJSON(in)
		}
		return readTSV(in)
	}
}

// metadata is what is read of a set's own slots.
type metadata struct {
	ID          string `yaml:"mapping_set_id" json:"mapping_set_id"`
	Title       string `yaml:"mapping_set_title" json:"mapping_set_title"`
	Version     string `yaml:"mapping_set_version" json:"mapping_set_version"`
	License     string `yaml:"license" json:"license"`
	Tool        string `yaml:"mapping_tool" json:"mapping_tool"`
	ToolVersion string `yaml:"mapping_tool_version" json:"mapping_tool_version"`
	ObjectSet   string `yaml:"object_source_version" json:"object_source_version"`
	// MappingDate is that of all records that have none of their own; else
	// PublicationDate is.
	MappingDate     string `yaml:"mapping_date" json:"mapping_date"`
	PublicationDate string `yaml:"publication_date" json:"publication_date"`
	// The creators of the set are the authors of records that name none.
	CreatorLabel any `yaml:"creator_label" json:"creator_label"`
	CreatorID    any `yaml:"creator_id" json:"creator_id"`
	// Curies are what prefixes stand for; JSON-LD has them in @context.
	Curies  map[string]any `yaml:"curie_map" json:"curie_map"`
	Context map[string]any `yaml:"-" json:"@context"`
}

// complete fills in what a record of others says elsewhere; cell is a slot of the
// record.
func (m *metadata) complete(r *Mapping, cell func(name string) string) error {
	r.Author = cmp.Or(r.Author, cell("author_id"), cell("reviewer_label"), cell("reviewer_id"), plain(m.CreatorLabel), plain(m.CreatorID))
	r.Predicate, r.ObjectID = m.curie(r.Predicate), m.curie(r.ObjectID)
	if date := cmp.Or(m.MappingDate, m.PublicationDate); r.Date.IsZero() && date != "" {
		return r.take(byName["mapping_date"], date)
	}
	return nil
}

// curie writes an id with the prefixes of this program, where they have one for
// it. An IRI of the OBO Foundry, .../obo/FMA_7203, is FMA:7203.
func (m *metadata) curie(id string) string {
	iri := id
	if prefix, local, ok := strings.Cut(id, ":"); ok && !strings.HasPrefix(local, "//") {
		for _, known := range []map[string]any{m.Curies, m.Context} {
			if base, ok := known[prefix].(string); ok {
				iri = base + local
				break
			}
		}
	}
	for _, p := range prefixes {
		if local, ok := strings.CutPrefix(iri, p[1]); ok && local != "" {
			return p[0] + ":" + local
		}
	}
	if local, ok := strings.CutPrefix(iri, "http://purl.obolibrary.org/obo/"); ok {
		if prefix, number, ok := strings.Cut(local, "_"); ok && prefix != "" && number != "" {
			return prefix + ":" + number
		}
	}
	return id
}

func (m *metadata) set() *Set {
	return &Set{ID: m.ID, Title: m.Title, Version: m.Version, License: m.License, Tool: m.Tool, ToolVersion: m.ToolVersion, ObjectSet: m.ObjectSet}
}

func readTSV(in *bufio.Reader) (*Set, error) {
	var header bytes.Buffer
	lines := 0
	for {
		first, err := in.Peek(1)
		if err != nil || first[0] != '#' {
			break
		}
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: line %d of the header is too long", ErrFormat, lines+1)
		}
		lines++
		if header.Len()+len(line) > maxHeader {
			return nil, fmt.Errorf("%w: a header of over %d bytes", ErrFormat, maxHeader)
		}
		header.Write(line[1:])
	}
	var meta metadata
	if err := yaml.Unmarshal(header.Bytes(), &meta); err != nil {
		return nil, fmt.Errorf("%w: its header is no YAML: %w", ErrFormat, err)
	}
	set := meta.set()
	rows := csv.NewReader(in)
	rows.Comma, rows.ReuseRecord = delimiter(in), true
	rows.LazyQuotes = true // not all quote a name that has a quote in it
	names, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: no row of column names: %w", ErrFormat, err)
	}
	names = slices.Clone(names) // the record is reused
	cols := make([]*column, len(names))
	for i, n := range names {
		cols[i] = byName[n]
	}
	if !slices.Contains(names, "predicate_id") || !slices.Contains(names, "mapping_justification") {
		return nil, fmt.Errorf("%w: line %d names no predicate_id and mapping_justification", ErrFormat, lines+1)
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return set, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		line, _ := rows.FieldPos(0)
		if len(set.Mappings) == maxMappings {
			return nil, fmt.Errorf("%w: more than %d records", ErrFormat, maxMappings)
		}
		var m Mapping
		for i, v := range row {
			if err := m.take(cols[i], v); err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, lines+line, err)
			}
		}
		m.Author = strings.ReplaceAll(m.Author, `\|`, "|")
		cell := func(name string) string {
			if at := slices.Index(names, name); at >= 0 {
				return row[at]
			}
			return ""
		}
		err = m.takeOther(cell)
		if err == nil {
			err = meta.complete(&m, cell)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, lines+line, err)
		}
		set.Mappings = append(set.Mappings, m)
	}
}

// maxNames is how far the row of column names is looked for a tab.
const maxNames = 64 << 10

// delimiter tells SSSOM/CSV from SSSOM/TSV by the row of column names.
func delimiter(in *bufio.Reader) rune {
	start, _ := in.Peek(maxNames) // a fault shows when the rows are read
	row, _, _ := bytes.Cut(start, []byte("\n"))
	if bytes.IndexByte(row, '\t') < 0 && bytes.IndexByte(row, ',') >= 0 {
		return ','
	}
	return '\t'
}

// take sets one slot.
func (m *Mapping) take(c *column, v string) error {
	if c == nil || v == "" {
		return nil
	}
	if len(v) > maxField {
		return fmt.Errorf("%s has %d bytes", c.name, len(v))
	}
	if err := c.set(m, v); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// takeOther takes the extension slots that a row holds in "other" alone.
func (m *Mapping) takeOther(cell func(name string) string) error {
	for name, v := range pairs(cell("other")) {
		if cell(name) != "" {
			continue
		}
		if err := m.take(byName[name], v); err != nil {
			return err
		}
	}
	return nil
}

// pairs reads the extension slots of the slot "other".
func pairs(other string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(other, "|") {
		name, v, _ := strings.Cut(pair, "=")
		if c := byName[name]; c == nil || c.hint == "" {
			continue
		}
		if v, err := url.QueryUnescape(v); err == nil {
			out[name] = v
		}
	}
	return out
}

func readJSON(in *bufio.Reader) (*Set, error) {
	var doc struct {
		metadata
		Mappings []map[string]any `json:"mappings"`
	}
	d := json.NewDecoder(in)
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	set := doc.set()
	for i, record := range doc.Mappings {
		var m Mapping
		for name, v := range pairs(plain(record["other"])) {
			if record[name] == nil {
				record[name] = v
			}
		}
		for j := range columns { // in order, so that the time is read after the date
			if err := m.take(&columns[j], plain(record[columns[j].name])); err != nil {
				return nil, fmt.Errorf("%w: record %d: %w", ErrFormat, i+1, err)
			}
		}
		if err := doc.complete(&m, func(name string) string { return plain(record[name]) }); err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", ErrFormat, i+1, err)
		}
		set.Mappings = append(set.Mappings, m)
	}
	return set, nil
}

// plain is a JSON value as the text of a cell; lists are joined by "|".
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = plain(v[i])
		}
		return strings.Join(parts, "|")
	default:
		return fmt.Sprint(v)
	}
}
