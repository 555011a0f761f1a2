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

// nan32 spares conversions in tables.
var nan32 = float32(math.NaN())

func TestReadRefuses(t *testing.T) {
	le := binary.LittleEndian
	small := craft1(le, nil)
	zipped := gz(small)
	flipped := bytes.Clone(zipped)
	flipped[len(flipped)-6] ^= 1 // in the CRC
	tests := []struct {
		name, file string
		b          []byte
		want       error
	}{
		{"empty file", "x.nii", nil, ErrNotNIfTI},
		{"text", "x.nii", []byte(strings.Repeat("no header ", 100)), ErrNotNIfTI},
		{"half a header", "x.nii", small[:200], ErrTruncated},
		{"header alone", "x.nii", small[:348], ErrTruncated},
		{"one byte short", "x.nii", small[:len(small)-1], ErrTruncated},
		{"gzip cut in the header", "x.nii.gz", zipped[:12], ErrTruncated},
		{"gzip cut in the voxels", "x.nii.gz", gz(noise(le, 50))[:4000], ErrTruncated},
		{"gzip without its checksum", "x.nii.gz", zipped[:len(zipped)-8], ErrTruncated},
		{"gzip with a wrong checksum", "x.nii.gz", flipped, ErrCorrupt},
		{"gzip of a short file", "x.nii.gz", gz(small[:len(small)-1]), ErrTruncated},
		{"gzip in name alone", "x.nii.gz", []byte("\x1f\x8bnothing of the kind"), ErrCorrupt},
		{"Analyze", "x.hdr", craft1(le, func(h *nifti.Nii1Header) { h.Magic = [4]byte{} }), ErrNotNIfTI},
		{"NIfTI-2 after a text-mode transfer", "x.nii", craft2(le, func(h *nifti.Nii2Header) { h.Magic[4] = '\n' }), ErrNotNIfTI},
		{"no axes", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.Dim[0] = 0 }), ErrBadHeader},
		{"eight axes", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.Dim[0] = 8 }), ErrBadHeader},
		{"axis of no length", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.Dim[2] = 0 }), ErrBadHeader},
		{"negative axis", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.Dim[3] = -4 }), ErrBadHeader},
		{"product beyond 64 bits", "x.nii", craft2(le, func(h *nifti.Nii2Header) {
			h.Dim = [8]int64{3, 1 << 40, 1 << 40, 1 << 40}
		}), ErrTooLarge},
		{"product that wraps to 24", "x.nii", craft2(le, func(h *nifti.Nii2Header) {
			h.Dim = [8]int64{4, 1<<32 + 1, 1<<32 - 1, 24, math.MaxInt64} // (2^64-1)·24·…
		}), ErrTooLarge},
		{"a terabyte in 400 bytes", "x.nii.gz", gz(craft1(le, func(h *nifti.Nii1Header) {
			h.Dim = [8]int16{3, 10000, 10000, 5000, 1, 1, 1, 1}
		})), ErrTruncated},
		{"voxels inside the header", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 100 }), ErrBadHeader},
		{"voxels nowhere", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = nan32 }), ErrBadHeader},
		{"voxels at half a byte", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 352.5 }), ErrBadHeader},
		{"voxels beyond all", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 2e9 }), ErrBadHeader},
		{"voxels before the file", "x.nii", craft2(le, func(h *nifti.Nii2Header) { h.VoxOffset = -544 }), ErrBadHeader},
		{"two axes", "x.nii", craft1(le, typed(Int16, 4, 6)), ErrNotVolume},
		{"two volumes", "x.nii", craft1(le, typed(Int16, 2, 3, 2, 2)), ErrNotVolume},
		{"two vectors", "x.nii", craft1(le, typed(Int16, 2, 3, 2, 1, 2)), ErrNotVolume},
		{"NaN in the sform", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.SrowY[3] = nan32 }), ErrBadAffine},
		{"flat sform", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.SrowZ[2] = 0 }), ErrBadAffine},
		{"parallel axes", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.SrowX, h.SrowY = [4]float32{1, 2}, [4]float32{1, 2} }), ErrBadAffine},
		{"quaternion of length 2", "x.nii", craft1(le, func(h *nifti.Nii1Header) { quarter(h); h.QuaternB = 2 }), ErrBadAffine},
		{"NaN in pixdim", "x.nii", craft1(le, func(h *nifti.Nii1Header) { quarter(h); h.Pixdim[2] = nan32 }), ErrBadAffine},
		{"bits", "x.nii", craft1(le, retyped(1)), ErrUnsupported},
		{"no data type", "x.nii", craft1(le, retyped(0)), ErrUnsupported},
		{"unknown data type", "x.nii", craft1(le, retyped(77)), ErrUnsupported},
		{"complex64", "x.nii", craft1(le, retyped(32)), ErrUnsupported},
		{"rgb24", "x.nii", craft1(le, retyped(128)), ErrUnsupported},
		{"rgba32", "x.nii", craft1(le, retyped(2304)), ErrUnsupported},
		{"float128", "x.nii", craft1(le, retyped(1536)), ErrUnsupported},
		{"pair without its image", "x.hdr", craft1(le, func(h *nifti.Nii1Header) { h.Magic = nifti.NIFTI_1_MAGIC_PAIR }), fs.ErrNotExist},
		{"image without its header", "x.img", small, fs.ErrNotExist},
		{"extensions that never end", "x.nii", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 4096 }), ErrTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := save(t, tt.file, tt.b)
			_, err := ReadImage(path, ReadOptions{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			var fe *FileError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), filepath.Base(path)) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line with the file's name: %v", err)
			}
			t.Log(err)
		})
	}
}

