package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"satgraph/inference"
	"satgraph/volume"
)

// writeReport keeps the report beside the masks.
func writeReport(path string, r *inference.Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(path, append(text, '\n'))
}

func writeWhole(path string, text []byte) error {
	return volume.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func writeTable(path string, r *inference.Report) error {
	var text bytes.Buffer
	if err := table(&text, r); err != nil {
		return err
	}
	return writeWhole(path, text.Bytes())
}

// table lists each asked structure, the found ones first: what was done, or why
// not.
func table(to io.Writer, r *inference.Report) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "structure\tterm\tstatus\tvolume\ttime\tnote")
	for _, s := range foundFirst(r.Structures) {
		size, took := "-", "-"
		if s.Status == inference.Segmented {
			size = fmt.Sprintf("%.1f mL", s.VolumeML)
		}
		if s.Seconds > 0 {
			took = fmt.Sprintf("%.2f s", s.Seconds)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Term, s.TermID, s.Status, size, took, note(s))
	}
	return w.Flush()
}

func foundFirst(structures []inference.StructureResult) []inference.StructureResult {
	rank := func(s inference.StructureResult) int {
		switch s.Status {
		case inference.Segmented:
			return 0
		case inference.Absent, inference.OutsideView, inference.Failed:
			return 1
		default:
			return 2
		}
	}
	sorted := slices.Clone(structures)
	slices.SortStableFunc(sorted, func(a, b inference.StructureResult) int { return rank(a) - rank(b) })
	return sorted
}

func note(s inference.StructureResult) string {
	switch {
	case s.Reason != "":
		return s.Reason
	case s.Truncated:
		return "reaches the scan's edge: a part may lie outside"
	default:
		return ""
	}
}

// printReport prints what the user came for, or how far a run came that ended
// with an error.
func (a *app) printReport(r *inference.Report, o segmentOptions, ended error) error {
	if o.asJSON {
		return a.printJSON(r)
	}
	if err := table(a.out, r); err != nil {
		return err
	}
	for _, w := range r.Warnings {
		a.printf("warning: %s\n", w)
	}
	if _, broke := errors.AsType[unfinished](ended); broke {
		return nil
	}
	a.printf("%d of %d structures segmented by model %q in %.1f s; masks, table, report and picture in %s\n",
		r.Count(inference.Segmented), len(r.Structures), r.Model, r.Seconds, o.out)
	if r.Notice != "" {
		a.printf("%s\n", r.Notice)
	}
	return nil
}
