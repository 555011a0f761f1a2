package gates

import (
	"fmt"
	"io"
	"strings"
)

// Write writes the report for a person: gates that found something first in
// full, the others in a line each. notes says whether notes are listed too.
func (r *Report) Write(w io.Writer, notes bool) error {
	var b strings.Builder
	for i := range r.Results {
		r.Results[i].write(&b, notes)
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

func (r *Result) write(b *strings.Builder, notes bool) {
	fmt.Fprintf(b, "%-8s %s: %s", r.Status, r.Gate, r.Why)
	if r.Reason != "" {
		fmt.Fprintf(b, " (%s)", r.Reason)
	}
	hidden := 0
	b.WriteByte('\n')
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Severity == Note && !notes {
			hidden++
			continue
		}
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
	if hidden > 0 {
		fmt.Fprintf(b, "  %d notes\n", hidden)
	}
}
