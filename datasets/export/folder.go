package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"satgraph/internal/parallel"
	"satgraph/volume"
)

// File is a file of an export: its path below the folder, with slashes, its
// size and its hash.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Folder is where a format writes: each sample's Add has one of its own. It notes
// each file that was asked for.
type Folder struct {
	root  string
	files []string
	loose []string // full names of files that are not flushed yet
	turn  *turn
}

// InOrder calls do once the samples before this one have been through theirs, or
// have ended without. Add calls it at most once.
func (f *Folder) InOrder(ctx context.Context, do func() error) error {
	if err := f.turn.wait(ctx); err != nil {
		return err
	}
	defer f.turn.pass()
	return do()
}

// Path gives the place of a file of the export, by its slashed path below the
// folder, and makes the folders above it. The file must exist when the Format's
// method returns.
func (f *Folder) Path(name string) (string, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) || name != path.Clean(name) {
		return "", refuse(ErrNames, "%q is no path below the export", name)
	}
	full := filepath.Join(f.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil { //nolint:gosec // data for all to read
		return "", err
	}
	f.files = append(f.files, name)
	return full, nil
}

// Drop takes back a Path whose file is not needed after all.
func (f *Folder) Drop(name string) error {
	full := filepath.Join(f.root, filepath.FromSlash(name))
	f.files = slices.DeleteFunc(f.files, func(s string) bool { return s == name })
	f.loose = slices.DeleteFunc(f.loose, func(s string) bool { return s == full })
	if err := os.Remove(full); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// MkdirAll makes a folder that may stay empty.
func (f *Folder) MkdirAll(name string) error {
	return os.MkdirAll(filepath.Join(f.root, filepath.FromSlash(name)), 0o755) //nolint:gosec // data for all to read
}

// Write writes a file, or leaves none. It is seen to disk with the others of its
// sample, before the journal speaks of them.
func (f *Folder) Write(name string, fill func(io.Writer) error) error {
	full, err := f.Path(name)
	if err != nil {
		return err
	}
	f.loose = append(f.loose, full)
	return volume.WriteLoose(full, fill)
}

// WriteJSON writes a value as an indented JSON document.
func (f *Folder) WriteJSON(name string, v any) error {
	return f.Write(name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

// Hash describes a file that was written.
func (f *Folder) Hash(name string) (File, error) { return hashFile(f.root, name) }

// take hashes the files that were noted since it was last called, and sees them to
// disk.
func (f *Folder) take() ([]File, error) {
	if err := flush(f.loose); err != nil {
		return nil, err
	}
	f.loose = nil
	out := make([]File, 0, len(f.files))
	for _, name := range f.files {
		file, err := hashFile(f.root, name)
		if err != nil {
			return nil, err
		}
		out = append(out, file)
	}
	f.files = nil
	return out, nil
}

// flushed is how many files are seen to disk at a time: a disk flushes many in the
// time of one.
const flushed = 16

// flush sees files to disk, and that they are in their folders.
func flush(paths []string) error {
	var dirs []string
	for _, path := range paths {
		dirs = append(dirs, filepath.Dir(path))
	}
	slices.Sort(dirs)
	for _, list := range [][]string{paths, slices.Compact(dirs)} {
		errs := make([]error, len(list))
		parallel.For(len(list), flushed, func(i int) {
			f, err := os.Open(list[i])
			if err == nil {
				err = errors.Join(f.Sync(), f.Close())
			}
			errs[i] = err
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(root, name string) (File, error) {
	r, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return File{}, err
	}
	defer r.Close() //nolint:errcheck // opened for reading: nothing can be lost
	h := sha256.New()
	n, err := io.Copy(h, r)
	return File{Path: name, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// maxLine bounds a line of the journal, which holds what Add returned.
const maxLine = 1 << 30

// lines gives the lines of a file, and where each one ends; a last line that
// was not finished is not among them.
func lines(r io.Reader, each func(line []byte, end int64) error) error {
	b := bufio.NewReaderSize(r, 1<<20)
	var at int64
	for {
		line, err := b.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(line) > maxLine {
			return errors.New("a line of the journal is too long")
		}
		at += int64(len(line))
		if err := each(line, at); err != nil {
			return err
		}
	}
}
