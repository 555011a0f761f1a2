package volume

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"

	"satgraph/volume/internal/dcm"
	"satgraph/volume/internal/j2k"
	"satgraph/volume/internal/jpegx"
)

// Transfer syntaxes of compressed pixel data (PS3.5 A.4) by name. What has no
// decoder is refused by it.
const (
	syntaxRLE = "1.2.840.10008.1.2.5"
)

type codec func(b []byte, in *instance, out []int32) error

var codecs = map[string]codec{
	syntaxRLE:                decodeRLE,
	"1.2.840.10008.1.2.4.50": decodeBaseline,
	"1.2.840.10008.1.2.4.51": decodeJPEG,
	"1.2.840.10008.1.2.4.57": decodeJPEG,
	"1.2.840.10008.1.2.4.70": decodeJPEG,
	"1.2.840.10008.1.2.4.80": decodeJPEG,
	"1.2.840.10008.1.2.4.81": decodeJPEG,
	"1.2.840.10008.1.2.4.90": decodeJ2K,
	"1.2.840.10008.1.2.4.91": decodeJ2K,
}

var syntaxNames = map[string]string{
	"1.2.840.10008.1.2.4.92":  "JPEG 2000 Part 2",
	"1.2.840.10008.1.2.4.93":  "JPEG 2000 Part 2",
	"1.2.840.10008.1.2.4.100": "MPEG-2 video", "1.2.840.10008.1.2.4.101": "MPEG-2 video",
	"1.2.840.10008.1.2.4.102": "MPEG-4 video", "1.2.840.10008.1.2.4.103": "MPEG-4 video",
	"1.2.840.10008.1.2.4.110": "JPEG XL Lossless", "1.2.840.10008.1.2.4.112": "JPEG XL",
	"1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
	"1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 Lossless, RPCL",
	"1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
}

// checkSyntax refuses what cannot be decoded, before anything is allocated.
func (in *instance) checkSyntax() error {
	if in.pixels.Encapsulated {
		if codecs[in.syntax] != nil {
			return nil
		}
		name := in.syntax
		if n := syntaxNames[in.syntax]; n != "" {
			name = n + " (" + in.syntax + ")"
		}
		return fmt.Errorf("%w: %s", ErrSyntax, name)
	}
	switch in.syntax {
	case dcm.ImplicitLittle, dcm.ExplicitLittle, dcm.ExplicitBig, dcm.Deflated:
		return nil
	}
	return fmt.Errorf("%w: %s says that pixels are compressed, and they are not", ErrBadHeader, in.syntax)
}

