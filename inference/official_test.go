package inference_test

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"satgraph/inference"
	"satgraph/inference/checkpoint"
	"satgraph/inference/modeltest"
	"satgraph/inference/onnx"
	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
	"satgraph/internal/tooltest"
	"satgraph/volume"
)

// officialModel converts the tiny checkpoint of SAT's own layout that the
// fixture was made with.
func officialModel(t *testing.T) inference.Model {
	t.Helper()
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	if _, err := onnx.FindLibrary(); err != nil {
		tooltest.Missing(t, "%v", err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	var prompts []inference.Prompt
	for _, name := range []string{"liver", "spleen", "left kidney", "aorta", "pancreas"} {
		prompts = append(prompts, inference.Prompt{Name: name})
	}
	_, err := checkpoint.Convert(context.Background(), bundle, checkpoint.Options{
		Vision: filepath.Join(dir, "nano", "vision.pth"), Text: filepath.Join(dir, "text_encoder.pth"),
		Vocabulary: filepath.Join(dir, "biolord", "vocab.txt"), Unpaired: true,
		Name: "tiny", Version: "1", Patch: [3]int{64, 64, 32}, Spacing: [3]float64{1, 1, 3},
		Modalities: []inference.Modality{inference.CT, inference.MRI, inference.PET}, Prompts: prompts,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Open(bundle, onnx.Options{Device: onnx.CPU})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() }) // a second time for those who close it
	return m
}

var officialRuns = []struct {
	name    string
	m       inference.Modality
	prompts []string
}{
	{"a_overlap", inference.MRI, []string{"liver", "spleen", "left kidney"}},
	{"b_smaller_than_patch", inference.CT, []string{"liver", "aorta", "pancreas"}},
}

// The sliding window with the official code's own network: the averaged
// probabilities, within the fixture's tolerance.
func TestProbabilitiesAgreeWithSAT(t *testing.T) {
	m := officialModel(t)
	for _, c := range officialRuns {
		dir := filepath.Join(sharedtest.Path(t, "fixtures/stitch"), c.name)
		data, queries, want := array(t, dir, "normalized.npy"), array(t, dir, "queries.npy"), array(t, dir, "probabilities.npy")
		flat := queries.Float32s()
		var vectors [][]float32
		for i := range queries.Shape[0] {
			vectors = append(vectors, flat[i*queries.Shape[1]:(i+1)*queries.Shape[1]])
		}
		got, err := inference.Probabilities(context.Background(), m, data.Float32s(), [3]int(data.Shape[1:]), vectors)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for i, v := range want.Float32s() {
			worst = max(worst, math.Abs(float64(v-got[i])))
		}
		if !(worst <= 1e-4) {
			t.Errorf("%s: off by %g", c.name, worst)
		}
	}
}

// The whole way, from file and prompts to masks on the scan's grid: no voxel
// differs but where the official probability is within 1e-4 of the threshold.
func TestMasksAgreeWithSAT(t *testing.T) {
	m := officialModel(t)
	for _, c := range officialRuns {
		dir := filepath.Join(sharedtest.Path(t, "fixtures/stitch"), c.name)
		im, err := volume.ReadImage(filepath.Join(dir, "image.nii.gz"), volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want, prob := array(t, dir, "masks.npy").Float32s(), array(t, dir, "probabilities.npy").Float32s()
		for _, exact := range []bool{false, true} {
			found := map[string]*volume.Bits{}
			_, err = inference.Run(context.Background(), m, im, inference.Prompts(c.m, c.prompts...), inference.Options{
				SATExact: exact,
				Sink: func(s *inference.StructureResult) error {
					found[s.Term] = s.Mask.Clone()
					return nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			flips, near := 0, 0
			for q, name := range c.prompts {
				mask := found[name]
				if mask == nil {
					t.Fatalf("%s: no mask of %s", c.name, name)
				}
				for x := range im.Shape[0] {
					for y := range im.Shape[1] {
						for z := range im.Shape[2] {
							at := ((q*im.Shape[0]+x)*im.Shape[1]+y)*im.Shape[2] + z
							switch {
							case mask.At(x, y, z) == (want[at] != 0):
							case math.Abs(float64(prob[at])-0.5) < 1e-4:
								near++
							default:
								flips++
							}
						}
					}
				}
			}
			if flips > 0 {
				t.Errorf("%s: %d voxels differ, and %d within 1e-4 of the threshold", c.name, flips, near)
			}
		}
	}
}

func TestConvertedBundleConforms(t *testing.T) {
	modeltest.Run(t, officialModel, inference.MRI, "liver", "left kidney")
}

func array(t *testing.T, dir, name string) *npy.Array {
	t.Helper()
	a, err := npy.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
