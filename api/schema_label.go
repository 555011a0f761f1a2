package api

import (
	"context"
	"time"

	"github.com/graphql-go/graphql"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// labelTypes are the types of labels and of decisions on them.
type labelTypes struct {
	status, outcome, mode, predicate, action, subjectKind, format *graphql.Enum

	verdict, vote, state, event, suggestion, suggested *graphql.Object
	dataset, label, recipe, recipeCheck                *graphql.Object
	change, ofClass                                    *graphql.Object
	result, setResult                                  *graphql.Union
	mistake, conflict                                  *graphql.Object
	treeChange, changeSet, proposal, impact            *graphql.Object
}

func (s *Service) newLabelTypes(t *types) *labelTypes {
	l := newLabelEnums()
	s.verdictTypes(t, l)
	s.eventType(l)
	s.suggestionTypes(t, l)
	s.datasetTypes(t, l)
	s.recipeTypes(t, l)
	s.impactType(l)
	s.resultTypes(l)
	s.changeSetTypes(t, l)
	s.impactFields(l)
	return l
}

func newLabelEnums() *labelTypes {
	return &labelTypes{
		status: enum("LabelStatus", "Where a label, a recipe or a dataset's policy stands.",
			value{"OPEN", labelmap.Open, "Nobody has decided."},
			value{"AWAITING", labelmap.Awaiting, "One reviewer has decided; a second is needed."},
			value{"DISPUTED", labelmap.Disputed, "Reviewers disagree; a third must settle it."},
			value{"SETTLED", labelmap.Settled, "The verdict counts."}),
		outcome: enum("LabelOutcome", "What a reviewer makes of a label or a recipe.",
			value{"MAPPED", labelmap.Mapped, "The label stands for the targets, or the recipe holds."},
			value{"NO_TERM", labelmap.NoTerm, "The label has no place in the tree, and needs none."},
			value{"NEW_TERM", labelmap.NewTerm, "The tree lacks the term that is wanted."},
			value{"REFUSED", labelmap.Refused, "The recipe is wrong and must not be used."}),
		mode: enum("TargetMode", "How several targets of one label are meant.",
			value{"ALL_OF", labelmap.AllOf, "The label is all targets together."},
			value{"ONE_OF", labelmap.OneOf, "Each labelled thing is one of them."}),
		predicate: enum("Predicate", "How a label relates to a term, as in SKOS, read from the label to the term.",
			value{"EXACT", labelmap.Exact, "It means the same."},
			value{"CLOSE", labelmap.Close, "It means nearly the same."},
			value{"BROAD", labelmap.Broad, "The term is broader than the label."},
			value{"NARROW", labelmap.Narrow, "The term is narrower than the label."},
			value{"RELATED", labelmap.Related, "It means something near."},
			value{"NONE", labelmap.None, "It does not mean the term."}),
		action: enum("LabelAction", "What an event of the ledger does.",
			value{"IMPORT", labelmap.ActImport, "A raw label was brought in, or its source says something new of it."},
			value{"DECIDE", labelmap.ActDecide, "The actor gave a verdict, in place of an earlier one."},
			value{"REJECT", labelmap.ActReject, "A suggested term is wrong; the label stays open."},
			value{"ADJUDICATE", labelmap.ActAdjudicate, "A third person settled what reviewers disagreed on."},
			value{"CONFIRM", labelmap.ActConfirm, "A decision whose terms the tree has changed was kept."},
			value{"FLAG", labelmap.ActFlag, "It was marked for attention."},
			value{"UNFLAG", labelmap.ActUnflag, "The marks were taken away."},
			value{"COMMENT", labelmap.ActComment, "Something was said."},
			value{"POLICY", labelmap.ActPolicy, "It was set how many reviewers a dataset needs."},
			value{"UNDO", labelmap.ActUndo, "An event was taken back, an undo included."}),
		subjectKind: enum("SubjectKind", "What a decision is about.",
			value{"LABEL", labelmap.SubjectLabel, "A raw label of a dataset."},
			value{"RECIPE", labelmap.SubjectRecipe, "How a corpus class is made in a dataset."},
			value{"DATASET", labelmap.SubjectDataset, "A dataset as a whole: its policy."}),
		format: enum("LabelExportFormat", "A form that decisions are written in.",
			value{"SSSOM", "sssom", "A SSSOM mapping set as TSV."},
			value{"SSSOM_JSON", "sssom-json", "A SSSOM mapping set as JSON."},
			value{"CSV", "csv", "A table for spreadsheets; a cell that would run as a formula gets an apostrophe in front."}),
	}
}

// texts is a field of texts, each paid for.
func texts[T any](s *Service, description string, f func(x T) []string) *graphql.Field {
	return &graphql.Field{
		Type: listOf(graphql.String), Description: description,
		Resolve: on(s, func(ctx context.Context, x T, _ args) (any, error) {
			list := f(x)
			return list, charge(ctx, len(list))
		}),
	}
}

// text is a field of a text that may be empty.
func text[T any](s *Service, description string, f func(x T) string) *graphql.Field {
	return &graphql.Field{Type: required(graphql.String), Description: description, Resolve: get(s, func(x T) any { return f(x) })}
}

// whole is a field of a number.
func whole[T any](s *Service, description string, f func(x T) int) *graphql.Field {
	return &graphql.Field{Type: required(graphql.Int), Description: description, Resolve: get(s, func(x T) any { return f(x) })}
}

// moment is a field of a time.
func moment[T any](s *Service, description string, f func(x T) time.Time) *graphql.Field {
	return &graphql.Field{Type: required(graphql.DateTime), Description: description, Resolve: get(s, func(x T) any { return f(x).UTC() })}
}

// nilIfEmpty makes null of an empty name.
func nilIfEmpty[T ~string](name T) any {
	if name == "" {
		return nil
	}
	return name
}

func (s *Service) verdictTypes(t *types, l *labelTypes) {
	target := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Target",
		Description: "A term that a verdict names, as it was when it was decided.",
		Fields: graphql.Fields{
			"id":        {Type: required(graphql.ID), Description: "The term's id.", Resolve: get(s, func(x labelmap.Target) any { return x.TermID })},
			"name":      text(s, "The term's name at that time.", func(x labelmap.Target) string { return x.Name }),
			"predicate": {Type: required(l.predicate), Description: "How the label relates to it.", Resolve: get(s, func(x labelmap.Target) any { return x.Predicate })},
			"term": {
				Type: t.term, Description: "The term as it is now; null where the tree no longer has it.",
				Resolve: on(s, func(_ context.Context, x labelmap.Target, _ args) (any, error) { return s.termOrNil(x.TermID) }),
			},
		},
	})
	expression := graphql.NewObject(graphql.ObjectConfig{
		Name:        "RecipeText",
		Description: "How a dataset's raw files make a corpus class.",
		Fields: graphql.Fields{
			"class": text(s, "The corpus class that is made.", func(r *labelmap.Recipe) string { return r.Class }),
			"modality": {
				Type: graphql.String, Description: `The kind of scan it is for: "ct", "mri", "pet"; null for all of the dataset.`,
				Resolve: get(s, func(r *labelmap.Recipe) any { return nilIfEmpty(r.Modality) }),
			},
			"expression": text(s, `What is done with which values, such as "{1, 2} + {5}".`, func(r *labelmap.Recipe) string { return r.Expr.String() }),
			"complete":   {Type: required(graphql.Boolean), Description: "Whether the class is whole.", Resolve: get(s, func(r *labelmap.Recipe) any { return r.Complete })},
			"missing":    texts(s, "Parts of the class that the dataset does not have.", func(r *labelmap.Recipe) []string { return r.Missing }),
			"definition": text(s, `What the dataset means by the class where datasets differ: "includes tumour"; may be empty.`, func(r *labelmap.Recipe) string { return r.Definition }),
			"risk":       text(s, "What can go wrong where a side is guessed; may be empty.", func(r *labelmap.Recipe) string { return r.Risk }),
			"reason":     text(s, "Why it is so; may be empty.", func(r *labelmap.Recipe) string { return r.Reason }),
		},
	})
	l.verdict = graphql.NewObject(graphql.ObjectConfig{
		Name:        "Verdict",
		Description: "A reviewer's decision.",
		Fields: graphql.Fields{
			"outcome": {Type: required(l.outcome), Description: "What it comes to.", Resolve: get(s, func(v *labelmap.Verdict) any { return v.Outcome })},
			"mode": {
				Type: l.mode, Description: "How several targets are meant; null for one or none.",
				Resolve: get(s, func(v *labelmap.Verdict) any { return nilIfEmpty(v.Mode) }),
			},
			"targets": {
				Type: listOf(target), Description: "The terms that the label stands for.",
				Resolve: on(s, func(ctx context.Context, v *labelmap.Verdict, _ args) (any, error) {
					return v.Targets, charge(ctx, len(v.Targets))
				}),
			},
			"newTerm": {
				Type: graphql.String, Description: "The name of the term that the tree lacks; null where it lacks none.",
				Resolve: get(s, func(v *labelmap.Verdict) any { return nilIfEmpty(v.NewTerm) }),
			},
			"changeSet": {
				Type: graphql.ID, Description: "The change set of the tree that would add it; null where there is none.",
				Resolve: get(s, func(v *labelmap.Verdict) any { return nilIfEmpty(v.ChangeSet) }),
			},
			"recipe": {Type: expression, Description: "The recipe that was decided on; null for labels.", Resolve: get(s, func(v *labelmap.Verdict) any {
				if v.Recipe == nil {
					return nil
				}
				return v.Recipe
			})},
		},
	})
	l.vote = graphql.NewObject(graphql.ObjectConfig{
		Name:        "Vote",
		Description: "What one person said, and still holds.",
		Fields: graphql.Fields{
			"by": text(s, "Who.", func(v *labelmap.Vote) string { return v.Actor }),
			"at": moment(s, "When.", func(v *labelmap.Vote) time.Time { return v.Time }),
			"verdict": {Type: l.verdict, Description: "The verdict; null for a flag.", Resolve: get(s, func(v *labelmap.Vote) any {
				if v.Verdict.Outcome == "" {
					return nil
				}
				return &v.Verdict
			})},
			"comment": text(s, "Why; may be empty.", func(v *labelmap.Vote) string { return v.Comment }),
			"event":   {Type: required(graphql.ID), Description: "The event that it stands on, for undoDecision.", Resolve: get(s, func(v *labelmap.Vote) any { return v.Event })},
		},
	})
	s.stateType(l)
}

