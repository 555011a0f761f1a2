package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
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
		if _, err := readBundleFile(bundle, man, name); err != nil {
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

// readBundleFile reads one file and checks its sum.
func readBundleFile(bundle fs.FS, man *inference.Manifest, name string) ([]byte, error) {
	want, ok := man.Files[name]
	if !ok {
		return nil, fmt.Errorf("%w: its manifest does not list %s; rebuild the bundle", inference.ErrBundleFile, name)
	}
	data, err := readFile(bundle, name, maxFileBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; download or rebuild the bundle again", inference.ErrBundleFile, err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != want {
		return nil, fmt.Errorf("%w: %s has been altered (sha256 %s..., the manifest says %s...); download or rebuild the bundle again",
			inference.ErrBundleFile, name, got[:12], want[:12])
	}
	return data, nil
}

// readFile reads a file of at most limit bytes. Errors name the file.
func readFile(bundle fs.FS, name string, limit int64) ([]byte, error) {
	f, err := bundle.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing", name)
		}
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are taken", name, info.Size(), limit)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return data, nil
}
