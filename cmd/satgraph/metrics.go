package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/metrics"
	"satgraph/volume"
)

// score is a line of the metrics document: one structure of one case. What is
// not a finite number is null.
type score struct {
	Case        string   `json:"case,omitempty"`
	Structure   string   `json:"structure"`
	Status      string   `json:"status"`
	Dice        *float64 `json:"dice"`
	NSD         *float64 `json:"nsd"`
	HD95        *float64 `json:"hd95"`
	ASSD        *float64 `json:"assd"`
	VolumeError *float64 `json:"volumeError"`
	PredVolume  float64  `json:"predMl"`
	RefVolume   float64  `json:"refMl"`
}

// summary is the mean over cases, with a 95% bootstrap interval.
type summary struct {
	Structure string            `json:"structure"`
	Cases     int               `json:"cases"`
	Dice      *metrics.Interval `json:"dice"`
	NSD       *metrics.Interval `json:"nsd"`
}

type metricsReport struct {
	Tolerance float64   `json:"toleranceMm"`
	SATExact  bool      `json:"satExact,omitempty"`
	Scores    []score   `json:"scores"`
	Summary   []summary `json:"summary"`
	Unpaired  []string  `json:"unpaired,omitempty"`
}

func (a *app) metricsCommand() *cobra.Command {
	var asJSON bool
	o := metrics.Options{}
	cmd := &cobra.Command{
		Use:   "metrics PRED REF",
		Short: "Compare segmentations with references: DSC, NSD, HD95, volume",
		Long: `Compare predictions with references on the same grid: Dice (DSC), normalised
surface distance (NSD) at a tolerance, the 95th percentile of the surface
distance (HD95, mm), the average surface distance (ASSD, mm) and volumes.

PRED and REF are two files or two folders with files of the same names. A file
with values other than 0 and 1 is a case with a structure for each value; a file
of 0 and 1 is one structure, called like the file. Structures that neither has
are left out of means; one that only one of the two has counts as 0.`,
		Example: "  satgraph metrics out/ reference/ --tolerance 2",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, given []string) error {
			if !(o.Tolerance > 0) || math.IsInf(o.Tolerance, 1) {
				return usageError{fmt.Errorf("--tolerance %g: want a length in mm", o.Tolerance)}
			}
			report := &metricsReport{Tolerance: o.Tolerance, SATExact: o.SATExact}
			pairs, err := pairUp(given[0], given[1], report)
			if err != nil {
				return err
			}
			for _, p := range pairs {
				if err := report.compare(p, o); err != nil {
					return err
				}
			}
			report.summarise()
			if asJSON {
				err = a.printJSON(report)
			} else {
				a.printMetrics(report)
			}
			if err == nil && len(report.Unpaired) > 0 {
				return errPartial
			}
			return err
		},
	}
	cmd.Flags().Float64Var(&o.Tolerance, "tolerance", metrics.DefaultTolerance, "tolerance of NSD in mm")
	cmd.Flags().BoolVar(&o.SATExact, "sat-exact", false, "as SAT's own evaluation: spacing taken as 1×1×3 mm, empty in both counts 1")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// pair is a prediction and its reference; name is the file's.
type pair struct{ name, pred, ref string }

