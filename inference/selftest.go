package inference

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrSelfTest says that a bundle computes something else than what it notes of itself.
var ErrSelfTest = errors.New("the model does not compute what its bundle notes")

// SelfTest is what a bundle notes of its own results, so that another machine
// can check that it computes the same: some embeddings, and logits at a few
// voxels of an image that is a formula.
type SelfTest struct {
	// Image is the formula in words: it is always SelfTestImage.
	Image string `json:"image"`
	// Patch is the image's size; none means the manifest's patch.
	Patch    [3]int   `json:"patch,omitzero"`
	Modality Modality `json:"modality"` // of the probes
	// Embedding is that of the first prompt; Embeddings are any.
	Embedding  *TestEmbedding  `json:"embedding,omitempty"`
	Embeddings []TestEmbedding `json:"embeddings,omitempty"`
	Probes     []TestProbe     `json:"probes"`
	Tolerance  float64         `json:"tolerance"` // largest difference, logits and embeddings alike
}

// TestEmbedding is the beginning of a prompt's embedding.
type TestEmbedding struct {
	Prompt   string    `json:"prompt"`
	Modality Modality  `json:"modality,omitempty"` // none means SelfTest.Modality
	First    []float64 `json:"first"`
}

// TestProbe is the logit of a prompt at a voxel of the image.
type TestProbe struct {
	Prompt string  `json:"prompt"`
	Voxel  [3]int  `json:"voxel"`
	Logit  float64 `json:"logit"`
}

// SelfTestImage is the intensity at a voxel of the self-test's image, which is
// the same in all channels.
func SelfTestImage(h, w, d int) float32 {
	return float32(math.Sin(0.11*float64(h)) + math.Sin(0.07*float64(w)) + math.Sin(0.05*float64(d)))
}

// SelfTestFormula is SelfTestImage in words.
const SelfTestFormula = "v(h,w,d) = sin(0.11 h) + sin(0.07 w) + sin(0.05 d), voxel indices, the same in all channels"

// Check compares what a machine computed with what the bundle notes, and
// returns the largest difference. The error is ErrSelfTest.
func (t *SelfTest) Check(got *SelfTest) (float64, error) {
	want, have := t.vectors(), got.vectors()
	if len(want) != len(have) || len(t.Probes) != len(got.Probes) {
		return 0, fmt.Errorf("%w: %d embeddings and %d probes, not %d and %d", ErrSelfTest, len(have), len(got.Probes), len(want), len(t.Probes))
	}
	worst, where := 0.0, ""
	compare := func(noted, computed float64, format string, args ...any) {
		if d := math.Abs(noted - computed); !(d <= worst) {
			worst, where = d, fmt.Sprintf(format+" is %g, noted is %g", append(args, computed, noted)...)
		}
	}
	for i, e := range want {
		if len(e.First) != len(have[i].First) {
			return 0, fmt.Errorf("%w: an embedding of %q of %d numbers, not %d", ErrSelfTest, e.Prompt, len(have[i].First), len(e.First))
		}
		for j, v := range e.First {
			compare(v, have[i].First[j], "number %d of the embedding of %q", j, e.Prompt)
		}
	}
	for i, p := range t.Probes {
		compare(p.Logit, got.Probes[i].Logit, "the logit of %q at voxel %v", p.Prompt, p.Voxel)
	}
	if !(worst <= t.Tolerance) {
		return worst, fmt.Errorf("%w: %s (tolerance %g)", ErrSelfTest, where, t.Tolerance)
	}
	return worst, nil
}

// Clone is a copy that can be filled in anew.
func (t *SelfTest) Clone() *SelfTest {
	c := *t
	if t.Embedding != nil {
		e := *t.Embedding
		e.First = slices.Clone(e.First)
		c.Embedding = &e
	}
	c.Embeddings = slices.Clone(t.Embeddings)
	for i := range c.Embeddings {
		c.Embeddings[i].First = slices.Clone(c.Embeddings[i].First)
	}
	c.Probes = slices.Clone(t.Probes)
	return &c
}

// Vectors is the number of embeddings.
func (t *SelfTest) Vectors() int { return len(t.vectors()) }

func (t *SelfTest) vectors() []TestEmbedding {
	list := t.Embeddings
	if t.Embedding != nil {
		list = append([]TestEmbedding{*t.Embedding}, list...)
	}
	return list
}
