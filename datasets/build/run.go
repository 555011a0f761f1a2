package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"satgraph/datasets/standard"
	"satgraph/volume"
)

// Run builds all scans of a source. The report is there also beside an error.
//
// Scans that fail are in the report and are no error. Errors are those of the
// whole: ctx's, ErrBusy, ErrManifest, one that the source gives beside no scan,
// and the system's where the corpus cannot be written, as for a full disk; what
// was built before stands.
func Run(ctx context.Context, from Source, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Files == nil {
		o.Files = volume.Disk{}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0) + 1
	}
	b := &builder{Options: o, start: time.Now(), cpu: processTime(), report: &Report{Dir: o.Dir, Failures: []Failure{}}, admit: admission{budget: o.Memory}}
	err := b.run(ctx, from)
	b.report.Seconds = time.Since(b.start).Seconds()
	b.report.Busy = (processTime() - b.cpu).Seconds() / b.report.Seconds / float64(runtime.GOMAXPROCS(0))
	return b.report, err
}

// processTime is the processor time that the process has used.
func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type builder struct {
	Options
	start    time.Time
	cpu      time.Duration
	settings string // digest of Settings
	manifest *manifest
	admit    admission
	temp     string

	mu         sync.Mutex
	report     *Report
	bytesDone  int64 // of input files, of scans that were built
	bytesLeft  int64
	firstStart time.Time // of the first scan that had to be built
}

func (b *builder) run(ctx context.Context, from Source) error {
	if err := os.MkdirAll(filepath.Join(b.Dir, scansDir), 0o755); err != nil { //nolint:gosec // data for all to read
		return err
	}
	lock, err := os.OpenFile(filepath.Join(b.Dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // data for all to read
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing is written to it
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return fmt.Errorf("%w: %s", ErrBusy, b.Dir)
	}
	b.temp = filepath.Join(b.Dir, tempDir)
	if err := errors.Join(os.RemoveAll(b.temp), os.Mkdir(b.temp, 0o755)); err != nil { //nolint:gosec // data for all to read
		return err
	}
	defer os.RemoveAll(b.temp) //nolint:errcheck // the next build removes it
	if b.manifest, err = openManifest(b.Dir); err != nil {
		return err
	}
	defer b.manifest.file.Close() //nolint:errcheck // every line was flushed
	text, err := json.Marshal(b.Settings)
	if err != nil {
		return err
	}
	b.settings = hash(string(text))

	scans, seen, err := b.list(ctx, from)
	if err != nil {
		return err
	}
	if err := b.all(ctx, scans); err != nil {
		return err
	}
	return b.finish(seen)
}

// job is a scan of the source.
type job struct {
	scan   Scan
	origin standard.Origin
	size   int64 // of its files
	err    error // that the source has with it
}

func (j *job) name() string { return j.origin.Dataset + "/" + j.origin.ID }

// list asks the source for its scans.
func (b *builder) list(ctx context.Context, from Source) (jobs []*job, seen map[string]bool, err error) {
	seen = map[string]bool{}
	for scan, err := range from.Scans(ctx) {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if scan == nil {
			return nil, nil, cmp.Or(err, errors.New("the source gives neither a scan nor an error"))
		}
		j := &job{scan: scan, origin: scan.Origin(), err: err}
		switch {
		case !usable(j.origin.Dataset) || !usable(j.origin.ID):
			j.err = fmt.Errorf("%w: dataset %.100q, id %.100q", ErrName, j.origin.Dataset, j.origin.ID)
		case seen[j.name()]:
			b.report.Scans++
			b.fail(j, ErrTwice)
			continue
		}
		seen[j.name()] = true
		for _, f := range scan.Files() {
			if fi, err := b.Files.Stat(f.Path); err == nil {
				j.size += fi.Size()
			}
		}
		b.report.Scans++
		b.bytesLeft += j.size
		jobs = append(jobs, j)
	}
	return jobs, seen, ctx.Err()
}

// usable says whether a name may become one of a file.
func usable(name string) bool {
	const most = 4096 // bytes
	return strings.Trim(name, ".") != "" && len(name) <= most && strings.IndexByte(name, 0) < 0
}

// all works on the scans.
func (b *builder) all(ctx context.Context, jobs []*job) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan *job)
	var work sync.WaitGroup
	for n := range min(b.Workers, max(1, len(jobs))) {
		work.Go(func() {
			for j := range next {
				if err := b.one(ctx, j, n); err != nil {
					stop(err)
				}
			}
		})
	}