// pairUp pairs files by name. Those without a partner are listed in the report.
func pairUp(pred, ref string, report *metricsReport) ([]pair, error) {
	p, err := volumesOf(pred)
	if err != nil {
		return nil, err
	}
	r, err := volumesOf(ref)
	if err != nil {
		return nil, err
	}
	if p == nil || r == nil {
		if p != nil || r != nil {
			return nil, usageError{errors.New("give two files or two folders")}
		}
		return []pair{{base(ref), pred, ref}}, nil
	}
	var pairs []pair
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if p[name] == "" {
			report.Unpaired = append(report.Unpaired, r[name])
			continue
		}
		pairs = append(pairs, pair{name, p[name], r[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if r[name] == "" {
			report.Unpaired = append(report.Unpaired, p[name])
		}
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("%w: %s and %s have no volume of the same name", fs.ErrNotExist, pred, ref)
	}
	return pairs, nil
}

var volumeExtensions = []string{".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"}

// base is a file's name without its folder and extension.
func base(path string) string {
	name := filepath.Base(path)
	for _, ext := range volumeExtensions {
		if strings.HasSuffix(strings.ToLower(name), ext) {
			return name[:len(name)-len(ext)]
		}
	}
	return name
}

// volumesOf lists the volumes in a folder by name; nil for a file.
func volumesOf(path string) (map[string]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		if fi, statErr := os.Stat(path); statErr == nil && !fi.IsDir() {
			return nil, nil
		}
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		if name := base(e.Name()); name != e.Name() && !e.IsDir() {
			out[name] = filepath.Join(path, e.Name())
		}
	}
	return out, nil
}

// compare adds the scores of a pair.
func (r *metricsReport) compare(p pair, o metrics.Options) error {
	pred, err := metrics.Read(p.pred, volume.ReadOptions{})
	if err != nil {
		return err
	}
	ref, err := metrics.Read(p.ref, volume.ReadOptions{})
	if err != nil {
		return err
	}
	names := map[uint16]string{}
	for _, file := range []string{p.pred, p.ref} {
		table, err := volume.ReadLabelTable(file)
		if err != nil {
			return err
		}
		for _, l := range table {
			names[l.Value] = l.Name
		}
	}
	labels := slices.Sorted(maps.Keys(names))
	for _, m := range []*metrics.Labels{pred, ref} {
		labels = append(labels, m.Sorted()...)
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	single := len(names) == 0 && (len(labels) == 0 || len(labels) == 1 && labels[0] == 1)
	if single {
		labels = []uint16{1}
	}
	results, err := metrics.CompareAll(pred, ref, labels, o)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", p.pred, p.ref, err)
	}
	for _, l := range labels {
		s := scoreOf(results[l])
		s.Case, s.Structure = p.name, cmp.Or(names[l], fmt.Sprintf("label %d", l))
		if single {
			s.Case, s.Structure = "", p.name
		}
		r.Scores = append(r.Scores, s)
	}
	return nil
}

func scoreOf(r metrics.Result) score {
	return score{
		Status: string(r.Status), Dice: number(r.Dice), NSD: number(r.NSD), HD95: number(r.HD95), ASSD: number(r.ASSD),
		VolumeError: number(r.VolumeError), PredVolume: r.PredVolume, RefVolume: r.RefVolume,
	}
}

// number is nil for what JSON cannot say.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// summarise gives the mean of each structure over its cases, and of all.
func (r *metricsReport) summarise() {
	byStructure := map[string][]score{}
	for _, s := range r.Scores {
		byStructure[s.Structure] = append(byStructure[s.Structure], s)
	}
	if len(byStructure) < len(r.Scores) {
		for _, name := range slices.Sorted(maps.Keys(byStructure)) {
			r.Summary = append(r.Summary, mean(name, byStructure[name]))
		}
	}
	r.Summary = append(r.Summary, mean("all", r.Scores))
}

func mean(name string, scores []score) summary {
	over := func(of func(score) *float64) *metrics.Interval {
		var v []float64
		for _, s := range scores {
			if x := of(s); x != nil {
				v = append(v, *x)
			}
		}
		if len(v) == 0 {
			return nil
		}
		i := metrics.Bootstrap(v, 0.95, 1)
		return &i
	}
	return summary{
		Structure: name, Cases: len(scores),
		Dice: over(func(s score) *float64 { return s.Dice }), NSD: over(func(s score) *float64 { return s.NSD }),
	}
}

func (a *app) printMetrics(r *metricsReport) {
	show := func(v *float64, format string) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf(format, *v)
	}
	a.printf("%-40s %7s %7s %8s %8s %10s %10s  %s\n", "structure", "DSC", "NSD", "HD95", "ASSD", "pred mL", "ref mL", "status")
	for _, s := range r.Scores {
		name := s.Structure
		if s.Case != "" {
			name = s.Case + ": " + name
		}
		a.printf("%-40s %7s %7s %8s %8s %10.2f %10.2f  %s\n", name, show(s.Dice, "%.4f"), show(s.NSD, "%.4f"),
			show(s.HD95, "%.2f"), show(s.ASSD, "%.2f"), s.PredVolume, s.RefVolume, s.Status)
	}
	a.printf("\nmean with 95%% bootstrap interval; NSD at %g mm\n", r.Tolerance)
	for _, s := range r.Summary {
		if s.Dice == nil {
			a.printf("%-40s nothing to compare\n", s.Structure)
			continue
		}
		a.printf("%-40s DSC %.4f (%.4f to %.4f)  NSD %.4f (%.4f to %.4f)  n %d\n", s.Structure,
			s.Dice.Mean, s.Dice.Low, s.Dice.High, s.NSD.Mean, s.NSD.Low, s.NSD.High, s.Dice.N)
	}
	for _, path := range r.Unpaired {
		a.printf("without a partner: %s\n", path)
	}
}
