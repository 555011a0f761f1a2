package rawtest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"

	"satgraph/volume"
)

func floats(values []float32) []byte {
	out := make([]byte, 0, 4*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func save(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // as other folders of the user
		return err
	}
	return os.WriteFile(name, data, 0o644) //nolint:gosec // as other files of the user
}

// WriteNIfTI4D writes volumes of one grid to a NIfTI-1 file of four axes, as
// float32, gzip-compressed where the name says so.
func WriteNIfTI4D(name string, g volume.Grid, volumes [][]float32) error {
	h := make([]byte, 352)
	le := binary.LittleEndian
	le.PutUint32(h, 348)
	for i, n := range []int{4, g.Shape[0], g.Shape[1], g.Shape[2], len(volumes), 1, 1, 1} {
		le.PutUint16(h[40+2*i:], uint16(n)) //nolint:gosec // small
	}
	le.PutUint16(h[70:], 16)
	le.PutUint16(h[72:], 32)
	spacing := g.Spacing()
	for i, v := range []float64{1, spacing[0], spacing[1], spacing[2], 1} {
		le.PutUint32(h[76+4*i:], math.Float32bits(float32(v)))
	}
	le.PutUint32(h[108:], math.Float32bits(352))
	le.PutUint32(h[112:], math.Float32bits(1))
	le.PutUint16(h[254:], 1)
	for r := range 3 {
		for c := range 4 {
			le.PutUint32(h[280+16*r+4*c:], math.Float32bits(float32(g.Affine[r][c])))
		}
	}
	copy(h[344:], "n+1\x00")
	voxels := [][]byte{h}
	for _, v := range volumes {
		voxels = append(voxels, floats(v))
	}
	h = bytes.Join(voxels, nil)
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(h); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		h = b.Bytes()
	}
	return save(name, h)
}

// lps is a column of an affine as formats of the patient's left and back write
// it.
func lps(g volume.Grid, column int) [3]float64 {
	return [3]float64{-g.Affine[0][column], -g.Affine[1][column], g.Affine[2][column]}
}

func writeNRRD(name string, g volume.Grid, data []float32) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "NRRD0004\ntype: float\ndimension: 3\nspace: left-posterior-superior\nsizes: %d %d %d\n", g.Shape[0], g.Shape[1], g.Shape[2])
	b.WriteString("space directions:")
	for c := range 3 {
		v := lps(g, c)
		fmt.Fprintf(&b, " (%g,%g,%g)", v[0], v[1], v[2])
	}
	o := lps(g, 3)
	fmt.Fprintf(&b, "\nspace origin: (%g,%g,%g)\nendian: little\nencoding: raw\n\n", o[0], o[1], o[2])
	b.Write(floats(data))
	return save(name, b.Bytes())
}

func writeMeta(name string, g volume.Grid, data []float32) error {
	var b bytes.Buffer
	raw := strings.TrimSuffix(filepath.Base(name), ".mhd") + ".raw"
	s, o := g.Spacing(), lps(g, 3)
	fmt.Fprintf(&b, "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nTransformMatrix =")
	for c := range 3 {
		v := lps(g, c)
		for r := range v {
			fmt.Fprintf(&b, " %g", v[r]/s[c])
		}
	}
	fmt.Fprintf(&b, "\nOffset = %g %g %g\nElementSpacing = %g %g %g\nDimSize = %d %d %d\nElementType = MET_FLOAT\nElementDataFile = %s\n",
		o[0], o[1], o[2], s[0], s[1], s[2], g.Shape[0], g.Shape[1], g.Shape[2], raw)
	if err := save(name, b.Bytes()); err != nil {
		return err
	}
	return save(filepath.Join(filepath.Dir(name), raw), floats(data))
}

