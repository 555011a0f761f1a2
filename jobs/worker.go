package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"satgraph/inference"
	"satgraph/inference/remote"
	"satgraph/internal/steps"
	"satgraph/volume"
)

// A worker takes jobs of the queue and does them.
type worker struct {
	q      *queue
	kinds  map[string]Kind
	advert advert
	lock   *os.File // held locked while the process lives
	// courier of one that does not reach the folder of the service; else nil.
	courier *courier
}

// Why a run was stopped before its end.
var (
	errFenced  = errors.New("the job is another worker's by now")
	errClosing = errors.New("the worker is stopped")
	errCancel  = errors.New("the job was cancelled")
)

// newWorker makes one that does several jobs at once: segmentations, or with
// other work of the other kinds.
func newWorker(q *queue, id string, slots int, segments bool, other map[string]Kind) (*worker, error) {
	c := &q.config
	w := &worker{q: q, kinds: map[string]Kind{}}
	w.advert = advert{ID: id, Name: c.Name, Device: c.Device, Memory: c.MemoryBytes, Slots: slots}
	maps.Copy(w.kinds, other)
	if segments && c.Models != nil {
		w.kinds[Segmentation] = &segmentation{models: c.Models, run: c.Run, max: c.MaxImageBytes}
		if known, ok := c.Models.(Manifests); ok {
			w.advert.Models = []string{}
			for _, m := range known.Manifests() {
				w.advert.Models = append(w.advert.Models, Digest(m))
				w.advert.Names = append(w.advert.Names, m.Name)
			}
		}
	}
	for name := range w.kinds {
		w.advert.Kinds = append(w.advert.Kinds, name)
	}
	if c.Remote {
		w.advert.Remote = true
		var err error
		if w.courier, err = newCourier(q, id); err != nil {
			return nil, err
		}
	}
	if q.files != "" {
		w.advert.Homes = []string{q.files}
	}
	slices.Sort(w.advert.Kinds)
	dir := filepath.Join(q.dir, "workers")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	var err error
	if w.lock, err = os.OpenFile(filepath.Join(dir, id+".lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, w.lock.Close())
	}
	sweepLocks(dir)
	return w, nil
}

// sweepLocks removes the files of workers that ended a while ago.
func sweepLocks(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
			continue
		}
		if path := filepath.Join(dir, e.Name()); (&claim{Lock: path, Boot: boot()}).dead() {
			_ = os.Remove(path)
		}
	}
}

// tell publishes the models' manifests, for services that have none of their own.
func (w *worker) tell(ctx context.Context) error {
	known, ok := w.q.config.Models.(Manifests)
	if !ok {
		return nil
	}
	for _, m := range known.Manifests() {
		if _, err := w.q.table.create(ctx, keyModel+Digest(m), m); err != nil && !errors.Is(err, errStale) {
			return err
		}
	}
	return nil
}

// loop works until ctx ends.
func (w *worker) loop(ctx context.Context) {
	changes, stop := w.q.mirror.listen("")
	defer stop()
	for ctx.Err() == nil && !w.q.draining.Load() {
		r, request, err := w.take(ctx)
		switch {
		case r != nil:
			w.do(ctx, *r, request)
			continue
		case err != nil && ctx.Err() == nil:
			w.q.log.Warn("no job could be taken", "error", err)
			sleep(ctx, time.Second)
		}
		select {
		case <-ctx.Done():
		case <-changes:
		case <-time.After(w.q.config.Lease / 8): // a failure may have been waited out
		}
	}
}

