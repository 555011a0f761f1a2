package standard

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"

	"satgraph/datasets/masks"
	"satgraph/volume"
)

// Files of a standardised scan's folder.
const (
	ImageFile  = "image.nii" // float32, not compressed: what is left of noise packs badly, and it can be mapped
	MasksFile  = "masks.sgm" // see package masks
	RecordFile = "scan.json" // a Record, written last
)

const recordVersion = 1

// Origin is where a scan comes from.
type Origin struct {
	Dataset  string   `json:"dataset"`
	ID       string   `json:"id"`              // unique in the dataset
	Image    string   `json:"image"`           // the image file, as the dataset names it
	Masks    []string `json:"masks,omitempty"` // the mask files
	Modality string   `json:"modality"`        // ct, mri or pet
	Sequence string   `json:"sequence,omitempty"`
	Patient  string   `json:"patient,omitempty"`
	Split    string   `json:"split,omitempty"` // the owner's
	Side     string   `json:"side,omitempty"`  // that SAT's lists have it on: train or test
	// Labels are the names that the dataset writes for classes that it calls
	// otherwise, by class.
	Labels map[string]string `json:"labels,omitempty"`
	// Input is a digest of the files, Recipe of what the masks were made by.
	Input  string `json:"input,omitempty"`
	Recipe string `json:"recipe,omitempty"`
	// Program is the version of what wrote the scan; it is no part of its digest.
	Program string `json:"program,omitempty"`
}

// Record says what a standardised scan is and how it was made.
type Record struct {
	Version   int       `json:"version"`
	Origin    Origin    `json:"origin"`
	Settings  Settings  `json:"settings"`
	Transform Transform `json:"transform"`
	Warnings  []string  `json:"warnings,omitempty"`
	Problems  []string  `json:"problems,omitempty"` // of the source's files
	// Image is the SHA-256 of the shape and the voxels of the image, whatever its
	// place in the world; Masks is masks.File.Digest.
	Image string `json:"imageDigest"`
	Masks string `json:"masksDigest"`
	// Fingerprint is that of the image, which knows it again where it was saved
	// otherwise; it follows from Image and is no part of the digest.
	Fingerprint *Fingerprint `json:"fingerprint,omitempty"`
}

// Digest is the SHA-256 of all that the scan is: two scans that have it in
// common are the same, files, transform and provenance.
func (r *Record) Digest() string {
	c := *r
	c.Origin.Program, c.Fingerprint = "", nil
	text, _ := json.Marshal(c) // plain values
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Record says what the scan is, without masks.
func (s *Scan) Record(from Origin) *Record {
	return &Record{
		Version: recordVersion, Origin: from, Settings: s.Settings, Transform: s.Transform,
		Warnings: s.Warnings, Problems: s.Problems, Image: imageDigest(s.Image), Fingerprint: FingerprintOf(s.Image),
	}
}

// Write writes the scan into an existing folder, the masks class by class as
// fill adds them on the scan's own grid, and the record last.
//
// Errors are those of fill, of Mask, of masks.Write and volume.WriteImage.
func (s *Scan) Write(dir string, from Origin, fill func(add func(class string, m *volume.Bits) error) error) (*Record, error) {
	r := s.Record(from)
	var err error
	r.Masks, err = masks.Write(filepath.Join(dir, MasksFile), s.Image.Grid, func(w *masks.Writer) error {
		return fill(func(class string, m *volume.Bits) error {
			moved, err := s.Mask(m)
			if err != nil {
				return fmt.Errorf("class %q: %w", class, err)
			}
			return w.Add(class, moved)
		})
	})
	if err != nil {
		return nil, err
	}
	if err := volume.WriteImage(filepath.Join(dir, ImageFile), s.Image, volume.Float32); err != nil {
		return nil, err
	}
	return r, volume.WriteAtomic(filepath.Join(dir, RecordFile), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	})
}

func imageDigest(im *volume.Image) string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, im.Shape) // a hash takes all
	hashFloats(h, im.Data)
	return hex.EncodeToString(h.Sum(nil))
}

