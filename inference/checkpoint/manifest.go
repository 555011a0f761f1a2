package checkpoint

import (
	"encoding/json"
	"fmt"
	"slices"

	"satgraph/inference"
	"satgraph/inference/checkpoint/torchfile"
)

// Manifest is a converted bundle's manifest: what every bundle has, and what a
// conversion knows of the networks.
type Manifest struct {
	inference.Manifest
	// Parameters counts the trained numbers of each network.
	Parameters Parameters `json:"parameters,omitzero"`
	// Vision and Text are the networks' sizes.
	Vision VisionSizes `json:"vision,omitzero"`
	Text   TextSizes   `json:"text,omitzero"`
	// Weights is how they are stored: float32 or float16.
	Weights string  `json:"weights,omitempty"`
	Source  Sources `json:"source,omitzero"`

	SelfTest *inference.SelfTest `json:"self_test,omitempty"`
}

// Parameters of the networks. Vision counts all that the checkpoint trains, as
// publications do; Unused is what of both networks inference leaves out.
type Parameters struct {
	Vision int64 `json:"vision"`
	Text   int64 `json:"text"`
	Unused int64 `json:"unused"`
}

// Sources are the checkpoints that a bundle was made of.
type Sources struct {
	Vision Source `json:"vision"`
	Text   Source `json:"text"`
}

// Variant names the released model that has these sizes, or is empty.
func (m *Manifest) Variant() string { return m.Vision.variant() }

// Source is one checkpoint.
type Source struct {
	SHA256 string `json:"sha256"`
	Step   int64  `json:"step"` // of the training; -1 where the file says none
}

// ReadManifest reads what a bundle's manifest says beyond inference.Manifest.
// Of a bundle that was not converted those fields are empty.
func ReadManifest(doc []byte) (*Manifest, error) {
	common, err := inference.ParseManifest(doc)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(doc, m); err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBadManifest, err)
	}
	m.Manifest = *common
	return m, nil
}

// notice stands beside every result of a converted model.
const notice = "Converted from checkpoints of SAT. Research model, never for clinical use."

func newManifest(o Options) *Manifest {
	m := &Manifest{Manifest: inference.Manifest{
		Name: o.Name, Version: o.Version, Notice: notice,
		Spacing: o.Spacing, Patch: o.Patch, Modalities: o.Modalities, Prompts: o.Prompts,
	}, Weights: "float32"}
	if o.Half {
		m.Weights = "float16"
	}
	return m
}

// check holds the options to what a manifest may say, before any work is done.
func (m *Manifest) check() error {
	draft := m.Manifest
	draft.Files = map[string]string{backboneFile: fmt.Sprintf("%064x", 0)}
	draft.EmbeddingWidth = 1
	if draft.Name == "" {
		draft.Name = "SAT"
	}
	doc, err := json.Marshal(draft)
	if err != nil {
		return fmt.Errorf("%w: %w", inference.ErrBadManifest, err)
	}
	_, err = inference.ParseManifest(doc)
	return err
}

// describe notes what the checkpoints say.
func (m *Manifest) describe(v *VisionSizes, x *TextSizes, vf, tf *torchfile.File) {
	m.Vision, m.Text, m.EmbeddingWidth = *v, *x, v.Width
	if m.Name == "" {
		m.Name = v.variant()
	}
	if m.Name == "" {
		m.Name = "SAT"
	}
	trained := func(key string) bool { return !pretraining(key) }
	m.Parameters = Parameters{
		Vision: parameters(vf, trained), Text: parameters(tf, trained),
		Unused: parameters(vf, unusedVision) + parameters(tf, func(key string) bool { return unusedText(key) && trained(key) }),
	}
	m.Source.Vision.Step, m.Source.Text.Step = vf.Step, tf.Step
}

func (m *Manifest) encode() ([]byte, error) {
	doc, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	if len(doc) > inference.MaxManifestBytes {
		return nil, fmt.Errorf("%w: it would have %d bytes, at most %d are taken", inference.ErrBadManifest, len(doc), inference.MaxManifestBytes)
	}
	return append(doc, '\n'), nil
}

// testPatch is the self-test's image, where the model's patch is not smaller.
var testPatch = [3]int{64, 64, 32}

// Sizes of the self-test.
const (
	testValues    = 8 // of an embedding
	testTolerance = 0.01
)

// newSelfTest asks for the embeddings of some prompts in each modality, and for
// the logits of the first two at corners and middle of a small image.
func (m *Manifest) newSelfTest() *inference.SelfTest {
	t := &inference.SelfTest{Image: inference.SelfTestFormula, Modality: m.Modalities[0], Tolerance: testTolerance}
	for a := range t.Patch {
		t.Patch[a] = min(m.Patch[a], max(testPatch[a], m.Vision.stride()))
	}
	for _, mod := range m.Modalities {
		var names []string
		for _, p := range m.Prompts {
			if slices.Contains(p.Modalities, mod) || len(p.Modalities) == 0 {
				names = append(names, p.Name)
			}
		}
		for i := range min(len(names), 3) {
			name := names[i*(len(names)-1)/2]
			if len(names) < 3 {
				name = names[i]
			}
			t.Embeddings = append(t.Embeddings, inference.TestEmbedding{Prompt: name, Modality: mod, First: make([]float64, testValues)})
			if mod != t.Modality || i > 1 {
				continue
			}
			h, w, d := t.Patch[0], t.Patch[1], t.Patch[2]
			for _, at := range [][3]int{{0, 0, 0}, {h / 2, w / 2, d / 2}, {h - 1, w / 3, d / 4}, {h / 3, w - 1, d - 1}} {
				t.Probes = append(t.Probes, inference.TestProbe{Prompt: name, Voxel: at})
			}
		}
	}
	return t
}
