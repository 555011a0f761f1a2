package masks

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"satgraph/volume"
)

// One volume takes classes of two files in turn, whole and as boxes, and is each
// time as if it were new.
func TestDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	names := []string{"none", "full", "thin", "noise", "dense", "row"}
	type source struct {
		f  *File
		ms []*volume.Bits
	}
	var sources []source
	for _, g := range []volume.Grid{grid(70, 9, 5), grid(33, 40, 20)} {
		full, row := volume.NewBits(g), volume.NewBits(g)
		for k := range g.Shape[2] {
			for j := range g.Shape[1] {
				full.SetRun(0, g.Shape[0], j, k)
			}
		}
		row.SetRun(0, g.Shape[0], 3, 2) // as wide as the volume
		ms := []*volume.Bits{volume.NewBits(g), full, random(rng, g, 0.01), random(rng, g, 0.5), random(rng, g, 0.97), row}
		b, _ := encoded(t, g, names, ms)
		f, err := NewFile(bytes.NewReader(b), int64(len(b)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source{f, ms})
	}
	var d Dense
	for range 200 {
		s := sources[rng.IntN(len(sources))]
		n := rng.IntN(len(names))
		want, read := s.ms[n].Dense(), s.f.ReadDense
		if rng.IntN(2) == 0 {
			read = s.f.ReadBox
			if box, ok := want.Bounds(); ok {
				var err error
				if want, err = want.Crop(box); err != nil {
					t.Fatal(err)
				}
			} else {
				want = &volume.Mask{}
			}
		}
		if err := read(names[n], &d); err != nil {
			t.Fatal(err)
		}
		if d.Grid != want.Grid || !bytes.Equal(d.Data, want.Data) {
			t.Fatalf("%q of %v is another mask", names[n], s.f.Grid().Shape)
		}
	}
	if err := sources[0].f.ReadDense("spleen", &d); !errors.Is(err, ErrNoClass) {
		t.Errorf("a class that is not there: %v", err)
	}
}

// A class that can't be read to its end leaves nothing in the next.
func TestDenseAfterDamage(t *testing.T) {
	g := grid(20, 10, 5)
	m := random(rand.New(rand.NewPCG(3, 4)), g, 0.4)
	good, _ := encoded(t, g, []string{"a", "none"}, []*volume.Bits{m, volume.NewBits(g)})
	f, err := NewFile(bytes.NewReader(good), int64(len(good)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.classes[0].Voxels++ // found at the end alone
	var d Dense
	if err := f.ReadDense("a", &d); !errors.Is(err, ErrDamaged) || !bytes.Contains(d.Data, []byte{1}) {
		t.Fatalf("%v", err)
	}
	if err := f.ReadDense("none", &d); err != nil || bytes.Contains(d.Data, []byte{1}) {
		t.Errorf("%v, and voxels are left", err)
	}
}
