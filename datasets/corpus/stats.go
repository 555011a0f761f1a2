package corpus

import (
	"fmt"
	"slices"

	"satgraph/datasets/catalog"
)

// Stats is what a corpus holds.
type Stats struct {
	// Source says what was counted: a scan list, or the records alone.
	Source   string `json:"source"`
	Datasets int    `json:"datasets"`
	// Classes are pairs of modality and name; Names the names, each once.
	Classes  int                      `json:"classes"`
	Names    int                      `json:"names"`
	Pairs    map[catalog.Modality]int `json:"pairs"`
	Regions  map[string]int           `json:"regions"` // pairs by region of the body
	Abnormal int                      `json:"abnormal"`
	// Rows are lines of the list; Scans count an image of the lists of one release
	// once; Images are distinct paths.
	Rows    int                      `json:"rows"`
	Scans   int                      `json:"scans"`
	Images  int                      `json:"images"`
	ByImage map[catalog.Modality]int `json:"imagesByModality"`
	ByRow   map[catalog.Modality]int `json:"rowsByModality"`
	// Annotations are pairs of a row and a class, with empty masks; Written counts
	// the labels as the rows write them.
	Annotations int            `json:"annotations"`
	Written     int            `json:"annotationsAsWritten"`
	Patients    int            `json:"patients"` // people of a dataset, added over datasets
	Sides       map[Side]int   `json:"sides,omitempty"`
	Splits      map[string]int `json:"officialSplits"`

	PerDataset  []DatasetStats `json:"perDataset"`
	Differences []Difference   `json:"differences"`
}

// DatasetStats is what a dataset holds.
type DatasetStats struct {
	Name        string           `json:"name"`
	Modality    catalog.Modality `json:"modality"`
	Region      string           `json:"region"`
	Rows        int              `json:"rows"`
	Images      int              `json:"images"`
	Masks       int              `json:"masks"`
	Patients    int              `json:"patients"`
	Classes     int              `json:"classes"`
	Annotations int              `json:"annotations"`
	Licence     string           `json:"licence"`
}

// Difference is a number that the paper gives otherwise than the released lists.
type Difference struct {
	What     string `json:"what"`
	Paper    int    `json:"paper"`
	Released int    `json:"released"`
	Reason   string `json:"reason"`
}

// Options say how a corpus is counted.
type Options struct {
	// AsPublished counts what the lists write: every row a scan, ids for patients,
	// labels as often as they stand.
	AsPublished bool
}

// Stats counts the rows of a list.
func (x *Index) Stats(classes []catalog.Class, o Options) *Stats {
	st := newStats()
	st.Source = "scan list"
	scans, images := map[string]bool{}, map[string]bool{}
	used := map[catalog.Modality]map[string]bool{}
	for _, name := range x.Datasets() {
		d, _ := x.catalog.Dataset(name)
		ds := DatasetStats{Name: name, Modality: d.Modality, Region: d.Region, Licence: d.Licence.ID}
		own, masks, people, has := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, i := range x.dataset[name] {
			s := &x.scans[i]
			ds.Rows++
			st.Splits[s.Split]++
			if s.Side != "" {
				st.Sides[s.Side]++
			}
			st.ByRow[s.Modality]++
			if !images[s.Image] {
				images[s.Image] = true
				st.ByImage[s.Modality]++
			}
			scans[x.scanKey(s)] = true
			own[s.Image], masks[s.Mask] = true, true
			if o.AsPublished {
				people[s.Patient] = true
			} else {
				people[x.persons[i]] = true
			}
			for _, c := range s.Classes {
				has[c] = true
			}
			ds.Annotations += len(s.Classes)
			st.Written += len(s.Labels)
		}
		ds.Images, ds.Masks, ds.Patients, ds.Classes = len(own), len(masks), len(people), len(has)
		st.add(ds)
		use(used, d.Modality, has)
	}
	st.Images, st.Scans = len(images), len(scans)
	st.countClasses(classes, used)
	st.finish(o)
	return st
}

// finish counts as published, and compares with the paper.
func (st *Stats) finish(o Options) {
	once := st.Scans
	if o.AsPublished {
		st.Scans, st.Annotations = st.Rows, st.Written
	}
	st.differences(once)
}

