package gates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/standard"
)

// Measured is what a build knows of one scan.
type Measured struct {
	Dataset string
	Scan    string // id in the corpus
	Person  string
	Side    corpus.Side
	// Content is a hash of the standardised image, Print its fingerprint; nil for
	// an image that is too small for one.
	Content string
	Print   *standard.Fingerprint
	// Of the source scan: mm between voxels, their number, axis codes as "LPS".
	Spacing     [3]float64
	Shape       [3]int
	Orientation string
	Modality    catalog.Modality
	// Low and High are the 0.5th and 99.5th percentile that intensities were
	// clipped to, SD their standard deviation after that.
	Low, High, SD float64
	// Problems are what was odd when the scan was read, and did not stop it.
	Problems []string
	Classes  []MeasuredClass
}

// MeasuredClass is a mask of a scan on the standardised grid.
type MeasuredClass struct {
	Name     string
	Voxels   int
	Centroid [3]float64 // mm; x grows to the right, y to the front, z to the head
	// Outside is, for each class that should hold this one, the number of voxels
	// outside it.
	Outside map[string]int
}

// Measurements gives the scans of a built corpus.
type Measurements interface {
	// Each calls f for every scan, and ends with its error.
	Each(ctx context.Context, f func(*Measured) error) error
	// Failed lists the scans that could not be built.
	Failed() []FailedScan
}

// measuredOnce keeps what was measured, so that the gates after the first read
// no scan again: some 100 bytes a mask.
type measuredOnce struct {
	Measurements
	scans []*Measured
	whole bool // scans are all there are
}

