package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
			if query == "" {
				query = strings.Join(prompts, ", ")
			}
			report, err := a.segment(cmd.Context(), given[0], query, o)
			if report != nil {
				err = errors.Join(a.printReport(report, o), err)
			}
			return err
		},
	}
	o.register(cmd, "")
	cmd.Flags().StringVar(&query, "query", "", `what to segment: "left kidney", "children of heart", …`)
	cmd.Flags().StringArrayVar(&prompts, "prompt", nil, "a structure by name; may be given several times")
	return cmd
}

// segment is the main job: it resolves query, runs the model on the scan, and
// writes masks, report and picture into the output folder. A report comes back
// with errors of the kind "refused" and "done in part" as well.
func (a *app) segment(ctx context.Context, image, query string, o segmentOptions) (_ *inference.Report, err error) {
	modality, err := inference.ParseModality(o.modality)
	if err != nil {
		return nil, err
	}
	resolver, err := a.openResolver(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := resolver.Resolve(query, modality)
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
	defer func() {
		if closeErr := model.Close(); err == nil {
			err = closeErr
		}
	}()

	show := newProgress(a.err)
	var layers []picture.Layer
	names := map[string]bool{}
	report, err := inference.Run(ctx, model, scan, plan, inference.Options{
		Threads:  o.threads,
		Progress: show.update,
		Sink: func(s *inference.StructureResult) error {
			if s.Status != inference.Segmented {
				return nil
			}
			s.File = maskName(s, names)
			if err := volume.WriteMask(filepath.Join(o.out, s.File), s.Mask, scan.Header); err != nil {
				return err
			}
			layers = append(layers, picture.Layer{Name: s.Term, Mask: s.Mask})
			return nil
		},
	})
	show.done()
	if err != nil {
		return nil, err
	}
	return report, a.finish(scan, report, layers, o)
}

// finish writes what describes the masks, and turns the report into the exit
// code's error.
func (a *app) finish(scan *volume.Image, report *inference.Report, layers []picture.Layer, o segmentOptions) error {
	if err := writeReport(filepath.Join(o.out, "report.json"), report); err != nil {
		return err
	}
	if err := writeTable(filepath.Join(o.out, "table.txt"), report); err != nil {
		return err
	}
	if len(layers) > 0 {
		shown, err := picture.Render(scan, layers, picture.Options{Title: report.Query, Footer: report.Notice})
		if err != nil {
			return err
		}
		if err := picture.WritePNG(filepath.Join(o.out, "picture.png"), shown); err != nil {
			return err
		}
	}
	return nil
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

// maskName gives a structure's file name, as in left_heart_ventricle.nii.gz,
// unique among taken.
func maskName(s *inference.StructureResult, taken map[string]bool) string {
	slug := func(text string) string {
		return strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9')
		}), "_"), "_")
	}
	name := slug(s.Term)
	if name == "" || taken[name] {
		name = strings.Trim(name+"_"+slug(s.TermID), "_")
	}
	taken[name] = true
	return name + ".nii.gz"
}
