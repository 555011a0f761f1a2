package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/models"
	"satgraph/volume"
	"satgraph/volume/picture"
)

// segmentOptions are the flags that segment and demo share.
type segmentOptions struct {
	modality string
	model    string
	out      string
	threads  int
	asJSON   bool
}

func (o *segmentOptions) register(cmd *cobra.Command, defaultOut string) {
	cmd.Flags().StringVar(&o.modality, "modality", "ct", "what the scan is: ct, mri or pet")
	cmd.Flags().StringVar(&o.model, "model", "", "model bundle's folder (default: the built-in demo model)")
	cmd.Flags().StringVarP(&o.out, "out", "o", defaultOut, "folder for the masks, the table and the picture")
	cmd.Flags().IntVar(&o.threads, "threads", 0, "threads to use (default: all)")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the report as one JSON document")
}

func (a *app) segmentCommand() *cobra.Command {
	var o segmentOptions
	var query string
	var prompts []string
	cmd := &cobra.Command{
		Use:   "segment IMAGE (--query QUERY | --prompt NAME...) -o DIR",
		Short: "Segment what a query asks for in a scan",
		Long: `Segment what a query asks for in a scan: one mask a structure, on the scan's
own grid, with a table, a report and a picture. Structures that can't be
segmented are listed with the reason.`,
		Example: "  satgraph segment ct.nii.gz --query 'children of heart' -o out",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			switch {
			case (query == "") == (len(prompts) == 0):
				return usageError{errors.New("give either --query or --prompt")}
			case o.out == "":
				return usageError{errors.New("give the output folder with -o")}
			}
			ask := asked{query: query, prompts: prompts}
			report, err := a.segment(cmd.Context(), given[0], ask, o)
			if report == nil {
				return err
			}
			if err := errors.Join(err, a.printReport(report, o)); err != nil {
				return err
			}
			return completeness(report)
		},
	}
	o.register(cmd, "")
	cmd.Flags().StringVar(&query, "query", "", `what to segment: "left kidney", "children of heart", …`)
	cmd.Flags().StringArrayVar(&prompts, "prompt", nil, "a structure by name; may be given several times")
	return cmd
}

// asked is what to segment: a query for the resolver, or class prompts by name.
type asked struct {
	query   string
	prompts []string
}

func (a *app) plan(ctx context.Context, ask asked, m inference.Modality) (*inference.Plan, error) {
	if len(ask.prompts) > 0 {
		return inference.Prompts(m, ask.prompts...), nil
	}
	resolver, err := a.openResolver(ctx)
	if err != nil {
		return nil, err
	}
	return resolver.Resolve(ask.query, m)
}

// segment is the main job: it resolves what was asked, runs the model on the
// scan, and writes masks, table, report and picture into the output folder. A
// report comes back beside every error that occurs once the run has begun.
func (a *app) segment(ctx context.Context, image string, ask asked, o segmentOptions) (_ *inference.Report, err error) {
	modality, err := inference.ParseModality(o.modality)
	if err != nil {
		return nil, err
	}
	plan, err := a.plan(ctx, ask, modality)
	if err != nil {
		return nil, err
	}
	scan, err := volume.ReadImage(image, volume.ReadOptions{})
	if err != nil {
		return nil, err
	}
	if err := probeFolder(o.out); err != nil {
		return nil, err
	}
	model, err := openModel(o.model, o.threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	if plan, err = plan.ForModel(model.Manifest()); err != nil {
		return nil, err
	}
	canvas, err := picture.NewCanvas(scan, picture.Options{
		Title: strings.ToUpper(plan.Query[:1]) + plan.Query[1:], Footer: model.Manifest().Notice,
	})
	if err != nil {
		return nil, err
	}

	shown := pictured(plan)
	show := newProgress(a.err)
	report, err := inference.Run(ctx, model, scan, plan, inference.Options{
		Threads:  o.threads,
		Progress: show.update,
		Sink: func(s *inference.StructureResult) error {
			if err := volume.WriteBits(filepath.Join(o.out, s.File), s.Mask, scan.Header); err != nil {
				return err
			}
			if !shown[s.TermID+s.Term] {
				return nil
			}
			return canvas.Add(picture.Layer{Name: s.Term, Bits: s.Mask})
		},
	})
	show.done()
	if err != nil {
		for _, bad := range badInput {
			if errors.Is(err, bad) {
				err = fmt.Errorf("%s: %w", image, err)
				break
			}
		}
		return report, err
	}
	return report, describeRun(report, canvas, o.out)
}

// pictured chooses the terms to draw: all, but for unions of classes that are
// drawn one by one anyway and would only hide under them.
func pictured(plan *inference.Plan) map[string]bool {
	single := map[string]bool{}
	for _, t := range plan.Terms {
		if len(t.Classes) == 1 {
			single[t.Classes[0]] = true
		}
	}
	chosen := map[string]bool{}
	for _, t := range plan.Terms {
		if len(t.Classes) == 1 || slices.ContainsFunc(t.Classes, func(c string) bool { return !single[c] }) {
			chosen[t.ID+t.Name] = true
		}
	}
	return chosen
}

// completeness is errPartial where a structure that was asked for was not even
// looked for, wholly or in part.
func completeness(r *inference.Report) error {
	for _, s := range r.Structures {
		if len(s.Missing) > 0 || s.Status != inference.Segmented && s.Status != inference.Absent {
			return errPartial
		}
	}
	return nil
}

// describeRun writes what stands beside the masks: report, table and picture.
func describeRun(report *inference.Report, canvas *picture.Canvas, dir string) error {
	if err := writeReport(filepath.Join(dir, "report.json"), report); err != nil {
		return err
	}
	if err := writeTable(filepath.Join(dir, "table.txt"), report); err != nil {
		return err
	}
	drawn, err := canvas.Draw()
	if err != nil {
		return err
	}
	return picture.WritePNG(filepath.Join(dir, "picture.png"), drawn)
}

// openModel opens a bundle's folder, or the built-in demo model.
func openModel(dir string, threads int) (inference.Model, error) {
	if dir == "" {
		return models.OpenDemo(onnx.Options{Threads: threads})
	}
	return onnx.Open(dir, onnx.Options{Threads: threads})
}

// probeFolder makes the output folder and tries to write in it, so that an
// hour of work does not end at a folder that takes no file.
func probeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("output folder %s cannot be made: %w; choose another with -o", dir, err)
	}
	probe, err := os.CreateTemp(dir, ".satgraph-*")
	if err != nil {
		return fmt.Errorf("output folder %s cannot be written to: %w; choose another with -o", dir, err)
	}
	_, err = probe.Write(make([]byte, 4096))
	if err = errors.Join(err, probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("output folder %s cannot be written to: %w; choose another with -o", dir, err)
	}
	return nil
}