// take claims the first job of the queue that this worker can run. It gives nil
// where there is none.
func (w *worker) take(ctx context.Context) (*record, Request, error) {
	m := w.q.mirror
	m.mu.Lock()
	var ids []string
	for _, p := range m.queue() {
		s := m.active[p.id]
		if w.courier != nil && time.Since(m.homes[s.Home]) > w.q.config.Lease {
			continue // it could not be asked for the scan
		}
		if w.advert.can(&s.record) && time.Since(s.since) >= s.Backoff {
			ids = append(ids, p.id)
		}
	}
	m.mu.Unlock()
	for _, id := range ids {
		r, request, err := w.claim(ctx, id)
		switch {
		case err == nil && r.State == Running:
			return r, request, nil
		case err == nil, errors.Is(err, errKeep), errors.Is(err, errNone), errors.Is(err, ErrNotFound):
			continue
		default:
			return nil, Request{}, err
		}
	}
	return nil, Request{}, nil
}

// claim takes one job, or gives it the result that is there already.
func (w *worker) claim(ctx context.Context, id string) (*record, Request, error) {
	q := w.q
	request, err := q.request(ctx, id)
	if err != nil {
		return nil, request, err
	}
	var done *record
	m := q.mirror
	m.mu.Lock()
	content := ""
	if s := m.active[id]; s != nil {
		content = s.Same
	}
	m.mu.Unlock()
	if content != "" {
		mine, other, err := q.hold(ctx, content, id)
		if err != nil || !mine && other == nil {
			return nil, request, errors.Join(err, errKeep)
		}
		done = other
	}
	r, err := q.change(ctx, id, func(r *record) error {
		if r.State != Queued || r.Same != content {
			return errKeep
		}
		if done != nil {
			r.copyFrom(done, q.config.Now())
			return nil
		}
		r.State, r.Started, r.Worker, r.Failure = Running, q.config.Now(), w.advert.Name, nil
		r.Epoch++
		r.Starts++
		r.Folder = folderOf(r.ID, r.Epoch)
		r.Claim = &claim{Worker: w.advert.ID, Device: w.advert.Device, Lock: w.lock.Name(), Boot: boot()}
		return nil
	})
	if err == nil && done != nil {
		_, step := steps.Start(steps.Resume(ctx, request.Trace), "job.shared", steps.Str("job.id", id), steps.Str("job.from", done.ID), steps.Str("request.id", request.RequestID))
		step.End(nil)
		q.logOf(id, &request).Info("a job takes over the result of another", "from", done.ID)
	}
	return &r, request, err
}

// hold makes a job the one that computes a content, unless another is active and
// does, or has: then that one is given where its result is there.
func (q *queue) hold(ctx context.Context, content, id string) (mine bool, done *record, err error) {
	key := keySame + content
	var holder same
	revision, err := q.table.get(ctx, key, &holder)
	switch {
	case errors.Is(err, errNone):
		_, err = q.table.create(ctx, key, same{Job: id})
	case err != nil:
		return false, nil, err
	case holder.Job == id:
		return true, nil, nil
	default:
		other, err := q.record(ctx, holder.Job)
		switch {
		case err != nil && !errors.Is(err, ErrNotFound):
			return false, nil, err
		case err == nil && !other.State.Final():
			return false, nil, nil
		case err == nil:
			there, err := q.reachable(ctx, other)
			if err != nil || there {
				return false, other, err
			}
		}
		_, err = q.table.update(ctx, key, same{Job: id}, revision)
		if err != nil && !errors.Is(err, errStale) {
			return false, nil, err
		}
		return err == nil, nil, nil
	}
	if errors.Is(err, errStale) {
		return false, nil, nil
	}
	return err == nil, nil, err
}

// do runs a claimed job and settles it.
func (w *worker) do(ctx context.Context, r record, request Request) {
	q := w.q
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &attempt{record: r, log: q.logOf(r.ID, &request), started: time.Now(), changed: make(chan struct{}, 1), remote: w.courier != nil}
	var beside sync.WaitGroup
	beating, stop := context.WithCancel(context.WithoutCancel(ctx)) // to the end of the work, which a cancelled job has too
	beside.Go(func() { w.beat(beating, a) })
	beside.Go(func() { w.guard(beating, a, cancel) })
	defer beside.Wait()
	defer stop()

	t := &Task{
		Job: r.job(request), Image: request.ImagePath, Log: a.log, Update: a.update,
		Out: filepath.Join(q.dir, r.Folder), Work: filepath.Join(q.dir, r.ID, "work"),
	}
	a.log.Info("a job begins", "kind", r.Kind, "start", r.Starts, "worker", w.advert.Name)
	out, err := w.attend(run, ctx, a, t)
	if err == nil && run.Err() != nil && errors.Is(context.Cause(run), errFenced) {
		err = errFenced
	}
	w.settle(ctx, a, t, out, err, context.Cause(run))
	if w.courier != nil {
		_ = os.RemoveAll(t.Out) // it is home, or counts for nothing
		w.courier.sweep(t.ID)
	}
}

