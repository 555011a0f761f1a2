package gates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/corpus"
)

// listGates check a list of scans: those that package corpus finds in the list
// itself, and those that compare it with records and with other people's splits.
func listGates() []Gate {
	own := func(name, why string, severity func(*Input) Severity) Gate {
		return Gate{name, why, needList, fromList(name, severity)}
	}
	always := func(s Severity) func(*Input) Severity { return func(*Input) Severity { return s } }
	return []Gate{
		{corpus.GateBothSides, "a scan or person in training and test at once makes test results worthless", needList, bothSides},
		own(corpus.GateDuplicateRow, "a scan that is listed twice counts twice in training", always(Stop)),
		own(corpus.GateDuplicateName, "a class that a row lists twice counts twice in training", (*Input).corrected),
		own(corpus.GateSpelling, "a label is written in one way", (*Input).corrected),
		own(corpus.GateShared, "an image that several datasets use is one scan", (*Input).corrected),
		{"shared-patients", "a person whom several datasets hold is on one side in all of them", needList, sharedPatients},
		own(corpus.GatePatientID, "a split by person needs ids of persons", (*Input).corrected),
		own(corpus.GateMissingRow, "each person of a dataset has the same sequences", always(Warn)),
		own(corpus.GatePlace, "an image lies where a layout of its dataset has images", always(Warn)),
		{"row-classes", "a row's classes are those that its dataset has recipes for", needList, rowClasses},
		{"official-split", "the owner's test scans should not be trained on", needList, officialSplits},
		own(corpus.GateIDs, "a split file that names scans which the list lacks was made for other data", always(Note)),
		own(corpus.GateCounts, "a list that holds more or less than the version that was reviewed was made of other data", always(Warn)),
		{"versions", "annotations that jump between versions of a list were lost or made by mistake", needBefore, compareVersions},
	}
}

func needBefore(in *Input) string {
	if in.Index == nil || in.Before == nil {
		return "there is no earlier list to compare with: give --before"
	}
	return ""
}

// corrected is the severity of what the program puts right unless the published
// form is asked for.
func (in *Input) corrected() Severity {
	if in.AsPublished {
		return Warn
	}
	return Note
}

// fromList reports what package corpus found under a name, and what records say
// of datasets in which a list does not show it.
func fromList(name string, severity func(*Input) Severity) func(context.Context, *Input, func(Finding)) error {
	return func(_ context.Context, in *Input, found func(Finding)) error {
		shown := map[string]bool{}
		for _, f := range in.listFindings() {
			if f.Gate == name {
				shown[f.Dataset] = true
				found(in.finding(&f, severity(in)))
			}
		}
		in.eachAnomaly(name, func(f Finding) {
			if !shown[f.Dataset] {
				found(f)
			}
		})
		return nil
	}
}

func (in *Input) listFindings() []corpus.Finding {
	if in.found == nil {
		in.found = in.Index.Findings()
	}
	return in.found
}

func (in *Input) finding(f *corpus.Finding, severity Severity) Finding {
	out := Finding{Severity: severity, Dataset: f.Dataset, Subject: cmp.Or(f.Subject, f.Dataset), What: f.What, Count: f.Rows}
	for _, line := range first(f.Lines, mostExamples) {
		out.Examples = append(out.Examples, fmt.Sprintf("line %d", line))
	}
	return out
}

// bothSides finds scans and persons that are trained on and tested with: in one
// dataset by person, in several by image file and by ids that are too long to be
// equal by chance.
func bothSides(ctx context.Context, in *Input, found func(Finding)) error {
	if err := fromList(corpus.GateBothSides, func(*Input) Severity { return Stop })(ctx, in, found); err != nil {
		return err
	}
	people := in.sharedPeople()
	for _, id := range slices.Sorted(maps.Keys(people)) {
		p := people[id]
		if p.train == 0 || p.test == 0 || len(p.datasets) < 2 {
			continue
		}
		f := Finding{Severity: Stop, Dataset: p.datasets[0], Subject: id, Count: len(p.lines), What: fmt.Sprintf(
			"a person whom %s hold is in training (%d rows) and in test (%d rows)", strings.Join(p.datasets, " and "), p.train, p.test)}
		for _, line := range first(p.lines, mostExamples) {
			f.Examples = append(f.Examples, fmt.Sprintf("line %d", line))
		}
		found(f)
	}
	return nil
}

// shared is a person whom rows of several datasets name by one id.
type shared struct {
	datasets    []string
	images      map[string]int // rows by image
	train, test int
	lines       []int
}

// sharedPeople finds ids that several datasets use and that two datasets would
// hardly give to different people by chance. Rows of the same image are left to
// the gate of shared images.
func (in *Input) sharedPeople() map[string]*shared {
	people := map[string]*shared{}
	for i := range in.Index.Len() {
		s := in.Index.Scan(i)
		id := distinctive(s.Patient)
		if id == "" {
			continue
		}
		p := people[id]
		if p == nil {
			p = &shared{images: map[string]int{}}
			people[id] = p
		}
		if !slices.Contains(p.datasets, s.Dataset) {
			p.datasets = append(p.datasets, s.Dataset)
		}
		p.images[s.Image]++
		p.lines = append(p.lines, s.Line)
		switch s.Side {
		case corpus.Train:
			p.train++
		case corpus.Test:
			p.test++
		case corpus.Both:
			p.train++
			p.test++
		}
	}
	maps.DeleteFunc(people, func(_ string, p *shared) bool {
		slices.Sort(p.datasets)
		return len(p.datasets) < 2 || len(p.images) < 2
	})
	return people
}

