package api

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/ingest"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

func (s *Service) resultTypes(l *labelTypes) {
	l.change = graphql.NewObject(graphql.ObjectConfig{
		Name: "DecisionEffect", Description: "What a decision did, or would do, to one label, recipe or dataset.",
		Fields: graphql.Fields{
			"kind":    {Type: required(l.subjectKind), Description: "What it is about.", Resolve: get(s, func(c *labelmap.Change) any { return c.After.Subject.Kind })},
			"dataset": text(s, "The dataset's name.", func(c *labelmap.Change) string { return c.After.Subject.Dataset }),
			"key":     text(s, "The raw label's key or the recipe's class; empty for a dataset.", func(c *labelmap.Change) string { return c.After.Subject.Key }),
			"before":  {Type: required(l.state), Description: "Where it stood before.", Resolve: get(s, func(c *labelmap.Change) any { return &c.Before })},
			"after":   {Type: required(l.state), Description: "Where it stands after it.", Resolve: get(s, func(c *labelmap.Change) any { return &c.After })},
		},
	})
	done := graphql.NewObject(graphql.ObjectConfig{
		Name: "Decision", Description: "A decision that was written, or with preview, what it would change.",
		Fields: graphql.Fields{
			"preview": {Type: required(graphql.Boolean), Description: "Whether nothing was written.", Resolve: get(s, func(d *decided) any { return d.preview })},
			"batch":   {Type: graphql.ID, Description: "What undoDecision takes it back by; null for a preview.", Resolve: get(s, func(d *decided) any { return nilIfEmpty(d.batch) })},
			"events": {Type: listOf(l.event), Description: "What was written; nothing for a preview.", Resolve: on(s, func(ctx context.Context, d *decided, _ args) (any, error) {
				return eventNodes(d.events), charge(ctx, len(d.events))
			})},
			"changes": {Type: listOf(l.change), Description: "What it did to each label, recipe or dataset.", Resolve: on(s, func(ctx context.Context, d *decided, _ args) (any, error) {
				out := make([]*labelmap.Change, len(d.changes))
				for i := range d.changes {
					out[i] = &d.changes[i]
				}
				return out, charge(ctx, len(out))
			})},
			"impact": {Type: listOf(l.impact), Description: "What it changes in the corpus, for each dataset that it is about, or with preview, what it would change.", Resolve: onDesk(s, func(ctx context.Context, desk *desk, d *decided, _ args) (any, error) {
				return s.impactOf(ctx, desk, d)
			})},
		},
	})
	l.conflict = graphql.NewObject(graphql.ObjectConfig{
		Name: "DecisionConflict", Description: "Somebody else was first. Nothing was written: look at both versions and decide anew.",
		Fields: graphql.Fields{
			"message": text(s, "What happened.", func(c *conflicted) string { return c.Error() }),
			"yours":   {Type: required(l.event), Description: "What was refused.", Resolve: get(s, func(c *conflicted) any { return &c.Yours })},
			"theirs": {Type: listOf(l.event), Description: "What was written since the version that was given.", Resolve: on(s, func(ctx context.Context, c *conflicted, _ args) (any, error) {
				return eventNodes(c.Theirs), charge(ctx, len(c.Theirs))
			})},
			"now": {Type: required(l.state), Description: "Where it stands now; its version is the one to give next.", Resolve: get(s, func(c *conflicted) any { return c.now })},
		},
	})
	l.mistake = graphql.NewObject(graphql.ObjectConfig{
		Name: "DecisionMistake", Description: "Something about the request that its sender can mend. Nothing was written.",
		Fields: graphql.Fields{
			"code":     text(s, "A stable code, of those in the errors' extensions.", func(m *mistaken) string { return string(m.Code) }),
			"message":  text(s, "What is wrong.", func(m *mistaken) string { return m.Message }),
			"hint":     text(s, "What to do about it; may be empty.", func(m *mistaken) string { return m.Hint }),
			"argument": {Type: graphql.String, Description: "The argument that is at fault; null where none is.", Resolve: get(s, func(m *mistaken) any { return nilIfEmpty(m.Argument) })},
		},
	})
	conflict, wrong := l.conflict, l.mistake
	l.result = graphql.NewUnion(graphql.UnionConfig{
		Name: "DecisionResult", Description: "What came of a decision: it was written, somebody was first, or something was wrong with it.",
		Types: []*graphql.Object{done, conflict, wrong},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
			switch p.Value.(type) {
			case *decided:
				return done
			case *conflicted:
				return conflict
			default:
				return wrong
			}
		},
	})
}

