package masks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"satgraph/volume"
)

// maxVoxels is what Options.MaxVoxels 0 means.
const maxVoxels = 2 << 30

// Options bound what a file may ask for. The zero value is usable.
type Options struct {
	// MaxVoxels is the largest grid that is read; 0 means 2 Gi. A class takes up to
	// an eighth as many bytes.
	MaxVoxels int64
}

// File is an open file of masks. It may be used by several goroutines.
type File struct {
	path    string
	in      io.ReaderAt
	close   func() error
	grid    volume.Grid
	digest  string
	classes []entry
	byName  map[string]int
	unzip   *zstd.Decoder
}

// Open opens a file and reads its directory; masks are read when they are asked
// for. The *volume.FileError wraps ErrNotMasks, ErrVersion, ErrDamaged,
// ErrTooLarge or the system's error.
func Open(path string, o Options) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	fi, err := in.Stat()
	if err == nil {
		var f *File
		if f, err = NewFile(in, fi.Size(), o); err == nil {
			f.path, f.close = path, in.Close
			return f, nil
		}
	}
	_ = in.Close() // the first error counts
	return nil, fileError(path, err)
}

// NewFile is Open for what is no file on disk. Errors are those of Open without
// the path.
func NewFile(in io.ReaderAt, size int64, o Options) (*File, error) {
	if o.MaxVoxels <= 0 {
		o.MaxVoxels = maxVoxels
	}
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	f := &File{in: in, unzip: unzip, close: func() error { return nil }, byName: map[string]int{}}
	d, end, err := f.readDirectory(size)
	if err != nil {
		unzip.Close()
		return nil, err
	}
	f.grid, f.digest, f.classes = volume.Grid{Shape: d.Shape, Affine: d.Affine}, d.Digest, d.Classes
	if err := f.check(end, o.MaxVoxels); err != nil {
		unzip.Close()
		return nil, err
	}
	return f, nil
}

func fileError(path string, err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	hint := ""
	if errors.Is(err, ErrDamaged) {
		hint = "copy the file again, or build the scan again"
	}
	return &volume.FileError{Path: path, Op: "read", Hint: hint, Err: err}
}