// distinctive returns an id that two datasets would hardly give to different
// people by chance, without the ending of a file; "" for others, as "case_10".
func distinctive(id string) string {
	for _, ending := range []string{".gz", ".nii", ".nrrd", ".mhd", ".mha", ".dcm"} {
		id = strings.TrimSuffix(id, ending)
	}
	lower := strings.ToLower(id)
	for _, counted := range []string{"case", "patient", "subject", "sub-", "train", "test", "image", "img", "volume"} {
		if strings.HasPrefix(lower, counted) {
			return ""
		}
	}
	letters, digits := 0, 0
	for _, r := range lower {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z':
			letters++
		}
	}
	if letters < 2 || digits < 3 || letters+digits < 9 {
		return ""
	}
	return id
}

func sharedPatients(_ context.Context, in *Input, found func(Finding)) error {
	pairs := map[[2]string]*Finding{}
	people := in.sharedPeople()
	for _, id := range slices.Sorted(maps.Keys(people)) {
		names := people[id].datasets
		for a := range names {
			for _, b := range names[a+1:] {
				pair := [2]string{names[a], b}
				if pairs[pair] == nil {
					pairs[pair] = &Finding{
						Severity: Note, Dataset: pair[0], Subject: pair[0] + " / " + b,
						What: "two datasets hold the same people, by their ids, on other images",
					}
				}
				pairs[pair].example(id)
			}
		}
	}
	for _, pair := range slices.SortedFunc(maps.Keys(pairs), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		found(*pairs[pair])
	}
	in.eachAnomaly("shared-patients", func(f Finding) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(pairs)), func(pair [2]string) bool { return slices.Contains(pair[:], f.Dataset) }) {
			found(f)
		}
	})
	return nil
}

func rowClasses(_ context.Context, in *Input, found func(Finding)) error {
	for _, d := range in.datasets() {
		have := d.Classes()
		extra, lacking := map[string]*Finding{}, map[string]*Finding{}
		for _, i := range in.Index.OfDataset(d.Name) {
			s := in.Index.Scan(i)
			for _, class := range s.Classes {
				if !slices.Contains(have, class) {
					about(extra, Finding{Severity: Stop, Dataset: d.Name, Subject: class, What: "rows list a class that the dataset has no recipe for"}, s.Image)
				}
			}
			for _, class := range have {
				if !slices.Contains(s.Classes, class) {
					about(lacking, Finding{Severity: Warn, Dataset: d.Name, Subject: class, What: "rows lack a class of the dataset: nobody can tell whether it is absent or was not drawn"}, s.Image)
				}
			}
		}
		report(extra, found)
		report(lacking, found)
	}
	return nil
}

// about adds an example to the finding of its subject.
func about(findings map[string]*Finding, f Finding, example string) {
	have := findings[f.Subject]
	if have == nil {
		have = &f
		findings[f.Subject] = have
	}
	have.example(example)
}

func report(findings map[string]*Finding, found func(Finding)) {
	for _, subject := range slices.Sorted(maps.Keys(findings)) {
		found(*findings[subject])
	}
}

func officialSplits(_ context.Context, in *Input, found func(Finding)) error {
	for _, d := range in.datasets() {
		leaks := map[string]*Finding{}
		for _, i := range in.Index.OfDataset(d.Name) {
			s := in.Index.Scan(i)
			if s.Side != corpus.Test && (s.Split == "test" || strings.HasPrefix(s.Split, "val")) {
				about(leaks, Finding{
					Severity: Warn, Dataset: d.Name, Subject: s.Split,
					What: fmt.Sprintf("the owner's %s scans are trained on: results on that split say nothing", s.Split),
				}, s.Image)
			}
		}
		report(leaks, found)
	}
	in.eachAnomaly("official-split", found)
	return nil
}

// A count that moves by more than this share of itself, and by more than a few,
// is a jump.
const (
	jumpShare = 0.05
	jumpFew   = 3
)

// compareVersions finds annotations that jump between versions of a list.
func compareVersions(_ context.Context, in *Input, found func(Finding)) error {
	before, now := annotations(in.Before), annotations(in.Index)
	all := maps.Clone(before)
	maps.Copy(all, now)
	for _, key := range slices.SortedFunc(maps.Keys(all), func(a, b annotation) int {
		return cmp.Or(strings.Compare(a.dataset, b.dataset), strings.Compare(a.class, b.class))
	}) {
		was, is := before[key], now[key]
		if was == is {
			continue
		}
		f := Finding{
			Severity: Warn, Dataset: key.dataset, Subject: key.class, Count: max(was-is, is-was),
			What: fmt.Sprintf("%d annotations, %d in the version before", is, was),
		}
		switch {
		case is == 0:
			f.Severity = Stop
		case was == 0, f.Count <= jumpFew, float64(f.Count) <= jumpShare*float64(was):
			f.Severity = Note
		}
		found(f)
	}
	return nil
}

type annotation struct{ dataset, class string }

// annotations counts the rows of each class of each dataset.
func annotations(x *corpus.Index) map[annotation]int {
	out := map[annotation]int{}
	for i := range x.Len() {
		s := x.Scan(i)
		for _, class := range s.Classes {
			out[annotation{s.Dataset, class}]++
		}
	}
	return out
}