// deciding is what every mutation of the ledger takes.
func deciding(more graphql.FieldConfigArgument) graphql.FieldConfigArgument {
	all := graphql.FieldConfigArgument{
		"by":      {Type: graphql.String, Description: "Who decides, where the service asks nobody who they are; else the caller. The header " + actorHeader + " says the same."},
		"comment": {Type: graphql.String, Description: "Why."},
		"preview": {Type: graphql.Boolean, DefaultValue: false, Description: "Only say what would change."},
	}
	maps.Copy(all, more)
	return all
}

// onLabel adds the arguments that name one label in the version that was seen.
func onLabel(more graphql.FieldConfigArgument) graphql.FieldConfigArgument {
	all := graphql.FieldConfigArgument{
		"dataset": {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
		"label":   {Type: graphql.NewNonNull(graphql.String), Description: "The label's key, or its name or value where only one label has it."},
		"version": {Type: graphql.Int, Description: "The version that was seen: a decision made meanwhile is then a conflict. Without it, the present one."},
	}
	maps.Copy(all, more)
	return deciding(all)
}

// entriesOf makes what a mutation writes. User mistakes are errors here.
type entriesOf func(ctx context.Context, d *desk, by string, a args) ([]labelmap.Entry, error)

// mutation is a field that writes entries under the caller's name.
func (s *Service) mutation(l *labelTypes, p auth.Permission, description string, arguments graphql.FieldConfigArgument, entries entriesOf) *graphql.Field {
	return &graphql.Field{
		Type: required(l.result), Description: description, Args: arguments,
		Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
			by, err := s.actor(ctx, a, p)
			if err != nil {
				return d.typed(ctx, err)
			}
			if len(a.text("comment")) > maxText {
				return &mistaken{Code: CodeBadInput, Message: errLongText.Message, Argument: "comment"}, nil
			}
			list, err := entries(ctx, d, by, a)
			if err != nil {
				return d.typed(ctx, err)
			}
			preview, _ := a["preview"].(bool)
			for i := range list {
				if comment := a.text("comment"); comment != "" {
					list[i].Comment = comment
				}
			}
			result, err := d.decide(ctx, by, preview, list)
			if _, ok := result.(*decided); ok && !preview {
				s.feed.nudge()
			}
			return result, err
		}),
	}
}

// oneLabel makes entries of what is decided on the label that the arguments
// name.
func oneLabel(decide func(ctx context.Context, d *desk, st *labelmap.State, a args) (labelmap.Entry, error)) entriesOf {
	return func(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
		st, err := d.find(ctx, a.text("dataset"), a.text("label"))
		if err != nil {
			return nil, err
		}
		entry, err := decide(ctx, d, st, a)
		if err != nil {
			return nil, err
		}
		entry.Subject, entry.Version = st.Subject, seen(a, st.Version)
		return []labelmap.Entry{entry}, nil
	}
}

// seen is the version that the caller saw.
func seen(a args, now int64) int64 {
	if v, ok := a["version"].(int); ok {
		return int64(v)
	}
	return now
}

// verdictArguments describe what a label stands for.
func verdictArguments(l *labelTypes) graphql.FieldConfigArgument {
	return graphql.FieldConfigArgument{
		"terms":     {Type: graphql.NewList(graphql.NewNonNull(graphql.String)), Description: "The terms that the label stands for, by id or name."},
		"predicate": {Type: l.predicate, DefaultValue: labelmap.Exact, Description: "How the label relates to them."},
		"oneOf":     {Type: graphql.Boolean, DefaultValue: false, Description: "Of several terms each labelled thing is one; else the label is all of them together."},
		"noTerm":    {Type: graphql.Boolean, DefaultValue: false, Description: "The tree has no place for the label, and needs none."},
		"newTerm":   {Type: graphql.String, Description: "The tree lacks the term, which would be called so."},
		"under":     {Type: graphql.String, Description: "With newTerm: the term that the new one is a kind of, by id or name."},
		"partOf":    {Type: graphql.String, Description: "With newTerm: the term that the new one is a part of or lies in, by id or name."},
	}
}