func (o *measuredOnce) Each(ctx context.Context, f func(*Measured) error) error {
	if !o.whole {
		o.scans = nil
		err := o.Measurements.Each(ctx, func(m *Measured) error {
			o.scans = append(o.scans, m)
			return nil
		})
		if err != nil {
			return err
		}
		o.whole = true
	}
	for _, m := range o.scans {
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// FailedScan is a scan that is not in the corpus.
type FailedScan struct{ Dataset, Scan, Reason string }

// builtGates check what a build measured.
func builtGates() []Gate {
	scans := func(name, why string, check func(in *Input, m *Measured, about func(Finding, string))) Gate {
		return Gate{name, why, needBuilt, eachScan(check)}
	}
	return []Gate{
		{"failed-scans", "a scan that could not be built is missing without a word", needBuilt, failedScans},
		scans("read-problems", "what was odd when a scan was read was looked at", problems),
		{"same-content", "the same picture under two names leaks between training and test", needBuilt, sameContent},
		{"near-content", "a scan that was saved again under another name leaks between training and test", needBuilt, nearContent},
		scans("sides", "left structures lie left of right ones", wrongSides),
		scans("outside-whole", "a part lies inside its whole", outsideWhole),
		scans("unexplained-values", "each value of a label volume is explained by its dataset's record", unexplained),
		scans("tiny-masks", "a mask of a few voxels is a slip or was lost in resampling", tinyMasks),
		{"empty-masks", "a class that is empty in every scan of a dataset was read wrongly", needBuilt, emptyMasks},
		scans("geometry", "orientation and spacing are those of a scan of a person", oddGeometry),
		scans("intensity", "intensities are those of the modality", oddIntensity),
	}
}

func needBuilt(in *Input) string {
	if in.Built == nil {
		return "there is no built corpus: give --corpus"
	}
	return ""
}

// eachScan collects what a check says of each scan, by dataset and subject.
func eachScan(check func(in *Input, m *Measured, about func(Finding, string))) func(context.Context, *Input, func(Finding)) error {
	return func(ctx context.Context, in *Input, found func(Finding)) error {
		all := map[string]*Finding{}
		err := in.Built.Each(ctx, func(m *Measured) error {
			check(in, m, func(f Finding, example string) {
				f.Dataset = m.Dataset
				key := m.Dataset + "\x00" + f.Subject + "\x00" + f.What
				if all[key] == nil {
					all[key] = &f
				}
				all[key].example(example)
			})
			return nil
		})
		report(all, found)
		return err
	}
}

// sameContent finds scans whose standardised images are equal byte for byte.
func sameContent(ctx context.Context, in *Input, found func(Finding)) error {
	type place struct {
		dataset, scan, person string
		side                  corpus.Side
	}
	byContent := map[string][]place{}
	err := in.Built.Each(ctx, func(m *Measured) error {
		byContent[m.Content] = append(byContent[m.Content], place{m.Dataset, m.Scan, m.Person, m.Side})
		return nil
	})
	if err != nil {
		return err
	}
	for _, content := range slices.Sorted(maps.Keys(byContent)) {
		places := byContent[content]
		if len(places) < 2 || content == "" {
			continue
		}
		slices.SortFunc(places, func(a, b place) int {
			return cmp.Or(strings.Compare(a.dataset, b.dataset), strings.Compare(a.scan, b.scan))
		})
		f := Finding{Severity: in.corrected(), Dataset: places[0].dataset, Subject: places[0].scan, What: "the same picture is a scan several times"}
		train, test, people := false, false, map[string]bool{}
		for _, p := range places {
			f.example(fmt.Sprintf("%s %s (%s)", p.dataset, p.scan, p.side))
			train = train || p.side != corpus.Test
			test = test || p.side != corpus.Train
			people[p.dataset+"\x00"+p.person] = true
		}
		switch {
		case train && test:
			f.Severity, f.What = Stop, "the same picture is in training and in test"
		case len(people) > 1:
			f.Severity, f.What = Warn, "the same picture belongs to several people"
		}
		found(f)
	}
	return nil
}

// sideOf splits a class that names its side.
func sideOf(class string) (side, rest string) {
	words := strings.Fields(class)
	for i, w := range words {
		if w == "left" || w == "right" {
			return w, strings.Join(slices.Concat(words[:i], words[i+1:]), " ")
		}
	}
	return "", class
}

// clearMM is how far centroids of a pair must lie apart for their order to mean
// something: structures at the midline come close.
const clearMM = 5

func wrongSides(_ *Input, m *Measured, about func(Finding, string)) {
	left := map[string]*MeasuredClass{}
	for i := range m.Classes {
		if side, rest := sideOf(m.Classes[i].Name); side == "left" && m.Classes[i].Voxels > 0 {
			left[rest] = &m.Classes[i]
		}
	}
	for i := range m.Classes {
		right := &m.Classes[i]
		side, rest := sideOf(right.Name)
		if side != "right" || right.Voxels == 0 || left[rest] == nil {
			continue
		}
		if left[rest].Centroid[0]-right.Centroid[0] > clearMM {
			about(Finding{Severity: Stop, Subject: rest, What: "the left one lies right of the right one"}, m.Scan)
		}
	}
}

// A part sticks out where more than this share of it, and more than a few
// voxels, lie outside: resampling alone moves a surface by half a voxel.
const (
	outsideShare = 0.1
	outsideFew   = 20
)

func outsideWhole(_ *Input, m *Measured, about func(Finding, string)) {
	for i := range m.Classes {
		part := &m.Classes[i]
		for _, whole := range slices.Sorted(maps.Keys(part.Outside)) {
			n := part.Outside[whole]
			if n > outsideFew && float64(n) > outsideShare*float64(part.Voxels) {
				about(Finding{Severity: Warn, Subject: part.Name, What: "it sticks out of " + whole},
					fmt.Sprintf("%s: %d of %d voxels", m.Scan, n, part.Voxels))
			}
		}
	}
}

// failedScans tells of scans that are missing, by reason.
func failedScans(_ context.Context, in *Input, found func(Finding)) error {
	byReason := map[string]*Finding{}
	for _, f := range in.Built.Failed() {
		key := f.Dataset + "\x00" + f.Reason
		if byReason[key] == nil {
			byReason[key] = &Finding{Severity: Stop, Dataset: f.Dataset, Subject: f.Scan, What: f.Reason}
		}
		byReason[key].example(f.Scan)
	}
	report(byReason, found)
	return nil
}

// unexplainedValue says whether a problem is of the gate unexplained-values.
func unexplainedValue(problem string) bool {
	return strings.Contains(problem, rawdata.ErrValue.Error()) || strings.Contains(problem, rawdata.ErrTable.Error())
}

func unexplained(_ *Input, m *Measured, about func(Finding, string)) {
	for _, p := range m.Problems {
		if unexplainedValue(p) {
			about(Finding{Severity: Stop, Subject: m.Dataset, What: "label volumes hold values that the record does not explain"}, m.Scan+": "+p)
		}
	}
}

func problems(_ *Input, m *Measured, about func(Finding, string)) {
	for _, p := range m.Problems {
		if !unexplainedValue(p) {
			about(Finding{Severity: Warn, Subject: m.Dataset, What: p}, m.Scan)
		}
	}
}

// tinyVoxels is the size below which a mask is hardly a structure.
const tinyVoxels = 4

func tinyMasks(_ *Input, m *Measured, about func(Finding, string)) {
	for i := range m.Classes {
		if c := &m.Classes[i]; c.Voxels > 0 && c.Voxels < tinyVoxels {
			about(Finding{Severity: Warn, Subject: c.Name, What: fmt.Sprintf("masks of fewer than %d voxels", tinyVoxels)}, m.Scan)
		}
	}
}

func emptyMasks(ctx context.Context, in *Input, found func(Finding)) error {
	type key struct{ dataset, class string }
	scans, empty := map[key]int{}, map[key]*Finding{}
	err := in.Built.Each(ctx, func(m *Measured) error {
		for i := range m.Classes {
			k := key{m.Dataset, m.Classes[i].Name}
			scans[k]++
			if m.Classes[i].Voxels > 0 {
				continue
			}
			if empty[k] == nil {
				empty[k] = &Finding{Severity: Note, Dataset: k.dataset, Subject: k.class}
			}
			empty[k].example(m.Scan)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range slices.SortedFunc(maps.Keys(empty), func(a, b key) int {
		return cmp.Or(strings.Compare(a.dataset, b.dataset), strings.Compare(a.class, b.class))
	}) {
		f := empty[k]
		f.What = fmt.Sprintf("empty in %d of %d scans", f.Count, scans[k])
		if f.Count == scans[k] {
			f.Severity = Warn
		}
		found(*f)
	}
	return nil
}

// Scans of people are within these, in mm and voxels.
const (
	leastSpacing, mostSpacing = 0.1, 12.0
	leastExtent, mostExtent   = 20.0, 2500.0
)

func oddGeometry(_ *Input, m *Measured, about func(Finding, string)) {
	for axis, spacing := range m.Spacing {
		extent := spacing * float64(m.Shape[axis])
		switch {
		case spacing < leastSpacing || spacing > mostSpacing:
			about(Finding{Severity: Warn, Subject: "spacing", What: fmt.Sprintf("a spacing outside %g to %g mm", leastSpacing, mostSpacing)},
				fmt.Sprintf("%s: %.3g mm along axis %d", m.Scan, spacing, axis))
		case extent < leastExtent || extent > mostExtent:
			about(Finding{Severity: Warn, Subject: "extent", What: fmt.Sprintf("a scan whose side is not within %g to %g mm", leastExtent, mostExtent)},
				fmt.Sprintf("%s: %.4g mm along axis %d", m.Scan, extent, axis))
		case m.Shape[axis] == 1:
			about(Finding{Severity: Warn, Subject: "slices", What: "a scan of one slice"}, m.Scan)
		}
	}
	if m.Orientation != "RAS" && m.Orientation != "LPS" && m.Orientation != "LAS" {
		about(Finding{Severity: Note, Subject: m.Orientation, What: "stored in an orientation that few scanners write; it was turned"}, m.Scan)
	}
}

func oddIntensity(_ *Input, m *Measured, about func(Finding, string)) {
	if m.SD <= 0 {
		about(Finding{Severity: Stop, Subject: "constant", What: "all voxels are equal"}, m.Scan)
	}
	if m.Modality != catalog.CT {
		return
	}
	example := fmt.Sprintf("%s: %.4g to %.4g", m.Scan, m.Low, m.High)
	switch {
	case m.Low >= 0 && m.High > 500:
		about(Finding{Severity: Warn, Subject: "CT offset", What: "no voxel is below 0 HU, where air and fat are: the offset of 1024 may be missing"}, example)
	case m.High-m.Low < 50:
		about(Finding{Severity: Warn, Subject: "CT range", What: "a range of less than 50 HU: the scan may have been scaled"}, example)
	}
}
