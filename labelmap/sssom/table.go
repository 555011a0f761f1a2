package sssom

import (
	"strconv"
	"time"

	"satgraph/labelmap"
)

// column is one slot of a record.
type column struct {
	name string
	hint string // type of an extension slot; empty for a slot of the standard
	get  func(*Mapping) string
	set  func(*Mapping, string) error
}

func text(name string, field func(*Mapping) *string) column {
	return column{name: name, get: func(m *Mapping) string { return *field(m) }, set: func(m *Mapping, s string) error { *field(m) = s; return nil }}
}

func extension(name string, field func(*Mapping) *string) column {
	c := text(name, field)
	c.hint = "xsd:string"
	return c
}

// word is an extension slot with a string of a named type.
func word[T ~string](name string, field func(*Mapping) *T) column {
	return column{
		name: name, hint: "xsd:string", get: func(m *Mapping) string { return string(*field(m)) },
		set: func(m *Mapping, s string) error { *field(m) = T(s); return nil },
	}
}

// columns in the order in which they are written. SSSOM's own come first.
var columns = []column{
	text("subject_id", func(m *Mapping) *string { return &m.SubjectID }),
	text("subject_label", func(m *Mapping) *string { return &m.SubjectLabel }),
	text("predicate_id", func(m *Mapping) *string { return &m.Predicate }),
	{name: "predicate_modifier", get: func(m *Mapping) string {
		if m.Not {
			return "Not"
		}
		return ""
	}, set: func(m *Mapping, s string) error { m.Not = s == "Not"; return nil }},
	text("object_id", func(m *Mapping) *string { return &m.ObjectID }),
	text("object_label", func(m *Mapping) *string { return &m.ObjectLabel }),
	text("mapping_justification", func(m *Mapping) *string { return &m.Justification }),
	text("author_label", func(m *Mapping) *string { return &m.Author }),
	{name: "mapping_date", get: func(m *Mapping) string { return date(m.Date, time.DateOnly) }, set: func(m *Mapping, s string) error {
		if !m.Date.IsZero() { // the extension slot says it to the second
			return nil
		}
		t, err := time.Parse(time.DateOnly, s)
		m.Date = t
		return err
	}},
	number("confidence", func(m *Mapping) *float64 { return &m.Confidence }),
	text("comment", func(m *Mapping) *string { return &m.Comment }),
	extension("satgraph_dataset", func(m *Mapping) *string { return &m.Dataset }),
	extension("satgraph_key", func(m *Mapping) *string { return &m.Key }),
	word("satgraph_outcome", func(m *Mapping) *labelmap.Outcome { return &m.Outcome }),
	word("satgraph_mode", func(m *Mapping) *labelmap.Mode { return &m.Mode }),
	word("satgraph_status", func(m *Mapping) *labelmap.Status { return &m.Status }),
	extension("satgraph_fingerprint", func(m *Mapping) *string { return &m.Fingerprint }),
	extension("satgraph_new_term", func(m *Mapping) *string { return &m.NewTerm }),
	extension("satgraph_change_set", func(m *Mapping) *string { return &m.ChangeSet }),
	{name: "satgraph_adjudicated", hint: "xsd:boolean", get: func(m *Mapping) string {
		if m.Adjudicated {
			return "true"
		}
		return ""
	}, set: func(m *Mapping, s string) error { m.Adjudicated = s == "true"; return nil }},
	{name: "satgraph_reviewers", hint: "xsd:integer", get: func(m *Mapping) string {
		if m.Reviewers < 2 {
			return ""
		}
		return strconv.Itoa(m.Reviewers)
	}, set: func(m *Mapping, s string) (err error) { m.Reviewers, err = strconv.Atoi(s); return err }},
	{name: "satgraph_time", hint: "xsd:dateTime", get: func(m *Mapping) string { return date(m.Date, time.RFC3339Nano) }, set: func(m *Mapping, s string) error {
		t, err := time.Parse(time.RFC3339Nano, s)
		m.Date = t
		return err
	}},
}

func number(name string, field func(*Mapping) *float64) column {
	return column{name: name, get: func(m *Mapping) string {
		if *field(m) == 0 {
			return ""
		}
		return strconv.FormatFloat(*field(m), 'g', -1, 64)
	}, set: func(m *Mapping, s string) (err error) { *field(m), err = strconv.ParseFloat(s, 64); return err }}
}

func date(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}

var byName = func() map[string]*column {
	out := map[string]*column{}
	for i := range columns {
		out[columns[i].name] = &columns[i]
	}
	return out
}()

// used tells which columns a set fills.
func used(mappings []Mapping) []column {
	var out []column
	for _, c := range columns {
		required := c.name == "subject_id" || c.name == "predicate_id" || c.name == "object_id" || c.name == "mapping_justification"
		for i := range mappings {
			if required || c.get(&mappings[i]) != "" {
				required = true
				break
			}
		}
		if required {
			out = append(out, c)
		}
	}
	return out
}