// attend does the work, with the scan brought here and the results brought home
// where this worker does not reach them.
func (w *worker) attend(run, worker context.Context, a *attempt, t *Task) (*Outcome, error) {
	if w.courier == nil {
		return w.run(run, t)
	}
	image, release, err := w.courier.fetch(run, &a.record)
	if err != nil {
		return nil, fmt.Errorf("the scan could not be fetched: %w", err)
	}
	defer release()
	t.Image = image
	out, err := w.run(run, t)
	cause := context.Cause(run)
	if errors.Is(cause, errFenced) || errors.Is(cause, errClosing) {
		return out, err
	}
	send, stop := context.WithCancel(run)
	if cause != nil { // cancelled, and what was found is kept
		stop()
		send, stop = context.WithTimeout(context.WithoutCancel(run), sendAfterCancel)
	}
	defer stop()
	defer context.AfterFunc(worker, stop)()
	if failed := w.courier.send(send, &a.record, t.Out); failed != nil {
		a.update(func(s *Status) { s.Structures = nil }) // of which no mask is there
		failed = fmt.Errorf("the results could not be sent: %w", failed)
		if err == nil {
			return nil, failed
		}
		a.log.Warn("a job", "error", failed)
	}
	return out, err
}

// run does the work. A panic is an error of that job alone.
func (w *worker) run(ctx context.Context, t *Task) (out *Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.Log.Error("a job panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error in job %s", t.ID)
		}
	}()
	kind, timeout := w.kinds[t.Request.kind()], w.q.config.Timeout
	if p, ok := kind.(Patient); ok {
		timeout = p.Timeout()
	}
	if timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		ctx = limited
	}
	ctx = steps.Resume(steps.WithRequest(ctx, t.Request.RequestID), t.Request.Trace)
	ctx, step := steps.Start(ctx, "job", steps.Str("job.id", t.ID), steps.Str("job.kind", t.Request.kind()), steps.Str("request.id", t.Request.RequestID))
	defer func() { step.End(err) }()
	if err := os.RemoveAll(t.Out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(t.Out, 0o750); err != nil {
		return nil, err
	}
	out, err = kind.Run(ctx, t)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w: the job ran longer than %v: %w", errTooLong, timeout, err)
	}
	return out, err
}

var errTooLong = errors.New("too long")

// An attempt is a claimed job while it runs.
type attempt struct {
	record  record
	log     *slog.Logger
	started time.Time
	changed chan struct{}
	// remote: its masks are home only when it has ended.
	remote bool

	mu     sync.Mutex
	status Status
	at     time.Time // of the status
	first  time.Time // when the windows began, and how far it was then
	from   float64
}

func (a *attempt) update(change func(*Status)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.status.Progress
	change(&a.status)
	a.at = time.Now()
	a.status.Progress = max(was, a.status.Progress)
	if a.first.IsZero() && a.status.Progress >= windowsFrom {
		a.first, a.from = time.Now(), a.status.Progress
	}
	poke(a.changed)
}

// windowsFrom is the progress from which the rest can be told by what is done.
const windowsFrom = 0.1

