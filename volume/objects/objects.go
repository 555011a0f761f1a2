// Package objects reads files where they lie in an object store: S3 and what
// speaks its protocol (s3://), Google Cloud Storage (gs://), Azure Blob Storage
// (azblob://), and folders (file://). It only ever reads.
//
// Objects are streamed from front to back and read by ranges elsewhere, so no
// object is in memory as a whole. With a cache, objects are copied to the local
// disk once, up to a bound, and read from there. What belongs to one object comes
// from one version of it: an object that changes while it is read, or between two
// readings, is an error. Requests are repeated as the stores' own libraries do.
// Start from [New].
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://

	"satgraph/volume"
)

// What can be wrong with an object store. An object that is not there is
// fs.ErrNotExist.
var (
	// ErrURL says: not the URL of an object store.
	ErrURL = errors.New("not the URL of an object store")
	// ErrCredentials says: no credentials, or some that may not read this.
	ErrCredentials = errors.New("no leave to read it")
	// ErrChanged says: an object is another than when it was first looked at.
	ErrChanged = errors.New("the object changed while it was in use")
	// ErrCut says: the store sent fewer bytes than the object has.
	ErrCut = errors.New("the object was cut off on its way")
	// ErrStore says: the store does not answer, or not as it should.
	ErrStore = errors.New("the object store fails")
	// ErrTooMany says: a folder of more objects than are listed.
	ErrTooMany = errors.New("too many objects in one folder")
	// ErrCache says: the folder of the cache cannot be used.
	ErrCache = errors.New("the cache cannot be used")
)

// Error is what went wrong with an object.
type Error struct {
	Name string // its URL, without settings
	Err  error  // one of the package's, around the store's
}

