package corpus

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
)

// Version names the content of the rows, whatever their order: "sha256:" and 64
// hexadecimal digits. Lists of the same rows have the same version.
func (x *Index) Version() string {
	order := make([]*Scan, len(x.scans))
	for i := range x.scans {
		order[i] = &x.scans[i]
	}
	slices.SortFunc(order, compareRows)
	h := sha256.New()
	for _, s := range order {
		for _, text := range []string{s.Dataset, s.Image, s.Mask, s.Sequence, s.Split, string(s.Side), s.Patient} {
			hashText(h, text)
		}
		hashText(h, strings.Join(s.Labels, "\x00"))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func compareRows(a, b *Scan) int {
	return cmp.Or(
		strings.Compare(a.Dataset, b.Dataset), strings.Compare(a.Image, b.Image), strings.Compare(a.Mask, b.Mask),
		strings.Compare(a.Sequence, b.Sequence), strings.Compare(a.Split, b.Split), strings.Compare(string(a.Side), string(b.Side)),
		strings.Compare(a.Patient, b.Patient), slices.Compare(a.Labels, b.Labels),
	)
}

// hashText writes a text behind its length, so that two texts never read as
// another two.
func hashText(w io.Writer, text string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(text)))
	w.Write(n[:])           //nolint:errcheck // a hash takes everything
	io.WriteString(w, text) //nolint:errcheck // a hash takes everything
}

// Diff is what changed from one list to another.
type Diff struct {
	From string `json:"from"` // versions
	To   string `json:"to"`
	Same bool   `json:"same"`

	Added   int `json:"added"` // rows
	Removed int `json:"removed"`
	Changed int `json:"changed"`

	Datasets []DatasetDiff `json:"datasets"`
}

// DatasetDiff is what changed in a dataset.
type DatasetDiff struct {
	Name    string        `json:"name"`
	Rows    [2]int        `json:"rows"` // before and after
	Added   []string      `json:"added,omitempty"`
	Removed []string      `json:"removed,omitempty"`
	Changed []RowChange   `json:"changed,omitempty"`
	Classes []ClassChange `json:"classes,omitempty"`
}

// RowChange is a row whose image and mask stayed.
type RowChange struct {
	Image  string   `json:"image"`
	Fields []string `json:"fields"` // "split: train -> test"
}

// ClassChange is a class that more or fewer rows have.
type ClassChange struct {
	Class string `json:"class"`
	Rows  [2]int `json:"rows"` // before and after
}

// Compare says what changed from x to y.
func (x *Index) Compare(y *Index) *Diff {
	d := &Diff{From: x.Version(), To: y.Version(), Datasets: []DatasetDiff{}}
	d.Same = d.From == d.To
	if d.Same {
		return d
	}
	names := map[string]bool{}
	for _, n := range append(x.Datasets(), y.Datasets()...) {
		names[n] = true
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		ds := compareDataset(n, x, y)
		if len(ds.Added)+len(ds.Removed)+len(ds.Changed) == 0 {
			continue
		}
		d.Added += len(ds.Added)
		d.Removed += len(ds.Removed)
		d.Changed += len(ds.Changed)
		d.Datasets = append(d.Datasets, ds)
	}
	return d
}

func compareDataset(name string, x, y *Index) DatasetDiff {
	d := DatasetDiff{Name: name, Rows: [2]int{len(x.dataset[name]), len(y.dataset[name])}}
	before, after := x.byFiles(name), y.byFiles(name)
	for _, key := range slices.Sorted(maps.Keys(before)) {
		olds, news := before[key], after[key]
		for n, s := range olds {
			if n >= len(news) {
				d.Removed = append(d.Removed, s.Image)
			} else if fields := changes(s, news[n]); len(fields) > 0 {
				d.Changed = append(d.Changed, RowChange{s.Image, fields})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		for _, s := range after[key][min(len(before[key]), len(after[key])):] {
			d.Added = append(d.Added, s.Image)
		}
	}
	counts := map[string][2]int{}
	for side, index := range []*Index{x, y} {
		for _, i := range index.dataset[name] {
			for _, c := range index.scans[i].Classes {
				n := counts[c]
				n[side]++
				counts[c] = n
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		if counts[c][0] != counts[c][1] {
			d.Classes = append(d.Classes, ClassChange{c, counts[c]})
		}
	}
	return d
}

// byFiles are the rows of a dataset by image and mask; the same files may have
// several rows.
func (x *Index) byFiles(name string) map[string][]*Scan {
	out := map[string][]*Scan{}
	for _, i := range x.dataset[name] {
		s := &x.scans[i]
		key := s.Image + "\x00" + s.Mask
		out[key] = append(out[key], s)
	}
	for _, rows := range out {
		slices.SortFunc(rows, compareRows)
	}
	return out
}

func changes(a, b *Scan) []string {
	var out []string
	for _, f := range []struct{ name, a, b string }{
		{"modality", a.Sequence, b.Sequence}, {"split", a.Split, b.Split}, {"side", string(a.Side), string(b.Side)}, {"patient", a.Patient, b.Patient},
	} {
		if f.a != f.b {
			out = append(out, f.name+": "+f.a+" -> "+f.b)
		}
	}
	for _, l := range a.Labels {
		if !slices.Contains(b.Labels, l) {
			out = append(out, "without "+l)
		}
	}
	for _, l := range b.Labels {
		if !slices.Contains(a.Labels, l) {
			out = append(out, "with "+l)
		}
	}
	if len(out) == 0 && !slices.Equal(a.Labels, b.Labels) {
		out = append(out, "labels in another order")
	}
	return out
}
