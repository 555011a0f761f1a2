package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satgraph/internal/plain"
	"satgraph/labelmap"
	"satgraph/labelmap/sssom"
	"satgraph/volume"
)

// stateRow is one label in the documents of labels list, accept and undo.
type stateRow struct {
	Dataset   string            `json:"dataset"`
	Label     string            `json:"label"`
	Status    labelmap.Status   `json:"status"`
	Outcome   labelmap.Outcome  `json:"outcome,omitempty"`
	Mode      labelmap.Mode     `json:"mode,omitempty"`
	Targets   []labelmap.Target `json:"targets,omitempty"`
	NewTerm   string            `json:"newTerm,omitempty"`
	ChangeSet string            `json:"changeSet,omitempty"`
	Recipe    *recipeRow        `json:"recipe,omitempty"`
	SettledBy []string          `json:"settledBy,omitempty"`
	Votes     []voteRow         `json:"votes,omitempty"`
	Rejected  []string          `json:"rejected,omitempty"`
	Flags     []string          `json:"flags,omitempty"`
	Version   int64             `json:"version"`
	Touched   []string          `json:"touched,omitempty"` // what the tree has changed since
}

type voteRow struct {
	By      string            `json:"by"`
	Time    time.Time         `json:"time"`
	Outcome labelmap.Outcome  `json:"outcome"`
	Targets []labelmap.Target `json:"targets,omitempty"`
	Event   string            `json:"event"`
	Comment string            `json:"comment,omitempty"`
}

func rowOf(s *labelmap.State, touched []string) stateRow {
	row := stateRow{Dataset: s.Subject.Dataset, Label: s.Subject.Key, Status: s.Status, SettledBy: s.SettledBy, Version: s.Version, Touched: touched}
	if s.Verdict != nil {
		row.Outcome, row.Mode, row.Targets, row.NewTerm, row.ChangeSet = s.Verdict.Outcome, s.Verdict.Mode, s.Verdict.Targets, s.Verdict.NewTerm, s.Verdict.ChangeSet
	}
	if s.Verdict != nil && s.Verdict.Recipe != nil {
		recipe := recipeDocument(s.Verdict.Recipe)
		row.Recipe = &recipe
	}
	for _, v := range s.Votes {
		row.Votes = append(row.Votes, voteRow{v.Actor, v.Time, v.Verdict.Outcome, v.Verdict.Targets, v.Event, v.Comment})
	}
	for _, v := range s.Rejected {
		if v.Verdict.Recipe != nil {
			row.Rejected = append(row.Rejected, v.Verdict.Recipe.Expr.String())
			continue
		}
		for _, t := range v.Verdict.Targets {
			row.Rejected = append(row.Rejected, t.TermID)
		}
	}
	for _, f := range s.Flags {
		row.Flags = append(row.Flags, f.Actor+": "+f.Comment)
	}
	return row
}

// said is what a label stands for, in a line.
func said(s *labelmap.State) string {
	v := s.Verdict
	switch {
	case v == nil && s.Status == labelmap.Open:
		return ""
	case v == nil:
		var votes []string
		for _, vote := range s.Votes {
			votes = append(votes, vote.Actor+": "+meant(&vote.Verdict))
		}
		return strings.Join(votes, "; ")
	default:
		return meant(v) + "  (" + strings.Join(s.SettledBy, ", ") + ")"
	}
}

func meant(v *labelmap.Verdict) string {
	switch v.Outcome {
	case labelmap.NoTerm:
		return "no term"
	case labelmap.NewTerm:
		return "new term wanted: " + plain.Text(v.NewTerm) + " (" + v.ChangeSet + ")"
	case labelmap.Refused:
		return "refused"
	}
	if r := v.Recipe; r != nil {
		return strings.TrimSpace("= " + plain.Text(r.Expr.String()) + "  " + plain.Text(r.Definition))
	}
	parts := make([]string, len(v.Targets))
	for i, t := range v.Targets {
		parts[i] = fmt.Sprintf("%s %s (%s)", t.Predicate, t.Name, t.TermID)
	}
	sep := " and "
	if v.Mode == labelmap.OneOf {
		sep = " or "
	}
	return strings.Join(parts, sep)
}

