package api

import (
	"context"
	"net/http"
	"net/url"

	"satgraph/api/auth"
	"satgraph/api/mcp"
	"satgraph/jobs"
)

// newAgents makes what answers LLM agents by the Model Context Protocol, as the
// caller whom the request's context names.
func (s *Service) newAgents() (http.Handler, error) {
	server, err := mcp.New(mcp.Config{
		Tree: s.config.Tree, Resolver: s.config.Resolver, Models: s.config.Models,
		Jobs: callersJobs{s}, Scans: callersImages{s}, Explain: Classify,
		Allow: func(ctx context.Context, p auth.Permission) error {
			_, err := auth.Require(ctx, p)
			return err
		},
		MaskRef: func(job, file string) string {
			return "/jobs/" + url.PathEscape(job) + "/masks/" + url.PathEscape(file)
		},
		Limits:  mcp.Limits{RequestBytes: s.limits.BodyBytes, VoxelBytes: s.limits.VoxelBytes},
		Version: s.config.Version, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	return server.Handler(), nil
}

// agents answers POST /mcp. A request may wait for a job, so they are counted
// apart from the others, and for each caller.
func (s *Service) agents(w http.ResponseWriter, r *http.Request) {
	busy := &Error{Code: CodeServiceUnavailable, Message: "too many requests of agents at once", Hint: "try again in a few seconds, and wait for fewer jobs at a time"}
	key := "agents " + callerKey(r.Context())
	if !s.perCaller.enter(key, s.mostFor(s.limits.UserAgents)) {
		w.Header().Set("Retry-After", "5")
		s.fail(w, r, busy)
		return
	}
	defer s.perCaller.leave(key)
	select {
	case s.agentSlots <- struct{}{}:
		defer func() { <-s.agentSlots }()
	default:
		w.Header().Set("Retry-After", "5")
		s.fail(w, r, busy)
		return
	}
	s.agentHandler.ServeHTTP(w, r)
}

// callersJobs are the jobs that the caller may see. What changes them is put down
// in the audit log.
type callersJobs struct{ s *Service }

// Submit implements [mcp.Jobs].
func (c callersJobs) Submit(ctx context.Context, r jobs.Request) (j jobs.Job, err error) {
	if err = c.s.accountable(ctx); err == nil {
		j, err = c.s.jobs.Submit(ctx, r)
		c.s.audit(ctx, "mcp.segment", "job="+j.ID+" image="+r.ImageID, outcomeOf(nil, err))
	}
	return j, err
}

// Get implements [mcp.Jobs]. Agents are told of segmentations alone.
func (c callersJobs) Get(ctx context.Context, id string) (jobs.Job, error) {
	j, err := c.s.job(ctx, id)
	if err == nil && j.Request.Plan == nil {
		return jobs.Job{}, jobs.ErrNotFound
	}
	return j, err
}

// Cancel implements [mcp.Jobs].
func (c callersJobs) Cancel(ctx context.Context, id string) (j jobs.Job, err error) {
	if _, err = c.s.job(ctx, id); err != nil {
		return j, err
	}
	if err = c.s.accountable(ctx); err == nil {
		j, err = c.s.jobs.Cancel(ctx, id)
		c.s.audit(ctx, "mcp.cancel_job", "job="+id, outcomeOf(nil, err))
	}
	return j, err
}

// MaskPath implements [mcp.Jobs].
func (c callersJobs) MaskPath(ctx context.Context, id, name string) (string, error) {
	if _, err := c.s.job(ctx, id); err != nil {
		return "", err
	}
	return c.s.jobs.MaskPath(ctx, id, name)
}

// callersImages are the uploaded scans that the caller may use.
type callersImages struct{ s *Service }

// Find implements [mcp.Scans].
func (c callersImages) Find(ctx context.Context, id string) (mcp.Scan, error) {
	path, err := c.s.imagePath(ctx, id)
	if err != nil {
		return mcp.Scan{}, err
	}
	return mcp.Scan{ID: id, Path: path, SHA256: id}, nil
}
