package api

import (
	"context"
	"maps"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
)

// checked is a recipe with what a reviewer should know of it.
type checked struct {
	recipe   *labelmap.Recipe
	concerns []labelmap.Concern
}

func (s *Service) recipeTypes(t *types, l *labelTypes) {
	concern := graphql.NewObject(graphql.ObjectConfig{
		Name: "RecipeConcern", Description: "Something about a recipe that a reviewer should know.",
		Fields: graphql.Fields{
			"what": text(s, `Its kind: "incomplete", "outside", "sides", "twice", "gap", "cuts", "overlap", "unknown".`, func(c labelmap.Concern) string { return string(c.What) }),
			"why":  text(s, "What it is, in words.", func(c labelmap.Concern) string { return c.Why }),
		},
	})
	l.recipeCheck = graphql.NewObject(graphql.ObjectConfig{
		Name: "CheckedRecipe", Description: "A recipe, held against the dataset's settled labels and the tree. It counts once somebody has accepted it.",
		Fields: graphql.Fields{
			"recipe": {Type: required(l.verdict.Fields()["recipe"].Type), Description: "The recipe.", Resolve: get(s, func(c *checked) any { return c.recipe })},
			"concerns": {Type: listOf(concern), Description: "What a reviewer should know of it.", Resolve: on(s, func(ctx context.Context, c *checked, _ args) (any, error) {
				return c.concerns, charge(ctx, len(c.concerns))
			})},
		},
	})
	l.recipe = graphql.NewObject(graphql.ObjectConfig{
		Name: "Recipe", Description: "How one corpus class is made in a dataset, and what was decided on it.",
		Interfaces: []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":          nodeID(s, func(st *labelmap.State) string { return kindRecipe + subjectCursor(st.Subject) }),
			"datasetName": text(s, "The name of its dataset.", func(st *labelmap.State) string { return st.Subject.Dataset }),
			"class":       text(s, "The corpus class.", func(st *labelmap.State) string { return st.Subject.Key }),
			"status":      {Type: required(l.status), Description: "Where it stands.", Resolve: get(s, func(st *labelmap.State) any { return st.Status })},
			"state":       {Type: required(l.state), Description: "What was decided, by whom, and what is in doubt.", Resolve: get(s, func(st *labelmap.State) any { return st })},
			"history":     s.historyField(l, func(st *labelmap.State) labelmap.Subject { return st.Subject }),
		},
	})
	connection := connectionOf(s, t, "Recipe", "recipes", l.recipe, func(st *labelmap.State) string { return subjectCursor(st.Subject) })
	arguments := forwardArguments()
	arguments["status"] = &graphql.ArgumentConfig{Type: graphql.NewList(graphql.NewNonNull(l.status)), Description: "Only recipes with any of these statuses."}
	l.dataset.AddFieldConfig("recipes", &graphql.Field{
		Type: required(connection), Description: "Its recipes that were decided on, by class.", Args: arguments,
		Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
			return listRecipes(ctx, d, of, a)
		}),
	})
	l.dataset.AddFieldConfig("proposedRecipes", &graphql.Field{
		Type: listOf(l.recipeCheck), Description: "Recipes that the tree proposes from the dataset's settled labels, by class. Nothing is decided.",
		Args: graphql.FieldConfigArgument{"class": {Type: graphql.String, Description: "Only that for this class."}},
		Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
			k, err := s.kitchen(ctx, d, of.name)
			if err != nil {
				return nil, err
			}
			out, err := k.proposed(ctx, a.text("class"))
			if err != nil {
				return nil, err
			}
			return out, charge(ctx, len(out))
		}),
	})
	l.dataset.AddFieldConfig("checkRecipe", &graphql.Field{
		Type: required(l.recipeCheck), Description: "Holds a recipe of one's own against the dataset's settled labels and the tree. Nothing is decided.",
		Args: recipeArguments(),
		Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
			k, err := s.kitchen(ctx, d, of.name)
			if err != nil {
				return nil, err
			}
			r, err := recipeOf(a)
			if err != nil {
				return nil, err
			}
			return k.check(r)
		}),
	})
}

