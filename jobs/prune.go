package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

var (
	// pruneEvery is how often jobs that ended long ago are looked for.
	pruneEvery = time.Minute
	// pruneGrace is how long the files of a removed job stay: another may just have
	// taken over its result.
	pruneGrace = time.Minute
)

// prunes removes jobs that ended long ago, or of which there are too many, until
// ctx ends. What has not ended is never touched.
func (q *queue) prunes(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	since := map[string]time.Time{} // when removed jobs were first seen to be so
	for {
		if err := q.prune(ctx, since); err != nil && ctx.Err() == nil {
			q.log.Warn("jobs that ended long ago could not be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// prune makes one pass, and can be stopped anywhere: a job that is being removed is
// marked so first, and the mark goes last.
func (q *queue) prune(ctx context.Context, since map[string]time.Time) error {
	list, err := q.ended(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{} // whose files another job's result are
	for i := range list {
		used[list[i].from] = !list[i].gone || used[list[i].from]
	}
	q.mirror.mu.Lock()
	for _, s := range q.mirror.active {
		used[s.From] = true
	}
	q.mirror.mu.Unlock()
	slices.SortFunc(list, func(a, b brief) int { return b.finished.Compare(a.finished) })
	now, kept := q.config.Now(), 0
	for i := range list {
		b := &list[i]
		if b.home != q.home {
			continue
		}
		if b.gone {
			if since[b.id].IsZero() {
				since[b.id] = time.Now()
			}
			if time.Since(since[b.id]) >= pruneGrace && !used[b.id] {
				err = errors.Join(err, q.bury(ctx, b.id))
				delete(since, b.id)
			}
			continue
		}
		kept++
		age := now.Sub(b.finished)
		why := ""
		switch {
		case q.config.KeepFor > 0 && age > q.config.KeepFor:
			why = fmt.Sprintf("it ended %v ago, and jobs are kept %v", age.Round(time.Second), q.config.KeepFor)
		case q.config.Keep > 0 && kept > q.config.Keep:
			why = fmt.Sprintf("%d that ended are kept, and others ended later", q.config.Keep)
		}
		if why != "" && !used[b.id] {
			err = errors.Join(err, q.forget(ctx, b.id, why))
		}
	}
	return err
}

// forget marks a job as removed, so that nobody finds it any more.
func (q *queue) forget(ctx context.Context, id, why string) error {
	q.retrying.Lock()
	defer q.retrying.Unlock()
	var r record
	if _, err := q.table.get(ctx, keyActive+id, &r); err == nil {
		return nil // it was queued again
	}
	revision, err := q.table.get(ctx, keyEnded+id, &r)
	if errors.Is(err, errNone) || err == nil && r.Gone {
		return nil
	}
	if err != nil {
		return err
	}
	r.Gone = true
	if _, err := q.table.update(ctx, keyEnded+id, &r, revision); err != nil {
		return err
	}
	q.log.Info("a job that ended is removed", "job", id, "kind", r.Kind, "owner", r.Owner, "state", r.State, "why", why)
	return nil
}

// bury removes what a job that was marked has left: what its key stands for, what
// it was asked, its files, and last its record.
func (q *queue) bury(ctx context.Context, id string) error {
	if !idPattern.MatchString(id) {
		return nil
	}
	var request Request
	_, err := q.table.get(ctx, keyRequest+id, &request)
	if err != nil && !errors.Is(err, errNone) {
		return err
	}
	var o once
	var s same
	var r record
	for _, one := range []struct {
		key  string
		into any
		his  func() bool
	}{
		{keyOnce + hash(request.Owner, request.Key), &o, func() bool { return o.ID == id }},
		{keySame + request.same(q.home), &s, func() bool { return s.Job == id }},
		{keyRequest + id, &request, func() bool { return true }},
		{keyEnded + id, &r, func() bool { return r.Gone }},
	} {
		if one.key == keyEnded+id {
			if err := os.RemoveAll(filepath.Join(q.dir, id)); err != nil {
				return err
			}
		}
		revision, err := q.table.get(ctx, one.key, one.into)
		if err == nil && one.his() {
			err = q.table.purge(ctx, one.key, revision)
		}
		if err != nil && !errors.Is(err, errNone) {
			return err
		}
	}
	return nil
}