func (s *Service) stateType(l *labelTypes) {
	votes := func(description string, f func(st *labelmap.State) []labelmap.Vote) *graphql.Field {
		return &graphql.Field{
			Type: listOf(l.vote), Description: description,
			Resolve: on(s, func(ctx context.Context, st *labelmap.State, _ args) (any, error) {
				list := f(st)
				out := make([]*labelmap.Vote, len(list))
				for i := range list {
					out[i] = &list[i]
				}
				return out, charge(ctx, len(list))
			}),
		}
	}
	l.state = graphql.NewObject(graphql.ObjectConfig{
		Name:        "ReviewState",
		Description: "Where a label, a recipe or a dataset stands: what its events come to.",
		Fields: graphql.Fields{
			"status": {Type: required(l.status), Description: "Whether it is settled.", Resolve: get(s, func(st *labelmap.State) any { return st.Status })},
			"verdict": {Type: l.verdict, Description: "The verdict that counts; null unless settled.", Resolve: get(s, func(st *labelmap.State) any {
				if st.Verdict == nil {
					return nil
				}
				return st.Verdict
			})},
			"settledBy": texts(s, "Who settled it: the reviewers, or who adjudicated.", func(st *labelmap.State) []string { return st.SettledBy }),
			"votes":     votes("Standing verdicts, oldest first.", func(st *labelmap.State) []labelmap.Vote { return st.Votes }),
			"adjudication": {Type: l.vote, Description: "The third person's verdict, while it stands; else null.", Resolve: get(s, func(st *labelmap.State) any {
				if st.Adjudication == nil {
					return nil
				}
				return st.Adjudication
			})},
			"rejected":  votes("Suggestions that somebody has said to be wrong.", func(st *labelmap.State) []labelmap.Vote { return st.Rejected }),
			"flags":     votes("Standing marks for attention; each comment says why.", func(st *labelmap.State) []labelmap.Vote { return st.Flags }),
			"version":   whole(s, "The number of its events: give it with a decision, so that one made meanwhile is noticed.", func(st *labelmap.State) int { return int(st.Version) }),
			"reviewers": whole(s, "How many reviewers must agree.", func(st *labelmap.State) int { return max(1, st.Reviewers) }),
			"changedAt": {Type: graphql.DateTime, Description: "When its latest event was written; null where there is none.", Resolve: get(s, func(st *labelmap.State) any {
				if st.Last.IsZero() {
					return nil
				}
				return st.Last.UTC()
			})},
		},
	})
}

