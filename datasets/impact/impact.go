// Package impact says what a decision on labels or recipes would change in a
// corpus, before it is made: which classes a dataset gains, loses or makes
// otherwise, in how many scans and annotations, on which side of the splits, and
// which finished exports no longer say the same.
//
// It counts; it opens no scan, so a structure that a scan does not show is
// counted where the dataset labels it. Start from Of.
package impact

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/labelmap"
)

// Span is a number before and after.
type Span struct {
	Before int `json:"before"`
	After  int `json:"after"`
}

// String writes the span as "12 > 14 (+2)".
func (s Span) String() string {
	if s.Before == s.After {
		return fmt.Sprint(s.Before)
	}
	return fmt.Sprintf("%d > %d (%+d)", s.Before, s.After, s.After-s.Before)
}

// Change is what happens to a class.
type Change string

// The changes.
const (
	Gained  Change = "gained"
	Lost    Change = "lost"
	Changed Change = "changed" // made of other voxels
)

// Class is a class that changes.
type Class struct {
	Name   string `json:"name"`
	Change Change `json:"change"`
	// Before and After are the recipes; empty where there is none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Scans are the dataset's rows whose annotation of the class changes.
	Scans int `json:"scans"`
	// Datasets and Corpus count the class in the whole corpus, in the dataset's
	// modality where it has one: datasets that make it, and rows that are annotated with it.
	Datasets Span `json:"datasets"`
	Corpus   Span `json:"corpus"`
}

// Export is a finished export that no longer says what a new one would.
type Export struct {
	Path    string   `json:"path"`
	Format  string   `json:"format"`
	Samples int      `json:"samples"` // of the dataset
	Classes []string `json:"classes"` // that change and that it holds, or would
}

// Report is what a decision changes.
type Report struct {
	Dataset string `json:"dataset"`
	// Counted says what scans were counted in: "scan list", "published numbers of
	// the catalog", or "nothing".
	Counted     string          `json:"counted"`
	Classes     []Class         `json:"classes"`
	Scans       int             `json:"scans"`       // rows with any change
	Annotations Span            `json:"annotations"` // of the dataset: pairs of a row and a class
	Splits      map[string]Span `json:"splits"`      // annotations by the owner's split
	Sides       map[string]Span `json:"sides"`       // annotations by the corpus's side
	Exports     []Export        `json:"exports"`
}

// Manifest is a finished export, and where it lies.
type Manifest struct {
	Path string
	export.Manifest
}

// Input is what is compared.
type Input struct {
	Dataset  string
	Modality catalog.Modality
	// Before and After are the recipes that the dataset has, and would have.
	Before, After []labelmap.Recipe
	// Index holds the scans; nil where there is no list.
	Index   *corpus.Index
	Catalog *catalog.Catalog
	Exports []Manifest
}

// Of compares the recipes before and after.
func Of(in Input) *Report {
	r := &Report{Dataset: in.Dataset, Splits: map[string]Span{}, Sides: map[string]Span{}, Classes: []Class{}, Exports: []Export{}}
	before, after := byClass(in.Before), byClass(in.After)
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		old, had := before[name]
		now, has := after[name]
		c := Class{Name: name, Before: old, After: now}
		switch {
		case !had:
			c.Change = Gained
		case !has:
			c.Change = Lost
		case old != now:
			c.Change = Changed
		default:
			continue
		}
		r.Classes = append(r.Classes, c)
	}
	rows, counted := in.rows()
	r.Counted = counted
	in.count(r, rows, len(before), len(after))
	in.exports(r)
	return r
}

func byClass(list []labelmap.Recipe) map[string]string {
	out := make(map[string]string, len(list))
	for i := range list {
		out[list[i].Class] = list[i].Expr.String()
	}
	return out
}

// group is a number of rows of one split and side.
type group struct {
	rows        int
	split, side string
	has         map[string]bool // classes; nil: all that the dataset makes
}

// rows are the dataset's scans, from the list, else from what was published.
func (in *Input) rows() ([]group, string) {
	if in.Index != nil {
		var out []group
		for _, i := range in.Index.OfDataset(in.Dataset) {
			s := in.Index.Scan(i)
			g := group{rows: 1, split: s.Split, side: string(s.Side), has: map[string]bool{}}
			for _, c := range s.Classes {
				g.has[c] = true
			}
			out = append(out, g)
		}
		if len(out) > 0 {
			return out, "scan list"
		}
	}
	if d, ok := in.Catalog.Dataset(in.Dataset); ok && d.Published != nil {
		var out []group
		for _, split := range slices.Sorted(maps.Keys(d.Published.Split)) {
			out = append(out, group{rows: d.Published.Split[split], split: split})
		}
		return out, "published numbers of the catalog"
	}
	return nil, "nothing"
}