func recipeArguments() graphql.FieldConfigArgument {
	return graphql.FieldConfigArgument{
		"class":      {Type: graphql.NewNonNull(graphql.String), Description: "The corpus class that is made."},
		"expression": {Type: graphql.String, Description: `What is done with which values of the label map, such as "{1, 2} + {5}" or "{1} - tumor.nii.gz{1}".`},
		"modality":   {Type: graphql.String, Description: `The kind of scan it is for, "ct", "mri" or "pet"; without it, all of the dataset.`},
		"missing":    {Type: graphql.NewList(graphql.NewNonNull(graphql.String)), Description: "Parts of the class that the dataset does not have; without any the class is complete."},
		"definition": {Type: graphql.String, Description: `What the dataset means by the class where datasets differ: "includes tumour".`},
		"risk":       {Type: graphql.String, Description: "What can go wrong, where a side is guessed."},
	}
}

// recipeOf reads a recipe from arguments. The error is a *mistaken.
func recipeOf(a args) (*labelmap.Recipe, error) {
	if len(a.text("expression"))+len(a.text("definition"))+len(a.text("risk")) > maxText {
		return nil, &mistaken{Code: CodeBadInput, Message: errLongText.Message, Argument: "expression"}
	}
	expr, err := labelmap.ParseExpr(a.text("expression"))
	if err != nil {
		return nil, err
	}
	r := &labelmap.Recipe{
		Class: strings.ToLower(a.text("class")), Modality: a.text("modality"), Expr: expr, Missing: list[string](a, "missing"),
		Definition: a.text("definition"), Risk: a.text("risk"),
	}
	r.Complete = len(r.Missing) == 0
	return r, r.Validate()
}

func listRecipes(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
	first, err := firstOf(a)
	if err != nil {
		return nil, err
	}
	after, err := parseSubjectCursor(a.text("after"))
	if err != nil {
		return nil, err
	}
	q := labelmap.SubjectQuery{Dataset: of.name, Kind: labelmap.SubjectRecipe, Statuses: list[labelmap.Status](a, "status"), After: after, Limit: first + 1}
	page, err := d.book.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	p := &listing[*labelmap.State]{total: of.subjects(labelmap.SubjectRecipe, q.Statuses, false), after: a.text("after") != "", more: len(page) > first}
	for i := range page[:min(first, len(page))] {
		p.nodes = append(p.nodes, &page[i])
	}
	return p, nil
}

// kitchen is what recipes of one dataset are made of.
type kitchen struct {
	s       *Service
	d       *desk
	tree    *graph.Tree
	dataset string
	labels  []labelmap.Judged
	byKey   map[string]labelmap.Judged
	wanted  []labelmap.Wanted
}

func (s *Service) kitchen(ctx context.Context, d *desk, dataset string) (*kitchen, error) {
	states, err := d.states(ctx, dataset)
	if err != nil {
		return nil, err
	}
	if err := spend(ctx, planCost); err != nil {
		return nil, err
	}
	k := &kitchen{s: s, d: d, tree: s.tree(ctx), dataset: dataset, byKey: map[string]labelmap.Judged{}}
	k.labels, _ = labelmap.JudgedOf(states)
	for i := range k.labels {
		k.byKey[k.labels[i].Label.Key()] = k.labels[i]
	}
	k.wanted = labelmap.WantedOf(k.labels, d.classes)
	return k, nil
}

