package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/impact"
	"satgraph/internal/plain"
	"satgraph/labelmap"
)

// ground is what an impact is counted in.
type ground struct {
	catalog *catalog.Catalog
	index   *corpus.Index
	exports []impact.Manifest
}

// newGround reads a scan list and the manifests of finished exports; both may be
// absent.
func newGround(ctx context.Context, scans string, exports []string) (*ground, error) {
	g := &ground{}
	var err error
	if g.catalog, err = catalog.Builtin(); err != nil {
		return nil, err
	}
	if scans != "" {
		if scans, err = corpus.ListIn(scans); err != nil {
			return nil, err
		}
		if g.index, err = corpus.ReadList(ctx, scans, g.catalog); err != nil {
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
		g.exports = append(g.exports, m)
	}
	return g, nil
}

// impact says what entries on one dataset would change.
func (d *desk) impact(ctx context.Context, g *ground, dataset, actor string, entries []labelmap.Entry) (*impact.Report, error) {
	changes, err := d.book.Preview(ctx, actor, entries...)
	if err != nil {
		return nil, err
	}
	counted(changes, entries)
	labels, err := d.book.States(ctx, dataset, labelmap.SubjectLabel)
	if err != nil {
		return nil, err
	}
	recipes, err := d.book.States(ctx, dataset, labelmap.SubjectRecipe)
	if err != nil {
		return nil, err
	}
	before, err := d.kitchenOf(dataset, labels, recipes)
	if err != nil {
		return nil, err
	}
	after, err := d.kitchenOf(dataset, replaced(labels, changes, labelmap.SubjectLabel), replaced(recipes, changes, labelmap.SubjectRecipe))
	if err != nil {
		return nil, err
	}
	in := impact.Input{
		Dataset: dataset, Before: before.effective(), After: after.effective(), Index: g.index, Catalog: g.catalog, Exports: g.exports,
	}
	for i := range labels {
		if l := labels[i].Label; l != nil && l.Modality != "" {
			in.Modality = catalog.Modality(l.Modality)
			break
		}
	}
	return impact.Of(in), nil
}

// counted lets the verdicts of entries count, also where a second reviewer has to
// agree first: asked is what the decision comes to once it stands.
func counted(changes []labelmap.Change, entries []labelmap.Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Action != labelmap.ActDecide && e.Action != labelmap.ActAdjudicate {
			continue
		}
		for k := range changes {
			if st := &changes[k].After; st.Subject == e.Subject {
				st.Status, st.Verdict = labelmap.Settled, e.Verdict
			}
		}
	}
}

// replaced are states with those of a preview in their place.
func replaced(states []labelmap.State, changes []labelmap.Change, kind labelmap.SubjectKind) []labelmap.State {
	after := map[labelmap.Subject]*labelmap.State{}
	for i := range changes {
		if s := changes[i].After.Subject; s.Kind == kind {
			after[s] = &changes[i].After
		}
	}
	out := slices.Clone(states)
	for i := range out {
		if st := after[out[i].Subject]; st != nil {
			out[i] = *st
			delete(after, out[i].Subject)
		}
	}
	for i := range changes { // those that nobody had decided on yet
		if st := after[changes[i].After.Subject]; st != nil {
			out = append(out, *st)
		}
	}
	return out
}

// effective are the recipes that the dataset has: settled ones, and for classes
// where none is settled what is proposed.
func (k *kitchen) effective() []labelmap.Recipe {
	out := k.standing()
	for _, r := range k.proposals() {
		st := k.states[r.Class]
		if st == nil || st.Verdict == nil && !isRejected(st, &r) {
			out = append(out, r)
		}
	}
	return out
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
	cmd.Flags().StringArrayVar(&exports, "export", nil, "folder of a finished export that may be out of date then")
	return cmd
}
