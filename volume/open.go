package volume

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"satgraph/internal/gunzip"
)

// file is an opened NIfTI file of which the header has been read.
type file struct {
	header *Header
	// image is the stream of voxels; it stands behind the header of a single
	// file and at the start of the image half of a pair.
	image *stream
}

func (f *file) close() { f.image.close() }

// open opens the named file, and its other half where it is one of a pair, and
// reads the header.
func open(path string, o ReadOptions) (*file, error) {
	hdr, img := path, ""
	if isImg(path) {
		var err error
		if hdr, err = otherHalf(path, ".hdr", o); err != nil {
			return nil, err
		}
		img = path
	}
	s, err := openStream(hdr, o)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(s)
	if err != nil {
		s.close()
		return nil, fileError("read", hdr, err)
	}
	if o.Rectify {
		h.rectify()
	}
	if a, err := h.Affine(); err == nil && a.skewed() != "" {
		h.warn(a.skewed())
	}
	f := &file{header: h, image: s}
	if h.Pair && o.Alone {
		s.close()
		return nil, fileError("read", path, fmt.Errorf("%w: it is half of a pair of files", ErrUnsupported))
	}
	if h.Pair {
		s.close()
		if img == "" {
			if img, err = otherHalf(path, ".img", o); err != nil {
				return nil, err
			}
		}
		if f.image, err = openStream(img, o); err != nil {
			return nil, err
		}
	}
	if h.DType.Size() > 0 {
		if err := f.checkSize(h.voxels() * int64(h.DType.Size())); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

// readHeader reads header and extensions and leaves a single file's stream at
// an unspecified place before its voxels.
func readHeader(s *stream) (*Header, error) {
	b := make([]byte, headerSize2)
	n, err := io.ReadFull(s, b[:headerSize1])
	if err == nil && (bytes.HasPrefix(b, []byte{headerSize2 & 0xff, headerSize2 >> 8}) ||
		bytes.HasPrefix(b, []byte{0, 0, headerSize2 >> 8, headerSize2 & 0xff})) {
		var m int
		m, err = io.ReadFull(s, b[headerSize1:])
		n += m
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if err != nil && s.cut {
		return nil, fmt.Errorf("%w: the compressed data ends inside the header", ErrTruncated)
	}
	h, err := parseHeader(b[:n])
	if err != nil {
		return nil, err
	}
	return h, readExtensions(s, h)
}

// readExtensions lists the extensions between header and voxels. Damaged ones
// end the list with a warning, since nothing depends on them.
func readExtensions(s *stream, h *Header) error {
	end := h.VoxOffset
	if h.Pair {
		end = int64(len(h.raw)) + maxExtensions
	}
	room := func() int64 { return end - s.offset }
	var b [8]byte
	if room() < 4 {
		return nil
	}
	if _, err := io.ReadFull(s, b[:4]); err != nil {
		return s.endOfHeader(h, err)
	}
	for b[0] != 0 && room() >= 8 {
		var e [8]byte
		if _, err := io.ReadFull(s, e[:]); err != nil {
			return s.endOfHeader(h, err)
		}
		//nolint:gosec // signed fields
		ext := Extension{Size: int32(h.order().Uint32(e[:4])), Code: int32(h.order().Uint32(e[4:]))}
		if ext.Size < 8 || int64(ext.Size)-8 > room() {
			h.warn(fmt.Sprintf("header extension %d has an impossible size of %d bytes; it and what follows is ignored", len(h.Extensions)+1, ext.Size))
			return nil
		}
		if err := s.skip(int64(ext.Size) - 8); err != nil {
			return s.endOfHeader(h, err)
		}
		h.Extensions = append(h.Extensions, ext)
	}
	return nil
}

// endOfHeader judges an error met among the extensions: a .hdr may end there, a
// single file may not.
func (s *stream) endOfHeader(h *Header, err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if h.Pair {
		return nil
	}
	return fmt.Errorf("%w: it ends at byte %d, before its voxels at byte %d", ErrTruncated, s.offset, h.VoxOffset)
}

// isImg tells the image half of a pair by its name.
func isImg(path string) bool {
	p := strings.ToLower(path)
	return strings.HasSuffix(p, ".img") || strings.HasSuffix(p, ".img.gz")
}

// otherHalf finds the file that belongs to one half of a pair: of the same
// name, with the given extension, compressed or not, in either case.
func otherHalf(path, ext string, o ReadOptions) (string, error) {
	base := path
	gz := strings.HasSuffix(strings.ToLower(base), ".gz")
	if gz {
		base = base[:len(base)-3]
	}
	switch e := filepath.Ext(base); strings.ToLower(e) {
	case ".hdr", ".img", ".nii":
		base = strings.TrimSuffix(base, e)
	}
	names := []string{base + ext, base + ext + ".gz", base + strings.ToUpper(ext), base + strings.ToUpper(ext) + ".GZ"}
	if gz {
		names[0], names[1] = names[1], names[0]
	}
	for _, name := range names {
		if _, err := o.Place().Stat(name); err == nil {
			return name, nil
		}
	}
	return "", &FileError{
		Path: path, Op: "read", Err: fmt.Errorf("its other half %s is missing: %w", names[0], fs.ErrNotExist),
		Hint: "put both files of the pair into one folder",
	}
}

// stream reads a file from front to back, decompressing it where it is gzipped,
// which is told by its first bytes and not by its name.
type stream struct {
	path   string
	f      File
	r      io.Reader
	gz     bool
	size   int64 // of the file on disk
	offset int64 // bytes delivered
	cut    bool  // the compressed data ended too early
	packed source
}

// source is where a decompressor reads from; it can be changed under it.
type source struct {
	r     io.Reader
	ahead *ahead // r, once it reads ahead
}

func (s *source) Read(p []byte) (int, error) { return s.r.Read(p) }

// readAhead has compressed data read ahead from now on, which is worth it for
// voxels and not for a header.
func (s *stream) readAhead() {
	if s.gz && s.packed.ahead == nil {
		s.packed.ahead = readAhead(s.packed.r)
		s.packed.r = s.packed.ahead
	}
}

func openStream(path string, o ReadOptions) (*stream, error) {
	f, err := o.Place().Open(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	s := &stream{path: path, f: f}
	if err := s.start(); err != nil {
		s.close()
		return nil, fileError("read", path, err)
	}
	return s, nil
}

// peekBuffer is small, since both readers of a stream have larger blocks of
// their own, which pass it by.
const peekBuffer = 4 << 10

func (s *stream) start() error {
	fi, err := s.f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a regular file", ErrNotNIfTI)
	}
	s.size = fi.Size()
	br := bufio.NewReaderSize(s.f, peekBuffer)
	s.r = br
	if magic, err := br.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return nil //nolint:nilerr // too short to be gzip: the header check says so
	}
	s.packed.r = br
	s.r, s.gz = gunzip.NewReader(&s.packed), true
	return nil
}

func (s *stream) close() {
	if s.packed.ahead != nil {
		s.packed.ahead.close()
	}
	_ = s.f.Close() // opened for reading: nothing can be lost
}

// Read reads decompressed bytes.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.offset += int64(n)
	if err != nil {
		err = s.explain(err)
	}
	return n, err
}

// explain turns the errors of the decompressor into this package's; the end of
// the stream and the system's errors stay as they are.
func (s *stream) explain(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		s.cut = true
	case errors.Is(err, gunzip.ErrHeader), errors.Is(err, gunzip.ErrCorrupt), errors.Is(err, gunzip.ErrChecksum):
		return fmt.Errorf("%w: %w (after %d bytes)", ErrCorrupt, err, s.offset)
	}
	return err
}

// skip passes over n bytes.
func (s *stream) skip(n int64) error {
	if _, err := io.CopyN(io.Discard, s, n); err != nil {
		return err
	}
	return nil
}

// maxInflation is the most that deflate can expand: a match of 258 bytes takes
// at least two bits.
const maxInflation = 1032

// checkSize refuses a file that cannot possibly hold n bytes of voxels, so that
// a header's claim alone makes nobody allocate.
func (f *file) checkSize(n int64) error {
	s, start := f.image, f.header.VoxOffset
	if !s.gz {
		if have := s.size - start; have < n {
			return fileError("read", s.path, fmt.Errorf("%w: %d of %d voxel bytes", ErrTruncated, max(0, have), n))
		}
		return nil
	}
	if most := s.size * maxInflation; most < n {
		return fileError("read", s.path, fmt.Errorf("%w: %d compressed bytes cannot hold %d voxel bytes", ErrTruncated, s.size, n))
	}
	return nil
}
