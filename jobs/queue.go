package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"satgraph/inference"
	"satgraph/internal/steps"
	"satgraph/jobs/bus"
	"satgraph/volume"
)

// A queue is this process's view of all jobs, and its hand in them.
type queue struct {
	config Config
	log    *slog.Logger
	bus    *bus.Bus
	table  *table
	mirror *mirror
	home   string // of the jobs taken in here; empty where the process only works
	files  string // the home whose folder dir is; empty where it is nobody's
	dir    string

	past     past
	retrying sync.Mutex // held while a job is queued again, or removed

	closed   atomic.Bool
	draining atomic.Bool
	requests requestCache
}

// ids are those of crypto/rand.Text: base32 of at least 128 random bits. The
// pattern also keeps path separators and dots out of file names.
var idPattern = regexp.MustCompile(`^[A-Z2-7]{26,52}$`)

const (
	// maxKey bounds the key and the owner of a request.
	maxKey = 256
	// attempts bounds how often a change that others forestall is tried.
	attempts = 50
)

// once is what a key stands for.
type once struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint"`
}

// same says which job computes a content, or has.
type same struct {
	Job string `json:"job"`
}

// Submit puts a job into the queue and returns it as it stands then. A plan
// without calls gives a job that is refused at once; a request whose key was used
// gives the job of then; one whose result is there already gives a job that is
// done. Errors: ErrQueueFull, ErrKeyConflict, ErrBadRequest, ErrTooLarge,
// ErrUnavailable, ErrClosed, bus.ErrFull, or the disk's.
func (q *queue) Submit(ctx context.Context, request Request) (Job, error) {
	if err := q.takes(ctx, &request); err != nil {
		return Job{}, err
	}
	request.RequestID = cmp.Or(request.RequestID, steps.Request(ctx))
	request.Trace = cmp.Or(request.Trace, steps.Carry(ctx))
	id := rand.Text()
	if request.Key != "" {
		former, err := q.table.once(ctx, &request, "")
		if err == nil {
			return q.former(ctx, former, request)
		}
		if !errors.Is(err, errNone) {
			return Job{}, err
		}
	}
	if n := q.waiting(request.Owner); request.Plan == nil || len(request.Plan.Calls) > 0 {
		switch {
		case n.all >= q.config.Waiting:
			return Job{}, fmt.Errorf("%w: %d jobs wait already", ErrQueueFull, n.all)
		case n.own >= q.config.WaitingEach:
			return Job{}, fmt.Errorf("%w: %d of yours wait already", ErrQueueFull, n.own)
		}
	}
	if _, err := q.table.create(ctx, keyRequest+id, &request); err != nil {
		return Job{}, err
	}
	if request.Key != "" {
		taken, err := q.table.once(ctx, &request, id)
		if err != nil {
			return Job{}, err
		}
		if taken.ID != id {
			return q.former(ctx, taken, request)
		}
	}
	return q.enqueue(ctx, id, request)
}

// takes checks a request.
func (q *queue) takes(ctx context.Context, r *Request) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case q.closed.Load():
		return ErrClosed
	case q.home == "":
		return fmt.Errorf("%w: this process only works", ErrBadRequest)
	case len(r.Key) > maxKey || len(r.Owner) > maxKey:
		return fmt.Errorf("%w: a key or an owner of more than %d bytes", ErrBadRequest, maxKey)
	case r.kind() == Segmentation && r.Plan == nil:
		return fmt.Errorf("%w: it has no plan", ErrBadRequest)
	case r.Priority < Low || r.Priority > High:
		return fmt.Errorf("%w: priority %d is none of %d to %d", ErrBadRequest, r.Priority, Low, High)
	}
	return q.table.room()
}

