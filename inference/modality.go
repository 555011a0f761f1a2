package inference

import (
	"fmt"
	"strings"
)

// Modality is the kind of scanner a class was trained on.
type Modality string

// The modalities a corpus class can have. The empty Modality means "not said":
// a resolver then answers for all of them.
const (
	CT  Modality = "ct"
	MRI Modality = "mri"
	PET Modality = "pet"
)

// Modalities are all modalities, in the order in which plans list them.
var modalities = []Modality{CT, MRI, PET}

// ParseModality reads a modality as people write it ("CT", "MR", "T1w", "PET").
// An empty text gives the empty Modality; anything else unknown gives an error
// that is ErrUnknownModality.
func ParseModality(text string) (Modality, error) {
	switch t := strings.ToLower(strings.TrimSpace(text)); t {
	case "":
		return "", nil
	case "ct", "cta", "cect", "computed tomography":
		return CT, nil
	case "mri", "mr", "t1", "t2", "t1w", "t2w", "flair", "dwi", "magnetic resonance":
		return MRI, nil
	case "pet", "fdg-pet", "pet/ct":
		return PET, nil
	default:
		return "", fmt.Errorf("%w %q: use ct, mri or pet", ErrUnknownModality, text)
	}
}

// String gives the modality as people read it: CT, MRI, PET.
func (m Modality) String() string { return strings.ToUpper(string(m)) }

func (m Modality) rank() int {
	for i, x := range modalities {
		if m == x {
			return i
		}
	}
	return len(modalities)
}