func hashFloats(h hash.Hash, data []float32) {
	b := make([]byte, 0, 64<<10)
	for len(data) > 0 {
		n := min(len(data), cap(b)/4)
		b = b[:0]
		for _, v := range data[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		_, _ = h.Write(b)
		data = data[n:]
	}
}

// Stored is a standardised scan on disk.
type Stored struct {
	Record
	dir string
}

// maxRecord bounds a record, bytes.
const maxRecord = 16 << 20

// Open reads the record of a scan's folder. The *volume.FileError wraps
// ErrBadScan or the system's error.
func Open(dir string) (*Stored, error) {
	path := filepath.Join(dir, RecordFile)
	s := &Stored{dir: dir}
	if err := s.read(path); err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err
		}
		return nil, &volume.FileError{Path: path, Op: "read", Hint: "build the scan again", Err: err}
	}
	return s, nil
}

func (s *Stored) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	if err := json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&s.Record); err != nil {
		return fmt.Errorf("%w: %w", ErrBadScan, err)
	}
	if s.Version != recordVersion {
		return fmt.Errorf("%w: version %d, know %d", ErrBadScan, s.Version, recordVersion)
	}
	t := &s.Transform
	for _, g := range []volume.Grid{t.Source, t.Spaced} {
		if _, err := g.Crop(volume.Box{Max: g.Shape}); err != nil {
			return fmt.Errorf("%w: %w", ErrBadScan, err)
		}
		if _, err := g.Affine.Inverse(); err != nil {
			return fmt.Errorf("%w: %w", ErrBadScan, err)
		}
	}
	if _, err := t.Spaced.Crop(t.Box); err != nil {
		return fmt.Errorf("%w: %w", ErrBadScan, err)
	}
	if _, err := t.ToGrid.Inverse(); err != nil {
		return fmt.Errorf("%w: %w", ErrBadScan, err)
	}
	return nil
}

// ReadImage reads the standardised intensities. Errors are those of
// volume.ReadImage, and ErrBadScan where it is not the image of the record.
func (s *Stored) ReadImage() (*volume.Image, error) {
	path := filepath.Join(s.dir, ImageFile)
	im, err := volume.ReadImage(path, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	if want := s.Transform.Grid(); im.Shape != want.Shape {
		return nil, &volume.FileError{Path: path, Op: "read", Err: fmt.Errorf("%w: it has %v voxels, the record says %v", ErrBadScan, im.Shape, want.Shape)}
	}
	im.Grid = s.Transform.Grid() // the file keeps float32
	return im, nil
}

// OpenMasks opens the file of masks; Transform.Restore puts one back into the
// scan it came from. Errors are those of masks.Open, and ErrBadScan where they
// are not the masks of the record.
func (s *Stored) OpenMasks() (*masks.File, error) {
	path := filepath.Join(s.dir, MasksFile)
	f, err := masks.Open(path, masks.Options{})
	if err != nil {
		return nil, err
	}
	if f.Digest() != s.Masks || f.Grid() != s.Transform.Grid() {
		_ = f.Close() // the other error counts
		return nil, &volume.FileError{Path: path, Op: "read", Err: fmt.Errorf("%w: these are not the masks of the record", ErrBadScan)}
	}
	return f, nil
}

// Whole looks, without reading the voxels, whether image and masks are those of
// the record: ErrBadScan or the system's error where a file is missing, cut short or
// another's.
func (s *Stored) Whole() error {
	path := filepath.Join(s.dir, ImageFile)
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	const header = 352 // of NIfTI-1 in one file
	if want := header + 4*int64(s.Transform.Grid().Voxels()); fi.Size() != want {
		return &volume.FileError{Path: path, Op: "read", Err: fmt.Errorf("%w: it has %d bytes, want %d", ErrBadScan, fi.Size(), want)}
	}
	f, err := s.OpenMasks()
	if err != nil {
		return err
	}
	return f.Close()
}

// Verify reads all of the scan and compares it with the record's digests:
// ErrBadScan or masks.ErrDamaged where a byte is not what was written.
func (s *Stored) Verify() error {
	im, err := s.ReadImage()
	if err != nil {
		return err
	}
	if got := imageDigest(im); got != s.Image {
		return &volume.FileError{Path: filepath.Join(s.dir, ImageFile), Op: "read", Err: fmt.Errorf("%w: the image's digest is %s, the record says %s", ErrBadScan, got, s.Image)}
	}
	f, err := s.OpenMasks()
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	return f.Verify()
}
