package volume

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ITK wrote one oblique volume in each format; testdata/itk/make.py says how.
func TestEqualsITK(t *testing.T) {
	want, err := ReadImage("testdata/itk/a.nii.gz", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, format := range map[string]Format{
		"raw.nrrd": NRRD, "gz.nrrd": NRRD, "raw.nhdr": NRRD, "gz.nhdr": NRRD, "f64.nrrd": NRRD,
		"raw.mha": MetaImage, "z.mha": MetaImage, "raw.mhd": MetaImage, "z.mhd": MetaImage, "f64.mha": MetaImage,
	} {
		im, err := ReadImage("testdata/itk/"+name, ReadOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		if im.Format != format || !im.Equal(want.Grid, 1e-5) || !slices.Equal(im.Data, want.Data) {
			t.Errorf("%s: %s at %v, want %v", name, im.Format, im.Grid, want.Grid)
		}
		info, err := ReadInfo("testdata/itk/" + name)
		if err != nil || !slices.Equal(info.Shape, want.Shape[:]) || info.Format != format {
			t.Errorf("%s: %+v %v", name, info, err)
		}
	}
}

const (
	nrrdHead = "NRRD0004\n# a comment\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: 2 1 2\n" +
		"space directions: (1,0,0) (0,2,0) (0,0,3)\nencoding: raw\nspace origin: (4,5,6)\nkey:=value: with a colon\n"
	metaHead = "ObjectType = Image\nNDims = 3\nDimSize = 2 1 2\nElementType = MET_UCHAR\nElementSpacing = 1 2 3\n" +
		"TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 4 5 6\n"
)

func TestRasterByHand(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "named.for.nothing")
	for text, origin := range map[string]float64{nrrdHead + "\n\x01\x02\x03\x04": 4, metaHead + "ElementDataFile = LOCAL\n\x01\x02\x03\x04": -4} {
		writeText(t, path, text)
		im, err := ReadImage(path, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(im.Data, []float32{1, 2, 3, 4}) || im.Spacing() != [3]float64{1, 2, 3} || im.Affine[0][3] != origin || im.Affine[2][3] != 6 {
			t.Errorf("%+v", im)
		}
		labels, err := ReadLabelMap(path, ReadOptions{})
		if err != nil || !slices.Equal(labels.Data, []uint16{1, 2, 3, 4}) {
			t.Errorf("%+v %v", labels, err)
		}
	}
}

func writeText(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRasterRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside.raw")
	writeText(t, outside, "\x01\x02\x03\x04")
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link.raw")); err != nil {
		t.Fatal(err)
	}
	nrrd := func(from, to string) string { return strings.Replace(nrrdHead, from, to, 1) + "\n\x01\x02\x03\x04" }
	meta := func(more string) string { return metaHead + more }
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"cut":             {nrrdHead + "\n\x01\x02\x03", ErrTruncated},
		"huge":            {nrrd("2 1 2", "2000000000 2000000000 2000000000"), ErrTooLarge},
		"large":           {nrrd("2 1 2", "1000 1000 1000"), ErrTruncated},
		"negative":        {nrrd("2 1 2", "-2 1 2"), ErrBadHeader},
		"block":           {nrrd("uchar", "block"), ErrUnsupported},
		"ascii":           {nrrd("raw", "ascii"), ErrUnsupported},
		"no space":        {nrrd("space: RAS\n", ""), ErrBadAffine},
		"flat":            {nrrd("(0,0,3)", "(0,2,0)"), ErrBadAffine},
		"not finite":      {nrrd("(0,0,3)", "(0,0,NaN)"), ErrBadAffine},
		"vectors":         {nrrd("(0,0,3)", "none"), ErrNotVolume},
		"no end":          {"NRRD0004\n" + strings.Repeat("#\n", maxTextHeader), ErrBadHeader},
		"other folder":    {nrrd("key:=", "data file: ../x.raw\nkey:="), ErrUnsupported},
		"absolute":        {nrrd("key:=", "data file: "+outside+"\nkey:="), ErrUnsupported},
		"list":            {nrrd("key:=", "data file: LIST\nkey:="), fs.ErrNotExist},
		"byte skip":       {nrrd("key:=", "byte skip: 9223372036854775807\nkey:="), ErrUnsupported},
		"not gzip":        {nrrd("raw", "gzip"), ErrCorrupt},
		"meta cut":        {meta("ElementDataFile = LOCAL\n\x01"), ErrTruncated},
		"meta no data":    {meta(""), ErrBadHeader},
		"meta up":         {meta("ElementDataFile = ..\n"), ErrUnsupported},
		"meta absent":     {meta("ElementDataFile = absent.raw\n"), fs.ErrNotExist},
		"meta list":       {meta("ElementDataFile = LIST\n"), ErrUnsupported},
		"meta text":       {meta("BinaryData = False\nElementDataFile = LOCAL\n"), ErrUnsupported},
		"meta channels":   {meta("ElementNumberOfChannels = 3\nElementDataFile = LOCAL\n"), ErrUnsupported},
		"meta compressed": {meta("CompressedData = True\nElementDataFile = LOCAL\n\x01\x02\x03\x04"), ErrCorrupt},
		"meta dims":       {strings.Replace(meta("ElementDataFile = LOCAL\n"), "2 1 2", "2 1", 1), ErrBadHeader},
	} {
		path := filepath.Join(dir, "x")
		writeText(t, path, c.text)
		if _, err := ReadImage(path, ReadOptions{}); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	for _, text := range []string{nrrd("key:=", "data file: link.raw\nkey:="), meta("ElementDataFile = link.raw\n")} {
		path := filepath.Join(dir, "x")
		writeText(t, path, text)
		if im, err := ReadImage(path, ReadOptions{}); err == nil {
			t.Errorf("a link out of the folder was followed: %v", im.Data)
		}
	}
}

// Where files of several people lie in one folder, none may name another.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "other"), "\x01\x02\x03\x04")
	pair := craft1(binary.LittleEndian, typed(Uint8, 2, 1, 2), 1, 2, 3, 4)
	copy(pair[344:], "ni1")
	writeText(t, filepath.Join(dir, "x.img"), "\x01\x02\x03\x04")
	for _, text := range []string{strings.Replace(nrrdHead, "key:=", "data file: other\nkey:=", 1) + "\n", metaHead + "ElementDataFile = other\n", string(pair)} {
		path := filepath.Join(dir, "x")
		writeText(t, path, text)
		if _, err := ReadImage(path, ReadOptions{Alone: true}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%.20q: %v", text, err)
		}
		if _, err := ReadInfoWith(path, ReadOptions{Alone: true}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzRaster(f *testing.F) {
	f.Add([]byte(nrrdHead + "\n\x01\x02\x03\x04"))
	f.Add([]byte(metaHead + "ElementDataFile = LOCAL\n\x01\x02\x03\x04"))
	for _, name := range []string{"gz.nrrd", "z.mha"} {
		b, err := os.ReadFile("testdata/itk/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f")
		writeText(t, path, string(b))
		im, err := ReadImage(path, ReadOptions{MaxBytes: 1 << 20})
		if err == nil && len(im.Data) != im.Voxels() {
			t.Errorf("%d voxels for %v", len(im.Data), im.Shape)
		}
		if _, ok := errors.AsType[*FileError](err); err != nil && !ok {
			t.Errorf("%T %v", err, err)
		}
	})
}