func retyped(d DType) func(*nifti.Nii1Header) {
	return func(h *nifti.Nii1Header) { h.Datatype = int16(d) }
}

// noise is a file of n×n×n voxels that hardly compress.
func noise(order binary.ByteOrder, n int16) []byte {
	voxels := make([]byte, 2*int(n)*int(n)*int(n))
	state := uint32(1)
	for i := range voxels {
		state = state*1664525 + 1013904223 // Numerical Recipes' generator
		voxels[i] = byte(state >> 24)
	}
	return craft1(order, typed(Int16, n, n, n), voxels...)
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	for name, want := range map[string]error{
		filepath.Join(t.TempDir(), "absent.nii"): fs.ErrNotExist,
		t.TempDir():                              ErrSeries,
	} {
		if _, err := ReadInfo(name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	err := (&FileError{Path: "a\nb", Op: "read", Err: errors.New("x\ny"), Hint: "z"}).Error()
	if err != `read "a\nb": x y; z` {
		t.Error(err)
	}
}

func TestReadHonoursMaxBytes(t *testing.T) {
	path := save(t, "x.nii", craft1(binary.LittleEndian, nil)) // 24 voxels: 96 bytes as float32
	if _, err := ReadImage(path, ReadOptions{MaxBytes: 95}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("95 bytes: %v", err)
	}
	if _, err := ReadImage(path, ReadOptions{MaxBytes: 96}); err != nil {
		t.Errorf("96 bytes: %v", err)
	}
	if _, err := ReadAny(path, ReadOptions{MaxBytes: 96}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("96 bytes as float64: %v", err)
	}
}

// What is odd but harmless is read, and named in a warning.
func TestReadTolerates(t *testing.T) {
	le := binary.LittleEndian
	small := craft1(le, nil)
	zipped := gz(small)
	extended := func(size int32, content int) []byte {
		h := craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 352 + 32 })
		b := append(bytes.Clone(h[:348]), 1, 0, 0, 0)
		b = append(b, pack(le, []int32{size, 6})...)
		b = append(b, make([]byte, content)...)
		return append(b, small[352:]...)
	}
	tests := []struct {
		name, warning string
		b             []byte
	}{
		{"trailing bytes", "follow the voxels", append(bytes.Clone(small), 1, 2, 3)},
		{"trailing bytes inside gzip", "follow the voxels", gz(append(bytes.Clone(small), 1, 2, 3))},
		{"a long tail inside gzip", "checksum was not verified", gz(append(bytes.Clone(small), make([]byte, 2<<20)...))},
		{"trailing zeros after gzip", "not gzip", append(bytes.Clone(zipped), make([]byte, 100)...)},
		{"two gzip members", "", append(gz(small[:360]), gz(small[360:])...)},
		{"many gzip members", "", slices.Concat(gz(small[:1]), gz(nil), gz(small[1:348]), gz(small[348:399]), gz(small[399:]))},
		{"gzip under a plain name", "", zipped},
		{"vox_offset 0", "vox_offset is 0", craft1(le, func(h *nifti.Nii1Header) { h.VoxOffset = 0 })},
		{"bitpix of another type", "bitpix", craft1(le, func(h *nifti.Nii1Header) { h.Bitpix = 64 })},
		{"metres", "metres", craft1(le, func(h *nifti.Nii1Header) { h.XyztUnits = 1 })},
		{"extension", "", extended(32, 24)},
		{"extension beyond the voxels", "impossible size", extended(1<<30, 24)},
		{"extension of negative size", "impossible size", extended(-32, 24)},
		{"slope 0", "", craft1(le, func(h *nifti.Nii1Header) { h.SclSlope, h.SclInter = 0, 9 })},
		{"NaN slope", "", craft1(le, func(h *nifti.Nii1Header) { h.SclSlope, h.SclInter = nan32, nan32 })},
		{"NaN beside the point", "", craft1(le, func(h *nifti.Nii1Header) { h.QuaternB, h.Pixdim[2] = nan32, nan32 })},
		{"trailing axes of 1", "", craft1(le, typed(Int16, 2, 3, 4, 1, 1, 1, 1))},
		{"axes that do not count", "", craft1(le, func(h *nifti.Nii1Header) { h.Dim[4], h.Dim[7] = -1, 99 })},
		{"NIfTI-2", "", craft2(le, nil)},
		{"big-endian", "", craft1(binary.BigEndian, nil)},
		{"big-endian NIfTI-2", "", craft2(binary.BigEndian, nil)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			im, err := ReadImage(save(t, "x.nii", tt.b), ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range im.Data {
				if v != float32(i) {
					t.Fatalf("voxel %d is %g", i, v)
				}
			}
			if im.Shape != [3]int{2, 3, 4} || im.Affine != Identity() {
				t.Errorf("grid %v", im.Grid)
			}
			all := strings.Join(im.Header.Warnings, "; ")
			if !strings.Contains(all, tt.warning) || (tt.warning == "") != (all == "") {
				t.Errorf("warnings %q, want %q", all, tt.warning)
			}
		})
	}
}