func (s *Service) labelMutations(t *types, l *labelTypes) graphql.Fields {
	note := func(action labelmap.Action) entriesOf {
		return oneLabel(func(context.Context, *desk, *labelmap.State, args) (labelmap.Entry, error) {
			return labelmap.Entry{Action: action}, nil
		})
	}
	verdict := func(action labelmap.Action) entriesOf {
		return oneLabel(func(ctx context.Context, _ *desk, _ *labelmap.State, a args) (labelmap.Entry, error) {
			v, err := s.verdictOf(ctx, a)
			return labelmap.Entry{Action: action, Verdict: v}, err
		})
	}
	return graphql.Fields{
		"importLabels": s.mutation(l, auth.Curate, "Brings a dataset's raw labels in. Labels that are in already are left alone; one of which the text says something new gets that as a further event.", deciding(graphql.FieldConfigArgument{
			"dataset":  {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
			"text":     {Type: graphql.NewNonNull(graphql.String), Description: "The content of a label file: one label a line, a table, nnU-Net's dataset.json, or another form that `satgraph labels import` reads."},
			"file":     {Type: graphql.String, DefaultValue: "labels.txt", Description: "The file's name, which helps to tell its form."},
			"modality": {Type: t.modality, Description: "The kind of scan, where the text does not say."},
			"region":   {Type: graphql.String, Description: `What the scans show, where the text does not say, such as "abdomen".`},
		}), importEntries),
		"acceptLabel": s.mutation(l, auth.Curate, "Accepts a suggestion for a label.", onLabel(graphql.FieldConfigArgument{
			"rank": {Type: graphql.Int, DefaultValue: 1, Description: "Which suggestion, 1 being the first. Only the first of a label without answer needs to be asked for by changeLabel."},
		}), oneLabel(s.acceptEntry)),
		"acceptLabels": s.mutation(l, auth.Curate, "Accepts the suggestions for many labels in one batch: of all labels that are open or await a second reviewer, have no flag, and are suggested surely.", deciding(graphql.FieldConfigArgument{
			"dataset":  {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
			"labels":   {Type: graphql.NewList(graphql.NewNonNull(graphql.String)), Description: "Only these, by key."},
			"minScore": {Type: graphql.Float, DefaultValue: suggest.Accept, Description: "The lowest score that is accepted."},
		}), s.acceptEntries),
		"changeLabel": s.mutation(l, auth.Curate, "Decides what a label stands for, whatever is suggested. A further verdict of the same person takes the place of the earlier.", onLabel(verdictArguments(l)), verdict(labelmap.ActDecide)),
		"rejectLabel": s.mutation(l, auth.Curate, "Says that a label does not stand for a term; the label stays open.", onLabel(graphql.FieldConfigArgument{
			"term": {Type: graphql.String, Description: "The term, by id or name; without it, the first suggestion."},
		}), oneLabel(s.rejectEntry)),
		"flagLabel":    s.mutation(l, auth.Curate, "Marks a label for attention; the comment says why.", onLabel(nil), note(labelmap.ActFlag)),
		"unflagLabel":  s.mutation(l, auth.Curate, "Takes the marks of a label away.", onLabel(nil), note(labelmap.ActUnflag)),
		"commentLabel": s.mutation(l, auth.Curate, "Says something about a label.", onLabel(nil), note(labelmap.ActComment)),
		"confirmLabel": s.mutation(l, auth.Review, "Keeps a decision although the tree has changed its terms.", onLabel(nil), oneLabel(func(ctx context.Context, _ *desk, st *labelmap.State, _ args) (labelmap.Entry, error) {
			return s.confirmEntry(ctx, st)
		})),
		"adjudicateLabel": s.mutation(l, auth.Review, "Settles what reviewers disagree on, as somebody who has not voted on it.", onLabel(verdictArguments(l)), verdict(labelmap.ActAdjudicate)),
		"setReviewers": s.mutation(l, auth.Review, "Sets how many reviewers must agree on a dataset's labels and recipes.", deciding(graphql.FieldConfigArgument{
			"dataset":   {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
			"reviewers": {Type: graphql.NewNonNull(graphql.Int), Description: "1, or 2 with a third to settle disputes."},
			"version":   {Type: graphql.Int, Description: "The version of the dataset's state that was seen. Without it, the present one."},
		}), func(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
			subject := labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: a.text("dataset")}
			st, err := d.book.State(ctx, subject)
			if err != nil {
				return nil, err
			}
			n, _ := a["reviewers"].(int)
			return []labelmap.Entry{{Subject: subject, Version: seen(a, st.Version), Action: labelmap.ActPolicy, Reviewers: n}}, nil
		}),
		"undoDecision": s.mutation(l, auth.Curate, "Takes one event back, or all of a batch. An undo is a decision too, and can itself be undone.", deciding(graphql.FieldConfigArgument{
			"ref": {Type: graphql.NewNonNull(graphql.ID), Description: "The id of an event or of a batch."},
		}), func(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
			return d.book.Undoing(ctx, a.text("ref"), a.text("comment"))
		}),
	}
}

// importEntries brings in the labels of a text.
func importEntries(ctx context.Context, d *desk, _ string, a args) ([]labelmap.Entry, error) {
	modality, _ := a["modality"].(inference.Modality)
	read, err := ingest.ParseLabels(strings.NewReader(a.text("text")), a.text("file"), ingest.LabelOptions{
		Dataset: a.text("dataset"), Modality: string(modality), Region: a.text("region"),
	})
	if err != nil {
		return nil, &mistaken{Code: CodeBadInput, Message: err.Error(), Argument: "text", err: err}
	}
	for i := range read.Labels {
		if read.Labels[i].Dataset != a.text("dataset") {
			return nil, &mistaken{Code: CodeBadInput, Message: "line " + number(read.Labels[i].Line) + " is of another dataset, " + quote(read.Labels[i].Dataset), Argument: "text"}
		}
	}
	in, err := d.book.Importing(ctx, read.Labels)
	if err != nil {
		return nil, err
	}
	if len(in.Entries) == 0 {
		return nil, &mistaken{Code: CodeBadInput, Message: "all " + number(in.Unchanged) + " labels are in already as they are given", Argument: "text"}
	}
	return in.Entries, nil
}

// maxTargets is how many terms one verdict of a request names.
const maxTargets = 100

// verdictOf makes the verdict that the arguments describe.
func (s *Service) verdictOf(ctx context.Context, a args) (*labelmap.Verdict, error) {
	terms := list[string](a, "terms")
	none, _ := a["noTerm"].(bool)
	newTerm := a.text("newTerm")
	said := 0
	for _, given := range []bool{len(terms) > 0, none, newTerm != ""} {
		if given {
			said++
		}
	}
	switch {
	case said != 1:
		return nil, &mistaken{Code: CodeBadInput, Message: "give one of terms, noTerm and newTerm", Argument: "terms"}
	case len(terms) > maxTargets:
		return nil, &mistaken{Code: CodeBadInput, Message: "more than " + number(maxTargets) + " terms", Argument: "terms"}
	case none:
		return &labelmap.Verdict{Outcome: labelmap.NoTerm}, nil
	case newTerm != "":
		return s.newTermVerdict(ctx, a, newTerm)
	}
	v := &labelmap.Verdict{Outcome: labelmap.Mapped}
	p, _ := a["predicate"].(labelmap.Predicate)
	for _, text := range terms {
		target, err := s.target(ctx, text, p)
		if err != nil {
			return nil, err
		}
		v.Targets = append(v.Targets, target)
	}
	if len(terms) > 1 {
		v.Mode = labelmap.AllOf
		if oneOf, _ := a["oneOf"].(bool); oneOf {
			v.Mode = labelmap.OneOf
		}
	}
	return v, nil
}

func (s *Service) newTermVerdict(ctx context.Context, a args, name string) (*labelmap.Verdict, error) {
	var places []labelmap.Target
	for argument, p := range map[string]labelmap.Predicate{"under": labelmap.Broad, "partOf": labelmap.Related} {
		if a.text(argument) == "" {
			continue
		}
		target, err := s.target(ctx, a.text(argument), p)
		if err != nil {
			return nil, err
		}
		places = append(places, target)
	}
	slices.SortFunc(places, func(x, y labelmap.Target) int { // broad before related
		if x.Predicate < y.Predicate {
			return -1
		}
		return 1
	})
	v, err := labelmap.NewTermVerdict(s.tree(ctx), name, places...)
	if err != nil && mistake(err) == nil {
		err = &mistaken{Code: CodeBadInput, Message: err.Error(), Argument: "newTerm", err: err}
	}
	return v, err
}

func (s *Service) target(ctx context.Context, text string, p labelmap.Predicate) (labelmap.Target, error) {
	id, err := s.termOf(ctx, text)
	if err != nil {
		return labelmap.Target{}, err
	}
	return labelmap.TargetOf(s.tree(ctx), id, p)
}

// acceptEntry accepts the suggestion of the rank that is asked for.
func (s *Service) acceptEntry(ctx context.Context, d *desk, st *labelmap.State, a args) (labelmap.Entry, error) {
	r, err := s.suggestionFor(ctx, d, st)
	if err != nil {
		return labelmap.Entry{}, err
	}
	rank, _ := a["rank"].(int)
	if r == nil || rank < 1 || rank > len(r.Suggestions) {
		return labelmap.Entry{}, &mistaken{Code: CodeNotFound, Message: "there is no such suggestion for " + quote(st.Subject.Key), Hint: "give the term with changeLabel", Argument: "rank"}
	}
	if rank > 1 {
		x := r.Suggestions[rank-1]
		target, err := labelmap.TargetOf(s.tree(ctx), x.TermID, x.Predicate)
		return labelmap.Entry{
			Action: labelmap.ActDecide, Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}},
			Suggestion: &labelmap.Offer{TermID: x.TermID, Score: x.Score, Rank: rank, Tool: d.tool},
		}, err
	}
	entry, ok, err := r.Accepting(s.tree(ctx), st, d.tool)
	if err == nil && !ok {
		err = &mistaken{Code: CodeNotFound, Message: quote(st.Subject.Key) + " has no answer to accept: " + r.Why, Hint: "give the term with changeLabel", Argument: "label"}
	}
	return entry, err
}

