package masks

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"satgraph/volume"
)

func grid(x, y, z int) volume.Grid {
	return volume.Grid{Shape: [3]int{x, y, z}, Affine: volume.Affine{{-0.7, 0.1, 0, 12.25}, {0, 1.3, 0, -7}, {0, 0, 3, 1e-3}, {0, 0, 0, 1}}}
}

// random fills a part of the grid with noise of some density.
func random(rng *rand.Rand, g volume.Grid, density float64) *volume.Bits {
	m := volume.NewBits(g)
	for k := rng.IntN(g.Shape[2]); k < g.Shape[2]; k += 1 + rng.IntN(3) {
		for j := rng.IntN(g.Shape[1]); j < g.Shape[1]; j++ {
			for i := range g.Shape[0] {
				if rng.Float64() < density {
					m.SetRun(i, i+1, j, k)
				}
			}
		}
	}
	return m
}

func runs(m *volume.Bits) (out []volume.Run) {
	m.Runs(func(r volume.Run) bool {
		out = append(out, r)
		return true
	})
	return out
}

func encoded(t testing.TB, g volume.Grid, names []string, ms []*volume.Bits) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	digest, err := Encode(&b, g, func(w *Writer) error {
		for i, m := range ms {
			if err := w.Add(names[i], m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), digest
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n, g := range []volume.Grid{grid(1, 1, 1), grid(70, 9, 5), grid(64, 1, 3), grid(129, 40, 20), grid(3, 200, 1)} {
		var names []string
		var ms []*volume.Bits
		full := volume.NewBits(g)
		for k := range g.Shape[2] {
			for j := range g.Shape[1] {
				full.SetRun(0, g.Shape[0], j, k)
			}
		}
		ms = append(ms, volume.NewBits(g), full) // overlaps with all
		for i := range 20 {
			ms = append(ms, random(rng, g, float64(i)/20))
		}
		for i := range ms {
			names = append(names, fmt.Sprintf("class %d, Ärztin's \"x\"", i))
		}
		path := filepath.Join(t.TempDir(), "scan.masks")
		digest, err := Write(path, g, func(w *Writer) error {
			for i, m := range ms {
				if err := w.Add(names[i], m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Grid() != g || f.Digest() != digest {
			t.Errorf("grid %v, digest %s; want %v, %s", f.Grid(), f.Digest(), g, digest)
		}
		classes := f.Classes()
		for i, m := range slices.Backward(ms) { // in any order
			got, err := f.Read(names[i])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(runs(got), runs(m)) {
				t.Errorf("grid %d: class %d came back otherwise", n, i)
			}
			box, _ := m.Bounds()
			if want := (Class{names[i], m.Count(), box}); classes[i] != want && m.Count() > 0 || classes[i].Name != names[i] || classes[i].Voxels != want.Voxels {
				t.Errorf("listed as %+v, want %+v", classes[i], want)
			}
		}
		if err := f.Verify(); err != nil {
			t.Error(err)
		}
		if _, err := f.Read("spleen"); !errors.Is(err, ErrNoClass) {
			t.Errorf("a class that is not there: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The payload of the format's description, worked out by hand: a box of 5×2×2
// at (1, 0, 0) with the rows [0,2) [4,5); none; [1,2); [0,5).
func TestPayload(t *testing.T) {
	m := volume.NewBits(grid(8, 3, 3))
	for _, r := range []volume.Run{{From: 1, To: 3}, {From: 5, To: 6}, {From: 2, To: 3, K: 1}, {From: 1, To: 6, J: 1, K: 1}} {
		m.SetRun(r.From, r.To, r.J, r.K)
	}
	box, _ := m.Bounds()
	got, voxels := new(encoder).encode(nil, m, box)
	zig := func(v int) byte { return byte(v<<1 ^ v>>7) } // of small numbers
	want := []byte{
		2, 0, 1, 1, // runs in each row
		zig(0), zig(2), zig(2), zig(1), // 0 from nothing, 2 from 0, 4 from 2, 5 from 4
		zig(1), zig(0), // 1 from 0, 2 from 2: from the edges of the first row
		zig(-1), zig(3), // 0 from 1, 5 from 2: from those of the third
	}
	if !bytes.Equal(got, want) || voxels != 9 {
		t.Errorf("%v of %d voxels, want %v of 9", got, voxels, want)
	}
}

func TestDigestIsOfTheContent(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	g := grid(30, 20, 10)
	a, b := random(rng, g, 0.3), random(rng, g, 0.5)
	one, first := encoded(t, g, []string{"a", "b"}, []*volume.Bits{a, b})
	again, _ := encoded(t, g, []string{"a", "b"}, []*volume.Bits{a, b})
	_, turned := encoded(t, g, []string{"b", "a"}, []*volume.Bits{b, a})
	_, swapped := encoded(t, g, []string{"a", "b"}, []*volume.Bits{b, a})
	moved := g
	moved.Affine[0][3]++
	var empty bytes.Buffer
	elsewhere, err := Encode(&empty, moved, func(*Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	here, err := Encode(&empty, g, func(*Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, again) || first != turned {
		t.Error("the same classes gave other bytes, or another digest in another order")
	}
	if first == swapped || elsewhere == here {
		t.Error("other content has the same digest")
	}
}

func TestWriterRefuses(t *testing.T) {
	g := grid(8, 8, 8)
	for name, c := range map[string]struct {
		grid volume.Grid
		fill func(*Writer) error
		want error
	}{
		"twice": {g, func(w *Writer) error {
			return errors.Join(w.Add("a", volume.NewBits(g)), w.Add("a", volume.NewBits(g)))
		}, ErrDuplicate},
		"another grid":  {g, func(w *Writer) error { return w.Add("a", volume.NewBits(grid(8, 8, 9))) }, volume.ErrShape},
		"long name":     {g, func(w *Writer) error { return w.Add(string(make([]byte, maxName+1)), volume.NewBits(g)) }, ErrTooLarge},
		"no voxels":     {grid(8, 0, 8), func(*Writer) error { return nil }, volume.ErrShape},
		"singular":      {volume.Grid{Shape: g.Shape}, func(*Writer) error { return nil }, volume.ErrBadAffine},
		"caller's":      {g, func(*Writer) error { return fs.ErrClosed }, fs.ErrClosed},
		"giant volumes": {grid(1<<20, 1<<20, 1<<20), func(*Writer) error { return nil }, ErrTooLarge},
	} {
		dir := t.TempDir()
		if _, err := Write(filepath.Join(dir, "x.masks"), c.grid, c.fill); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

// assemble makes a file of any directory.
func assemble(t testing.TB, payloads []byte, dir any) []byte {
	t.Helper()
	text, err := json.Marshal(dir)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := zip.EncodeAll(text, nil)
	le := binary.LittleEndian
	out := append(le.AppendUint32([]byte(magic), version), payloads...)
	tail := le.AppendUint64(nil, uint64(len(out)))
	tail = le.AppendUint32(tail, uint32(len(packed)))
	tail = le.AppendUint32(tail, uint32(len(text)))
	tail = le.AppendUint32(tail, crc32.Checksum(packed, castagnoli))
	tail = le.AppendUint32(tail, version)
	return append(append(out, packed...), append(tail, magic...)...)
}

func TestHostileFiles(t *testing.T) {
	g := grid(20, 10, 5)
	m := random(rand.New(rand.NewPCG(3, 4)), g, 0.4)
	good, _ := encoded(t, g, []string{"a"}, []*volume.Bits{m})
	f, err := NewFile(bytes.NewReader(good), int64(len(good)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := f.classes[0]
	payloads := good[headerSize : int64(headerSize)+e.Length]
	with := func(change func(*directory)) []byte {
		d := directory{Shape: g.Shape, Affine: g.Affine, Classes: []entry{e}}
		change(&d)
		return assemble(t, payloads, d)
	}
	zip, _ := zstd.NewWriter(nil)
	bomb := zip.EncodeAll(make([]byte, 900<<20), nil)
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[(at+len(b))%len(b)] ^= 0x40
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":             {nil, ErrNotMasks},
		"something else":    {make([]byte, 100), ErrNotMasks},
		"later version":     {flip(len(magic)), ErrVersion},
		"cut":               {good[:len(good)-1], ErrDamaged},
		"directory altered": {flip(-trailerSize - 3), ErrDamaged},
		"directory moved":   {flip(-trailerSize), ErrDamaged},
		"payload altered":   {flip(headerSize + 5), ErrDamaged},
		"box outside":       {with(func(d *directory) { d.Classes[0].Box[1][2] = 6 }), ErrDamaged},
		"box turned":        {with(func(d *directory) { d.Classes[0].Box[1][2] = 0 }), ErrDamaged},
		"smaller box":       {with(func(d *directory) { d.Classes[0].Box[1][0]-- }), ErrDamaged},
		"more voxels":       {with(func(d *directory) { d.Classes[0].Voxels++ }), ErrDamaged},
		"raw too large":     {with(func(d *directory) { d.Classes[0].Raw++ }), ErrDamaged},
		"twice":             {with(func(d *directory) { d.Classes = append(d.Classes, e) }), ErrDamaged},
		"past the end":      {with(func(d *directory) { d.Classes[0].Offset = 1 << 62 }), ErrDamaged},
		"negative":          {with(func(d *directory) { d.Classes[0].Length = -5 }), ErrDamaged},
		"giant grid":        {with(func(d *directory) { d.Shape = [3]int{1 << 19, 1 << 19, 1 << 19} }), ErrTooLarge},
		"negative shape":    {with(func(d *directory) { d.Shape[1] = -10 }), ErrDamaged},
		"bomb": {assemble(t, bomb, directory{Shape: [3]int{2048, 1024, 1024}, Affine: g.Affine, Classes: []entry{{
			Name: "a", Voxels: 2 << 30, Box: [2][3]int{{}, {2048, 1024, 1024}}, Offset: int64(headerSize), Length: int64(len(bomb)),
			Raw: 900 << 20, CRC: crc32.Checksum(bomb, castagnoli),
		}}}), ErrTooLarge},
		"bomb that lies": {assemble(t, bomb, directory{Shape: g.Shape, Affine: g.Affine, Classes: []entry{{
			Name: "a", Voxels: 900, Box: [2][3]int{{}, {20, 10, 5}}, Offset: int64(headerSize), Length: int64(len(bomb)),
			Raw: 60, CRC: crc32.Checksum(bomb, castagnoli),
		}}}), ErrDamaged},
	} {
		f, err := NewFile(bytes.NewReader(c.file), int64(len(c.file)), Options{})
		if err == nil {
			_, err = f.Read("a")
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := NewFile(bytes.NewReader(good), int64(len(good)), Options{MaxVoxels: 999}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
}

// FuzzFile reads whatever it is given; what it can read, it writes and reads
// again as the same.
func FuzzFile(f *testing.F) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, g := range []volume.Grid{grid(20, 10, 5), grid(3, 3, 3)} {
		b, _ := encoded(f, g, []string{"a", "b"}, []*volume.Bits{random(rng, g, 0.2), volume.NewBits(g)})
		f.Add(b)
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := NewFile(bytes.NewReader(b), int64(len(b)), Options{MaxVoxels: 1 << 20})
		if err != nil {
			return
		}
		var names []string
		var ms []*volume.Bits
		for _, c := range in.Classes() {
			m, err := in.Read(c.Name)
			if err != nil {
				continue
			}
			names, ms = append(names, c.Name), append(ms, m)
		}
		again, _ := encoded(t, in.Grid(), names, ms)
		out, err := NewFile(bytes.NewReader(again), int64(len(again)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range ms {
			if got, err := out.Read(names[i]); err != nil || !reflect.DeepEqual(runs(got), runs(m)) {
				t.Fatalf("class %q: %v", names[i], err)
			}
		}
	})
}

// FuzzPayload looks behind the checksums, which keep FuzzFile from the runs.
func FuzzPayload(f *testing.F) {
	g := grid(20, 10, 5)
	m := random(rand.New(rand.NewPCG(9, 9)), g, 0.3)
	box, _ := m.Bounds()
	raw, voxels := new(encoder).encode(nil, m, box)
	f.Add(raw, voxels)
	f.Add([]byte{0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, raw []byte, voxels int) {
		e := &entry{Name: "a", Voxels: voxels, Box: [2][3]int{box.Min, box.Max}}
		back := volume.NewBits(g)
		err := decode(raw, e, new(scratch), func(e *entry, edges []int, j, k int) {
			for i := 0; i < len(edges); i += 2 {
				back.SetRun(e.Box[0][0]+edges[i], e.Box[0][0]+edges[i+1], j, k)
			}
		})
		if err != nil {
			return
		}
		if back.Count() != voxels {
			t.Errorf("%d voxels, %d were promised", back.Count(), voxels)
		}
	})
}
