package jobs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"satgraph/jobs/bus"
)

// A courier fetches scans for a worker that does not reach the folder of their
// service, and sends it the results.
type courier struct {
	q      *queue
	worker string
	cache  *scanCache
	piece  int
	lock   *os.File // of the folder
}

const (
	// together is how many pieces of a scan are on their way at a time.
	together = 4
	// againFirst and againMost are how soon a home that does not answer is asked
	// again.
	againFirst = 100 * time.Millisecond
	againMost  = 5 * time.Second
	// sendAfterCancel is how long the results of a cancelled job may be sent.
	sendAfterCancel = 2 * time.Minute
)

// newCourier takes a folder, in which no other worker may be.
func newCourier(q *queue, id string) (*courier, error) {
	c := &courier{q: q, worker: id, piece: mostPiece}
	// The header of a piece needs some room beside it.
	if limit := int(q.bus.Conn.MaxPayload()) - 4096; limit < c.piece {
		c.piece = max(limit, 1024)
	}
	lock, err := os.OpenFile(filepath.Join(q.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: another worker works in %s", bus.ErrInUse, q.dir), lock.Close())
	}
	c.lock = lock
	c.cache, err = openScanCache(filepath.Join(q.dir, "scans"), q.config.CacheBytes)
	return c, err
}

// succeed gives back what the worker had that was in the folder before this one:
// it is gone, since its lock is this one's.
func (c *courier) succeed(ctx context.Context) error {
	path := filepath.Join(c.q.dir, "worker")
	former, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, []byte(c.worker), 0o600); err != nil {
		return err
	}
	var left []string
	m := c.q.mirror
	m.mu.Lock()
	for id, s := range m.active {
		if s.State == Running && s.Claim != nil && s.Claim.Worker == string(former) {
			left = append(left, id)
		}
	}
	m.mu.Unlock()
	for _, id := range left {
		_, err := c.q.change(ctx, id, func(r *record) error {
			if r.State != Running || r.Claim == nil || r.Claim.Worker != string(former) {
				return errKeep
			}
			c.q.lose(r)
			return nil
		})
		if err != nil && !errors.Is(err, errKeep) && !errors.Is(err, errNone) {
			return err
		}
	}
	c.sweep("")
	return nil
}

// sweep removes what is left of jobs that are active no more, or of one.
func (c *courier) sweep(id string) {
	entries, err := os.ReadDir(c.q.dir)
	if err != nil {
		c.q.log.Warn("the worker's folder", "error", err)
		return
	}
	c.q.mirror.mu.Lock()
	defer c.q.mirror.mu.Unlock()
	for _, e := range entries {
		s := c.q.mirror.active[e.Name()]
		if !idPattern.MatchString(e.Name()) || s != nil && !s.State.Final() || id != "" && e.Name() != id {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.q.dir, e.Name())); err != nil {
			c.q.log.Warn("files of a job stay behind", "job", e.Name(), "error", err)
		}
	}
}

// persist asks until the home answers, or patience ends; 0 is without end.
func (c *courier) persist(ctx context.Context, r *record, ask *fileRequest, data []byte, patience time.Duration) (fileAnswer, []byte, error) {
	ask.Job, ask.Epoch, ask.Worker = r.ID, r.Epoch, c.worker
	wait, since := againFirst, time.Now()
	for {
		a, out, err := c.q.ask(ctx, r.Home, ask, data)
		if !errors.Is(err, errAway) || ctx.Err() != nil || patience > 0 && time.Since(since) > patience {
			return a, out, err
		}
		sleep(ctx, wait)
		if ctx.Err() != nil {
			return a, nil, context.Cause(ctx)
		}
		wait = min(2*wait, againMost)
	}
}

// fetch gives the path of a copy of a job's scan, which stays until release is
// called. A service that does not answer for a lease is errAway.
func (c *courier) fetch(ctx context.Context, r *record) (path string, release func(), err error) {
	patience := c.q.config.Lease
	stat, _, err := c.persist(ctx, r, &fileRequest{Op: opStat}, nil, patience)
	if err != nil {
		return "", nil, err
	}
	if sum, err := hex.DecodeString(stat.SHA256); err != nil || len(sum) != 32 || stat.Suffix != suffixPattern.FindString(stat.Suffix) || stat.Size < 0 {
		return "", nil, fmt.Errorf("%w: the service's answer about the scan of job %s", ErrBadRequest, r.ID)
	}
	return c.cache.get(ctx, stat, func(ctx context.Context, f io.Writer, from int64) error {
		return c.load(ctx, r, f, from, stat.Size)
	})
}

// load writes a scan from an offset on, some pieces at a time.
func (c *courier) load(ctx context.Context, r *record, f io.Writer, from, size int64) error {
	for from < size {
		var pieces [together][]byte
		var errs [together]error
		var asking sync.WaitGroup
		for i := range together {
			offset := from + int64(i*c.piece)
			length := int(min(int64(c.piece), size-offset))
			if length <= 0 {
				break
			}
			asking.Go(func() {
				_, pieces[i], errs[i] = c.persist(ctx, r, &fileRequest{Op: opRead, Offset: offset, Length: length}, nil, c.q.config.Lease)
				if errs[i] == nil && len(pieces[i]) != length {
					errs[i] = fmt.Errorf("%w: the scan ends at %d of %d bytes", errDamaged, offset+int64(len(pieces[i])), size)
				}
			})
		}
		asking.Wait()
		for i := range together { // in order, so that what is held has no gap
			if errs[i] != nil {
				return errs[i]
			}
			if _, err := f.Write(pieces[i]); err != nil {
				return err
			}
			from += int64(len(pieces[i]))
		}
	}
	return nil
}

// send brings the files of an attempt to its home, where they count once the job
// ends under it.
func (c *courier) send(ctx context.Context, r *record, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		for try := 1; ; try++ {
			err = c.sendFile(ctx, r, path, filepath.ToSlash(name))
			// A part may be gone, or damaged, where the service's disk was full.
			if again := errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist); !again || try == sendTries {
				return err
			}
		}
	})
}

// sendTries is how often a file is sent that does not arrive as it was.
const sendTries = 3

func (c *courier) sendFile(ctx context.Context, r *record, path, name string) error {
	sum, err := hashFile(path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return err
	}
	a, _, err := c.persist(ctx, r, &fileRequest{Op: opHeld, Name: name}, nil, 0)
	if err != nil {
		return err
	}
	data := make([]byte, c.piece)
	for at := min(a.Size, info.Size()); at < info.Size() || info.Size() == 0; {
		n, err := f.ReadAt(data, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		a, _, err := c.persist(ctx, r, &fileRequest{Op: opWrite, Name: name, Offset: at}, data[:n], 0)
		if err != nil {
			return err
		}
		if at = min(a.Size, at+int64(n)); info.Size() == 0 {
			break
		}
	}
	_, _, err = c.persist(ctx, r, &fileRequest{Op: opSeal, Name: name, Offset: info.Size(), SHA256: sum}, nil, 0)
	return err
}

// close lets the folder go.
func (c *courier) close() { _ = c.lock.Close() }
