package gates_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"satgraph/datasets/build"
	"satgraph/datasets/gates"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// drawn is a scan whose masks are boxes of voxels.
type drawn struct {
	dir, id, split string
	seed           uint64 // of the voxels
	boxes          map[string]volume.Box
	broken         bool
}

var drawnGrid = volume.Grid{
	Shape:  [3]int{60, 60, 40},
	Affine: volume.Affine{{2, 0, 0, -60}, {0, 2, 0, -60}, {0, 0, 3, 0}, {0, 0, 0, 1}},
}

func (d *drawn) Origin() standard.Origin {
	return standard.Origin{Dataset: "D", ID: d.id, Patient: d.id, Modality: "ct", Image: d.id, Split: d.split, Recipe: "boxes"}
}

func (d *drawn) Files() []build.File {
	return []build.File{{Name: d.id, Path: filepath.Join(d.dir, d.id)}}
}

func (d *drawn) Read(context.Context) (*build.Voxels, error) {
	if d.broken {
		return nil, volume.ErrTruncated
	}
	rng := rand.New(rand.NewPCG(d.seed, 1))
	im := &volume.Image{Grid: drawnGrid, Data: make([]float32, drawnGrid.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(rng.IntN(1500) - 1000)
	}
	return &build.Voxels{Image: im}, nil
}

func (d *drawn) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	for _, class := range []string{"kidney", "left kidney", "right kidney", "spleen"} {
		m := volume.NewBits(drawnGrid)
		if box, ok := d.boxes[class]; ok {
			for k := box.Min[2]; k < box.Max[2]; k++ {
				for j := box.Min[1]; j < box.Max[1]; j++ {
					m.SetRun(box.Min[0], box.Max[0], j, k)
				}
			}
		}
		if err := add(class, m); err != nil {
			return err
		}
	}
	return nil
}

type drawing []*drawn

func (d drawing) Scans(context.Context) iter.Seq2[build.Scan, error] {
	return func(yield func(build.Scan, error) bool) {
		for _, s := range d {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func box(x0, x1, y0, y1 int) volume.Box {
	return volume.Box{Min: [3]int{x0, y0, 5}, Max: [3]int{x1, y1, 25}}
}

func TestGatesMeasureABuiltCorpus(t *testing.T) {
	dir := t.TempDir()
	// x grows to the right: the left kidney has the smaller one.
	right := map[string]volume.Box{
		"kidney": box(10, 50, 20, 40), "left kidney": box(10, 20, 20, 40),
		"right kidney": box(40, 50, 20, 40), "spleen": box(5, 9, 5, 9),
	}
	swapped := map[string]volume.Box{"kidney": right["kidney"], "left kidney": right["right kidney"], "right kidney": right["left kidney"]}
	outside := map[string]volume.Box{"kidney": box(10, 18, 20, 40), "left kidney": right["left kidney"], "right kidney": right["right kidney"]}
	scans := drawing{
		{dir: dir, id: "good", seed: 1, boxes: right},
		{dir: dir, id: "again", seed: 1, split: "test", boxes: right},
		{dir: dir, id: "swapped", seed: 2, boxes: swapped},
		{dir: dir, id: "outside", seed: 3, boxes: outside},
		{dir: dir, id: "broken", broken: true},
	}
	for _, s := range scans {
		if err := os.WriteFile(filepath.Join(dir, s.id), []byte(s.id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(t.TempDir(), "corpus")
	if _, err := build.Run(t.Context(), scans, build.Options{Dir: at, Settings: standard.SAT(), Workers: 2}); err != nil {
		t.Fatal(err)
	}
	corpus, err := build.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	wholes := map[string][]string{"left kidney": {"kidney"}, "right kidney": {"kidney"}, "spleen": {"left kidney"}}
	r := run(t, gates.Input{Built: gates.BuiltCorpus{Corpus: corpus, Wholes: wholes}})
	for gate, want := range map[string][]string{
		"failed-scans":       {"stop D broken"},
		"same-content":       {"stop D again"},
		"sides":              {"stop D kidney"},
		"outside-whole":      {"warn D left kidney", "warn D right kidney", "warn D spleen"},
		"empty-masks":        {"note D spleen"},
		"unexplained-values": nil,
	} {
		if got := subjects(of(r, gate)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v\n%s", gate, got, want, fmt.Sprint(of(r, gate).Findings))
		}
	}
}
