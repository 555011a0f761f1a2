package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"satgraph/inference"
	"satgraph/jobs/bus"
	"satgraph/volume"
)

// Config says how a Runner works.
type Config struct {
	// Dir is where the files of jobs are kept. It is made if need be.
	Dir string
	// Images is the folder of the scans of jobs that were brought from elsewhere;
	// empty: they lie where they lay.
	Images string
	// Bus says which NATS server keeps the jobs. Without URL it is one inside the
	// process, whose Dir is by default the folder "nats" of Dir.
	Bus bus.Options
	// Bucket is the name of the jobs' table on the server; empty: satgraph-jobs.
	Bucket string
	// Replicas are the copies that a cluster keeps; 0 means 3 where it has as many
	// servers, else one.
	Replicas int
	// WorkOnly is for a process that does jobs and takes none in. Its Dir is the
	// folder of the service, on the same machine or a shared disk.
	WorkOnly bool
	// Remote is for one that does not reach that folder: its Dir is its own, scans
	// come and results go over NATS. It does segmentations, and of Kinds, in turn
	// with them, jobs of one scan.
	Remote bool
	// CacheBytes bounds the copies of scans that a Remote worker keeps; 0 means 16
	// GiB.
	CacheBytes int64

	// Models opens the models.
	Models Models
	// Kinds are the kinds of work beside segmentation, by name.
	Kinds map[string]Kind
	// Name and Device of the worker; empty: the machine's name, and "cpu".
	Name, Device string
	// NeedDevice is the device that segmentations taken in here need, where they do
	// not say so themselves; empty takes any.
	NeedDevice string
	// MemoryBytes is what a job may ask of this worker; 0 means anything.
	MemoryBytes int64
	// Parallel is how many jobs run at once; 0 means one, less none. Beside is how
	// many of Kinds run at once beside them, so that hours of work hold up no
	// segmentation; 0 has them wait in the same line.
	Parallel, Beside int

	// Classify turns the error of a run into what is kept with the failed job.
	// Nil keeps the error's text under the code "FAILED".
	Classify func(error) Failure
	// Retry says which errors may pass; nil is [Retriable].
	Retry func(error) bool
	// MaxTries is how often a job is tried whose errors may pass; 0 means 5.
	MaxTries int
	// Backoff is waited after the first failure, four times as much after each
	// further one; 0 means 5 seconds.
	Backoff time.Duration
	// MaxLost is under how many starts of a job its worker may end before the job
	// is taken for the cause; 0 means 3.
	MaxLost int
	// Lease is how long a worker may give no sign of life; 0 means 30 seconds.
	Lease time.Duration

	// Waiting is how many jobs may wait; 0 means 10,000. WaitingEach is how many of
	// one owner; 0 means 2,000.
	Waiting, WaitingEach int
	// KeepFor is how long a job is kept after its end, with its files, and Keep how
	// many that ended are kept, the latest; 0 keeps all. A job whose result another
	// has taken over stays with it.
	KeepFor time.Duration
	Keep    int
	// Timeout ends a job that runs longer; 0 means one hour.
	Timeout time.Duration
	// MaxImageBytes bounds the decoded voxels of a scan; 0 is the default of
	// package volume.
	MaxImageBytes int64
	// Grace is how long Close waits for what runs once it was told to stop; what
	// has not stopped then is given back all the same, and counts for nothing. 0
	// means 20 seconds.
	Grace time.Duration
	// Run gives the threads and the memory of a run; sink and progress are the
	// runner's own.
	Run inference.Options
	// Now is the time of day, for what is shown of jobs; nil is the machine's.
	Now func() time.Time
	// Log takes what the caller cannot be told; nil discards it.
	Log *slog.Logger
}

