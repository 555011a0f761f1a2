package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	azure "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"

	"satgraph/volume"
)

// Open opens an object, and makes sure that it is the one that was opened under
// the name before. Errors wrap fs.ErrNotExist, ErrChanged, ErrCredentials,
// ErrStore, and ErrCut and ErrCache where it is copied to the cache.
func (s *Store) Open(name string) (volume.File, error) {
	if !volume.IsURL(name) {
		return volume.Disk{}.Open(name)
	}
	s.mu.Lock()
	known := s.known[name]
	s.mu.Unlock()
	if known != nil && known.dir {
		return &object{store: s, name: name, info: known}, nil
	}
	i, err := s.look(name)
	if err != nil {
		return nil, err
	}
	o := &object{store: s, name: name, info: i}
	if i.dir {
		return o, nil
	}
	if known != nil && (known.size != i.size || !sameTime(known.time, i.time)) || !s.same(name, i.tag) {
		return nil, &Error{name, ErrChanged}
	}
	if o.bucket, o.key, err = s.split(name); err != nil {
		return nil, err
	}
	if s.cache != nil {
		f, err := s.cache.open(o)
		if f != nil || err != nil {
			return f, err
		}
	}
	return o, nil
}

// same says whether an object has the version that it had when it was first
// opened.
func (s *Store) same(name, tag string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.tags[name]; ok {
		return was == tag
	}
	s.tags[name] = tag
	return true
}

// sameTime compares times of which some are rounded to seconds, up or down.
func sameTime(a, b time.Time) bool { return a.Sub(b).Abs() < 2*time.Second }

// object is an opened object, or a folder.
type object struct {
	store  *Store
	bucket *blob.Bucket
	name   string
	key    string
	info   *info

	next   *blob.Reader // reads on at offset
	offset int64

	mu     sync.Mutex
	blocks []block // latest last
}

// block is a part of the object that was read by range.
type block struct {
	start int64
	data  []byte
}

const (
	blockSize = 1 << 20
	maxBlocks = 4
)

func (o *object) Stat() (fs.FileInfo, error) { return o.info, nil }

// Read reads on from where the last Read ended, by one request for all.
func (o *object) Read(p []byte) (int, error) {
	if o.info.dir {
		return 0, &Error{o.name, errors.New("it is a folder")}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if o.offset == o.info.size {
		return 0, io.EOF
	}
	if o.next == nil {
		r, err := o.from(o.store.ctx, o.offset, -1)
		if err != nil {
			return 0, err
		}
		o.next = r
	}
	n, err := o.next.Read(p)
	o.offset += int64(n)
	o.store.read.Add(int64(n))
	switch {
	case o.offset > o.info.size:
		return n, &Error{o.name, ErrChanged}
	case err == nil, errors.Is(err, io.EOF) && o.offset == o.info.size:
		return n, err
	}
	return n, o.broken(err, o.offset)
}

// broken is the error of a body that ends before its time.
func (o *object) broken(err error, at int64) error {
	if o.store.ctx.Err() != nil {
		return context.Cause(o.store.ctx)
	}
	return &Error{o.name, fmt.Errorf("%w: %d of %d bytes came (%w)", ErrCut, at, o.info.size, plainEOF(err))}
}

// plainEOF keeps the end of a connection from being taken for the end of a file.
func plainEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection ended")
	}
	return err
}

// from asks for a part of the object, and makes sure that it is of the version
// that was opened.
func (o *object) from(ctx context.Context, offset, length int64) (*blob.Reader, error) {
	r, err := o.bucket.NewRangeReader(ctx, o.key, offset, length, nil)
	if err != nil {
		return nil, fault(o.name, err)
	}
	if r.Size() != o.info.size || !o.version(r) {
		_ = r.Close() // opened for reading: nothing can be lost
		return nil, &Error{o.name, ErrChanged}
	}
	return r, nil
}

// version compares what an answer says of the object's version. Stores that say
// nothing have its time.
func (o *object) version(r *blob.Reader) bool {
	var amazon s3.GetObjectOutput
	var google *storage.Reader
	var microsoft azure.DownloadStreamResponse
	tag := ""
	switch {
	case r.As(&amazon) && amazon.ETag != nil:
		tag = *amazon.ETag
	case r.As(&microsoft) && microsoft.ETag != nil:
		tag = string(*microsoft.ETag)
	case r.As(&google):
		// Its readers know the generation, its objects' descriptions another tag.
		return o.store.same(o.name+"#generation", strconv.FormatInt(google.Attrs.Generation, 10))
	}
	if tag != "" && o.info.tag != "" {
		return tag == o.info.tag
	}
	return r.ModTime().IsZero() || o.info.time.IsZero() || sameTime(r.ModTime(), o.info.time)
}

// ReadAt reads at any place: small reads by blocks of which a few are kept, large
// ones by a request of their own.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || o.info.dir {
		return 0, &Error{o.name, fs.ErrInvalid}
	}
	n := 0
	for n < len(p) && off < o.info.size {
		if off%blockSize == 0 && len(p)-n >= blockSize {
			want := min(int64(len(p)-n), o.info.size-off)
			if err := o.fill(p[n:n+int(want)], off); err != nil {
				return n, err
			}
			return o.end(n+int(want), p)
		}
		b, err := o.block(off / blockSize * blockSize)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], b[off%blockSize:])
		n, off = n+m, off+int64(m)
	}
	return o.end(n, p)
}

func (o *object) end(n int, p []byte) (int, error) {
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// block reads a block, or has it already.
func (o *object) block(start int64) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, b := range o.blocks {
		if b.start == start {
			o.blocks = append(slices.Delete(o.blocks, i, i+1), b)
			return b.data, nil
		}
	}
	b := block{start, make([]byte, min(blockSize, o.info.size-start))}
	if err := o.fill(b.data, start); err != nil {
		return nil, err
	}
	if len(o.blocks) == maxBlocks {
		o.blocks = slices.Delete(o.blocks, 0, 1)
	}
	o.blocks = append(o.blocks, b)
	return b.data, nil
}

func (o *object) fill(p []byte, off int64) error {
	r, err := o.from(o.store.ctx, off, int64(len(p)))
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // opened for reading: nothing can be lost
	n, err := io.ReadFull(r, p)
	o.store.read.Add(int64(n))
	if err != nil {
		return o.broken(err, off+int64(n))
	}
	return nil
}

// Close ends the stream.
func (o *object) Close() error {
	if o.next == nil {
		return nil
	}
	return o.next.Close()
}
