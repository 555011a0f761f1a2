package corpus

import (
	"satgraph/datasets/catalog"
)

// Index finds the scans of a list by dataset, image, patient and class. It is
// never changed once built.
type Index struct {
	catalog *catalog.Catalog
	scans   []Scan
	dataset map[string][]int
	image   map[string][]int
}

// NewIndex indexes scans. The slice is taken over.
func NewIndex(c *catalog.Catalog, scans []Scan) *Index {
	x := &Index{catalog: c, scans: scans, dataset: map[string][]int{}, image: map[string][]int{}}
	for i := range scans {
		x.dataset[scans[i].Dataset] = append(x.dataset[scans[i].Dataset], i)
		x.image[scans[i].Image] = append(x.image[scans[i].Image], i)
	}
	return x
}

// Len is the number of rows.
func (x *Index) Len() int { return len(x.scans) }

// Scan returns a row, in the list's order from 0.
func (x *Index) Scan(i int) *Scan { return &x.scans[i] }

// Catalog is the catalog that the rows were read with.
func (x *Index) Catalog() *catalog.Catalog { return x.catalog }

// OfDataset are the rows of a dataset.
func (x *Index) OfDataset(name string) []int { return x.dataset[name] }

// OfImage are the rows of an image path.
func (x *Index) OfImage(path string) []int { return x.image[path] }