// StatsOf counts what the records say that the published lists hold, without a
// list. Records that were never published count for their classes alone.
func StatsOf(c *catalog.Catalog, classes []catalog.Class, o Options) *Stats {
	st := newStats()
	st.Source = "records"
	families := map[string]int{}
	used := map[catalog.Modality]map[string]bool{}
	shared := map[string]bool{}
	for _, d := range c.Datasets() {
		has := map[string]bool{}
		for i := range d.Recipes {
			has[d.Recipes[i].Class] = true
		}
		use(used, d.Modality, has)
		ds := DatasetStats{Name: d.Name, Modality: d.Modality, Region: d.Region, Licence: d.Licence.ID, Classes: len(has)}
		if p := d.Published; p != nil {
			ds.Rows, ds.Images, ds.Masks, ds.Patients = p.Rows, p.Images, p.Masks, p.Patients
			ds.Annotations = p.Rows * len(has)
			st.Written += p.Rows * (len(has) + p.LabelsTwice)
			if p.People > 0 && !o.AsPublished {
				ds.Patients = p.People
			}
			st.ByRow[d.Modality] += p.Rows
			for split, n := range p.Split {
				st.Splits[split] += n
			}
			for side, n := range p.SATSplit {
				st.Sides[Side(side)] += n
			}
			// The images that a list shares with one that was counted are known by the
			// smaller of the two.
			fresh := p.Images
			for _, other := range p.SharesImages {
				if o, ok := c.Dataset(other); ok && shared[other] {
					fresh = min(fresh, max(0, p.Images-min(p.Images, o.Published.Images)))
				}
			}
			shared[d.Name] = true
			st.Images += fresh
			st.ByImage[d.Modality] += fresh
			if p.Family == "" {
				st.Scans += p.Rows
			} else if p.Images > families[p.Family] {
				st.Scans += p.Images - families[p.Family]
				families[p.Family] = p.Images
			}
		}
		st.add(ds)
	}
	st.countClasses(classes, used)
	st.finish(o)
	return st
}

func newStats() *Stats {
	return &Stats{
		Pairs: map[catalog.Modality]int{}, Regions: map[string]int{}, ByImage: map[catalog.Modality]int{}, ByRow: map[catalog.Modality]int{},
		Sides: map[Side]int{}, Splits: map[string]int{}, PerDataset: []DatasetStats{}, Differences: []Difference{},
	}
}

func use(used map[catalog.Modality]map[string]bool, m catalog.Modality, has map[string]bool) {
	if used[m] == nil {
		used[m] = map[string]bool{}
	}
	for c := range has {
		used[m][c] = true
	}
}

func (st *Stats) add(ds DatasetStats) {
	st.Datasets++
	st.Rows += ds.Rows
	st.Annotations += ds.Annotations
	st.Patients += ds.Patients
	st.PerDataset = append(st.PerDataset, ds)
}

// countClasses counts the classes that datasets have, with what the table of
// classes says of them.
func (st *Stats) countClasses(classes []catalog.Class, used map[catalog.Modality]map[string]bool) {
	names := map[string]bool{}
	for m, has := range used {
		st.Pairs[m] = len(has)
		st.Classes += len(has)
		for c := range has {
			names[c] = true
		}
	}
	st.Names = len(names)
	for i := range classes {
		if c := &classes[i]; used[c.Modality][c.Name] {
			st.Regions[c.Region]++
			if c.Abnormal {
				st.Abnormal++
			}
		}
	}
}

// The numbers of the paper and of the README of SAT-DS, and what the lists hold
// that were released with it.
const (
	paperDatasets    = 72
	paperScans       = 22186
	paperClasses     = 497
	paperAnnotations = 302033

	releasedScans       = 22176
	releasedClasses     = 498
	releasedAnnotations = 385930
)

// differences lists where the paper's numbers are not those counted, if what was
// counted is of the datasets of the paper. once is the number of scans with an
// image of several lists of one release counted once.
func (st *Stats) differences(once int) {
	if st.Datasets != paperDatasets || !slices.ContainsFunc(st.PerDataset, func(d DatasetStats) bool { return d.Name == "COVID19" }) {
		return
	}
	scans := "images of the six TotalSegmentator lists count once in both; the released list has ten COVID19 rows where the README has twenty, which is the whole gap of ten"
	if st.Scans != once {
		scans = fmt.Sprintf("as published every row counts, so an image of the six TotalSegmentator lists counts six times; the paper counts it once, which gives %d here", once)
		if once == releasedScans {
			scans += ", and the rest of the gap are ten COVID19 rows that the released list lacks"
		}
	}
	for _, d := range []struct {
		Difference
		counted, released int
		unit              string
	}{
		{Difference{"scans", paperScans, st.Scans, scans}, once, releasedScans, "scans"},
		{Difference{"classes", paperClasses, st.Classes, "the README says 497; the list of terms released with it, and the rows, have 498 pairs of modality and name; which one was not counted is not said"}, st.Classes, releasedClasses, "classes"},
		{Difference{"annotations", paperAnnotations, st.Annotations, "every row lists all classes of its dataset, also where the mask is empty, so rows times classes is more than the masks that hold voxels, which the paper counts; those can be counted only on the volumes"}, st.folded(), releasedAnnotations, "annotations"},
	} {
		if d.counted != d.released {
			d.Reason = fmt.Sprintf("the lists that were counted are not those released with the paper, which have %d %s: these have %+d. Of the released lists: %s", d.released, d.unit, d.counted-d.released, d.Reason)
		}
		if d.Paper != d.Released {
			st.Differences = append(st.Differences, d.Difference)
		}
	}
}

// folded is the number of annotations with a class that a row writes twice counted
// once.
func (st *Stats) folded() int {
	n := 0
	for i := range st.PerDataset {
		n += st.PerDataset[i].Annotations
	}
	return n
}
