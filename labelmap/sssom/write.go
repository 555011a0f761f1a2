package sssom

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// WriteTSV writes the set as SSSOM/TSV: the metadata as YAML in comment lines,
// then a row for each record. Tabs and line breaks in a value stand in quotes.
// What SSSOM has no slot for stands in declared extension slots, and again in
// the standard's slot "other": the sssom package drops extension slots when it
// writes a set, and keeps "other".
func WriteTSV(w io.Writer, set *Set) error {
	out := bufio.NewWriter(w)
	cols := used(set.Mappings)
	line := func(format string, args ...any) { fmt.Fprintf(out, "#"+format+"\n", args...) } //nolint:errcheck // Flush returns it
	for _, f := range set.header() {
		line("%s: %s", f[0], quoteYAML(f[1]))
	}
	line("curie_map:")
	for _, p := range prefixes {
		line("  %s: %s", p[0], quoteYAML(p[1]))
	}
	extensions := extensionsOf(cols)
	if len(extensions) > 0 {
		line("extension_definitions:")
		for _, c := range extensions {
			line("- slot_name: %s", c.name)
			line("  property: %s", quoteYAML(c.property()))
			line("  type_hint: %s", quoteYAML(c.hint))
		}
	}
	row := make([]string, len(cols), len(cols)+1)
	for i, c := range cols {
		row[i] = c.name
	}
	if len(extensions) > 0 {
		row = append(row, "other")
	}
	out.WriteString(strings.Join(row, "\t") + "\n") //nolint:errcheck // Flush returns it
	for i := range set.Mappings {
		for j, c := range cols {
			v := c.get(&set.Mappings[i])
			if c.name == "author_label" { // a slot of several values, which a pipe parts
				v = strings.ReplaceAll(v, "|", `\|`)
			}
			row[j] = quoteTSV(v)
		}
		if len(extensions) > 0 {
			row[len(cols)] = other(extensions, &set.Mappings[i])
		}
		out.WriteString(strings.Join(row, "\t") + "\n") //nolint:errcheck // Flush returns it
	}
	return out.Flush()
}

// WriteJSON writes the set as SSSOM/JSON. What SSSOM has no slot for stands in
// the slot "other", since readers of JSON tend to refuse extension slots.
func WriteJSON(w io.Writer, set *Set) error {
	cols := used(set.Mappings)
	extensions := extensionsOf(cols)
	doc := map[string]any{}
	for _, f := range set.header() {
		doc[f[0]] = f[1]
	}
	curies := map[string]string{}
	for _, p := range prefixes {
		curies[p[0]] = p[1]
	}
	doc["@context"] = curies // where the sssom package looks for the prefixes
	records := make([]map[string]any, len(set.Mappings))
	for i := range set.Mappings {
		records[i] = map[string]any{}
		for _, c := range cols {
			if v := c.get(&set.Mappings[i]); v != "" && c.hint == "" {
				records[i][c.name] = c.json(v)
			}
		}
		if more := other(extensions, &set.Mappings[i]); more != "" {
			records[i]["other"] = more
		}
	}
	doc["mappings"] = records
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(doc)
}

// other writes extension slots as key-value pairs, each value escaped as in a
// URL's query.
func other(extensions []column, m *Mapping) string {
	var pairs []string
	for _, c := range extensions {
		if v := c.get(m); v != "" {
			pairs = append(pairs, c.name+"="+url.QueryEscape(v))
		}
	}
	return strings.Join(pairs, "|")
}

// unspecified is the licence of a set whose owner names none; SSSOM wants one.
const unspecified = "https://w3id.org/sssom/license/unspecified"

// header is the set's own metadata, in order; empty values are left out.
func (s *Set) header() [][2]string {
	all := [][2]string{
		{"sssom_version", "1.1"},
		{"mapping_set_id", s.ID},
		{"mapping_set_title", s.Title},
		{"mapping_set_version", s.Version},
		{"license", cmp.Or(s.License, unspecified)},
		{"mapping_tool", s.Tool},
		{"mapping_tool_version", s.ToolVersion},
		{"object_source_version", s.ObjectSet},
	}
	out := all[:0]
	for _, f := range all {
		if f[1] != "" {
			out = append(out, f)
		}
	}
	return out
}

func extensionsOf(cols []column) []column {
	var out []column
	for _, c := range cols {
		if c.hint != "" {
			out = append(out, c)
		}
	}
	return out
}

// property names an extension slot's meaning.
func (c *column) property() string { return "satgraph:" + strings.TrimPrefix(c.name, "satgraph_") }

// json is a value as SSSOM/JSON types it: authors are a list, numbers are
// themselves.
func (c *column) json(v string) any {
	switch c.name {
	case "author_label":
		return []string{v}
	case "confidence":
		return json.RawMessage(v)
	default:
		return v
	}
}

// quoteYAML writes a scalar as a JSON string, which YAML reads.
func quoteYAML(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // never for a string
		return `""`
	}
	return string(b)
}

// quoteTSV quotes a value that would break its row.
func quoteTSV(s string) string {
	if !strings.ContainsAny(s, "\t\r\n\"") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
