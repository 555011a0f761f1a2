package jobs

import (
	"cmp"
	"slices"
	"time"
)

// shares divides the workers between owners by start-time fair queueing (Goyal,
// Vin and Cheng 1996): each owner has a virtual time that a started job moves on
// by its cost, and the job with the least virtual finish is next. So one who
// queues a thousand jobs delays another by the one that runs, and jobs of low
// priority get their share, if a small one. Nothing in it depends on clocks. The
// zero value is ready; what it knows it has seen happen, so processes may differ
// for a while, which changes the order and nothing else.
type shares struct {
	now    float64            // virtual time: the start of the job started last
	owners map[string]float64 // the virtual start of the owner's next job
}

// arrive notes that an owner without waiting jobs has one.
func (s *shares) arrive(owner string) {
	if s.owners == nil {
		s.owners = map[string]float64{}
	}
	s.owners[owner] = max(s.owners[owner], s.now)
}

// start notes that a job is started.
func (s *shares) start(owner string, p Priority) {
	s.arrive(owner)
	at := s.owners[owner]
	s.now = max(s.now, at)
	s.owners[owner] = at + p.cost()
}

// forget drops owners of whom the virtual time tells nothing any more.
func (s *shares) forget(waiting func(owner string) bool) {
	for owner, at := range s.owners {
		if at <= s.now && !waiting(owner) {
			delete(s.owners, owner)
		}
	}
}

// A place is what the order of the queue depends on.
type place struct {
	id, owner string
	priority  Priority
	created   time.Time
	finish    float64
}

// order sorts waiting jobs, the next first: an owner's own by priority and age,
// those of different owners by virtual finish.
func (s *shares) order(list []place) {
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(b.priority, a.priority), a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
	owner, at := "", 0.0
	for i := range list {
		if i == 0 || list[i].owner != owner {
			owner = list[i].owner
			at = s.owners[owner]
		}
		at += list[i].priority.cost()
		list[i].finish = at
	}
	slices.SortStableFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.finish, b.finish), a.created.Compare(b.created), cmp.Compare(a.id, b.id))
	})
}
