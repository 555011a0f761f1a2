package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"slices"

	"satgraph/inference"
	"satgraph/volume"
)

// Models gives a worker the model that a job names.
type Models interface {
	// Open loads a model; the worker closes it after the job. The empty name
	// is the default model. Errors are those of the model's loader.
	Open(ctx context.Context, name string) (inference.Model, error)
}

// Manifests is what [Models] may say beside: the models that there are. Where it
// does not, its worker takes jobs of any model.
type Manifests interface {
	Manifests() []*inference.Manifest
}

// segmentation is the kind of work that the program is for.
type segmentation struct {
	models Models
	run    inference.Options
	max    int64 // bytes of voxels
}

// Run segments a scan.
func (k *segmentation) Run(ctx context.Context, t *Task) (_ *Outcome, err error) {
	request := &t.Request
	model, err := k.models.Open(ctx, request.Model)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	m := model.Manifest()
	t.Update(func(s *Status) {
		s.Model = ModelInfo{Name: m.Name, Version: m.Version, Demo: m.Demo, Notice: m.Warning()}
		s.Structures = planned(request.Plan)
	})
	im, err := volume.ReadImage(t.Image, volume.ReadOptions{MaxBytes: k.max, Alone: true})
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("the scan is gone: %w", err)
		}
		return nil, err
	}
	o := k.run
	o.Work = t.Work
	o.Sink = func(s *inference.StructureResult) error {
		if err := volume.WriteBits(filepath.Join(t.Out, s.File), s.Mask, im.Header); err != nil {
			return err
		}
		found := *s
		found.Mask = nil
		t.Update(func(now *Status) {
			i := slices.IndexFunc(now.Structures, func(p inference.StructureResult) bool {
				return p.TermID == s.TermID && p.Term == s.Term
			})
			if i >= 0 {
				now.Structures = slices.Clone(now.Structures) // others may read the former
				now.Structures[i] = found
			}
		})
		return nil
	}
	again := t.Starts > 1
	o.Progress = func(p inference.Progress) {
		if again && p.Phase == inference.PhaseWindows {
			again = false
			t.Log.Info("a job goes on from its saved state", "windows", p.Done, "of", p.Total)
		}
		t.Update(func(s *Status) { s.Phase, s.Progress = p.Phase, fraction(p) })
	}
	// A run's heap is large, and its forecast counts on little garbage; what a
	// service otherwise allows itself is put back after.
	defer debug.SetGCPercent(debug.SetGCPercent(runGCPercent))
	report, err := inference.Run(ctx, model, im, request.Plan, o)
	if report == nil {
		return nil, err
	}
	out := &Outcome{Structures: slices.Clone(report.Structures), Warnings: report.Warnings}
	for i := range out.Structures {
		out.Structures[i].Mask = nil
		unreached(&out.Structures[i])
	}
	if errors.Is(err, inference.ErrNothingSegmentable) {
		out.State, err = Refused, nil
	} else {
		out.State = outcome(out.Structures)
	}
	return out, err
}

// runGCPercent is by how much the heap may grow between collections during a
// run, in percent.
const runGCPercent = 25

// fraction turns the progress of a phase into that of the job. The windows take
// most of the time, by far.
func fraction(p inference.Progress) float64 {
	span := map[string][2]float64{
		inference.PhasePrepare: {0, 0.05},
		inference.PhaseEncode:  {0.05, 0.1},
		inference.PhaseWindows: {0.1, 0.85},
		inference.PhaseRestore: {0.85, 1},
	}[p.Phase]
	if p.Total <= 0 {
		return span[0]
	}
	return span[0] + (span[1]-span[0])*min(1, float64(p.Done)/float64(p.Total))
}
