package volume

// One test for each defect of gonii v0.9.0 that the guard is there for. Each
// shows what gonii itself does with a crafted file, and that this package does
// right. A test that fails in its first half after an update of gonii says that
// the defect is gone.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/okieraised/gonii"
	"github.com/okieraised/gonii/pkg/matrix"
	"github.com/okieraised/gonii/pkg/nifti"
)

// goniiRead gives a file to gonii, as a user of it would, and returns what it
// read, its error, and what it panicked with. Files are padded to the 512 bytes
// that gonii needs, but for the test of that very defect.
func goniiRead(file []byte) (data *nifti.Nii, panicked any, err error) {
	defer func() { panicked = recover() }()
	padded := append(bytes.Clone(file), make([]byte, max(0, 512-len(file)))...)
	r, err := gonii.NewNiiReader(gonii.WithReadImageReader(bytes.NewReader(padded)))
	if err != nil {
		return nil, nil, err
	}
	err = r.Parse()
	return r.GetNiiData(), nil, err
}

// goniiVoxels are the voxels of a 1-D or larger file in file order, as gonii
// decodes them.
func goniiVoxels(t *testing.T, file []byte) []float64 {
	t.Helper()
	data, panicked, err := goniiRead(file)
	if err != nil || panicked != nil {
		t.Fatal(err, panicked)
	}
	return data.GetVoxels().GetDataset()
}

