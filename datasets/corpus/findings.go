package corpus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// The gates that a list alone can raise. Those of a record's anomalies go by the
// same names.
const (
	GateBothSides     = "both-sides"      // a person or image for training and for testing
	GateDuplicateRow  = "duplicate-row"   // the same dataset, image and mask twice
	GateDuplicateName = "duplicate-label" // a class twice in a row
	GateSpelling      = "spelling"        // labels written otherwise than their class
	GatePatientID     = "patient-id"      // ids that are no people
	GateMissingRow    = "missing-row"     // a person without a sequence that the others have
	GateCounts        = "counts"          // other numbers than the record gives
	GatePlace         = "place"           // an image where no layout of the record has one
	GateIDs           = "ids-without-rows"
	GateShared        = "shared-images" // an image with rows of several datasets
)

// Finding is something odd about the rows of a dataset.
type Finding struct {
	Gate    string `json:"gate"`
	Dataset string `json:"dataset"`
	What    string `json:"what"`
	// Subject is whom or what it is about: a person, an image.
	Subject string `json:"subject,omitempty"`
	// Lines are the rows in question, the first few; Rows is how many there are.
	Lines []int `json:"lines,omitempty"`
	Rows  int   `json:"rows"`
}

// maxLines is how many lines a finding names.
const maxLines = 10

// Findings says what is odd about the rows, by dataset, then gate.
func (x *Index) Findings() []Finding {
	f := &finder{x: x}
	for _, name := range x.Datasets() {
		d, _ := x.catalog.Dataset(name)
		rows := x.dataset[name]
		f.people(d, rows)
		f.rows(d, rows)
		f.sequences(d, rows)
		f.counts(d, rows)
	}
	f.images()
	slices.SortStableFunc(f.out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Gate, b.Gate))
	})
	return f.out
}

type finder struct {
	x   *Index
	out []Finding
}

func (f *finder) raise(gate, dataset, subject string, rows []int, format string, args ...any) {
	found := Finding{Gate: gate, Dataset: dataset, What: fmt.Sprintf(format, args...), Subject: subject, Rows: len(rows)}
	for _, i := range rows[:min(maxLines, len(rows))] {
		found.Lines = append(found.Lines, f.x.scans[i].Line)
	}
	f.out = append(f.out, found)
}

// sides says on which sides rows are; a row of both is on either.
func (f *finder) sides(rows []int) (train, test bool) {
	for _, i := range rows {
		switch f.x.scans[i].Side {
		case Train:
			train = true
		case Test:
			test = true
		case Both:
			return true, true
		}
	}
	return train, test
}

func (f *finder) people(d *catalog.Dataset, rows []int) {
	ids, people := map[string]bool{}, map[string][]int{}
	for _, i := range rows {
		ids[f.x.scans[i].Patient] = true
		people[f.x.persons[i]] = append(people[f.x.persons[i]], i)
	}
	for _, person := range slices.Sorted(maps.Keys(people)) {
		if train, test := f.sides(people[person]); train && test {
			id := f.x.idOf(person, people[person])
			f.raise(GateBothSides, d.Name, id, people[person], "%s is both for training and for testing", id)
		}
	}
	if len(ids) != len(people) {
		f.raise(GatePatientID, d.Name, "", rows, "%d patient ids of %d people", len(ids), len(people))
	}
}