// The scans of the preprocessing fixtures: refused are those that hold no single
// real volume in a usable place.
func TestPreprocessFixtures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedtest.Path(t, "fixtures/preprocess/in"), "*.nii*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	refused := map[string]error{
		"c10_4d_two_volumes_mr": ErrNotVolume, "c20_singular_affine_ct": ErrBadAffine, "c21_2d_image_ct": ErrNotVolume,
		"c25_truncated_ct": ErrTruncated, "c26_rgb24": ErrUnsupported, "c27_nan_affine_ct": ErrBadAffine,
		"c28_3_channels_mr": ErrNotVolume,
	}
	for _, path := range files {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		_, err := ReadImage(path, ReadOptions{})
		if want := refused[name]; !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		if strings.HasSuffix(name, "_label") {
			if _, err := ReadLabelMap(path, ReadOptions{}); err != nil {
				t.Error(err)
			}
		}
	}
}

// The three cases in which MONAI prefers the qform, from cases.json.
func TestRectifyFollowsMONAI(t *testing.T) {
	dir := sharedtest.Path(t, "fixtures/preprocess/in")
	for name, want := range map[string]Affine{
		"c15_pixdim_mismatch_ct": {{1, 0, 0, 10}, {0, 1, 0, -20}, {0, 0, 1, 35.5}, {0, 0, 0, 1}},
		"c20_singular_affine_ct": {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}},
		"c27_nan_affine_ct":      {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}},
	} {
		im, err := ReadImage(filepath.Join(dir, name+".nii.gz"), ReadOptions{Rectify: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !im.Affine.near(want, 1e-6) || len(im.Header.Warnings) != 1 {
			t.Errorf("%s: affine %v, warnings %v", name, im.Affine, im.Header.Warnings)
		}
	}
	im, err := ReadImage(filepath.Join(dir, "c14_sform_wins_bigendian_ct.nii"), ReadOptions{Rectify: true})
	if err != nil || im.Affine != im.Header.SForm() {
		t.Errorf("a sound sform gave way: %v", err)
	}
}

func TestReadLabelMap(t *testing.T) {
	le := binary.LittleEndian
	tests := []struct {
		name string
		file []byte
		want []uint16
	}{
		{"uint8", craft1(le, typed(Uint8, 2, 1, 1), 0, 255), []uint16{0, 255}},
		{"int16", craft1(le, typed(Int16, 2, 1, 1), pack(le, []int16{3, 32767})...), []uint16{3, 32767}},
		{"uint16", craft1(le, typed(Uint16, 2, 1, 1), pack(le, []uint16{3, 65535})...), []uint16{3, 65535}},
		{"float64", craft1(le, typed(Float64, 2, 1, 1), pack(le, []float64{3, 117})...), []uint16{3, 117}},
		{"int64", craft1(le, typed(Int64, 2, 1, 1), pack(le, []int64{0, 9170})...), []uint16{0, 9170}},
		{"negative", craft1(le, typed(Int8, 2, 1, 1), 0, 255), nil},
		{"fraction", craft1(le, typed(Float32, 2, 1, 1), pack(le, []float32{1, 1.5})...), nil},
		{"NaN", craft1(le, typed(Float32, 2, 1, 1), pack(le, []float32{1, nan32})...), nil},
		{"too large", craft1(le, typed(Int32, 2, 1, 1), pack(le, []int32{1, 65536})...), nil},
	}
	for _, tt := range tests {
		m, err := ReadLabelMap(save(t, "x.nii", tt.file), ReadOptions{})
		switch {
		case tt.want == nil:
			if !errors.Is(err, ErrNotLabels) {
				t.Errorf("%s: got %v", tt.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case !slices.Equal(m.Data, tt.want):
			t.Errorf("%s: got %v", tt.name, m.Data)
		}
	}
}

func fuzzSeeds(f *testing.F) {
	f.Helper()
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(craft1(order, nil))
		f.Add(craft2(order, nil))
		f.Add(gz(craft1(order, quarter)))
		f.Add(craft1(order, typed(Float64, 1, 1, 1), make([]byte, 8)...))
	}
	f.Add(craft1(binary.LittleEndian, nil)[:348])
	f.Add(gz(craft2(binary.LittleEndian, func(h *nifti.Nii2Header) { h.VoxOffset = 608 }))[:100])
}

func FuzzReadInfo(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.nii")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := ReadInfo(path)
		if err != nil {
			return
		}
		if len(info.Shape) < 1 || len(info.Shape) > 7 || len(info.Orientation) != 3 || info.Affine.check() != nil {
			t.Errorf("nonsense: %+v", info)
		}
	})
}

func FuzzReadImage(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.nii")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		im, err := ReadImage(path, ReadOptions{MaxBytes: 1 << 22})
		if err != nil {
			return
		}
		if len(im.Data) != im.Voxels() {
			t.Fatalf("%d voxels on %v", len(im.Data), im.Shape)
		}
		// What could be read can be written, and comes back the same.
		path = filepath.Join(filepath.Dir(path), "y.nii.gz")
		if err := WriteImage(path, im, Float32); err != nil {
			t.Fatal(err)
		}
		again, err := ReadImage(path, ReadOptions{})
		if err != nil || again.Grid != im.Grid || !slices.EqualFunc(again.Data, im.Data, sameFloat) {
			t.Errorf("%v: %v became %v", err, im.Grid, again)
		}
	})
}

func sameFloat(a, b float32) bool { return a == b || (a != a && b != b) }