func (a *app) labelsListCommand() *cobra.Command {
	var f deskFlags
	var status string
	var onlyTouched bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List a dataset's labels and what they were decided to be",
		Args:  args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				states, err := d.book.States(cmd.Context(), f.dataset, labelmap.SubjectLabel)
				if err != nil {
					return err
				}
				touched := map[labelmap.Subject][]string{}
				for _, t := range labelmap.FindTouched(d.tree, states) {
					touched[t.State.Subject] = t.Why
				}
				rows := []stateRow{}
				for i := range states {
					s := &states[i]
					if status != "" && string(s.Status) != status || onlyTouched && touched[s.Subject] == nil {
						continue
					}
					rows = append(rows, rowOf(s, touched[s.Subject]))
					if !f.asJSON {
						a.printf("%-9s %-30s %s\n", s.Status, plain.Text(s.Subject.Key), said(s))
						for _, f := range s.Flags {
							a.printf("          flagged by %s: %s\n", plain.Text(f.Actor), plain.Text(f.Comment))
						}
						for _, why := range touched[s.Subject] {
							a.printf("          the tree has changed: %s\n", why)
						}
					}
				}
				if f.asJSON {
					return a.printJSON(map[string]any{"labels": rows})
				}
				a.printf("%d labels\n", len(rows))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "only labels of this dataset")
	cmd.Flags().StringVar(&status, "status", "", "only labels that are open, awaiting, disputed or settled")
	cmd.Flags().BoolVar(&onlyTouched, "touched", false, "only decisions whose terms the tree has changed since")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) labelsHistoryCommand() *cobra.Command {
	var f deskFlags
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use:   "history [LABEL]",
		Short: "List what was done, by whom, when and why; of one label or of all",
		Args:  args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				var events []labelmap.Event
				var err error
				if len(given) == 1 {
					if err := f.check(); err != nil {
						return err
					}
					state, err := d.find(cmd.Context(), f.dataset, given[0])
					if err != nil {
						return err
					}
					if events, err = d.book.History(cmd.Context(), state.Subject); err != nil {
						return err
					}
				} else if events, err = d.book.Events(cmd.Context(), after, limit); err != nil {
					return err
				}
				if f.asJSON {
					if events == nil {
						events = []labelmap.Event{}
					}
					return a.printJSON(map[string]any{"events": events})
				}
				for i := range events {
					a.printEvent(&events[i])
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "the label's dataset")
	cmd.Flags().Int64Var(&after, "after", 0, "only events after this number")
	cmd.Flags().IntVar(&limit, "limit", 100, "events to list at most")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) printEvent(e *labelmap.Event) {
	what := ""
	switch {
	case e.Verdict != nil:
		what = meant(e.Verdict)
	case e.Ref != "":
		what = e.Ref
	case e.Action == labelmap.ActPolicy:
		what = fmt.Sprintf("%d reviewers", e.Reviewers)
	}
	a.printf("%6d  %s  %-8s %s  by %s, %s: %s\n", e.Seq, e.Time.Local().Format(time.DateTime), e.Action, e.Subject, e.Actor, e.Tool, what)
	a.printf("        event %s, batch %s", e.ID, e.Batch)
	if e.Suggestion != nil {
		a.printf("; suggested %s with %.2f", e.Suggestion.TermID, e.Suggestion.Score)
	}
	if e.Comment != "" {
		a.printf("; %s", plain.Text(e.Comment))
	}
	a.printf("\n")
}

func (a *app) printWritten(ctx context.Context, d *desk, events []labelmap.Event, asJSON bool) error {
	rows := []stateRow{}
	seen := map[labelmap.Subject]bool{}
	for i := range events {
		s := events[i].Subject
		if seen[s] {
			continue
		}
		seen[s] = true
		state, err := d.book.State(ctx, s)
		if err != nil {
			return err
		}
		rows = append(rows, rowOf(&state, nil))
		switch {
		case asJSON:
		case s.Kind == labelmap.SubjectDataset:
			a.printf("%s: reviewers who must agree: %d\n", plain.Text(s.Dataset), max(state.Reviewers, 1))
		default:
			a.printf("%-9s %-30s %s\n", state.Status, plain.Text(s.Key), said(&state))
		}
	}
	if asJSON {
		return a.printJSON(map[string]any{"batch": events[0].Batch, "labels": rows})
	}
	a.printf("batch %s; `satgraph labels undo %s` takes it back\n", events[0].Batch, events[0].Batch)
	return nil
}

