package api

import (
	"context"
	"maps"
	"slices"

	"github.com/graphql-go/graphql"

	"satgraph/datasets/impact"
	"satgraph/labelmap"
)

// named is a span with what it counts.
type named struct {
	name string
	impact.Span
}

func (s *Service) impactType(l *labelTypes) {
	span := graphql.NewObject(graphql.ObjectConfig{
		Name: "Span", Description: "A number before and after a decision.",
		Fields: graphql.Fields{
			"before": whole(s, "Before it.", func(x impact.Span) int { return x.Before }),
			"after":  whole(s, "After it.", func(x impact.Span) int { return x.After }),
		},
	})
	split := graphql.NewObject(graphql.ObjectConfig{
		Name: "SplitSpan", Description: "A number of annotations of one split, before and after a decision.",
		Fields: graphql.Fields{
			"name":   text(s, `The split, such as "train".`, func(x named) string { return x.name }),
			"before": whole(s, "Before it.", func(x named) int { return x.Before }),
			"after":  whole(s, "After it.", func(x named) int { return x.After }),
		},
	})
	change := enum("ClassChange", "What happens to a class of a dataset.",
		value{"GAINED", impact.Gained, "The dataset makes it from now on."},
		value{"LOST", impact.Lost, "The dataset makes it no longer."},
		value{"CHANGED", impact.Changed, "It is made of other voxels."})
	class := graphql.NewObject(graphql.ObjectConfig{
		Name: "ClassImpact", Description: "A class that a decision changes.",
		Fields: graphql.Fields{
			"name":     text(s, "The class.", func(c impact.Class) string { return c.Name }),
			"change":   {Type: required(change), Description: "What happens to it.", Resolve: get(s, func(c impact.Class) any { return c.Change })},
			"before":   {Type: graphql.String, Description: `How it was made, such as "{1}"; null where it was not.`, Resolve: get(s, func(c impact.Class) any { return nilIfEmpty(c.Before) })},
			"after":    {Type: graphql.String, Description: "How it is made; null where it is not.", Resolve: get(s, func(c impact.Class) any { return nilIfEmpty(c.After) })},
			"scans":    whole(s, "Scans of the dataset whose annotation of it changes.", func(c impact.Class) int { return c.Scans }),
			"datasets": {Type: required(span), Description: "Datasets of the whole corpus that make it.", Resolve: get(s, func(c impact.Class) any { return c.Datasets })},
			"corpus":   {Type: required(span), Description: "Scans of the whole corpus that are annotated with it.", Resolve: get(s, func(c impact.Class) any { return c.Corpus })},
		},
	})
	export := graphql.NewObject(graphql.ObjectConfig{
		Name: "ExportImpact", Description: "A finished export that no longer says what a new one would.",
		Fields: graphql.Fields{
			"name":    text(s, "Its name.", func(e impact.Export) string { return e.Path }),
			"format":  text(s, `Its format, such as "nnunet".`, func(e impact.Export) string { return e.Format }),
			"samples": whole(s, "Its samples of the dataset.", func(e impact.Export) int { return e.Samples }),
			"classes": texts(s, "Classes that change and that it holds, or would.", func(e impact.Export) []string { return e.Classes }),
		},
	})
	spans := func(description string, f func(r *impact.Report) map[string]impact.Span) *graphql.Field {
		return &graphql.Field{Type: listOf(split), Description: description, Resolve: on(s, func(ctx context.Context, r *impact.Report, _ args) (any, error) {
			all := f(r)
			out := []named{}
			for _, name := range slices.Sorted(maps.Keys(all)) {
				out = append(out, named{name, all[name]})
			}
			return out, charge(ctx, len(out))
		})}
	}
	l.impact = graphql.NewObject(graphql.ObjectConfig{
		Name: "Impact", Description: "What a decision on labels or recipes changes in the corpus, by the settled recipes and those that the tree proposes.",
		Fields: graphql.Fields{
			"datasetName": text(s, "The dataset that was decided on.", func(r *impact.Report) string { return r.Dataset }),
			"counted":     text(s, `What scans were counted in: "scan list", "published numbers of the catalog", or "nothing".`, func(r *impact.Report) string { return r.Counted }),
			"scans":       whole(s, "Scans with any change.", func(r *impact.Report) int { return r.Scans }),
			"annotations": {Type: required(span), Description: "Annotations of the dataset: pairs of a scan and a class.", Resolve: get(s, func(r *impact.Report) any { return r.Annotations })},
			"classes": {Type: listOf(class), Description: "The classes that change, by name.", Resolve: on(s, func(ctx context.Context, r *impact.Report, _ args) (any, error) {
				return r.Classes, charge(ctx, len(r.Classes))
			})},
			"splits": spans("Annotations by the owner's split.", func(r *impact.Report) map[string]impact.Span { return r.Splits }),
			"sides":  spans("Annotations by the corpus's own split.", func(r *impact.Report) map[string]impact.Span { return r.Sides }),
			"exports": {Type: listOf(export), Description: "Finished exports that are then out of date.", Resolve: on(s, func(ctx context.Context, r *impact.Report, _ args) (any, error) {
				return r.Exports, charge(ctx, len(r.Exports))
			})},
		},
	})
}

