package api

import (
	"context"

	"github.com/graphql-go/graphql"

	"satgraph/graph"
	"satgraph/inference"
)

func (s *Service) hitType(t *types) *graphql.Object {
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "SearchHit",
		Description: "A term that a search found.",
		Fields: graphql.Fields{
			"term": {
				Type: required(t.term), Description: "The term.",
				Resolve: on(s, func(ctx context.Context, h graph.Hit, _ args) (any, error) { return s.term(ctx, h.ID) }),
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
				Type: required(graphql.Float), Description: "How well it matched: 1 is its id, above 0.9 as good as its name, below 0.6 some words in common.",
				Resolve: get(s, func(h graph.Hit) any { return h.Score }),
			},
			"reasons": {
				Type: listOf(graphql.String), Description: `How the text led to the term, in words: "\"lt\" says left", "its name".`,
				Resolve: on(s, func(ctx context.Context, h graph.Hit, _ args) (any, error) {
					return h.Reasons, charge(ctx, len(h.Reasons))
				}),
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
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				id, name := a.text("id"), a.text("name")
				switch {
				case (id == "") == (name == ""):
					return nil, &Error{Code: CodeBadInput, Message: "give either id or name"}
				case len(id)+len(name) > maxText:
					return nil, errLongText
				case id != "":
					return s.term(ctx, id)
				}
				return s.named(ctx, name)
			}),
		},
		"terms": {
			Type: required(t.terms), Description: "All terms of the tree, by name, page by page.",
			Args: merged(pageArguments(), graphql.FieldConfigArgument{
				"kind":       {Type: t.kind, Description: "Only terms of this kind, such as FINDING."},
				"laterality": {Type: t.side, Description: "Only terms that name this side."},
			}),
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) { return s.allTerms(ctx, a) }),
		},
		"search": {
			Type: listOf(t.hit),
			Description: "Terms that a text may mean, best first, each with its reasons: by name, synonym, beginnings of words, misspelt words, " +
				"abbreviations (LV, IVC, T12, L5-S1), Latin, words in any order. Sides and numbers are never guessed. Nothing fits: an empty list.",
			Args: graphql.FieldConfigArgument{
				"text":  {Type: graphql.NewNonNull(graphql.String), Description: `What to look for, such as "left vent", "kidny" or "ren sinister".`},
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
				hits := s.tree(ctx).Search(a.text("text"), limit)
				return hits, charge(ctx, len(hits))
			}),
		},
		"path": {
			Type: graphql.NewList(graphql.NewNonNull(t.step)),
			Description: "A shortest way from one term to another, up to a common ancestor and then down. " +
				"Empty from a term to itself; null where nothing joins the two.",
			Args: graphql.FieldConfigArgument{
				"from":      {Type: graphql.NewNonNull(graphql.String), Description: "A term, by id or name."},
				"to":        {Type: graphql.NewNonNull(graphql.String), Description: "A term, by id or name."},
				"relations": relationsArgument(t),
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				ids, err := s.termsNamed(ctx, []string{a.text("from"), a.text("to")})
				if err != nil {
					return nil, err
				}
				path, ok := s.tree(ctx).Path(ids[0], ids[1], relations(a)...)
				if !ok {
					return nil, nil //nolint:nilnil // no way is an answer
				}
				if path == nil {
					path = []graph.Step{}
				}
				return path, charge(ctx, len(path))
			}),
		},
		"commonAncestors": {
			Type: listOf(t.term),
			Description: "What lies above every one of some terms, by name. A term counts as its own ancestor here: " +
				"of a part and its whole, the whole is one.",
			Args: graphql.FieldConfigArgument{
				"of":        {Type: graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(graphql.String))), Description: "Two terms or more, by id or name; at most " + number(maxCommon) + "."},
				"lowest":    {Type: graphql.Boolean, DefaultValue: true, Description: "Only those below which no other one lies."},
				"relations": relationsArgument(t),
				"limit":     limitArgument(100, maxTerms),
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				limit, err := a.limit(maxTerms)
				if err != nil {
					return nil, err
				}
				ids, err := s.termsNamed(ctx, list[string](a, "of"))
				if err != nil {
					return nil, err
				}
				tree := s.tree(ctx)
				find := tree.CommonAncestors
				if lowest, _ := a["lowest"].(bool); lowest {
					find = tree.LowestCommonAncestors
				}
				shared := tree.SortByName(find(ids, relations(a)...))
				return termsOf(ctx, tree, shared[:min(len(shared), limit)])
			}),
		},
		"partsOf": {
			Type: listOf(t.term),
			Description: "The parts that make up a whole, by name: its direct parts, without those that are a kind or a part of another of them. " +
				"The same as term(…) { parts }.",
			Args: graphql.FieldConfigArgument{
				"whole": {Type: graphql.NewNonNull(graphql.String), Description: "A term, by id or name."},
				"limit": limitArgument(100, maxTerms),
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				limit, err := a.limit(maxTerms)
				if err != nil {
					return nil, err
				}
				ids, err := s.termsNamed(ctx, []string{a.text("whole")})
				if err != nil {
					return nil, err
				}
				tree := s.tree(ctx)
				parts := tree.SortByName(tree.Parts(ids[0]))
				return termsOf(ctx, tree, parts[:min(len(parts), limit)])
			}),
		},
	}
}

