package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"satgraph/volume"
)

// recordName is the file beside the masks of a job that says what they are, or that
// it waits or runs.
const recordName = "job.json"

// keep looks after the jobs until ctx ends: those whose worker is gone are queued
// again, those that have ended are put away. Every process does so; the revisions
// see to it that each is done once.
func (q *queue) keep(ctx context.Context) {
	changes, stop := q.mirror.listen("")
	defer stop()
	tick := time.NewTicker(q.config.Lease / 8)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		}
		if now := time.Now(); now.Sub(last) > q.config.Lease/2 {
			q.mirror.fresh() // this process slept, and what it did not hear says nothing
			last = now
			continue
		} else if q.bus.Conn.IsConnected() {
			last = now
		}
		q.reap(ctx)
		q.putAway(ctx)
	}
}

// reap queues the jobs again whose worker is gone, and forgets workers of which
// nothing is heard.
func (q *queue) reap(ctx context.Context) {
	if !q.bus.Conn.IsConnected() {
		return
	}
	type suspect struct {
		id    string
		epoch uint64
		why   string
	}
	var lost []suspect
	m := q.mirror
	m.mu.Lock()
	for id, s := range m.active {
		if s.State != Running || s.Claim == nil {
			continue
		}
		if time.Since(s.since) > q.config.Lease {
			lost = append(lost, suspect{id, s.Epoch, "nothing was heard of its worker for " + q.config.Lease.String()})
		} else if s.Claim.dead() {
			lost = append(lost, suspect{id, s.Epoch, "its worker has ended"})
		}
	}
	for id, w := range m.workers {
		if time.Since(w.heard) > q.config.Lease {
			delete(m.workers, id)
			m.changed()
		}
	}
	m.mu.Unlock()
	for _, l := range lost {
		_, err := q.change(ctx, l.id, func(r *record) error {
			if r.State != Running || r.Epoch != l.epoch {
				return errKeep
			}
			q.lose(r)
			return nil
		})
		switch {
		case err == nil:
			q.logOfJob(ctx, l.id).Warn("a job lost its worker", "why", l.why)
		case !errors.Is(err, errKeep) && !errors.Is(err, errNone) && ctx.Err() == nil:
			q.logOfJob(ctx, l.id).Warn("a job that lost its worker could not be queued again", "error", err)
		}
	}
}

// lose settles a job whose worker ended under it.
func (q *queue) lose(r *record) {
	r.Lost++
	switch {
	case r.Cancel:
		r.end(Cancelled, q.config.Now())
	case r.Lost >= q.config.MaxLost:
		failure := q.config.Classify(fmt.Errorf("%w: %d times", ErrInterrupted, r.Lost))
		r.again()
		r.Failure = &failure
		r.end(Dead, q.config.Now())
	default:
		r.again()
	}
}

// dead says whether the worker is known to be gone: its file is seen from here,
// and nobody has it locked.
func (c *claim) dead() bool {
	if c.Lock == "" || c.Boot != boot() {
		return false
	}
	f, err := os.Open(c.Lock)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil
}

// boot names the present run of this machine.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// putAway moves jobs that have ended out of those that every process holds in
// memory, and tidies their folders. It is done by the job's home.
func (q *queue) putAway(ctx context.Context) {
	if q.home == "" {
		return
	}
	type ended struct {
		record
		revision uint64
	}
	var list []ended
	q.mirror.mu.Lock()
	for _, s := range q.mirror.active {
		if s.State.Final() && s.Home == q.home {
			list = append(list, ended{s.record, s.revision})
		}
	}
	q.mirror.mu.Unlock()
	for _, e := range list {
		if err := q.away(ctx, &e.record, e.revision); err != nil && ctx.Err() == nil {
			q.log.Warn("a job that ended could not be put away", "job", e.ID, "error", err)
		}
	}
}

// away can be done again at any time, from any of its steps.
func (q *queue) away(ctx context.Context, r *record, revision uint64) error {
	request, err := q.request(ctx, r.ID)
	if err != nil {
		return err
	}
	if err := q.tidy(r, request); err != nil {
		return err
	}
	if err := q.table.put(ctx, keyEnded+r.ID, r); err != nil {
		return err
	}
	if err := q.table.purge(ctx, keyActive+r.ID, revision); err != nil {
		return err
	}
	q.mirror.mu.Lock()
	defer q.mirror.mu.Unlock()
	q.mirror.drop(r.ID, revision+1)
	return nil
}

// writeDown writes what a job is beside its files, where backups find it: when it
// is taken in, and when it has ended.
func (q *queue) writeDown(r *record, request Request) error {
	dir := filepath.Join(q.dir, r.ID)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r.job(request), "", "  ")
	if err != nil {
		return err
	}
	return volume.WriteAtomic(filepath.Join(dir, recordName), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// tidy writes what the job became beside its masks, and removes what workers
// left that did not finish it.
func (q *queue) tidy(r *record, request Request) error {
	dir := filepath.Join(q.dir, r.ID)
	if err := q.writeDown(r, request); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		former := strings.HasPrefix(e.Name(), "."+recordName+".") // what a process was killed over
		if former || e.IsDir() && filepath.Join(r.ID, e.Name()) != r.Folder {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
