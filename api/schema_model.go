package api

import (
	"context"
	"slices"
	"strconv"

	"github.com/graphql-go/graphql"

	"satgraph/inference"
)

// demoNotice stands beside whatever a demo model had a part in.
const demoNotice = "Demo model, trained on generated phantoms: never for clinical use."

func (s *Service) modelType(t *types) *graphql.Object {
	class := graphql.NewObject(graphql.ObjectConfig{
		Name:        "ModelClass",
		Description: "A class that a model was trained on.",
		Fields: graphql.Fields{
			"name": {Type: required(graphql.String), Description: "The prompt that calls it.", Resolve: get(s, func(p inference.Prompt) any { return p.Name })},
			"modalities": {
				Type: listOf(t.modality), Description: "The kinds of scan it was trained on.",
				Resolve: get(s, func(p inference.Prompt) any { return p.Modalities }),
			},
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "Model",
		Description: "A segmentation model that jobs can run.",
		Interfaces:  []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":      nodeID(s, func(m *inference.Manifest) string { return kindModel + m.Name }),
			"name":    {Type: required(graphql.ID), Description: "Its name, by which segment takes it.", Resolve: get(s, func(m *inference.Manifest) any { return m.Name })},
			"version": {Type: required(graphql.String), Description: "Its version.", Resolve: get(s, func(m *inference.Manifest) any { return m.Version })},
			"demo": {
				Type: required(graphql.Boolean), Description: "Whether it is a demonstration only: never for clinical use.",
				Resolve: get(s, func(m *inference.Manifest) any { return m.Demo }),
			},
			"notice": {
				Type: required(graphql.String), Description: "What whoever uses its results must know.",
				Resolve: get(s, func(m *inference.Manifest) any { return notice(m.Demo, m.Warning()) }),
			},
			"modalities": {
				Type: listOf(t.modality), Description: "The kinds of scan it takes.",
				Resolve: get(s, func(m *inference.Manifest) any { return m.Modalities }),
			},
			"spacing": {
				Type: listOf(graphql.Float), Description: "The voxel size it works at, in mm, from left to right, back to front, foot to head.",
				Resolve: get(s, func(m *inference.Manifest) any { return m.Spacing[:] }),
			},
			"classes": {
				Type: listOf(class), Description: "What it was trained on.",
				Resolve: on(s, func(ctx context.Context, m *inference.Manifest, _ args) (any, error) {
					return m.Prompts, charge(ctx, len(m.Prompts))
				}),
			},
		},
	})
}

// notice makes sure that a demo model never goes without its warning.
func notice(demo bool, given string) string {
	if demo && given == "" {
		return demoNotice
	}
	return given
}

func (s *Service) modelQueries(t *types) graphql.Fields {
	return graphql.Fields{
		"models": {
			Type: listOf(t.model), Description: "The models that jobs can run; the first is the default.",
			Resolve: on(s, func(ctx context.Context, _ any, _ args) (any, error) {
				models := s.config.Models()
				return models, charge(ctx, len(models))
			}),
		},
		"model": {
			Type: t.model, Description: "One model.",
			Args: graphql.FieldConfigArgument{
				"name": {Type: graphql.ID, Description: "Its name; the default model if left out."},
			},
			Resolve: on(s, func(_ context.Context, _ any, a args) (any, error) { return s.model(a.text("name")) }),
		},
	}
}

// model finds a model by name; the empty name is the default one.
func (s *Service) model(name string) (*inference.Manifest, error) {
	models := s.config.Models()
	if len(models) == 0 {
		return nil, &Error{Code: CodeServiceUnavailable, Message: "no model is loaded, so nothing can be segmented", Hint: "ask the operator to start the service with a model"}
	}
	if name == "" {
		return models[0], nil
	}
	i := slices.IndexFunc(models, func(m *inference.Manifest) bool { return m.Name == name })
	if i < 0 {
		return nil, &Error{Code: CodeNotFound, Message: "there is no model called " + quote(name), Hint: "models { name } lists them", Err: ErrUnknownModel}
	}
	return models[i], nil
}

func number(n int) string { return strconv.Itoa(n) }
