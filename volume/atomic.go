package volume

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// WriteAtomic writes a file whole or not at all: fill writes to a temporary
// file in the same folder, which is flushed to disk and only then renamed to
// path. Whatever goes wrong (an error of fill, a full disk, a folder that
// cannot be written to) leaves a file of that name as it was, and no temporary
// file. The error is a *FileError.
func WriteAtomic(path string, fill func(io.Writer) error) (err error) {
	defer func() { err = fileError("write", path, err) }()
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error counts
			_ = os.Remove(f.Name())
		}
	}()
	if err = fillFile(f, fill); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil { // CreateTemp makes it private
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func fillFile(f *os.File, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 256<<10)
	if err := fill(w); err != nil {
		return err
	}
	return w.Flush()
}

// WriteLoose writes a file of which nobody knows yet, as one in a folder that is
// renamed when it is whole: whoever renames it has to see it to disk before, and a
// crash may leave a part of it. The error is a *FileError, and no file is
// left.
func WriteLoose(path string, fill func(io.Writer) error) (err error) {
	defer func() { err = fileError("write", path, err) }()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) //nolint:gosec // data for all to read
	if err != nil {
		return err
	}
	if err = errors.Join(fillFile(f, fill), f.Close()); err != nil {
		_ = os.Remove(path) // the first error counts
	}
	return err
}

// syncDir makes a rename durable. Systems that cannot flush a folder keep the
// file all the same, so that is no error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // a folder may be writable and not readable
	}
	_ = d.Sync()
	return d.Close()
}
