package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/internal/plain"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
	"satgraph/volume/segcode"
)

func (a *app) labelsCommand() *cobra.Command {
	return group("labels", "Map the raw labels of a dataset onto the tree",
		a.labelsSuggestCommand(), a.labelsReviewCommand(),
		a.labelsImportCommand(), a.labelsListCommand(), a.labelsHistoryCommand(), a.labelsExportCommand(),
		a.labelsAcceptCommand(), a.labelsRejectCommand(), a.labelsUndoCommand(), a.labelsConfirmCommand(),
		a.labelsNoteCommand("flag", "Mark a label for attention; --comment says why", labelmap.ActFlag),
		a.labelsNoteCommand("unflag", "Take the marks of a label away", labelmap.ActUnflag),
		a.labelsNoteCommand("comment", "Say something about a label with --comment", labelmap.ActComment),
		a.labelsPolicyCommand(), a.labelsRecipesCommand(), a.labelsImpactCommand(),
	)
}

// labelFlags say how a file of labels is to be read.
type labelFlags struct {
	dataset, modality, region, format, table string
	namesOnly                                bool
	progress                                 io.Writer             // told how many masks are measured
	measured                                 func(done, total int) // told so in its place; may be nil
}

func (f *labelFlags) add(cmd *cobra.Command, progress io.Writer) {
	f.progress = progress
	cmd.Flags().StringVar(&f.dataset, "dataset", "", "the dataset's name, where the file does not say")
	cmd.Flags().StringVar(&f.modality, "modality", "", "ct, mri or pet, where the file does not say")
	cmd.Flags().StringVar(&f.region, "region", "", "what the scans show, where the file does not say: abdomen, brain …")
	cmd.Flags().StringVar(&f.format, "format", "", "format of the file (default: told from its content)")
	cmd.Flags().StringVar(&f.table, "table", "", "the table that names the values of a label volume (default: one of the same name, or dataset.json)")
	cmd.Flags().BoolVar(&f.namesOnly, "names-only", false, "of a folder of masks take the files' names, and do not measure them")
}

func (a *app) labelsSuggestCommand() *cobra.Command {
	var flags labelFlags
	var top int
	var ranker string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "suggest FILE",
		Short: "Suggest a term for each raw label, with reasons, or say why not",
		Long: `Suggest a term for each raw label, with reasons, or say why not.

FILE is one label a line, a CSV or TSV (columns label, value, dataset, modality,
region, context), nnU-Net's dataset.json, a Decathlon dataset.json, a FreeSurfer,
ITK-SNAP or 3D Slicer table, BIDS dseg.tsv, SSSOM, a folder with one mask file a
structure, a DICOM segmentation or structure set, or a label volume (NIfTI, NRRD,
MetaImage). A volume is measured, and its values are named by the table beside it
or by --table; so is each mask of a folder, unless --names-only is given. Values
that no label names, labels that do not occur, sides that do not fit and
implausible sizes are noted.

The list is read as a whole: "LA" among the chambers of a heart is an atrium. A
label that means nothing, several things, or one of several things gets
candidates and no answer. Nothing is decided.

With --ranker, the candidates of labels without an answer are put in order by what
their names mean. It names a folder: a model bundle, whose text encoder is used,
or a sentence encoder (vocab.txt and one .onnx file). It changes no answer.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			labels, err := flags.read(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				results, err := d.suggest(cmd.Context(), labels.Labels, top, ranker)
				if err != nil {
					return err
				}
				if asJSON {
					return a.printJSON(map[string]any{"format": labels.Format, "encoding": labels.Encoding, "labels": suggestionRows(results)})
				}
				a.printSuggestions(results)
				a.printf("read as %s, %s\n", labels.Format, labels.Encoding)
				return nil
			})
		},
	}
	flags.add(cmd, a.err)
	cmd.Flags().IntVar(&top, "top", 5, "suggestions for each label at most")
	cmd.Flags().StringVar(&ranker, "ranker", "", "folder of a bundle or sentence encoder that orders candidates by meaning")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func newSuggester(tree *graph.Tree, options ...suggest.Option) (*suggest.Engine, error) {
	corpus, err := catalog.Classes()
	if err != nil {
		return nil, err
	}
	classes := make([]suggest.Class, len(corpus))
	codes := map[string]string{}
	for i, c := range corpus {
		if said, coded := segcode.For(c.Name); coded && said.Side == (segcode.Code{}) {
			codes[said.Type.Scheme+":"+said.Type.Value] = c.TermID
		}
		classes[i] = suggest.Class{Name: c.Name, Modality: string(c.Modality), TermID: c.TermID, Predicate: labelmap.Predicate(c.Predicate)}
	}
	return suggest.New(tree, classes, append(options, suggest.WithCodes(codes))...), nil
}

// suggestionRow is one label in the document of labels suggest.
type suggestionRow struct {
	Raw         string                 `json:"raw"`
	Values      []int64                `json:"values,omitempty"`
	Geometry    *labelGeometry         `json:"geometry,omitempty"`
	Suggestions []suggestionInDocument `json:"suggestions"`
	Abstained   bool                   `json:"abstained"`
	Why         string                 `json:"why"`
	Flags       []string               `json:"flags,omitempty"`
}

// labelGeometry is what the voxels of a label show.
type labelGeometry struct {
	Voxels   int64      `json:"voxels"`
	VolumeML float64    `json:"volumeML"`
	Centroid [3]float64 `json:"centroid"` // mm, RAS
	Side     string     `json:"side,omitempty"`
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
		if g := r.Label.Geometry; g != nil {
			rows[i].Geometry = &labelGeometry{g.Voxels, g.VolumeML, g.Centroid, g.Side}
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
		if g := r.Label.Geometry; g != nil {
			a.printf("    %d voxels, %.3g mL, centre at %.0f, %.0f, %.0f mm %s\n", g.Voxels, g.VolumeML, g.Centroid[0], g.Centroid[1], g.Centroid[2], g.Side)
		}
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
