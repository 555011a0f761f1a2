package api

import (
	"context"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/jobs"
	"satgraph/labelmap"
)

// audited has every mutation put down in the audit log, whatever becomes of it;
// a preview changes nothing and is not.
func (s *Service) audited(fields graphql.Fields) graphql.Fields {
	for name, field := range fields {
		resolve := field.Resolve
		field.Resolve = func(p graphql.ResolveParams) (any, error) {
			if preview, _ := p.Args["preview"].(bool); preview {
				return resolve(p)
			}
			if err := s.accountable(p.Context); err != nil {
				return nil, describe(err)
			}
			value, err := resolve(p)
			s.audit(p.Context, "mutation."+name, auditObject(p.Args, value), outcomeOf(value, err))
			return value, err
		}
	}
	return fields
}

// objectArguments name what a mutation is about; the others may hold anything.
var objectArguments = []string{"id", "job", "image", "dataset", "label", "class", "ref", "name", "corpus", "path"}

func auditObject(a args, value any) string {
	var parts []string
	j, _ := value.(*jobs.Job)
	if w, ok := value.(*wanted); ok && w != nil {
		j = w.job
	}
	if o, ok := value.(*ordered); ok && o != nil {
		j = o.job
	}
	if j != nil {
		parts = append(parts, "job="+j.ID)
	}
	for _, name := range objectArguments {
		if text := a.text(name); text != "" {
			parts = append(parts, name+"="+text)
		}
	}
	return strings.Join(parts, " ")
}

func outcomeOf(value any, err error) string {
	if err != nil {
		return string(describe(err).Code)
	}
	switch v := value.(type) {
	case *mistaken:
		return string(v.Code)
	case *wanted:
		if v.wrong != nil {
			return string(v.wrong.Code)
		}
	case *conflicted, *setConflict:
		return "CONFLICT"
	}
	return auditOK
}

// maySettle refuses a curator what settles, or unsettles, a label or recipe that
// two must agree on: the second of them is a reviewer.
func maySettle(ctx context.Context, changes []labelmap.Change) error {
	if !auth.Of(ctx).Known() || auth.Of(ctx).May(auth.Review) {
		return nil
	}
	for i := range changes {
		before, after := &changes[i].Before, &changes[i].After
		if after.Reviewers > 1 && (after.Status == labelmap.Settled) != (before.Status == labelmap.Settled) {
			return &mistaken{
				Code: CodeForbidden, Message: quote(after.Subject.Key) + " needs two to agree, the second of them a reviewer",
				Hint: "leave the second verdict to somebody with the role reviewer", Argument: "label",
			}
		}
	}
	return nil
}

// job finds a job of the caller. Errors: jobs.ErrNotFound, also for another's.
func (s *Service) job(ctx context.Context, id string) (jobs.Job, error) {
	j, err := s.jobs.Get(ctx, id)
	if err != nil {
		return jobs.Job{}, err
	}
	if !s.owns(ctx, "job", id, j.Request.Owner) {
		return jobs.Job{}, jobs.ErrNotFound
	}
	return j, nil
}
