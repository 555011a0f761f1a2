package api

import (
	"context"
	"errors"

	"github.com/graphql-go/graphql"

	"satgraph/inference"
)

func (s *Service) planType(t *types) *graphql.Object {
	t.candidate = graphql.NewObject(graphql.ObjectConfig{
		Name:        "Candidate",
		Description: "A term that a text may have meant.",
		Fields: graphql.Fields{
			"id":   {Type: required(graphql.ID), Description: "The term's id.", Resolve: get(s, func(c inference.Candidate) any { return c.ID })},
			"name": {Type: required(graphql.String), Description: "The term's name.", Resolve: get(s, func(c inference.Candidate) any { return c.Name })},
		},
	})
	t.planned = graphql.NewObject(graphql.ObjectConfig{
		Name:        "PlannedTerm",
		Description: "What can be done for one asked structure.",
		Fields: graphql.Fields{
			"term": {
				Type: t.term, Description: "The term; null if the text means none, or several.",
				Resolve: on(s, func(_ context.Context, p inference.TermPlan, _ args) (any, error) { return s.termOrNil(p.ID) }),
			},
			"name": {
				Type: required(graphql.String), Description: "The term's name, or the text as it was asked.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Name }),
			},
			"status": {
				Type: required(t.planStatus), Description: "Whether it can be segmented.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Status }),
			},
			"classes": {
				Type: listOf(graphql.String), Description: "The classes whose union is its mask.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Classes }),
			},
			"subtract": {
				Type: listOf(graphql.String), Description: "The classes whose masks are taken out of that union (\"heart without its ventricles\").",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Subtract }),
			},
			"missing": {
				Type: listOf(graphql.String), Description: "Its parts that no class covers.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Missing }),
			},
			"reason": {
				Type: required(graphql.String), Description: "Why not, or how; empty if there is nothing to say.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Reason }),
			},
			"candidates": {
				Type: listOf(t.candidate), Description: "The terms that an ambiguous or unknown text may have meant.",
				Resolve: get(s, func(p inference.TermPlan) any { return p.Candidates }),
			},
		},
	})
	call := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Call",
		Description: "One prompt for a model.",
		Fields: graphql.Fields{
			"class":    {Type: required(graphql.String), Description: "The class.", Resolve: get(s, func(c inference.Call) any { return c.Class })},
			"prompt":   {Type: required(graphql.String), Description: "The text for the model.", Resolve: get(s, func(c inference.Call) any { return c.Prompt })},
			"modality": {Type: required(t.modality), Description: "The kind of scan it is for.", Resolve: get(s, func(c inference.Call) any { return c.Modality })},
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "Plan",
		Description: "The answer to a query: what can be segmented, with which prompts, and what cannot and why.",
		Fields: graphql.Fields{
			"query": {Type: required(graphql.String), Description: "The query as asked.", Resolve: get(s, func(p *inference.Plan) any { return p.Query })},
			"modality": {
				Type: t.modality, Description: "The kind of scan; null means any.",
				Resolve: get(s, func(p *inference.Plan) any { return modalityOrNil(p.Modality) }),
			},
			"terms": {
				Type: listOf(t.planned), Description: "Every asked structure, in anatomical order.",
				Resolve: on(s, func(ctx context.Context, p *inference.Plan, _ args) (any, error) {
					return p.Terms, charge(ctx, len(p.Terms))
				}),
			},
			"calls": {
				Type: listOf(call), Description: "The prompts to give to a model, each once.",
				Resolve: on(s, func(ctx context.Context, p *inference.Plan, _ args) (any, error) {
					return p.Calls, charge(ctx, len(p.Calls))
				}),
			},
		},
	})
}

func modalityOrNil(m inference.Modality) any {
	if m == "" {
		return nil
	}
	return m
}

// termOrNil gives the term of an id, or nothing for an empty id.
func (s *Service) termOrNil(id string) (any, error) {
	if id == "" {
		return nil, nil //nolint:nilnil // null is the answer
	}
	if term, ok := s.config.Tree().Term(id); ok {
		return term, nil
	}
	return nil, nil //nolint:nilnil // the tree has been replaced since
}

func (s *Service) planQueries(t *types) graphql.Fields {
	return graphql.Fields{
		"resolve": {
			Type: t.plan,
			Description: "What can be segmented for a query, whatever the models at hand: for every asked structure its status, " +
				"the class prompts to call, what is missing and why. Nothing is run.",
			Args: graphql.FieldConfigArgument{
				"query":    queryArgument(),
				"modality": {Type: t.modality, Description: "The kind of scan; if left out, every kind that has a class."},
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				m, _ := a["modality"].(inference.Modality)
				return s.plan(ctx, a.text("query"), m)
			}),
		},
	}
}

func queryArgument() *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{
		Type: graphql.NewNonNull(graphql.String),
		Description: "A term by name, synonym or id (\"heart\"), \"children of heart\", \"left ribs 3-5\", \"everything in the mediastinum\", " +
			"\"liver without tumor\", or several of these. The grammar:\n\n" + inference.Grammar,
	}
}

// plan resolves a query. That nothing can be segmented is an answer, not an
// error; that no term was meant is an error.
func (s *Service) plan(ctx context.Context, query string, m inference.Modality) (*inference.Plan, error) {
	if len(query) > maxText {
		return nil, errLongText
	}
	if err := spend(ctx, planCost); err != nil {
		return nil, err
	}
	plan, err := s.config.Resolver().Resolve(query, m)
	if plan != nil && errors.Is(err, inference.ErrNothingSegmentable) {
		err = nil
	}
	return plan, err
}
