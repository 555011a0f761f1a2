package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"satgraph/volume"
)

// cache is a folder of copies of objects. A copy is named by a digest of the
// object's URL and version, so that one of another version is never found.
// Several processes may share a folder: each holds to its own bound, on what lay
// there when it began and on what it added.
type cache struct {
	dir  string
	most int64

	mu      sync.Mutex
	copies  map[string]*copied
	bytes   int64 // of copies, also of those under way
	loading map[string]*sync.Mutex
}

type copied struct {
	size int64
	used time.Time
}

const (
	copySuffix = ".object"
	partPrefix = ".part-"
	// stale is the age from which a part is left over and not under way.
	stale = 24 * time.Hour
)

func openCache(dir string, most int64) (*cache, error) {
	c := &cache{dir: dir, most: most, copies: map[string]*copied{}, loading: map[string]*sync.Mutex{}}
	if err := os.MkdirAll(dir, 0o700); err != nil { // scans may be of patients
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		switch {
		case err != nil || !fi.Mode().IsRegular():
		case strings.HasSuffix(e.Name(), copySuffix):
			c.copies[e.Name()] = &copied{fi.Size(), fi.ModTime()}
			c.bytes += fi.Size()
		case strings.HasPrefix(e.Name(), partPrefix) && time.Since(fi.ModTime()) > stale:
			_ = os.Remove(filepath.Join(dir, e.Name())) // another process may have
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room(0)
	return c, nil
}

// held is the size of the copies.
func (c *cache) held() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// open opens the copy of an object, made where it is missing; nil where the
// object is too large.
func (c *cache) open(o *object) (volume.File, error) {
	if o.info.size > c.most || o.info.tag == "" {
		return nil, nil //nolint:nilnil // no copy
	}
	sum := sha256.Sum256([]byte(o.name + "\n" + o.info.tag))
	name := hex.EncodeToString(sum[:]) + copySuffix
	lock := c.lock(name)
	defer c.unlock(name, lock)
	f, err := os.Open(filepath.Join(c.dir, name))
	if err == nil {
		fi, err := f.Stat()
		if err == nil && fi.Size() == o.info.size {
			c.use(name)
			return &local{f, o.info}, nil
		}
		_ = f.Close() // opened for reading: nothing can be lost
	}
	if f, err = c.load(o, name); err != nil {
		return nil, err
	}
	return &local{f, o.info}, nil
}

// lock lets one goroutine at a time copy an object.
func (c *cache) lock(name string) *sync.Mutex {
	c.mu.Lock()
	l := c.loading[name]
	if l == nil {
		l = &sync.Mutex{}
		c.loading[name] = l
	}
	c.mu.Unlock()
	l.Lock()
	return l
}

func (c *cache) unlock(name string, l *sync.Mutex) {
	c.mu.Lock()
	delete(c.loading, name) // who waits holds it still
	c.mu.Unlock()
	l.Unlock()
}

// use notes that a copy was read.
func (c *cache) use(name string) {
	now := time.Now()
	c.mu.Lock()
	if e := c.copies[name]; e != nil {
		e.used = now
	}
	c.mu.Unlock()
	_ = os.Chtimes(filepath.Join(c.dir, name), now, now) // only the order of eviction
}

// room makes room for so many bytes. The lock is held.
func (c *cache) room(size int64) {
	var names []string
	for name := range c.copies {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return c.copies[a].used.Compare(c.copies[b].used) })
	for _, name := range names {
		if c.bytes+size <= c.most {
			return
		}
		// Who reads it goes on reading: it has the file open.
		if err := os.Remove(filepath.Join(c.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.bytes -= c.copies[name].size
		delete(c.copies, name)
	}
}

// load copies an object to disk and returns the copy, opened.
func (c *cache) load(o *object, name string) (f *os.File, err error) {
	c.mu.Lock()
	if old := c.copies[name]; old != nil { // a copy that was damaged or removed
		c.bytes -= old.size
		delete(c.copies, name)
	}
	c.room(o.info.size)
	c.bytes += o.info.size
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.bytes -= o.info.size
			return
		}
		if again := c.copies[name]; again != nil { // copied twice at the same time
			c.bytes -= again.size
		}
		c.copies[name] = &copied{o.info.size, time.Now()}
	}()
	part, err := os.CreateTemp(c.dir, partPrefix)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCache, err)
	}
	if err := o.copyTo(part, filepath.Join(c.dir, name)); err != nil {
		_, _ = part.Close(), os.Remove(part.Name()) // of no use
		return nil, err
	}
	return part, nil
}

// copyTo copies an object into a new file, which gets its name when all is there.
func (o *object) copyTo(f *os.File, name string) error {
	n, err := io.Copy(toCache{f}, o)
	err = errors.Join(err, o.Close())
	switch {
	case err != nil:
		return err
	case n != o.info.size:
		return o.broken(io.ErrUnexpectedEOF, n)
	}
	if err = os.Rename(f.Name(), name); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCache, err)
	}
	return nil
}

// toCache names the errors of writing.
type toCache struct{ w io.Writer }

func (c toCache) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrCache, err)
	}
	return n, err
}

// local is a copy of an object, with what the store says of the object.
type local struct {
	*os.File
	info *info
}

func (l *local) Stat() (fs.FileInfo, error) { return l.info, nil }
