package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/metrics"
	"satgraph/volume"
)

// score is a line of the metrics document: one structure of one case. What is
// not a finite number is null.
type score struct {
	Dataset     string   `json:"dataset,omitempty"` // the subfolder
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

// summary is a mean, with a 95% bootstrap interval over cases: of a structure, of
// one in a dataset, or of all structures of a dataset or region of the body, of
// which a case's mean counts once.
type summary struct {
	Structure   string            `json:"structure,omitempty"`
	Dataset     string            `json:"dataset,omitempty"`
	Region      string            `json:"region,omitempty"`
	Cases       int               `json:"cases"`
	Dice        *metrics.Interval `json:"dice"`
	NSD         *metrics.Interval `json:"nsd"`
	HD95        *metrics.Interval `json:"hd95"`
	VolumeError *metrics.Interval `json:"volumeError"`
}

// name is what a summary is printed under.
func (s *summary) name() string {
	switch {
	case s.Structure != "" && s.Dataset != "":
		return s.Dataset + ": " + s.Structure
	case s.Dataset != "":
		return "dataset " + s.Dataset
	case s.Region != "":
		return "region " + s.Region
	}
	return s.Structure
}

type metricsReport struct {
	Tolerance float64   `json:"toleranceMm"`
	SATExact  bool      `json:"satExact,omitempty"`
	Scores    []score   `json:"scores"`
	Summary   []summary `json:"summary"`
	Unpaired  []string  `json:"unpaired,omitempty"`
	// Failed are pairs of two folders that could not be compared, and why.
	Failed []failedPair `json:"failed,omitempty"`
}

type failedPair struct {
	Case   string `json:"case"`
	Reason string `json:"reason"`
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

PRED and REF are two files or two folders with files of the same names. Files in
a subfolder are of the dataset that it is called like. Means, with bootstrap
intervals over cases, are given for each structure, each structure of a dataset,
each dataset, and each region of the body, by what the corpus says of a class of
that name. A file
with values other than 0 and 1 is a case with a structure for each value; a file
of 0 and 1 is one structure, called like the file. Structures that neither has
are left out of means; one that only one of the two has counts as 0. Pairs of two
folders that can't be compared are listed, the others are, and the exit code is 4.`,
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
			if err := report.compareAll(pairs, o); err != nil {
				return err
			}
			classes, err := catalog.Classes()
			if err != nil {
				return err
			}
			report.summarise(regionsOf(classes))
			if asJSON {
				err = a.printJSON(report)
			} else {
				a.printMetrics(report)
			}
			if err == nil && len(report.Unpaired)+len(report.Failed) > 0 {
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

// volumesOf lists the volumes in a folder and its subfolders by name, as
// "subfolder/name"; nil for a file.
func volumesOf(folder string) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		if fi, statErr := os.Stat(folder); statErr == nil && !fi.IsDir() {
			return nil, nil
		}
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		at := filepath.Join(folder, e.Name())
		if !e.IsDir() {
			if name := base(e.Name()); name != e.Name() {
				out[name] = at
			}
			continue
		}
		files, err := os.ReadDir(at)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if name := base(f.Name()); name != f.Name() && !f.IsDir() {
				out[e.Name()+"/"+name] = filepath.Join(at, f.Name())
			}
		}
	}
	return out, nil
}

