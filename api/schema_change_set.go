package api

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
)

// maxChanges is how many changes of one set a field gives.
const maxChanges = 1_000

// changed is a change set that was applied or undone, with what followed.
type changed struct {
	record *graph.Record // nil where it was applied before
	events []labelmap.Event
}

// setConflict is a change set that does not fit the tree as it is.
type setConflict struct{ err *graph.ConflictError }

// changer gives the store that keeps change sets.
func (s *Service) changer() (graph.Changer, error) {
	if s.config.Changes == nil {
		return nil, &Error{Code: CodeServiceUnavailable, Message: "this service does not change its tree", Hint: "ask the operator for a store that does"}
	}
	return s.config.Changes, nil
}

func (s *Service) changeSetTypes(t *types, l *labelTypes) {
	op := enum("TreeOperation", "What one change does to the tree.",
		value{"ADD_TERM", graph.AddTerm, "A term comes."},
		value{"REMOVE_TERM", graph.RemoveTerm, "A term goes."},
		value{"UPDATE_TERM", graph.UpdateTerm, "A term has other names, another definition, kind or side."},
		value{"ADD_RELATION", graph.AddRelation, "Two terms come to be related."},
		value{"REMOVE_RELATION", graph.RemoveRelation, "Two terms are no longer related."})
	idOf := func(c graph.Change) any { return nilIfEmpty(c.TermID()) }
	nameOf := func(x *graph.Term) any {
		if x == nil {
			return nil
		}
		return x.Name
	}
	l.treeChange = graphql.NewObject(graphql.ObjectConfig{
		Name: "TreeChange", Description: "One step of a change set.",
		Fields: graphql.Fields{
			"operation": {Type: required(op), Description: "What it does.", Resolve: get(s, func(c graph.Change) any { return c.Op })},
			"summary":   text(s, `The change in a line, such as "add_term SATG:x1 (left auricle)".`, func(c graph.Change) string { return c.String() }),
			"termId":    {Type: graphql.ID, Description: "The term that is added, removed or updated; null for a relation.", Resolve: get(s, idOf)},
			"before":    {Type: graphql.String, Description: "The term's name before; null where there was none, and for a relation.", Resolve: get(s, func(c graph.Change) any { return nameOf(c.Old) })},
			"after":     {Type: graphql.String, Description: "The term's name after; null where there is none, and for a relation.", Resolve: get(s, func(c graph.Change) any { return nameOf(c.New) })},
			"childId":   {Type: graphql.ID, Description: "The child of a relation; null for a term.", Resolve: get(s, func(c graph.Change) any { return nilIfEmpty(c.Relation.Child) })},
			"parentId":  {Type: graphql.ID, Description: "The parent of a relation; null for a term.", Resolve: get(s, func(c graph.Change) any { return nilIfEmpty(c.Relation.Parent) })},
			"relation":  {Type: t.relation, Description: "How the two relate; null for a term.", Resolve: get(s, func(c graph.Change) any { return nilIfEmpty(c.Relation.Type) })},
		},
	})
	counts := graphql.NewObject(graphql.ObjectConfig{
		Name: "ChangeCounts", Description: "How much a change set changes.",
		Fields: graphql.Fields{
			"termsAdded":       whole(s, "Terms that come.", func(c graph.Counts) int { return c.TermsAdded }),
			"termsRemoved":     whole(s, "Terms that go.", func(c graph.Counts) int { return c.TermsRemoved }),
			"termsUpdated":     whole(s, "Terms that change.", func(c graph.Counts) int { return c.TermsUpdated }),
			"relationsAdded":   whole(s, "Relations that come.", func(c graph.Counts) int { return c.RelationsAdded }),
			"relationsRemoved": whole(s, "Relations that go.", func(c graph.Counts) int { return c.RelationsRemoved }),
		},
	})
	l.changeSet = graphql.NewObject(graphql.ObjectConfig{
		Name: "ChangeSet", Description: "A change of the tree that was applied: wholly, with who and why, and to be taken back by its inverse.",
		Fields: graphql.Fields{
			"id":       {Type: required(graphql.ID), Description: "Its id, for undoChangeSet.", Resolve: get(s, func(r *graph.Record) any { return r.ID })},
			"number":   whole(s, "Its place in the history, from 1.", func(r *graph.Record) int { return r.Number }),
			"title":    text(s, "What it is for.", func(r *graph.Record) string { return r.Title }),
			"by":       text(s, "Who answers for it.", func(r *graph.Record) string { return r.Author }),
			"source":   text(s, "What it was made from; may be empty.", func(r *graph.Record) string { return r.Source }),
			"tool":     text(s, "Program and version that made it; may be empty.", func(r *graph.Record) string { return r.Tool }),
			"at":       moment(s, "When it was applied.", func(r *graph.Record) time.Time { return r.Time }),
			"before":   text(s, "The revision that it was applied to; empty for the first.", func(r *graph.Record) string { return r.Before }),
			"revision": text(s, "The revision that it made.", func(r *graph.Record) string { return r.Revision }),
			"undoes":   {Type: graphql.ID, Description: "The set that it takes back; null for all but undos.", Resolve: get(s, func(r *graph.Record) any { return nilIfEmpty(r.Undoes) })},
			"undoneBy": {Type: graphql.ID, Description: "The set that took it back; null while it stands.", Resolve: get(s, func(r *graph.Record) any { return nilIfEmpty(r.UndoneBy) })},
			"counts":   {Type: required(counts), Description: "How much it changes.", Resolve: get(s, func(r *graph.Record) any { return r.Counts })},
			"changes": {
				Type: listOf(l.treeChange), Description: "Its changes.", Args: graphql.FieldConfigArgument{"limit": limitArgument(100, maxChanges)},
				Resolve: on(s, func(ctx context.Context, r *graph.Record, a args) (any, error) {
					limit, err := a.limit(maxChanges)
					if err != nil {
						return nil, err
					}
					store, err := s.changer()
					if err != nil {
						return nil, err
					}
					if err := spend(ctx, storeCost); err != nil {
						return nil, err
					}
					set, err := store.ChangeSet(ctx, r.ID)
					if err != nil {
						return nil, err
					}
					list := set.Changes[:min(limit, len(set.Changes))]
					return list, charge(ctx, len(list))
				}),
			},
		},
	})
	l.proposal = graphql.NewObject(graphql.ObjectConfig{
		Name: "TermProposal", Description: "A new term that curators want: a change set of the tree that waits to be applied.",
		Fields: graphql.Fields{
			"id":       {Type: required(graphql.ID), Description: "The id of the change set, for applyChangeSet.", Resolve: get(s, func(p *labelmap.TermProposal) any { return p.Set.ID })},
			"title":    text(s, "What it is for.", func(p *labelmap.TermProposal) string { return p.Set.Title }),
			"wantedBy": texts(s, "Who wants it.", func(p *labelmap.TermProposal) []string { return p.WantedBy }),
			"problem":  {Type: graphql.String, Description: "Why it cannot be applied as it is; null where it can.", Resolve: get(s, func(p *labelmap.TermProposal) any { return nilIfEmpty(p.Problem) })},
			"changes": {Type: listOf(l.treeChange), Description: "What it would do to the tree.", Resolve: on(s, func(ctx context.Context, p *labelmap.TermProposal, _ args) (any, error) {
				return p.Set.Changes, charge(ctx, len(p.Set.Changes))
			})},
			"labels": {Type: listOf(l.label), Description: "The raw labels that wait for it; they follow when it is applied.", Resolve: on(s, func(ctx context.Context, p *labelmap.TermProposal, _ args) (any, error) {
				return pointers(p.Labels), charge(ctx, len(p.Labels))
			})},
		},
	})
	s.changeSetResult(t, l)
}

