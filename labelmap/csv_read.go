package labelmap

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrTable says that a table of decisions cannot be read. It is wrapped with the
// line.
var ErrTable = errors.New("not a table of decisions")

// maxTableRows bounds a table of decisions.
const maxTableRows = 1_000_000

// Row is a decision of a table: what WriteCSV wrote, or a person filled in.
type Row struct {
	Line           int // from 1
	Dataset, Label string
	Outcome        Outcome
	Mode           Mode
	Terms          []RowTerm
	Comment        string
}

// RowTerm is one term of a row, by id or name.
type RowTerm struct {
	Term      string
	Predicate Predicate
}

// ReadCSV reads decisions from a table with a header: the columns label and term
// are needed, those of WriteCSV and comment may be there, others are passed over.
// Rows of one label that follow each other are its terms; a row without outcome
// and term decides nothing and is left out. The apostrophe of harmless cells is
// taken away. Errors wrap ErrTable and name the line.
func ReadCSV(r io.Reader) ([]Row, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: no header: %w", ErrTable, err)
	}
	columns := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if _, ok := columns[name]; ok && name != "" {
			return nil, fmt.Errorf("%w: line 1: the column %q stands twice", ErrTable, name)
		}
		columns[name] = i
	}
	for _, name := range []string{"label", "term"} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("%w: line 1: the column %q is missing", ErrTable, name)
		}
	}
	var out []Row
	for n := 0; ; n++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTable, err)
		}
		line, _ := in.FieldPos(0)
		if n == maxTableRows {
			return nil, fmt.Errorf("%w: line %d: more than %d rows", ErrTable, line, maxTableRows)
		}
		row, ok, err := rowOf(columns, record)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, line, err)
		}
		if !ok {
			continue
		}
		row.Line = line
		if last := len(out) - 1; last >= 0 && len(row.Terms) > 0 && out[last].continues(&row) {
			out[last].Terms = append(out[last].Terms, row.Terms...)
			out[last].Mode = cmp.Or(out[last].Mode, row.Mode, AllOf)
			continue
		}
		out = append(out, row)
	}
}

func (r *Row) continues(next *Row) bool {
	return len(r.Terms) > 0 && r.Dataset == next.Dataset && r.Label == next.Label && r.Outcome == next.Outcome
}

// rowOf reads a row; ok is false for one that decides nothing.
func rowOf(columns map[string]int, record []string) (row Row, ok bool, err error) {
	cell := func(name string) string {
		i, known := columns[name]
		if !known || i >= len(record) {
			return ""
		}
		text := strings.TrimSpace(record[i])
		if rest, quoted := strings.CutPrefix(text, "'"); quoted && harmless(rest) == text {
			text = rest
		}
		return text
	}
	row = Row{Dataset: cell("dataset"), Label: cell("label"), Outcome: Outcome(cell("outcome")), Mode: Mode(cell("mode")), Comment: cell("comment")}
	if term := cell("term"); term != "" {
		row.Terms = []RowTerm{{term, cmp.Or(Predicate(cell("predicate")), Exact)}}
		row.Outcome = cmp.Or(row.Outcome, Mapped)
	}
	switch {
	case row.Outcome == "":
		return row, false, nil
	case row.Label == "":
		return row, false, errors.New("it names no label")
	case row.Outcome != Mapped && row.Outcome != NoTerm:
		return row, false, fmt.Errorf("the outcome %q is neither %s nor %s", row.Outcome, Mapped, NoTerm)
	case row.Outcome == Mapped && len(row.Terms) == 0:
		return row, false, errors.New("it names no term")
	case row.Outcome == NoTerm && len(row.Terms) > 0:
		return row, false, fmt.Errorf("%s goes with no term", NoTerm)
	case row.Mode != "" && row.Mode != AllOf && row.Mode != OneOf:
		return row, false, fmt.Errorf("the mode %q is neither %s nor %s", row.Mode, AllOf, OneOf)
	}
	for _, t := range row.Terms {
		if !slices.Contains([]Predicate{Exact, Close, Broad, Narrow, Related}, t.Predicate) {
			return row, false, fmt.Errorf("the predicate %q is none", t.Predicate)
		}
	}
	return row, true, nil
}