// writeNPY writes an array whose last axis is the first of the voxels.
func writeNPY(name string, g volume.Grid, data []float32) error {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }", g.Shape[2], g.Shape[1], g.Shape[0])
	for (10+len(head)+1)%64 != 0 {
		head += " "
	}
	head += "\n"
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head))) //nolint:gosec // small
	return save(name, append(append(b, head...), floats(data)...))
}

// writePictures writes slices to PNG files, numbered in the order of slices by
// name.
func writePictures(pattern string, g volume.Grid, data []float32) error {
	for k := range g.Shape[2] {
		im := image.NewGray(image.Rect(0, 0, g.Shape[0], g.Shape[1]))
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				im.SetGray(i, j, color.Gray{Y: uint8(data[g.Index(i, j, k)])})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			return err
		}
		if err := save(strings.ReplaceAll(pattern, "*", nameOfSlice(g, k)), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// nameOfSlice numbers slices from the last, so that the order of names is not
// that of places, and without leading zeros, so that it is not that of bytes.
func nameOfSlice(g volume.Grid, k int) string { return fmt.Sprintf("slice-%d", g.Shape[2]-k) }

// writeMAT writes an array Mask of rows, columns and slices in the order of the
// slices' names.
func writeMAT(name string, g volume.Grid, data []float32) error {
	le := binary.LittleEndian
	element := func(kind uint32, body []byte) []byte {
		b := le.AppendUint32(le.AppendUint32(nil, kind), uint32(len(body))) //nolint:gosec // small
		b = append(b, body...)
		return append(b, make([]byte, -len(body)&7)...)
	}
	var dims, voxels []byte
	for _, n := range []int{g.Shape[1], g.Shape[0], g.Shape[2]} {
		dims = le.AppendUint32(dims, uint32(n)) //nolint:gosec // small
	}
	for place := range g.Shape[2] {
		k := g.Shape[2] - 1 - place
		for i := range g.Shape[0] {
			for j := range g.Shape[1] {
				voxels = append(voxels, byte(data[g.Index(i, j, k)]))
			}
		}
	}
	flags := le.AppendUint32(le.AppendUint32(nil, 9), 0)
	array := append(element(6, flags), element(5, dims)...)
	array = append(array, []byte{1, 0, 4, 0, 'M', 'a', 's', 'k'}...)
	array = append(array, element(2, voxels)...)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(element(14, array)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	head := make([]byte, 128)
	copy(head, "MATLAB 5.0 MAT-file")
	le.PutUint16(head[124:], 0x0100)
	copy(head[126:], "IM")
	body := le.AppendUint32(le.AppendUint32(nil, 15), uint32(packed.Len())) //nolint:gosec // small
	return save(name, bytes.Join([][]byte{head, body, packed.Bytes()}, nil))
}

// writeSlices writes a DICOM series, one file a slice, explicit little endian.
func writeSlices(dir string, g volume.Grid, data []float32, modality string) error {
	codes := map[string]string{"ct": "CT", "mri": "MR", "pet": "PT"}
	classes := map[string]string{"ct": "1.2.840.10008.5.1.4.1.1.2", "mri": "1.2.840.10008.5.1.4.1.1.4", "pet": "1.2.840.10008.5.1.4.1.1.128"}
	s := g.Spacing()
	for k := range g.Shape[2] {
		at := lps(g, 3)
		for r := range at {
			at[r] += lps(g, 2)[r] * float64(k)
		}
		x, y := lps(g, 0), lps(g, 1)
		d := &dicom{}
		instance := fmt.Sprintf("1.2.826.0.1.3680043.2.1125.1.%d", k+1)
		d.text(0x0008, 0x0016, "UI", classes[modality])
		d.text(0x0008, 0x0018, "UI", instance)
		d.text(0x0008, 0x0060, "CS", codes[modality])
		d.text(0x0020, 0x000D, "UI", "1.2.826.0.1.3680043.2.1125.2")
		d.text(0x0020, 0x000E, "UI", "1.2.826.0.1.3680043.2.1125.3")
		d.text(0x0020, 0x0013, "IS", fmt.Sprint(k+1))
		d.text(0x0020, 0x0032, "DS", fmt.Sprintf("%g\\%g\\%g", at[0], at[1], at[2]))
		d.text(0x0020, 0x0037, "DS", fmt.Sprintf("%g\\%g\\%g\\%g\\%g\\%g", x[0]/s[0], x[1]/s[0], x[2]/s[0], y[0]/s[1], y[1]/s[1], y[2]/s[1]))
		d.text(0x0020, 0x0052, "UI", "1.2.826.0.1.3680043.2.1125.4")
		d.short(0x0002, 1)
		d.text(0x0028, 0x0004, "CS", "MONOCHROME2")
		d.short(0x0010, g.Shape[1])
		d.short(0x0011, g.Shape[0])
		d.text(0x0028, 0x0030, "DS", fmt.Sprintf("%g\\%g", s[1], s[0]))
		for _, e := range [][2]int{{0x0100, 16}, {0x0101, 16}, {0x0102, 15}, {0x0103, 1}} {
			d.short(uint16(e[0]), e[1]) //nolint:gosec // small
		}
		d.text(0x0028, 0x1052, "DS", "0")
		d.text(0x0028, 0x1053, "DS", "1")
		var pixels []byte
		for _, v := range data[g.Index(0, 0, k):][:g.Shape[0]*g.Shape[1]] {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(v))
		}
		d.long(0x7FE0, 0x0010, "OW", pixels)
		if err := save(filepath.Join(dir, nameOfSlice(g, k)+".dcm"), d.file(classes[modality], instance)); err != nil {
			return err
		}
	}
	return nil
}

// dicom is a data set being written.
type dicom struct{ b []byte }

func (d *dicom) tag(group, element uint16, vr string) {
	d.b = binary.LittleEndian.AppendUint16(d.b, group)
	d.b = binary.LittleEndian.AppendUint16(d.b, element)
	d.b = append(d.b, vr...)
}

func (d *dicom) text(group, element uint16, vr, v string) {
	if len(v)%2 == 1 {
		pad := " "
		if vr == "UI" {
			pad = "\x00"
		}
		v += pad
	}
	d.tag(group, element, vr)
	d.b = binary.LittleEndian.AppendUint16(d.b, uint16(len(v))) //nolint:gosec // small
	d.b = append(d.b, v...)
}

// short writes an element of the group that describes pixels.
func (d *dicom) short(element uint16, v int) {
	d.tag(0x0028, element, "US")
	d.b = binary.LittleEndian.AppendUint16(d.b, 2)
	d.b = binary.LittleEndian.AppendUint16(d.b, uint16(v)) //nolint:gosec // small
}

func (d *dicom) long(group, element uint16, vr string, v []byte) {
	d.tag(group, element, vr)
	d.b = append(d.b, 0, 0)
	d.b = binary.LittleEndian.AppendUint32(d.b, uint32(len(v))) //nolint:gosec // small
	d.b = append(d.b, v...)
}

// file puts preamble and file meta information before the data set.
func (d *dicom) file(class, instance string) []byte {
	meta := &dicom{}
	meta.long(0x0002, 0x0001, "OB", []byte{0, 1})
	meta.text(0x0002, 0x0002, "UI", class)
	meta.text(0x0002, 0x0003, "UI", instance)
	meta.text(0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1")
	meta.text(0x0002, 0x0012, "UI", "1.2.826.0.1.3680043.2.1125.9")
	length := &dicom{}
	length.tag(0x0002, 0x0000, "UL")
	length.b = binary.LittleEndian.AppendUint16(length.b, 4)
	length.b = binary.LittleEndian.AppendUint32(length.b, uint32(len(meta.b))) //nolint:gosec // small
	out := append(make([]byte, 128), "DICM"...)
	out = append(out, length.b...)
	out = append(out, meta.b...)
	return append(out, d.b...)
}
