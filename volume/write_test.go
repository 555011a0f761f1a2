package volume

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/okieraised/gonii/pkg/nifti"
	"satgraph/internal/sharedtest"
)

// rotated is a grid with axes at right angles in no special direction: the
// columns of the matrix (2, -1, 2; 2, 2, -1; -1, 2, 2)/3 times 2, 3 and 6 mm.
var rotated = Grid{
	Shape:  [3]int{2, 3, 4},
	Affine: Affine{{4. / 3, -1, 4, 12.5}, {4. / 3, 2, -2, -30.25}, {-2. / 3, 2, 4, 7}, {0, 0, 0, 1}},
}

func TestWriteRoundTrip(t *testing.T) {
	im := numbered(rotated)
	for _, name := range []string{"x.nii", "x.nii.gz", "X.NII.GZ"} {
		for _, d := range []DType{Float32, Int16, Uint8} {
			path := filepath.Join(t.TempDir(), name)
			if err := WriteImage(path, im, d); err != nil {
				t.Fatal(err)
			}
			got, err := ReadImage(path, ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Header.DType != d || !slices.Equal(got.Data, im.Data) || !got.Equal(im.Grid, 1e-5) {
				t.Errorf("%s %s: %v", name, d, got)
			}
			if len(got.Header.Warnings) != 0 || got.Header.QFormCode != 1 || got.Header.SFormCode != 1 {
				t.Errorf("%s %s: header %+v", name, d, got.Header)
			}
			// The qform must say the same as the sform.
			if q, err := got.Header.QForm(); err != nil || !q.near(rotated.Affine, 1e-5) {
				t.Errorf("qform %v, %v", q, err)
			}
		}
	}
}

// Every direction a scanner can lie in has a qform that agrees, whichever of
// the quaternion's components is the largest; a sheared grid has none.
func TestQuaternion(t *testing.T) {
	for _, r := range all48() {
		for _, g := range []Grid{rotated, {Shape: [3]int{1, 1, 1}, Affine: Identity()}} {
			g = r.Grid(g)
			q, offset, qfac, ok := quaternion(g.Affine)
			s := g.Spacing()
			h := Header{Version: 2, PixDim: [8]float64{qfac, s[0], s[1], s[2]}, Quatern: q, QOffset: offset}
			if a, err := h.QForm(); !ok || err != nil || !a.near(g.Affine, 1e-7) {
				t.Errorf("%v became %v, %v", g.Affine, a, err)
			}
		}
	}
	if _, _, _, ok := quaternion(Affine{{1, 0.1, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}); ok {
		t.Error("a sheared grid got a qform")
	}
}

func TestWriteRounds(t *testing.T) {
	im := &Image{Grid: Grid{Shape: [3]int{4, 1, 1}, Affine: Identity()}, Data: []float32{0.5, 1.5, -0.4, 254.6}}
	path := filepath.Join(t.TempDir(), "x.nii")
	if err := WriteImage(path, im, Uint8); err != nil {
		t.Fatal(err)
	}
	got, err := ReadImage(path, ReadOptions{})
	if err != nil || !slices.Equal(got.Data, []float32{0, 2, 0, 255}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWriteLabelMapTakesTheSmallestType(t *testing.T) {
	for _, tt := range []struct {
		label uint16
		want  DType
	}{{255, Uint8}, {256, Uint16}} {
		m := &LabelMap{Grid: Grid{Shape: [3]int{2, 1, 1}, Affine: Identity()}, Data: []uint16{0, tt.label}}
		path := filepath.Join(t.TempDir(), "x.nii.gz")
		if err := WriteLabelMap(path, m); err != nil {
			t.Fatal(err)
		}
		got, err := ReadLabelMap(path, ReadOptions{})
		if err != nil || got.Header.DType != tt.want || got.Data[1] != tt.label {
			t.Errorf("%d: %v, %v", tt.label, got, err)
		}
	}
}

// An axis that NIfTI-1 cannot name makes the file NIfTI-2.
func TestWriteLongAxis(t *testing.T) {
	g := Grid{Shape: [3]int{40000, 1, 1}, Affine: rotated.Affine}
	path := filepath.Join(t.TempDir(), "x.nii.gz")
	if err := WriteMask(path, NewMask(g), nil); err != nil {
		t.Fatal(err)
	}
	info, err := ReadInfo(path)
	if err != nil || info.Header.Version != 2 || info.Shape[0] != 40000 || info.Affine != g.Affine {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	im := numbered(rotated)
	withNaN := &Image{Grid: rotated, Data: slices.Repeat([]float32{nan32}, 24)}
	short := &Image{Grid: rotated, Data: im.Data[:23]}
	flat := &Image{Grid: Grid{Shape: rotated.Shape}, Data: im.Data}
	tests := []struct {
		name, file string
		im         *Image
		d          DType
		want       error
	}{
		{"other name", "x.png", im, Float32, ErrFileName},
		{"no folder", "absent/x.nii", im, Float32, fs.ErrNotExist},
		{"NaN as int16", "x.nii.gz", withNaN, Int16, ErrRange},
		{"300 as uint8", "x.nii", &Image{Grid: rotated, Data: slices.Repeat([]float32{300}, 24)}, Uint8, ErrRange},
		{"other type", "x.nii", im, Float64, ErrUnsupported},
		{"too few voxels", "x.nii", short, Float32, ErrShape},
		{"no affine", "x.nii", flat, Float32, ErrBadAffine},
	}
	for _, tt := range tests {
		err := WriteImage(filepath.Join(dir, tt.file), tt.im, tt.d)
		var fe *FileError
		if !errors.Is(err, tt.want) || !errors.As(err, &fe) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Fatalf("%s left %v", tt.name, left)
		}
	}
}

// A full disk and a folder that cannot be written to leave nothing behind.
func TestWriteToReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil { //nolint:gosec // a folder needs x
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		_ = f.Close()
		t.Skip("this user may write anywhere")
	}
	err := WriteMask(filepath.Join(dir, "x.nii"), NewMask(rotated), nil)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "permissions") {
		t.Errorf("got %v", err)
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		path := filepath.Join(dir, string(rune('a'+i))+".nii.gz")
		if err := WriteImage(path, numbered(rotated), Int16); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = b
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two files of the same image differ")
	}
	if !bytes.Equal(files[0][3:8], make([]byte, 5)) {
		t.Errorf("the gzip header holds a name or a time: %x", files[0][:10])
	}
}

// geometry are the bytes of a header that place its voxels: dim, pixdim,
// xyzt_units, and from qform_code to srow_z.
func geometry(version int, raw []byte) []byte {
	if version == 2 {
		return slices.Concat(raw[16:80], raw[104:168], raw[344:496], raw[500:504])
	}
	return slices.Concat(raw[40:56], raw[76:108], raw[123:124], raw[252:328])
}

// Masks take over the geometry of every scan at hand byte for byte.
func TestMaskKeepsGeometryByteForByte(t *testing.T) {
	var scans []string
	for _, pattern := range []string{
		"data/odd-nifti/*", "data/real-ct/*.nii.gz", "data/real-ct-heart/*.nii.gz", "data/real-mr/*/*.nii.gz", "fixtures/preprocess/in/*",
	} {
		dir, glob := filepath.Split(pattern)
		if strings.Contains(dir, "*") {
			dir, glob = "data/real-mr", "*/*.nii.gz"
		}
		found, err := filepath.Glob(filepath.Join(sharedtest.Path(t, strings.TrimSuffix(dir, "/")), glob))
		if err != nil {
			t.Fatal(err)
		}
		scans = append(scans, found...)
	}
	written := 0
	for _, scan := range scans {
		info, err := ReadInfo(scan)
		if err != nil {
			continue
		}
		g, err := info.Header.grid()
		if err != nil {
			continue
		}
		m := NewMask(g)
		m.Data[len(m.Data)/2] = 1
		path := filepath.Join(t.TempDir(), "mask.nii.gz")
		if err := WriteMask(path, m, info.Header); err != nil {
			t.Fatal(err)
		}
		written++
		got, err := ReadLabelMap(path, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		h, want := got.Header, info.Header
		if !bytes.Equal(geometry(h.Version, h.raw), geometry(want.Version, want.raw)) || h.Version != want.Version || h.BigEndian != want.BigEndian {
			t.Errorf("%s: geometry %v, want %v", scan, h, want)
		}
		if got.Grid != g || !slices.Equal(h.Shape(), info.Shape) {
			t.Errorf("%s: grid %v %v, want %v %v", scan, got.Grid, h.Shape(), g, info.Shape)
		}
		if h.DType != Uint8 || h.BitPix != 8 || h.Slope != 1 || h.Inter != 0 || h.Pair || h.IntentCode != 0 || h.Descrip != "" {
			t.Errorf("%s: header %+v", scan, h)
		}
		if got.Data[len(m.Data)/2] != 1 || got.Mask(1).Count() != 1 {
			t.Errorf("%s: other voxels", scan)
		}
	}
	if written < 20 {
		t.Errorf("only %d scans of %d", written, len(scans))
	}
}

// The fields of a header that is taken over, one by one, without the scans.
func TestMaskOfCraftedHeaders(t *testing.T) {
	quiet := math.Float32frombits(0x7fc12345) // a NaN of its own
	for name, file := range map[string][]byte{
		"NIfTI-1":            craft1(binary.LittleEndian, func(h *nifti.Nii1Header) { h.QuaternB, h.Pixdim[5] = quiet, quiet }),
		"big-endian NIfTI-1": craft1(binary.BigEndian, quarter),
		"NIfTI-2":            craft2(binary.LittleEndian, func(h *nifti.Nii2Header) { h.SrowX[3] = 1. / 3 }),
		"big-endian NIfTI-2": craft2(binary.BigEndian, nil),
		"four axes":          craft1(binary.LittleEndian, typed(Int16, 2, 3, 4, 1)),
	} {
		im, err := ReadImage(save(t, "x.nii", file), ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "m.nii")
		m := NewMask(im.Grid)
		m.Data[7] = 200 // anything but 0 is in the mask
		if err := WriteMask(path, m, im.Header); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := im.Header.Version
		if !bytes.Equal(geometry(v, b), geometry(v, file)) {
			t.Errorf("%s: geometry differs", name)
		}
		if n := len(b) - 24; b[n+7] != 1 || bytes.Count(b[n:], []byte{1}) != 1 {
			t.Errorf("%s: voxels %v", name, b[n:])
		}
	}
}

func TestWriteMaskRefusesAnotherGrid(t *testing.T) {
	im, err := ReadImage(save(t, "x.nii", craft1(binary.LittleEndian, nil)), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	moved := im.Grid
	moved.Affine[0][3] += 5
	for _, g := range []Grid{{Shape: [3]int{4, 3, 2}, Affine: im.Affine}, moved} {
		path := filepath.Join(t.TempDir(), "m.nii")
		if err := WriteMask(path, NewMask(g), im.Header); !errors.Is(err, ErrShape) {
			t.Errorf("got %v", err)
		}
	}
}
