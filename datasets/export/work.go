package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"satgraph/volume"
)

// work is an export that is being written, in a folder beside its target: the
// files in "data", and the journal, which gets a line for each sample once its
// files are on disk.
type work struct {
	*run
	dir     string
	lock    *os.File
	journal *os.File
	end     int64 // of the journal's last whole line
	to      *Folder
	at      []span          // each sample's line of the journal; none yet where it is empty
	written map[string]bool // files that belong to samples in the journal
}

type span struct{ from, to int64 }

const journalFile = "journal.jsonl"

// entry is a line of the journal. The first has only Plan.
type entry struct {
	Plan   string          `json:"plan,omitempty"`
	Sample string          `json:"sample,omitempty"`
	Digest string          `json:"digest,omitempty"`
	Files  []File          `json:"files,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
}

func (r *run) open() (_ *work, err error) {
	target, err := filepath.Abs(r.o.Dir)
	if err != nil {
		return nil, err
	}
	dir := workDir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // data for all to read
		return nil, err
	}
	w := &work{run: r, dir: dir, at: make([]span, len(r.plan.Samples)), written: map[string]bool{}}
	w.to = &Folder{root: filepath.Join(dir, "data")}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644); err != nil { //nolint:gosec // data for all to read
		return nil, err
	}
	if err := syscall.Flock(int(w.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, refuse(ErrBusy, "%s", r.o.Dir)
	}
	if w.journal, err = os.OpenFile(filepath.Join(dir, journalFile), os.O_CREATE|os.O_RDWR, 0o644); err != nil { //nolint:gosec // data for all to read
		return nil, err
	}
	return w, os.MkdirAll(w.to.root, 0o755) //nolint:gosec // data for all to read
}

// workDir is where an export is written until it is whole.
func workDir(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".export")
}

func (w *work) close() {
	for _, f := range []*os.File{w.journal, w.lock} {
		if f != nil {
			_ = f.Close() // every line was flushed
		}
	}
}

// errStop ends the reading of the journal at a line that counts no more.
var errStop = errors.New("stop")

// Ordered is a Format whose files depend on the samples before them: what does
// so is done in Folder.InOrder. Where its export goes on, samples behind one that
// failed are written again.
type Ordered interface{ Ordered() bool }

func (w *work) inOrder() bool {
	f, ok := w.f.(Ordered)
	return ok && f.Ordered()
}

// replay takes over what an earlier run of the same export wrote, as far as it
// is still there and of scans that have not changed, and removes all else.
func (w *work) replay() (resumed int, err error) {
	places := make(map[string]int, len(w.plan.Samples))
	for i, s := range w.plan.Samples {
		places[s.Name()] = i
	}
	inOrder, begun := w.inOrder(), false
	err = lines(w.journal, func(line []byte, end int64) error {
		var e entry
		if json.Unmarshal(line, &e) != nil {
			return errStop
		}
		if !begun {
			if e.Plan != w.planHash {
				return errStop
			}
			begun, w.end = true, end
			return nil
		}
		i, ok := places[e.Sample]
		ok = ok && w.counts(i, &e)
		if inOrder && (!ok || i != resumed) {
			return errStop
		}
		if ok {
			if err := w.f.Replay(w.plan.Samples[i], e.Record); err != nil {
				return err
			}
			w.note(&e, i, span{end - int64(len(line)), end})
			resumed++
		}
		w.end = end
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return 0, err
	}
	if err := w.journal.Truncate(w.end); err != nil {
		return 0, err
	}
	if w.end == 0 {
		if _, err := w.append(&entry{Plan: w.planHash}); err != nil {
			return 0, err
		}
	}
	return resumed, w.discard()
}

// counts tells whether a line of the journal is of the sample at this place as
// it is now, and has all its files.
func (w *work) counts(i int, e *entry) bool {
	if w.at[i] != (span{}) || e.Digest != w.plan.Samples[i].Digest {
		return false
	}
	for _, f := range e.Files {
		fi, err := os.Stat(filepath.Join(w.to.root, filepath.FromSlash(f.Path)))
		if err != nil || fi.Size() != f.Bytes {
			return false
		}
	}
	return true
}

func (w *work) note(e *entry, i int, at span) {
	w.at[i] = at
	for _, f := range e.Files {
		w.written[f.Path] = true
	}
}

// drop removes what was written of a sample that failed.
func (w *work) drop(to *Folder) (err error) {
	for _, name := range to.files {
		if w.written[name] {
			continue
		}
		if e := os.Remove(filepath.Join(to.root, filepath.FromSlash(name))); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}
	return err
}

// discard removes whatever is of no sample that was finished.
func (w *work) discard() error {
	return filepath.WalkDir(w.to.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(w.to.root, path)
		if err != nil || w.written[filepath.ToSlash(rel)] {
			return err
		}
		return os.Remove(path) //nolint:gosec // a link would be removed, not followed
	})
}

// append writes a line of the journal and sees it to disk.
func (w *work) append(e *entry) (span, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return span{}, err
	}
	if _, err := w.journal.WriteAt(append(b, '\n'), w.end); err != nil {
		return span{}, err
	}
	at := span{w.end, w.end + int64(len(b)) + 1}
	w.end = at.to
	return at, w.journal.Sync()
}

// entries reads the journal's line of each sample, in the samples' order.
func (w *work) entries(each func(i int, e *entry) error) error {
	for i, at := range w.at {
		line := make([]byte, at.to-at.from)
		if _, err := w.journal.ReadAt(line, at.from); err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("the journal of the export is damaged: %w", err)
		}
		if err := each(i, &e); err != nil {
			return err
		}
	}
	return nil
}

// records gives what Add returned for each sample.
func (w *work) records() Records {
	return func(yield func(Record, error) bool) {
		err := w.entries(func(i int, e *entry) error {
			if !yield(Record{w.plan.Samples[i], e.Record}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(Record{}, err)
		}
	}
}

// finish writes the files of the whole export and puts it in its place.
func (w *work) finish(ctx context.Context) (*Manifest, error) {
	if err := w.f.Finish(ctx, w.to, w.records()); err != nil {
		return nil, err
	}
	files, err := w.to.take()
	if err != nil {
		return nil, err
	}
	err = w.entries(func(_ int, e *entry) error {
		files = append(files, e.Files...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := sums(files)
	m := w.manifest(files, Hash(string(list)))
	if err := writeBytes(filepath.Join(w.to.root, SumsFile), list); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeBytes(filepath.Join(w.to.root, ManifestFile), append(b, '\n')); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := os.Rename(w.to.root, w.o.Dir); err != nil {
		return nil, err
	}
	return m, os.RemoveAll(w.dir)
}

// checked is a scan whose errors are named, and whose masks are checked to lie on
// its image's grid.
type checked struct {
	s    *Sample
	scan Scan
	grid *volume.Grid
}

func (c *checked) Image(ctx context.Context) (*volume.Image, error) {
	im, err := c.scan.Image(ctx)
	if err != nil {
		return nil, &ScanError{c.s.Name(), err}
	}
	c.grid = &im.Grid
	return im, nil
}

// gridSlack is how far, in mm, a mask's affine may be off from its image's.
const gridSlack = 1e-3

func (c *checked) Mask(ctx context.Context, class int) (*volume.Bits, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := c.scan.Mask(ctx, class)
	if err == nil && c.grid == nil {
		c.grid = &m.Grid
	}
	if err == nil && !m.Equal(*c.grid, gridSlack) {
		err = fmt.Errorf("%w: the mask has %v voxels, the scan %v, or lies elsewhere", volume.ErrShape, m.Shape, c.grid.Shape)
	}
	if err != nil {
		return nil, &ScanError{c.s.Name(), fmt.Errorf("mask of %q: %w", c.s.Classes[class].Name, err)}
	}
	return m, nil
}
