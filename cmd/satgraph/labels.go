package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/ingest"
	"satgraph/internal/plain"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

func (a *app) labelsCommand() *cobra.Command {
	return group("labels", "Map the raw labels of a dataset onto the tree",
		a.labelsSuggestCommand(), a.labelsReviewCommand(),
		a.labelsImportCommand(), a.labelsListCommand(), a.labelsHistoryCommand(), a.labelsExportCommand(),
		a.labelsAcceptCommand(), a.labelsRejectCommand(), a.labelsUndoCommand(), a.labelsConfirmCommand(),
		a.labelsNoteCommand("flag", "Mark a label for attention; --comment says why", labelmap.ActFlag),
		a.labelsNoteCommand("unflag", "Take the marks of a label away", labelmap.ActUnflag),
		a.labelsNoteCommand("comment", "Say something about a label with --comment", labelmap.ActComment),
		a.labelsPolicyCommand(), a.labelsRecipesCommand(),
	)
}

// labelFlags say how a file of labels is to be read.
type labelFlags struct{ dataset, modality, region, format string }

func (f *labelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "the dataset's name, where the file does not say")
	cmd.Flags().StringVar(&f.modality, "modality", "", "ct, mri or pet, where the file does not say")
	cmd.Flags().StringVar(&f.region, "region", "", "what the scans show, where the file does not say: abdomen, brain …")
	cmd.Flags().StringVar(&f.format, "format", "", "format of the file (default: told from its content)")
}

func (f *labelFlags) read(path string) (*ingest.Labels, error) {
	switch f.modality {
	case "", "ct", "mri", "pet":
	default:
		return nil, usageError{fmt.Errorf("unknown modality %q: use ct, mri or pet", f.modality)}
	}
	return ingest.ReadLabels(path, ingest.LabelOptions{
		Dataset: f.dataset, Modality: f.modality, Region: f.region, Format: ingest.LabelFormat(f.format),
	})
}

func (a *app) labelsSuggestCommand() *cobra.Command {
	var flags labelFlags
	var top int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "suggest FILE",
		Short: "Suggest a term for each raw label, with reasons, or say why not",
		Long: `Suggest a term for each raw label, with reasons, or say why not.

FILE is one label a line, a CSV or TSV (columns label, value, dataset, modality,
region, context), nnU-Net's dataset.json, a Decathlon dataset.json, a FreeSurfer,
ITK-SNAP or 3D Slicer table, BIDS dseg.tsv, SSSOM, or a folder with one mask file
a structure.

The list is read as a whole: "LA" among the chambers of a heart is an atrium. A
label that means nothing, several things, or one of several things gets
candidates and no answer. Nothing is decided.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			labels, err := flags.read(given[0])
			if err != nil {
				return err
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				results, err := d.suggest(cmd.Context(), labels.Labels, top)
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(map[string]any{"labels": suggestionRows(results)})
				}
				a.printSuggestions(results)
				return nil
			})
		},
	}
	flags.add(cmd)
	cmd.Flags().IntVar(&top, "top", 5, "suggestions for each label at most")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func newSuggester(tree *graph.Tree, options ...suggest.Option) (*suggest.Engine, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	classes := make([]suggest.Class, len(corpus))
	for i, c := range corpus {
		classes[i] = suggest.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID, Predicate: labelmap.Predicate(c.Predicate)}
	}
	return suggest.New(tree, classes, options...), nil
}

// suggestionRow is one label in the document of labels suggest.
type suggestionRow struct {
	Raw         string                 `json:"raw"`
	Values      []int64                `json:"values,omitempty"`
	Suggestions []suggestionInDocument `json:"suggestions"`
	Abstained   bool                   `json:"abstained"`
	Why         string                 `json:"why"`
	Flags       []string               `json:"flags,omitempty"`
}

type suggestionInDocument struct {
	ID         string             `json:"id"`
	Name       string             `json:"name"`
	Base       string             `json:"base"`
	Kind       graph.Kind         `json:"kind"`
	Predicate  labelmap.Predicate `json:"predicate"`
	Laterality graph.Laterality   `json:"laterality"`
	Score      float64            `json:"score"`
	Reasons    []string           `json:"reasons"`
}

func suggestionRows(results []suggest.Result) []suggestionRow {
	rows := make([]suggestionRow, len(results))
	for i := range results {
		r := &results[i]
		rows[i] = suggestionRow{
			Raw: r.Label.Name, Values: r.Label.Values, Abstained: r.Abstained, Why: r.Why,
			Flags: append(append([]string{}, r.Label.Flags...), r.Flags...), Suggestions: []suggestionInDocument{},
		}
		for _, s := range r.Suggestions {
			rows[i].Suggestions = append(rows[i].Suggestions, suggestionInDocument{
				ID: s.TermID, Name: s.Name, Base: s.Base, Kind: s.Kind, Predicate: s.Predicate, Laterality: s.Laterality,
				Score: float64(int(s.Score*1000+0.5)) / 1000, Reasons: s.Reasons,
			})
		}
	}
	return rows
}

func (a *app) printSuggestions(results []suggest.Result) {
	answered := 0
	for i := range results {
		r := &results[i]
		a.printf("%s\n", plain.Text(r.Label.Key()))
		if r.Abstained {
			a.printf("    no answer: %s\n", plain.Text(r.Why))
		} else {
			answered++
		}
		for k, s := range r.Suggestions {
			if k > 0 && !r.Abstained {
				break
			}
			a.printf("    %-7s %.2f  %s (%s)  %s\n", s.Predicate, s.Score, s.Name, s.TermID, strings.Join(s.Reasons, "; "))
		}
		for _, f := range append(append([]string{}, r.Label.Flags...), r.Flags...) {
			a.printf("    note: %s\n", plain.Text(f))
		}
	}
	a.printf("%d of %d labels answered; the rest need a curator\n", answered, len(results))
}
