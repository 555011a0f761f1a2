package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"satgraph/inference"
	"satgraph/internal/steps"
	"satgraph/volume"
)

// Models gives the runner the model that a job names.
type Models interface {
	// Open loads a model; the runner closes it after the job. The empty name
	// is the default model. Errors are those of the model's loader.
	Open(ctx context.Context, name string) (inference.Model, error)
}

// Config says how a Runner works.
type Config struct {
	// Dir is where jobs are kept. It is made if need be.
	Dir string
	// Models opens the models.
	Models Models
	// Classify turns the error of a run into what is kept with the failed job.
	// Nil keeps the error's text under the code "FAILED".
	Classify func(error) Failure
	// Parallel is how many jobs run at once; 0 means one.
	Parallel int
	// Waiting is how many jobs may wait; 0 means 64.
	Waiting int
	// Timeout ends a job that runs longer; 0 means one hour.
	Timeout time.Duration
	// MaxImageBytes bounds the decoded voxels of a scan; 0 is the default of
	// package volume.
	MaxImageBytes int64
	// Run gives the threads and the memory of a run; sink and progress are the
	// runner's own.
	Run inference.Options
	// Log takes what the caller cannot be told; nil discards it.
	Log *slog.Logger
}

// Runner runs jobs inside this process. It is safe for concurrent use.
type Runner struct {
	config Config
	dir    folder

	stop context.CancelCauseFunc
	ctx  context.Context
	work sync.WaitGroup

	mu     sync.Mutex
	wake   *sync.Cond        // signalled when queue or closed change
	active map[string]*entry // jobs that have not ended, or that the disk refused
	queue  []*entry          // waiting, the next one first
	closed bool
}

// An entry is a job in memory.
type entry struct {
	job       Job
	cancel    context.CancelCauseFunc // of the run; nil while waiting
	cancelled bool
	watchers  []chan Job
}

// maxStarts is how often a job is started before it is taken for what ends the
// process.
const maxStarts = 3

// Open makes the folder, queues again the jobs that a former process left
// unfinished, and starts the workers. Close it.
func Open(c Config) (*Runner, error) {
	if c.Parallel <= 0 {
		c.Parallel = 1
	}
	if c.Waiting <= 0 {
		c.Waiting = 64
	}
	if c.Timeout <= 0 {
		c.Timeout = time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Classify == nil {
		c.Classify = func(err error) Failure { return Failure{Code: "FAILED", Message: err.Error()} }
	}
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of jobs: %w", err)
	}
	r := &Runner{config: c, dir: folder(c.Dir), active: make(map[string]*entry)}
	r.wake = sync.NewCond(&r.mu)
	if err := r.recover(); err != nil {
		return nil, fmt.Errorf("the folder of jobs: %w", err)
	}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	for range c.Parallel {
		r.work.Go(r.loop)
	}
	return r, nil
}

// recover queues the jobs that were waiting or running when the process ended,
// the oldest first.
func (r *Runner) recover() error {
	ids, err := r.dir.ids()
	if err != nil {
		return err
	}
	for _, id := range ids {
		j, err := r.dir.load(id)
		if err != nil {
			r.config.Log.Warn("a job cannot be read", "job", id, "error", err)
			continue
		}
		if j.State.Final() {
			continue
		}
		if j.Starts >= maxStarts || j.Request.Plan == nil || j.Request.ImagePath == "" {
			r.fail(j, ErrInterrupted)
			j.Finished = time.Now()
			r.forget(j)
		} else {
			j.State, j.Phase, j.Started = Queued, "", time.Time{}
			e := &entry{job: *j}
			r.active[id], r.queue = e, append(r.queue, e)
		}
		if err := r.dir.save(j); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.queue, func(a, b *entry) int { return a.job.Created.Compare(b.job.Created) })
	return nil
}

// saved is the folder in which the run of a job keeps its state.
func (r *Runner) saved(id string) string { return filepath.Join(r.dir.of(id), "work") }

