package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/inference/remote"
	"satgraph/models"
	"satgraph/volume"
	"satgraph/volume/picture"
)

// segmentOptions are the flags that segment and demo share.
type segmentOptions struct {
	modality string
	model    string
	remote   []string
	out      string
	choose   volume.ReadOptions // Series and Volume
	layout   string
	device   string
	memory   string
	restore  string
	threads  int
	fast     bool
	satExact bool
	union    bool
	noResume bool
	asJSON   bool
}

func (o *segmentOptions) register(cmd *cobra.Command, defaultOut string) {
	f := cmd.Flags()
	f.StringVar(&o.modality, "modality", "", "what the scan is: ct, mri or pet (default: what its header says, else what the model takes)")
	chooseFlags(cmd, &o.choose)
	f.StringVar(&o.model, "model", "", "model bundle's folder (default: the built-in demo model)")
	f.StringVarP(&o.out, "out", "o", defaultOut, "folder for the masks, the table and the picture")
	f.StringVar(&o.layout, "layout", layoutFiles, "files: one for each structure; multilabel: one label map; layers: as few label maps as overlaps allow; dicomseg: a DICOM segmentation of a series")
	f.StringArrayVar(&o.remote, "remote", nil, remoteHelp)
	f.StringVar(&o.device, "device", onnx.Auto, "where the model runs: auto, cpu or cuda")
	f.StringVar(&o.memory, "memory", "", "how large the program may become, such as 12GiB (default: what the machine has left)")
	f.StringVar(&o.restore, "interpolation", "linear", "how probabilities are carried to the scan's grid: linear or nearest")
	f.IntVar(&o.threads, "threads", 0, "threads to use (default: all)")
	f.BoolVar(&o.fast, "fast", false, "pass windows by that hold nothing but air; gas in the bowel may be lost")
	f.BoolVar(&o.satExact, "sat-exact", false, "do as SAT's published code does also where that is a fault, to compare with it")
	f.BoolVar(&o.union, "whole-is-union", false, "add to each whole the masks of its parts that are asked as well")
	f.BoolVar(&o.noResume, "no-resume", false, "keep nothing for going on after the program was killed, and begin anew")
	f.BoolVar(&o.asJSON, "json", false, "print the report as one JSON document")
}

