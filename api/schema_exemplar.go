package api

import (
	"context"
	"slices"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"

	"satgraph/graph"
	"satgraph/inference"
)

// Exemplars finds the pictures of terms that a store keeps; [graph.Exemplars] is
// one.
type Exemplars interface {
	// FindExemplars returns what the query chooses, by id. Errors:
	// graph.ErrClosed, graph.ErrUnavailable, or the context's.
	FindExemplars(ctx context.Context, q graph.ExemplarQuery) ([]graph.Exemplar, error)
}

const maxExemplars = 100

func (s *Service) addExemplars(term *graphql.Object, t *types) {
	exemplar := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Exemplar",
		Description: "A picture of a term: one slice of a scan of an imported dataset, in which a mask shows the structure.",
		Fields: graphql.Fields{
			"id":       {Type: required(graphql.ID), Description: "Its id, made of its content.", Resolve: get(s, func(e graph.Exemplar) any { return e.ID })},
			"dataset":  {Type: required(graphql.String), Description: "The dataset that the scan belongs to.", Resolve: get(s, func(e graph.Exemplar) any { return e.Dataset })},
			"modality": {Type: required(graphql.String), Description: `The kind of scan: "ct", "mri", "pet".`, Resolve: get(s, func(e graph.Exemplar) any { return e.Modality })},
			"scan":     {Type: required(graphql.String), Description: "The scan's file, relative to the dataset.", Resolve: get(s, func(e graph.Exemplar) any { return e.Scan })},
			"mask":     {Type: required(graphql.String), Description: "The mask's file, relative to the dataset.", Resolve: get(s, func(e graph.Exemplar) any { return e.Mask })},
			"axis":     {Type: required(graphql.Int), Description: "The voxel axis that the slice stands on: 0, 1 or 2.", Resolve: get(s, func(e graph.Exemplar) any { return e.Axis })},
			"slice":    {Type: required(graphql.Int), Description: "The slice's voxel index along that axis, from 0.", Resolve: get(s, func(e graph.Exemplar) any { return e.Slice })},
		},
	})
	term.AddFieldConfig("exemplars", &graphql.Field{
		Type:        graphql.NewList(graphql.NewNonNull(exemplar)),
		Description: "Pictures of it from imported datasets, by id; null, with an error, where the store does not answer. Those of all terms of a list are asked of the store at once.",
		Args: graphql.FieldConfigArgument{
			"modality": {Type: t.modality, Description: "Only of this kind of scan."},
			"limit":    limitArgument(10, maxExemplars),
		},
		Resolve: on(s, func(ctx context.Context, x *graph.Term, a args) (any, error) {
			limit, err := a.limit(maxExemplars)
			if err != nil {
				return nil, err
			}
			// The most it may be is paid before the store is asked.
			if err := charge(ctx, limit); err != nil {
				return nil, err
			}
			b, _ := ctx.Value(budgetKey{}).(*budget)
			if b == nil || s.config.Exemplars == nil {
				return []graph.Exemplar{}, nil
			}
			m, _ := a["modality"].(inference.Modality)
			want := exemplarsWanted{modality: string(m), limit: limit}
			l := b.exemplarsOf(want)
			return later(ctx, s, l, x.ID, func(ctx context.Context, terms []string) (map[string][]graph.Exemplar, error) {
				return findEach(ctx, s.config.Exemplars, want, terms)
			}, func(found []graph.Exemplar) (any, error) {
				if found == nil {
					found = []graph.Exemplar{}
				}
				return found, nil
			})
		}),
	})
}

// late makes an error for a field whose value comes late. Of one that is returned
// there the library keeps the text alone; of one that is thrown, all.
func (s *Service) late(ctx context.Context, err error) error {
	told := describe(err)
	if told.Code == CodeInternal {
		s.log.Error("a resolver failed", "error", err)
	}
	info, ok := ctx.Value(infoKey{}).(*graphql.ResolveInfo)
	if !ok {
		return told
	}
	return gqlerrors.NewErrorWithPath(told.Message, graphql.FieldASTsToNodeASTs(info.FieldASTs), "", nil, nil, info.Path.AsArray(), told)
}

// exemplarsWanted is what fields with the same arguments want of their terms.
type exemplarsWanted struct {
	modality string
	limit    int
}

// exemplarsOf is the loader of fields with the same arguments.
func (b *budget) exemplarsOf(w exemplarsWanted) *loader[string, []graph.Exemplar] {
	b.loading.Lock()
	defer b.loading.Unlock()
	if b.exemplars == nil {
		b.exemplars = map[exemplarsWanted]*loader[string, []graph.Exemplar]{}
	}
	if b.exemplars[w] == nil {
		b.exemplars[w] = &loader[string, []graph.Exemplar]{}
	}
	return b.exemplars[w]
}

// findEach finds up to w.limit exemplars of each term, page by page. A term that
// has enough is left out of the next page, so that one with very many does not
// hold up the others.
func findEach(ctx context.Context, store Exemplars, w exemplarsWanted, terms []string) (map[string][]graph.Exemplar, error) {
	const most = 1000 // a page
	found := map[string][]graph.Exemplar{}
	terms, after := slices.Clone(terms), ""
	for len(terms) > 0 {
		limit := min(most, w.limit*len(terms))
		page, err := store.FindExemplars(ctx, graph.ExemplarQuery{Terms: terms, Modality: w.modality, After: after, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if len(found[e.TermID]) < w.limit {
				found[e.TermID] = append(found[e.TermID], e)
			}
			after = e.ID
		}
		if len(page) < limit {
			break
		}
		terms = slices.DeleteFunc(terms, func(id string) bool { return len(found[id]) >= w.limit })
	}
	return found, nil
}
