package volume

import (
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// raster is a NRRD or MetaImage file whose header has been read: text before
// voxels that lie in the same file or in another of its folder.
type raster struct {
	grid     Grid
	format   Format
	dtype    DType
	order    binary.ByteOrder
	packed   string // "", "gzip" or "zlib"
	modality string
	warnings []string
	// The voxels: where they are, and at which offset. An offset of -1 counts from
	// the end, where uncompressed voxels are the last thing in the file.
	path     string
	detached bool
	offset   int64
}

func (r *raster) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

func (r *raster) info() *Info {
	g := r.grid
	return &Info{
		Shape: g.Shape[:], Spacing: g.Spacing(), Affine: g.Affine, Orientation: g.Orientation(),
		DType: r.dtype.String(), Format: r.format, Modality: r.modality, Warnings: r.warnings,
	}
}

// detached is the path of a data file that a header names. It must be a plain
// name, of a file in the header's own folder.
func detached(header, name string) (string, error) {
	if name == "" || name != filepath.Base(name) || name == ".." || name == "." || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("%w: it keeps its voxels in %q, which is not a file of its own folder", ErrUnsupported, name)
	}
	return beside(header, name), nil
}

// image reads the voxels.
func (r *raster) image(o ReadOptions) (*Image, error) {
	size := int64(r.dtype.Size())
	n := int64(r.grid.Voxels())
	if need := n * max(4, size); need > o.maxBytes() {
		return nil, fmt.Errorf("%w: %d voxels take %d bytes, the limit is %d", ErrTooLarge, n, need, o.maxBytes())
	}
	open := o.Place().Open
	if r.detached && o.Files == nil { // inside the folder also where a link leads out of it
		open = func(path string) (File, error) { return os.OpenInRoot(filepath.Dir(path), filepath.Base(path)) }
	}
	f, err := open(r.path)
	if err != nil {
		return nil, fileError("read", r.path, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	src, err := r.voxels(f, n*size)
	if err != nil {
		return nil, fileError("read", r.path, err)
	}
	out := make([]float32, n)
	decode := decoder[float32](r.dtype, r.order, 1, 0)
	buf := make([]byte, blockBytes)
	for rest := out; len(rest) > 0; {
		b := buf[:min(int64(len(buf)), int64(len(rest))*size)]
		if _, err := io.ReadFull(src, b); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("%w: %d of %d voxels", ErrTruncated, len(out)-len(rest), n)
			} else if r.packed != "" {
				err = fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			return nil, fileError("read", r.path, err)
		}
		decode(rest, b)
		rest = rest[int64(len(b))/size:]
	}
	if r.packed != "" { // on to the checksum
		if _, err := io.CopyN(io.Discard, src, maxTrailing); err != nil && !errors.Is(err, io.EOF) {
			return nil, fileError("read", r.path, fmt.Errorf("%w: %w", ErrCorrupt, err))
		}
	}
	return &Image{Grid: r.grid, Data: out, Format: r.format, Modality: r.modality, Warnings: r.warnings}, nil
}

// voxels opens the stream of voxel bytes, and refuses a file that cannot hold
// them.
func (r *raster) voxels(f File, bytes int64) (io.Reader, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: the voxels are not in a regular file", ErrUnsupported)
	}
	offset := r.offset
	if offset < 0 {
		offset = fi.Size() - bytes
	}
	have := fi.Size() - offset
	switch {
	case offset < 0 || have < 0, r.packed == "" && have < bytes:
		return nil, fmt.Errorf("%w: %d of %d voxel bytes", ErrTruncated, max(0, have), bytes)
	case r.packed != "" && have*maxInflation < bytes:
		return nil, fmt.Errorf("%w: %d compressed bytes cannot hold %d voxel bytes", ErrTruncated, have, bytes)
	}
	src := io.NewSectionReader(f, offset, have)
	var z io.Reader
	switch r.packed {
	case "gzip":
		z, err = gzip.NewReader(src)
	case "zlib":
		z, err = zlib.NewReader(src)
	default:
		return src, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return z, nil
}

// maxTextHeader bounds the text before the voxels.
const maxTextHeader = 1 << 20

// textHeader reads up to maxTextHeader bytes of a file.
func textHeader(path string, o ReadOptions) ([]byte, error) {
	f, err := o.Place().Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	return io.ReadAll(io.LimitReader(f, maxTextHeader))
}

// shape3 turns axis lengths into a 3-D shape. Axes beyond the third must be of
// length 1.
func shape3(sizes []int) (s [3]int, err error) {
	if len(sizes) < 3 {
		return s, fmt.Errorf("%w: it has %d axes", ErrNotVolume, len(sizes))
	}
	n := int64(1)
	for i, v := range sizes {
		if v < 1 {
			return s, fmt.Errorf("%w: axis %d has length %d", ErrBadHeader, i+1, v)
		}
		if n > math.MaxInt64/16/int64(v) {
			return s, fmt.Errorf("%w: the product of its axes %v overflows", ErrTooLarge, sizes)
		}
		n *= int64(v)
		if i < 3 {
			s[i] = v
		} else if v != 1 {
			return s, fmt.Errorf("%w: shape %v", ErrNotVolume, sizes)
		}
	}
	return s, nil
}
