package corpus

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// Card is a data card: what a corpus holds, under which licences, and what is
// odd about it.
type Card struct {
	Title    string
	Version  string // of the list; empty without one
	Stats    *Stats
	Findings []Finding
	Catalog  *catalog.Catalog
	// Moved is what a split by person changed; nil for the published split.
	Moved []Moved
	// Plots are names of picture files to show, with their captions.
	Plots [][2]string
}

// WriteMarkdown writes the card for people.
func (c *Card) WriteMarkdown(w io.Writer) error {
	b := &strings.Builder{}
	st := c.Stats
	fmt.Fprintf(b, "# %s\n\n", c.Title)
	if c.Version != "" {
		fmt.Fprintf(b, "Version `%s` (a checksum of the rows, whatever their order).\n\n", c.Version)
	}
	fmt.Fprintf(b, "| what | count |\n|---|---|\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"datasets", st.Datasets},
		{"rows", st.Rows},
		{"scans (lists of one release on the same images count once)", st.Scans},
		{"images", st.Images},
		{"people (added over datasets)", st.Patients},
		{"classes (pairs of modality and name)", st.Classes},
		{"names of classes", st.Names},
		{"abnormalities among the classes", st.Abnormal},
		{"annotations (rows times classes, empty masks included)", st.Annotations},
	} {
		fmt.Fprintf(b, "| %s | %d |\n", row.what, row.n)
	}
	for _, p := range c.Plots {
		fmt.Fprintf(b, "\n![%s](%s)\n", p[1], p[0])
	}
	c.differences(b)
	c.split(b)
	c.licences(b)
	c.overlaps(b)
	c.findings(b)
	fmt.Fprintf(b, "\n## Datasets\n\n| dataset | modality | region | rows | images | people | classes | licence |\n|---|---|---|---|---|---|---|---|\n")
	for _, d := range st.PerDataset {
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %d | %d | %s |\n", d.Name, d.Modality, d.Region, d.Rows, d.Images, d.Patients, d.Classes, cell(d.Licence))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text within a table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }

func (c *Card) differences(b *strings.Builder) {
	if len(c.Stats.Differences) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Where the paper says otherwise\n\n| what | here | paper | reason |\n|---|---|---|---|\n")
	for _, d := range c.Stats.Differences {
		fmt.Fprintf(b, "| %s | %d | %d | %s |\n", d.What, d.Released, d.Paper, cell(d.Reason))
	}
}

func (c *Card) split(b *strings.Builder) {
	if len(c.Moved) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## The split\n\nAll scans of a person, and all rows of an image, are on one side: the one that has most of them in the published split, training where it has as many of them on either.\n\n| dataset | people moved | rows to training | rows to test |\n|---|---|---|---|\n")
	for _, m := range c.Moved {
		fmt.Fprintf(b, "| %s | %d | %d | %d |\n", m.Dataset, m.People, m.ToTrain, m.ToTest)
	}
}

func (c *Card) licences(b *strings.Builder) {
	rows, sets := map[string]int{}, map[string][]string{}
	for _, d := range c.Stats.PerDataset {
		rows[d.Licence] += d.Rows
		sets[d.Licence] = append(sets[d.Licence], d.Name)
	}
	fmt.Fprintf(b, "\n## Licences\n\n| licence | datasets | rows |\n|---|---|---|\n")
	for _, id := range byCount(rows) {
		fmt.Fprintf(b, "| %s | %d | %d |\n", cell(id), len(sets[id]), rows[id])
	}
	for _, d := range c.Catalog.Datasets() {
		if d.Licence.Known() && rows[d.Licence.ID] > 0 && d.Licence.Note != "" && slices.Contains(sets[d.Licence.ID], d.Name) {
			fmt.Fprintf(b, "\n%s: %s (%s)\n", d.Name, d.Licence.Note, d.Licence.Reference)
		}
	}
}

func (c *Card) overlaps(b *strings.Builder) {
	held := map[string]bool{}
	for _, d := range c.Stats.PerDataset {
		held[d.Name] = true
	}
	var sets []*catalog.Dataset
	for _, d := range c.Catalog.Datasets() {
		if held[d.Name] {
			sets = append(sets, d)
		}
	}
	overlaps := catalog.Overlaps(sets)
	if len(overlaps) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Datasets with scans in common\n\nBy what their owners say of where scans were taken from. A split by person within a dataset does not reach across these.\n\n| from | dataset | scans | source |\n|---|---|---|---|\n")
	for _, o := range overlaps {
		for _, d := range o.Datasets {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(o.Origin), d.Dataset, cell(d.What), d.Source)
		}
	}
}

func (c *Card) findings(b *strings.Builder) {
	fmt.Fprintf(b, "\n## What is odd\n\n")
	if len(c.Findings) == 0 {
		b.WriteString("Nothing was found in the list; known oddities of the datasets stand in their records.\n")
		return
	}
	type key struct{ gate, dataset string }
	count, first := map[key]int{}, map[key]string{}
	var keys []key
	for _, f := range c.Findings {
		k := key{f.Gate, f.Dataset}
		if count[k]++; count[k] == 1 {
			keys, first[k] = append(keys, k), f.What
		}
	}
	slices.SortFunc(keys, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.gate, y.gate), cmp.Compare(x.dataset, y.dataset))
	})
	fmt.Fprintf(b, "| gate | dataset | findings | the first |\n|---|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(b, "| %s | %s | %d | %s |\n", k.gate, k.dataset, count[k], cell(first[k]))
	}
}

// byCount are the keys of counts, the greatest first.
func byCount[K ~string](m map[K]int) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(string(a), string(b)))
	})
}

// Bar is a line of a plot.
type Bar struct {
	Name  string
	Count int
}

// Bars makes bars of counts, the greatest first; beyond limit the rest is one.
func Bars[K ~string](counts map[K]int, limit int) []Bar {
	var out []Bar
	rest := Bar{}
	for i, k := range byCount(counts) {
		if i < limit || limit == 0 {
			out = append(out, Bar{string(k), counts[k]})
			continue
		}
		rest.Count += counts[k]
		rest.Name = fmt.Sprintf("%d more", i+1-limit)
	}
	if rest.Count > 0 {
		out = append(out, rest)
	}
	return out
}

// ClassRows counts the rows of each class, over modalities.
func (x *Index) ClassRows() map[string]int {
	out := map[string]int{}
	for i := range x.scans {
		for _, c := range x.scans[i].Classes {
			out[c]++
		}
	}
	return out
}

// WritePlot draws bars as an SVG picture.
func WritePlot(w io.Writer, title string, bars []Bar) error {
	const left, width, row, top = 260, 460, 18, 34
	most := 1
	for _, bar := range bars {
		most = max(most, bar.Count)
	}
	b := &strings.Builder{}
	height := top + row*len(bars) + 8
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", left+width+80, height, left+width+80, height)
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="#ffffff"/><text x="8" y="20" font-size="14" font-weight="bold">%s</text>`+"\n", escape(title))
	for i, bar := range bars {
		y := top + row*i
		n := width * bar.Count / most
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%d" height="%d" fill="#3b6ea5"/><text x="%d" y="%d">%d</text>`+"\n",
			left-6, y+13, escape(bar.Name), left, y+2, max(n, 1), row-4, left+max(n, 1)+6, y+13, bar.Count)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
