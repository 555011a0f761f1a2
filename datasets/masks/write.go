package masks

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"satgraph/volume"
)

// Writer takes the classes of a file, one at a time.
type Writer struct {
	out     io.Writer
	at      int64
	grid    volume.Grid
	classes []entry
	sums    map[string][sha256.Size]byte // of raw payloads
	zip     *zstd.Encoder
	raw     []byte
	packed  []byte
	encoder encoder
}

// Write writes a file of masks on g, whole or not at all: fill adds the classes.
// The same classes always give the same bytes. The digest of the content is
// returned. The error is a *volume.FileError around that of fill,
// volume.ErrShape, volume.ErrBadAffine, ErrTooLarge or the system's.
func Write(path string, g volume.Grid, fill func(*Writer) error) (digest string, err error) {
	err = volume.WriteAtomic(path, func(out io.Writer) error {
		digest, err = Encode(out, g, fill)
		return err
	})
	if err != nil {
		return "", err
	}
	return digest, nil
}

// Encode is Write to a stream.
func Encode(out io.Writer, g volume.Grid, fill func(*Writer) error) (digest string, err error) {
	if err := checkGrid(g, maxVoxels); err != nil {
		return "", err
	}
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return "", err
	}
	w := &Writer{out: out, grid: g, zip: zip, sums: map[string][sha256.Size]byte{}}
	if err := w.put(binary.LittleEndian.AppendUint32([]byte(magic), version)); err != nil {
		return "", err
	}
	if err := fill(w); err != nil {
		return "", err
	}
	return w.finish()
}

func (w *Writer) put(b []byte) error {
	n, err := w.out.Write(b)
	w.at += int64(n)
	return err
}

// Add writes a class. volume.ErrShape where the mask lies on another grid than
// the file's, ErrDuplicate, ErrTooLarge for a name of more than 1024 bytes or
// a mask of more than a hundred million runs, or the stream's error.
func (w *Writer) Add(name string, m *volume.Bits) error {
	switch _, twice := w.sums[name]; {
	case twice:
		return fmt.Errorf("%w: %q", ErrDuplicate, name)
	case len(name) > maxName || len(w.classes) == maxClasses:
		return fmt.Errorf("%w: class %.40q…, number %d (a name may have %d bytes, a file %d classes)", ErrTooLarge, name, len(w.classes)+1, maxName, maxClasses)
	case m.Grid != w.grid:
		return fmt.Errorf("%w: the mask of %q is not on the file's grid", volume.ErrShape, name)
	}
	e := entry{Name: name}
	box, ok := m.Bounds()
	w.raw = w.raw[:0]
	if ok {
		e.Box = [2][3]int{box.Min, box.Max}
		w.raw, e.Voxels = w.encoder.encode(w.raw, m, box)
		if len(w.raw) > maxPayload {
			return fmt.Errorf("%w: class %q has a payload of %d bytes", ErrTooLarge, name, len(w.raw))
		}
		w.packed = w.zip.EncodeAll(w.raw, w.packed[:0])
		e.Offset, e.Length, e.Raw = w.at, int64(len(w.packed)), int64(len(w.raw))
		e.CRC = crc32.Checksum(w.packed, castagnoli)
		if err := w.put(w.packed); err != nil {
			return err
		}
	}
	w.classes = append(w.classes, e)
	w.sums[name] = sha256.Sum256(w.raw)
	return nil
}

func (w *Writer) finish() (string, error) {
	d := directory{Shape: w.grid.Shape, Affine: w.grid.Affine, Classes: w.classes}
	d.Digest = digest(&d, w.sums)
	text, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	if len(text) > maxDirectory {
		return "", fmt.Errorf("%w: a directory of %d bytes", ErrTooLarge, len(text))
	}
	packed := w.zip.EncodeAll(text, nil)
	offset := w.at
	if err := w.put(packed); err != nil {
		return "", err
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(offset))   //nolint:gosec // not negative
	b = binary.LittleEndian.AppendUint32(b, uint32(len(packed))) //nolint:gosec // not above maxDirectory
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))   //nolint:gosec // not above maxDirectory
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(packed, castagnoli))
	b = binary.LittleEndian.AppendUint32(b, version)
	return d.Digest, w.put(append(b, magic...))
}

// digest is the SHA-256 of the JSON text of shape, affine and, by name, of each
// class's name, box, voxels and the hexadecimal SHA-256 of its raw payload.
func digest(d *directory, sums map[string][sha256.Size]byte) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	_ = enc.Encode([]any{d.Shape, d.Affine}) // neither fails: numbers and strings to a hash
	for _, e := range slices.SortedFunc(slices.Values(d.Classes), func(a, b entry) int { return cmp.Compare(a.Name, b.Name) }) {
		sum := sums[e.Name]
		_ = enc.Encode([]any{e.Name, e.Box, e.Voxels, hex.EncodeToString(sum[:])})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encoder makes payloads.
type encoder struct {
	edges     []byte
	row, last []int // edges of the runs of this row, and of the last that had any
}

// encode appends the payload of a mask to out and counts its voxels.
func (c *encoder) encode(out []byte, m *volume.Bits, box volume.Box) (payload []byte, voxels int) {
	c.edges, c.row, c.last = c.edges[:0], c.row[:0], c.last[:0]
	height := box.Max[1] - box.Min[1]
	at := 0
	m.Runs(func(r volume.Run) bool {
		for row := r.J - box.Min[1] + height*(r.K-box.Min[2]); at < row; at++ {
			out = c.endRow(out)
		}
		c.row = append(c.row, r.From-box.Min[0], r.To-box.Min[0])
		voxels += r.To - r.From
		return true
	})
	out = c.endRow(out) // the box ends with its last run
	for at++; at < height*(box.Max[2]-box.Min[2]); at++ {
		out = c.endRow(out)
	}
	return append(out, c.edges...), voxels
}

// endRow appends the number of runs of the row to out, and their edges to those.
func (c *encoder) endRow(out []byte) []byte {
	before := 0
	for i, v := range c.row {
		if i < len(c.last) {
			before = c.last[i]
		}
		c.edges = binary.AppendVarint(c.edges, int64(v-before))
		before = v
	}
	out = binary.AppendUvarint(out, uint64(len(c.row)/2))
	if len(c.row) > 0 {
		c.row, c.last = c.last[:0], c.row
	}
	return out
}