// voxels decodes all slices, scaled, the first axis fastest. Slices are decoded
// on all cores.
func (s *seriesData) voxels(o ReadOptions) ([]float32, error) {
	area := s.grid.Shape[0] * s.grid.Shape[1]
	if need := 4 * int64(area) * int64(len(s.frames)); need > o.maxBytes() {
		return nil, fmt.Errorf("%w: %d voxels take %d bytes, the limit is %d", ErrTooLarge, s.grid.Voxels(), need, o.maxBytes())
	}
	for _, f := range s.frames {
		if err := f.in.checkSyntax(); err != nil {
			return nil, fileError("read", f.in.path, err)
		}
	}
	out := make([]float32, area*len(s.frames))
	errs := make([]error, len(s.frames))
	parallel(len(s.frames), func(n int) bool {
		f := s.frames[n]
		errs[n] = fileError("read", f.in.path, f.decode(out[n*area:(n+1)*area], o))
		return errs[n] == nil
	})
	for _, err := range errs { // the first in order, whichever failed first
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decode reads one frame into dst.
func (f frame) decode(dst []float32, o ReadOptions) (err error) {
	defer func() {
		if p := recover(); p != nil { // a damaged file must not end the process
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	in := f.in
	file, err := o.Place().Open(in.path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // opened for reading: nothing can be lost
	var data io.ReaderAt = file
	if in.deflated {
		fi, err := file.Stat()
		if err != nil {
			return err
		}
		again, err := dcm.Parse(file, fi.Size(), o.maxBytes())
		if err != nil {
			return dicomError(err)
		}
		data = again.Data
	}
	if !in.pixels.Encapsulated {
		return f.native(dst, data)
	}
	b, err := in.compressed(data, f.index)
	if err != nil {
		return err
	}
	stored := make([]int32, len(dst))
	if err := codecs[in.syntax](b, in, stored); err != nil {
		return err
	}
	for i, v := range stored {
		dst[i] = float32(float64(v)*f.slope + f.inter)
	}
	return nil
}

// native reads an uncompressed frame.
func (f frame) native(dst []float32, data io.ReaderAt) error {
	in := f.in
	size := in.allocated / 8
	b := make([]byte, len(dst)*size)
	if _, err := data.ReadAt(b, in.pixels.Native.Offset+int64(f.index)*int64(len(b))); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: the file was cut while it was read", ErrTruncated)
		}
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if in.bigEndian {
		order = binary.BigEndian
	}
	switch in.pixels.Tag {
	case dcm.FloatPixelData:
		for i := range dst {
			dst[i] = float32(float64(math.Float32frombits(order.Uint32(b[4*i:])))*f.slope + f.inter)
		}
		return nil
	case dcm.DoublePixelData:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(order.Uint64(b[8*i:]))*f.slope + f.inter)
		}
		return nil
	}
	down := in.highBit + 1 - in.stored
	for i := range dst {
		var v uint32
		switch size {
		case 1:
			v = uint32(b[i])
		case 2:
			v = uint32(order.Uint16(b[2*i:]))
		default:
			v = order.Uint32(b[4*i:])
		}
		dst[i] = float32(in.value(v>>down)*f.slope + f.inter)
	}
	return nil
}

// value takes the stored bits of a sample: what lies above them, such as an
// overlay, goes.
func (in *instance) value(v uint32) float64 {
	up := 32 - in.stored
	if in.signed {
		return float64(int32(v<<up) >> up) //nolint:gosec // sign extension is meant
	}
	return float64(v << up >> up)
}

// compressed gathers the bytes of a frame from its fragments.
func (in *instance) compressed(data io.ReaderAt, n int) ([]byte, error) {
	from, to, err := in.fragmentsOf(n, data)
	if err != nil {
		return nil, err
	}
	var size int64
	for _, p := range in.pixels.Fragments[from:to] {
		size += p.Size // no more than the file: parsing made sure
	}
	b := make([]byte, 0, size)
	for _, p := range in.pixels.Fragments[from:to] {
		b = b[:len(b)+int(p.Size)]
		if _, err := data.ReadAt(b[len(b)-int(p.Size):], p.Offset); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTruncated, err)
		}
	}
	return b, nil
}

// fragmentsOf finds the fragments of a frame: all of them for the only frame,
// one each, as the offset table says, or as codestreams begin.
func (in *instance) fragmentsOf(n int, data io.ReaderAt) (from, to int, err error) {
	frames, px := len(in.frames), &in.pixels
	switch {
	case frames == 1:
		return 0, len(px.Fragments), nil
	case frames == len(px.Fragments):
		return n, n + 1, nil
	}
	var starts []int
	if len(px.Offsets) == frames {
		for k, start := range px.Starts {
			if len(starts) < frames && start == int64(px.Offsets[len(starts)]) {
				starts = append(starts, k)
			}
		}
	} else {
		for k, p := range px.Fragments {
			var head [2]byte
			if _, err := data.ReadAt(head[:], p.Offset); err == nil && head[0] == 0xff && (head[1] == 0xd8 || head[1] == 0x4f) {
				starts = append(starts, k)
			}
		}
	}
	if len(starts) != frames {
		return 0, 0, fmt.Errorf("%w: %d fragments cannot be told apart into %d frames", ErrCorrupt, len(px.Fragments), frames)
	}
	starts = append(starts, len(px.Fragments))
	return starts[n], starts[n+1], nil
}

