package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"

	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
)

// Bounds of segmentChildren.
const (
	maxDepth    = 50
	maxBelow    = 400 // structures that it finds by itself
	planTermFor = 2   // values that one of them is worth
)

// wanted is what came of asking for a segmentation.
type wanted struct {
	job   *jobs.Job
	wrong *unasked
}

// unasked is a mistake in what was asked for.
type unasked struct {
	*mistaken
	candidates []inference.Candidate
	structures []inference.TermPlan
}

// segmentMistakes are the errors that who asks can mend, with the argument that is
// at fault; "" is the one that names the structures.
var segmentMistakes = map[Code]string{
	CodeUnknownTerm: "", CodeAmbiguousTerm: "", CodeNotSegmentable: "", CodeBadInput: "", CodeLimit: "", CodeUnknownModality: "modality", CodeKeyConflict: "key",
}

func (s *Service) segmentMutations(t *types) graphql.Fields {
	wrong := graphql.NewObject(graphql.ObjectConfig{
		Name: "SegmentMistake", Description: "Something about a request for a segmentation that its sender can mend.",
		Fields: graphql.Fields{
			"code":     text(s, "A stable code, of those in the errors' extensions: UNKNOWN_TERM, AMBIGUOUS_TERM, NOT_SEGMENTABLE, UNKNOWN_MODALITY, KEY_CONFLICT, NOT_FOUND, BAD_USER_INPUT, LIMIT_EXCEEDED.", func(m *unasked) string { return string(m.Code) }),
			"message":  text(s, "What is wrong.", func(m *unasked) string { return m.Message }),
			"hint":     text(s, "What to do about it; may be empty.", func(m *unasked) string { return m.Hint }),
			"argument": {Type: graphql.String, Description: "The argument that is at fault; null where none is.", Resolve: get(s, func(m *unasked) any { return nilIfEmpty(m.Argument) })},
			"candidates": {Type: listOf(t.candidate), Description: "The terms that an unknown or ambiguous text may have meant.", Resolve: on(s, func(ctx context.Context, m *unasked, _ args) (any, error) {
				return m.candidates, charge(ctx, len(m.candidates))
			})},
			"structures": {Type: listOf(t.planned), Description: "Where nothing can be segmented: every structure with the reason.", Resolve: on(s, func(ctx context.Context, m *unasked, _ args) (any, error) {
				return m.structures, charge(ctx, len(m.structures))
			})},
		},
	})
	payload := graphql.NewObject(graphql.ObjectConfig{
		Name: "SegmentPayload",
		Description: "A segmentation that was asked for. Ask job(id:) again until its status is final. " +
			"A mistake of who asks is in mistake where that is asked for, and else an error.",
		Fields: graphql.Fields{
			"job": {Type: t.job, Description: "The job; null where a mistake kept it from being made.", Resolve: get(s, func(w *wanted) any {
				if w.job == nil {
					return nil
				}
				return w.job
			})},
			"mistake": {Type: wrong, Description: "What is wrong with the request; null where nothing is. Where nothing can be segmented, there is a job too: it is refused, and its structures say why.", Resolve: get(s, func(w *wanted) any {
				if w.wrong == nil {
					return nil
				}
				return w.wrong
			})},
		},
	})
	shared := graphql.FieldConfigArgument{
		"key":      {Type: graphql.String, Description: "A text of your choice: the same request sent again with it, for instance after a lost answer, gives the same job; another request with it is a KEY_CONFLICT. At most 256 bytes."},
		"priority": {Type: t.priority, Description: "Among your jobs; NORMAL if left out."},
		"image":    {Type: graphql.NewNonNull(graphql.ID), Description: "The id of an uploaded scan (POST /images)."},
		"modality": {Type: t.modality, Description: "The kind of scan; may be left out where the model takes only one."},
		"model":    {Type: graphql.ID, Description: "The name of a model; the default one if left out."},
	}
	field := func(description, names string, arguments graphql.FieldConfigArgument, plan func(ctx context.Context, a args) (*inference.Plan, error)) *graphql.Field {
		maps.Copy(arguments, shared)
		return &graphql.Field{
			Type: payload, Description: description, Args: arguments,
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				p, err := plan(ctx, a)
				if err != nil {
					return wantedOf(ctx, names, nil, nil, err)
				}
				p, job, err := s.submit(ctx, a, p)
				return wantedOf(ctx, names, p, job, err)
			}),
		}
	}
	return graphql.Fields{
		"segment": field("Segments structures in a scan: those that a query means, or those of class prompts given directly.", "query", graphql.FieldConfigArgument{
			"query": {
				Type:        graphql.String,
				Description: `What to segment: "heart", "children of heart", "left kidney, right kidney". Give this or prompts.`,
			},
			"prompts": {
				Type:        graphql.NewList(graphql.NewNonNull(graphql.String)),
				Description: `Class prompts of the model, taken as they are, such as ["left kidney"]. Give these or query.`,
			},
		}, s.planAsked),
		"segmentChildren": field("Segments the children of a term in a scan: segment(query: \"children of …\"), and where relation or depth is given, "+
			"what lies below it by these. Findings, such as tumours, are asked for by relation: LOCATED_IN.", "of", graphql.FieldConfigArgument{
			"of": {Type: graphql.NewNonNull(graphql.String), Description: `The term, by name, synonym or id, such as "heart".`},
			"relation": {
				Type:        graphql.NewList(graphql.NewNonNull(t.relation)),
				Description: "Follow only these relations, such as PART_OF; if left out, parts and kinds.",
			},
			"depth": {Type: graphql.Int, DefaultValue: 1, Description: "How many levels below the term: 1 are its children, 2 theirs too; at most " + number(maxDepth) + "."},
		}, func(ctx context.Context, a args) (*inference.Plan, error) {
			m, _ := a["modality"].(inference.Modality)
			return s.planChildren(ctx, a, m)
		}),
	}
}