// readDirectory returns the directory and where it begins, which is where the
// payloads end.
func (f *File) readDirectory(size int64) (*directory, int64, error) {
	if size < int64(headerSize+trailerSize) {
		return nil, 0, fmt.Errorf("%w: it has %d bytes", ErrNotMasks, size)
	}
	var head [headerSize]byte
	var tail [trailerSize]byte
	if _, err := f.in.ReadAt(head[:], 0); err != nil {
		return nil, 0, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, 0, ErrNotMasks
	}
	if v := binary.LittleEndian.Uint32(head[len(magic):]); v != version {
		return nil, 0, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	if _, err := f.in.ReadAt(tail[:], size-trailerSize); err != nil {
		return nil, 0, err
	}
	le := binary.LittleEndian
	offset, length, raw, crc := le.Uint64(tail[:]), int64(le.Uint32(tail[8:])), int64(le.Uint32(tail[12:])), le.Uint32(tail[16:])
	if string(tail[24:]) != magic || le.Uint32(tail[20:]) != version {
		return nil, 0, fmt.Errorf("%w: it does not end as it should", ErrDamaged)
	}
	if raw > maxDirectory {
		return nil, 0, fmt.Errorf("%w: a directory of %d bytes", ErrTooLarge, raw)
	}
	if offset < uint64(headerSize) || offset != uint64(size-trailerSize-length) { //nolint:gosec // a negative one is no offset either
		return nil, 0, fmt.Errorf("%w: its directory lies outside of it", ErrDamaged)
	}
	text, err := f.inflate(int64(offset), length, raw, crc, new(scratch)) //nolint:gosec // within the file
	if err != nil {
		return nil, 0, err
	}
	var d directory
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &d, int64(offset), nil //nolint:gosec // within the file
}

// scratch are buffers that are used again from class to class.
type scratch struct {
	packed, raw []byte
	row, last   []int // edges of the runs of a row, and of the last that had any
}

// inflate reads a Zstandard frame of a known length and checksum, and no more
// than raw bytes out of it, which lie in the scratch.
func (f *File) inflate(offset, length, raw int64, crc uint32, s *scratch) ([]byte, error) {
	s.packed = slices.Grow(s.packed[:0], int(length))[:length]
	if _, err := f.in.ReadAt(s.packed, offset); err != nil {
		return nil, err
	}
	if crc32.Checksum(s.packed, castagnoli) != crc {
		return nil, fmt.Errorf("%w: checksum of %d bytes at %d", ErrDamaged, length, offset)
	}
	s.raw = slices.Grow(s.raw[:0], int(raw))
	out, err := f.unzip.DecodeAll(s.packed, s.raw[:0:raw]) // at most its capacity
	if err != nil {
		return nil, fmt.Errorf("%w: the frame at %d: %w", ErrDamaged, offset, err)
	}
	if int64(len(out)) != raw {
		return nil, fmt.Errorf("%w: the frame at %d has %d bytes, not %d", ErrDamaged, offset, len(out), raw)
	}
	return out, nil
}

func checkGrid(g volume.Grid, limit int64) error {
	for _, n := range g.Shape {
		if n <= 0 || n > maxAxis {
			return fmt.Errorf("%w: shape %v", volume.ErrShape, g.Shape)
		}
	}
	if n := int64(g.Shape[0]) * int64(g.Shape[1]); n > limit || n*int64(g.Shape[2]) > limit {
		return fmt.Errorf("%w: %v voxels, at most %d are taken", ErrTooLarge, g.Shape, limit)
	}
	_, err := g.Affine.Inverse()
	return err
}

// check holds the directory against the file, whose payloads end at end.
func (f *File) check(end, limit int64) error {
	if err := checkGrid(f.grid, limit); err != nil {
		if errors.Is(err, ErrTooLarge) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(f.classes) > maxClasses {
		return fmt.Errorf("%w: %d classes", ErrTooLarge, len(f.classes))
	}
	for i := range f.classes {
		e := &f.classes[i]
		if _, twice := f.byName[e.Name]; twice {
			return fmt.Errorf("%w: class %q is in it twice", ErrDamaged, e.Name)
		}
		f.byName[e.Name] = i
		if e.Voxels == 0 && *e == (entry{Name: e.Name}) {
			continue
		}
		if _, err := f.grid.Crop(e.box()); err != nil {
			return fmt.Errorf("%w: class %q: %w", ErrDamaged, e.Name, err)
		}
		s := e.box().Shape()
		rows := e.rows()
		if e.Voxels < 1 || int64(e.Voxels) > rows*int64(s[0]) || e.Length < 1 || e.Offset < int64(headerSize) || e.Offset > end-e.Length ||
			e.Raw < rows || e.Raw > 5*rows+10*int64(e.Voxels) { // LEB128 of 32 bits: a count a row, two edges a run
			return fmt.Errorf("%w: class %q: its sizes contradict each other", ErrDamaged, e.Name)
		}
		if e.Raw > maxPayload {
			return fmt.Errorf("%w: class %q has a payload of %d bytes", ErrTooLarge, e.Name, e.Raw)
		}
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	f.unzip.Close()
	return f.close()
}

// Grid is the grid of every mask.
func (f *File) Grid() volume.Grid { return f.grid }

// Digest is the SHA-256 of the content, as the directory has it; Verify checks
// it.
func (f *File) Digest() string { return f.digest }

// Classes lists what is in the file, in the order of writing.
func (f *File) Classes() []Class {
	out := make([]Class, len(f.classes))
	for i := range f.classes {
		e := &f.classes[i]
		out[i] = Class{Name: e.Name, Voxels: e.Voxels, Box: e.box()}
	}
	return out
}

// Read reads one class. The *volume.FileError wraps ErrNoClass, ErrDamaged or
// the system's error.
func (f *File) Read(name string) (*volume.Bits, error) {
	m := volume.NewBits(f.grid)
	err := f.Runs(name, func(r volume.Run) { m.SetRun(r.From, r.To, r.J, r.K) })
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Runs calls visit for each run of a class, in the order of the voxels in a
// volume, for those who want it in another form. After an error, which is that
// of Read, it may have been called for some.
func (f *File) Runs(name string, visit func(volume.Run)) error {
	return f.rows(name, new(scratch), func(e *entry, edges []int, j, k int) {
		at := e.Box[0][0]
		for ; len(edges) >= 2; edges = edges[2:] {
			visit(volume.Run{From: at + edges[0], To: at + edges[1], J: j, K: k})
		}
	})
}

// rows calls visit for each row of a class that has voxels, with the edges of its
// runs, counted from the edge of the class's box. The error is that of Read.
func (f *File) rows(name string, s *scratch, visit func(e *entry, edges []int, j, k int)) error {
	e, err := f.entry(name)
	if err != nil || e.Voxels == 0 {
		return err
	}
	raw, err := f.inflate(e.Offset, e.Length, e.Raw, e.CRC, s)
	if err == nil {
		err = decode(raw, e, s, visit)
	}
	if err != nil {
		return fileError(f.path, fmt.Errorf("class %q: %w", name, err))
	}
	return nil
}

func (f *File) entry(name string) (*entry, error) {
	i, ok := f.byName[name]
	if !ok {
		return nil, fileError(f.path, fmt.Errorf("%w: %q", ErrNoClass, name))
	}
	return &f.classes[i], nil
}

func bad(what string) error { return fmt.Errorf("%w: %s", ErrDamaged, what) }

// decode visits the rows of a payload that have voxels.
func decode(raw []byte, e *entry, s *scratch, visit func(e *entry, edges []int, j, k int)) error {
	edges := raw
	for n := e.rows(); n > 0; n-- { // the edges begin behind the counts
		_, size := uvarint(edges)
		if size <= 0 {
			return bad("it ends among its counts")
		}
		edges = edges[size:]
	}
	width := e.Box[1][0] - e.Box[0][0]
	s.last = s.last[:0]
	voxels := 0
	for k := e.Box[0][2]; k < e.Box[1][2]; k++ {
		for j := e.Box[0][1]; j < e.Box[1][1]; j++ {
			runs, size := uvarint(raw)
			raw = raw[size:]
			if runs == 0 {
				continue
			}
			if runs > uint64(width) { //nolint:gosec // not negative
				return bad("a row has more runs than voxels")
			}
			n, size, err := s.decodeRow(edges, 2*int(runs), width) //nolint:gosec // not above width
			if err != nil {
				return err
			}
			voxels += n
			edges = edges[size:]
			visit(e, s.row, j, k)
			s.row, s.last = s.last, s.row
		}
	}
	if len(edges) > 0 || voxels != e.Voxels {
		return bad(fmt.Sprintf("it has %d voxels, the directory says %d", voxels, e.Voxels))
	}
	return nil
}

// decodeRow reads so many edges of a row into s.row, given those of the row
// before, and counts the voxels between them and the bytes that it took.
func (s *scratch) decodeRow(edges []byte, n, width int) (voxels, size int, err error) {
	s.row = s.row[:0]
	before, least := 0, -1
	for i := range n {
		if i < len(s.last) {
			before = s.last[i]
		}
		u, more := uvarint(edges[size:])
		if more <= 0 {
			return 0, 0, bad("it ends among its runs")
		}
		size += more
		v := before + int(int64(u>>1)^-int64(u&1)) // zigzag, as binary.Varint undoes it
		if v <= least || v > width {
			return 0, 0, bad("runs are out of order or outside of the box")
		}
		if i&1 == 1 {
			voxels += v - least
		}
		before, least = v, v
		s.row = append(s.row, v)
	}
	return voxels, size, nil
}

// uvarint is binary.Uvarint, fast for numbers of one byte, as nearly all are.
func uvarint(b []byte) (v uint64, size int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

// Verify reads every class and compares the digest: ErrDamaged where a byte of
// the content is not what was written.
func (f *File) Verify() error {
	sums := map[string][sha256.Size]byte{}
	var s scratch
	for i := range f.classes {
		e := &f.classes[i]
		var raw []byte
		if e.Voxels > 0 {
			var err error
			if raw, err = f.inflate(e.Offset, e.Length, e.Raw, e.CRC, &s); err == nil {
				err = decode(raw, e, &s, func(*entry, []int, int, int) {})
			}
			if err != nil {
				return fileError(f.path, fmt.Errorf("class %q: %w", e.Name, err))
			}
		}
		sums[e.Name] = sha256.Sum256(raw)
	}
	d := directory{Shape: f.grid.Shape, Affine: f.grid.Affine, Classes: f.classes}
	if got := digest(&d, sums); got != f.digest {
		return fileError(f.path, fmt.Errorf("%w: the content's digest is %s, the directory says %s", ErrDamaged, got, f.digest))
	}
	return nil
}
