package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"satgraph/api/auth"
	"satgraph/volume"
)

// errQuota means that a caller has as many bytes of scans as they may.
var errQuota = errors.New("the caller's quota is used up")

// An owner is who sent a scan, and when last.
type owner struct {
	Subject string    `json:"subject"`
	Since   time.Time `json:"since"`
}

// owners says whose the scans of a folder are, in a folder beside it. The same file may have been sent
// by several: it is kept once, and each knows only of their own. Each scan has a
// small file that is written whole, so that it outlives the process.
type owners struct {
	dir   string
	quota int64 // bytes of all scans of one owner

	mu   sync.Mutex
	used map[string]int64 // bytes by subject, of unfinished uploads too
}

// openOwners reads whose the scans of these sizes are.
func openOwners(dir string, quota int64, sizes map[string]int64) (*owners, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("the folder of owners: %w", err)
	}
	o := &owners{dir: dir, quota: quota, used: map[string]int64{}}
	for id, size := range sizes {
		list, err := o.read(id)
		if err != nil {
			return nil, err
		}
		for _, one := range list {
			o.used[one.Subject] += size
		}
	}
	return o, nil
}

func (o *owners) file(id string) string { return filepath.Join(o.dir, id+".json") }

// read lists the owners of a scan; nobody where its file is not there.
func (o *owners) read(id string) ([]owner, error) {
	text, err := os.ReadFile(o.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the owners of image %s: %w", id, err)
	}
	var list []owner
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("the owners of image %s: %w", id, err)
	}
	return list, nil
}

func (o *owners) write(id string, list []owner) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return volume.WriteAtomic(o.file(id), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// claim makes a scan the subject's too; fresh where it was not.
func (o *owners) claim(id, subject string) (fresh bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, err := o.read(id)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(w owner) bool { return w.Subject == subject })
	if i >= 0 {
		list[i].Since = time.Now().UTC()
	} else {
		list = append(list, owner{subject, time.Now().UTC()})
	}
	return i < 0, o.write(id, list)
}

// disclaim takes a scan from the caller; last where nobody has it any more. An
// administrator who does not have it takes it from all who do.
func (o *owners) disclaim(id string, caller auth.Identity, size int64) (last bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list, err := o.read(id)
	if err != nil {
		return false, err
	}
	his := func(w owner) bool { return w.Subject == caller.Subject }
	if caller.May(auth.Administer) && !slices.ContainsFunc(list, his) {
		his = func(owner) bool { return true }
	}
	var kept []owner
	for _, w := range list {
		if his(w) {
			o.used[w.Subject] -= size
		} else {
			kept = append(kept, w)
		}
	}
	if len(kept) > 0 {
		return false, o.write(id, kept)
	}
	if err := os.Remove(o.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

// reserve counts n more bytes, or fewer, as the caller's; the error is errQuota.
// Administrators have the whole store.
func (o *owners) reserve(caller auth.Identity, n int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n > 0 && o.used[caller.Subject]+n > o.quota && !caller.May(auth.Administer) {
		return fmt.Errorf("%w: %d MiB of scans", errQuota, o.quota>>20)
	}
	o.used[caller.Subject] += n
	return nil
}

// mine says whether a scan is the caller's.
func (s *Service) mine(ctx context.Context, id string) (bool, error) {
	if auth.Of(ctx).May(auth.Administer) {
		return true, nil
	}
	list, err := s.images.owners.read(id)
	if err != nil {
		return false, err
	}
	for _, one := range list {
		if auth.Of(ctx).Owns(one.Subject) {
			return true, nil
		}
	}
	return s.owns(ctx, "image", id, ""), nil // nobody's but an administrator's
}

// imagePath finds the file of one of the caller's images. Errors: errNoImage,
// also for another's, or the disk's.
func (s *Service) imagePath(ctx context.Context, id string) (string, error) {
	path, err := s.images.path(id)
	if err != nil {
		return "", err
	}
	mine, err := s.mine(ctx, id)
	if err != nil {
		return "", err
	}
	if !mine {
		return "", fmt.Errorf("%w: %s", errNoImage, id)
	}
	return path, nil
}

// image describes one of the caller's images. Errors: errNoImage, or that of
// its file.
func (s *Service) image(ctx context.Context, id string) (*Image, error) {
	if _, err := s.imagePath(ctx, id); err != nil {
		return nil, err
	}
	return s.images.get(id)
}