// wantedOf makes the payload. What who asks can mend is a value where they ask
// for it, and else the error; a job that is refused says itself why.
func wantedOf(ctx context.Context, names string, plan *inference.Plan, job *jobs.Job, err error) (any, error) {
	w := &wanted{job: job}
	if err == nil && job != nil && job.State == jobs.Refused {
		err = inference.ErrNothingSegmentable
	}
	if err == nil {
		return w, nil
	}
	told := describe(err)
	argument, can := segmentMistakes[told.Code]
	switch {
	case errors.Is(err, errNoImage):
		argument, can = "image", true
	case errors.Is(err, ErrUnknownModel):
		argument, can = "model", true
	case argument == "":
		argument = names
	}
	if m, ok := errors.AsType[*mistaken](err); ok && m.Argument != "" {
		argument = m.Argument
	}
	if !can || job == nil && !selects(ctx, "mistake") {
		return nil, err
	}
	w.wrong = &unasked{
		mistaken:   &mistaken{Code: told.Code, Message: told.Message, Hint: told.Hint, Argument: argument, err: err},
		candidates: candidatesOf(err),
	}
	if plan != nil && told.Code == CodeNotSegmentable {
		w.wrong.structures = plan.Terms
		w.wrong.Message = "nothing of what was asked for can be segmented"
		w.wrong.Hint = "structures says of each why not"
	}
	return w, nil
}

// candidatesOf are the terms that an error offers in place of a text.
func candidatesOf(err error) []inference.Candidate {
	if unknown, ok := errors.AsType[*inference.UnknownTermError](err); ok {
		return unknown.Suggestions
	}
	told, ok := errors.AsType[*Error](err)
	if !ok {
		return nil
	}
	var out []inference.Candidate
	for _, key := range []string{"candidates", "suggestions"} {
		rows, _ := told.Details[key].([]map[string]any)
		for _, row := range rows {
			id, _ := row["id"].(string)
			name, _ := row["name"].(string)
			out = append(out, inference.Candidate{ID: id, Name: name})
		}
	}
	return out
}

