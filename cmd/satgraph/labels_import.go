package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

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
				var done, left int
				var repeated []string
				var err error
				switch {
				case decisions:
					done, left, err = d.importDecisions(cmd.Context(), given[0], read.dataset, author(by))
				case ledger:
					done, left, err = d.importLedger(cmd.Context(), given[0])
				default:
					done, left, repeated, err = d.importLabels(cmd.Context(), given[0], &read, author(by))
				}
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(map[string]any{"written": done, "unchanged": left, "repeated": append([]string{}, repeated...)})
				}
				for _, row := range repeated {
					a.printf("left out  %s: the label was given before in the file, and the first row counts\n", plain.Text(row))
				}
				a.printf("%d written, %d there already\n", done, left)
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

// importLabels brings labels in. repeated names the rows whose label stands in an
// earlier row of the file.
func (d *desk) importLabels(ctx context.Context, path string, read *labelFlags, by string) (done, left int, repeated []string, err error) {
	labels, err := read.read(ctx, path)
	if err != nil {
		return 0, 0, nil, err
	}
	in, err := d.book.Importing(ctx, labels.Labels)
	if errors.Is(err, labelmap.ErrNoDataset) {
		return 0, 0, nil, usageError{fmt.Errorf("%s does not name its dataset: give --dataset", path)}
	}
	if err != nil {
		return 0, 0, nil, err
	}
	if len(in.Entries) > 0 {
		_, err = d.book.Write(ctx, by, in.Entries...)
	}
	return len(in.Entries), in.Unchanged, in.Repeated, err
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
