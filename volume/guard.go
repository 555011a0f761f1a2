package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/okieraised/gonii/pkg/nifti"
)

// This file is the guard around gonii. Nothing else in the project hands bytes
// to gonii, and nothing gets here that is longer than a header.

// maxExtensions bounds the bytes between header and voxels.
const maxExtensions = 64 << 20

// parseHeader reads the first bytes of a header file: 348 for NIfTI-1, 540 for
// NIfTI-2. It checks everything that gonii trusts, lets gonii decode the
// fields, and checks that they encode to the same bytes again.
func parseHeader(b []byte) (*Header, error) {
	h, err := vet(b)
	if err != nil {
		return nil, err
	}
	decoded, err := goniiDecode(h)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(encode(h.order(), decoded), h.raw) {
		return nil, fmt.Errorf("%w: gonii decoded other fields than the file holds", ErrBadHeader)
	}
	switch g := decoded.(type) {
	case *nifti.Nii1Header:
		h.from1(g)
	case *nifti.Nii2Header:
		h.from2(g)
	}
	return h, h.validate()
}

// vet finds version and byte order and checks length, magic and axes.
func vet(b []byte) (*Header, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: it has only %d bytes", ErrNotNIfTI, len(b))
	}
	h := &Header{}
	size := 0
	for _, big := range [...]bool{false, true} {
		h.BigEndian = big
		switch size = int(h.order().Uint32(b)); size {
		case headerSize1:
			h.Version = 1
		case headerSize2:
			h.Version = 2
		}
		if h.Version != 0 {
			break
		}
	}
	if h.Version == 0 {
		return nil, fmt.Errorf("%w%s", ErrNotNIfTI, lookslike(b))
	}
	if len(b) < size {
		return nil, fmt.Errorf("%w: %d of the header's %d bytes", ErrTruncated, len(b), size)
	}
	h.raw = bytes.Clone(b[:size])
	if err := h.vetMagic(); err != nil {
		return nil, err
	}
	// dim[0] decides for gonii whether to swap bytes, half way through.
	dim0 := int64(int16(h.order().Uint16(h.raw[40:]))) //nolint:gosec // a signed field
	if h.Version == 2 {
		dim0 = int64(h.order().Uint64(h.raw[16:])) //nolint:gosec // a signed field
	}
	if dim0 < 1 || dim0 > 7 {
		return nil, fmt.Errorf("%w: dim[0], the number of axes, is %d", ErrBadHeader, dim0)
	}
	return h, nil
}

func (h *Header) vetMagic() error {
	if h.Version == 1 {
		switch [4]byte(h.raw[344:348]) {
		case nifti.NIFTI_1_MAGIC_SINGLE:
		case nifti.NIFTI_1_MAGIC_PAIR:
			h.Pair = true
		default:
			return fmt.Errorf("%w: no NIfTI magic, so at best an Analyze 7.5 header, which does not tell left from right", ErrNotNIfTI)
		}
		return nil
	}
	switch [8]byte(h.raw[4:12]) {
	case nifti.NIFTI_2_MAGIC_SINGLE:
	case nifti.NIFTI_2_MAGIC_PAIR:
		h.Pair = true
	default:
		return fmt.Errorf("%w: NIfTI-2 magic is damaged, as by a text-mode transfer", ErrNotNIfTI)
	}
	return nil
}

// goniiDecode lets gonii decode the vetted header. gonii insists on reading
// voxels with it, from vox_offset and as many as dim says, so it is given a copy
// with an offset of 0 and an empty first axis; both are restored in what it
// returns. A panic inside gonii comes back as an error.
func goniiDecode(h *Header) (decoded any, err error) {
	defer func() {
		if p := recover(); p != nil {
			decoded, err = nil, fmt.Errorf("%w: gonii: %v", ErrBadHeader, p)
		}
	}()
	probe := bytes.Clone(h.raw)
	if h.Version == 1 {
		clear(probe[42:44])
		clear(probe[108:112])
	} else {
		clear(probe[24:32])
		clear(probe[168:176])
	}
	r := new(nifti.NiiReader)
	r.SetBinaryOrder(binary.LittleEndian)
	r.SetDataset(new(nifti.Nii))
	r.SetRetainHeader(true)
	r.SetHdrReader(bytes.NewReader(probe))
	r.SetReader(bytes.NewReader(nil))
	if err := r.Parse(); err != nil {
		return nil, fmt.Errorf("%w: gonii: %w", ErrBadHeader, err)
	}
	decoded = r.GetHeader(false)
	o := h.order()
	//nolint:gosec // fields of that size, and signed
	switch g := decoded.(type) {
	case *nifti.Nii1Header:
		g.Dim[1] = int16(o.Uint16(h.raw[42:]))
		g.VoxOffset = math.Float32frombits(o.Uint32(h.raw[108:]))
	case *nifti.Nii2Header:
		g.Dim[1] = int64(o.Uint64(h.raw[24:]))
		g.VoxOffset = int64(o.Uint64(h.raw[168:]))
	default:
		return nil, fmt.Errorf("%w: gonii returned %T", ErrBadHeader, decoded)
	}
	return decoded, nil
}