// ourVoxels are the same as this package decodes them.
func ourVoxels(t *testing.T, file []byte) []float64 {
	t.Helper()
	a, err := ReadAny(save(t, "x.nii", file), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Data
}

func typed(d DType, axes ...int16) func(*nifti.Nii1Header) {
	return func(h *nifti.Nii1Header) {
		h.Datatype, h.Bitpix = int16(d), int16(8*d.Size())
		h.Dim = [8]int16{int16(len(axes))}
		copy(h.Dim[1:], axes)
	}
}

func TestGoniiPanicsOnShortFiles(t *testing.T) {
	for _, n := range []int{0, 1, 3, 100, 347, 348, 400, 511} {
		whole := craft1(binary.LittleEndian, nil)
		b := append(whole, make([]byte, 512)...)[:n]
		func() {
			defer func() {
				if recover() == nil && n > 0 {
					t.Errorf("gonii no longer panics on %d bytes", n)
				}
			}()
			_, _ = gonii.NewNiiReader(gonii.WithReadImageReader(bytes.NewReader(b)))
		}()
		_, err := ReadImage(save(t, "x.nii", b), ReadOptions{})
		if want := n < len(whole); want != (err != nil) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestGoniiPanicsOnMalformedHeaders(t *testing.T) {
	for name, edit := range map[string]func(*nifti.Nii1Header){
		"negative axis": func(h *nifti.Nii1Header) { h.Dim[1] = -2 },
		"nine axes":     func(h *nifti.Nii1Header) { h.Dim[0] = 9 },
		"huge product": func(h *nifti.Nii1Header) {
			h.Dim = [8]int16{5, 32767, 32767, 32767, 32767, 32767}
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := craft1(binary.LittleEndian, edit)
			if _, panicked, err := goniiRead(file); panicked == nil {
				t.Errorf("gonii no longer panics: %v", err)
			}
			_, err := ReadImage(save(t, "x.nii", file), ReadOptions{})
			if !errors.Is(err, ErrBadHeader) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("bitpix below the data type", func(t *testing.T) {
		file := craft1(binary.LittleEndian, func(h *nifti.Nii1Header) { h.Bitpix = 8 })
		data, panicked, err := goniiRead(file)
		if err != nil || panicked != nil {
			t.Fatal(err, panicked)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("gonii no longer panics")
				}
			}()
			data.GetVoxels()
		}()
		if got := ourVoxels(t, file); got[23] != 23 {
			t.Errorf("got %v", got)
		}
	})
}

func TestGoniiReadsWrongVoxels(t *testing.T) {
	le := binary.LittleEndian
	tests := []struct {
		name   string
		file   []byte
		broken bool // by gonii
		want   []float64
	}{
		{"float64 as integers", craft1(le, typed(Float64, 2, 1, 1), pack(le, []float64{1.5, -2})...), true, []float64{1.5, -2}},
		{"int8 without sign", craft1(le, typed(Int8, 2, 1, 1), 0xff, 7), true, []float64{-1, 7}},
		{"uint64 as float64", craft1(le, typed(Uint64, 2, 1, 1), pack(le, []uint64{5, 1 << 40})...), true, []float64{5, 1 << 40}},
		// Reading int32 and int64 is right in gonii, writing is not: see below.
		{"int32", craft1(le, typed(Int32, 2, 1, 1), pack(le, []int32{-70000, 3})...), false, []float64{-70000, 3}},
		{"int64", craft1(le, typed(Int64, 2, 1, 1), pack(le, []int64{-70000, 3})...), false, []float64{-70000, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if theirs := goniiVoxels(t, tt.file); slices.Equal(theirs, tt.want) == tt.broken {
				t.Errorf("gonii reads %v, so the defect is not as described", theirs)
			}
			if got := ourVoxels(t, tt.file); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestGoniiWritesWrongInt32Voxels(t *testing.T) {
	for _, d := range []DType{Int32, Uint32, Float64} {
		b, err := nifti.ConvertVoxelToBytes(7, 1, 0, int32(d), binary.LittleEndian, int32(d.Size()))
		if err != nil {
			t.Fatal(err)
		}
		if got := loader(d, binary.LittleEndian)(b); got == 7 {
			t.Errorf("gonii now stores 7 as %s", d)
		}
	}
	// This package's writers do not use gonii for voxels; TestWriteRoundTrip
	// has their values.
}

func TestGoniiScalesByNaNSlope(t *testing.T) {
	for _, slope := range []float64{math.NaN(), math.Inf(1)} {
		file := craft1(binary.LittleEndian, func(h *nifti.Nii1Header) { h.SclSlope = float32(slope) })
		if v := goniiVoxels(t, file)[5]; v == 5 {
			t.Errorf("gonii now leaves voxels alone under a slope of %g", slope)
		}
		if v := ourVoxels(t, file)[5]; v != 5 {
			t.Errorf("slope %g: voxel 5 is %g", slope, v)
		}
	}
}

// quarter turns the grid by 90° about z: i runs to the anterior, j to the left.
// Its quaternion is (a, 0, 0, d) with a = d = 1/√2.
func quarter(h *nifti.Nii1Header) {
	h.SformCode, h.QformCode = 0, 1
	h.SrowX, h.SrowY, h.SrowZ = [4]float32{}, [4]float32{}, [4]float32{}
	h.Pixdim = [8]float32{-1, 2, 3, 4}
	h.QuaternD = float32(math.Sqrt2 / 2)
	h.QoffsetX, h.QoffsetY, h.QoffsetZ = 10, 20, 30
}

// quarterAffine is the affine of quarter; qfac -1 turns the third axis round.
var quarterAffine = Affine{{0, -3, 0, 10}, {2, 0, 0, 20}, {0, 0, -4, 30}, {0, 0, 0, 1}}

func TestGoniiMiscomputesQuaternions(t *testing.T) {
	file := craft1(binary.LittleEndian, quarter)
	data, panicked, err := goniiRead(file)
	if err != nil || panicked != nil {
		t.Fatal(err, panicked)
	}
	if asAffine(data.QtoXYZ).near(quarterAffine, 1e-3) {
		t.Error("gonii now computes the qform right")
	}
	info, err := ReadInfo(save(t, "x.nii", file))
	if err != nil {
		t.Fatal(err)
	}
	if !info.Affine.near(quarterAffine, 1e-6) || info.Orientation != "ALI" {
		t.Errorf("got %v %s", info.Affine, info.Orientation)
	}
}

func TestGoniiIgnoresQFormOnlyAffines(t *testing.T) {
	file := craft1(binary.LittleEndian, quarter)
	data, panicked, err := goniiRead(file)
	if err != nil || panicked != nil {
		t.Fatal(err, panicked)
	}
	if got := asAffine(data.GetAffine()); got != (Affine{3: {0, 0, 0, 1}}) {
		t.Errorf("gonii no longer gives an affine of zeros where there is no sform: %v", got)
	}
}

func asAffine(m matrix.DMat44) Affine { return Affine(m.M) }

func (a Affine) near(b Affine, tol float64) bool {
	return Grid{Affine: a}.Equal(Grid{Affine: b}, tol)
}

// Reading big-endian files turned out to be right in gonii; what it writes of
// them is not: a little-endian header before big-endian voxels.
func TestGoniiWritesBigEndianVoxelsUnderLittleEndianHeader(t *testing.T) {
	file := craft1(binary.BigEndian, nil)
	if v := goniiVoxels(t, file); v[5] != 5 {
		t.Errorf("gonii reads voxel 5 as %g", v[5])
	}
	data, panicked, err := goniiRead(file)
	if err != nil || panicked != nil {
		t.Fatal(err, panicked)
	}
	w, err := gonii.NewNiiWriter("unused.nii", gonii.WithWriteNIfTIData(data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	if v := ourVoxels(t, b); v[5] == 5 {
		t.Error("gonii now writes big-endian data that can be read again")
	}

	path := save(t, "big.nii", file)
	im, err := ReadImage(path, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteImage(path, im, Int16); err != nil {
		t.Fatal(err)
	}
	again, err := ReadImage(path, ReadOptions{})
	if err != nil || !again.Header.BigEndian || !slices.Equal(again.Data, im.Data) {
		t.Errorf("%v, %v", err, again)
	}
}

func TestGoniiDropsAxes6And7(t *testing.T) {
	le := binary.LittleEndian
	want := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	file := craft1(le, typed(Uint8, 1, 1, 1, 1, 2, 2, 3), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	data, panicked, err := goniiRead(file)
	if err != nil || panicked != nil {
		t.Fatal(err, panicked)
	}
	if n := len(data.GetRawData()); n >= len(want) {
		t.Errorf("gonii now reads %d voxels of %d", n, len(want))
	}
	if got := ourVoxels(t, file); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestGoniiGunzipsWithoutBound(t *testing.T) {
	const bomb = 64 << 20
	file := gz(append(craft1(binary.LittleEndian, nil), make([]byte, bomb)...))
	if n := allocated(func() {
		if _, panicked, err := goniiRead(file); err != nil || panicked != nil {
			t.Error(err, panicked)
		}
	}); n < bomb {
		t.Errorf("gonii now takes only %d bytes for %d compressed ones", n, len(file))
	}
	path := save(t, "x.nii.gz", file)
	if n := allocated(func() {
		if _, err := ReadImage(path, ReadOptions{}); err != nil {
			t.Error(err)
		}
	}); n > bomb/16 {
		t.Errorf("%d bytes taken for 48 bytes of voxels", n)
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// gonii opens the very file for writing and truncates it first, so that a crash
// or a full disk leaves neither the old nor the new one.
func TestGoniiWritesInPlace(t *testing.T) {
	path := save(t, "x.nii", []byte("precious"))
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := nifti.WriteToFile(path, false, []byte("new")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("gonii now replaces the file")
	}

	err = WriteAtomic(path, func(w io.Writer) error {
		_, _ = fmt.Fprint(w, "half of")
		return errors.New("disk full")
	})
	if err == nil {
		t.Error("the error was lost")
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "new" {
		t.Errorf("the old file is now %q, %v", b, err)
	}
	if files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

// gonii reads the header's reader to its end and then parses from there.
func TestGoniiCannotReadPairsFromReaders(t *testing.T) {
	file := craft1(binary.LittleEndian, func(h *nifti.Nii1Header) {
		h.Magic, h.VoxOffset = nifti.NIFTI_1_MAGIC_PAIR, 0
	})
	pad := make([]byte, 512)
	r, err := gonii.NewNiiReader(
		gonii.WithReadHeaderReader(bytes.NewReader(append(bytes.Clone(file[:352]), pad...))),
		gonii.WithReadImageReader(bytes.NewReader(append(bytes.Clone(file[352:]), pad...))))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Parse(); !errors.Is(err, io.EOF) {
		t.Errorf("gonii now says %v", err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"x.hdr": file[:352], "x.img": file[352:]} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x.hdr", "x.img"} {
		im, err := ReadImage(filepath.Join(dir, name), ReadOptions{})
		if err != nil || im.Data[23] != 23 || !im.Header.Pair {
			t.Errorf("%s: %v", name, err)
		}
	}
}
