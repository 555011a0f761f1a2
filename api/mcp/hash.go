package mcp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// hashes remembers the hashes of files for as long as the files are the same: of
// the same place on the disk, size and time of change.
type hashes struct {
	mu  sync.Mutex
	all map[string]hashed
}

type hashed struct {
	info fs.FileInfo
	sum  string
}

const (
	mostHashes = 1000
	// settled is how old a file's last change must be for its hash to be kept: a
	// change soon after another may not show in the file's time.
	settled = 2 * time.Second
)

func (h *hashes) get(path string, info fs.FileInfo) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept, ok := h.all[path]
	if !ok || !unchanged(kept.info, info) {
		return "", false
	}
	return kept.sum, true
}

func (h *hashes) put(path string, info fs.FileInfo, sum string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil || len(h.all) >= mostHashes {
		h.all = map[string]hashed{}
	}
	h.all[path] = hashed{info, sum}
}

func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Hash implements [Hasher]. It reads a file that it has read before only if that
// has changed since.
func (f *Folder) Hash(ctx context.Context, scan Scan) (string, error) {
	local, err := filepath.Rel(f.path, scan.Path)
	if err != nil || !filepath.IsLocal(local) {
		return "", fmt.Errorf("%w: %q is not in the folder of scans", ErrNoScan, shorten(scan.ID, 200))
	}
	file, err := f.root.Open(local)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	begun := time.Now()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	if sum, ok := f.hashes.get(local, info); ok {
		return sum, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, reader{ctx, file}); err != nil {
		return "", err
	}
	after, err := file.Stat()
	if err != nil || !unchanged(info, after) {
		return "", err
	}
	sum := fmt.Sprintf("%x", h.Sum(nil))
	if begun.Sub(info.ModTime()) > settled {
		f.hashes.put(local, info, sum)
	}
	return sum, nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context //nolint:containedctx // of the one call that reads
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