// pointers are those to the items of a list.
func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

func (s *Service) changeSetResult(t *types, l *labelTypes) {
	done := graphql.NewObject(graphql.ObjectConfig{
		Name: "ChangeSetDone", Description: "A change set that the tree has now.",
		Fields: graphql.Fields{
			"changeSet": {Type: l.changeSet, Description: "The change set; null where it had been applied before and only its labels were left to follow.", Resolve: get(s, func(c *changed) any {
				if c.record == nil {
					return nil
				}
				return c.record
			})},
			"followed": {Type: listOf(l.event), Description: "By which events labels that waited for its term came to stand for it.", Resolve: on(s, func(ctx context.Context, c *changed, _ args) (any, error) {
				return eventNodes(c.events), charge(ctx, len(c.events))
			})},
		},
	})
	clash := graphql.NewObject(graphql.ObjectConfig{
		Name: "TreeConflict", Description: "A change that does not fit the tree as it is.",
		Fields: graphql.Fields{
			"change": {Type: required(l.treeChange), Description: "The change.", Resolve: get(s, func(c graph.Conflict) any { return c.Change })},
			"reason": text(s, `Why it does not fit, such as "it is there already".`, func(c graph.Conflict) string { return c.Reason }),
			"now": {Type: t.term, Description: "The term as it is; null where there is none, and for a relation.", Resolve: get(s, func(c graph.Conflict) any {
				if c.Now == nil {
					return nil
				}
				return c.Now
			})},
		},
	})
	conflict := graphql.NewObject(graphql.ObjectConfig{
		Name: "ChangeSetConflict", Description: "The tree is no longer what the change set was made for. Nothing was written: look at both and decide anew.",
		Fields: graphql.Fields{
			"message": text(s, "What happened.", func(c *setConflict) string { return c.err.Error() }),
			"conflicts": {Type: listOf(clash), Description: "The changes that do not fit.", Resolve: on(s, func(ctx context.Context, c *setConflict, _ args) (any, error) {
				list := c.err.Conflicts[:min(len(c.err.Conflicts), maxChanges)]
				return list, charge(ctx, len(list))
			})},
		},
	})
	wrong, second := l.mistake, l.conflict
	l.setResult = graphql.NewUnion(graphql.UnionConfig{
		Name:        "ChangeSetResult",
		Description: "What came of a change of the tree: it was made, it does not fit the tree, somebody was first with its labels, or something was wrong with the request.",
		Types:       []*graphql.Object{done, conflict, second, wrong},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
			switch p.Value.(type) {
			case *changed:
				return done
			case *setConflict:
				return conflict
			case *conflicted:
				return second
			default:
				return wrong
			}
		},
	})
}

