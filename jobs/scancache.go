package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A scanCache is a folder of copies of scans, named by their SHA-256 and bounded
// in bytes. What was fetched of one stays until the rest is. The folder is one
// process's.
type scanCache struct {
	dir  string
	most int64

	mu     sync.Mutex
	copies map[string]*copied
	bytes  int64 // of copies and of what is to become one
}

type copied struct {
	size  int64
	used  time.Time
	users int           // never removed while there are any
	turn  chan struct{} // held by the one who makes it
}

func openScanCache(dir string, most int64) (*scanCache, error) {
	c := &scanCache{dir: dir, most: most, copies: map[string]*copied{}}
	if err := os.MkdirAll(dir, 0o700); err != nil { // scans may be of patients
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			name := strings.TrimSuffix(e.Name(), partSuffix)
			c.copies[name] = &copied{size: info.Size(), used: info.ModTime(), turn: make(chan struct{}, 1)}
			c.bytes += info.Size()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room(0)
	return c, nil
}

// room removes the copies that were not used for longest, until so many bytes
// more are within the bound; false where they cannot be. c.mu is held.
func (c *scanCache) room(more int64) bool {
	var idle []string
	for name, x := range c.copies {
		if x.users == 0 {
			idle = append(idle, name)
		}
	}
	slices.SortFunc(idle, func(a, b string) int { return c.copies[a].used.Compare(c.copies[b].used) })
	for _, name := range idle {
		if c.bytes+more <= c.most {
			break
		}
		_ = os.Remove(filepath.Join(c.dir, name)) // what stays is found at the next start
		_ = os.Remove(filepath.Join(c.dir, name+partSuffix))
		c.bytes -= c.copies[name].size
		delete(c.copies, name)
	}
	return c.bytes+more <= c.most
}

// get gives the path of the copy of a scan, made by load where it is missing or
// not whole: load writes from an offset on. It stays until release is called.
func (c *scanCache) get(ctx context.Context, scan fileAnswer, load func(ctx context.Context, f io.Writer, from int64) error) (path string, release func(), err error) {
	name := scan.SHA256 + scan.Suffix
	x, err := c.use(name, scan.Size)
	if err != nil {
		return "", nil, err
	}
	done := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		x.users--
		x.used = time.Now()
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return "", nil, context.Cause(ctx)
	}
	defer func() { <-x.turn }()
	path = filepath.Join(c.dir, name)
	if info, err := os.Stat(path); err == nil && info.Size() == scan.Size {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // so that the next process knows it was used
		return path, done, nil
	}
	if err := complete(ctx, path, scan, load); err != nil {
		return "", nil, err
	}
	return path, done, nil
}

// use keeps a copy from being removed, and its bytes from being taken.
func (c *scanCache) use(name string, size int64) (*copied, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.copies[name]
	if x == nil {
		x = &copied{turn: make(chan struct{}, 1)}
	}
	x.users++
	c.copies[name] = x
	if more := size - x.size; more > 0 {
		if !c.room(more) {
			if x.users--; x.users == 0 && x.size == 0 {
				delete(c.copies, name)
			}
			return nil, fmt.Errorf("a scan of %d MiB finds no room in the worker's cache of %d MiB: %w", size>>20, c.most>>20, syscall.ENOSPC)
		}
		c.bytes += more
		x.size = size
	}
	return x, nil
}

// complete fetches what is missing of a copy. One with another hash is removed.
func complete(ctx context.Context, path string, scan fileAnswer, load func(ctx context.Context, f io.Writer, from int64) error) (err error) {
	part := path + partSuffix
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	from := info.Size()
	if from > scan.Size {
		if err := f.Truncate(0); err != nil {
			return err
		}
		from = 0
	}
	if err := load(ctx, f, from); err != nil {
		return err
	}
	err = errors.Join(f.Sync(), f.Close())
	f = nil
	if err != nil {
		return err
	}
	sum, err := hashFile(part)
	if err != nil {
		return err
	}
	if sum != scan.SHA256 {
		err := os.Remove(part)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(fmt.Errorf("%w: the scan arrived as %s, not as %s", errDamaged, sum, scan.SHA256), err)
	}
	return os.Rename(part, path)
}