func (h *Header) from1(g *nifti.Nii1Header) {
	for i := range 8 {
		h.Dim[i], h.PixDim[i] = int64(g.Dim[i]), float64(g.Pixdim[i])
	}
	for i := range 4 {
		h.SRow[0][i], h.SRow[1][i], h.SRow[2][i] = float64(g.SrowX[i]), float64(g.SrowY[i]), float64(g.SrowZ[i])
	}
	h.DType, h.BitPix = DType(g.Datatype), int(g.Bitpix)
	h.VoxOffset = wholeOffset(float64(g.VoxOffset))
	h.Slope, h.Inter = float64(g.SclSlope), float64(g.SclInter)
	h.XYZTUnits, h.IntentCode = int(g.XyztUnits), int(g.IntentCode)
	h.QFormCode, h.SFormCode = int(g.QformCode), int(g.SformCode)
	h.Quatern = [3]float64{float64(g.QuaternB), float64(g.QuaternC), float64(g.QuaternD)}
	h.QOffset = [3]float64{float64(g.QoffsetX), float64(g.QoffsetY), float64(g.QoffsetZ)}
	h.Descrip = cstring(g.Descrip[:])
}

func (h *Header) from2(g *nifti.Nii2Header) {
	h.Dim, h.PixDim = g.Dim, g.Pixdim
	h.SRow = [3][4]float64{g.SrowX, g.SrowY, g.SrowZ}
	h.DType, h.BitPix = DType(g.Datatype), int(g.Bitpix)
	h.VoxOffset = g.VoxOffset
	h.Slope, h.Inter = g.SclSlope, g.SclInter
	h.XYZTUnits, h.IntentCode = int(g.XyztUnits), int(g.IntentCode)
	h.QFormCode, h.SFormCode = int(g.QformCode), int(g.SformCode)
	h.Quatern = [3]float64{g.QuaternB, g.QuaternC, g.QuaternD}
	h.QOffset = [3]float64{g.QoffsetX, g.QoffsetY, g.QoffsetZ}
	h.Descrip = cstring(g.Descrip[:])
}

// wholeOffset turns NIfTI-1's floating-point vox_offset into bytes; -1 for what
// is no offset at all.
func wholeOffset(v float64) int64 {
	if !(v >= 0 && v <= math.MaxInt32) || v != math.Trunc(v) {
		return -1
	}
	return int64(v)
}

// validate checks the decoded fields: axes and their product, data type and
// offset. It names oddities that do no harm in Warnings.
func (h *Header) validate() error {
	n := uint64(1)
	for i, d := range h.Dim[1 : 1+h.Dim[0]] {
		if d <= 0 {
			return fmt.Errorf("%w: axis %d has length %d", ErrBadHeader, i+1, d)
		}
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || lo > math.MaxInt64/8 {
			return fmt.Errorf("%w: the product of its axes %v overflows", ErrTooLarge, h.Dim[1:1+h.Dim[0]])
		}
		n = lo
	}
	first := int64(len(h.raw))
	switch {
	case h.Pair:
		first = 0
	case h.VoxOffset == 0:
		h.VoxOffset = voxOffset1
		if h.Version == 2 {
			h.VoxOffset = voxOffset2
		}
		h.warn("vox_offset is 0; the voxels are taken to follow the header")
	}
	if h.VoxOffset < 0 {
		return fmt.Errorf("%w: vox_offset is not a number of bytes", ErrBadHeader)
	}
	if h.VoxOffset < first {
		return fmt.Errorf("%w: voxels at byte %d, inside the header", ErrBadHeader, h.VoxOffset)
	}
	if h.VoxOffset-first > maxExtensions {
		return fmt.Errorf("%w: voxels at byte %d", ErrBadHeader, h.VoxOffset)
	}
	if want := dtypes[h.DType].bits; want != 0 && want != h.BitPix {
		h.warn(fmt.Sprintf("bitpix is %d, which does not fit %s; the data type counts", h.BitPix, h.DType))
	}
	if f := h.PixDim[0]; h.SFormCode <= 0 && h.QFormCode > 0 && f != 1 && f != -1 && f != 0 {
		h.warn(fmt.Sprintf("pixdim[0], the qfac, is %g; 1 is taken", f))
	}
	if s := h.steps(); h.SFormCode <= 0 && s != [3]float64(h.PixDim[1:4]) {
		h.warn(fmt.Sprintf("pixdim %v is taken as %v mm", h.PixDim[1:4], s))
	}
	switch h.XYZTUnits & 7 {
	case 1:
		h.warn("xyzt_units says metres; lengths are taken as millimetres")
	case 3:
		h.warn("xyzt_units says micrometres; lengths are taken as millimetres")
	}
	return nil
}

func (h *Header) warn(s string) { h.Warnings = append(h.Warnings, s) }

// lookslike names the format of a file that is not NIfTI, where it can be told.
func lookslike(b []byte) string {
	for _, f := range [...]struct{ magic, name string }{
		{"CDF\x01", "MINC or other netCDF"},
		{"CDF\x02", "MINC or other netCDF"},
		{"\x89HDF", "MINC 2 or other HDF5"},
		{"NRRD", "NRRD"},
		{"\x89PNG", "PNG"},
		{"\xff\xd8\xff", "JPEG"},
		{"PK\x03\x04", "ZIP"},
		{"BZh", "bzip2; decompress it first"},
		{"\x28\xb5\x2f\xfd", "zstd; decompress it first"},
		{"ObjectType", "MetaImage"},
	} {
		if strings.HasPrefix(string(b), f.magic) {
			return ": it looks like " + f.name
		}
	}
	if len(b) >= 132 && string(b[128:132]) == "DICM" {
		return ": it looks like DICOM"
	}
	return ": no NIfTI header at its start"
}