// compareAll adds the scores of all pairs, and lists those that can't be compared.
// The error is that of the first where there is no other.
func (r *metricsReport) compareAll(pairs []pair, o metrics.Options) error {
	var first error
	for _, p := range pairs {
		if err := r.compare(p, o); err != nil {
			first = cmp.Or(first, err)
			r.Failed = append(r.Failed, failedPair{p.name, err.Error()})
		}
	}
	if len(r.Failed) == len(pairs) {
		return first
	}
	return nil
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
		dataset, name := path.Split(p.name)
		s.Dataset = strings.TrimSuffix(dataset, "/")
		s.Case, s.Structure = name, cmp.Or(names[l], fmt.Sprintf("label %d", l))
		if single {
			s.Case, s.Structure = "", name
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

// regionsOf is the region of the body of each class; none of a class that has
// several.
func regionsOf(classes []catalog.Class) map[string]string {
	out := map[string]string{}
	for i := range classes {
		c := &classes[i]
		if region, ok := out[c.Name]; ok && region != c.Region {
			out[c.Name] = ""
			continue
		}
		out[c.Name] = c.Region
	}
	return out
}

// summarise gives the means of structures, of datasets, of regions, and of all.
func (r *metricsReport) summarise(regions map[string]string) {
	groups := map[summary][]score{} // by what they are of
	structures := map[string]bool{}
	for _, s := range r.Scores {
		structures[s.Structure] = true
		groups[summary{Structure: s.Structure}] = append(groups[summary{Structure: s.Structure}], s)
		if s.Dataset != "" {
			for _, of := range []summary{{Dataset: s.Dataset, Structure: s.Structure}, {Dataset: s.Dataset}} {
				groups[of] = append(groups[of], s)
			}
		}
		if region := regions[corpus.Fold(s.Structure)]; region != "" {
			groups[summary{Region: region}] = append(groups[summary{Region: region}], s)
		}
	}
	kind := func(s summary) int {
		return slices.Index([]bool{s.Structure != "" && s.Dataset == "", s.Structure != "", s.Dataset != "", true}, true)
	}
	for _, of := range slices.SortedFunc(maps.Keys(groups), func(a, b summary) int {
		return cmp.Or(kind(a)-kind(b), cmp.Compare(a.Dataset+a.Region, b.Dataset+b.Region), cmp.Compare(a.Structure, b.Structure))
	}) {
		if len(structures) == len(r.Scores) && of.Structure != "" {
			continue // one score each, printed already
		}
		r.Summary = append(r.Summary, mean(of, groups[of]))
	}
	r.Summary = append(r.Summary, mean(summary{Structure: "all"}, r.Scores))
}

// caseOf names the case of a score; a file that is one structure is its own.
func caseOf(s score) string { return s.Dataset + "/" + cmp.Or(s.Case, s.Structure) }

// mean fills a summary in. Of a dataset or region, a case with several scores
// counts by their mean, since structures of one scan are not independent.
func mean(of summary, scores []score) summary {
	key := caseOf
	if of.Structure != "" {
		key = func(s score) string { return caseOf(s) + "\x00" + s.Structure }
	}
	over := func(value func(score) *float64) *metrics.Interval {
		sums, counts := map[string]float64{}, map[string]int{}
		var order []string
		for _, s := range scores {
			x := value(s)
			if x == nil {
				continue
			}
			c := key(s)
			if counts[c] == 0 {
				order = append(order, c)
			}
			sums[c] += *x
			counts[c]++
		}
		if len(order) == 0 {
			return nil
		}
		v := make([]float64, len(order))
		for i, c := range order {
			v[i] = sums[c] / float64(counts[c])
		}
		i := metrics.Bootstrap(v, 0.95, 1)
		return &i
	}
	cases := map[string]bool{}
	for _, s := range scores {
		cases[key(s)] = true
	}
	of.Cases = len(cases)
	of.Dice, of.NSD = over(func(s score) *float64 { return s.Dice }), over(func(s score) *float64 { return s.NSD })
	of.HD95, of.VolumeError = over(func(s score) *float64 { return s.HD95 }), over(func(s score) *float64 { return s.VolumeError })
	return of
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
		if s.Dataset != "" {
			name = s.Dataset + "/" + name
		}
		a.printf("%-40s %7s %7s %8s %8s %10.2f %10.2f  %s\n", name, show(s.Dice, "%.4f"), show(s.NSD, "%.4f"),
			show(s.HD95, "%.2f"), show(s.ASSD, "%.2f"), s.PredVolume, s.RefVolume, s.Status)
	}
	a.printf("\nmean with 95%% bootstrap interval; NSD at %g mm\n", r.Tolerance)
	for _, s := range r.Summary {
		if s.Dice == nil || s.NSD == nil {
			a.printf("%-40s nothing to compare\n", s.name())
			continue
		}
		a.printf("%-40s DSC %.4f (%.4f to %.4f)  NSD %.4f (%.4f to %.4f)  n %d\n", s.name(),
			s.Dice.Mean, s.Dice.Low, s.Dice.High, s.NSD.Mean, s.NSD.Low, s.NSD.High, s.Dice.N)
	}
	for _, f := range r.Failed {
		a.printf("not compared: %s: %s\n", f.Case, f.Reason)
	}
	for _, path := range r.Unpaired {
		a.printf("without a partner: %s\n", path)
	}
}