// storeCost is what one question to a store is worth, in values of the budget.
const storeCost = 100

func (s *Service) changeSetQueries(t *types, l *labelTypes) graphql.Fields {
	sets := connectionOf(s, t, "ChangeSet", "change sets of the tree", l.changeSet, recordCursor)
	return graphql.Fields{
		"changeSets": {
			Type: required(sets), Description: "The history of the tree: change sets that were applied, the newest first.", Args: forwardArguments(),
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) { return s.listChangeSets(ctx, a) }),
		},
		"changeSet": {
			Type: l.changeSet, Description: "One change set of the tree's history; null where there is none of that id.",
			Args: graphql.FieldConfigArgument{"id": {Type: graphql.NewNonNull(graphql.ID), Description: "Its id."}},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				r, err := s.changeSet(ctx, a.text("id"))
				if err != nil || r == nil {
					return nil, err
				}
				return r, nil
			}),
		},
		"termProposals": {
			Type: listOf(l.proposal), Description: "New terms that curators want and that wait to be applied, by id. changeLabel with newTerm proposes one.",
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, _ args) (any, error) {
				list, err := s.proposals(ctx, d)
				if err != nil {
					return nil, err
				}
				return pointers(list), charge(ctx, len(list))
			}),
		},
	}
}

func recordCursor(r *graph.Record) string { return nameCursor(strconv.Itoa(r.Number)) }

func (s *Service) listChangeSets(ctx context.Context, a args) (*listing[*graph.Record], error) {
	first, err := firstOf(a)
	if err != nil {
		return nil, err
	}
	before := 0
	if cursor := a.text("after"); cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			return nil, errCursor(cursor)
		}
		if before, err = strconv.Atoi(string(raw)); err != nil || before < 1 {
			return nil, errCursor(cursor)
		}
	}
	store, err := s.changer()
	if err != nil {
		return nil, err
	}
	p := &listing[*graph.Record]{after: before > 0, nodes: []*graph.Record{}}
	newest, err := store.History(ctx, 0, 1)
	if err != nil {
		return nil, err
	}
	p.total = 0
	if len(newest) > 0 {
		p.total = newest[0].Number
	}
	if before == 1 || len(newest) == 0 {
		return p, nil
	}
	list, err := store.History(ctx, before, first+1)
	if err != nil {
		return nil, err
	}
	p.more = len(list) > first
	p.nodes = pointers(list[:min(first, len(list))])
	return p, nil
}

// changeSet finds a record of the history; nil where there is none.
func (s *Service) changeSet(ctx context.Context, id string) (*graph.Record, error) {
	store, err := s.changer()
	if err != nil {
		return nil, err
	}
	for before := 0; ; {
		list, err := store.History(ctx, before, labelPage)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		if err := spend(ctx, storeCost); err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].ID == id {
				return &list[i], nil
			}
		}
		if before = list[len(list)-1].Number; before <= 1 {
			return nil, nil //nolint:nilnil // none is an answer
		}
	}
}

