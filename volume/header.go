package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/okieraised/gonii/pkg/nifti"
)

// Header holds the facts of a NIfTI-1 or NIfTI-2 header. It also keeps the
// header's bytes, so that a mask can be written with the very geometry of the
// scan it belongs to; the exported fields are for reading and changing one has
// no effect on what is written.
type Header struct {
	// Version is 1 or 2.
	Version int
	// BigEndian tells the byte order of header and voxels.
	BigEndian bool
	// Pair is true for .hdr/.img, false for one .nii file.
	Pair bool
	// Dim is dim[0..7]: the number of axes, then their lengths.
	Dim [8]int64
	// PixDim is pixdim[0..7]: qfac, then the step along each axis.
	PixDim [8]float64
	// DType is the type of the stored voxels.
	DType DType
	// BitPix is the header's own idea of the bits of a voxel; it is not used.
	BitPix int
	// VoxOffset is where the voxels start in the (uncompressed) image file.
	VoxOffset int64
	// Slope and Inter scale stored voxels: value = stored·Slope + Inter. A Slope
	// of 0 or one that is not finite means that voxels are not scaled.
	Slope, Inter float64
	// XYZTUnits is xyzt_units; 2 in its low three bits is mm.
	XYZTUnits int
	// QFormCode and SFormCode are above 0 where the form is given.
	QFormCode, SFormCode int
	// Quatern is quatern_b, _c, _d; QOffset is qoffset_x, _y, _z in mm.
	Quatern, QOffset [3]float64
	// SRow is srow_x, srow_y, srow_z.
	SRow [3][4]float64
	// IntentCode is the meaning of the voxels, 0 for none.
	IntentCode int
	// Descrip is the free text of the header.
	Descrip string
	// Extensions lists the header extensions, which are passed over.
	Extensions []Extension
	// Warnings names, one line each, what was odd but could be read.
	Warnings []string

	raw       []byte  // the header's bytes as in the file: 348 or 540
	rectified *Affine // set by rectify: counts instead of the forms
}

// Extension is a NIfTI header extension: its code and its size in bytes,
// including the eight bytes that hold code and size.
type Extension struct {
	Code int32
	Size int32
}

// Header sizes in bytes, and where voxels start in a single file without
// extensions: four bytes after the header, at a multiple of 16.
const (
	headerSize1, headerSize2 = nifti.NII1HeaderSize, nifti.NII2HeaderSize
	voxOffset1, voxOffset2   = 352, 544
)

