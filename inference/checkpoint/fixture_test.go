package checkpoint

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"satgraph/inference"
	"satgraph/internal/sharedtest"
)

// options convert the tiny official-format checkpoints.
func options(t *testing.T, variant string) Options {
	t.Helper()
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	return Options{
		Vision:     filepath.Join(dir, variant, "vision.pth"),
		Text:       filepath.Join(dir, "text_encoder.pth"),
		Vocabulary: filepath.Join(dir, "biolord", "vocab.txt"),
		Version:    "1", Patch: [3]int{96, 96, 64}, Spacing: [3]float64{1, 1, 3},
		Modalities: []inference.Modality{inference.CT, inference.MRI, inference.PET},
		Prompts: []inference.Prompt{
			{Name: "liver"}, {Name: "left kidney"}, {Name: "abdominal aorta", Modalities: []inference.Modality{inference.CT}},
		},
	}
}

func TestConvertTwiceGivesTheSameBytes(t *testing.T) {
	o := options(t, "nano")
	var bundles [2]string
	for i := range bundles {
		bundles[i] = filepath.Join(t.TempDir(), "bundle")
		if _, err := Convert(context.Background(), bundles[i], o); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"backbone.onnx", "decoder.onnx", "text.onnx", "vocab.txt", "manifest.json"} {
		a, err1 := os.ReadFile(filepath.Join(bundles[0], name))
		b, err2 := os.ReadFile(filepath.Join(bundles[1], name))
		if err1 != nil || err2 != nil || len(a) == 0 || string(a) != string(b) {
			t.Errorf("%s differs between two conversions (%v, %v)", name, err1, err2)
		}
	}
}
