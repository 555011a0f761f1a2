package api

import (
	"context"

	"github.com/graphql-go/graphql"

	"satgraph/graph"
)

// Longest lists that one field gives.
const (
	maxTerms = 10_000
	maxHits  = 100
	maxText  = 2_000 // bytes of a text argument
)

func (s *Service) termType(t *types) *graphql.Object {
	synonym := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Synonym",
		Description: "Another name of a term.",
		Fields: graphql.Fields{
			"text": {
				Type: required(graphql.String), Description: "The name itself.",
				Resolve: get(s, func(y graph.Synonym) any { return y.Text }),
			},
			"scope": {
				Type: required(t.scope), Description: "How close its meaning is to the term's.",
				Resolve: get(s, func(y graph.Synonym) any { return y.Scope }),
			},
		},
	})
	term := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Term",
		Description: "One concept of the tree of human anatomy.",
		Interfaces:  []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id": {
				Type: required(graphql.ID), Description: `The stable identifier, such as "UBERON:0000948".`,
				Resolve: get(s, func(x *graph.Term) any { return x.ID }),
			},
			"name": {
				Type: required(graphql.String), Description: `The preferred name, such as "heart".`,
				Resolve: get(s, func(x *graph.Term) any { return x.Name }),
			},
			"kind": {
				Type: required(t.kind), Description: "What the term stands for.",
				Resolve: get(s, func(x *graph.Term) any { return x.Kind }),
			},
			"laterality": {
				Type: t.side, Description: "The side of the body it names; null if it names none.",
				Resolve: get(s, func(x *graph.Term) any {
					if x.Laterality == graph.Unsided {
						return nil
					}
					return x.Laterality
				}),
			},
			"definition": {
				Type: graphql.String, Description: "What it is, in a sentence; null if the source gives none.",
				Resolve: get(s, func(x *graph.Term) any {
					if x.Definition == "" {
						return nil
					}
					return x.Definition
				}),
			},
			"synonyms": {
				Type: listOf(synonym), Description: "Its other names.",
				Resolve: on(s, func(ctx context.Context, x *graph.Term, _ args) (any, error) {
					return x.Synonyms, charge(ctx, len(x.Synonyms))
				}),
			},
			"xrefs": {
				Type: listOf(graphql.String), Description: `The same concept in other vocabularies, such as "FMA:7088".`,
				Resolve: on(s, func(ctx context.Context, x *graph.Term, _ args) (any, error) {
					return x.Xrefs, charge(ctx, len(x.Xrefs))
				}),
			},
		},
	})
	t.term = term
	s.addLists(term, t)
	s.addConnections(term, t)
	s.addExemplars(term, t)
	for _, one := range []struct {
		name, description string
		id                func(tree *graph.Tree, id string) (string, bool)
	}{
		{"counterpart", "The same structure on the other side; null for terms without side and where there is none.", (*graph.Tree).Counterpart},
		{"base", "The term without side of a sided one: kidney of left kidney; null where there is none.", (*graph.Tree).Base},
	} {
		term.AddFieldConfig(one.name, &graphql.Field{
			Type: term, Description: one.description,
			Resolve: on(s, func(ctx context.Context, x *graph.Term, _ args) (any, error) {
				tree := s.tree(ctx)
				if id, ok := one.id(tree, x.ID); ok {
					return s.term(ctx, id)
				}
				return nil, nil //nolint:nilnil // none is an answer
			}),
		})
	}
	return term
}

// addLists adds the lists of terms that hang on a term, by name.
func (s *Service) addLists(term *graphql.Object, t *types) {
	for _, list := range termLists {
		arguments := graphql.FieldConfigArgument{"limit": limitArgument(list.limit, maxTerms)}
		if list.byRelation {
			arguments["relations"] = relationsArgument(t)
		}
		term.AddFieldConfig(list.name, &graphql.Field{
			Type: listOf(term), Description: list.description + " Sorted by name.", Args: arguments,
			Resolve: on(s, func(ctx context.Context, x *graph.Term, a args) (any, error) {
				limit, err := a.limit(maxTerms)
				if err != nil {
					return nil, err
				}
				terms, err := s.gather(ctx, &list, x, a)
				if err != nil {
					return nil, err
				}
				terms = terms[:min(len(terms), limit)]
				return terms, charge(ctx, len(terms))
			}),
		})
	}
}

func relationsArgument(t *types) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{
		Type:        graphql.NewList(graphql.NewNonNull(t.relation)),
		Description: "Follow only these relations; all if left out.",
	}
}

func relations(a args) []graph.RelationType { return list[graph.RelationType](a, "relations") }

// termsOf pays for a list of terms and gives it.
func termsOf(ctx context.Context, tree *graph.Tree, ids []string) ([]*graph.Term, error) {
	if err := charge(ctx, len(ids)); err != nil {
		return nil, err
	}
	return termsByID(tree, ids), nil
}

func limitArgument(standard, most int) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{
		Type: graphql.Int, DefaultValue: standard,
		Description: "The longest list to give, at most " + number(most) + ".",
	}
}