// acceptEntries accepts the sure suggestions for many labels.
func (s *Service) acceptEntries(ctx context.Context, d *desk, by string, a args) ([]labelmap.Entry, error) {
	suggested, err := s.suggestionsOf(ctx, d, a.text("dataset"))
	if err != nil {
		return nil, err
	}
	states, err := d.states(ctx, a.text("dataset"))
	if err != nil {
		return nil, err
	}
	only := map[string]bool{}
	for _, key := range list[string](a, "labels") {
		only[key] = true
	}
	least, _ := a["minScore"].(float64)
	var out []labelmap.Entry
	for i := range states {
		st := &states[i]
		r := suggested[st.Subject.Key]
		if r == nil || len(r.Flags) > 0 || len(st.Flags) > 0 || len(only) > 0 && !only[st.Subject.Key] ||
			st.Status != labelmap.Open && st.Status != labelmap.Awaiting ||
			slices.ContainsFunc(st.Votes, func(v labelmap.Vote) bool { return v.Actor == by }) {
			continue
		}
		entry, ok, err := r.Accepting(s.tree(ctx), st, d.tool)
		if err != nil {
			return nil, err
		}
		if ok && r.Suggestions[0].Score >= least {
			out = append(out, entry)
		}
	}
	if len(out) == 0 {
		return nil, &mistaken{Code: CodeNotFound, Message: "no open label of " + quote(a.text("dataset")) + " has a suggestion that is sure enough", Argument: "minScore"}
	}
	return out, nil
}

