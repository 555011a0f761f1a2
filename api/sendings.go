package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"satgraph/api/auth"
	"satgraph/volume"
)

// Errors of resumable uploads.
var (
	errNoSending = errors.New("no such upload")
	errHash      = errors.New("the hash is another")
)

// A sending is a scan that comes in pieces, over as many requests as it takes.
type sending struct {
	ID      string    `json:"id"`
	Owner   string    `json:"owner"`
	Length  int64     `json:"length"` // bytes of the whole file
	SHA256  string    `json:"sha256,omitempty"`
	Expires time.Time `json:"expires"`
	// Image is the id of the image that it became; empty before.
	Image string `json:"image,omitempty"`

	offset int64 // bytes that are there
}

// sendings keeps unfinished uploads, each in a folder of its own: what is known
// of it, written whole, and what has come of the file. They outlive the process.
// A sending's whole length counts as its owner's, and as the store's, from its
// start, so that none of those that are let in fails for want of room.
type sendings struct {
	dir    string
	images *imageStore
	age    time.Duration

	mu    sync.Mutex
	busy  map[string]bool // ids that a request works at
	swept time.Time
}

const (
	sendingRecord = "upload.json"
	sendingFile   = "file"
	// mostSendings is how many a caller may have begun and not ended.
	mostSendings = 32
	sweepEvery   = 10 * time.Minute
)

var sendingID = regexp.MustCompile(`^[A-Z2-7]{26}$`)

func openSendings(dir string, images *imageStore, age time.Duration) (*sendings, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of uploads: %w", err)
	}
	u := &sendings{dir: dir, images: images, age: age, busy: map[string]bool{}}
	list, err := u.all()
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		if x.Image == "" {
			u.count(auth.Identity{Subject: x.Owner, Role: auth.Admin}, x.Length) //nolint:errcheck // the room was given before
		}
	}
	u.sweep(list)
	return u, nil
}

// count has n more bytes counted as the caller's and the store's. Errors:
// errQuota, errStorageFull.
func (u *sendings) count(caller auth.Identity, n int64) error {
	if err := u.images.owners.reserve(caller, n); err != nil {
		return err
	}
	if u.images.used.Add(n) > u.images.capacity && n > 0 {
		u.images.used.Add(-n)
		_ = u.images.owners.reserve(caller, -n)
		return errStorageFull
	}
	return nil
}

func (u *sendings) folder(id string) string { return filepath.Join(u.dir, id) }

// all lists the sendings; what is no sending is left alone.
func (u *sendings) all() ([]*sending, error) {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of uploads: %w", err)
	}
	var list []*sending
	for _, e := range entries {
		if x, err := u.load(e.Name()); err == nil {
			list = append(list, x)
		}
	}
	return list, nil
}

// load reads a sending; the error is errNoSending where there is none.
func (u *sendings) load(id string) (*sending, error) {
	if !sendingID.MatchString(id) {
		return nil, errNoSending
	}
	text, err := os.ReadFile(filepath.Join(u.folder(id), sendingRecord))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoSending
	}
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", id, err)
	}
	x := &sending{}
	if err := json.Unmarshal(text, x); err != nil {
		return nil, fmt.Errorf("upload %s: %w", id, err)
	}
	if x.Image != "" {
		x.offset = x.Length
		return x, nil
	}
	info, err := os.Stat(filepath.Join(u.folder(id), sendingFile))
	if err != nil {
		return nil, errors.Join(errNoSending, err)
	}
	x.offset = min(info.Size(), x.Length)
	return x, nil
}

