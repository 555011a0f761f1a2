package api

import (
	"context"

	"github.com/graphql-go/graphql"

	"satgraph/graph"
	"satgraph/inference"
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
	for _, walk := range []struct {
		name, description string
		limit             int
		ids               func(tree *graph.Tree, id string, types ...graph.RelationType) []string
	}{
		{"parents", "The terms directly above it.", 100, (*graph.Tree).Parents},
		{"children", "The terms directly below it.", 100, (*graph.Tree).Children},
		{"ancestors", "All terms above it, each once.", 1000, (*graph.Tree).Ancestors},
		{"descendants", "All terms below it, each once.", 1000, (*graph.Tree).Descendants},
	} {
		term.AddFieldConfig(walk.name, &graphql.Field{
			Type:        listOf(term),
			Description: walk.description + " Sorted by name.",
			Args: graphql.FieldConfigArgument{
				"relations": {
					Type:        graphql.NewList(graphql.NewNonNull(t.relation)),
					Description: "Follow only these relations; all if left out.",
				},
				"limit": limitArgument(walk.limit, maxTerms),
			},
			Resolve: on(s, func(ctx context.Context, x *graph.Term, a args) (any, error) {
				limit, err := a.limit(maxTerms)
				if err != nil {
					return nil, err
				}
				tree := s.config.Tree()
				ids := tree.SortByName(walk.ids(tree, x.ID, list[graph.RelationType](a, "relations")...))
				ids = ids[:min(len(ids), limit)]
				if err := charge(ctx, len(ids)); err != nil {
					return nil, err
				}
				terms := make([]*graph.Term, 0, len(ids))
				for _, id := range ids {
					if y, ok := tree.Term(id); ok {
						terms = append(terms, y)
					}
				}
				return terms, nil
			}),
		})
	}
	return term
}

func limitArgument(standard, most int) *graphql.ArgumentConfig {
	return &graphql.ArgumentConfig{
		Type: graphql.Int, DefaultValue: standard,
		Description: "The longest list to give, at most " + number(most) + ".",
	}
}

func (s *Service) hitType(t *types) *graphql.Object {
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "SearchHit",
		Description: "A term that a search found.",
		Fields: graphql.Fields{
			"term": {
				Type: required(t.term), Description: "The term.",
				Resolve: on(s, func(_ context.Context, h graph.Hit, _ args) (any, error) { return s.term(h.ID) }),
			},
			"matched": {
				Type: required(graphql.String), Description: "The name or synonym that matched best.",
				Resolve: get(s, func(h graph.Hit) any { return h.Text }),
			},
			"how": {
				Type: required(graphql.String), Description: `By what it matched: "id", "name", "exact synonym" or "other synonym".`,
				Resolve: get(s, func(h graph.Hit) any { return h.How.String() }),
			},
			"score": {
				Type: required(graphql.Float), Description: "How well it matched: up to 1, which is the text itself.",
				Resolve: get(s, func(h graph.Hit) any { return h.Score }),
			},
		},
	})
}

func (s *Service) termQueries(t *types) graphql.Fields {
	return graphql.Fields{
		"term": {
			Type: t.term,
			Description: "One term, by its id or by a name. A name may be a synonym; one that fits several terms equally well " +
				"is an error that lists them, and an unknown one suggests others.",
			Args: graphql.FieldConfigArgument{
				"id":   {Type: graphql.ID, Description: `The term's id, such as "UBERON:0000948".`},
				"name": {Type: graphql.String, Description: `A name or synonym, such as "heart".`},
			},
			Resolve: on(s, func(_ context.Context, _ any, a args) (any, error) {
				id, name := a.text("id"), a.text("name")
				switch {
				case (id == "") == (name == ""):
					return nil, &Error{Code: CodeBadInput, Message: "give either id or name"}
				case len(id)+len(name) > maxText:
					return nil, errLongText
				case id != "":
					return s.term(id)
				}
				return s.named(name)
			}),
		},
		"search": {
			Type:        listOf(t.hit),
			Description: "Terms whose name or synonym holds every word of a text, or words that start so, best first.",
			Args: graphql.FieldConfigArgument{
				"text":  {Type: graphql.NewNonNull(graphql.String), Description: `What to look for, such as "left vent".`},
				"limit": limitArgument(20, maxHits),
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				limit, err := a.limit(maxHits)
				switch {
				case err != nil:
					return nil, err
				case len(a.text("text")) > maxText:
					return nil, errLongText
				}
				if err := spend(ctx, searchCost); err != nil {
					return nil, err
				}
				hits := s.config.Tree().Search(a.text("text"), limit)
				return hits, charge(ctx, len(hits))
			}),
		},
	}
}

// What a search and a plan cost, in values of the request's budget.
const (
	searchCost = 500
	planCost   = 2_000
)

var errLongText = &Error{Code: CodeBadInput, Message: "the text is longer than " + number(maxText) + " bytes"}

func (s *Service) term(id string) (*graph.Term, error) {
	if term, ok := s.config.Tree().Term(id); ok {
		return term, nil
	}
	return nil, &Error{Code: CodeUnknownTerm, Message: "no term has the id " + quote(id), Hint: "look for it with search(text:)"}
}

// named finds the term that a text names best.
func (s *Service) named(name string) (*graph.Term, error) {
	tree := s.config.Tree()
	best := graph.Best(tree.Lookup(name))
	switch len(best) {
	case 1:
		return s.term(best[0].ID)
	case 0:
		var near []inference.Candidate
		for _, h := range tree.Search(name, 5) {
			if term, ok := tree.Term(h.ID); ok {
				near = append(near, inference.Candidate{ID: term.ID, Name: term.Name})
			}
		}
		return nil, &Error{
			Code: CodeUnknownTerm, Message: "no term is called " + quote(name),
			Hint: "look for it with search(text:)", Details: map[string]any{"suggestions": candidates(near)},
		}
	}
	var fit []inference.Candidate
	for _, m := range best {
		if term, ok := tree.Term(m.ID); ok {
			fit = append(fit, inference.Candidate{ID: term.ID, Name: term.Name})
		}
	}
	return nil, &Error{
		Code: CodeAmbiguousTerm, Message: quote(name) + " may mean several terms",
		Hint: "ask for one of the candidates by its id", Details: map[string]any{"candidates": candidates(fit)},
	}
}

// termOf finds a term by id or by name and gives its id.
func (s *Service) termOf(text string) (string, error) {
	if len(text) > maxText {
		return "", errLongText
	}
	if term, ok := s.config.Tree().Term(text); ok {
		return term.ID, nil
	}
	term, err := s.named(text)
	if err != nil {
		return "", err
	}
	return term.ID, nil
}
