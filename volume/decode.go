package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"satgraph/internal/gunzip"
)

// Voxels pass through a few buffers of this size between the goroutine that
// reads and decompresses and the one that converts. It is a multiple of every
// voxel size.
const (
	blockBytes = 128 << 10
	blocks     = 4
)

// readVoxels hands the total bytes of voxels to convert, block by block in
// order. Reading and decompressing goes on while convert works. The number of
// bytes of each block is a multiple of 8, except for the last one.
func (f *file) readVoxels(total int64, convert func(b []byte) error) error {
	s := f.image
	if s.offset > f.header.VoxOffset {
		return fmt.Errorf("%w: voxels at byte %d, inside the header", ErrBadHeader, f.header.VoxOffset)
	}
	if err := s.skip(f.header.VoxOffset - s.offset); err != nil {
		return s.short(err, 0, total)
	}
	s.readAhead()
	type block struct {
		b   []byte
		err error
	}
	free, full := make(chan []byte, blocks), make(chan block, blocks)
	for range blocks {
		free <- make([]byte, blockBytes)
	}
	go func() {
		defer close(full)
		defer func() {
			if p := recover(); p != nil { // a damaged file must not end the process
				full <- block{err: fileError("read", s.path, fmt.Errorf("%w: %v", ErrCorrupt, p))}
			}
		}()
		for done := int64(0); done < total; {
			b, ok := <-free
			if !ok {
				return // the other side gave up
			}
			b = b[:min(int64(len(b)), total-done)]
			n, err := io.ReadFull(s, b)
			done += int64(n)
			if err != nil {
				full <- block{err: s.short(err, done, total)}
				return
			}
			full <- block{b: b}
		}
		if err := s.finish(f.header); err != nil {
			full <- block{err: err}
		}
	}()
	var err error
	for blk := range full {
		if err != nil {
			continue // drain, so that the goroutine ends
		}
		if err = blk.err; err == nil {
			err = convert(blk.b)
		}
		if err != nil {
			close(free)
			continue
		}
		if blk.b != nil {
			free <- blk.b[:cap(blk.b)]
		}
	}
	return err
}

// short turns the end of the file before its last voxel into ErrTruncated.
func (s *stream) short(err error, done, total int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: %d of %d voxel bytes", ErrTruncated, done, total)
	}
	return fileError("read", s.path, err)
}

// maxTrailing bounds what is decompressed after the last voxel to get at the
// checksum.
const maxTrailing = 1 << 20

// finish reads on to the end of a compressed file, to have its checksum
// verified, and warns of bytes that nothing accounts for.
func (s *stream) finish(h *Header) error {
	if !s.gz {
		if s.size > s.offset {
			h.warn(fmt.Sprintf("%d bytes follow the voxels and are ignored", s.size-s.offset))
		}
		return nil
	}
	before := s.offset
	n, err := io.CopyN(io.Discard, s, maxTrailing)
	switch {
	case err == nil:
		h.warn("more than 1 MiB follows the voxels and is ignored; the checksum was not verified")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fileError("read", s.path, fmt.Errorf("%w: all voxels are there, but the checksum at its end is not", ErrTruncated))
	case errors.Is(err, gunzip.ErrTrailing):
		h.warn("something that is not gzip follows the compressed data and is ignored")
	case errors.Is(err, io.EOF):
		if n > 0 {
			h.warn(fmt.Sprintf("%d bytes follow the voxels and are ignored", s.offset-before))
		}
	default:
		return fileError("read", s.path, err)
	}
	return nil
}

type float interface{ float32 | float64 }