func (s *Service) eventType(l *labelTypes) {
	offer := graphql.NewObject(graphql.ObjectConfig{
		Name:        "Offer",
		Description: "What the program had suggested when a decision was made.",
		Fields: graphql.Fields{
			"termId": {Type: required(graphql.ID), Description: "The suggested term's id.", Resolve: get(s, func(o *labelmap.Offer) any { return o.TermID })},
			"score":  {Type: required(graphql.Float), Description: "Its score, from 0 to 1.", Resolve: get(s, func(o *labelmap.Offer) any { return o.Score })},
			"rank":   whole(s, "Its place among the suggestions, from 1.", func(o *labelmap.Offer) int { return o.Rank }),
			"tool":   text(s, "Program and version.", func(o *labelmap.Offer) string { return o.Tool }),
		},
	})
	l.event = graphql.NewObject(graphql.ObjectConfig{
		Name:        "LabelEvent",
		Description: "One entry of the ledger of decisions. Entries are never changed or taken away.",
		Fields: graphql.Fields{
			"id":      {Type: required(graphql.ID), Description: "Its id, for undoDecision.", Resolve: get(s, func(e *labelmap.Event) any { return e.ID })},
			"seq":     {Type: required(graphql.Float), Description: "Its place in the ledger, from 1.", Resolve: get(s, func(e *labelmap.Event) any { return float64(e.Seq) })},
			"batch":   {Type: required(graphql.ID), Description: "What was written together with it; undoDecision takes all of it back.", Resolve: get(s, func(e *labelmap.Event) any { return e.Batch })},
			"at":      moment(s, "When.", func(e *labelmap.Event) time.Time { return e.Time }),
			"by":      text(s, "Who.", func(e *labelmap.Event) string { return e.Actor }),
			"tool":    text(s, "Program and version that wrote it.", func(e *labelmap.Event) string { return e.Tool }),
			"kind":    {Type: required(l.subjectKind), Description: "What it is about.", Resolve: get(s, func(e *labelmap.Event) any { return e.Subject.Kind })},
			"dataset": text(s, "The dataset's name.", func(e *labelmap.Event) string { return e.Subject.Dataset }),
			"key":     text(s, "The raw label's key or the recipe's class; empty for a dataset.", func(e *labelmap.Event) string { return e.Subject.Key }),
			"version": whole(s, "How many events its subject had before.", func(e *labelmap.Event) int { return int(e.Version) }),
			"action":  {Type: required(l.action), Description: "What it does.", Resolve: get(s, func(e *labelmap.Event) any { return e.Action })},
			"verdict": {Type: l.verdict, Description: "The verdict it gives; null where it gives none.", Resolve: get(s, func(e *labelmap.Event) any {
				if e.Verdict == nil {
					return nil
				}
				return e.Verdict
			})},
			"offer": {Type: offer, Description: "What the program had suggested; null where nothing.", Resolve: get(s, func(e *labelmap.Event) any {
				if e.Suggestion == nil {
					return nil
				}
				return e.Suggestion
			})},
			"reviewers": {Type: graphql.Int, Description: "How many reviewers a policy asks for; null for all else.", Resolve: get(s, func(e *labelmap.Event) any {
				if e.Reviewers == 0 {
					return nil
				}
				return e.Reviewers
			})},
			"undoes":  {Type: graphql.ID, Description: "The event that an undo takes back; null for all else.", Resolve: get(s, func(e *labelmap.Event) any { return nilIfEmpty(e.Ref) })},
			"comment": text(s, "Why, in the actor's words; may be empty.", func(e *labelmap.Event) string { return e.Comment }),
		},
	})
}