// selects says whether a field of the value that is being made is asked for,
// fragments expanded. The document's limits bound it.
func selects(ctx context.Context, name string) bool {
	info, _ := ctx.Value(infoKey{}).(*graphql.ResolveInfo)
	if info == nil {
		return false
	}
	var in func(set *ast.SelectionSet) bool
	in = func(set *ast.SelectionSet) bool {
		return set != nil && slices.ContainsFunc(set.Selections, func(selection ast.Selection) bool {
			switch x := selection.(type) {
			case *ast.Field:
				return x.Name.Value == name
			case *ast.InlineFragment:
				return in(x.SelectionSet)
			case *ast.FragmentSpread:
				f, ok := info.Fragments[x.Name.Value].(*ast.FragmentDefinition)
				return ok && in(f.SelectionSet)
			}
			return false
		})
	}
	return slices.ContainsFunc(info.FieldASTs, func(f *ast.Field) bool { return in(f.SelectionSet) })
}

// planAsked plans a query or prompts.
func (s *Service) planAsked(ctx context.Context, a args) (*inference.Plan, error) {
	query, prompts := a.text("query"), list[string](a, "prompts")
	m, _ := a["modality"].(inference.Modality)
	switch {
	case (query == "") == (len(prompts) == 0):
		return nil, &Error{Code: CodeBadInput, Message: "give either query or prompts"}
	case len(prompts) > maxPrompts:
		return nil, &Error{Code: CodeBadInput, Message: "more than " + number(maxPrompts) + " prompts"}
	case query != "":
		return s.plan(ctx, query, m)
	}
	for _, p := range prompts {
		if len(p) > maxText {
			return nil, errLongText
		}
	}
	return inference.Prompts(m, prompts...), nil
}

// planChildren plans what lies below a term. The term is looked up first, so
// that its name may hold a comma or an "and" without being read as several; the
// resolver has the last word on texts that are no term's name.
func (s *Service) planChildren(ctx context.Context, a args, m inference.Modality) (*inference.Plan, error) {
	of, follow := a.text("of"), list[graph.RelationType](a, "relation")
	depth, _ := a["depth"].(int)
	if depth < 1 || depth > maxDepth {
		return nil, &mistaken{Code: CodeBadInput, Message: "depth goes from 1 to " + number(maxDepth), Argument: "depth"}
	}
	id, err := s.termOf(ctx, of)
	query, asked := "children of "+id, "children of "+of
	switch {
	case err != nil && (depth > 1 || len(follow) > 0):
		return nil, err
	case err != nil:
		query = asked
	case depth > 1 || len(follow) > 0:
		below, err := s.below(ctx, id, follow, depth)
		if err != nil {
			return nil, err
		}
		query, asked = strings.Join(below, "; "), sayBelow(of, follow, depth)
	}
	plan, err := s.plan(ctx, query, m)
	if plan != nil {
		plan.Query = asked
	}
	return plan, err
}

// sayBelow names in words what below finds.
func sayBelow(of string, follow []graph.RelationType, depth int) string {
	text := number(depth) + " levels below " + of
	if depth == 1 {
		text = "children of " + of
	}
	if len(follow) > 0 {
		names := make([]string, len(follow))
		for i, r := range follow {
			names[i] = string(r)
		}
		text += " by " + strings.Join(names, " and ")
	}
	return text
}

// below lists the ids that lie up to depth levels below a term, each once, the
// nearer first and by name.
func (s *Service) below(ctx context.Context, id string, follow []graph.RelationType, depth int) ([]string, error) {
	tree := s.tree(ctx)
	if len(follow) == 0 {
		follow = []graph.RelationType{graph.PartOf, graph.IsA}
	}
	seen, level, out := map[string]bool{id: true}, []string{id}, []string{}
	for ; depth > 0 && len(level) > 0; depth-- {
		var next []string
		for _, parent := range level {
			for _, child := range tree.Children(parent, follow...) {
				if !seen[child] {
					seen[child] = true
					next = append(next, child)
				}
			}
		}
		level = tree.SortByName(next)
		if out = append(out, level...); len(out) > maxBelow {
			return nil, &Error{Code: CodeLimit, Message: "more than " + number(maxBelow) + " structures lie there", Hint: "ask for fewer levels, or for a part"}
		}
	}
	if len(out) == 0 {
		term, _ := tree.Term(id)
		return nil, &Error{Code: CodeNotSegmentable, Message: "nothing lies below " + quote(term.Name) + " by these relations", Hint: "segment(query:) takes the term itself"}
	}
	return out, spend(ctx, planTermFor*len(out))
}
