package jobs

import "time"

// Stats is how the jobs that have not ended stand.
type Stats struct {
	Queued, Running, Workers int
	// Waited is how long the job that has waited longest has done so; 0 where none
	// waits.
	Waited time.Duration
}

// Stats counts the jobs of all services at the same server, as far as this one has
// heard of them.
func (q *queue) Stats() Stats {
	s := Stats{Workers: len(q.mirror.able())}
	q.mirror.mu.Lock()
	defer q.mirror.mu.Unlock()
	now := time.Now()
	for _, j := range q.mirror.active {
		switch j.State {
		case Queued:
			s.Queued++
			s.Waited = max(s.Waited, now.Sub(j.since))
		case Running:
			s.Running++
		}
	}
	return s
}