func (s *Service) suggestionTypes(t *types, l *labelTypes) {
	l.suggestion = graphql.NewObject(graphql.ObjectConfig{
		Name:        "Suggestion",
		Description: "A term that a label may stand for. It counts once somebody has accepted it.",
		Fields: graphql.Fields{
			"term": {
				Type: t.term, Description: "The term.",
				Resolve: on(s, func(_ context.Context, x suggest.Suggestion, _ args) (any, error) { return s.termOrNil(x.TermID) }),
			},
			"predicate": {Type: required(l.predicate), Description: "How the label would relate to it.", Resolve: get(s, func(x suggest.Suggestion) any { return x.Predicate })},
			"laterality": {Type: t.side, Description: "The side of the term; null where it has none.", Resolve: get(s, func(x suggest.Suggestion) any {
				if x.Laterality == graph.Unsided {
					return nil
				}
				return x.Laterality
			})},
			"score":   {Type: required(graphql.Float), Description: "From 0 to 1; from " + fraction(suggest.Accept) + " on acceptLabels takes it unseen.", Resolve: get(s, func(x suggest.Suggestion) any { return x.Score })},
			"reasons": texts(s, "Why, in words.", func(x suggest.Suggestion) []string { return x.Reasons }),
		},
	})
	l.suggested = graphql.NewObject(graphql.ObjectConfig{
		Name:        "LabelSuggestions",
		Description: "What is suggested for one label, in the light of the labels around it.",
		Fields: graphql.Fields{
			"label": text(s, "The label as written.", func(r *suggest.Result) string { return r.Label.Name }),
			"key":   text(s, "Its key: values and name.", func(r *suggest.Result) string { return r.Label.Key() }),
			"suggestions": {
				Type: listOf(l.suggestion), Description: "Best first.",
				Args: graphql.FieldConfigArgument{"limit": limitArgument(5, maxSuggestions)},
				Resolve: on(s, func(ctx context.Context, r *suggest.Result, a args) (any, error) {
					limit, err := a.limit(maxSuggestions)
					if err != nil {
						return nil, err
					}
					list := r.Suggestions[:min(limit, len(r.Suggestions))]
					return list, charge(ctx, len(list))
				}),
			},
			"abstained": {Type: required(graphql.Boolean), Description: "Whether there is no answer: the suggestions are candidates only.", Resolve: get(s, func(r *suggest.Result) any { return r.Abstained })},
			"why":       text(s, "What is in doubt, where there is no answer.", func(r *suggest.Result) string { return r.Why }),
			"flags":     texts(s, "What to look at even where the name is clear.", func(r *suggest.Result) []string { return r.Flags }),
		},
	})
}
