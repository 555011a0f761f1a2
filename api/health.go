package api

import (
	"context"
	"net/http"
)

// A Check says how one part of the service is.
type Check struct {
	Name string `json:"name"` // a word, such as "store"
	OK   bool   `json:"ok"`
	// Why says what works less than it should; empty where all is well. It is
	// shown to anyone, so it names no files and no addresses.
	Why string `json:"why,omitempty"`
}

// getHealth says that the process lives, and what it lacks.
func (s *Service) getHealth(w http.ResponseWriter, r *http.Request) {
	_, degraded := s.checks(r.Context())
	s.writeJSON(w, r, http.StatusOK, map[string]any{"status": "ok", "version": s.config.Version, "degraded": degraded})
}

// getReady says what the service can do now. It is ready as long as it can
// answer from its tree; what else is wrong makes it degraded. A service that stops
// is draining.
func (s *Service) getReady(w http.ResponseWriter, r *http.Request) {
	checks, degraded := s.checks(r.Context())
	answer := map[string]any{"status": "ready", "terms": 0, "models": len(s.config.Models()), "degraded": degraded, "checks": checks}
	status := http.StatusOK
	if tree := s.config.Tree(); tree != nil && tree.Len() > 0 {
		answer["terms"], answer["revision"] = tree.Len(), tree.Revision()
		if len(degraded) > 0 {
			answer["status"] = "degraded"
		}
	} else {
		status = http.StatusServiceUnavailable
		answer["status"] = "not ready"
	}
	if s.drain.began() {
		status = http.StatusServiceUnavailable
		answer["status"] = "draining"
	}
	s.writeJSON(w, r, status, answer)
}

// checks says how every part is, and lists what works less than it should.
func (s *Service) checks(ctx context.Context) (checks []Check, degraded []string) {
	add := func(name, why string) { checks = append(checks, Check{Name: name, OK: why == "", Why: why}) }
	tree, models := "", ""
	if t := s.config.Tree(); t == nil || t.Len() == 0 {
		tree = "no tree is loaded"
	}
	if len(s.config.Models()) == 0 {
		models = "no model is loaded: nothing can be segmented"
	}
	add("tree", tree)
	add("models", models)
	if s.config.Checks != nil {
		checks = append(checks, s.config.Checks(ctx)...)
	}
	degraded = []string{}
	for _, c := range checks {
		if !c.OK {
			degraded = append(degraded, c.Why)
		}
	}
	return checks, degraded
}
