package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/ingest"
	"satgraph/internal/plain"
	"satgraph/labelmap"
	"satgraph/labelmap/sssom"
)

func (a *app) labelsImportCommand() *cobra.Command {
	var read labelFlags
	var by string
	var decisions, ledger, asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring a dataset's raw labels in, or decisions on them (SSSOM)",
		Long: `Bring a dataset's raw labels in, or decisions on them (SSSOM).

Labels that are in already are left alone; one whose source says something new of
it gets that as a further event. With --decisions, FILE is a SSSOM mapping set
(TSV or JSON): its verdicts are written down as their authors', with their dates,
under the number of reviewers that they were made under.
Verdicts that are in already are left out, so a file can be imported again. With
--ledger, FILE is a ledger that "labels export" wrote, and all its events are
taken as they are.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withDesk(cmd.Context(), func(d *desk) error {
				in := imported{Repeated: []string{}, Flagged: []flaggedRow{}}
				var err error
				switch {
				case decisions:
					in.Written, in.Unchanged, err = d.importDecisions(cmd.Context(), given[0], read.dataset, author(by))
				case ledger:
					in.Written, in.Unchanged, err = d.importLedger(cmd.Context(), given[0])
				default:
					err = d.importLabels(cmd.Context(), given[0], &read, author(by), &in)
				}
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(in)
				}
				a.printImported(&in)
				return nil
			})
		},
	}
	read.add(cmd, a.err)
	cmd.Flags().StringVar(&by, "by", "", "who brings them in (default: the user's name)")
	cmd.Flags().BoolVar(&decisions, "decisions", false, "FILE holds decisions as SSSOM")
	cmd.Flags().BoolVar(&ledger, "ledger", false, "FILE is a ledger that \"labels export --format ledger\" wrote")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// imported is what came of an import.
type imported struct {
	Format    ingest.LabelFormat `json:"format,omitempty"` // of raw labels, as told
	Encoding  string             `json:"encoding,omitempty"`
	Written   int                `json:"written"`
	Unchanged int                `json:"unchanged"`
	Repeated  []string           `json:"repeated"` // rows whose label stands in an earlier row
	Flagged   []flaggedRow       `json:"flagged"`  // rows with something odd
	Passed    []string           `json:"passed,omitempty"`
}

// flaggedRow is a row of a source with what is odd about it.
type flaggedRow struct {
	Label string   `json:"label"`
	Line  int      `json:"line,omitempty"`
	Flags []string `json:"flags"`
}

// printImported says what came of an import; of many odd rows it names the first.
func (a *app) printImported(in *imported) {
	const named = 20
	if in.Format != "" {
		a.printf("read as %s, %s\n", in.Format, in.Encoding)
	}
	for i, row := range in.Flagged {
		if i == named {
			a.printf("flagged   and %d more; --json names them all\n", len(in.Flagged)-named)
			break
		}
		at := ""
		if row.Line > 0 {
			at = fmt.Sprintf(", line %d", row.Line)
		}
		a.printf("flagged   %s%s: %s\n", plain.Text(row.Label), at, plain.Text(strings.Join(row.Flags, "; ")))
	}
	for i, row := range in.Repeated {
		if i == named {
			a.printf("left out  and %d more; --json names them all\n", len(in.Repeated)-named)
			break
		}
		a.printf("left out  %s: the label was given before in the file, and the first row counts\n", plain.Text(row))
	}
	if len(in.Passed) > 0 {
		a.printf("passed    %d files that are no masks, such as %s\n", len(in.Passed), plain.Text(in.Passed[0]))
	}
	a.printf("%d written, %d there already\n", in.Written, in.Unchanged)
}

// importLabels brings labels in.
func (d *desk) importLabels(ctx context.Context, path string, read *labelFlags, by string, out *imported) error {
	labels, err := read.read(ctx, path)
	if err != nil {
		return err
	}
	in, err := d.book.Importing(ctx, labels.Labels)
	if errors.Is(err, labelmap.ErrNoDataset) {
		return usageError{fmt.Errorf("%s does not name its dataset: give --dataset", path)}
	}
	if err != nil {
		return err
	}
	out.Format, out.Encoding, out.Passed = labels.Format, labels.Encoding, labels.Passed
	out.Written, out.Unchanged = len(in.Entries), in.Unchanged
	out.Repeated = append(out.Repeated, in.Repeated...)
	for i := range labels.Labels {
		if l := &labels.Labels[i]; len(l.Flags) > 0 {
			out.Flagged = append(out.Flagged, flaggedRow{l.Key(), l.Line, l.Flags})
		}
	}
	if len(in.Entries) > 0 {
		_, err = d.book.Write(ctx, by, in.Entries...)
	}
	return err
}

func (d *desk) importDecisions(ctx context.Context, path, dataset, by string) (done, left int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	set, err := sssom.Read(f)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := sssom.Place(ctx, d.book, d.tree, set, dataset); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	written, left, err := sssom.Adopt(ctx, d.book, set, dataset, by)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return len(written), left, nil
}
