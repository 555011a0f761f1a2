package volume

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Files is where scans lie: the local disk, or an object store. Its methods may
// be called at the same time. Of a name that is not there the error wraps
// fs.ErrNotExist.
type Files interface {
	// Open opens a file, or a folder of which only Stat is asked.
	Open(name string) (File, error)
	// Stat describes a file or folder.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder in the order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
}

// File is an opened file: read from front to back, or at any place.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
}

// Disk is the local disk.
type Disk struct{}

// Open is os.Open.
func (Disk) Open(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err // not a File around a nil pointer
	}
	return f, nil
}

// Stat is os.Stat.
func (Disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// ReadDir is os.ReadDir.
func (Disk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Place is where the options have files read from: Files, else the disk.
func (o ReadOptions) Place() Files {
	if o.Files != nil {
		return o.Files
	}
	return Disk{}
}

// IsURL says whether a name has a scheme, as "s3://bucket/scan.nii.gz", and is
// thus no path of the local disk.
func IsURL(name string) bool {
	scheme, _, found := strings.Cut(name, "://")
	return found && len(scheme) > 1 && !strings.ContainsAny(scheme, `/\.`)
}

// Join is filepath.Join for a folder that may be a URL without a query; elem has
// "/" between folders.
func Join(folder, elem string) string {
	if !IsURL(folder) {
		return filepath.Join(folder, filepath.FromSlash(elem))
	}
	if elem = path.Clean("/" + elem); elem == "/" {
		return strings.TrimRight(folder, "/")
	}
	return strings.TrimRight(folder, "/") + elem
}

// beside is a name in the folder of a file.
func beside(file, name string) string {
	if IsURL(file) {
		return file[:strings.LastIndexByte(file, '/')+1] + name
	}
	return filepath.Join(filepath.Dir(file), name)
}