// once reads what the key of a request stands for; given an id, it makes it stand
// for that if it does not stand for anything. Errors: errNone, ErrKeyConflict,
// and the server's.
func (t *table) once(ctx context.Context, r *Request, id string) (*once, error) {
	key := keyOnce + hash(r.Owner, r.Key)
	want := &once{ID: id, Fingerprint: r.fingerprint()}
	if id != "" {
		_, err := t.create(ctx, key, want)
		if err == nil {
			return want, nil
		}
		if !errors.Is(err, errStale) {
			return nil, err
		}
	}
	var have once
	if _, err := t.get(ctx, key, &have); err != nil {
		return nil, err
	}
	if have.Fingerprint != want.Fingerprint {
		return nil, fmt.Errorf("%w: that of job %s", ErrKeyConflict, have.ID)
	}
	return &have, nil
}

// former gives the job that a key stands for. Where the process ended between
// taking the key and queuing the job, it is queued now.
func (q *queue) former(ctx context.Context, o *once, request Request) (Job, error) {
	j, err := q.Get(ctx, o.ID)
	if !errors.Is(err, ErrNotFound) {
		return j, err
	}
	if r, err := q.record(ctx, o.ID); err == nil && r.Gone {
		return Job{}, fmt.Errorf("%w: its job is being removed", ErrKeyConflict)
	}
	return q.enqueue(ctx, o.ID, request)
}

// enqueue writes the record of a job whose request is kept.
func (q *queue) enqueue(ctx context.Context, id string, request Request) (Job, error) {
	r := newRecord(id, q.home, &request, q.config.Now())
	if r.Kind == Segmentation {
		r.Device = cmp.Or(r.Device, q.config.NeedDevice)
		if len(request.Plan.Calls) == 0 {
			r.end(Refused, r.Created)
			r.Progress = 1
		} else {
			r.Same = request.same(q.home)
			var least int64
			r.Litres, least = measure(request.ImagePath)
			r.Memory = max(r.Memory, least)
		}
	}
	if r.Same != "" {
		q.reuse(ctx, &r)
	}
	if err := q.writeDown(&r, request); err != nil {
		return Job{}, err
	}
	revision, err := q.table.create(ctx, keyActive+id, &r)
	if errors.Is(err, errStale) { // by another who had the same key
		return q.Get(ctx, id)
	}
	if err != nil {
		if _, readErr := q.record(ctx, id); errors.Is(readErr, ErrNotFound) { // so that no backup has it
			_ = os.Remove(filepath.Join(q.dir, id, recordName))
		}
		return Job{}, err
	}
	q.requests.put(id, request)
	q.mirror.own(r, revision)
	q.logOf(id, &request).Info("a job is taken in", "kind", r.Kind, "state", r.State)
	return q.Get(ctx, id)
}

// logOf is the log of one job: its lines name the job, and the request and the trace
// that asked for it.
func (q *queue) logOf(id string, r *Request) *slog.Logger {
	log := q.log.With("job", id)
	if r.RequestID != "" {
		log = log.With("request", r.RequestID)
	}
	if trace := steps.TraceID(r.Trace); trace != "" {
		log = log.With("trace", trace)
	}
	return log
}

// logOfJob is logOf where the request is not at hand.
func (q *queue) logOfJob(ctx context.Context, id string) *slog.Logger {
	r, err := q.request(ctx, id)
	if err != nil {
		return q.log.With("job", id)
	}
	return q.logOf(id, &r)
}

// measure gives the volume of a scan in litres, and the bytes that it takes in
// memory, which is the least that a worker needs; 0 where they cannot be told from
// its header: the job itself will say why.
func measure(path string) (litres float64, least int64) {
	info, err := volume.ReadInfoWith(path, volume.ReadOptions{Alone: true})
	if err != nil {
		return 0, 0
	}
	volume, voxels := 1.0, 1.0
	for axis := range min(3, len(info.Shape)) {
		volume *= float64(info.Shape[axis]) * info.Spacing[axis]
		voxels *= float64(info.Shape[axis])
	}
	return volume / 1e6, int64(voxels) * 4
}