// count adds up what changes.
func (in *Input) count(r *Report, rows []group, before, after int) {
	for _, g := range rows {
		touched := false
		span := Span{before * g.rows, after * g.rows}
		if g.has != nil {
			span = Span{len(g.has), len(g.has)}
		}
		for i := range r.Classes {
			c := &r.Classes[i]
			has := g.has == nil && c.Change != Gained || g.has[c.Name]
			switch {
			case c.Change == Gained && has, c.Change != Gained && !has:
				continue
			case g.has != nil && c.Change == Gained:
				span.After++
			case g.has != nil && c.Change == Lost:
				span.After--
			}
			c.Scans += g.rows
			touched = true
		}
		if touched {
			r.Scans += g.rows
		}
		r.Annotations = r.Annotations.plus(span)
		if g.split != "" {
			r.Splits[g.split] = r.Splits[g.split].plus(span)
		}
		if g.side != "" {
			r.Sides[g.side] = r.Sides[g.side].plus(span)
		}
	}
	in.sides(r, before, after)
	for i := range r.Classes {
		in.corpus(&r.Classes[i])
	}
}

func (s Span) plus(o Span) Span { return Span{s.Before + o.Before, s.After + o.After} }

// sides takes the published sides where no list tells them row by row.
func (in *Input) sides(r *Report, before, after int) {
	d, ok := in.Catalog.Dataset(in.Dataset)
	if len(r.Sides) > 0 || !ok || d.Published == nil {
		return
	}
	for side, rows := range d.Published.SATSplit {
		r.Sides[side] = Span{before * rows, after * rows}
	}
}

// corpus counts a class in the other datasets of the modality.
func (in *Input) corpus(c *Class) {
	for _, d := range in.Catalog.Datasets() {
		if d.Name == in.Dataset || in.Modality != "" && d.Modality != in.Modality {
			continue
		}
		if _, ok := d.Recipe(c.Name); !ok {
			continue
		}
		rows := 0
		if d.Published != nil {
			rows = d.Published.Rows
		}
		if in.Index != nil {
			rows = in.listed(d.Name, c.Name)
		}
		c.Datasets = c.Datasets.plus(Span{1, 1})
		c.Corpus = c.Corpus.plus(Span{rows, rows})
	}
	own := Span{c.Scans, c.Scans}
	count := Span{1, 1}
	switch c.Change {
	case Gained:
		own.Before, count.Before = 0, 0
	case Lost:
		own.After, count.After = 0, 0
	case Changed:
	}
	c.Corpus, c.Datasets = c.Corpus.plus(own), c.Datasets.plus(count)
}

// listed counts a dataset's rows that have a class.
func (in *Input) listed(dataset, class string) (n int) {
	for _, i := range in.Index.OfDataset(dataset) {
		if slices.Contains(in.Index.Scan(i).Classes, class) {
			n++
		}
	}
	return n
}

// exports finds those that hold the dataset and a class that changes. A class
// that is gained concerns them too: made anew, they would hold it.
func (in *Input) exports(r *Report) {
	for i := range in.Exports {
		m := &in.Exports[i]
		at := slices.IndexFunc(m.Datasets, func(d export.ManifestDataset) bool { return d.Name == in.Dataset })
		if at < 0 {
			continue
		}
		e := Export{Path: m.Path, Format: m.Format, Samples: m.Datasets[at].Samples}
		for _, c := range r.Classes {
			if c.Change == Gained || slices.Contains(m.Classes, c.Name) {
				e.Classes = append(e.Classes, c.Name)
			}
		}
		if len(e.Classes) > 0 {
			r.Exports = append(r.Exports, e)
		}
	}
}

// Lines writes the report for people.
func (r *Report) Lines() []string {
	if len(r.Classes) == 0 {
		return []string{"no class of " + r.Dataset + " changes"}
	}
	var out []string
	for _, c := range r.Classes {
		line := fmt.Sprintf("%-7s %s: %s", c.Change, c.Name, cmp.Or(c.After, c.Before))
		if c.Change == Changed {
			line = fmt.Sprintf("%-7s %s: %s > %s", c.Change, c.Name, c.Before, c.After)
		}
		out = append(out, line, fmt.Sprintf("        %d scans here; in the corpus %s datasets, %s scans", c.Scans, c.Datasets, c.Corpus))
	}
	out = append(out, fmt.Sprintf("%d scans of %s change; annotations %s (counted in: %s)", r.Scans, r.Dataset, r.Annotations, r.Counted))
	for _, by := range []struct {
		what  string
		spans map[string]Span
	}{{"split", r.Splits}, {"side", r.Sides}} {
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(by.spans)) {
			parts = append(parts, k+" "+by.spans[k].String())
		}
		if len(parts) > 0 {
			out = append(out, "annotations by "+by.what+": "+strings.Join(parts, ", "))
		}
	}
	for _, e := range r.Exports {
		out = append(out, fmt.Sprintf("export %s (%s, %d samples of it) is out of date: %s", e.Path, e.Format, e.Samples, strings.Join(e.Classes, ", ")))
	}
	return out
}