// sized makes sure that a codec's image is the one that the header announces.
func (in *instance) sized(w, h int) error {
	if w != in.cols || h != in.rows {
		return fmt.Errorf("%w: an image of %d×%d where the header says %d×%d", ErrCorrupt, w, h, in.cols, in.rows)
	}
	return nil
}

// codecError turns a decoder's error into this package's.
func codecError(err, unsupported error) error {
	if errors.Is(err, unsupported) {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

func decodeJ2K(b []byte, in *instance, out []int32) error {
	im, err := j2k.Decode(b, len(out))
	if err != nil {
		return codecError(err, j2k.ErrUnsupported)
	}
	if err := in.sized(im.Width, im.Height); err != nil {
		return err
	}
	copy(out, im.Data)
	in.fit(out, im.Signed)
	return nil
}

// fit settles a disagreement between codestream and header on the sign: the
// header counts, as its stored bits are what was compressed, whatever precision
// they were given.
func (in *instance) fit(out []int32, signed bool) {
	if signed == in.signed {
		return
	}
	for i, v := range out {
		out[i] = int32(in.value(uint32(v))) //nolint:gosec // reinterpreting the bits is meant
	}
}

// decodeJPEG decodes lossless, extended and JPEG-LS images.
func decodeJPEG(b []byte, in *instance, out []int32) error {
	im, err := jpegx.Decode(b, len(out))
	if err != nil {
		return codecError(err, jpegx.ErrUnsupported)
	}
	if err := in.sized(im.Width, im.Height); err != nil {
		return err
	}
	copy(out, im.Data)
	in.fit(out, false)
	return nil
}

// decodeBaseline decodes 8-bit JPEG with loss.
func decodeBaseline(b []byte, in *instance, out []int32) error {
	config, err := jpeg.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := in.sized(config.Width, config.Height); err != nil {
		return err
	}
	decoded, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	grey, ok := decoded.(*image.Gray)
	if !ok {
		return fmt.Errorf("%w: a colour JPEG where the header says grey", ErrCorrupt)
	}
	for y := range in.rows {
		for x := range in.cols {
			out[y*in.cols+x] = int32(grey.GrayAt(x, y).Y)
		}
	}
	in.fit(out, false)
	return nil
}

// decodeRLE decodes byte planes of run lengths, the most significant byte first
// (PS3.5 Annex G).
func decodeRLE(b []byte, in *instance, out []int32) error {
	planes := in.allocated / 8
	if len(b) < 64 || int(binary.LittleEndian.Uint32(b)) != planes {
		return fmt.Errorf("%w: RLE data without %d byte planes", ErrCorrupt, planes)
	}
	for p := range planes {
		from, to := int64(binary.LittleEndian.Uint32(b[4+4*p:])), int64(len(b))
		if p+1 < planes {
			to = int64(binary.LittleEndian.Uint32(b[8+4*p:]))
		}
		if from < 64 || from > to || to > int64(len(b)) {
			return fmt.Errorf("%w: RLE plane from byte %d to %d of %d", ErrCorrupt, from, to, len(b))
		}
		if err := unpackBits(b[from:to], out); err != nil {
			return err
		}
	}
	for i, v := range out {
		out[i] = int32(in.value(uint32(v) >> (in.highBit + 1 - in.stored))) //nolint:gosec // reinterpreting the bits is meant
	}
	return nil
}

// unpackBits shifts one byte plane into the samples.
func unpackBits(b []byte, out []int32) error {
	n := 0
	for n < len(out) && len(b) >= 2 {
		switch k := int(int8(b[0])); { //nolint:gosec // a signed count
		case k >= 0:
			run := b[1:min(k+2, len(b))]
			for _, v := range run[:min(len(run), len(out)-n)] {
				out[n] = out[n]<<8 | int32(v)
				n++
			}
			b = b[1+len(run):]
		case k == -128:
			b = b[1:]
		default:
			for range min(1-k, len(out)-n) {
				out[n] = out[n]<<8 | int32(b[1])
				n++
			}
			b = b[2:]
		}
	}
	if n < len(out) {
		return fmt.Errorf("%w: RLE data end at sample %d of %d", ErrCorrupt, n, len(out))
	}
	return nil
}