// impactOf counts what a decision changes in each dataset that it is about.
func (s *Service) impactOf(ctx context.Context, d *desk, done *decided) ([]*impact.Report, error) {
	var datasets []string
	for i := range done.changes {
		if name := done.changes[i].After.Subject.Dataset; !slices.Contains(datasets, name) {
			datasets = append(datasets, name)
		}
	}
	changes := slices.Clone(done.changes)
	if done.preview {
		impact.Counted(changes, done.entries)
	}
	out := []*impact.Report{}
	for _, name := range datasets {
		r, err := s.impactOn(ctx, d, name, changes)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, charge(ctx, len(out))
}

func (s *Service) impactOn(ctx context.Context, d *desk, dataset string, changes []labelmap.Change) (*impact.Report, error) {
	if err := spend(ctx, planCost); err != nil {
		return nil, err
	}
	return impact.OfChanges(ctx, impact.Desk{Book: d.book, Tree: s.tree(ctx), Classes: d.classes, Ground: s.shelf.ground()}, dataset, changes)
}

// impactFields ask for the impact of a decision that nobody makes.
func (s *Service) impactFields(l *labelTypes) {
	ask := func(description string, arguments graphql.FieldConfigArgument, entries entriesOf) *graphql.Field {
		return &graphql.Field{
			Type: required(l.impact), Description: description + " Nothing is decided. Where two reviewers must agree, it is what the decision comes to once they do.", Args: arguments,
			Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
				all := args{"dataset": of.name}
				maps.Copy(all, a)
				list, err := entries(ctx, d, "", all)
				if err != nil {
					return nil, err
				}
				changes, err := d.book.Preview(ctx, "nobody", list...)
				if err != nil {
					return nil, err
				}
				impact.Counted(changes, list)
				return s.impactOn(ctx, d, of.name, changes)
			}),
		}
	}
	onLabel := graphql.FieldConfigArgument{"label": {Type: graphql.NewNonNull(graphql.String), Description: "The label's key, or its name or value where only one label has it."}}
	maps.Copy(onLabel, verdictArguments(l))
	l.dataset.AddFieldConfig("labelImpact", ask("What a verdict on one of its labels would change in the corpus, as changeLabel takes it.", onLabel,
		oneLabel(func(ctx context.Context, _ *desk, _ *labelmap.State, a args) (labelmap.Entry, error) {
			v, err := s.verdictOf(ctx, a)
			return labelmap.Entry{Action: labelmap.ActDecide, Verdict: v}, err
		})))
	onRecipe := recipeArguments()
	onRecipe["never"] = &graphql.ArgumentConfig{Type: graphql.Boolean, DefaultValue: false, Description: "The class must not be made of this dataset."}
	l.dataset.AddFieldConfig("recipeImpact", ask("What a decision on one of its recipes would change in the corpus: the proposed one, that of an expression, or with never, none.", onRecipe,
		s.recipeEntry(labelmap.ActDecide)))
}
