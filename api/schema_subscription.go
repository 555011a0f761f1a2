package api

import (
	"context"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"

	"satgraph/jobs"
	"satgraph/labelmap"
)

// startKey finds the *start of a subscription in its context.
type startKey struct{}

// start is what a subscription wants, as its field said.
type start struct {
	wanted func(e *labelmap.Event) bool
	after  int64  // Seq of the last event that the client has; below zero, from now on
	job    string // whose changes are wanted; then there are no events
}

// labelSubscriptions are the subscriptions to the ledger. Their field is executed
// once without an event, to read its arguments, and then with each.
func (s *Service) labelSubscriptions(l *labelTypes) graphql.Fields {
	change := graphql.NewObject(graphql.ObjectConfig{
		Name: "LabelChange", Description: "Something new in the ledger.",
		Fields: graphql.Fields{
			"event": {Type: required(l.event), Description: "What was done.", Resolve: get(s, func(e *labelmap.Event) any { return e })},
			"state": {
				Type: required(l.state), Description: "Where its label, recipe or dataset stands now.",
				Resolve: onDesk(s, func(ctx context.Context, d *desk, e *labelmap.Event, _ args) (any, error) {
					st, err := d.book.State(ctx, e.Subject)
					return &st, err
				}),
			},
			"label": {
				Type: l.label, Description: "The label as it is now; null for what is about no label.",
				Resolve: onDesk(s, func(ctx context.Context, d *desk, e *labelmap.Event, _ args) (any, error) {
					if e.Subject.Kind != labelmap.SubjectLabel {
						return nil, nil //nolint:nilnil // null is the answer
					}
					return known(d.book.State(ctx, e.Subject))
				}),
			},
		},
	})
	return graphql.Fields{
		"labelChanges": {
			Type: change, Description: "Every decision on labels and recipes as it is made, by whichever process, in order and each once. It goes over WebSocket (graphql-transport-ws). Never null.",
			Args: graphql.FieldConfigArgument{
				"dataset": {Type: graphql.String, Description: "Only of this dataset."},
				"label":   {Type: graphql.String, Description: "Only on the raw label of this key."},
				"after":   {Type: graphql.Float, Description: "The seq of the last event that was seen: those behind it come first, so that a lost connection loses nothing. Without it, from now on."},
			},
			Resolve: onDesk(s, func(ctx context.Context, _ *desk, parent any, a args) (any, error) {
				if e, ok := parent.(*labelmap.Event); ok {
					return e, nil
				}
				if begin, ok := ctx.Value(startKey{}).(*start); ok {
					dataset, label := a.text("dataset"), a.text("label")
					begin.wanted = func(e *labelmap.Event) bool {
						return (dataset == "" || e.Subject.Dataset == dataset) && (label == "" || e.Subject.Kind == labelmap.SubjectLabel && e.Subject.Key == label)
					}
					begin.after = -1
					if after, ok := a["after"].(float64); ok {
						begin.after = int64(max(0, after))
					}
				}
				return nil, nil //nolint:nilnil // its arguments alone were wanted
			}),
		},
	}
}

// follow executes a subscription for every event that it wants, until the context
// ends or give fails. In the end, which may come long after follow has returned, it
// calls end once, with the error.
func (s *Service) follow(ctx context.Context, p *prepared, give func(r *response) error, end func(err error)) {
	set := p.operation.SelectionSet.Selections
	if field, ok := set[0].(*ast.Field); len(set) != 1 || !ok || len(field.Directives) > 0 {
		end(&Error{Code: CodeValidation, Message: "a subscription has exactly one field at its top, without directives"})
		return
	}
	begin := &start{}
	first := s.perform(context.WithValue(ctx, startKey{}, begin), p, s.config.Tree(), nil)
	switch {
	case len(first.errors) > 0:
		end(&refusedError{first})
	case begin.job != "":
		go func() { end(s.followJob(ctx, p, begin.job, give)) }() // with a small stack
	case begin.wanted == nil:
		end(&Error{Code: CodeValidation, Message: "there is no such subscription"})
	default:
		s.feed.listen(ctx, begin.after, func(e *labelmap.Event) error {
			if !begin.wanted(e) {
				return nil
			}
			r, err := s.performSoon(ctx, p, e)
			if err != nil {
				return err
			}
			return give(r)
		}, end)
	}
}

// performSoon executes a subscription with what is new, as one of a few at a time:
// thousands may be told of the same.
func (s *Service) performSoon(ctx context.Context, p *prepared, root any) (*response, error) {
	select {
	case s.telling <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.telling }()
	limited, cancel := context.WithTimeout(ctx, s.limits.RequestTime)
	defer cancel()
	return s.perform(limited, p, s.config.Tree(), root), nil
}

// jobSubscriptions are those to jobs. Their field is executed as that of the ledger.
func (s *Service) jobSubscriptions(t *types) graphql.Fields {
	return graphql.Fields{
		"jobChanges": {
			Type: t.job, Description: "A job as it stands, and then as it changes, to its end; changes that follow each other fast are sent as one. It goes over WebSocket (graphql-transport-ws). Never null.",
			Args: graphql.FieldConfigArgument{"id": {Type: graphql.NewNonNull(graphql.ID), Description: "The job's id."}},
			Resolve: on(s, func(ctx context.Context, parent any, a args) (any, error) {
				if j, ok := parent.(*jobs.Job); ok {
					return j, nil
				}
				j, err := s.job(ctx, a.text("id"))
				if err != nil {
					return nil, err
				}
				if begin, ok := ctx.Value(startKey{}).(*start); ok {
					begin.job = j.ID
				}
				return nil, nil //nolint:nilnil // its arguments alone were wanted
			}),
		},
	}
}

// followJob executes a subscription for every change of a job.
func (s *Service) followJob(ctx context.Context, p *prepared, id string, give func(r *response) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	changes, err := s.jobs.Subscribe(ctx, id)
	if err != nil {
		return err
	}
	for j := range changes {
		r, err := s.performSoon(ctx, p, &j)
		if err == nil {
			err = give(r)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// refusedError is a subscription whose first execution failed.
type refusedError struct{ response *response }

func (e *refusedError) Error() string { return e.response.errors[0].Message }
