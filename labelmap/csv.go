package labelmap

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteCSV writes states as a table for spreadsheets, a row for each target. A
// cell that one would run as a formula gets an apostrophe in front.
func WriteCSV(w io.Writer, states []State) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"dataset", "label", "status", "outcome", "mode", "term", "name", "predicate", "by", "version"}}
	for i := range states {
		s := &states[i]
		row := []string{s.Subject.Dataset, s.Subject.Key, string(s.Status), "", "", "", "", "", strings.Join(s.SettledBy, ", "), fmt.Sprint(s.Version)}
		if v := s.Verdict; v != nil {
			row[3], row[4] = string(v.Outcome), string(v.Mode)
			for _, t := range v.Targets {
				one := append([]string{}, row...)
				one[5], one[6], one[7] = t.TermID, t.Name, string(t.Predicate)
				rows = append(rows, one)
			}
			if len(v.Targets) > 0 {
				continue
			}
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		for i, cell := range row {
			row[i] = harmless(cell)
		}
	}
	return out.WriteAll(rows)
}

// harmless keeps spreadsheets from running a cell (CSV injection).
func harmless(cell string) string {
	if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
