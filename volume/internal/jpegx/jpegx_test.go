package jpegx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/npy"
)

// DCMTK made and decoded the files of testdata; make.py says how.
func TestEqualsDCMTK(t *testing.T) {
	for _, path := range files(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".jpg")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		im, err := Decode(b, 1<<20)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := npy.ReadFile(filepath.Join("testdata", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		if im.Height != want.Shape[0] || im.Width != want.Shape[1] {
			t.Errorf("%s: %d×%d, want %v", name, im.Width, im.Height, want.Shape)
			continue
		}
		slack := int64(0)
		if strings.HasPrefix(name, "dct") {
			slack = 1 // transforms round
		}
		values, err := want.Int64s()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if d := v - int64(im.Data[i]); d < -slack || d > slack {
				t.Errorf("%s: pixel (%d, %d) is %d, DCMTK has %d", name, i%im.Width, i/im.Width, im.Data[i], v)
				break
			}
		}
	}
}

func files(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob("testdata/*.jpg")
	if err != nil || len(list) < 10 {
		t.Fatal(list, err)
	}
	return list
}

func TestDamaged(t *testing.T) {
	for _, name := range []string{"lossless-1", "dct-12", "ls-12"} {
		b, err := os.ReadFile("testdata/" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		// The last bytes may be padding and the end marker.
		for n := range len(b) - 8 {
			if _, err := Decode(b[:n], 1<<20); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s cut at byte %d of %d: %v", name, n, len(b), err)
			}
		}
		if _, err := Decode(b, 100); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, path := range files(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := Decode(b, 1<<16)
		if err == nil && len(im.Data) != im.Width*im.Height {
			t.Errorf("%d samples for %d×%d", len(im.Data), im.Width, im.Height)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("unnamed error %v", err)
		}
	})
}