func orElse[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

func (c *Config) withDefaults() {
	if c.Parallel == 0 {
		c.Parallel = 1
	}
	orElse(&c.MaxTries, 5)
	orElse(&c.Backoff, 5*time.Second)
	orElse(&c.MaxLost, 3)
	orElse(&c.Lease, 30*time.Second)
	orElse(&c.Waiting, 10_000)
	orElse(&c.WaitingEach, 2_000)
	orElse(&c.Timeout, time.Hour)
	orElse(&c.Grace, 20*time.Second)
	orElse(&c.CacheBytes, 16<<30)
	if c.Bucket == "" {
		c.Bucket = "satgraph-jobs"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Classify == nil {
		c.Classify = func(err error) Failure { return Failure{Code: "FAILED", Message: err.Error()} }
	}
	if c.Retry == nil {
		c.Retry = Retriable
	}
	if c.Bus.Log == nil {
		c.Bus.Log = c.Log
	}
	if c.Bus.Dir == "" {
		c.Bus.Dir = filepath.Join(c.Dir, "nats")
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname()
	}
	if c.Bus.Name == "" {
		c.Bus.Name = "satgraph on " + c.Name
	}
	if c.Device == "" {
		c.Device = "cpu"
	}
}

// Runner takes jobs in, and runs them where it is told to. It is safe for
// concurrent use.
type Runner struct {
	*queue
	workers []*worker

	stopWork, stopAll context.CancelCauseFunc
	work, beside      sync.WaitGroup
	once              sync.Once
}

// Open reaches the server, makes the folder, takes over the jobs that are in it
// of former versions, and starts the workers. Close it. Errors: those of
// bus.Open, ErrUnavailable, or the disk's.
func Open(c Config) (*Runner, error) {
	c.withDefaults()
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of jobs: %w", err)
	}
	c.WorkOnly = c.WorkOnly || c.Remote
	for began, wait := time.Now(), againFirst; ; wait *= 2 {
		r, err := open(c)
		// The service that a worker works for may be starting, or end meanwhile.
		passing := errors.Is(err, ErrUnavailable) || errors.Is(err, bus.ErrNoServer) && !errors.Is(err, nats.ErrAuthorization)
		if !passing || !c.WorkOnly || time.Since(began)+wait > workerPatience {
			return r, err
		}
		c.Log.Warn("the worker cannot start yet and tries again", "error", err)
		time.Sleep(wait)
	}
}

// workerPatience is how long a worker tries to start while its server is away.
const workerPatience = 15 * time.Second

func open(c Config) (*Runner, error) {
	home, err := homeOf(c.Dir, !c.WorkOnly)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the folder of jobs: %w", err)
	case c.Remote && home != "":
		return nil, fmt.Errorf("%w: %s is the folder of a service, which this worker needs no courier to", ErrBadRequest, c.Dir)
	case c.WorkOnly && !c.Remote && home == "":
		return nil, fmt.Errorf("%w: %s is not the folder of a service", ErrBadRequest, c.Dir)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	r := &Runner{queue: &queue{config: c, log: c.Log, dir: c.Dir, files: home, mirror: newMirror(), past: past{jobs: map[string]pastJob{}, ready: make(chan struct{})}}, stopAll: stop}
	if !c.WorkOnly {
		r.home = home
	}
	start, done := context.WithTimeout(ctx, startTime)
	defer done()
	if r.bus, err = bus.Open(start, c.Bus); err != nil {
		return nil, err
	}
	if err := r.start(ctx, start); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// startTime is how long the server may take until it has told all jobs.
const startTime = time.Minute

func (r *Runner) start(ctx, start context.Context) (err error) {
	if r.table, err = openTable(start, r.bus, r.config.Bucket, r.config.Replicas); err != nil {
		return err
	}
	if err := r.subscribe(); err != nil {
		return err
	}
	ready := make(chan struct{})
	r.beside.Go(func() { r.follow(ctx, ready) })
	select {
	case <-ready:
	case <-start.Done():
		return fmt.Errorf("%w: it did not tell its jobs in %v", ErrUnavailable, startTime)
	}
	if r.home != "" {
		if err := r.migrate(start); err != nil {
			return fmt.Errorf("the folder of jobs: %w", err)
		}
		r.beside.Go(func() { r.beHome(ctx) })
	}
	r.beside.Go(func() { r.keep(ctx) })
	if r.home != "" {
		r.beside.Go(func() { r.followPast(ctx) })
		r.beside.Go(func() { r.prunes(ctx) })
	}
	work, stop := context.WithCancelCause(ctx)
	r.stopWork = stop
	together, beside := r.config.Kinds, r.config.Beside
	if r.config.Remote {
		beside = 0 // a folder has one worker
	}
	if beside > 0 {
		together = nil
	}
	if r.config.Parallel > 0 {
		err = r.employ(start, ctx, work, r.config.Parallel, true, together)
	}
	if err == nil && beside > 0 {
		err = r.employ(start, ctx, work, beside, false, r.config.Kinds)
	}
	return err
}

// employ starts a worker.
func (r *Runner) employ(start, ctx, work context.Context, slots int, segments bool, other map[string]Kind) error {
	w, err := newWorker(r.queue, rand.Text(), slots, segments, other)
	if err != nil {
		return err
	}
	r.workers = append(r.workers, w)
	if w.courier != nil {
		if err := w.courier.succeed(start); err != nil {
			return err
		}
	}
	if err := w.tell(start); err != nil {
		return err
	}
	r.beside.Go(func() { r.advertise(ctx, w) })
	for range slots {
		r.work.Go(func() { w.loop(work) })
	}
	return nil
}

// homeOf reads the name of a folder of jobs, which goes with it wherever it is
// mounted; it gives it one where it has none.
func homeOf(dir string, create bool) (string, error) {
	path := filepath.Join(dir, "home")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return "", nil
		}
		err = volume.WriteAtomic(path, func(w io.Writer) error {
			_, err := io.WriteString(w, rand.Text()+"\n")
			return err
		})
		if err == nil {
			text, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(text))
	if !idPattern.MatchString(name) {
		return "", fmt.Errorf("%s is damaged", path)
	}
	return name, nil
}

// subject is where something is told to all processes that share the table.
func (q *queue) subject(what string) string { return q.config.Bucket + "." + what }

// publish tells it; what is not heard is told again soon.
func (q *queue) publish(what string, v any) {
	value, err := pack(v)
	if err == nil {
		err = q.bus.Conn.Publish(q.subject(what), value)
	}
	if err != nil && !q.closed.Load() {
		q.log.Debug("not told", "what", what, "error", err)
	}
}

// subscribe hears what the others tell.
func (q *queue) subscribe() error {
	_, err := q.bus.Conn.Subscribe(q.subject("beat.*"), func(msg *nats.Msg) {
		var b beat
		if unpack(msg.Data, &b) == nil {
			q.mirror.hear(msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:], b)
		}
	})
	if err != nil {
		return told(err)
	}
	_, err = q.bus.Conn.Subscribe(q.subject("worker"), func(msg *nats.Msg) {
		var a advert
		if unpack(msg.Data, &a) == nil && a.ID != "" {
			if q.mirror.meet(a) && a.Remote && q.home != "" {
				q.publish("home", q.home) // so that it need not wait for the next time
			}
		}
	})
	if err != nil {
		return told(err)
	}
	_, err = q.bus.Conn.Subscribe(q.subject("home"), func(msg *nats.Msg) {
		var home string
		if unpack(msg.Data, &home) == nil && idPattern.MatchString(home) {
			q.mirror.reach(home)
		}
	})
	return told(err)
}

