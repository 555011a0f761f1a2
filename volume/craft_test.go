package volume

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/okieraised/gonii/pkg/nifti"
)

// craft1 is a NIfTI-1 file of shape 2×3×4 in which voxel n holds n, as int16
// with an identity sform, after edit changed the header. Voxels follow as given,
// or those 24 numbers where there are none.
func craft1(order binary.ByteOrder, edit func(*nifti.Nii1Header), voxels ...byte) []byte {
	h := &nifti.Nii1Header{
		SizeofHdr: 348, Regular: 'r', Dim: [8]int16{3, 2, 3, 4, 1, 1, 1, 1}, Datatype: int16(Int16), Bitpix: 16,
		Pixdim: [8]float32{1, 1, 1, 1}, VoxOffset: 352, SclSlope: 1, XyztUnits: 2, SformCode: 1,
		SrowX: [4]float32{1}, SrowY: [4]float32{0, 1}, SrowZ: [4]float32{0, 0, 1}, Magic: nifti.NIFTI_1_MAGIC_SINGLE,
	}
	if edit != nil {
		edit(h)
	}
	return append(append(encode(order, h), 0, 0, 0, 0), orCount(order, voxels)...)
}

// craft2 is the same as NIfTI-2.
func craft2(order binary.ByteOrder, edit func(*nifti.Nii2Header)) []byte {
	h := &nifti.Nii2Header{
		SizeofHdr: 540, Dim: [8]int64{3, 2, 3, 4, 1, 1, 1, 1}, Datatype: int16(Int16), Bitpix: 16,
		Pixdim: [8]float64{1, 1, 1, 1}, VoxOffset: 544, SclSlope: 1, XyztUnits: 2, SformCode: 1,
		SrowX: [4]float64{1}, SrowY: [4]float64{0, 1}, SrowZ: [4]float64{0, 0, 1}, Magic: nifti.NIFTI_2_MAGIC_SINGLE,
	}
	if edit != nil {
		edit(h)
	}
	return append(append(encode(order, h), 0, 0, 0, 0), orCount(order, nil)...)
}

func orCount(order binary.ByteOrder, voxels []byte) []byte {
	if len(voxels) > 0 {
		return voxels
	}
	for i := range uint16(24) {
		voxels = binary.BigEndian.AppendUint16(voxels, i)
		if order == binary.LittleEndian {
			reverse(voxels[len(voxels)-2:])
		}
	}
	return voxels
}

// pack is the bytes of values, each in the given order.
func pack(order binary.ByteOrder, values any) []byte {
	b, err := binary.Append(nil, order, values)
	if err != nil {
		panic(err)
	}
	return b
}

func gz(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = w.Write(b)
	_ = w.Close()
	return buf.Bytes()
}

// save puts b into a file of the given name in a fresh folder.
func save(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
