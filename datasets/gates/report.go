package gates

import (
	"fmt"
	"io"
	"strings"
)

// Detail says how much of a report is written for a person.
type Detail struct {
	// Notes lists what is put right already, too.
	Notes bool
	// All lists every finding, not only the first of a dataset and a gate.
	All bool
}

// Without Detail.All, so many findings of a gate are written of one dataset, and
// in all.
const (
	mostOfDataset = 3
	mostOfGate    = 20
)

// Write writes the report for a person.
func (r *Report) Write(w io.Writer, d Detail) error {
	var b strings.Builder
	for i := range r.Results {
		r.Results[i].write(&b, d)
	}
	for _, waiver := range r.Expired {
		fmt.Fprintf(&b, "a waiver of %s by %s expired on %s: %s\n", waiver.Gate, waiver.By, waiver.Expires.Format("2006-01-02"), waiver.Reason)
	}
	for _, waiver := range r.Unused {
		fmt.Fprintf(&b, "a waiver of %s by %s is needed by nothing: %s\n", waiver.Gate, waiver.By, waiver.Reason)
	}
	verdict := "the corpus may be released"
	if !r.Passed {
		verdict = "the corpus must not be released like this"
	}
	fmt.Fprintf(&b, "for %s: %s (%d to stop it, %d to look at, %d waived)\n", r.Use, verdict, r.Stops, r.Warnings, r.Waived)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) write(b *strings.Builder, d Detail) {
	fmt.Fprintf(b, "%-8s %s: %s", r.Status, r.Gate, r.Why)
	if r.Reason != "" {
		fmt.Fprintf(b, " (%s)", r.Reason)
	}
	b.WriteByte('\n')
	notes, more, written := 0, 0, 0
	ofDataset := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Severity == Note && !d.Notes:
			notes++
		case !d.All && (ofDataset[f.Dataset] >= mostOfDataset || written >= mostOfGate):
			more++
		default:
			ofDataset[f.Dataset]++
			written++
			f.write(b)
		}
	}
	if more > 0 {
		fmt.Fprintf(b, "  and %d more: --all lists them\n", more)
	}
	if notes > 0 {
		fmt.Fprintf(b, "  put right already: %d, which --notes lists\n", notes)
	}
}

func (f *Finding) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %-4s ", f.Severity)
	if f.Dataset != "" && f.Dataset != f.Subject {
		fmt.Fprintf(b, "%s, ", f.Dataset)
	}
	fmt.Fprintf(b, "%s: %s", f.Subject, f.What)
	if f.Count > 1 {
		fmt.Fprintf(b, " [%d]", f.Count)
	}
	if len(f.Examples) > 0 {
		fmt.Fprintf(b, "\n         such as %s", strings.Join(f.Examples, "; "))
	}
	if f.Waived != nil {
		fmt.Fprintf(b, "\n         waived by %s and %s: %s", f.Waived.By, f.Waived.Reviewer, f.Waived.Reason)
	}
	b.WriteByte('\n')
}