// forget removes the state of a job that will not go on.
func (r *Runner) forget(j *Job) {
	if err := os.RemoveAll(r.saved(j.ID)); err != nil {
		r.config.Log.Warn("the saved state of a job stays behind", "job", j.ID, "error", err)
	}
}

// Submit puts a job into the queue and returns it as it stands then. A plan
// without calls gives a job that is refused at once. Errors: ErrQueueFull,
// ErrClosed, or that of the disk.
func (r *Runner) Submit(ctx context.Context, request Request) (Job, error) {
	if err := ctx.Err(); err != nil {
		return Job{}, err
	}
	e := &entry{job: Job{
		ID: rand.Text(), State: Queued, Created: time.Now(),
		Request: request, Structures: planned(request.Plan),
	}}
	if len(request.Plan.Calls) == 0 {
		e.job.State, e.job.Finished, e.job.Progress = Refused, e.job.Created, 1
		return e.job.clone(), r.dir.save(&e.job)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return Job{}, ErrClosed
	case len(r.queue) >= r.config.Waiting:
		return Job{}, fmt.Errorf("%w: %d jobs wait already", ErrQueueFull, len(r.queue))
	}
	if err := r.dir.save(&e.job); err != nil {
		return Job{}, err
	}
	r.active[e.job.ID] = e
	r.queue = append(r.queue, e)
	r.wake.Signal()
	return r.snapshot(e), nil
}

// Get returns a job as it stands. The error is ErrNotFound, or that of the
// disk.
func (r *Runner) Get(_ context.Context, id string) (Job, error) {
	r.mu.Lock()
	if e := r.active[id]; e != nil {
		defer r.mu.Unlock()
		return r.snapshot(e), nil
	}
	r.mu.Unlock()
	j, err := r.dir.load(id)
	if err != nil {
		return Job{}, err
	}
	return *j, nil
}

// Cancel stops a job and returns it. One that waits is cancelled at once, one that runs as
// soon as the model lets go; structures already found are kept. Errors:
// ErrNotFound; ErrFinished, with the job as it ended.
func (r *Runner) Cancel(ctx context.Context, id string) (Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.active[id]
	if e == nil {
		j, err := r.dir.load(id)
		if err != nil {
			return Job{}, err
		}
		return *j, fmt.Errorf("%w: it is %s", ErrFinished, j.State)
	}
	if e.job.State.Final() {
		return e.job.clone(), fmt.Errorf("%w: it is %s", ErrFinished, e.job.State)
	}
	e.cancelled = true
	if e.cancel != nil {
		e.cancel(context.Canceled)
		return r.snapshot(e), nil
	}
	r.queue = slices.DeleteFunc(r.queue, func(q *entry) bool { return q == e })
	r.finish(e, Cancelled)
	return e.job.clone(), nil
}

// Subscribe sends the job as it stands and then every change, until the job
// has ended or ctx is done; then the channel is closed. A slow reader misses
// changes in between, never the last one. The error is that of Get.
func (r *Runner) Subscribe(ctx context.Context, id string) (<-chan Job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := make(chan Job, 1)
	e := r.active[id]
	if e == nil {
		j, err := r.dir.load(id)
		if err != nil {
			return nil, err
		}
		ch <- *j
		close(ch)
		return ch, nil
	}
	ch <- r.snapshot(e)
	if e.job.State.Final() {
		close(ch)
		return ch, nil
	}
	e.watchers = append(e.watchers, ch)
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(e.watchers, ch); i >= 0 {
			e.watchers = slices.Delete(e.watchers, i, i+1)
			close(ch)
		}
	})
	return ch, nil
}

// MaskPath gives the path of a mask of a job. The name must be that of one of
// the job's structures. The error is ErrNotFound, or that of the disk.
func (r *Runner) MaskPath(ctx context.Context, id, name string) (string, error) {
	j, err := r.Get(ctx, id)
	if err != nil {
		return "", err
	}
	for _, s := range j.Structures {
		if s.File != "" && s.File == name {
			return filepath.Join(r.dir.of(id), name), nil
		}
	}
	return "", fmt.Errorf("%w: job %s has no mask %q", ErrNotFound, id, name)
}

