package corpus

import (
	"strings"

	"satgraph/datasets/catalog"
)

// Index finds the scans of a list by dataset, image, person and class. It is
// never changed once built, and safe for use by several goroutines.
type Index struct {
	catalog *catalog.Catalog
	scans   []Scan
	persons []string
	dataset map[string][]int
	image   map[string][]int
	person  map[string][]int
}

// NewIndex indexes scans of datasets of the catalog. The slice is taken over.
func NewIndex(c *catalog.Catalog, scans []Scan) *Index {
	x := &Index{
		catalog: c, scans: scans, persons: make([]string, len(scans)),
		dataset: map[string][]int{}, image: make(map[string][]int, len(scans)), person: map[string][]int{},
	}
	for i := range scans {
		s := &scans[i]
		x.persons[i] = x.personOf(s)
		x.dataset[s.Dataset] = append(x.dataset[s.Dataset], i)
		x.image[s.Image] = append(x.image[s.Image], i)
		x.person[s.Dataset+"\x00"+x.persons[i]] = append(x.person[s.Dataset+"\x00"+x.persons[i]], i)
	}
	return x
}

// personOf names the person of a scan by where its image lies; by what the row
// says, where the record does not know the place.
func (x *Index) personOf(s *Scan) string {
	if d, ok := x.catalog.Dataset(s.Dataset); ok {
		if at, values, ok := d.Locate(s.Image, catalog.Prepared); ok {
			if person, err := at.PatientOf(values); err == nil {
				return person
			}
		}
	}
	return s.Patient
}

// Len is the number of rows.
func (x *Index) Len() int { return len(x.scans) }

// Scan returns a row, in the list's order from 0.
func (x *Index) Scan(i int) *Scan { return &x.scans[i] }

// Catalog is the catalog that the rows were read with.
func (x *Index) Catalog() *catalog.Catalog { return x.catalog }

// Person names the person that a row is of, within its dataset. It is told by the
// image's path, since what lists call a patient is a frame or a site in some
// datasets.
func (x *Index) Person(i int) string { return x.persons[i] }

// OfDataset are the rows of a dataset.
func (x *Index) OfDataset(name string) []int { return x.dataset[name] }

// OfImage are the rows of an image path.
func (x *Index) OfImage(path string) []int { return x.image[path] }

// OfPerson are the rows of a person of a dataset.
func (x *Index) OfPerson(dataset, person string) []int { return x.person[dataset+"\x00"+person] }

// Datasets are the names of the datasets that have rows, in the catalog's order.
func (x *Index) Datasets() []string {
	var out []string
	for _, d := range x.catalog.Datasets() {
		if len(x.dataset[d.Name]) > 0 {
			out = append(out, d.Name)
		}
	}
	return out
}

// scanKey tells the scans that count as one: an image of a dataset, or of a
// family of lists on the same images.
func (x *Index) scanKey(s *Scan) string {
	family := s.Dataset
	if d, ok := x.catalog.Dataset(s.Dataset); ok && d.Published != nil && d.Published.Family != "" {
		family = d.Published.Family
	}
	return strings.Join([]string{family, s.Image}, "\x00")
}