func (u *sendings) save(x *sending) error {
	text, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return volume.WriteAtomic(filepath.Join(u.folder(x.ID), sendingRecord), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// begin makes room for a file. Errors: errQuota, errStorageFull, LIMIT_EXCEEDED,
// or the disk's.
func (u *sendings) begin(ctx context.Context, length int64, hash string) (*sending, error) {
	list, err := u.all()
	if err != nil {
		return nil, err
	}
	caller, open := auth.Of(ctx), 0
	for _, x := range list {
		if x.Owner == caller.Subject && x.Image == "" {
			open++
		}
	}
	if open >= mostSendings {
		return nil, &Error{Code: CodeLimit, Message: fmt.Sprintf("you have %d uploads that are not finished", open), Hint: "finish some, or DELETE them"}
	}
	u.mu.Lock()
	due := time.Since(u.swept) > sweepEvery
	u.mu.Unlock()
	if due {
		u.sweep(list)
	}
	if err := u.count(caller, length); err != nil {
		return nil, err
	}
	x := &sending{ID: rand.Text(), Owner: caller.Subject, Length: length, SHA256: hash, Expires: time.Now().UTC().Add(u.age)}
	if err = os.Mkdir(u.folder(x.ID), 0o750); err == nil {
		err = os.WriteFile(filepath.Join(u.folder(x.ID), sendingFile), nil, 0o600)
	}
	if err == nil {
		err = u.save(x)
	}
	if err != nil {
		_ = os.RemoveAll(u.folder(x.ID))
		_ = u.count(caller, -length)
		return nil, err
	}
	return x, nil
}

// hold keeps other requests from a sending; false where one has it.
func (u *sendings) hold(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[id] {
		return false
	}
	u.busy[id] = true
	return true
}

func (u *sendings) release(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.busy, id)
}

// sweep takes away what expired.
func (u *sendings) sweep(list []*sending) {
	u.mu.Lock()
	u.swept = time.Now()
	u.mu.Unlock()
	for _, x := range list {
		if time.Now().After(x.Expires) && u.hold(x.ID) {
			_ = u.remove(x)
			u.release(x.ID)
		}
	}
}

// remove takes a sending away, and its room back. The caller holds it.
func (u *sendings) remove(x *sending) error {
	if err := os.RemoveAll(u.folder(x.ID)); err != nil {
		return err
	}
	if x.Image == "" {
		return u.count(auth.Identity{Subject: x.Owner}, -x.Length)
	}
	return nil
}

// take appends what r gives, no more than is missing. wanted, where it is set, is
// a hash that the piece must have, or it is forgotten: errHash. What came before
// an error of r stays, if there is no hash. The caller holds the sending.
func (u *sendings) take(x *sending, r io.Reader, wanted *checksum) (err error) {
	f, err := os.OpenFile(filepath.Join(u.folder(x.ID), sendingFile), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(x.offset, io.SeekStart); err != nil {
		return err
	}
	into := io.Writer(f)
	if wanted != nil {
		into = io.MultiWriter(f, wanted.hash)
	}
	n, err := io.CopyBuffer(onlyWriter{into}, io.LimitReader(r, x.Length-x.offset), make([]byte, 256<<10))
	if err == nil && wanted != nil && !bytes.Equal(wanted.hash.Sum(nil), wanted.sum) {
		err = errHash
	}
	if wanted != nil && err != nil {
		return errors.Join(err, f.Truncate(x.offset))
	}
	x.offset += n
	x.Expires = time.Now().UTC().Add(u.age)
	return errors.Join(err, f.Sync(), u.save(x))
}

// onlyWriter keeps io.Copy from the writer's other methods, which would take
// pieces of any size.
type onlyWriter struct{ io.Writer }

// finish makes an image of a sending that is whole. A file that is no scan, or
// not the one that was announced, is taken away. The caller holds the sending.
func (u *sendings) finish(ctx context.Context, x *sending) (*Image, error) {
	file := filepath.Join(u.folder(x.ID), sendingFile)
	id, suffix, err := hashFile(ctx, file)
	if err != nil {
		return nil, err
	}
	if x.SHA256 != "" && x.SHA256 != id {
		return nil, errors.Join(errHash, u.remove(x))
	}
	named := file + suffix // readers go by the name
	if suffix == archived {
		return u.finishArchive(ctx, x, file, id)
	}
	if err := os.Rename(file, named); err != nil {
		return nil, err
	}
	im, kept, fresh, err := u.images.keep(ctx, named, suffix, id)
	if err != nil {
		if mayPass(err) {
			return nil, errors.Join(err, os.Rename(named, file))
		}
		return nil, errors.Join(err, u.remove(x))
	}
	if !kept {
		u.images.used.Add(-x.Length)
		_ = os.Remove(named)
	}
	if !fresh {
		_ = u.images.owners.reserve(auth.Identity{Subject: x.Owner}, -x.Length) // never refused
	}
	x.Image, x.Expires = im.ID, time.Now().UTC().Add(u.age)
	return im, u.save(x)
}

// finishArchive is finish for an archive of slices.
func (u *sendings) finishArchive(ctx context.Context, x *sending, file, id string) (*Image, error) {
	owner, size := auth.Identity{Subject: x.Owner}, x.Length
	made, err := u.images.unpack(ctx, u.folder(x.ID), file)
	if err != nil {
		if mayPass(err) {
			return nil, err
		}
		return nil, errors.Join(err, u.remove(x))
	}
	if err := u.images.recount(owner, file, made, &size); err != nil {
		x.Length = size // which is counted now
		return nil, errors.Join(err, u.remove(x))
	}
	im, kept, fresh, err := u.images.keep(ctx, made, ".nii.gz", id)
	if err != nil {
		x.Length = size
		return nil, errors.Join(err, u.remove(x))
	}
	if !kept {
		u.images.used.Add(-size)
		_ = os.Remove(made)
	}
	if !fresh {
		_ = u.images.owners.reserve(owner, -size) // never refused
	}
	x.Image, x.Expires = im.ID, time.Now().UTC().Add(u.age)
	return im, u.save(x)
}

// mayPass says whether what failed may go another time.
func mayPass(err error) bool {
	switch describe(err).Code {
	case CodeInternal, CodeStorageFull, CodeTimeout:
		return true
	}
	return false
}

// hashFile gives the SHA-256 of a file in hex, and the suffix that its first
// bytes call for.
func hashFile(ctx context.Context, path string) (id, suffix string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	buffer := make([]byte, 1<<20)
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return "", "", err
		}
		n, err := io.ReadFull(f, buffer)
		if first {
			suffix = suffixOf(buffer[:n])
		}
		_, _ = sum.Write(buffer[:n]) // a hash never fails
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return hex.EncodeToString(sum.Sum(nil)), suffix, nil
		case err != nil:
			return "", "", err
		}
	}
}