// beat is the sign of life, with all structures where they are asked for.
func (a *attempt) beat(rate time.Duration) beat {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := beat{
		Epoch: a.record.Epoch, Phase: a.status.Phase, Progress: a.status.Progress,
		Info: a.status.Model, Structures: slices.Clone(a.status.Structures),
	}
	b.Done, b.Total = a.status.Done, a.status.Total
	if a.remote {
		for i := range b.Structures {
			b.Structures[i].File = ""
		}
	}
	switch done := a.status.Progress - a.from; {
	case a.status.Left > 0:
		b.Left = max(time.Second, a.status.Left-time.Since(a.at))
	case !a.first.IsZero() && done > 0.02:
		b.Left = time.Duration(float64(time.Since(a.first)) / done * (1 - a.status.Progress))
	case rate > 0:
		b.Left = max(time.Second, rate-time.Since(a.started))
	}
	return b
}

// beatEvery is how soon progress is told.
const beatEvery = 200 * time.Millisecond

// beat gives signs of life of an attempt until ctx ends: when something changed,
// and often enough for the lease.
func (w *worker) beat(ctx context.Context, a *attempt) {
	m := w.q.mirror
	m.mu.Lock()
	rate := m.estimate(&a.record, w.advert.Device)
	m.mu.Unlock()
	alive := time.NewTicker(w.q.config.Lease / 6)
	defer alive.Stop()
	for {
		b := a.beat(rate)
		m.hear(a.record.ID, b) // at once in this process
		w.q.publish("beat."+a.record.ID, &b)
		sleep(ctx, beatEvery)
		select {
		case <-ctx.Done():
			return
		case <-a.changed:
		case <-alive.C:
		}
	}
}

// guard stops a run whose job was cancelled, or is not this worker's any more.
func (w *worker) guard(ctx context.Context, a *attempt, cancel context.CancelCauseFunc) {
	changes, stop := w.q.mirror.listen("")
	defer stop()
	for {
		m := w.q.mirror
		m.mu.Lock()
		s := m.active[a.record.ID]
		switch {
		case s == nil, s.Epoch < a.record.Epoch: // not followed yet
		case s.Epoch > a.record.Epoch || s.State != Running:
			cancel(errFenced)
		case s.Cancel:
			cancel(errCancel)
		}
		m.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
	}
}

// settle writes what became of an attempt, if the job is still this worker's.
func (w *worker) settle(ctx context.Context, a *attempt, t *Task, out *Outcome, err, cause error) {
	q := w.q
	final := func(r *record) { w.judge(a.log, r, out, err, cause) }
	if err != nil && !errors.Is(cause, errClosing) {
		a.log.Warn("a job did not end well", "start", t.Starts, "error", err)
	}
	patience := context.WithoutCancel(ctx)
	for {
		r, changeErr := q.change(patience, t.ID, func(r *record) error {
			if r.State != Running || r.Epoch != a.record.Epoch {
				return errFenced
			}
			a.mu.Lock()
			r.Info, r.Done, r.Total, r.Progress = a.status.Model, a.status.Done, a.status.Total, a.status.Progress
			if out == nil {
				r.Structures = slices.Clone(a.status.Structures)
			}
			a.mu.Unlock()
			final(r)
			return nil
		})
		switch {
		case changeErr == nil:
			w.settled(patience, a, &r)
			return
		case errors.Is(changeErr, errFenced), errors.Is(changeErr, errNone):
			a.log.Warn("a job is another worker's by now, and what this one made of it is dropped")
			_ = os.RemoveAll(t.Out)
			return
		case errors.Is(changeErr, ErrTooLarge):
			final = func(r *record) { w.judge(a.log, r, nil, changeErr, nil) }
			continue
		}
		a.log.Warn("the end of a job could not be kept yet", "error", changeErr)
		if ctx.Err() != nil { // the next start sees to it
			return
		}
		sleep(ctx, time.Second)
	}
}

