package j2k

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"satgraph/internal/npy"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".j2k"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// OpenJPEG made and decoded the files of testdata; make.py says how.
func TestEqualsOpenJPEG(t *testing.T) {
	table, err := os.ReadFile("testdata/cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		t.Run(f[0], func(t *testing.T) {
			im, err := Decode(read(t, f[0]), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			w, _ := strconv.Atoi(f[1])
			h, _ := strconv.Atoi(f[2])
			if im.Width != w || im.Height != h || len(im.Data) != w*h {
				t.Fatalf("%d×%d, want %d×%d", im.Width, im.Height, w, h)
			}
			raw, _ := binary.Append(nil, binary.LittleEndian, im.Data)
			if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != f[3] {
				t.Error("other samples than OpenJPEG's")
			}
		})
	}
}

// The irreversible transform rounds, and OpenJPEG's constant 2/K is 1.625732422,
// which is 3e-5 too small: of 16 bits, that is up to two grey levels.
func TestIrreversible(t *testing.T) {
	for _, name := range []string{"irreversible", "irreversible-lossy"} {
		im, err := Decode(read(t, name), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		want, err := npy.ReadFile(filepath.Join("testdata", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want.Float64s() {
			if d := v - float64(im.Data[i]); d < -2 || d > 2 {
				t.Fatalf("%s: sample %d is %d, OpenJPEG has %g", name, i, im.Data[i], v)
			}
		}
	}
}

func TestDamaged(t *testing.T) {
	b := read(t, "plain")
	for n := range len(b) - 1 {
		if _, err := Decode(b[:n], 1<<20); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at byte %d of %d: %v", n, len(b), err)
		}
	}
	if _, err := Decode(b, 61*47-1); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	// A header that claims 2^31 by 2^31 pixels allocates nothing.
	big := append([]byte{}, b...)
	copy(big[8:], []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff})
	if _, err := Decode(big, 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.j2k")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
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
