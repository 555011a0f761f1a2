// Package modeltest is the suite that every implementation of inference.Model
// must pass, wherever its networks run. It knows no implementation and asks for
// no particular answers: only that they are consistent, in order, and refused
// where a caller is at fault.
//
// Start from [Run].
package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"satgraph/inference"
)

// tolerance is how far two answers to one question may be apart: batches of
// other sizes are summed in other orders.
const tolerance = 1e-3

// Run runs the suite. open gives a fresh model each time, which the suite
// closes; prompts are at least two that it can encode in modality m.
func Run(t *testing.T, open func(t *testing.T) inference.Model, m inference.Modality, prompts ...string) {
	t.Helper()
	if len(prompts) < 2 {
		t.Fatal("the suite needs two prompts")
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, model inference.Model, m inference.Modality, prompts []string)
	}{
		{"manifest", manifest},
		{"encode", encode},
		{"decode", decode},
		{"features outlive others", features},
		{"windows together", together},
		{"misuse", misuse},
		{"cancel", cancel},
	} {
		t.Run(c.name, func(t *testing.T) {
			model := open(t)
			defer func() {
				if err := model.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			}()
			c.test(t, model, m, prompts)
		})
	}
	t.Run("closed", func(t *testing.T) {
		model := open(t)
		if err := model.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := model.Encode(context.Background(), []string{"asked of a closed model"}, m); err == nil {
			t.Error("a closed model encodes")
		}
		if _, err := model.Features(context.Background(), patch(model, 0)); err == nil {
			t.Error("a closed model looks")
		}
	})
}

// patch is a smooth pattern.
func patch(model inference.Model, phase float64) []float32 {
	p := model.Manifest().Patch
	out := make([]float32, 0, p[0]*p[1]*p[2])
	for x := range p[0] {
		for y := range p[1] {
			for z := range p[2] {
				out = append(out, float32(math.Sin(0.11*float64(x)+phase)+math.Sin(0.07*float64(y))+math.Sin(0.05*float64(z))))
			}
		}
	}
	return out
}

