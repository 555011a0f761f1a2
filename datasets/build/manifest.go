package build

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"satgraph/datasets/standard"
	"satgraph/volume"
)

// Names in a corpus's folder.
const (
	manifestFile = "manifest.jsonl"
	versionFile  = "corpus.json"
	scansDir     = "scans"
	tempDir      = ".tmp"
	lockFile     = ".lock"
)

// maxLine bounds a line of the manifest, bytes.
const maxLine = 16 << 20

// Status of a scan in the manifest.
type Status string

// The statuses.
const (
	Done   Status = "done"
	Failed Status = "failed"
	Gone   Status = "gone" // no longer in the source, and pruned
)

// Entry is a line of the manifest.
type Entry struct {
	Dataset string    `json:"dataset"`
	ID      string    `json:"id"`
	Status  Status    `json:"status"`
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason,omitempty"` // why it failed
	// Key is the hash of input, recipe and settings.
	Key    string  `json:"key,omitempty"`
	Inputs []Input `json:"inputs,omitempty"`
	// Folder holds the scan, relative to the corpus, with slashes; Digest is that
	// of its record, Image that of its voxels. A scan that fails keeps what was built
	// before: it is not in the corpus, and is again, as it was, once its files are as
	// they were.
	Folder  string  `json:"folder,omitempty"`
	Digest  string  `json:"digest,omitempty"`
	Image   string  `json:"image,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// Input is an input file as it was read.
type Input struct {
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
	SHA256  string    `json:"sha256"`
}

// Name is the dataset and the id.
func (e *Entry) Name() string { return e.Dataset + "/" + e.ID }

// manifest is the file, open for appending, and its fold.
type manifest struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]*Entry
}

// openManifest reads the manifest, cuts off a last line that a crash left
// unfinished, and opens it for more.
func openManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // data for all to read
	if err != nil {
		return nil, err
	}
	entries, end, err := readManifest(f)
	if err == nil {
		if err = f.Truncate(end); err == nil {
			_, err = f.Seek(end, io.SeekStart)
		}
	}
	if err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &manifest{file: f, entries: entries}, nil
}

// readManifest folds the lines of a manifest; end is where the last whole one
// ends.
func readManifest(r io.Reader) (entries map[string]*Entry, end int64, err error) {
	entries = map[string]*Entry{}
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) && len(line) < maxLine {
			whole := bytes.Clone(line)
			line, err = in.ReadSlice('\n')
			line = append(whole, line...)
		}
		if errors.Is(err, io.EOF) {
			return entries, end, nil // an unfinished line counts as not written
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%w: line %d: %w", ErrManifest, n, err)
		}
		e := new(Entry)
		if err := json.Unmarshal(line, e); err != nil {
			return nil, 0, fmt.Errorf("%w: line %d: %w", ErrManifest, n, err)
		}
		if e.Folder != "" && !filepath.IsLocal(filepath.FromSlash(e.Folder)) {
			return nil, 0, fmt.Errorf("%w: line %d: folder %q", ErrManifest, n, e.Folder)
		}
		entries[e.Name()] = e
		end += int64(len(line))
	}
}

// add appends a line and sees it to disk.
func (m *manifest) add(e *Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err = m.file.Write(append(line, '\n')); err == nil {
		err = m.file.Sync()
	}
	if err != nil { // a part of a line must not stand before the next
		_ = m.file.Truncate(at) // the first error counts
		_, _ = m.file.Seek(at, io.SeekStart)
		return err
	}
	m.entries[e.Name()] = e
	return nil
}

// get is the latest entry of a scan, nil for none.
func (m *manifest) get(name string) *Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[name]
}

// Corpus is a corpus on disk.
type Corpus struct {
	Dir     string
	Version Version
	// Scans are the scans that were built, by dataset and id; Failed those that
	// were not.
	Scans, Failed []*Entry
}

// Is says whether a folder is one that a build wrote to.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, manifestFile))
	return err == nil
}

// Open reads a corpus. The error wraps ErrManifest or the system's error.
func Open(dir string) (*Corpus, error) {
	f, err := os.Open(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	entries, _, err := readManifest(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	c := gather(entries)
	c.Dir = dir
	text, err := os.ReadFile(filepath.Join(dir, versionFile))
	if errors.Is(err, os.ErrNotExist) { // the first build was stopped
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var v Version
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", versionFile, ErrManifest, err)
	}
	c.Version.Settings = v.Settings
	return c, nil
}

// Scan opens a scan of the corpus; errors are those of standard.Open.
func (c *Corpus) Scan(e *Entry) (*standard.Stored, error) {
	return standard.Open(filepath.Join(c.Dir, filepath.FromSlash(e.Folder)))
}

// gather sorts the fold and gives it its version, but for the settings.
func gather(entries map[string]*Entry) *Corpus {
	c := &Corpus{}
	for _, e := range entries {
		switch e.Status {
		case Done:
			c.Scans = append(c.Scans, e)
		case Failed:
			c.Failed = append(c.Failed, e)
		}
	}
	byName := func(a, b *Entry) int { return strings.Compare(a.Name(), b.Name()) }
	slices.SortFunc(c.Scans, byName)
	slices.SortFunc(c.Failed, byName)
	h := sha256.New()
	for _, e := range c.Scans {
		_, _ = fmt.Fprintf(h, "%s %s\n", e.Name(), e.Digest) // a hash takes all
	}
	c.Version = Version{Hash: hex.EncodeToString(h.Sum(nil)), Scans: len(c.Scans)}
	for _, e := range c.Failed {
		c.Version.Failures = append(c.Version.Failures, Failure{e.Name(), e.Reason})
	}
	return c
}

// writeVersion writes corpus.json.
func writeVersion(dir string, v *Version) error {
	return volume.WriteAtomic(filepath.Join(dir, versionFile), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}