// Close stops what runs, and returns when the workers have ended. What waited or
// ran is queued again when the folder is next opened.
func (r *Runner) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		for _, e := range r.queue {
			r.putBack(e)
		}
		r.queue = nil
		r.stop(ErrInterrupted)
		r.wake.Broadcast()
	}
	r.mu.Unlock()
	r.work.Wait()
	return nil
}

func (r *Runner) loop() {
	for {
		r.mu.Lock()
		for len(r.queue) == 0 && !r.closed {
			r.wake.Wait()
		}
		if r.closed {
			r.mu.Unlock()
			return
		}
		e := r.queue[0]
		r.queue = r.queue[1:]
		ctx, cancel := context.WithCancelCause(r.ctx)
		e.cancel = cancel
		e.job.State, e.job.Started = Running, time.Now()
		e.job.Starts++
		r.changed(e)
		for _, waiting := range r.queue {
			r.notify(waiting) // each moved up
		}
		r.mu.Unlock()

		report, err := r.run(ctx, e)

		r.mu.Lock()
		r.settle(e, report, err, context.Cause(ctx))
		r.mu.Unlock()
		cancel(nil)
	}
}

// run does the work of one job. A panic is an error of that job alone.
func (r *Runner) run(ctx context.Context, e *entry) (report *inference.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.config.Log.Error("a job panicked", "job", e.job.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error in job %s", e.job.ID)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	ctx, step := steps.Start(steps.Resume(ctx, e.job.Request.Trace), "job", steps.Str("job.id", e.job.ID))
	defer func() { step.End(err) }()

	request := e.job.Request // set once, before the job was queued
	model, err := r.config.Models.Open(ctx, request.Model)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	m := model.Manifest()
	r.update(e, func(j *Job) {
		j.Model = ModelInfo{Name: m.Name, Version: m.Version, Demo: m.Demo, Notice: m.Warning()}
	})
	im, err := volume.ReadImage(request.ImagePath, volume.ReadOptions{MaxBytes: r.config.MaxImageBytes, Alone: true})
	if err != nil {
		return nil, err
	}
	o := r.config.Run
	o.Work = r.saved(e.job.ID)
	o.Sink = func(s *inference.StructureResult) error {
		if err := volume.WriteBits(filepath.Join(r.dir.of(e.job.ID), s.File), s.Mask, im.Header); err != nil {
			return err
		}
		found := *s
		found.Mask = nil
		r.update(e, func(j *Job) {
			i := slices.IndexFunc(j.Structures, func(p inference.StructureResult) bool {
				return p.TermID == s.TermID && p.Term == s.Term
			})
			if i >= 0 {
				j.Structures[i] = found
			}
		})
		return nil
	}
	again := e.job.Starts > 1 // set before the run
	o.Progress = func(p inference.Progress) {
		if again && p.Phase == inference.PhaseWindows {
			again = false
			r.config.Log.Info("a job goes on from its saved state", "job", e.job.ID, "windows", p.Done, "of", p.Total)
		}
		r.update(e, func(j *Job) {
			j.Phase = p.Phase
			j.Progress = max(j.Progress, fraction(p))
		})
	}
	// A run's heap is large, and its forecast counts on little garbage; jobs run
	// one at a time, so what a service otherwise allows itself is put back after.
	defer debug.SetGCPercent(debug.SetGCPercent(runGCPercent))
	return inference.Run(ctx, model, im, request.Plan, o)
}

// runGCPercent is by how much the heap may grow between collections during a
// run, in percent.
const runGCPercent = 25

// fraction turns the progress of a phase into that of the job. The windows take
// most of the time, by far.
func fraction(p inference.Progress) float64 {
	span := map[string][2]float64{
		inference.PhasePrepare: {0, 0.05},
		inference.PhaseEncode:  {0.05, 0.1},
		inference.PhaseWindows: {0.1, 0.85},
		inference.PhaseRestore: {0.85, 1},
	}[p.Phase]
	if p.Total <= 0 {
		return span[0]
	}
	return span[0] + (span[1]-span[0])*min(1, float64(p.Done)/float64(p.Total))
}

// update changes a running job and tells who watches; the disk learns of it at
// the next change of state.
func (r *Runner) update(e *entry, change func(*Job)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&e.job)
	r.notify(e)
}