// order is the file's byte order.
func (h *Header) order() binary.ByteOrder {
	if h.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// Shape is the length of each of the file's axes, trailing ones included.
func (h *Header) Shape() []int {
	shape := make([]int, h.Dim[0])
	for i := range shape {
		shape[i] = int(h.Dim[i+1])
	}
	return shape
}

// voxels is the number of voxels; parsing made sure that it does not overflow.
func (h *Header) voxels() int64 {
	n := int64(1)
	for _, d := range h.Dim[1 : 1+h.Dim[0]] {
		n *= d
	}
	return n
}

// scale returns the factors by which stored voxels are scaled, (1, 0) where
// they are not.
func (h *Header) scale() (slope, inter float64) {
	if h.Slope == 0 || !finite(h.Slope) {
		return 1, 0
	}
	if !finite(h.Inter) {
		return h.Slope, 0
	}
	return h.Slope, h.Inter
}

// Affine is the transform that the header gives, by nibabel's rule: the sform
// where sform_code is above 0, else the qform where qform_code is above 0,
// else BaseAffine. The error wraps ErrBadAffine where that transform is
// singular or not finite; no other is tried in its place, unless the file was
// read with ReadOptions.Rectify.
func (h *Header) Affine() (Affine, error) {
	a, form := h.BaseAffine(), "pixdim"
	switch {
	case h.rectified != nil:
		a, form = *h.rectified, "rectified qform"
	case h.SFormCode > 0:
		a, form = h.SForm(), "sform"
	case h.QFormCode > 0:
		q, err := h.QForm()
		if err != nil {
			return Affine{}, err
		}
		a, form = q, "qform"
	}
	if err := a.check(); err != nil {
		return Affine{}, fmt.Errorf("%w (from the %s)", err, form)
	}
	return a, nil
}

// SForm is the matrix of srow_x, srow_y and srow_z, whatever sform_code says.
func (h *Header) SForm() Affine {
	return Affine{h.SRow[0], h.SRow[1], h.SRow[2], {0, 0, 0, 1}}
}

// QForm is the matrix of the quaternion, pixdim and qoffset (nifti1.h, METHOD
// 2), whatever qform_code says. The error wraps ErrBadAffine where the
// quaternion is longer than 1 by more than rounding or a value is not finite.
func (h *Header) QForm() (Affine, error) {
	b, c, d := h.Quatern[0], h.Quatern[1], h.Quatern[2]
	a := 1 - (b*b + c*c + d*d)
	// nibabel's bound: three times the rounding of the stored type.
	eps := 3.0 * (1.0 / (1 << 23))
	if h.Version == 2 {
		eps = 3.0 * (1.0 / (1 << 52))
	}
	switch {
	case math.IsNaN(a) || a < -eps:
		return Affine{}, fmt.Errorf("%w: quaternion (%g, %g, %g) is no rotation", ErrBadAffine, b, c, d)
	case a <= eps: // half a turn: the vector alone, brought to length 1
		n := math.Sqrt(b*b + c*c + d*d)
		a, b, c, d = 0, b/n, c/n, d/n
	default:
		a = math.Sqrt(a)
	}
	s := h.steps()
	dx, dy, dz := s[0], s[1], s[2]
	if h.PixDim[0] == -1 {
		dz = -dz // qfac: a left-handed grid
	}
	return Affine{
		{(a*a + b*b - c*c - d*d) * dx, 2 * (b*c - a*d) * dy, 2 * (b*d + a*c) * dz, h.QOffset[0]},
		{2 * (b*c + a*d) * dx, (a*a + c*c - b*b - d*d) * dy, 2 * (c*d - a*b) * dz, h.QOffset[1]},
		{2 * (b*d - a*c) * dx, 2 * (c*d + a*b) * dy, (a*a + d*d - b*b - c*c) * dz, h.QOffset[2]},
		{0, 0, 0, 1},
	}, nil
}

// BaseAffine is the transform of a header with neither sform nor qform, as
// nibabel makes it: pixdim on the diagonal, the first axis running to the
// patient's left, the centre of the volume at the world's origin.
func (h *Header) BaseAffine() Affine {
	a, steps := Identity(), h.steps()
	for i := range 3 {
		n, step := int64(1), 1.0
		if int64(i) < h.Dim[0] {
			n, step = h.Dim[i+1], steps[i]
		}
		if i == 0 {
			step = -step
		}
		a[i][i] = step
		a[i][3] = -step * float64(n-1) / 2
	}
	return a
}

// steps is pixdim[1..3] as nibabel mends it: without sign, and 1 for 0.
func (h *Header) steps() [3]float64 {
	s := [3]float64{math.Abs(h.PixDim[1]), math.Abs(h.PixDim[2]), math.Abs(h.PixDim[3])}
	for i := range s {
		if s[i] == 0 {
			s[i] = 1
		}
	}
	return s
}

// rectify does what MONAI's rectify_header_sform_qform does to the affine: an
// sform whose column lengths disagree with pixdim gives way to the qform, with
// whatever qform_code, where the qform's agree.
func (h *Header) rectify() {
	if h.SFormCode == 0 || h.Dim[0] != 3 {
		return // MONAI compares more than three axes wrongly and changes nothing
	}
	agrees := func(a Affine) bool {
		for i, s := range a.Spacing() {
			if d := h.PixDim[i+1]; !(math.Abs(s-d) <= 1e-8+1e-5*math.Abs(d)) { // numpy.allclose
				return false
			}
		}
		return true
	}
	if q, err := h.QForm(); err == nil && !agrees(h.SForm()) && agrees(q) {
		h.rectified = &q
		h.warn("the sform disagrees with pixdim; the qform, which agrees, is used instead, as in MONAI")
	}
}

// is3D says why the header does not describe one 3-D volume: fewer than three
// axes, or more than one entry along a later axis.
func (h *Header) is3D() error {
	if h.Dim[0] < 3 {
		return fmt.Errorf("%w: it has %d axes, shape %v", ErrNotVolume, h.Dim[0], h.Shape())
	}
	n := int64(1)
	for _, d := range h.Dim[4 : 1+max(h.Dim[0], 3)] {
		n *= d
	}
	if n != 1 {
		return fmt.Errorf("%w: it holds %d volumes, shape %v", ErrNotVolume, n, h.Shape())
	}
	return nil
}

// grid is the 3-D grid of a header that is3D.
func (h *Header) grid() (Grid, error) {
	if err := h.is3D(); err != nil {
		return Grid{}, err
	}
	a, err := h.Affine()
	if err != nil {
		return Grid{}, err
	}
	return Grid{Shape: [3]int{int(h.Dim[1]), int(h.Dim[2]), int(h.Dim[3])}, Affine: a}, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// encode returns the bytes of one of gonii's header structs.
func encode(order binary.ByteOrder, gonii any) []byte {
	b, err := binary.Append(nil, order, gonii)
	if err != nil {
		panic(err) // the structs are of fixed size; this cannot happen
	}
	return b
}

// cstring is the text of a header field up to its first zero byte.
func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