func (a *app) printPreview(changes []labelmap.Change, asJSON bool) error {
	type change struct {
		Before stateRow `json:"before"`
		After  stateRow `json:"after"`
	}
	rows := []change{}
	for i := range changes {
		c := &changes[i]
		rows = append(rows, change{rowOf(&c.Before, nil), rowOf(&c.After, nil)})
		if !asJSON {
			a.printf("%-30s %s → %s  %s\n", plain.Text(c.After.Subject.Key), c.Before.Status, c.After.Status, said(&c.After))
		}
	}
	if asJSON {
		return a.printJSON(map[string]any{"changes": rows})
	}
	a.printf("%d labels would change; nothing was written\n", len(rows))
	return nil
}

func (a *app) labelsExportCommand() *cobra.Command {
	var f deskFlags
	var format, out, id, license string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write decisions as SSSOM (TSV or JSON) or CSV, or the whole ledger",
		Long: `Write decisions as SSSOM (TSV or JSON) or CSV, or the whole ledger.

sssom and sssom-json hold the standing verdicts with who gave them and when, and
rejected terms; "labels import --decisions" reads them again. csv is for
spreadsheets: a cell that one would run as a formula gets an apostrophe in front.
ledger is every event there ever was, one JSON document a line.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				write, err := f.writer(cmd.Context(), d, format, id, license)
				if err != nil {
					return err
				}
				if out == "" || out == "-" {
					return write(a.out)
				}
				return volume.WriteAtomic(out, write)
			})
		},
	}
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "only this dataset")
	cmd.Flags().StringVar(&format, "format", "sssom", "sssom, sssom-json, csv or ledger")
	cmd.Flags().StringVarP(&out, "output", "o", "", "the file (default: standard output)")
	cmd.Flags().StringVar(&id, "id", "", "IRI of the SSSOM mapping set")
	cmd.Flags().StringVar(&license, "license", "", "IRI of the mapping set's licence")
	return cmd
}

func (f *deskFlags) writer(ctx context.Context, d *desk, format, id, license string) (func(io.Writer) error, error) {
	if format == "ledger" {
		return func(w io.Writer) error { return writeLedger(ctx, w, d.book, f.dataset) }, nil
	}
	states, err := d.book.States(ctx, f.dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	switch format {
	case "csv":
		return func(w io.Writer) error { return labelmap.WriteCSV(w, states) }, nil
	case "sssom", "sssom-json":
		name := f.dataset
		if name == "" {
			name = "all"
		}
		if id == "" {
			id = "https://satgraph.invalid/mappings/" + sssom.SubjectID(name, "")[len("label:"):]
		}
		set := &sssom.Set{
			ID: id, Title: "Labels of " + name, License: license, Tool: "satgraph", ToolVersion: version,
			ObjectSet: d.tree.Revision(), Mappings: sssom.FromStates(states),
		}
		if format == "sssom" {
			return func(w io.Writer) error { return sssom.WriteTSV(w, set) }, nil
		}
		return func(w io.Writer) error { return sssom.WriteJSON(w, set) }, nil
	}
	return nil, usageError{fmt.Errorf("unknown format %q: use sssom, sssom-json, csv or ledger", format)}
}

func writeLedger(ctx context.Context, w io.Writer, book *labelmap.Book, dataset string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return book.Each(ctx, 0, func(e *labelmap.Event) error {
		if dataset != "" && e.Subject.Dataset != dataset {
			return nil
		}
		return enc.Encode(e)
	})
}

// importLedger reads what "labels export --format ledger" wrote.
func (d *desk) importLedger(ctx context.Context, path string) (done, left int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	var events []labelmap.Event
	for {
		var e labelmap.Event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, 0, usageError{fmt.Errorf("%s: event %d: %w", path, len(events)+1, err)}
		}
		events = append(events, e)
	}
	return d.book.Restore(ctx, events)
}