// rejectEntry rejects a term, or the first suggestion.
func (s *Service) rejectEntry(ctx context.Context, d *desk, st *labelmap.State, a args) (labelmap.Entry, error) {
	text := a.text("term")
	if text == "" {
		r, err := s.suggestionFor(ctx, d, st)
		if err != nil {
			return labelmap.Entry{}, err
		}
		if r == nil || len(r.Suggestions) == 0 {
			return labelmap.Entry{}, &mistaken{Code: CodeNotFound, Message: quote(st.Subject.Key) + " has no suggestion to reject", Hint: "give the term", Argument: "term"}
		}
		text = r.Suggestions[0].TermID
	}
	target, err := s.target(ctx, text, labelmap.Exact)
	return labelmap.Entry{Action: labelmap.ActReject, Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{target}}}, err
}

// confirmEntry keeps the standing verdict with its terms as they are now.
func (s *Service) confirmEntry(ctx context.Context, st *labelmap.State) (labelmap.Entry, error) {
	if st.Verdict == nil {
		return labelmap.Entry{}, &mistaken{Code: CodeBadInput, Message: quote(st.Subject.Key) + " is not settled", Argument: "label"}
	}
	v := *st.Verdict
	v.Targets = slices.Clone(v.Targets)
	for i, t := range v.Targets {
		var err error
		if v.Targets[i], err = labelmap.TargetOf(s.tree(ctx), t.TermID, t.Predicate); err != nil {
			return labelmap.Entry{}, err
		}
	}
	return labelmap.Entry{Action: labelmap.ActConfirm, Verdict: &v}, nil
}
