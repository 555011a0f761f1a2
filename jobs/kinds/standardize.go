package kinds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"satgraph/datasets/standard"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/volume"
)

// StandardizeParams say how a scan is brought to the standard form.
type StandardizeParams struct {
	Modality inference.Modality `json:"modality"`
	// Spacing in mm along the axes.
	Spacing [3]float64 `json:"spacing"`
	// AsPublished does as SAT's published code also where that is a fault.
	AsPublished bool `json:"asPublished,omitempty"`
}

// maxSpacing bounds voxels, in mm: a scan of one voxel trains nobody.
const maxSpacing = 100

// Check says what is wrong with them; the error is a *MistakeError.
func (p *StandardizeParams) Check() error {
	if p.Modality == "" {
		return &MistakeError{"modality", "the kind of scan must be said: intensities are clipped by it", "give CT, MRI or PET"}
	}
	return checkSpacing(p.Spacing)
}

func checkSpacing(spacing [3]float64) error {
	for _, mm := range spacing {
		if !(mm >= 0.1 && mm <= maxSpacing) {
			return &MistakeError{"spacing", fmt.Sprintf("a spacing of %v mm cannot be used", mm), fmt.Sprintf("give three numbers from 0.1 to %d", maxSpacing)}
		}
	}
	return nil
}

// Standardized is what came of it.
type Standardized struct {
	Shape       [3]int     `json:"shape"`
	Spacing     [3]float64 `json:"spacing"`
	Orientation string     `json:"orientation"`
	// Files are the image and the record of what was done to it.
	Files []File `json:"files"`
}

// The files of a scan in the standard form.
const (
	standardImage  = "image.nii.gz"
	standardRecord = "record.json"
)

type standardize struct {
	max     int64 // bytes of voxels
	threads int
	program string
}

// Run standardises one scan.
func (k *standardize) Run(ctx context.Context, t *jobs.Task) (*jobs.Outcome, error) {
	p, err := params[StandardizeParams](t)
	if err != nil {
		return nil, err
	}
	phase := func(name string, progress float64, done int) {
		t.Update(func(s *jobs.Status) { s.Phase, s.Progress, s.Done, s.Total = name, progress, done, 1 })
	}
	phase("read", 0, 0)
	im, err := volume.ReadImage(t.Image, volume.ReadOptions{MaxBytes: k.max, Alone: true, Rectify: p.AsPublished})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	phase("standardize", 0.3, 0)
	settings := standard.SAT()
	settings.Spacing, settings.AsPublished = p.Spacing, p.AsPublished
	scan, err := standard.New(ctx, im, p.Modality == inference.CT, settings, k.threads)
	if err != nil {
		return nil, err
	}
	phase("write", 0.7, 0)
	if err := volume.WriteImage(filepath.Join(t.Out, standardImage), scan.Image, volume.Float32); err != nil {
		return nil, err
	}
	record := scan.Record(standard.Origin{
		Image: t.Request.ImageID, Modality: string(p.Modality), Input: t.Request.ImageSHA256, Program: k.program,
	})
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return nil, err
	}
	err = volume.WriteAtomic(filepath.Join(t.Out, standardRecord), func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(append(text, '\n')))
		return err
	})
	if err != nil {
		return nil, err
	}
	g := scan.Image.Grid
	out := Standardized{Shape: g.Shape, Spacing: g.Spacing(), Orientation: g.Orientation()}
	for _, name := range []string{standardImage, standardRecord} {
		f, err := describe(t.Out, name)
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, f)
	}
	phase("write", 1, 1)
	return ended(jobs.Done, out, record.Warnings)
}

func describe(dir, name string) (f File, err error) {
	from, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return f, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, from)
	return File{name, n, hex.EncodeToString(sum.Sum(nil))}, errors.Join(err, from.Close())
}
