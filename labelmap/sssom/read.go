package sssom

import (
	"bufio"
	"bytes"
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

// Read reads a mapping set as TSV or JSON, told by its first character. Slots
// that this package does not hold are passed over; Read is for what this program
// wrote and for plain sets of others. Errors wrap ErrFormat and name the line or
// record.
func Read(r io.Reader) (*Set, error) {
	in := bufio.NewReader(io.LimitReader(r, MaxBytes+1))
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
	// MappingDate is that of all records that have none of their own.
	MappingDate string `yaml:"mapping_date" json:"mapping_date"`
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
	rows.Comma, rows.ReuseRecord = '\t', true
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
		if err := m.takeOther(names, row, meta.MappingDate); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, lines+line, err)
		}
		set.Mappings = append(set.Mappings, m)
	}
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

// takeOther takes the extension slots that a row holds in "other" alone, and the
// set's date where the row has none.
func (m *Mapping) takeOther(names, row []string, date string) error {
	if at := slices.Index(names, "other"); at >= 0 {
		for name, v := range pairs(row[at]) {
			if here := slices.Index(names, name); here >= 0 && row[here] != "" {
				continue
			}
			if err := m.take(byName[name], v); err != nil {
				return err
			}
		}
	}
	if m.Date.IsZero() && date != "" {
		return m.take(byName["mapping_date"], date)
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
		if record["mapping_date"] == nil && doc.MappingDate != "" {
			record["mapping_date"] = doc.MappingDate
		}
		for j := range columns { // in order, so that the time is read after the date
			if err := m.take(&columns[j], plain(record[columns[j].name])); err != nil {
				return nil, fmt.Errorf("%w: record %d: %w", ErrFormat, i+1, err)
			}
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