func close2(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= tolerance*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("%s: value %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}

func manifest(t *testing.T, model inference.Model, m inference.Modality, _ []string) {
	t.Helper()
	man := model.Manifest()
	if man == nil || man.Name == "" || man.EmbeddingWidth <= 0 {
		t.Fatalf("manifest %+v", man)
	}
	if !slices.Contains(man.Modalities, m) {
		t.Errorf("it does not take %v", m)
	}
	if sizer, ok := model.(inference.Sizer); ok {
		f := sizer.Footprint()
		if min(f.Features, f.Held, f.Decode, f.Query) < 0 {
			t.Errorf("footprint %+v", f)
		}
	}
}

func encode(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	ctx := context.Background()
	together, err := model.Encode(ctx, prompts, m)
	if err != nil {
		t.Fatal(err)
	}
	if len(together) != len(prompts) {
		t.Fatalf("%d embeddings of %d prompts", len(together), len(prompts))
	}
	for i, p := range prompts {
		if len(together[i]) != model.Manifest().EmbeddingWidth {
			t.Fatalf("%q has %d numbers", p, len(together[i]))
		}
		alone, err := model.Encode(ctx, []string{p}, m)
		if err != nil {
			t.Fatal(err)
		}
		close2(t, p+" alone", alone[0], together[i])
	}
	if slices.Equal(together[0], together[1]) {
		t.Error("two prompts have one embedding")
	}
	twice, err := model.Encode(ctx, []string{prompts[1], prompts[0], prompts[1]}, m)
	if err != nil {
		t.Fatal(err)
	}
	close2(t, "another order", twice[1], together[0])
	close2(t, "asked twice", twice[2], twice[0])
}

func decode(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	ctx := context.Background()
	queries, err := model.Encode(ctx, prompts, m)
	if err != nil {
		t.Fatal(err)
	}
	f, err := model.Features(ctx, patch(model, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // checked elsewhere
	logits, err := model.Decode(ctx, f, queries)
	if err != nil {
		t.Fatal(err)
	}
	p := model.Manifest().Patch
	size := p[0] * p[1] * p[2]
	if len(logits) != size*len(queries) {
		t.Fatalf("%d logits of %d queries of %d voxels", len(logits), len(queries), size)
	}
	all := slices.Clone(logits)
	for i, q := range queries {
		one, err := model.Decode(ctx, f, [][]float32{q})
		if err != nil {
			t.Fatal(err)
		}
		close2(t, prompts[i]+" alone", one, all[i*size:(i+1)*size])
	}
}

func features(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	ctx := context.Background()
	queries, err := model.Encode(ctx, prompts[:1], m)
	if err != nil {
		t.Fatal(err)
	}
	first, err := model.Features(ctx, patch(model, 0))
	if err != nil {
		t.Fatal(err)
	}
	logits, err := model.Decode(ctx, first, queries)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(logits)
	held := logits
	second, err := model.Features(ctx, patch(model, 1.5))
	if err != nil {
		t.Fatal(err)
	}
	if logits, err = model.Decode(ctx, second, queries); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(logits, before) {
		t.Error("two patches look the same")
	}
	if !slices.Equal(held, before) {
		t.Error("logits are gone after one more call of Decode")
	}
	if logits, err = model.Decode(ctx, first, queries); err != nil {
		t.Fatal(err)
	}
	close2(t, "the first patch again", logits, before)
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Error(err)
	}
}

// together checks that windows looked at in one call (inference.Batcher) look as
// they do one by one, in any order of closing.
func together(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	several, ok := model.(inference.Batcher)
	if !ok {
		t.Skip("it looks at one window at a time")
	}
	ctx := context.Background()
	queries, err := model.Encode(ctx, prompts, m)
	if err != nil {
		t.Fatal(err)
	}
	decode := func(f inference.Features) []float32 {
		logits, err := model.Decode(ctx, f, queries)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(logits)
	}
	patches := [][]float32{patch(model, 0), patch(model, 1.5), patch(model, 3)}
	var want [][]float32
	for _, p := range patches {
		f, err := model.Features(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, decode(f))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time in the memory of the first
		all, err := several.FeaturesOf(ctx, patches)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != len(patches) {
			t.Fatalf("features of %d windows, not %d", len(all), len(patches))
		}
		for i, f := range all {
			close2(t, fmt.Sprintf("patch %d of several", i), decode(f), want[i])
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := several.FeaturesOf(ctx, [][]float32{patches[0], patches[1][1:]}); !errors.Is(err, inference.ErrModelOutput) {
		t.Errorf("a patch of another size: %v", err)
	}
}

type strange struct{}

func (strange) Close() error { return nil }

func misuse(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	ctx := context.Background()
	if _, err := model.Encode(ctx, prompts, "ultrasound"); !errors.Is(err, inference.ErrUnknownModality) {
		t.Errorf("an unknown modality: %v", err)
	}
	if _, err := model.Features(ctx, make([]float32, 5)); !errors.Is(err, inference.ErrModelOutput) {
		t.Errorf("a small patch: %v", err)
	}
	queries, err := model.Encode(ctx, prompts[:1], m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Decode(ctx, strange{}, queries); !errors.Is(err, inference.ErrModelOutput) {
		t.Errorf("features of another model: %v", err)
	}
	f, err := model.Features(ctx, patch(model, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string][][]float32{"no query": {}, "a short query": {queries[0][:1]}} {
		if _, err := model.Decode(ctx, f, q); !errors.Is(err, inference.ErrModelOutput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := model.Decode(ctx, f, queries); !errors.Is(err, inference.ErrModelOutput) {
		t.Errorf("closed features: %v", err)
	}
	// It goes on.
	if _, err := model.Encode(ctx, prompts[:1], m); err != nil {
		t.Error(err)
	}
}

func cancel(t *testing.T, model inference.Model, m inference.Modality, prompts []string) {
	t.Helper()
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := model.Encode(stopped, []string{"never asked before"}, m); !errors.Is(err, context.Canceled) {
		t.Errorf("encode: %v", err)
	}
	if _, err := model.Features(stopped, patch(model, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("features: %v", err)
	}
	f, err := model.Features(context.Background(), patch(model, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // checked elsewhere
	queries, err := model.Encode(context.Background(), prompts[:1], m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Decode(stopped, f, queries); !errors.Is(err, context.Canceled) {
		t.Errorf("decode: %v", err)
	}
	if _, err := model.Decode(context.Background(), f, queries); err != nil {
		t.Errorf("after a cancelled call: %v", err)
	}
}
