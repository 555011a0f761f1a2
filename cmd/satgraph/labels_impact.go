package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/impact"
	"satgraph/internal/plain"
	"satgraph/labelmap"
)

// newGround reads a scan list and the manifests of finished exports; both may be
// absent.
func newGround(ctx context.Context, scans string, exports []string) (*impact.Ground, error) {
	g := &impact.Ground{}
	var err error
	if g.Catalog, err = catalog.Builtin(); err != nil {
		return nil, err
	}
	if scans != "" {
		if scans, err = corpus.ListIn(scans); err != nil {
			return nil, err
		}
		if g.Index, err = corpus.ReadList(ctx, scans, g.Catalog); err != nil {
			return nil, err
		}
	}
	for _, dir := range exports {
		text, err := os.ReadFile(filepath.Join(dir, export.ManifestFile))
		if err != nil {
			return nil, fmt.Errorf("%s is no finished export: %w", dir, err)
		}
		m := impact.Manifest{Path: dir}
		if err := json.Unmarshal(text, &m.Manifest); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", filepath.Join(dir, export.ManifestFile), err)}
		}
		g.Exports = append(g.Exports, m)
	}
	return g, nil
}

// impact says what entries on one dataset would change.
func (d *desk) impact(ctx context.Context, g *impact.Ground, dataset, actor string, entries []labelmap.Entry) (*impact.Report, error) {
	changes, err := d.book.Preview(ctx, actor, entries...)
	if err != nil {
		return nil, err
	}
	classes, err := corpusClasses()
	if err != nil {
		return nil, err
	}
	impact.Counted(changes, entries)
	return impact.OfChanges(ctx, impact.Desk{Book: d.book, Tree: d.tree, Classes: classes, Ground: g}, dataset, changes)
}

func (a *app) labelsImpactCommand() *cobra.Command {
	var f acceptFlags
	var recipe recipeFlags
	var class, scans string
	var exports []string
	cmd := &cobra.Command{
		Use:   "impact [LABEL]",
		Short: "Show what a decision would change in the corpus, before it is made",
		Long: `Show what a decision would change in the corpus, before it is made.

LABEL and the flags name the decision as for "labels accept"; with --recipe CLASS
it is one on a recipe, as for "labels recipes accept". Listed are the classes that
the dataset gains, loses or makes otherwise, by the settled recipes and by those
that the tree proposes; the scans and annotations of it, in all and by split; the
class in the whole corpus; and which exports are then out of date.

Scans are counted in --scans, a scan list, else in what the catalog says was
published of the dataset. Where two reviewers must agree, what is shown is what
the decision comes to once they do. Nothing is written.`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(); err != nil {
				return err
			}
			named := len(given) == 1
			if f.bulk && (named || class != "") || !f.bulk && named == (class != "") {
				return usageError{errors.New("give a label, --recipe CLASS, or --all")}
			}
			g, err := newGround(cmd.Context(), scans, exports)
			if err != nil {
				return err
			}
			return a.withDesk(cmd.Context(), func(d *desk) error {
				var entries []labelmap.Entry
				if class != "" {
					var k *kitchen
					if k, err = d.kitchen(cmd.Context(), f.dataset, recipe.guesses); err == nil {
						entries, err = recipe.one(k, strings.ToLower(class))
					}
				} else {
					entries, err = f.entries(cmd.Context(), d, given)
				}
				if err != nil {
					return err
				}
				report, err := d.impact(cmd.Context(), g, f.dataset, author(f.by), entries)
				if err != nil {
					return err
				}
				if f.asJSON {
					return a.printJSON(report)
				}
				for _, line := range report.Lines() {
					a.printf("%s\n", plain.Text(line))
				}
				return nil
			})
		},
	}
	f.add(cmd)
	f.addVerdict(cmd)
	cmd.Flags().StringVar(&class, "recipe", "", "the decision is on this class's recipe")
	cmd.Flags().StringVar(&recipe.expr, "expr", "", "the recipe, in place of the proposed one")
	cmd.Flags().StringVar(&recipe.risk, "risk", "", "what can go wrong with a guessed side")
	cmd.Flags().BoolVar(&recipe.guesses, "guess-sides", false, guessHelp)
	cmd.Flags().StringVar(&scans, "scans", "", "count in this scan list (scans.jsonl, gzipped or not)")
	preset(cmd.Flags(), "scans")
	cmd.Flags().StringArrayVar(&exports, "export", nil, "folder of a finished export that may be out of date then")
	return cmd
}
