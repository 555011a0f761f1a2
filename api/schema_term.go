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
	for _, list := range termLists() {
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
				tree := s.tree(ctx)
				ids, err := list.of(ctx, tree, x, a)
				if err != nil {
					return nil, err
				}
				return termsOf(ctx, tree, ids[:min(len(ids), limit)])
			}),
		})
	}
}

// termList is a list of terms that hangs on a term.
type termList struct {
	name, description string
	limit             int // where none is given
	byRelation        bool
	ids               func(tree *graph.Tree, id string, types ...graph.RelationType) []string
}

// of gathers the list by name and pays for the walk: a list may be long though
// only its first terms are given.
func (l *termList) of(ctx context.Context, tree *graph.Tree, x *graph.Term, a args) ([]string, error) {
	const perValue = 50
	ids := l.ids(tree, x.ID, relations(a)...)
	if err := spend(ctx, len(ids)/perValue); err != nil {
		return nil, err
	}
	return tree.SortByName(ids), nil
}

func termLists() []termList {
	return []termList{
		{"parents", "The terms directly above it.", 100, true, (*graph.Tree).Parents},
		{"children", "The terms directly below it.", 100, true, (*graph.Tree).Children},
		{"ancestors", "All terms above it, each once.", 1000, true, (*graph.Tree).Ancestors},
		{"descendants", "All terms below it, each once.", 1000, true, (*graph.Tree).Descendants},
		{"siblings", "The terms that share a parent with it by the same relation.", 100, true, (*graph.Tree).Siblings},
		{
			"parts", "The parts that make it up: its direct parts, without those that are a kind or a part of another of them.", 100, false,
			func(tree *graph.Tree, id string, _ ...graph.RelationType) []string { return tree.Parts(id) },
		},
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
	terms := make([]*graph.Term, 0, len(ids))
	for _, id := range ids {
		if x, ok := tree.Term(id); ok {
			terms = append(terms, x)
		}
	}
	return terms, nil
}

func limitArgument(standard, most int) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{
		Type: graphql.Int, DefaultValue: standard,
		Description: "The longest list to give, at most " + number(most) + ".",
	}
}
