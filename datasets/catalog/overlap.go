package catalog

import (
	"maps"
	"slices"
)

// Overlap is an origin that several datasets took scans from.
type Overlap struct {
	Origin   string        `json:"origin"`
	Datasets []TakenOrigin `json:"datasets"` // two at least
}

// TakenOrigin is what a dataset took from an origin.
type TakenOrigin struct {
	Dataset string `json:"dataset"`
	Origin
}

// Overlaps lists the origins that several of the datasets share, by name.
func Overlaps(datasets []*Dataset) []Overlap {
	by := map[string][]TakenOrigin{}
	for _, d := range datasets {
		for _, o := range d.Origins {
			by[o.Name] = append(by[o.Name], TakenOrigin{d.Name, o})
		}
	}
	var out []Overlap
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if len(by[name]) > 1 {
			out = append(out, Overlap{name, by[name]})
		}
	}
	return out
}
