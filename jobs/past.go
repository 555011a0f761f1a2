package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Filter chooses jobs. Its zero value chooses all.
type Filter struct {
	// Owners of the jobs; nil is anyone.
	Owners []string
	// States and Kinds that they have one of; none is any.
	States []State
	Kinds  []string
}

// takes says whether a job of these is chosen.
func (f *Filter) takes(b *brief) bool {
	in := func(n int, has bool) bool { return n == 0 || has }
	return (f.Owners == nil || slices.Contains(f.Owners, b.owner)) &&
		in(len(f.States), slices.Contains(f.States, b.state)) && in(len(f.Kinds), slices.Contains(f.Kinds, b.kind))
}

// Page is a part of a list of jobs, the latest first.
type Page struct {
	Jobs  []Job
	Total int  // of all that were chosen
	More  bool // whether some come behind
}

// brief is what a list of jobs is made by.
type brief struct {
	id, owner, kind, from, home string
	state                       State
	created, finished           time.Time
	gone                        bool
}

func (r *record) brief() brief {
	return brief{r.ID, r.Owner, r.Kind, r.From, r.Home, r.State, r.Created, r.Finished, r.Gone}
}

// place orders briefs, the latest first.
func (b *brief) place() string {
	return fmt.Sprintf("%020d.%s", 1<<62-b.created.UnixNano(), b.id)
}

// past are the jobs that have ended and were put away, as the table has them, in a
// process that takes jobs in.
type past struct {
	mu    sync.Mutex
	jobs  map[string]pastJob
	round int
	ready chan struct{}
}

type pastJob struct {
	brief
	round int
}

// ended gives the jobs that were put away. Errors: ErrUnavailable, or ctx's.
func (q *queue) ended(ctx context.Context) ([]brief, error) {
	p := &q.past
	if q.home == "" {
		return nil, fmt.Errorf("%w: this process only works", ErrBadRequest)
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]brief, 0, len(p.jobs))
	for _, j := range p.jobs {
		out = append(out, j.brief)
	}
	return out, nil
}

func (q *queue) followPast(ctx context.Context) {
	ready := sync.OnceFunc(func() { close(q.past.ready) })
	for ctx.Err() == nil {
		if err := q.followPastOnce(ctx, ready); err != nil && ctx.Err() == nil {
			q.log.Debug("the jobs that ended are read anew", "error", err)
			sleep(ctx, followAgain)
		}
	}
}

// followPastOnce reads all and follows their changes until the connection was lost.
func (q *queue) followPastOnce(ctx context.Context, ready func()) error {
	back := q.bus.Conn.StatusChanged(nats.CONNECTED)
	defer q.bus.Conn.RemoveStatusListener(back)
	watch, err := q.table.kv.Watch(ctx, keyEnded+"*")
	if err != nil {
		return err
	}
	defer func() { _ = watch.Stop() }()
	p := &q.past
	p.mu.Lock()
	p.round++
	p.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-back:
			return nil
		case entry, open := <-watch.Updates():
			if !open {
				return fmt.Errorf("the watch ended")
			}
			p.take(q, entry)
			if entry == nil {
				ready()
			}
		}
	}
}

// take takes over a change; nil says that all that was there has come.
func (p *past) take(q *queue, entry jetstream.KeyValueEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if entry == nil {
		for id, j := range p.jobs {
			if j.round != p.round {
				delete(p.jobs, id)
			}
		}
		return
	}
	id := strings.TrimPrefix(entry.Key(), keyEnded)
	var r record
	if entry.Operation() != jetstream.KeyValuePut {
		delete(p.jobs, id)
	} else if err := unpack(entry.Value(), &r); err != nil {
		q.log.Error("a job's record is damaged", "job", id, "error", err)
	} else {
		p.jobs[id] = pastJob{r.brief(), p.round}
	}
}

// List gives a page of the jobs that a filter chooses, the latest first, behind the
// job that after is the [Job.Place] of; empty begins with the first. Errors:
// ErrUnavailable.
func (q *queue) List(ctx context.Context, f Filter, after string, first int) (Page, error) {
	gone, err := q.ended(ctx)
	if err != nil {
		return Page{}, err
	}
	chosen := map[string]brief{}
	for i := range gone {
		if f.takes(&gone[i]) && !gone[i].gone {
			chosen[gone[i].id] = gone[i]
		}
	}
	q.mirror.mu.Lock()
	for id, s := range q.mirror.active { // which counts where both have it
		b := s.brief()
		if f.takes(&b) {
			chosen[id] = b
		} else {
			delete(chosen, id)
		}
	}
	q.mirror.mu.Unlock()
	list := make([]brief, 0, len(chosen))
	for _, b := range chosen {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b brief) int { return cmp.Or(b.created.Compare(a.created), strings.Compare(a.id, b.id)) })
	page := Page{Total: len(list)}
	if after != "" {
		list = list[slices.IndexFunc(append(list, brief{}), func(b brief) bool { return b.id == "" || b.place() > after }):]
	}
	for _, b := range list {
		if len(page.Jobs) == first {
			page.More = true
			break
		}
		j, err := q.Get(ctx, b.id)
		switch {
		case err == nil:
			page.Jobs = append(page.Jobs, j)
		case !isNotFound(err): // one that was removed meanwhile
			return Page{}, err
		}
	}
	return page, nil
}

// Place is where the job stands in lists, for [Runner.List].
func (j *Job) Place() string {
	b := brief{id: j.ID, created: j.Created}
	return b.place()
}
