package onnx

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"satgraph/inference"
	"satgraph/internal/npy"
	"satgraph/volume"
)

func TestTmpParity(t *testing.T) {
	m, err := Open("/tmp/inf/tiny", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		dir    string
		mod    inference.Modality
		labels []string
	}{{"a_overlap", inference.MRI, []string{"liver", "spleen", "left kidney"}}, {"b_smaller_than_patch", inference.CT, []string{"liver", "aorta", "pancreas"}}} {
		dir := filepath.Join("/work/shared/fixtures/stitch", c.dir)
		im, err := volume.ReadImage(filepath.Join(dir, "image.nii.gz"), volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		q, err := m.Encode(context.Background(), c.labels, c.mod)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := npy.ReadFile(filepath.Join(dir, "queries.npy"))
		want := a.Float32s()
		worst := 0.0
		for i := range q {
			for j := range q[i] {
				worst = math.Max(worst, math.Abs(float64(q[i][j]-want[i*len(q[i])+j])))
			}
		}
		t.Log(c.dir, "query diff", worst)
		mk, _ := npy.ReadFile(filepath.Join(dir, "masks.npy"))
		masks, err := mk.Uint8s()
		if err != nil {
			f := mk.Float32s()
			masks = make([]uint8, len(f))
			for i := range f {
				masks[i] = uint8(f[i])
			}
		}
		n := im.Voxels()
		for _, mem := range []int64{0, int64(2 * 4 * n)} {
			got := 0
			rep, err := inference.Run(context.Background(), m, im, inference.Prompts(c.mod, c.labels...), inference.Options{MemoryBytes: mem, Sink: func(s *inference.StructureResult) error {
				diff := 0
				var li int
				for li = range c.labels {
					if c.labels[li] == s.Term {
						break
					}
				}
				for k := range im.Shape[2] {
					for j := range im.Shape[1] {
						for i := range im.Shape[0] {
							w := masks[li*n+(i*im.Shape[1]+j)*im.Shape[2]+k]
							if w != s.Mask.Data[im.Index(i, j, k)] {
								diff++
							}
						}
					}
				}
				t.Log(c.dir, s.Term, s.Voxels, "flips", diff, s.Reason)
				got++
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(got, rep.Windows, rep.Passes, rep.Seconds, rep.Warnings)
		}
	}
}