// proposed are the recipes that the tree proposes, of one class where it is
// named.
func (k *kitchen) proposed(_ context.Context, class string) ([]*checked, error) {
	var out []*checked
	for _, r := range labelmap.Compose(k.tree, k.labels, k.wanted) {
		if class != "" && !strings.EqualFold(r.Class, class) {
			continue
		}
		c, err := k.check(&r)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// termOf is the term of a class of the corpus. The error is a *mistaken.
func (k *kitchen) termOf(class string) (string, error) {
	for _, c := range k.wanted {
		if strings.EqualFold(c.Name, class) {
			return c.TermID, nil
		}
	}
	for _, c := range k.d.classes {
		if strings.EqualFold(c.Name, class) {
			return c.TermID, nil
		}
	}
	return "", &mistaken{Code: CodeNotFound, Message: quote(class) + " is no class of the corpus", Argument: "class"}
}

// check holds a recipe against labels and tree.
func (k *kitchen) check(r *labelmap.Recipe) (*checked, error) {
	term, err := k.termOf(r.Class)
	if err != nil {
		return nil, err
	}
	return &checked{r, labelmap.CheckRecipe(k.tree, r, term, k.byKey)}, nil
}

// chosen is the recipe that the arguments give, or the proposed one, with the
// term of its class.
func (k *kitchen) chosen(ctx context.Context, a args) (*labelmap.Recipe, labelmap.Target, error) {
	var target labelmap.Target
	term, err := k.termOf(a.text("class"))
	if err != nil {
		return nil, target, err
	}
	if target, err = labelmap.TargetOf(k.tree, term, labelmap.Exact); err != nil {
		return nil, target, err
	}
	if a.text("expression") != "" {
		r, err := recipeOf(a)
		return r, target, err
	}
	found, err := k.proposed(ctx, a.text("class"))
	if err == nil && len(found) == 0 {
		err = &mistaken{Code: CodeNotFound, Message: "the settled labels of " + quote(k.dataset) + " make no " + quote(a.text("class")), Hint: "give an expression", Argument: "class"}
	}
	if err != nil {
		return nil, target, err
	}
	return found[0].recipe, target, nil
}

// recipeEntry makes the entries of what is decided on a recipe. never says that
// the class must not be made at all.
func (s *Service) recipeEntry(action labelmap.Action) entriesOf {
	return func(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
		subject := labelmap.Subject{Kind: labelmap.SubjectRecipe, Dataset: a.text("dataset"), Key: strings.ToLower(a.text("class"))}
		st, err := d.book.State(ctx, subject)
		if err != nil {
			return nil, err
		}
		e := labelmap.Entry{Subject: subject, Version: seen(a, st.Version), Action: action}
		if never, _ := a["never"].(bool); never {
			e.Action, e.Verdict = labelmap.ActDecide, &labelmap.Verdict{Outcome: labelmap.Refused}
			return []labelmap.Entry{e}, nil
		}
		k, err := s.kitchen(ctx, d, subject.Dataset)
		if err != nil {
			return nil, err
		}
		r, target, err := k.chosen(ctx, a)
		if err != nil {
			return nil, err
		}
		e.Verdict = &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}, Recipe: r}
		if action != labelmap.ActReject {
			e.Comment = r.Reason
		}
		return []labelmap.Entry{e}, nil
	}
}

func (s *Service) recipeMutations(l *labelTypes) graphql.Fields {
	arguments := func(more graphql.FieldConfigArgument) graphql.FieldConfigArgument {
		all := graphql.FieldConfigArgument{
			"dataset": {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
			"version": {Type: graphql.Int, Description: "The version that was seen: a decision made meanwhile is then a conflict. Without it, the present one."},
		}
		maps.Copy(all, recipeArguments())
		maps.Copy(all, more)
		return deciding(all)
	}
	return graphql.Fields{
		"acceptRecipe": s.mutation(l, auth.Review, "Accepts how a corpus class is made in a dataset: the recipe that the tree proposes, or one's own with expression. Where two reviewers are needed, the first to accept one proposes it to the second.",
			arguments(nil), s.recipeEntry(labelmap.ActDecide)),
		"rejectRecipe": s.mutation(l, auth.Review, "Says that a recipe is wrong, the proposed one or that of an expression; or with never, that the dataset must not make the class at all.",
			arguments(graphql.FieldConfigArgument{
				"never": {Type: graphql.Boolean, DefaultValue: false, Description: "The class must not be made of this dataset."},
			}), s.recipeEntry(labelmap.ActReject)),
		"adjudicateRecipe": s.mutation(l, auth.Review, "Settles what reviewers of a recipe disagree on, as somebody who has not voted on it.",
			arguments(nil), s.recipeEntry(labelmap.ActAdjudicate)),
	}
}
