package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"satgraph/inference"
)

// Files of a bundle, beside its manifest.
const (
	BackboneFile   = "backbone.onnx"
	DecoderFile    = "decoder.onnx"
	TextFile       = "text.onnx"
	VocabularyFile = "vocab.txt"
)

// maxFileBytes is as much as one ONNX file can hold.
const maxFileBytes = math.MaxInt32

// ReadManifest reads a bundle's manifest, without looking at the other files.
// The error is inference.ErrBadManifest.
func ReadManifest(bundle fs.FS) (*inference.Manifest, error) {
	text, err := readFile(bundle, inference.ManifestFile, inference.MaxManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBadManifest, err)
	}
	return inference.ParseManifest(text)
}

// Verify reads a bundle's manifest and checks that every file it lists is there
// and unaltered. The errors are inference.ErrBadManifest and
// inference.ErrBundleFile; they name the file.
func Verify(bundle fs.FS) (*inference.Manifest, error) {
	man, err := ReadManifest(bundle)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedFiles(man) {
		if err := checkBundleFile(bundle, man, name); err != nil {
			return nil, err
		}
	}
	return man, nil
}

func sortedFiles(man *inference.Manifest) []string {
	names := make([]string, 0, len(man.Files))
	for name := range man.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// content is a file's bytes.
type content struct {
	data  []byte
	unmap func() error
}

func (c *content) close() {
	if c != nil && c.unmap != nil {
		_ = c.unmap() // nothing was written to it
		c.data, c.unmap = nil, nil
	}
}

// readBundleFile gives one file and checks its sum. Where the bundle lies in a
// folder the file is mapped, not copied.
func readBundleFile(bundle fs.FS, dir string, man *inference.Manifest, name string) (*content, error) {
	want, ok := man.Files[name]
	if !ok {
		return nil, fmt.Errorf("%w: its manifest does not list %s; rebuild the bundle", inference.ErrBundleFile, name)
	}
	c := &content{}
	if dir != "" {
		c.data, c.unmap = mapFile(filepath.Join(dir, name), maxFileBytes)
	}
	if c.data == nil {
		var err error
		if c.data, err = readFile(bundle, name, maxFileBytes); err != nil {
			return nil, fmt.Errorf("%w: %w; download or rebuild the bundle again", inference.ErrBundleFile, err)
		}
	}
	if err := checkSum(name, sha256.Sum256(c.data), want); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// checkBundleFile checks the sum of a file of any size.
func checkBundleFile(bundle fs.FS, man *inference.Manifest, name string) error {
	wrap := func(err error) error {
		return fmt.Errorf("%w: %w; download or rebuild the bundle again", inference.ErrBundleFile, err)
	}
	f, err := openFile(bundle, name, math.MaxInt64)
	if err != nil {
		return wrap(err)
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return wrap(fmt.Errorf("%s cannot be read: %w", name, err))
	}
	return checkSum(name, [sha256.Size]byte(h.Sum(nil)), man.Files[name])
}

func checkSum(name string, sum [sha256.Size]byte, want string) error {
	if got := hex.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("%w: %s has been altered (sha256 %s..., the manifest says %s...); download or rebuild the bundle again",
			inference.ErrBundleFile, name, got[:12], want[:12])
	}
	return nil
}

// readFile reads a file of at most limit bytes. Errors name the file.
func readFile(bundle fs.FS, name string, limit int64) ([]byte, error) {
	f, err := openFile(bundle, name, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return data, nil
}

// openFile opens a regular file of at most limit bytes. Errors name the file.
func openFile(bundle fs.FS, name string, limit int64) (fs.File, error) {
	f, err := bundle.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing", name)
		}
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("%s cannot be read: %w", name, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a file", name)
	case info.Size() > limit:
		err = fmt.Errorf("%s has %d bytes, at most %d are taken", name, info.Size(), limit)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