// readScaled reads all voxels as floating-point numbers, scaled.
func readScaled[T float](f *file, o ReadOptions) ([]T, error) {
	var zero T
	n, err := reserve(f, o, int64(binary.Size(zero)))
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	slope, inter := f.header.scale()
	decode := decoder[T](f.header.DType, f.header.order(), slope, inter)
	size := f.header.DType.Size()
	rest := out
	err = f.readVoxels(n*int64(size), func(b []byte) error {
		decode(rest, b)
		rest = rest[len(b)/size:]
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// labelSlack is how far from a whole number a label may be: float32 arithmetic
// on values up to 65535 is off by less.
const labelSlack = 1.0 / 1024

// readLabels hands all voxels on as labels, block by block in order. The slice
// is used again after each call.
func readLabels(f *file, put func([]uint16) error) error {
	n, err := reserve(f, ReadOptions{MaxBytes: math.MaxInt64}, 0)
	if err != nil {
		return err
	}
	slope, inter := f.header.scale()
	decode := decoder[float64](f.header.DType, f.header.order(), slope, inter)
	size := f.header.DType.Size()
	done := 0
	values, labels := make([]float64, blockBytes), make([]uint16, blockBytes)
	return f.readVoxels(n*int64(size), func(b []byte) error {
		count := len(b) / size
		if size == 1 && slope == 1 && inter == 0 && f.header.DType == Uint8 { // what most label maps are
			for i, v := range b {
				labels[i] = uint16(v)
			}
			done += count
			return put(labels[:count])
		}
		decode(values, b)
		for i, v := range values[:count] {
			r := math.Round(v)
			if !(math.Abs(v-r) <= labelSlack) || r < 0 || r > math.MaxUint16 {
				return fmt.Errorf("%w: voxel %d is %g", ErrNotLabels, done+i, v)
			}
			labels[i] = uint16(r)
		}
		done += count
		return put(labels[:count])
	})
}

// decoder returns a function that converts a block of stored voxels to T and
// scales them. The arithmetic is done in float64 and rounded once.
func decoder[T float](d DType, order binary.ByteOrder, slope, inter float64) func(dst []T, src []byte) {
	if slope == 1 && inter == 0 {
		return plainDecoder[T](d, order)
	}
	load := loader(d, order)
	size := d.Size()
	return func(dst []T, src []byte) {
		dst = dst[:len(src)/size]
		for i := range dst {
			dst[i] = T(load(src[i*size:])*slope + inter)
		}
	}
}

// plainDecoder is decoder without scaling, with tight loops for what most files
// are made of.
func plainDecoder[T float](d DType, order binary.ByteOrder) func(dst []T, src []byte) {
	little := order == binary.LittleEndian
	switch {
	case d == Uint8:
		return func(dst []T, src []byte) {
			dst = dst[:len(src)]
			for i, v := range src {
				dst[i] = T(v)
			}
		}
	case d == Int16 && little:
		return func(dst []T, src []byte) {
			for len(src) >= 8 && len(dst) >= 4 {
				v := binary.LittleEndian.Uint64(src)
				//nolint:gosec // reinterpreting the stored bits is meant
				dst[0], dst[1], dst[2], dst[3] = T(int16(v)), T(int16(v>>16)), T(int16(v>>32)), T(int16(v>>48))
				src, dst = src[8:], dst[4:]
			}
			for i := 0; i+1 < len(src); i += 2 {
				dst[i/2] = T(int16(binary.LittleEndian.Uint16(src[i:]))) //nolint:gosec // as above
			}
		}
	case d == Float32 && little:
		return func(dst []T, src []byte) {
			dst = dst[:len(src)/4]
			for i := range dst {
				dst[i] = T(math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:])))
			}
		}
	}
	load := loader(d, order)
	size := d.Size()
	return func(dst []T, src []byte) {
		dst = dst[:len(src)/size]
		for i := range dst {
			dst[i] = T(load(src[i*size:]))
		}
	}
}

// loader returns a function that decodes the stored voxel at the start of b.
//
//nolint:gosec // reinterpreting the stored bits is meant throughout
func loader(d DType, order binary.ByteOrder) func(b []byte) float64 {
	switch d {
	case Int8:
		return func(b []byte) float64 { return float64(int8(b[0])) }
	case Int16:
		return func(b []byte) float64 { return float64(int16(order.Uint16(b))) }
	case Uint16:
		return func(b []byte) float64 { return float64(order.Uint16(b)) }
	case Int32:
		return func(b []byte) float64 { return float64(int32(order.Uint32(b))) }
	case Uint32:
		return func(b []byte) float64 { return float64(order.Uint32(b)) }
	case Int64:
		return func(b []byte) float64 { return float64(int64(order.Uint64(b))) }
	case Uint64:
		return func(b []byte) float64 { return float64(order.Uint64(b)) }
	case Float32:
		return func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }
	case Float64:
		return func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }
	}
	return func(b []byte) float64 { return float64(b[0]) } // Uint8
}
