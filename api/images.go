package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"satgraph/api/auth"
	"satgraph/volume"
)

var (
	errNoImage     = errors.New("no such image")
	errStorageFull = errors.New("the store of images is full")
)

// Image is what the service says of an uploaded scan.
type Image struct {
	// ID is the SHA-256 of the file that was sent, in hex: the same file is kept
	// once.
	ID          string     `json:"id"`
	SHA256      string     `json:"sha256"`
	Bytes       int64      `json:"bytes"`
	Shape       []int      `json:"shape"`   // voxels along i, j, k
	Spacing     [3]float64 `json:"spacing"` // mm along i, j, k
	Orientation string     `json:"orientation"`
	DType       string     `json:"dtype"`
}

// An imageStore keeps uploaded scans in one folder, named by their content.
// Files are written whole or not at all. It is safe for concurrent use.
type imageStore struct {
	dir      string
	capacity int64        // bytes of all files together
	decoded  int64        // bytes of one file's voxels once decompressed
	used     atomic.Int64 // bytes of all files together
	owners   *owners

	mu sync.Mutex // held while a file comes to its name or leaves it
}

var imageID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// staleUpload is how old an unfinished upload is when nobody writes to it any
// more.
const staleUpload = 24 * time.Hour

func openImages(dir string, capacity, decoded, quota int64) (*imageStore, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of images: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of images: %w", err)
	}
	s := &imageStore{dir: dir, capacity: capacity, decoded: decoded}
	sizes := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil:
		case strings.HasPrefix(e.Name(), "upload-") && time.Since(info.ModTime()) > staleUpload:
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		default:
			s.used.Add(info.Size())
			if id, _, _ := strings.Cut(e.Name(), "."); imageID.MatchString(id) {
				sizes[id] = info.Size()
			}
		}
	}
	s.owners, err = openOwners(filepath.Join(filepath.Dir(dir), "owners"), quota, sizes)
	return s, err
}

// path finds the file of an image; the error is errNoImage.
func (s *imageStore) path(id string) (string, error) {
	if !imageID.MatchString(id) {
		return "", fmt.Errorf("%w: %q", errNoImage, id)
	}
	for _, suffix := range []string{".nii.gz", ".nii"} {
		path := filepath.Join(s.dir, id+suffix)
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("image %s: %w", id, err)
		}
	}
	return "", fmt.Errorf("%w: %s", errNoImage, id)
}

// alone is how uploads are read: all of them lie in one folder.
var alone = volume.ReadOptions{Alone: true}

// get describes an image; the error is errNoImage or that of its file.
func (s *imageStore) get(id string) (*Image, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	info, err := volume.ReadInfoWith(path, alone)
	if err != nil {
		return nil, err
	}
	return s.describe(id, path, info)
}

func (s *imageStore) describe(id, path string, info *volume.Info) (*Image, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", id, err)
	}
	return &Image{
		ID: id, SHA256: id, Bytes: stat.Size(),
		Shape: info.Shape, Spacing: info.Spacing, Orientation: info.Orientation, DType: info.DType,
	}, nil
}

// add streams a scan to disk, checks it and keeps it under the hash of its
// bytes, for the caller. fresh is false where the caller had it already; nobody
// learns whether another has. Errors: those of
// r and of volume.ReadInfo, volume.ErrTruncated, volume.ErrNotVolume,
// volume.ErrUnsupported, volume.ErrTooLarge, errStorageFull, errQuota, or the
// disk's.
func (s *imageStore) add(ctx context.Context, r io.Reader) (im *Image, fresh bool, err error) {
	in := bufio.NewReaderSize(r, 256<<10)
	magic, _ := in.Peek(4) // what is shorter is no scan, as its reader will say
	suffix := suffixOf(magic)
	tmp, err := os.CreateTemp(s.dir, "upload-*"+suffix)
	if err != nil {
		return nil, false, err
	}
	var size int64
	caller, kept := auth.Of(ctx), false
	defer func() {
		_ = tmp.Close()
		if !kept {
			_ = os.Remove(tmp.Name()) // where it is still there
			s.used.Add(-size)
		}
		if !fresh {
			_ = s.owners.reserve(caller, -size) // never refused
		}
	}()
	sum := sha256.New()
	// A Writer that counts against the capacity while it writes, so that many
	// uploads at once cannot fill the disk.
	err = s.copy(caller, tmp, sum, in, &size)
	if err != nil {
		return nil, false, err
	}
	if err := tmp.Sync(); err != nil {
		return nil, false, err
	}
	id := hex.EncodeToString(sum.Sum(nil))
	if suffix != archived {
		im, kept, fresh, err = s.keep(ctx, tmp.Name(), suffix, id)
		return im, fresh, err
	}
	made, err := s.unpack(ctx, s.dir, tmp.Name())
	if err != nil {
		return nil, false, err
	}
	if err := s.recount(caller, tmp.Name(), made, &size); err != nil {
		return nil, false, errors.Join(err, os.Remove(made))
	}
	if im, kept, fresh, err = s.keep(ctx, made, ".nii.gz", id); !kept {
		_ = os.Remove(made)
	}
	return im, fresh, err
}

