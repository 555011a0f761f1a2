package volume

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/okieraised/gonii/pkg/nifti"
)

// gridSlack is how far, in mm, a mask's affine may be off from that of the scan
// whose header it is written with: what arithmetic leaves, not another place.
const gridSlack = 1e-3

// compression is the gzip level of written files: levels 5 and 6 take a third to
// twice as long again, for scans that are no smaller and masks that hardly are.
const compression = 4

// WriteImage writes an image to a .nii or .nii.gz file, by its name, as
// Float32, Int16 or Uint8. Integers are rounded to the nearest, halves to even;
// a value that does not fit (NaN included) is an error, never clipped.
//
// The geometry fields of im.Header are taken over byte for byte where it
// describes im's grid, else they are made from the affine (sform_code 1; NIfTI-1
// keeps it as float32). The same image always gives the same bytes.
//
// The *FileError wraps ErrFileName, ErrShape, ErrUnsupported (another data
// type), ErrRange, ErrBadAffine or the system's error; in every case no file is
// left.
func WriteImage(path string, im *Image, dtype DType) error {
	var put func(b []byte, v float32) error
	switch dtype {
	case Float32:
		put = func(b []byte, v float32) error {
			binary.LittleEndian.PutUint32(b, math.Float32bits(v))
			return nil
		}
	case Int16:
		put = func(b []byte, v float32) error {
			r, err := whole(v, math.MinInt16, math.MaxInt16)
			binary.LittleEndian.PutUint16(b, uint16(int16(r))) //nolint:gosec // whole checked the range
			return err
		}
	case Uint8:
		put = func(b []byte, v float32) error {
			r, err := whole(v, 0, math.MaxUint8)
			b[0] = uint8(r)
			return err
		}
	default:
		return fileError("write", path, fmt.Errorf("%w: images are written as float32, int16 or uint8, not %s", ErrUnsupported, dtype))
	}
	return fileError("write", path, write(path, im.Grid, im.Header, dtype, im.Data, put))
}

func whole(v float32, low, high float64) (float64, error) {
	r := math.RoundToEven(float64(v))
	if !(r >= low && r <= high) {
		return 0, fmt.Errorf("%w: %g is not within %g..%g", ErrRange, v, low, high)
	}
	return r, nil
}

// WriteLabelMap writes a label map to a .nii or .nii.gz file, as uint8 where
// that holds every label, else as uint16. Header and errors are as for
// WriteImage.
func WriteLabelMap(path string, m *LabelMap) error {
	dtype := Uint8
	for _, v := range m.Data {
		if v > math.MaxUint8 {
			dtype = Uint16
			break
		}
	}
	return fileError("write", path, write(path, m.Grid, m.Header, dtype, m.Data, func(b []byte, v uint16) error {
		if dtype == Uint8 {
			b[0] = uint8(v) //nolint:gosec // it fits: see above
		} else {
			binary.LittleEndian.PutUint16(b, v)
		}
		return nil
	}))
}

// WriteMask writes a mask as uint8 0 and 1 to a .nii or .nii.gz file, by its
// name. Where like, the header of the scan that the mask belongs to, is given,
// its geometry (dim, pixdim, xyzt_units, qform and sform with their codes),
// version and byte order are taken over byte for byte, so that the mask lies
// exactly on the scan in every program; ErrShape where the mask lies on another
// grid than like says. With a nil like the header is made from the mask's grid.
//
// Errors are as for WriteImage.
func WriteMask(path string, m *Mask, like *Header) error {
	g, err := maskGrid(m.Grid, like)
	if err != nil {
		return fileError("write", path, err)
	}
	m = &Mask{Grid: g, Data: m.Data}
	return fileError("write", path, write(path, m.Grid, like, Uint8, m.Data, func(b []byte, v uint8) error {
		b[0] = min(v, 1)
		return nil
	}))
}

// maskGrid is the grid that a mask is written on: that of like, which must be
// the mask's own but for rounding, else the mask's.
func maskGrid(own Grid, like *Header) (Grid, error) {
	if like == nil {
		return own, nil
	}
	g, err := like.grid()
	if err != nil {
		return Grid{}, err
	}
	if !g.Equal(own, gridSlack) {
		return Grid{}, fmt.Errorf("%w: the mask's grid is %v at %v, the scan's %v at %v",
			ErrShape, own.Shape, own.Affine, g.Shape, g.Affine)
	}
	return g, nil
}