func (f *finder) rows(d *catalog.Dataset, rows []int) {
	type key struct{ image, mask string }
	first := map[key]int{}
	var twice, spelt, nowhere []int
	written := map[string]bool{}
	for _, i := range rows {
		s := &f.x.scans[i]
		k := key{s.Image, s.Mask}
		if at, ok := first[k]; ok {
			f.raise(GateDuplicateRow, d.Name, s.Image, []int{at, i}, "%s has two rows with the same mask", s.Image)
		} else {
			first[k] = i
		}
		if len(s.Labels) > len(s.Classes) {
			twice = append(twice, i)
		}
		if n := slices.IndexFunc(s.Labels, func(l string) bool { return l != Fold(l) }); n >= 0 {
			spelt = append(spelt, i)
			for _, l := range s.Labels {
				if l != Fold(l) {
					written[l] = true
				}
			}
		}
		if _, _, ok := d.Locate(s.Image, catalog.Prepared); !ok {
			nowhere = append(nowhere, i)
		}
	}
	if len(twice) > 0 {
		s := &f.x.scans[twice[0]]
		f.raise(GateDuplicateName, d.Name, "", twice, "%d rows name a class twice: %d labels, %d classes", len(twice), len(s.Labels), len(s.Classes))
	}
	if len(spelt) > 0 {
		f.raise(GateSpelling, d.Name, "", spelt, "%d labels are written otherwise than their class, such as %q", len(written), slices.Sorted(maps.Keys(written))[0])
	}
	if len(nowhere) > 0 {
		f.raise(GatePlace, d.Name, f.x.scans[nowhere[0]].Image, nowhere, "no layout of the record has an image at %s", f.x.scans[nowhere[0]].Image)
	}
}

// sequences finds masks that lack an image of a kind that the dataset's other
// masks have.
func (f *finder) sequences(d *catalog.Dataset, rows []int) {
	kinds := map[string]int{}
	byMask := map[string]map[string]bool{}
	of := map[string][]int{}
	for _, i := range rows {
		s := &f.x.scans[i]
		at, values, ok := d.Locate(s.Image, catalog.Prepared)
		if !ok {
			return
		}
		kind := strings.TrimSpace(at.Sequence + " " + values["sequence"])
		if byMask[s.Mask] == nil {
			byMask[s.Mask] = map[string]bool{}
		}
		if !byMask[s.Mask][kind] {
			byMask[s.Mask][kind] = true
			kinds[kind]++
		}
		of[s.Mask] = append(of[s.Mask], i)
	}
	for _, mask := range slices.Sorted(maps.Keys(byMask)) {
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			// A kind that nearly all masks have is one that this mask lacks.
			if !byMask[mask][kind] && 10*kinds[kind] >= 9*len(byMask) {
				f.raise(GateMissingRow, d.Name, mask, of[mask], "%s has no row of %s, as the %d others have", f.x.persons[of[mask][0]], kind, kinds[kind])
			}
		}
	}
}

func (f *finder) counts(d *catalog.Dataset, rows []int) {
	p := d.Published
	if p == nil {
		return
	}
	if len(rows) != p.Rows {
		f.raise(GateCounts, d.Name, "", nil, "%d rows, the record gives %d", len(rows), p.Rows)
	}
	if p.IDsWithoutRows > 0 {
		f.raise(GateIDs, d.Name, "", nil, "the published split file names %d ids that no row has", p.IDsWithoutRows)
	}
}

// images finds images with rows of several datasets, and says so of each pair of
// datasets once; on different sides, of each image.
func (f *finder) images() {
	type pair struct{ a, b string }
	shared := map[pair][]int{}
	for _, image := range slices.Sorted(maps.Keys(f.x.image)) {
		rows := f.x.image[image]
		if len(rows) < 2 {
			continue
		}
		sets := map[string]int{}
		for _, i := range rows {
			if _, ok := sets[f.x.scans[i].Dataset]; !ok {
				sets[f.x.scans[i].Dataset] = i
			}
		}
		names := slices.Sorted(maps.Keys(sets))
		for n, a := range names {
			for _, b := range names[n+1:] {
				shared[pair{a, b}] = append(shared[pair{a, b}], sets[a])
			}
		}
		if train, test := f.sides(rows); len(sets) > 1 && train && test {
			f.raise(GateBothSides, names[0], image, rows, "%s is for training in one of %s, for testing in another", image, strings.Join(names, ", "))
		}
	}
	for p, rows := range shared {
		f.raise(GateShared, p.a, p.b, rows, "%d images are also those of %s", len(rows), p.b)
	}
}