// settle gives a job that ran its final state. r.mu is held.
func (r *Runner) settle(e *entry, report *inference.Report, err, cause error) {
	if report != nil {
		e.job.Warnings = report.Warnings
		e.job.Structures = slices.Clone(report.Structures)
		for i := range e.job.Structures {
			e.job.Structures[i].Mask = nil
			unreached(&e.job.Structures[i])
		}
	}
	switch {
	case err != nil && errors.Is(cause, ErrInterrupted):
		r.putBack(e)
	case err == nil:
		e.job.Progress = 1
		r.finish(e, outcome(e.job.Structures))
	case e.cancelled:
		r.finish(e, Cancelled)
	case errors.Is(err, inference.ErrNothingSegmentable):
		r.finish(e, Refused)
	default:
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the job ran longer than %v: %w", r.config.Timeout, err)
		}
		r.fail(&e.job, err)
		r.finish(e, Failed)
	}
}

// putBack leaves a job for the next process, which finds it in the folder, and
// ends the channels of who watches. r.mu is held.
func (r *Runner) putBack(e *entry) {
	if e.job.State == Running {
		e.job.Starts-- // this end was in order, and says nothing of the job
	}
	e.job.State, e.job.Phase, e.job.Warnings = Queued, "", nil
	e.job.Structures = planned(e.job.Request.Plan)
	r.part(e)
}

// fail notes why a job ended.
func (r *Runner) fail(j *Job, err error) {
	failure := r.config.Classify(err)
	j.State, j.Failure = Failed, &failure
	r.config.Log.Error("a job failed", "job", j.ID, "error", err)
	r.stopped(j, "the job ended before")
}

// stopped gives the structures that were not reached their status.
func (r *Runner) stopped(j *Job, reason string) {
	for i := range j.Structures {
		if s := &j.Structures[i]; s.Status == Pending {
			s.Status, s.Reason = inference.Cancelled, reason
		}
	}
}

// finish ends a job. r.mu is held.
func (r *Runner) finish(e *entry, state State) {
	e.job.State, e.job.Finished = state, time.Now()
	if state == Cancelled {
		r.stopped(&e.job, "the job was cancelled")
	}
	r.forget(&e.job)
	r.part(e)
}

// part writes a job down for the last time and ends the channels of who watches.
// r.mu is held.
func (r *Runner) part(e *entry) {
	if r.changed(e) {
		delete(r.active, e.job.ID) // from now on the disk answers
	}
	for _, ch := range e.watchers {
		close(ch)
	}
	e.watchers = nil
}

// changed writes a job down, tells who watches, and says whether the disk took
// it; where it did not, the job lives on in memory. r.mu is held.
func (r *Runner) changed(e *entry) bool {
	err := r.dir.save(&e.job)
	if err != nil {
		r.config.Log.Error("a job's state could not be kept", "job", e.job.ID, "state", e.job.State, "error", err)
	}
	r.notify(e)
	return err == nil
}

// notify replaces what a watcher has not read yet. r.mu is held.
func (r *Runner) notify(e *entry) {
	if len(e.watchers) == 0 {
		return
	}
	now := r.snapshot(e)
	for _, ch := range e.watchers {
		select {
		case <-ch:
		default:
		}
		ch <- now
	}
}

// snapshot copies a job with its place in the queue. r.mu is held.
func (r *Runner) snapshot(e *entry) Job {
	j := e.job.clone()
	j.Position = slices.Index(r.queue, e) + 1
	return j
}