// write writes header and voxels. Voxels are put little-endian and turned
// around where the header asks for it.
func write[T any](path string, g Grid, like *Header, dtype DType, data []T, put func([]byte, T) error) error {
	name := strings.ToLower(path)
	gz := strings.HasSuffix(name, ".nii.gz")
	if !gz && !strings.HasSuffix(name, ".nii") {
		return ErrFileName
	}
	if err := g.check(len(data)); err != nil {
		return err
	}
	header, big, err := headerFor(g, like, dtype)
	if err != nil {
		return err
	}
	return WriteAtomic(path, func(w io.Writer) error {
		if !gz {
			return writeBody(w, header, big, dtype, data, put)
		}
		z, err := gzip.NewWriterLevel(w, compression)
		if err != nil {
			return err
		}
		z.ModTime = time.Unix(0, 0) // "no time"; the zero time would be written as nonsense
		if err := writeBody(z, header, big, dtype, data, put); err != nil {
			return err
		}
		return z.Close()
	})
}

func writeBody[T any](w io.Writer, header []byte, big bool, dtype DType, data []T, put func([]byte, T) error) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	size := dtype.Size()
	buf := make([]byte, blockBytes)
	for len(data) > 0 {
		n := min(len(data), len(buf)/size)
		for i, v := range data[:n] {
			b := buf[i*size : (i+1)*size]
			if err := put(b, v); err != nil {
				return err
			}
			if big {
				reverse(b)
			}
		}
		if _, err := w.Write(buf[:n*size]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// headerFor makes the bytes before the voxels: those of like with the data type
// replaced, where like describes the grid, else a fresh header.
func headerFor(g Grid, like *Header, dtype DType) (b []byte, big bool, err error) {
	if like != nil && like.raw != nil {
		if lg, err := like.grid(); err == nil && lg == g {
			return like.rewrite(dtype), like.BigEndian, nil
		}
	}
	if err := g.Affine.check(); err != nil {
		return nil, false, err
	}
	return freshHeader(g, dtype), false, nil
}

// rewrite is the header's bytes with another data type. What spoke of the old
// voxels (scaling, calibration, intent, texts, extensions) is cleared, and a
// pair becomes a single file; all geometry stays as it is, byte for byte.
func (h *Header) rewrite(dtype DType) []byte {
	var out []byte
	decoded, err := goniiDecode(h)
	if err != nil {
		panic(err) // it was decoded from the same bytes before
	}
	switch g := decoded.(type) {
	case *nifti.Nii1Header:
		g.Datatype, g.Bitpix = int16(dtype), int16(8*dtype.Size()) //nolint:gosec // at most 64
		g.SclSlope, g.SclInter, g.CalMin, g.CalMax = 1, 0, 0, 0
		g.IntentCode, g.IntentP1, g.IntentP2, g.IntentP3 = 0, 0, 0, 0
		g.IntentName, g.Descrip, g.AuxFile, g.DbName = [16]byte{}, [80]byte{}, [24]byte{}, [18]byte{}
		g.Glmax, g.Glmin = 0, 0
		g.Magic, g.VoxOffset = nifti.NIFTI_1_MAGIC_SINGLE, voxOffset1
		out = encode(h.order(), g)
	case *nifti.Nii2Header:
		g.Datatype, g.Bitpix = int16(dtype), int16(8*dtype.Size()) //nolint:gosec // at most 64
		g.SclSlope, g.SclInter, g.CalMin, g.CalMax = 1, 0, 0, 0
		g.IntentCode, g.IntentP1, g.IntentP2, g.IntentP3 = 0, 0, 0, 0
		g.IntentName, g.Descrip, g.AuxFile = [16]byte{}, [80]byte{}, [24]byte{}
		g.Magic, g.VoxOffset = nifti.NIFTI_2_MAGIC_SINGLE, voxOffset2
		out = encode(h.order(), g)
	}
	return append(out, 0, 0, 0, 0) // no extensions
}

// maxAxis1 is the longest axis that NIfTI-1's 16-bit dim can say.
const maxAxis1 = math.MaxInt16

// freshHeader makes a little-endian NIfTI-1 header, or NIfTI-2 where an axis is
// too long for that: sform_code 1, and the same as a qform where the affine has
// no shear.
func freshHeader(g Grid, dtype DType) []byte {
	q, offset, qfac, ok := quaternion(g.Affine)
	s := g.Spacing()
	if max(g.Shape[0], g.Shape[1], g.Shape[2]) > maxAxis1 {
		h := nifti.MakeNewNii2Header(nil, int32(dtype))
		h.Dim = [8]int64{3, int64(g.Shape[0]), int64(g.Shape[1]), int64(g.Shape[2]), 1, 1, 1, 1}
		h.Pixdim = [8]float64{qfac, s[0], s[1], s[2]}
		h.SclSlope, h.XyztUnits, h.VoxOffset, h.SformCode = 1, 2, voxOffset2, 1
		h.SrowX, h.SrowY, h.SrowZ = g.Affine[0], g.Affine[1], g.Affine[2]
		if ok {
			h.QformCode = 1
			h.QuaternB, h.QuaternC, h.QuaternD = q[0], q[1], q[2]
			h.QoffsetX, h.QoffsetY, h.QoffsetZ = offset[0], offset[1], offset[2]
		}
		return append(encode(binary.LittleEndian, h), 0, 0, 0, 0)
	}
	h := nifti.MakeNewNii1Header(nil, int32(dtype))
	//nolint:gosec // no axis is longer than maxAxis1
	h.Dim = [8]int16{3, int16(g.Shape[0]), int16(g.Shape[1]), int16(g.Shape[2]), 1, 1, 1, 1}
	h.Pixdim = [8]float32{float32(qfac), float32(s[0]), float32(s[1]), float32(s[2])}
	h.SclSlope, h.XyztUnits, h.VoxOffset, h.SformCode = 1, 2, voxOffset1, 1
	for i := range 4 {
		h.SrowX[i], h.SrowY[i], h.SrowZ[i] = float32(g.Affine[0][i]), float32(g.Affine[1][i]), float32(g.Affine[2][i])
	}
	if ok {
		h.QformCode = 1
		h.QuaternB, h.QuaternC, h.QuaternD = float32(q[0]), float32(q[1]), float32(q[2])
		h.QoffsetX, h.QoffsetY, h.QoffsetZ = float32(offset[0]), float32(offset[1]), float32(offset[2])
	}
	return append(encode(binary.LittleEndian, h), 0, 0, 0, 0)
}

// quaternion is the qform of an affine: quatern_b, _c, _d, the offset in mm and
// qfac. It is not ok where the axes are not at right angles, which a qform
// cannot say.
func quaternion(a Affine) (q, offset [3]float64, qfac float64, ok bool) {
	s := a.Spacing()
	r := a
	for c := range 3 {
		for i := range 3 {
			r[i][c] /= s[c]
		}
	}
	for c := range 3 {
		d := (c + 1) % 3
		if dot := r[0][c]*r[0][d] + r[1][c]*r[1][d] + r[2][c]*r[2][d]; math.Abs(dot) > 1e-5 {
			return q, offset, 1, false
		}
	}
	r = polar(r)
	qfac = 1
	if r.Det() < 0 {
		qfac = -1
		for i := range 3 {
			r[i][2] = -r[i][2]
		}
	}
	// The largest of the four components is found from the diagonal, the
	// others from it, so that nothing small is divided by (Shepperd 1978).
	xx, yy, zz := r[0][0], r[1][1], r[2][2]
	quat := [4]float64{1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz}
	best := 0
	for i, v := range quat {
		if v > quat[best] {
			best = i
		}
	}
	w := math.Sqrt(quat[best]) / 2
	switch best {
	case 0:
		quat = [4]float64{w, (r[2][1] - r[1][2]) / (4 * w), (r[0][2] - r[2][0]) / (4 * w), (r[1][0] - r[0][1]) / (4 * w)}
	case 1:
		quat = [4]float64{(r[2][1] - r[1][2]) / (4 * w), w, (r[0][1] + r[1][0]) / (4 * w), (r[0][2] + r[2][0]) / (4 * w)}
	case 2:
		quat = [4]float64{(r[0][2] - r[2][0]) / (4 * w), (r[0][1] + r[1][0]) / (4 * w), w, (r[1][2] + r[2][1]) / (4 * w)}
	default:
		quat = [4]float64{(r[1][0] - r[0][1]) / (4 * w), (r[0][2] + r[2][0]) / (4 * w), (r[1][2] + r[2][1]) / (4 * w), w}
	}
	sign := 1.0
	if quat[0] < 0 { // NIfTI leaves the first component out: it must not be negative
		sign = -1
	}
	return [3]float64{sign * quat[1], sign * quat[2], sign * quat[3]},
		[3]float64{a[0][3], a[1][3], a[2][3]}, qfac, true
}
