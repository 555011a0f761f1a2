package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/volume"
)

func (a *app) corpusCardCommand() *cobra.Command {
	var from listFlags
	var dir, title string
	cmd := &cobra.Command{
		Use:   "card",
		Short: "Write a data card: counts, licences, what is odd, plots",
		Long: `Write a data card of a corpus, in Markdown: counts, licences, what is odd, and
where the paper says otherwise. With -o DIR it becomes DIR/card.md with plots of
modalities, regions, datasets and classes (SVG); without, it is printed, without
plots. Without --scans it is of what the records say that the published lists
hold.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := from.checkSplit(false); err != nil {
				return err
			}
			c, err := from.read()
			if err != nil {
				return err
			}
			classes, err := catalog.Classes()
			if err != nil {
				return err
			}
			card := &corpus.Card{Title: title, Catalog: c}
			rows := map[string]int{}
			if from.scans == "" {
				card.Stats = corpus.StatsOf(c, classes, corpus.Options{})
				for _, d := range c.Datasets() {
					if d.Published == nil {
						continue
					}
					for _, class := range d.Classes() {
						rows[class] += d.Published.Rows
					}
				}
			} else {
				x, err := from.rows(cmd, c)
				if err != nil {
					return err
				}
				card.Moved = from.moved
				card.Stats, card.Version, card.Findings, rows = x.Stats(classes, corpus.Options{}), x.Version(), x.Findings(), x.ClassRows()
			}
			if dir == "" {
				return card.WriteMarkdown(a.out)
			}
			if err := os.MkdirAll(dir, 0o750); err != nil {
				return err
			}
			if err := writePlots(dir, card, rows); err != nil {
				return err
			}
			return volume.WriteAtomic(filepath.Join(dir, "card.md"), card.WriteMarkdown)
		},
	}
	from.add(cmd)
	preset(cmd.Flags(), "scans")
	cmd.Flags().StringVarP(&dir, "output", "o", "", "folder to write card.md and its plots to")
	cmd.Flags().StringVar(&title, "title", "Corpus", "title of the card")
	return cmd
}

// writePlots draws the card's distributions.
func writePlots(dir string, card *corpus.Card, rows map[string]int) error {
	const shown = 40
	sets := map[string]int{}
	for _, d := range card.Stats.PerDataset {
		sets[d.Name] = d.Rows
	}
	for _, p := range []struct {
		file, title string
		bars        []corpus.Bar
	}{
		{"modalities.svg", "images by modality", corpus.Bars(card.Stats.ByImage, 0)},
		{"regions.svg", "classes by region", corpus.Bars(card.Stats.Regions, 0)},
		{"datasets.svg", "rows by dataset", corpus.Bars(sets, shown)},
		{"classes.svg", "rows by class", corpus.Bars(rows, shown)},
	} {
		if err := volume.WriteAtomic(filepath.Join(dir, p.file), func(w io.Writer) error { return corpus.WritePlot(w, p.title, p.bars) }); err != nil {
			return err
		}
		card.Plots = append(card.Plots, [2]string{p.file, p.title})
	}
	return nil
}
