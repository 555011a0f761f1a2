package inference

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
)

// ManifestFile is the manifest's name in a bundle's folder.
const ManifestFile = "manifest.json"

// Limits of a manifest.
const (
	// MaxManifestBytes bounds manifest.json.
	MaxManifestBytes = 4 << 20
	maxPrompts       = 100_000
	maxPromptBytes   = 1024
	maxPatchVoxels   = 1 << 28
	maxEmbedding     = 1 << 16
	maxSpacing       = 1000 // mm
)

// Manifest is a bundle's manifest.json. Unknown fields are tolerated.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Demo    bool   `json:"demo"`
	Notice  string `json:"notice"`
	// Limitations says what the model is known to do badly; it stands beside
	// every result.
	Limitations    string     `json:"limitations,omitempty"`
	Spacing        [3]float64 `json:"spacing"` // mm, axes R, A, S
	Patch          [3]int     `json:"patch"`   // voxels, axes R, A, S; multiples of 32
	Modalities     []Modality `json:"modalities"`
	Prompts        []Prompt   `json:"prompts"`
	EmbeddingWidth int        `json:"embedding_width"`
	// Pair names the vision network and text encoder that were trained
	// together; every network of the bundle must say the same. May be empty.
	Pair  string            `json:"pair,omitempty"`
	Files map[string]string `json:"files"` // name -> sha256, hex
}

// Prompt is one class that a model was trained on.
type Prompt struct {
	Name       string     `json:"name"`
	Modalities []Modality `json:"modalities"`
	// TermID anchors a class that the corpus does not have; normally empty.
	TermID string `json:"term_id,omitempty"`
	// MinVolumeML is the smallest finding that is believed; anything smaller
	// is reported as absent. 0 believes any voxel, as SAT does.
	MinVolumeML float64 `json:"min_volume_ml,omitempty"`
	// KeepLargest drops all but the largest face-connected component. Off in
	// SAT.
	KeepLargest bool `json:"keep_largest_component,omitempty"`
}

// Warning is what a reader of the model's results must know: notice and
// limitations.
func (m *Manifest) Warning() string {
	return strings.TrimSpace(m.Notice + " " + m.Limitations)
}

// Prompt returns what the manifest says of a class, if the model was trained on
// it in that modality. Case does not matter.
func (m *Manifest) Prompt(class string, mod Modality) (*Prompt, bool) {
	k := key(class)
	for i := range m.Prompts {
		p := &m.Prompts[i]
		if key(p.Name) == k && slices.Contains(p.Modalities, mod) {
			return p, true
		}
	}
	return nil, false
}

// Knows says whether the model was trained on a class in a modality.
func (m *Manifest) Knows(class string, mod Modality) bool {
	_, ok := m.Prompt(class, mod)
	return ok
}

var reSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseManifest reads and checks a manifest. Every error is ErrBadManifest and
// names the field.
func ParseManifest(text []byte) (*Manifest, error) {
	if len(text) > MaxManifestBytes {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are taken", ErrBadManifest, len(text), MaxManifestBytes)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadManifest, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadManifest, err)
	}
	return m, nil
}

func (m *Manifest) check() error {
	if strings.TrimSpace(m.Name) == "" {
		return fmt.Errorf("name is missing")
	}
	voxels := 1
	for a := range 3 {
		if s := m.Spacing[a]; !(s > 0 && s <= maxSpacing) {
			return fmt.Errorf("spacing %v is not three lengths in mm", m.Spacing)
		}
		// Five stages halve the patch.
		if p := m.Patch[a]; p <= 0 || p%32 != 0 || p > maxPatchVoxels/voxels {
			return fmt.Errorf("patch %v is not three multiples of 32 of a sane size", m.Patch)
		}
		voxels *= m.Patch[a]
	}
	if m.EmbeddingWidth <= 0 || m.EmbeddingWidth > maxEmbedding {
		return fmt.Errorf("embedding_width %d is not between 1 and %d", m.EmbeddingWidth, maxEmbedding)
	}
	if err := checkModalities("modalities", m.Modalities); err != nil {
		return err
	}
	if err := m.checkPrompts(); err != nil {
		return err
	}
	if len(m.Files) == 0 {
		return fmt.Errorf("files is empty")
	}
	for name, sum := range m.Files {
		if name == "" || name != path.Base(name) || strings.ContainsAny(name, `/\:`) || strings.HasPrefix(name, ".") {
			return fmt.Errorf("files names %q, which is no plain file name", name)
		}
		if !reSHA256.MatchString(sum) {
			return fmt.Errorf("files gives %q no sha256 of 64 lower-case hex digits", name)
		}
	}
	return nil
}

func (m *Manifest) checkPrompts() error {
	if len(m.Prompts) == 0 || len(m.Prompts) > maxPrompts {
		return fmt.Errorf("prompts has %d entries, not 1 to %d", len(m.Prompts), maxPrompts)
	}
	type pair struct {
		name string
		mod  Modality
	}
	seen := map[pair]bool{}
	for i := range m.Prompts {
		p := &m.Prompts[i]
		if key(p.Name) == "" || len(p.Name) > maxPromptBytes {
			return fmt.Errorf("prompts[%d] has a name of %d bytes, not 1 to %d", i, len(p.Name), maxPromptBytes)
		}
		if len(p.Modalities) == 0 {
			p.Modalities = m.Modalities
		}
		if err := checkModalities("prompt "+p.Name, p.Modalities); err != nil {
			return err
		}
		if !(p.MinVolumeML >= 0) || math.IsInf(p.MinVolumeML, 0) {
			return fmt.Errorf("prompt %q has min_volume_ml %g", p.Name, p.MinVolumeML)
		}
		for _, mod := range p.Modalities {
			k := pair{key(p.Name), mod}
			if seen[k] {
				return fmt.Errorf("prompt %q is there twice for %v", p.Name, mod)
			}
			seen[k] = true
		}
	}
	return nil
}

func checkModalities(what string, list []Modality) error {
	if len(list) == 0 {
		return fmt.Errorf("%s names no modality", what)
	}
	for _, m := range list {
		if !slices.Contains(modalities, m) {
			return fmt.Errorf("%s names the modality %q, not ct, mri or pet", what, m)
		}
	}
	return nil
}