// archived is the suffix of an archive, which is not kept as it came.
const archived = ".zip"

// suffixOf is the suffix that a file's first bytes call for.
func suffixOf(head []byte) string {
	switch {
	case isArchive(head):
		return archived
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return ".nii.gz"
	}
	return ".nii"
}

// recount has the caller and the store account for what was made of an archive in
// the archive's place, which is taken away.
func (s *imageStore) recount(caller auth.Identity, archive, made string, size *int64) error {
	info, err := os.Stat(made)
	if err != nil {
		return err
	}
	more := info.Size() - *size
	if err := s.owners.reserve(caller, more); err != nil {
		return err
	}
	*size = info.Size()
	if s.used.Add(more) > s.capacity && more > 0 {
		return errStorageFull
	}
	return os.Remove(archive)
}

// keep checks a file of the store's disk and gives it the name of its content;
// kept is false where a file of that content was there already, fresh where the
// caller had it. Errors: those of [imageStore.add] that speak of files.
func (s *imageStore) keep(ctx context.Context, file, suffix, id string) (im *Image, kept, fresh bool, err error) {
	info, err := volume.ReadInfoWith(file, alone)
	if err == nil {
		err = s.check(ctx, file, info)
	}
	if err != nil {
		return nil, false, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := s.path(id)
	if errors.Is(err, errNoImage) {
		path = filepath.Join(s.dir, id+suffix)
		if err = os.Rename(file, path); err == nil {
			kept = true
		}
	}
	if err == nil {
		fresh, err = s.owners.claim(id, auth.Of(ctx).Subject)
	}
	if err != nil {
		return nil, kept, false, err
	}
	im, err = s.describe(id, path, info)
	return im, kept, fresh, err
}

// remove takes an image from the caller, and the file away once nobody has it.
func (s *imageStore) remove(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := s.path(id)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	last, err := s.owners.disclaim(id, auth.Of(ctx), info.Size())
	if err != nil || !last {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	s.used.Add(-info.Size())
	return nil
}

func (s *imageStore) copy(caller auth.Identity, dst io.Writer, sum hash.Hash, src io.Reader, size *int64) error {
	buffer := make([]byte, 256<<10)
	for {
		n, readErr := src.Read(buffer)
		if err := s.owners.reserve(caller, int64(n)); err != nil {
			return err
		}
		*size += int64(n)
		if s.used.Add(int64(n)) > s.capacity {
			return errStorageFull
		}
		if _, err := dst.Write(buffer[:n]); err != nil {
			return err
		}
		_, _ = sum.Write(buffer[:n]) // a hash never fails
		if errors.Is(readErr, io.EOF) {
			return nil
		}
		if readErr != nil {
			return readErr
		}
	}
}

// check refuses what a job could not read later: anything but one 3-D volume
// of real numbers, voxels beyond the limit, and a file that ends too early. A
// compressed file is decompressed for that, up to the size that its header
// promises and not a byte further.
func (s *imageStore) check(ctx context.Context, path string, info *volume.Info) error {
	voxels := int64(1)
	for axis, n := range info.Shape {
		if axis >= 3 && n != 1 {
			return fmt.Errorf("%w: shape %v", volume.ErrNotVolume, info.Shape)
		}
		if int64(n) <= 0 || voxels > math.MaxInt64/16/int64(n) {
			return fmt.Errorf("%w: shape %v", volume.ErrTooLarge, info.Shape)
		}
		voxels *= int64(n)
	}
	if len(info.Shape) < 3 || voxels < 2 {
		return fmt.Errorf("%w: shape %v", volume.ErrNotVolume, info.Shape)
	}
	h := info.Header
	if h == nil { // not NIfTI: decoded once, and forgotten
		_, err := volume.ReadImage(path, volume.ReadOptions{MaxBytes: s.decoded, Alone: true})
		return err
	}
	width := int64(h.DType.Size())
	if width == 0 {
		return fmt.Errorf("%w: %s", volume.ErrUnsupported, info.DType)
	}
	// Jobs hold a scan as float32.
	if voxels*max(width, 4) > s.decoded {
		return fmt.Errorf("%w: %d voxels", volume.ErrTooLarge, voxels)
	}
	if !strings.HasSuffix(path, ".gz") {
		return nil // ReadInfo compared the size
	}
	return checkStream(ctx, path, h.VoxOffset+voxels*width)
}

// checkStream decompresses want bytes of a file and forgets them.
func checkStream(ctx context.Context, path string, want int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%w: %w", volume.ErrCorrupt, err)
	}
	const step = 16 << 20
	for done := int64(0); done < want; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(io.Discard, z, min(step, want-done))
		done += n
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: %d of %d bytes", volume.ErrTruncated, done, want)
		case err != nil:
			return fmt.Errorf("%w: %w", volume.ErrCorrupt, err)
		}
	}
	return nil
}
