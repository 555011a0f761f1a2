package phantom

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"satgraph/volume"
)

// notice goes into every phantom.json.
const notice = "synthetic demonstration phantom; not a patient; never for clinical use"

// The files of a phantom's folder.
const (
	ImageFile   = "image.nii.gz"
	TissuesFile = "tissues.nii.gz"
	InfoFile    = "phantom.json"
)

// info is the layout of phantom.json.
type info struct {
	Notice  string              `json:"notice"`
	Seed    uint64              `json:"seed"`
	Version int                 `json:"version"`
	Phase   string              `json:"phase"`
	View    string              `json:"view"`
	Tissues map[uint16]Tissue   `json:"tissues"`
	Classes map[string][]uint16 `json:"classes"`
}

// Write makes dir and writes the scan (int16 HU), its tissue map and phantom.json into it, each
// atomically; files of an earlier phantom there are replaced. phantom.json holds
// {"notice","seed","version","phase","view","tissues":{code:{"name","hu"}},"classes":{name:[codes]}}.
// Errors are the system's or package volume's, wrapped.
func (p *Phantom) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // data for all to read
		return fmt.Errorf("phantom: %w", err)
	}
	if err := volume.WriteImage(filepath.Join(dir, ImageFile), p.Image, volume.Int16); err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	if err := volume.WriteLabelMap(filepath.Join(dir, TissuesFile), p.Tissues); err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	b, err := json.MarshalIndent(info{notice, p.Seed, p.Version, p.Phase, p.View, p.Codes, p.Classes}, "", " ")
	if err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	err = volume.WriteAtomic(filepath.Join(dir, InfoFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("phantom: %w", err)
	}
	return nil
}

// Mask returns the voxels of a class on the phantom's grid, and whether the generator knows the class.
func (p *Phantom) Mask(class string) (*volume.Mask, bool) {
	codes, ok := p.Classes[class]
	if !ok {
		return nil, false
	}
	return p.Tissues.Mask(codes...), true
}