// maxCommon is how many terms commonAncestors takes.
const maxCommon = 50

// termsNamed finds terms by id or name.
func (s *Service) termsNamed(ctx context.Context, texts []string) ([]string, error) {
	if len(texts) == 0 || len(texts) > maxCommon {
		return nil, &Error{Code: CodeBadInput, Message: "name from 1 to " + number(maxCommon) + " terms"}
	}
	ids := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = s.termOf(ctx, text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (s *Service) stepType(t *types) *graphql.Object {
	return graphql.NewObject(graphql.ObjectConfig{
		Name:        "PathStep",
		Description: "One relation of a path.",
		Fields: graphql.Fields{
			"from": {Type: required(t.term), Description: "Where the step starts.", Resolve: get(s, func(x graph.Step) any { return x.From })},
			"to":   {Type: required(t.term), Description: "Where it ends.", Resolve: get(s, func(x graph.Step) any { return x.To })},
			"relation": {
				Type: required(t.relation), Description: "How the child of the two relates to the parent.",
				Resolve: get(s, func(x graph.Step) any { return x.Type }),
			},
			"up": {
				Type: required(graphql.Boolean), Description: "Whether it goes from child to parent.",
				Resolve: get(s, func(x graph.Step) any { return x.Up }),
			},
		},
	})
}

// What a search and a plan cost, in values of the request's budget.
const (
	searchCost = 500
	planCost   = 2_000
)

var errLongText = &Error{Code: CodeBadInput, Message: "the text is longer than " + number(maxText) + " bytes"}

func (s *Service) term(ctx context.Context, id string) (*graph.Term, error) {
	if term, ok := s.tree(ctx).Term(id); ok {
		return term, nil
	}
	return nil, &Error{Code: CodeUnknownTerm, Message: "no term has the id " + quote(id), Hint: "look for it with search(text:)"}
}

// named finds the term that a text names best.
func (s *Service) named(ctx context.Context, name string) (*graph.Term, error) {
	tree := s.tree(ctx)
	best := graph.Best(tree.Lookup(name))
	switch len(best) {
	case 1:
		return s.term(ctx, best[0].ID)
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
func (s *Service) termOf(ctx context.Context, text string) (string, error) {
	if len(text) > maxText {
		return "", errLongText
	}
	if term, ok := s.tree(ctx).Term(text); ok {
		return term.ID, nil
	}
	term, err := s.named(ctx, text)
	if err != nil {
		return "", err
	}
	return term.ID, nil
}