// settled tidies up after an attempt that counted, and learns its rate.
func (w *worker) settled(ctx context.Context, a *attempt, r *record) {
	a.log.Info("a job is settled", "state", r.State, "took", time.Since(a.started).Round(time.Millisecond))
	if !r.State.Final() {
		return
	}
	if err := os.RemoveAll(filepath.Join(w.q.dir, r.ID, "work")); err != nil {
		a.log.Warn("the saved state of a job stays behind", "error", err)
	}
	if r.State != Done && r.State != Partial || r.Starts > 1 || r.Litres <= 0 || r.Kind == Segmentation && r.ModelDigest == "" {
		return
	}
	key := rateKey(r, w.advert.Device)
	now := time.Since(a.started).Seconds() / r.Litres
	var have rate
	revision, err := w.q.table.get(ctx, key, &have)
	have.Model, have.Device = cmp.Or(r.Model, r.Kind), w.advert.Device
	have.Jobs++
	// The mean of all, later that of the last dozen or so.
	have.SecondsPerLitre += (now - have.SecondsPerLitre) / float64(min(have.Jobs, 12))
	if errors.Is(err, errNone) {
		_, err = w.q.table.create(ctx, key, &have)
	} else if err == nil {
		_, err = w.q.table.update(ctx, key, &have, revision)
	}
	if err != nil && !errors.Is(err, errStale) {
		w.q.log.Debug("a rate could not be kept", "error", err)
	}
}

// judge says what became of an attempt.
func (w *worker) judge(log *slog.Logger, r *record, out *Outcome, err, cause error) {
	c := &w.q.config
	now := c.Now()
	if out != nil {
		r.Structures, r.Warnings, r.Output = out.Structures, out.Warnings, out.Output
	}
	switch {
	case err == nil:
		r.Progress = 1
		r.end(out.State, now)
	case errors.Is(cause, errCancel) || r.Cancel:
		r.end(Cancelled, now)
	case errors.Is(cause, errClosing):
		r.again()
		r.Starts-- // this end was in order, and says nothing of the job
	case errors.Is(err, errAway):
		r.again()
		r.Starts-- // which says nothing of the job
		r.Backoff = c.Backoff
	case errors.Is(err, errTooLong) || !c.Retry(err):
		w.fail(log, r, Failed, err)
		r.end(Failed, now)
	case r.Tries+1 >= c.MaxTries:
		w.fail(log, r, Dead, fmt.Errorf("tried %d times, the last time: %w", r.Tries+1, err))
		r.end(Dead, now)
	default:
		r.Tries++
		r.again()
		w.fail(log, r, Queued, err)
		r.Backoff = backoff(c.Backoff, r.Tries)
	}
	r.leave(r.Structures)
}

// fail notes why an attempt failed.
func (w *worker) fail(log *slog.Logger, r *record, to State, err error) {
	failure := w.q.config.Classify(err)
	r.Failure = &failure
	log.Error("a job failed", "to", to, "error", err)
}

// maxBackoff bounds the time between tries.
const maxBackoff = 10 * time.Minute

// backoff grows fourfold with each try, and varies by a quarter.
func backoff(base time.Duration, tries int) time.Duration {
	d := base
	for range tries - 1 {
		d = min(4*d, maxBackoff)
	}
	return d + time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // no secret
}

// Retriable says whether an error may pass: a full disk, want of memory or of file
// handles, a server or machine that does not answer. What is wrong with a scan, a
// model or a request never passes.
func Retriable(err error) bool {
	for _, bad := range []error{
		volume.ErrCorrupt, volume.ErrTruncated, volume.ErrNotNIfTI, volume.ErrUnsupported, volume.ErrTooLarge, volume.ErrBadHeader,
		inference.ErrEmptyImage, inference.ErrConstantImage, inference.ErrNotFinite, inference.ErrGridTooLarge,
		inference.ErrBadManifest, inference.ErrBundleFile, inference.ErrModelOutput, ErrTooLarge,
	} {
		if errors.Is(err, bad) {
			return false
		}
	}
	for _, passing := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ESTALE,
		inference.ErrMemory, remote.ErrUnavailable, ErrUnavailable, errDamaged,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	var network *net.OpError
	return errors.As(err, &network)
}