feed:
	for _, j := range jobs {
		select {
		case next <- j:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	work.Wait()
	return context.Cause(ctx)
}

// one builds a scan unless nothing has changed. The error is the build's: the
// scan's own is in the manifest.
func (b *builder) one(ctx context.Context, j *job, worker int) error {
	start := time.Now()
	old := b.manifest.get(j.name())
	e := &Entry{Dataset: j.origin.Dataset, ID: j.origin.ID, Status: Done}
	err := j.err
	if err == nil {
		e.Inputs, err = b.inputs(ctx, j.scan.Files(), old)
	}
	if err == nil {
		j.origin.Input, j.origin.Program = digest(e.Inputs), b.Program
		e.Key = hash(j.origin.Input, j.origin.Recipe, identity(j.origin), b.settings)
		if b.unchanged(old, e.Key) {
			return b.keep(j, old, e, start)
		}
		err = b.make(ctx, j, e, worker)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.Time = time.Now().UTC()
	e.Seconds = time.Since(start).Seconds()
	if err != nil {
		if fatal(err) {
			return err
		}
		failed := &Entry{Dataset: e.Dataset, ID: e.ID, Status: Failed, Reason: reason(err), Time: e.Time}
		if old != nil && e.Key != old.Key { // its files may be away today, and come back as they were
			failed.Key, failed.Inputs, failed.Folder, failed.Digest, failed.Image = old.Key, old.Inputs, old.Folder, old.Digest, old.Image
		}
		e = failed
	}
	if j.err == nil || !errors.Is(j.err, ErrName) {
		if err := b.manifest.add(e); err != nil {
			return err
		}
	}
	if old != nil && old.Folder != "" && old.Folder != e.Folder {
		if err := os.RemoveAll(filepath.Join(b.Dir, filepath.FromSlash(old.Folder))); err != nil {
			return err
		}
	}
	if err != nil {
		b.fail(j, err)
		return nil
	}
	b.done(j, true, start)
	return nil
}

// fatal says whether an error is of the corpus's disk, so that no scan can be
// written.
func fatal(err error) bool {
	for _, is := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// unchanged says whether a scan was built from the same and is still whole, with
// Rehash to its last voxel.
func (b *builder) unchanged(old *Entry, key string) bool {
	if old == nil || old.Folder == "" || old.Key != key {
		return false
	}
	s, err := standard.Open(filepath.Join(b.Dir, filepath.FromSlash(old.Folder)))
	switch {
	case err != nil || s.Digest() != old.Digest:
		return false
	case b.Rehash:
		return s.Verify() == nil
	}
	return s.Whole() == nil
}

// keep takes over what was built before; after a day on which its files could not
// be read, the manifest has to say so.
func (b *builder) keep(j *job, old, e *Entry, start time.Time) error {
	if old.Status != Done {
		e.Folder, e.Digest, e.Image, e.Time = old.Folder, old.Digest, old.Image, time.Now().UTC()
		if err := b.manifest.add(e); err != nil {
			return err
		}
	}
	b.done(j, false, start)
	return nil
}

// make builds the scan in a folder of the worker's and moves it where it
// belongs.
func (b *builder) make(ctx context.Context, j *job, e *Entry, worker int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v (%s)", p, strings.Join(strings.Fields(string(debug.Stack())), " "))
		}
	}()
	if sized, ok := j.scan.(Sized); ok && b.Memory > 0 {
		leave, err := b.admit.enter(ctx, sized.Bytes(ctx))
		if err != nil {
			return err
		}
		defer leave()
	}
	temp := filepath.Join(b.temp, fmt.Sprint(worker))
	if err := errors.Join(os.RemoveAll(temp), os.Mkdir(temp, 0o755)); err != nil { //nolint:gosec // data for all to read
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // it is gone, or the next build removes it
	s, err := b.standardise(ctx, j)
	if err != nil {
		return err
	}
	classes := 0
	rec, err := s.Write(temp, j.origin, func(add func(string, *volume.Bits) error) error {
		return j.scan.Masks(ctx, func(class string, m *volume.Bits) error {
			classes++
			return errors.Join(ctx.Err(), add(class, m))
		})
	})
	if err != nil {
		return err
	}
	if classes == 0 {
		return ErrNoClasses
	}
	e.Digest, e.Image = rec.Digest(), rec.Image
	e.Folder = strings.Join([]string{scansDir, short(e.Dataset), short(e.ID) + "." + e.Digest[:16]}, "/")
	return moveIn(temp, filepath.Join(b.Dir, filepath.FromSlash(e.Folder)))
}

// standardise reads the image and lets it go.
func (b *builder) standardise(ctx context.Context, j *job) (*standard.Scan, error) {
	v, err := j.scan.Read(ctx)
	if err != nil {
		return nil, err
	}
	settings := b.Settings
	settings.Orientation = cmp.Or(v.Orientation, settings.Orientation)
	s, err := standard.New(ctx, v.Image, j.origin.Modality == "ct", settings, max(1, runtime.GOMAXPROCS(0)/b.Workers))
	if err != nil {
		return nil, err
	}
	s.Problems = v.Problems
	return s, nil
}

// short makes the beginning of a file name of any text; the digest behind it
// keeps scans apart.
func short(name string) string {
	const most = 150 // bytes
	name = url.PathEscape(name)
	return name[:min(len(name), most)]
}

// moveIn renames a folder to its place, which may hold the same already, and
// sees that to disk.
func moveIn(temp, place string) error {
	parent := filepath.Dir(place)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // data for all to read
		return err
	}
	if err := os.RemoveAll(place); err != nil {
		return err
	}
	if err := os.Rename(temp, place); err != nil {
		return err
	}
	for _, dir := range []string{parent, filepath.Dir(parent)} {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// inputs hashes a scan's files. A file of the same size and time as before is
// taken to be the same, unless Rehash.
func (b *builder) inputs(ctx context.Context, files []File, old *Entry) ([]Input, error) {
	known := map[string]Input{}
	if old != nil && !b.Rehash {
		for _, in := range old.Inputs {
			known[in.Name] = in
		}
	}
	out := make([]Input, 0, len(files))
	for _, f := range files {
		in := Input{Name: f.Name}
		fi, err := b.Files.Stat(f.Path)
		if err != nil {
			return nil, err
		}
		in.Size, in.ModTime = fi.Size(), fi.ModTime().UTC()
		if was := known[f.Name]; was.Size == in.Size && was.ModTime.Equal(in.ModTime) {
			in.SHA256 = was.SHA256
		} else if in.SHA256, err = b.hashFile(ctx, f.Path); err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

func (b *builder) hashFile(ctx context.Context, path string) (string, error) {
	f, err := b.Files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	h := sha256.New()
	for {
		n, err := io.CopyN(h, f, 4<<20)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return "", fmt.Errorf("%w (after %d bytes more)", err, n)
		}
	}
}

// digest is that of the contents and names of files.
func digest(inputs []Input) string {
	parts := make([]string, 0, 2*len(inputs))
	for _, in := range inputs {
		parts = append(parts, in.Name, in.SHA256)
	}
	return hash(parts...)
}

// identity is what an origin says that stands in the scan's record.
func identity(o standard.Origin) string {
	o.Program = ""
	text, _ := json.Marshal(o) // plain values
	return string(text)
}

// hash is the SHA-256 of texts, each with its length before it.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // a hash takes all
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reason is an error as one line.
func reason(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// fail notes a scan that could not be built.
func (b *builder) fail(j *job, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report.Failures = append(b.report.Failures, Failure{j.name(), reason(err)})
	b.bytesLeft -= j.size
	b.tell(j, err)
}

// done notes a scan that is in the corpus.
func (b *builder) done(j *job, built bool, start time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytesLeft -= j.size
	if built {
		b.report.Built++
		b.bytesDone += max(1, j.size)
		if b.firstStart.IsZero() || start.Before(b.firstStart) {
			b.firstStart = start
		}
	} else {
		b.report.Unchanged++
	}
	b.tell(j, nil)
}

func (b *builder) tell(j *job, err error) {
	r := b.report
	p := Progress{Scans: r.Scans, Built: r.Built, Unchanged: r.Unchanged, Failed: len(r.Failures), Scan: j.name(), Err: err}
	if b.bytesDone > 0 {
		p.Left = time.Duration(float64(time.Since(b.firstStart)) * float64(b.bytesLeft) / float64(b.bytesDone))
	}
	b.Progress(p)
}

// finish drops what the source no longer lists, if asked to, and writes the
// version.
func (b *builder) finish(seen map[string]bool) error {
	c := gather(b.manifest.entries)
	for _, e := range append(c.Scans, c.Failed...) {
		if seen[e.Name()] {
			continue
		}
		if !b.Prune {
			b.report.Elsewhere++
			continue
		}
		b.report.Pruned++
		if err := b.manifest.add(&Entry{Dataset: e.Dataset, ID: e.ID, Status: Gone, Time: time.Now().UTC()}); err != nil {
			return err
		}
		if e.Folder != "" {
			if err := os.RemoveAll(filepath.Join(b.Dir, filepath.FromSlash(e.Folder))); err != nil {
				return err
			}
		}
	}
	if err := b.sweep(); err != nil {
		return err
	}
	v := gather(b.manifest.entries).Version
	v.Settings = b.Settings
	b.report.Version = &v
	return writeVersion(b.Dir, &v)
}

// sweep removes folders that no line of the manifest speaks of, which a build
// leaves that was killed between the two.
func (b *builder) sweep() error {
	keep := map[string]bool{}
	for _, e := range b.manifest.entries {
		keep[filepath.FromSlash(e.Folder)] = true
	}
	top := filepath.Join(b.Dir, scansDir)
	datasets, err := os.ReadDir(top)
	if err != nil {
		return err
	}
	for _, d := range datasets {
		scans, err := os.ReadDir(filepath.Join(top, d.Name()))
		if err != nil {
			return err
		}
		for _, s := range scans {
			if rel := filepath.Join(scansDir, d.Name(), s.Name()); !keep[rel] {
				if err := os.RemoveAll(filepath.Join(b.Dir, rel)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
