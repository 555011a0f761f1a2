package view_test

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"satgraph/datasets/build"
	"satgraph/datasets/build/view"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/standard"
	"satgraph/volume"
)

// one is a source of a single scan with two classes, of 16 and 12 voxels.
type one struct{}

var grid = volume.Grid{Shape: [3]int{40, 30, 20}, Affine: volume.Affine{{-3, 0, 0, 50}, {0, -3, 0, 60}, {0, 0, 3, -7}, {3: 1}}}

func (o one) Scans(context.Context) iter.Seq2[build.Scan, error] {
	return func(yield func(build.Scan, error) bool) { yield(o, nil) }
}

func (one) Origin() standard.Origin {
	return standard.Origin{Dataset: "KiTS23", ID: "case", Modality: "ct", Patient: "p", Side: "train", Split: "unknown"}
}

func (one) Files() []build.File { return nil }

func (one) Read(context.Context) (*build.Voxels, error) {
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i%50 + 1)
	}
	return &build.Voxels{Image: im}, nil
}

func (one) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	whole, part := volume.NewBits(grid), volume.NewBits(grid)
	for k := 10; k < 12; k++ {
		for j := 10; j < 12; j++ {
			whole.SetRun(10, 14, j, k)
			part.SetRun(10, 12, j, k)
		}
		part.SetRun(10, 12, 12, k)
	}
	if err := add("kidney", whole); err != nil {
		return err
	}
	return add("kidney cyst", part)
}

func TestSamples(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	set := standard.SAT()
	set.Spacing = [3]float64{3, 3, 3}
	if _, err := build.Run(ctx, one{}, build.Options{Dir: dir, Settings: set}); err != nil {
		t.Fatal(err)
	}
	records, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := view.Open(dir, records)
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range c.Samples(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Name() != "KiTS23/case" || s.Split != export.Train || !s.Normalised || s.Homepage == "" || len(s.Classes) != 2 || s.Digest == "" {
			t.Errorf("sample %+v", s)
		}
		scan, err := c.Open(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		im, err := scan.Image(ctx)
		if err != nil {
			t.Fatal(err)
		}
		m, err := scan.Mask(ctx, 1)
		if err != nil || m.Count() != 12 || m.Grid != im.Grid {
			t.Errorf("mask of %d voxels, %v", m.Count(), err)
		}
		if err := scan.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Open(ctx, &export.Sample{Dataset: "KiTS23", ID: "another"}); err == nil {
		t.Error("a scan that is not there was opened")
	}

	// A scan that is damaged is listed by its name, as far as it is known.
	for _, file := range []string{standard.MasksFile, standard.RecordFile} {
		if err := os.Truncate(filepath.Join(dir, c.Scans[0].Folder, file), 60); err != nil {
			t.Fatal(err)
		}
		n := 0
		for s, err := range c.Samples(ctx) {
			if n++; err == nil || s == nil || s.Name() != "KiTS23/case" || (s.Modality == "") != (file == standard.RecordFile) {
				t.Errorf("%s is damaged: %+v, %v", file, s, err)
			}
		}
		if n != 1 {
			t.Errorf("%d scans are listed", n)
		}
	}
}
