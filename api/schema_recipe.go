package api

import (
	"context"
	"maps"
	"slices"
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
		Args: graphql.FieldConfigArgument{"class": {Type: graphql.String, Description: "Only that for this class."}, "guessSides": guessSides()},
		Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, a args) (any, error) {
			k, err := s.kitchen(ctx, d, of.name)
			if err != nil {
				return nil, err
			}
			k.guesses = flag(a, "guessSides")
			out, err := k.proposed(a.text("class"))
			if err != nil {
				return nil, err
			}
			return out, charge(ctx, len(out))
		}),
	})
	l.ofClass = graphql.NewObject(graphql.ObjectConfig{
		Name: "ClassConcern", Description: "Something about the settled recipes of a dataset that a reviewer should know.",
		Fields: graphql.Fields{
			"class": text(s, "The corpus class.", func(c labelmap.Concern) string { return c.Class }),
			"what":  text(s, `Its kind, as of RecipeConcern.`, func(c labelmap.Concern) string { return string(c.What) }),
			"why":   text(s, "What it is, in words.", func(c labelmap.Concern) string { return c.Why }),
		},
	})
	l.dataset.AddFieldConfig("recipeConcerns", &graphql.Field{
		Type: listOf(l.ofClass), Description: "What speaks against its settled recipes, each held against labels and tree, and all against each other.",
		Resolve: onDesk(s, func(ctx context.Context, d *desk, of *labelled, _ args) (any, error) {
			k, err := s.kitchen(ctx, d, of.name)
			if err != nil {
				return nil, err
			}
			out, err := k.concerns(ctx)
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

func guessSides() *graphql.ArgumentConfig {
	return flagArgument("Propose the sides of structures that are labelled without one, by the scan's middle plane.")
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
	guesses bool // whether sides may be guessed
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
func (k *kitchen) proposed(class string) ([]*checked, error) {
	var out []*checked
	for _, r := range labelmap.ProposeRecipes(k.tree, k.labels, k.wanted, k.guesses) {
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

// termChosen is the term that is given, or that of the class. The error may be a
// *mistaken.
func (k *kitchen) termChosen(ctx context.Context, a args) (string, error) {
	if text := a.text("term"); text != "" {
		return k.s.termOf(ctx, text)
	}
	return k.termOf(a.text("class"))
}

// check holds a recipe against labels and tree.
func (k *kitchen) check(r *labelmap.Recipe) (*checked, error) {
	term, err := k.termOf(r.Class)
	if err != nil {
		return nil, err
	}
	return &checked{r, labelmap.CheckRecipe(k.tree, r, term, k.byKey)}, nil
}

// states are those of the dataset's recipes, by class.
func (k *kitchen) states(ctx context.Context) (map[string]*labelmap.State, error) {
	all, err := k.d.statesOf(ctx, labelmap.SubjectQuery{Dataset: k.dataset, Kind: labelmap.SubjectRecipe}, quote(k.dataset))
	if err != nil {
		return nil, err
	}
	out := map[string]*labelmap.State{}
	for i := range all {
		out[all[i].Subject.Key] = &all[i]
	}
	return out, nil
}

// concerns are those of the recipes that count.
func (k *kitchen) concerns(ctx context.Context) ([]labelmap.Concern, error) {
	states, err := k.states(ctx)
	if err != nil {
		return nil, err
	}
	termOf := func(class string) string {
		if st := states[class]; st != nil && st.Verdict != nil && len(st.Verdict.Targets) == 1 {
			return st.Verdict.Targets[0].TermID
		}
		term, _ := k.termOf(class) // "" is outside the corpus, which is a concern
		return term
	}
	var all []labelmap.State
	for _, st := range states {
		all = append(all, *st)
	}
	settled := labelmap.SettledRecipes(all)
	var out []labelmap.Concern
	for i := range settled {
		out = append(out, labelmap.CheckRecipe(k.tree, &settled[i], termOf(settled[i].Class), k.byKey)...)
	}
	return append(out, labelmap.CheckRecipes(k.tree, settled, termOf, k.byKey)...), nil
}

// sure makes the entries of all proposals that nothing speaks against, of some
// classes where these are named.
func (k *kitchen) sure(ctx context.Context, classes []string) ([]labelmap.Entry, error) {
	states, err := k.states(ctx)
	if err != nil {
		return nil, err
	}
	check := func(r *labelmap.Recipe) []labelmap.Concern {
		term, _ := k.termOf(r.Class)
		return labelmap.CheckRecipe(k.tree, r, term, k.byKey)
	}
	var out []labelmap.Entry
	for _, r := range labelmap.SureRecipes(labelmap.ProposeRecipes(k.tree, k.labels, k.wanted, k.guesses), states, check) {
		if len(classes) > 0 && !slices.ContainsFunc(classes, func(c string) bool { return strings.EqualFold(c, r.Class) }) {
			continue
		}
		term, err := k.termOf(r.Class)
		if err != nil {
			return nil, err
		}
		target, err := labelmap.TargetOf(k.tree, term, labelmap.Exact)
		if err != nil {
			return nil, err
		}
		e := labelmap.Entry{
			Subject: labelmap.Subject{Kind: labelmap.SubjectRecipe, Dataset: k.dataset, Key: r.Class}, Action: labelmap.ActDecide,
			Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}, Recipe: &r}, Comment: r.Reason,
		}
		if st := states[r.Class]; st != nil {
			e.Version = st.Version
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, &mistaken{Code: CodeNotFound, Message: "no open proposal for " + quote(k.dataset) + " is complete and without concern", Hint: "proposedRecipes says what speaks against each", Argument: "dataset"}
	}
	return out, nil
}

// chosen is the recipe that the arguments give, or the proposed one, with the
// term of its class.
func (k *kitchen) chosen(ctx context.Context, a args) (*labelmap.Recipe, labelmap.Target, error) {
	var target labelmap.Target
	term, err := k.termChosen(ctx, a)
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
	k.guesses = flag(a, "guessSides")
	found, err := k.proposed(a.text("class"))
	if err == nil && len(found) == 0 {
		err = &mistaken{Code: CodeNotFound, Message: "the settled labels of " + quote(k.dataset) + " make no " + quote(a.text("class")), Hint: "give an expression", Argument: "class"}
	}
	if err != nil {
		return nil, target, err
	}
	r := found[0].recipe
	if text := a.text("definition"); text != "" {
		r.Definition = text
	}
	if missing := list[string](a, "missing"); len(missing) > 0 {
		r.Missing, r.Complete = missing, false
	}
	return r, target, r.Validate()
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
			"dataset":    {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
			"version":    {Type: graphql.Int, Description: "The version that was seen: a decision made meanwhile is then a conflict. Without it, the present one."},
			"term":       {Type: graphql.String, Description: "The class's term, by id or name, where the corpus has no such class."},
			"guessSides": guessSides(),
		}
		maps.Copy(all, recipeArguments())
		maps.Copy(all, more)
		return deciding(all)
	}
	return graphql.Fields{
		"acceptRecipes": s.mutation(l, auth.Review, "Accepts the proposed recipes of many classes in one batch: of all that are complete, raise no concern, and that nobody has decided on or rejected.",
			deciding(graphql.FieldConfigArgument{
				"dataset":    {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
				"classes":    namesArgument("Only these classes."),
				"guessSides": guessSides(),
			}), func(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
				k, err := s.kitchen(ctx, d, a.text("dataset"))
				if err != nil {
					return nil, err
				}
				k.guesses = flag(a, "guessSides")
				return k.sure(ctx, list[string](a, "classes"))
			}),
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