// Error names the object, in one line.
func (e *Error) Error() string {
	return strings.Join(strings.Fields(e.Name+": "+e.Err.Error()), " ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// schemes are those of the stores; fileblob has no name for a bucket.
var schemes = []string{"s3", "gs", "azblob", "file"}

// Options of a Store.
type Options struct {
	// CacheDir is a folder for copies of objects; empty: nothing is copied.
	CacheDir string
	// CacheBytes bounds the copies in it. The least recently used go first; an
	// object larger than that is streamed.
	CacheBytes int64
}

// Store reads objects by their URLs, and other names from the local disk. It is a
// volume.Files, to be closed.
type Store struct {
	ctx   context.Context //nolint:containedctx // of the run: an fs.FS has none of its own
	cache *cache
	read  atomic.Int64

	mu      sync.Mutex
	buckets map[string]*blob.Bucket // by scheme and host
	known   map[string]*info        // what was listed or looked at
	tags    map[string]string       // versions of objects that were opened
}

var _ volume.Files = (*Store)(nil)

// New makes a store, whose reads end with ctx.
func New(ctx context.Context, o Options) (*Store, error) {
	s := &Store{ctx: ctx, buckets: map[string]*blob.Bucket{}, known: map[string]*info{}, tags: map[string]string{}}
	if o.CacheDir != "" && o.CacheBytes > 0 {
		var err error
		if s.cache, err = openCache(o.CacheDir, o.CacheBytes); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close lets go of connections. Files that are open must be closed before.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, b := range s.buckets {
		errs = append(errs, b.Close())
	}
	clear(s.buckets)
	return errors.Join(errs...)
}

// Usage is what was read from object stores so far, and what the cache holds, in
// bytes.
func (s *Store) Usage() (read, cached int64) {
	if s.cache != nil {
		cached = s.cache.held()
	}
	return s.read.Load(), cached
}

// Take opens the store that a URL names, with the settings in its query, such as
// region, endpoint, use_path_style and anonymous of S3 or storage_account of
// Azure, and returns the URL without them: the name that the methods take.
// Another name comes back as it is. Errors wrap ErrURL, ErrCredentials and
// ErrStore.
func (s *Store) Take(name string) (string, error) {
	if !volume.IsURL(name) {
		return name, nil
	}
	u, err := url.Parse(name)
	if err != nil || !slices.Contains(schemes, u.Scheme) || (u.Host == "") != (u.Scheme == "file") || u.User != nil {
		return "", &Error{name, fmt.Errorf("%w: want s3://BUCKET/NAME, gs://BUCKET/NAME, azblob://CONTAINER/NAME or file:///NAME", ErrURL)}
	}
	top := u.Scheme + "://" + u.Host
	plain := top + "/" + strings.Trim(path.Clean("/"+u.Path), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[top] != nil {
		return plain, nil
	}
	open := top + "/"
	if u.RawQuery != "" {
		open += "?" + u.RawQuery
	}
	b, err := blob.OpenBucket(s.ctx, open)
	if err != nil {
		if err = fault(plain, err); errors.Is(err, ErrStore) { // nothing was asked of it yet
			err = &Error{plain, fmt.Errorf("%w: %w", ErrURL, err)}
		}
		return "", err
	}
	s.buckets[top] = b
	return plain, nil
}

// split takes a URL apart. The bucket is opened as the environment has it where
// Take did not.
func (s *Store) split(name string) (b *blob.Bucket, key string, err error) {
	plain, err := s.Take(name)
	if err != nil {
		return nil, "", err
	}
	scheme, rest, _ := strings.Cut(plain, "://")
	host, key, _ := strings.Cut(rest, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if b = s.buckets[scheme+"://"+host]; b == nil {
		return nil, "", &Error{name, fs.ErrClosed}
	}
	return b, key, nil
}

// info describes an object, or a folder: what objects' names begin with.
type info struct {
	name string
	size int64
	time time.Time // to the second: listings and answers differ in the rest
	dir  bool
	tag  string // the version, where known
}

func (i *info) Name() string               { return i.name }
func (i *info) Size() int64                { return i.size }
func (i *info) ModTime() time.Time         { return i.time }
func (i *info) IsDir() bool                { return i.dir }
func (i *info) Sys() any                   { return nil }
func (i *info) Type() fs.FileMode          { return i.Mode().Type() }
func (i *info) Info() (fs.FileInfo, error) { return i, nil }

func (i *info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// Stat describes an object or folder. What a listing or an earlier look said is
// not asked again.
func (s *Store) Stat(name string) (fs.FileInfo, error) {
	if !volume.IsURL(name) {
		return volume.Disk{}.Stat(name)
	}
	s.mu.Lock()
	i := s.known[name]
	s.mu.Unlock()
	if i != nil {
		return i, nil
	}
	i, err := s.look(name)
	if err != nil {
		return nil, err // not an fs.FileInfo around a nil pointer
	}
	return i, nil
}

// look asks the store about a name.
func (s *Store) look(name string) (*info, error) {
	b, key, err := s.split(name)
	if err != nil {
		return nil, err
	}
	if key != "" {
		a, err := b.Attributes(s.ctx, key)
		if err == nil {
			return s.note(name, &info{name: path.Base(key), size: a.Size, time: a.ModTime.Truncate(time.Second), tag: a.ETag}), nil
		}
		if err = fault(name, err); !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		key += "/"
	}
	first, _, err := b.ListPage(s.ctx, blob.FirstPageToken, 1, &blob.ListOptions{Prefix: key})
	if err != nil {
		return nil, fault(name, err)
	}
	if len(first) == 0 {
		return nil, &Error{name, fs.ErrNotExist}
	}
	return s.note(name, &info{name: path.Base(name), dir: true}), nil
}

func (s *Store) note(name string, i *info) *info {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[name] = i
	return i
}

// maxListed bounds the objects and folders in one folder.
const maxListed = 5_000_000

// ReadDir lists the objects and folders in a folder.
func (s *Store) ReadDir(name string) ([]fs.DirEntry, error) {
	if !volume.IsURL(name) {
		return volume.Disk{}.ReadDir(name)
	}
	b, key, err := s.split(name)
	if err != nil {
		return nil, err
	}
	if key != "" {
		key += "/"
	}
	var out []fs.DirEntry
	list := b.List(&blob.ListOptions{Prefix: key, Delimiter: "/"})
	for {
		o, err := list.Next(s.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault(name, err)
		}
		base := strings.TrimSuffix(strings.TrimPrefix(o.Key, key), "/")
		if base == "" || strings.Contains(base, "/") || base == "." || base == ".." {
			continue // the folder's own marker, or a name that no folder can have
		}
		if len(out) == maxListed {
			return nil, &Error{name, fmt.Errorf("%w: more than %d", ErrTooMany, maxListed)}
		}
		out = append(out, s.note(volume.Join(name, base), &info{name: base, size: o.Size, time: o.ModTime.Truncate(time.Second), dir: o.IsDir}))
	}
	if len(out) == 0 {
		return nil, &Error{name, fs.ErrNotExist}
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}