// beHome answers workers for the files of this home, and tells that it does,
// until ctx ends.
func (r *Runner) beHome(ctx context.Context) {
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		for ctx.Err() == nil {
			if err := r.serveFiles(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("workers elsewhere are not answered for files", "error", err)
				sleep(ctx, time.Second)
			}
		}
	})
	tick := time.NewTicker(r.config.Lease / 6)
	defer tick.Stop()
	for {
		r.publish("home", r.home)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// advertise tells of a worker until ctx ends.
func (r *Runner) advertise(ctx context.Context, w *worker) {
	tick := time.NewTicker(r.config.Lease / 6)
	defer tick.Stop()
	changes, stop := r.mirror.listen("")
	defer stop()
	r.mirror.meet(w.advert)
	var told time.Time
	for ctx.Err() == nil && !r.draining.Load() {
		if time.Since(told) >= r.config.Lease/7 {
			r.publish("worker", &w.advert)
			told = time.Now()
		}
		select {
		case <-ctx.Done():
		case <-changes: // it may be told to stop
		case <-tick.C:
		}
	}
	gone := w.advert
	gone.Gone = true
	r.publish("worker", &gone)
	r.mirror.meet(gone)
}

// Drain has the workers of this process begin no more jobs; what runs goes on
// until Close. The channel is closed when nothing runs any more.
func (r *Runner) Drain() <-chan struct{} {
	r.draining.Store(true)
	r.mirror.mu.Lock()
	r.mirror.changed()
	r.mirror.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		r.work.Wait()
		close(idle)
	}()
	return idle
}

// giveBack queues the jobs again that did not stop when they were told to: what
// still runs of them counts for nothing.
func (r *Runner) giveBack() {
	ctx, done := context.WithTimeout(context.Background(), giveBackTime)
	defer done()
	mine := map[string]uint64{}
	r.mirror.mu.Lock()
	for id, s := range r.mirror.active {
		if s.State == Running && s.Claim != nil && slices.ContainsFunc(r.workers, func(w *worker) bool { return w.advert.ID == s.Claim.Worker }) {
			mine[id] = s.Epoch
		}
	}
	r.mirror.mu.Unlock()
	for id, epoch := range mine {
		_, err := r.change(ctx, id, func(x *record) error {
			if x.State != Running || x.Epoch != epoch {
				return errKeep
			}
			if x.Cancel {
				x.end(Cancelled, r.config.Now())
				return nil
			}
			x.again()
			x.Starts--
			return nil
		})
		r.logOfJob(ctx, id).Warn("a job does not stop; it is given back", "error", err)
	}
}

// giveBackTime bounds what giveBack waits for the server.
const giveBackTime = 5 * time.Second

// Close stops what runs, gives it back to the queue, and returns when all has
// ended, or was given back since it does not stop (Config.Grace). What waited or ran goes on in another process, or in the next.
func (r *Runner) Close() error {
	r.once.Do(func() {
		r.closed.Store(true)
		if r.stopWork != nil {
			r.stopWork(errClosing)
		}
		select {
		case <-r.Drain():
		case <-time.After(r.config.Grace):
			r.giveBack()
		}
		r.stopAll(ErrClosed)
		r.beside.Wait()
		r.mirror.mu.Lock()
		r.mirror.changed() // so that subscriptions see that it is closed
		r.mirror.mu.Unlock()
		r.bus.Close()
		for _, w := range r.workers {
			_ = os.Remove(w.lock.Name())
			_ = w.lock.Close()
			if w.courier != nil {
				w.courier.close()
			}
		}
	})
	return nil
}
