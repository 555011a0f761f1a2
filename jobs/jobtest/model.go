// Package jobtest has a model for the tests of jobs and of the service. It is
// for tests only and segments nothing real: it finds what is brighter than a
// threshold, and can be made to wait, to fail or to panic at a moment of the
// test's choice.
package jobtest

import (
	"context"
	"fmt"

	"satgraph/inference"
)

// Model is a test-only inference.Model. Its prompts are Bright (voxels above
// the scan's mean), Dark (the others) and Nothing (no voxel).
type Model struct {
	// Look, if set, is called before each window is looked at; its error ends
	// the run.
	Look func(ctx context.Context) error
}

// The classes that the model knows.
const (
	Bright  = "left heart atrium"
	Dark    = "right heart atrium"
	Nothing = "heart ventricle left"
)

// Manifest of a demo model that takes CT only.
func (m *Model) Manifest() *inference.Manifest {
	manifest := &inference.Manifest{
		Name: "test-only", Version: "0", Demo: true, Notice: "Test-only model: never for clinical use.",
		Spacing: [3]float64{3, 3, 3}, Patch: [3]int{32, 32, 32},
		Modalities: []inference.Modality{inference.CT}, EmbeddingWidth: 1,
	}
	for _, name := range []string{Bright, Dark, Nothing} {
		manifest.Prompts = append(manifest.Prompts, inference.Prompt{Name: name, Modalities: manifest.Modalities})
	}
	return manifest
}

// Encode gives each prompt a number.
func (m *Model) Encode(_ context.Context, prompts []string, _ inference.Modality) ([][]float32, error) {
	out := make([][]float32, len(prompts))
	for i, p := range prompts {
		switch p {
		case Bright:
			out[i] = []float32{1}
		case Dark:
			out[i] = []float32{-1}
		case Nothing:
			out[i] = []float32{0}
		default:
			return nil, fmt.Errorf("the test's model does not know %q", p)
		}
	}
	return out, nil
}

type features []float32

func (features) Close() error { return nil }

// Features keeps the window's intensities.
func (m *Model) Features(ctx context.Context, patch []float32) (inference.Features, error) {
	if m.Look != nil {
		if err := m.Look(ctx); err != nil {
			return nil, err
		}
	}
	return features(append([]float32(nil), patch...)), nil
}

// Decode gives logits of ±10.
func (m *Model) Decode(_ context.Context, f inference.Features, queries [][]float32) ([]float32, error) {
	patch, ok := f.(features)
	if !ok {
		return nil, fmt.Errorf("features of another model: %T", f)
	}
	out := make([]float32, 0, len(queries)*len(patch))
	for _, q := range queries {
		for _, v := range patch {
			if v*q[0] > 0 {
				out = append(out, 10)
			} else {
				out = append(out, -10)
			}
		}
	}
	return out, nil
}

// Close does nothing.
func (m *Model) Close() error { return nil }

// Models opens one model under any name.
type Models struct{ Model inference.Model }

// Open gives the model.
func (m Models) Open(context.Context, string) (inference.Model, error) { return m.Model, nil }