// proposals are made of the labels that somebody has decided on.
func (s *Service) proposals(ctx context.Context, d *desk) ([]labelmap.TermProposal, error) {
	states, err := d.statesOf(ctx, labelmap.SubjectQuery{
		Kind: labelmap.SubjectLabel, Statuses: []labelmap.Status{labelmap.Awaiting, labelmap.Disputed, labelmap.Settled},
	}, "the ledger")
	if err != nil {
		return nil, err
	}
	return labelmap.TermProposals(s.tree(ctx), states), nil
}

func (s *Service) changeSetMutations(l *labelTypes) graphql.Fields {
	who := &graphql.ArgumentConfig{Type: graphql.String, Description: "Who answers for it, where the service asks nobody who they are; else the caller."}
	id := &graphql.ArgumentConfig{Type: graphql.NewNonNull(graphql.ID), Description: "The id of the change set."}
	return graphql.Fields{
		"applyChangeSet": {
			Type:        required(l.setResult),
			Description: "Applies a proposed change set: the tree gets the term, and the labels that wait for it follow. Given again, it finishes what was interrupted. termProposals lists what is proposed.",
			Args:        graphql.FieldConfigArgument{"id": id, "by": who},
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				value, err := s.applyChangeSet(ctx, d, a)
				if err != nil {
					return d.typedSet(ctx, err)
				}
				return value, nil
			}),
		},
		"undoChangeSet": {
			Type:        required(l.setResult),
			Description: "Takes a change set of the tree back by its inverse. What was changed again since is a conflict. Labels that stand for a term that goes are touched, and none is lost. An undo can be undone.",
			Args:        graphql.FieldConfigArgument{"id": id, "by": who},
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				value, err := s.undoChangeSet(ctx, a)
				if err != nil {
					return d.typedSet(ctx, err)
				}
				return value, nil
			}),
		},
	}
}

func (s *Service) applyChangeSet(ctx context.Context, d *desk, a args) (*changed, error) {
	by, err := s.actor(ctx, a, auth.Review)
	if err != nil {
		return nil, err
	}
	store, err := s.changer()
	if err != nil {
		return nil, err
	}
	list, err := s.proposals(ctx, d)
	if err != nil {
		return nil, err
	}
	p, err := labelmap.FindTermProposal(list, a.text("id"))
	if err != nil {
		return nil, err
	}
	record, events, err := d.book.Apply(ctx, p, by, store, s.refreshed)
	if len(events) > 0 {
		s.feed.nudge()
	}
	return &changed{record, events}, err
}

func (s *Service) undoChangeSet(ctx context.Context, a args) (*changed, error) {
	by, err := s.actor(ctx, a, auth.Review)
	if err != nil {
		return nil, err
	}
	store, err := s.changer()
	if err != nil {
		return nil, err
	}
	record, err := store.Undo(ctx, a.text("id"), graph.ChangeSet{Author: by, Tool: "satgraph " + s.config.Version})
	if err != nil {
		return nil, err
	}
	if _, err := s.refreshed(ctx); err != nil {
		return nil, err
	}
	return &changed{record: &record}, nil
}

// refreshed is the tree after a change, which the rest of the request reads too.
func (s *Service) refreshed(ctx context.Context) (*graph.Tree, error) {
	if s.config.Refresh != nil {
		if err := s.config.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	tree := s.config.Tree()
	if b, ok := ctx.Value(budgetKey{}).(*budget); ok {
		b.tree = tree
	}
	return tree, nil
}

// typedSet makes a value of an error that the user can mend.
func (d *desk) typedSet(ctx context.Context, err error) (any, error) {
	if conflict, ok := errors.AsType[*graph.ConflictError](err); ok {
		return &setConflict{conflict}, nil
	}
	for _, row := range []struct {
		is   error
		code Code
		hint string
	}{
		{labelmap.ErrNoProposal, CodeNotFound, "termProposals lists those proposed"},
		{labelmap.ErrProposal, CodeBadInput, "decide on the labels that wait for it anew"},
		{graph.ErrUnknownChangeSet, CodeNotFound, "changeSets lists them"},
		{graph.ErrUndone, CodeBadInput, "undo the undo to have it again"},
	} {
		if errors.Is(err, row.is) {
			return &mistaken{Code: row.code, Message: err.Error(), Hint: row.hint, Argument: "id", err: err}, nil
		}
	}
	return d.typed(ctx, err)
}
