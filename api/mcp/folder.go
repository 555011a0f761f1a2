package mcp

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

	"satgraph/internal/plain"
)

// A Folder gives out the scans below one folder, by their paths within it, and
// nothing else: no path leads out of it, and links are refused. It is for one
// user's own machine.
type Folder struct {
	root   *os.Root
	path   string
	hashes hashes
}

// OpenFolder opens a folder of scans. Close it.
func OpenFolder(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("the folder of scans: %w", err)
	}
	return &Folder{root: root, path: path}, nil
}

// Close lets the folder go.
func (f *Folder) Close() error { return f.root.Close() }

// Find implements [Scans]. The name is a path within the folder, with slashes.
func (f *Folder) Find(_ context.Context, name string) (Scan, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: %q %s", ErrNoScan, shorten(name, 200), why)
	}
	local, err := filepath.Localize(name)
	switch {
	case err != nil, name == ".":
		return Scan{}, refuse("is no path within the folder of scans: give it relative to that folder, and without steps upwards")
	case plain.Text(name) != name:
		return Scan{}, refuse("holds characters that do not print")
	}
	// Each step is looked at by itself: a link anywhere is refused.
	at := ""
	for step := range strings.SplitSeq(local, string(filepath.Separator)) {
		at = filepath.Join(at, step)
		info, err := f.root.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Scan{}, refuse("is not in the folder of scans")
		case err != nil:
			return Scan{}, refuse("cannot be looked at")
		case info.Mode()&fs.ModeSymlink != 0:
			return Scan{}, refuse("leads over a symbolic link, which is refused")
		case !info.IsDir() && !info.Mode().IsRegular():
			return Scan{}, refuse("is neither a file nor a folder")
		}
	}
	return Scan{ID: name, Path: filepath.Join(f.path, local)}, nil
}

const (
	mostVisited = 5000 // entries that a listing looks at
	deepest     = 6    // folders within folders
)

// scanEndings are those of single-file scans.
var scanEndings = []string{".nii", ".nii.gz", ".nrrd", ".mha"}

// List implements [Lister]: scan files, and folders that hold DICOM files. Names
// that do not print are left out.
func (f *Folder) List(ctx context.Context, limit int) (names []string, more int, err error) {
	visited := 0
	series := map[string]bool{}
	err = fs.WalkDir(f.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if visited++; visited > mostVisited {
			return fs.SkipAll
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil, plain.Text(name) != name:
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			if strings.Count(name, "/") >= deepest || name != "." && strings.HasPrefix(e.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		lower := strings.ToLower(name)
		dir, _, _ := cutLast(name)
		switch {
		case slices.ContainsFunc(scanEndings, func(end string) bool { return strings.HasSuffix(lower, end) }):
			names = append(names, name)
		case dir != "" && !series[dir] && f.isDICOM(name):
			series[dir] = true
			names = append(names, dir)
		}
		return nil
	})
	slices.Sort(names)
	if len(names) > limit {
		names, more = names[:limit], len(names)-limit
	}
	return names, more, err
}

func cutLast(name string) (dir, base string, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// isDICOM looks for the mark behind a DICOM file's preamble.
func (f *Folder) isDICOM(name string) bool {
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 132)
	_, err = io.ReadFull(file, head)
	return err == nil && string(head[128:]) == "DICM"
}
