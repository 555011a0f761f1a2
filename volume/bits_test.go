package volume

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// randomMask has runs of all lengths, some across bricks and rows.
func randomMask(rng *rand.Rand, shape [3]int, share float64) *Mask {
	m := NewMask(Grid{Shape: shape, Affine: Identity()})
	for at := 0; at < len(m.Data); {
		n := 1 + rng.IntN(1+rng.IntN(600))
		v := uint8(0)
		if rng.Float64() < share {
			v = 1
		}
		for range min(n, len(m.Data)-at) {
			m.Data[at] = v
			at++
		}
	}
	return m
}

var bitShapes = [][3]int{{1, 1, 1}, {64, 8, 8}, {65, 9, 7}, {130, 20, 17}, {63, 3, 30}, {500, 2, 3}, {7, 300, 1}}

func TestBitsAgreeWithDenseMasks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range bitShapes {
		for _, share := range []float64{0, 0.02, 0.5, 1} {
			m, o := randomMask(rng, shape, share), randomMask(rng, shape, 0.3)
			b, ob := BitsOf(m), BitsOf(o)
			if !slices.Equal(b.Dense().Data, m.Data) {
				t.Fatalf("%v: the way back gives another mask", shape)
			}
			if b.Count() != m.Count() || b.Volume() != m.Volume() {
				t.Errorf("%v: %d voxels, want %d", shape, b.Count(), m.Count())
			}
			got, ok := b.Bounds()
			want, wantOK := m.Bounds()
			if ok != wantOK || ok && got != want {
				t.Errorf("%v: bounds %v %v, want %v %v", shape, got, ok, want, wantOK)
			}
			union, rest, both := b.Clone(), b.Clone(), false
			if union.Union(ob) != nil || rest.Subtract(ob) != nil {
				t.Fatal("one shape is another")
			}
			u, r := union.Dense().Data, rest.Dense().Data
			for n := range m.Data {
				both = both || m.Data[n]&o.Data[n] == 1
				if u[n] != m.Data[n]|o.Data[n] || r[n] != m.Data[n]&^o.Data[n] {
					t.Fatalf("%v: union or difference is wrong at %d", shape, n)
				}
			}
			if b.Overlaps(ob) != both {
				t.Errorf("%v: overlap is %v", shape, !both)
			}
			for range 20 {
				i, j, k := rng.IntN(shape[0]), rng.IntN(shape[1]), rng.IntN(shape[2])
				if b.At(i, j, k) != (m.Data[m.Index(i, j, k)] == 1) {
					t.Fatalf("%v: voxel %d %d %d", shape, i, j, k)
				}
			}
		}
	}
	if NewBits(Grid{Shape: [3]int{1, 1, 1}}).Union(NewBits(Grid{Shape: [3]int{1, 1, 2}})) == nil {
		t.Error("masks of two shapes were united")
	}
}

func TestWriteBitsWritesWhatWriteMaskWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	plain := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(path) != ".gz" {
			return b
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, shape := range append(bitShapes, [3]int{700, 90, 9}) {
		for _, share := range []float64{0, 0.01, 0.5, 1} {
			for _, name := range []string{"m.nii", "m.nii.gz"} {
				m := randomMask(rng, shape, share)
				a, b := filepath.Join(dir, "dense_"+name), filepath.Join(dir, "bits_"+name)
				if err := WriteMask(a, m, nil); err != nil {
					t.Fatal(err)
				}
				if err := WriteBits(b, BitsOf(m), nil); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(plain(a), plain(b)) {
					t.Fatalf("%v, %g: %s differs", shape, share, name)
				}
				if filepath.Ext(name) == ".gz" { // our own reader too
					back, err := ReadLabelMap(b, ReadOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if back.Mask(1).Count() != m.Count() {
						t.Fatal("it reads back differently")
					}
				}
			}
		}
	}
	if err := WriteBits(filepath.Join(dir, "m.nii.gz"), NewBits(Grid{Shape: [3]int{2, 2, 2}, Affine: Identity()}), &Header{Dim: [8]int64{3, 2, 2, 3, 1, 1, 1, 1}}); err == nil {
		t.Error("a mask on another grid than its header was written")
	}
	if err := WriteBits(filepath.Join(dir, "m.png"), NewBits(Grid{Shape: [3]int{1, 1, 1}, Affine: Identity()}), nil); err == nil {
		t.Error("an unknown kind of file was written")
	}
}

// Every match length has the code that the format gives it.
func TestLengthCode(t *testing.T) {
	for n, want := range map[int][3]int{3: {257, 0, 0}, 10: {264, 0, 0}, 11: {265, 0, 1}, 12: {265, 1, 1}, 34: {272, 3, 2}, 131: {281, 0, 5}, 257: {284, 30, 5}, 258: {285, 0, 0}} {
		s, extra, bits := lengthCode(n)
		if s != want[0] || int(extra) != want[1] || int(bits) != want[2] {
			t.Errorf("%d: %d %d %d, want %v", n, s, extra, bits, want)
		}
	}
}