// run gives the options of the run itself.
func (o *segmentOptions) run() (inference.Options, error) {
	out := inference.Options{Threads: o.threads, Fast: o.fast, SATExact: o.satExact, WholeIsUnion: o.union}
	var err error
	if out.MemoryBytes, err = parseBytes(o.memory); err != nil {
		return out, usageError{fmt.Errorf("--memory: %w", err)}
	}
	switch o.restore {
	case "linear":
	case "nearest":
		out.Nearest = true
	default:
		return out, usageError{fmt.Errorf("--interpolation %q is neither linear nor nearest", o.restore)}
	}
	if o.threads < 0 {
		return out, usageError{fmt.Errorf("--threads %d is less than none", o.threads)}
	}
	if !o.noResume {
		// Without a folder for it, a run is only not resumed.
		if dir, err := os.UserCacheDir(); err == nil {
			out.Work = filepath.Join(dir, "satgraph", "work")
		}
	}
	return out, nil
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
			if err := errors.Join(err, a.printReport(report, o, err)); err != nil {
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

const segmentGCPercent = 25

// asked is what to segment: a query for the resolver, or class prompts by name.
type asked struct {
	query   string
	prompts []string
}

func (a *app) plan(ctx context.Context, ask asked, m inference.Modality) (*inference.Plan, error) {
	for _, p := range ask.prompts {
		if err := inference.CheckPrompt(p); err != nil {
			return nil, fmt.Errorf("--prompt: %w", err)
		}
	}
	if len(ask.prompts) > 0 {
		return inference.Prompts(m, ask.prompts...), nil
	}
	resolver, err := a.openResolver(ctx)
	if err != nil {
		return nil, err
	}
	return resolver.Resolve(ask.query, m)
}

// unfinished is the error of a run that broke off: there is no more than the
// masks that were written by then.
type unfinished struct{ error }

func (e unfinished) Unwrap() error { return e.error }

// segment is the main job: it resolves what was asked, runs the model on the
// scan, and writes masks, table, report and picture into the output folder. A
// report comes back beside every error that occurs once the run has begun.
func (a *app) segment(ctx context.Context, image string, ask asked, o segmentOptions) (_ *inference.Report, err error) {
	options, err := o.run()
	if err != nil {
		return nil, err
	}
	// Nearly all memory of a run is in use to its end: there is little garbage to
	// wait for, and half the memory to be had.
	debug.SetGCPercent(segmentGCPercent)
	image, end, err := locate(ctx, image, &o.choose)
	if err != nil {
		return nil, err
	}
	defer end()
	info, err := volume.ReadInfoWith(image, o.choose)
	if err != nil {
		return nil, err
	}
	modality, err := inference.ParseModality(cmp.Or(o.modality, info.Modality))
	if err != nil {
		return nil, err
	}
	if info.Modality != "" && string(modality) != info.Modality {
		_, _ = fmt.Fprintf(a.err, "satgraph: the scan says that it is %s; it is taken as %v, as asked\n", strings.ToUpper(info.Modality), modality)
	}
	plan, err := a.plan(ctx, ask, modality)
	if err != nil {
		return nil, err
	}
	read := o.choose
	read.Rectify = o.satExact
	scan, err := volume.ReadImage(image, read)
	if err != nil {
		return nil, err
	}
	out, err := newMasks(o.layout, o.out, scan)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.out); errors.Is(err, fs.ErrNotExist) {
		// A run that writes nothing leaves no folder either.
		defer func() { _ = os.Remove(o.out) }() // only removes an empty one
	}
	if err := probeFolder(o.out); err != nil {
		return nil, err
	}
	model, err := openModel(ctx, o.model, o.remote, onnx.Options{Threads: o.threads, Device: o.device})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	if plan, err = plan.ForModel(model.Manifest()); err != nil {
		return nil, err
	}
	canvas, err := picture.NewCanvas(scan, picture.Options{Title: title(plan.Query), Footer: model.Manifest().Notice})
	if err != nil {
		return nil, err
	}

	shown := pictured(plan)
	show := newProgress(a.err)
	options.Progress, options.Forecast = show.update, show.forecast
	options.Sink = func(s *inference.StructureResult) error {
		if err := out.add(s); err != nil {
			return err
		}
		if !shown[s.TermID+s.Term] {
			return nil
		}
		return canvas.Add(picture.Layer{Name: s.Term, Bits: s.Mask})
	}
	forgetOld(options.Work)
	report, err := inference.Run(ctx, model, scan, plan, options)
	show.done()
	if err != nil {
		for _, bad := range badInput {
			if errors.Is(err, bad) {
				err = fmt.Errorf("%s: %w", image, err)
				break
			}
		}
		return report, unfinished{err}
	}
	err = out.finish(report)
	return report, errors.Join(describeRun(report, canvas, o.out), err)
}

// title is a query with a capital first letter.
func title(query string) string {
	first, size := utf8.DecodeRuneInString(query)
	if size == 0 {
		return query
	}
	return string(unicode.ToUpper(first)) + query[size:]
}

// forgetOld removes what runs left that nobody went on with.
func forgetOld(work string) {
	const keep = 14 * 24 * time.Hour
	entries, err := os.ReadDir(work)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > keep {
			_ = os.Remove(filepath.Join(work, e.Name())) // the next run tries again
		}
	}
}

var reBytes = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$`)

// parseBytes reads a size as people write it: 12GiB, 800 MB, 1.5g. Units are
// powers of 1024. An empty text is 0.
func parseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	m := reBytes.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return 0, fmt.Errorf("%q is no size; write it as 12GiB or 800MB", text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	n *= float64(int64(1) << (10 * strings.Index(" kmgt", cmp.Or(m[2], " "))))
	if n < 1<<20 || n > 1<<60 {
		return 0, fmt.Errorf("%q is not between 1 MiB and 1 EiB", text)
	}
	return int64(n), nil
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
		switch s.Status {
		case inference.Segmented, inference.Absent, inference.OutsideView:
			if len(s.Missing) == 0 {
				continue
			}
		}
		return errPartial
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

// openModel opens a bundle's folder, or the built-in demo model; its networks
// run on servers, if any are named.
func openModel(ctx context.Context, dir string, servers []string, o onnx.Options) (inference.Model, error) {
	if len(servers) > 0 {
		var folder []string
		if dir != "" {
			folder = []string{dir}
		}
		bundle, _, err := openBundle(folder)
		if err != nil {
			return nil, err
		}
		return remote.Open(ctx, bundle, servers, remote.Options{})
	}
	if dir == "" {
		return models.OpenDemo(o)
	}
	if cache, err := os.UserCacheDir(); err == nil {
		o.Cache = filepath.Join(cache, "satgraph", "embeddings")
	}
	return onnx.Open(dir, o)
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