// reuse gives a job the result of another that computed the same, if it is there.
func (q *queue) reuse(ctx context.Context, r *record) {
	var holder same
	if _, err := q.table.get(ctx, keySame+r.Same, &holder); err != nil || holder.Job == r.ID {
		return
	}
	done, err := q.record(ctx, holder.Job)
	if err == nil && q.there(done) {
		r.copyFrom(done, q.config.Now())
	}
}

// copyFrom gives a job the result of another.
func (r *record) copyFrom(done *record, now time.Time) {
	r.Worker, r.Info, r.Structures, r.Warnings = done.Worker, done.Info, done.Structures, done.Warnings
	r.Folder, r.From, r.Progress, r.Started = done.Folder, done.ID, 1, now
	if done.From != "" {
		r.From = done.From
	}
	r.end(done.State, now)
}

// there says whether a job ended well and its files are still where they were.
func (q *queue) there(r *record) bool {
	if r.Gone || r.Home != q.files || r.State != Done && r.State != Partial {
		return false
	}
	for _, s := range r.Structures {
		if s.File == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(q.dir, r.Folder, s.File)); err != nil {
			return false
		}
	}
	return true
}

// reachable says the same of a job of any home, which is asked where this process
// does not see its folder.
func (q *queue) reachable(ctx context.Context, r *record) (bool, error) {
	if r.State != Done && r.State != Partial {
		return false, nil
	}
	if q.files == r.Home {
		return q.there(r), nil
	}
	_, _, err := q.ask(ctx, r.Home, &fileRequest{Op: opThere, Job: r.ID}, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

type counts struct{ all, own int }

func (q *queue) waiting(owner string) (n counts) {
	q.mirror.mu.Lock()
	defer q.mirror.mu.Unlock()
	n.own = q.mirror.waiting[owner]
	for _, k := range q.mirror.waiting {
		n.all += k
	}
	return n
}

// Get returns a job as it stands. Errors: ErrNotFound, ErrUnavailable.
func (q *queue) Get(ctx context.Context, id string) (Job, error) {
	if !idPattern.MatchString(id) {
		return Job{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	request, err := q.request(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if j, ok := q.present(id, request); ok {
		return j, nil
	}
	r, err := q.record(ctx, id)
	if err == nil && r.Gone {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Job{}, err
	}
	return r.job(request), nil
}

// present gives an active job with its place in the queue, progress and ETA.
func (q *queue) present(id string, request Request) (Job, bool) {
	m := q.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.active[id]
	if s == nil {
		return Job{}, false
	}
	j := s.job(request)
	switch s.State {
	case Queued:
		m.queue()
		j.Position = m.position[id]
		j.Waits = m.waits(s)
	case Running:
		j.Phase, j.Progress, j.Model = s.told.Phase, s.told.Progress, s.told.Info
		j.Done, j.Total = s.told.Done, s.told.Total
		for i := range s.told.Structures {
			if i < len(j.Structures) {
				j.Structures[i] = s.told.Structures[i]
			}
		}
	default:
		return j, true
	}
	j.ETA = m.eta(s, q.config.Now())
	return j, true
}

// record reads the record of a job. The error is ErrNotFound, or the server's.
func (q *queue) record(ctx context.Context, id string) (*record, error) {
	for range 2 { // since it may be put away between the two looks
		for _, where := range []string{keyActive, keyEnded} {
			var r record
			_, err := q.table.get(ctx, where+id, &r)
			if err == nil {
				return &r, nil
			}
			if !errors.Is(err, errNone) {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
}

// request reads what a job was asked to do.
func (q *queue) request(ctx context.Context, id string) (Request, error) {
	if r, ok := q.requests.get(id); ok {
		return r, nil
	}
	var r Request
	if _, err := q.table.get(ctx, keyRequest+id, &r); err != nil {
		if errors.Is(err, errNone) {
			err = fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		return r, err
	}
	q.requests.put(id, r)
	return r, nil
}

// A requestCache keeps the requests of jobs that were asked for lately.
type requestCache struct {
	mu  sync.Mutex
	all map[string]Request
}

const cachedRequests = 256

func (c *requestCache) get(id string) (Request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.all[id]
	return r, ok
}

func (c *requestCache) put(id string, r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= cachedRequests {
		c.all = make(map[string]Request, cachedRequests)
	}
	c.all[id] = r
}

// errKeep ends a change that is none.
var errKeep = errors.New("nothing to change")

// change applies f to the record of an active job, again if another was faster.
// An error of f is given back, with the record as it is. Errors: errNone where
// the job is not active, and the server's.
func (q *queue) change(ctx context.Context, id string, f func(*record) error) (record, error) {
	for range attempts {
		var r record
		revision, err := q.table.get(ctx, keyActive+id, &r)
		if err != nil {
			return r, err
		}
		if err := f(&r); err != nil {
			return r, err
		}
		next, err := q.table.update(ctx, keyActive+id, &r, revision)
		if errors.Is(err, errStale) {
			continue
		}
		if err == nil {
			q.mirror.own(r, next)
		}
		return r, err
	}
	return record{}, fmt.Errorf("%w: job %s changes all the time", ErrUnavailable, id)
}

// Cancel stops a job and returns it. One that waits is cancelled at once, one that
// runs as soon as the model lets go; structures already found are kept. Errors:
// ErrNotFound; ErrFinished, with the job as it ended; ErrUnavailable.
func (q *queue) Cancel(ctx context.Context, id string) (Job, error) {
	if !idPattern.MatchString(id) {
		return Job{}, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	var ended bool
	_, err := q.change(ctx, id, func(r *record) error {
		switch {
		case r.State.Final():
			ended = true
			return errKeep
		case r.State == Queued:
			r.end(Cancelled, q.config.Now())
		case r.Cancel:
			return errKeep
		default:
			r.Cancel = true
		}
		return nil
	})
	if errors.Is(err, errNone) {
		ended, err = true, nil
	}
	if err != nil && !errors.Is(err, errKeep) {
		return Job{}, err
	}
	j, err := q.Get(ctx, id)
	if err == nil && ended {
		err = fmt.Errorf("%w: it is %s", ErrFinished, j.State)
	}
	return j, err
}

// Subscribe sends the job as it stands and then every change, until the job
// has ended or ctx is done; then the channel is closed. A slow reader misses
// changes in between, never the last one. The error is that of Get.
func (q *queue) Subscribe(ctx context.Context, id string) (<-chan Job, error) {
	changes, stop := q.mirror.listen(id)
	first, err := q.Get(ctx, id)
	if err != nil {
		stop()
		return nil, err
	}
	out := make(chan Job, 1)
	out <- first
	go func() {
		defer close(out)
		defer stop()
		last := first
		for !last.State.Final() && !q.closed.Load() {
			select {
			case <-ctx.Done():
				return
			case <-changes:
			}
			j, err := q.Get(ctx, id)
			if err != nil {
				if errors.Is(err, ErrUnavailable) {
					sleep(ctx, followAgain)
					poke(changes)
					continue
				}
				return
			}
			if j.alike(&last) {
				continue
			}
			last = j
			select {
			case <-out: // which was not read
			default:
			}
			out <- j
		}
	}()
	return out, nil
}

// alike says whether a watcher need not be told of the difference.
func (j *Job) alike(o *Job) bool {
	found := func(j *Job) (n int) {
		for i := range j.Structures {
			if j.Structures[i].Status != Pending {
				n++
			}
		}
		return n
	}
	return j.State == o.State && j.Progress == o.Progress && j.Done == o.Done && j.Total == o.Total && j.Phase == o.Phase && j.Position == o.Position &&
		j.Starts == o.Starts && j.Waits == o.Waits && found(j) == found(o)
}

// MaskPath gives the path of a mask of a job. The name must be that of one of
// the job's structures. The error is ErrNotFound, or that of the disk.
func (q *queue) MaskPath(ctx context.Context, id, name string) (string, error) {
	j, err := q.Get(ctx, id)
	if err != nil {
		return "", err
	}
	for _, s := range j.Structures {
		if s.File != "" && s.File == name && filepath.IsLocal(name) {
			folder := j.Folder
			if !filepath.IsLocal(folder) {
				break
			}
			return filepath.Join(q.dir, folder, name), nil
		}
	}
	return "", fmt.Errorf("%w: job %s has no mask %q", ErrNotFound, id, name)
}

// ResultFolder is where the files of a job's result lie. The error is ErrNotFound,
// or the server's.
func (q *queue) ResultFolder(ctx context.Context, id string) (string, error) {
	j, err := q.Get(ctx, id)
	if err != nil {
		return "", err
	}
	if j.Folder == "" || !filepath.IsLocal(j.Folder) {
		return "", fmt.Errorf("%w: job %s has no files", ErrNotFound, id)
	}
	return filepath.Join(q.dir, j.Folder), nil
}

// Retry queues a job again that failed, was given up or was cancelled, under its
// own id; it goes on from what it saved where that is still there. Errors:
// ErrNotFound; ErrNotRetried, with the job; those of Submit.
func (q *queue) Retry(ctx context.Context, id string) (Job, error) {
	q.retrying.Lock()
	defer q.retrying.Unlock()
	j, err := q.Get(ctx, id)
	if err != nil {
		return j, err
	}
	if err := q.takes(ctx, &j.Request); err != nil {
		return j, err
	}
	var ended record
	revision, err := q.table.get(ctx, keyEnded+id, &ended)
	if errors.Is(err, errNone) {
		return j, fmt.Errorf("%w: it is %s", ErrNotRetried, j.State) // or is being put away
	}
	if err != nil {
		return j, err
	}
	if s := ended.State; s != Failed && s != Dead && s != Cancelled {
		return j, fmt.Errorf("%w: it is %s", ErrNotRetried, s)
	}
	r := ended
	r.again()
	r.Finished, r.Lost, r.Tries, r.Failure, r.Output, r.From, r.Home = time.Time{}, 0, 0, nil, nil, "", q.home
	if err := q.writeDown(&r, j.Request); err != nil {
		return j, err
	}
	next, err := q.table.create(ctx, keyActive+id, &r)
	if err != nil && !errors.Is(err, errStale) {
		err = errors.Join(err, q.writeDown(&ended, j.Request))
	}
	if errors.Is(err, errStale) { // another did so
		return j, fmt.Errorf("%w: it was queued already", ErrNotRetried)
	}
	if err != nil {
		return j, err
	}
	q.mirror.own(r, next)
	if err := q.table.purge(ctx, keyEnded+id, revision); err != nil {
		q.log.Debug("the former end of a job that was queued again stays until the next", "job", id, "error", err)
	}
	q.logOf(id, &j.Request).Info("a job is queued again", "by", steps.Request(ctx))
	return q.Get(ctx, id)
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// Models are the manifests of the models that live workers have, by name; the
// first one heard of is taken where two have the same name.
func (q *queue) Models() []*inference.Manifest {
	var out []*inference.Manifest
	names := map[string]bool{}
	for _, w := range q.mirror.able() {
		q.mirror.mu.Lock()
		for _, digest := range w.Models {
			if m := q.mirror.models[digest]; m != nil && !names[m.Name] {
				names[m.Name] = true
				out = append(out, m)
			}
		}
		q.mirror.mu.Unlock()
	}
	return out
}

// Degraded says what of the jobs works less than it should; "" if nothing.
func (q *queue) Degraded() string {
	if !q.bus.Conn.IsConnected() {
		return "the job server does not answer: new jobs are not taken"
	}
	if q.table.room() != nil {
		return "the disk of the job server is full: new jobs are not taken"
	}
	if q.draining.Load() {
		return "draining: no more jobs are begun here"
	}
	if len(q.mirror.able()) == 0 {
		return "no worker is there: jobs wait"
	}
	return q.mirror.stranded()
}

// Address is where the server inside the process takes workers of other
// processes; empty if it does not.
func (q *queue) Address() string { return q.bus.Address() }
