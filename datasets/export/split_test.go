package export_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/export/bids"
	"satgraph/datasets/export/croissant"
	"satgraph/datasets/export/dicomseg"
	"satgraph/datasets/export/exporttest"
	"satgraph/datasets/export/index"
	"satgraph/datasets/export/labelmaps"
	"satgraph/datasets/export/monai"
	"satgraph/datasets/export/nnunet"
	"satgraph/datasets/export/sat"
)

// people are scans as "dataset patient image split".
func people(rows ...string) (out []*export.Sample) {
	for i, row := range rows {
		f := strings.Split(row, " ")
		out = append(out, &export.Sample{ID: fmt.Sprint(i), Dataset: f[0], Patient: f[1], Image: f[2], Split: f[3]})
	}
	return out
}

func splitsOf(all []*export.Sample) (out []string) {
	for _, s := range all {
		out = append(out, s.Split)
	}
	return out
}

func TestByPerson(t *testing.T) {
	all := people(
		"A p  train", "A p  test", "A p  test", // most are on test
		"A q  test", "A q  train", // as many
		"B p  train",                                     // another dataset's p
		"A r  validation", "A r  test", "A r  ", "A s  ", // a scan without a side goes along
		"A   train", "A   test", // nobody known
		"A t x train", "B u x test", "B u y test", "C v y test", // one image, two datasets; and on from it
	)
	warnings, err := export.ByPerson(all)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"test", "test", "test", "train", "train", "train", "validation", "validation", "validation", "", "train", "test", "test", "test", "test", "test",
	}
	if got := splitsOf(all); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(warnings) != 3 || !strings.Contains(warnings[1], "dataset A: 2 scans were moved to the side test") {
		t.Errorf("%q", warnings)
	}
	if again, _ := export.ByPerson(all); again != nil {
		t.Errorf("moved again: %q", again)
	}
}

func TestReadSides(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sides")
	for content, want := range map[string]export.Sides{
		"scan,split\nA/1,train\nA/2,Validation\n":                     {"A/1": "train", "A/2": "validation"},
		"\ufeffnote\tsplit\tscan\r\n\ttest\tA/x,y/z\r\nn\tval\tB/1\n": {"A/x,y/z": "test", "B/1": "validation"},
		"scan,split\n":                      {},
		"":                                  nil,
		"A/1,train\n":                       nil,
		"scan,split\nA/1,half\n":            nil,
		"scan,split\n1,train\n":             nil,
		"scan,split\nA/1,train\nA/1,test\n": nil,
		"scan,split\nA/1\n":                 nil,
		"scan,split\n\"A/1,train\n":         nil,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, _, err := export.ReadSides(path)
		if !reflect.DeepEqual(got, want) || (want == nil) != errors.Is(err, export.ErrSplit) {
			t.Errorf("%q: %v, %v", content, got, err)
		}
	}
	if _, _, err := export.ReadSides(path + "none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestSides(t *testing.T) {
	s := export.Sides{"A/0": "test", "A/9": "train"}
	all := people("A p  train", "B q  train")
	if _, err := s.Assign(&export.Select{})(all); !errors.Is(err, export.ErrSplit) || !strings.Contains(err.Error(), "B/1") {
		t.Errorf("a scan without a side: %v", err)
	}
	warnings, err := s.Assign(&export.Select{Datasets: []string{"A"}, Splits: []string{"test"}})(all)
	if err != nil || len(warnings) != 1 || !slices.Equal(splitsOf(all), []string{"test", ""}) {
		t.Errorf("%v, %q, %q", err, warnings, splitsOf(all))
	}
}

// A person on two sides is warned of, and is on one with a split by persons.
func TestLeaks(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Disjoint[:1])
	for _, s := range c.List {
		s.Patient = "p"
	}
	name := func(i int) string { return c.List[i].Name() }
	_, report := exporttest.Export(t, index.New(), c, export.Options{Format: "index"})
	if want := fmt.Sprintf("1 persons or images are on several sides: %s in train, %s in test", name(0), name(1)); !strings.Contains(strings.Join(report.Warnings, "\n"), want) {
		t.Errorf("warnings %q, want %q", report.Warnings, want)
	}
	src, warnings, err := export.OnSides(t.Context(), c, export.ByPerson)
	if err != nil || len(warnings) != 1 {
		t.Fatalf("%v, %q", err, warnings)
	}
	if _, report = exporttest.Export(t, index.New(), src, export.Options{Format: "index"}); len(report.Warnings) > 0 {
		t.Errorf("warnings %q", report.Warnings)
	}
	if c.List[1].Split != export.Test {
		t.Error("the source's own scan was changed")
	}
}

// Every format writes the sides that were chosen, not those of the source; of
// Parquet the test of package index says so.
func TestSplitInEveryFormat(t *testing.T) {
	c := exporttest.New(t, 3, exporttest.Disjoint[:1])
	for i, s := range c.List {
		im, m := c.Images[s.Name()], c.Masks[s.Name()]
		s.Dataset, s.ID = "D", fmt.Sprint(i)
		c.Images[s.Name()], c.Masks[s.Name()] = im, m
	}
	chosen := export.Sides{"D/0": export.Test, "D/1": export.Train, "D/2": export.Validation}
	for name, f := range map[string]struct {
		format export.Format
		found  func(d written) map[string][]string
	}{
		"sat":       {sat.New(sat.Options{AsIs: true}), written.sat},
		"nnunet":    {nnunet.New(nnunet.Options{}), written.nnunet},
		"monai":     {monai.New(labelmaps.Settings{}), written.monai},
		"croissant": {croissant.New(croissant.Options{}), written.croissant},
		"bids":      {bids.New(bids.Options{}), written.bids},
		"dicomseg":  {dicomseg.New("test"), written.dicomseg},
	} {
		src, _, err := export.OnSides(t.Context(), c, chosen.Assign(&export.Select{}))
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := exporttest.Export(t, f.format, src, export.Options{Format: name})
		want := map[string][]string{"test": {"0"}, "train": {"1"}, "validation": {"2"}}
		if got := f.found(written{t, dir}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// written is an export; its methods read which scans are on which side.
type written struct {
	t   *testing.T
	dir string
}

func (d written) read(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d written) decode(text string, v any) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		d.t.Fatalf("%s: %v", text, err)
	}
}

// columns reads two columns of a table.
func (d written) columns(name, sep, scan, split string) map[string][]string {
	rows := strings.Split(strings.TrimSpace(d.read(name)), "\n")
	head := strings.Split(rows[0], sep)
	out := map[string][]string{}
	for _, row := range rows[1:] {
		f := strings.Split(row, sep)
		side := f[slices.Index(head, split)]
		out[side] = append(out[side], f[slices.Index(head, scan)])
	}
	return out
}

func (d written) sat() map[string][]string {
	out := map[string][]string{}
	for _, side := range []string{"train", "validation", "test"} {
		var row struct {
			ID    string `json:"sample_id"`
			Split string `json:"official_split"`
		}
		d.decode(d.read(side+".jsonl"), &row)
		if row.Split != side {
			d.t.Errorf("%s is of %s in %s.jsonl", row.ID, row.Split, side)
		}
		out[side] = append(out[side], last(row.ID))
	}
	return out
}

func (d written) nnunet() map[string][]string {
	const folder = "Dataset001_D/"
	var folds []struct{ Train, Val []string }
	d.decode(d.read(folder+"splits_final.json"), &folds)
	out := map[string][]string{}
	for _, id := range folds[0].Train {
		out["train"] = append(out["train"], last(id))
	}
	for _, id := range folds[0].Val {
		out["validation"] = append(out["validation"], last(id))
	}
	tests, _ := filepath.Glob(filepath.Join(d.dir, folder, "imagesTs", "*_0000.nii.gz"))
	for _, path := range tests {
		out["test"] = append(out["test"], last(strings.TrimSuffix(path, "_0000.nii.gz")))
	}
	return out
}

func (d written) monai() map[string][]string {
	type item struct{ Image string }
	var doc struct{ Training, Validation, Test []item }
	d.decode(d.read("D/dataset.json"), &doc)
	out := map[string][]string{}
	for side, list := range map[string][]item{"train": doc.Training, "validation": doc.Validation, "test": doc.Test} {
		for _, x := range list {
			out[side] = append(out[side], last(strings.TrimSuffix(x.Image, ".nii.gz")))
		}
	}
	return out
}

func (d written) croissant() map[string][]string {
	var doc struct {
		RecordSet []struct {
			ID   string `json:"@id"`
			Data []map[string]string
		}
	}
	d.decode(d.read("croissant.json"), &doc)
	for _, set := range doc.RecordSet {
		if set.ID == "splits" && len(set.Data) != 3 {
			d.t.Errorf("splits %v", set.Data)
		}
	}
	return d.columns("scans.csv", ",", "id", "split")
}

func (d written) bids() map[string][]string {
	out := d.columns("participants.tsv", "\t", "patient", "split")
	for _, ids := range out {
		for i := range ids {
			ids[i] = strings.TrimPrefix(ids[i], "p") // as exporttest calls the person
		}
	}
	return out
}

func (d written) dicomseg() map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(d.read("segments.jsonl")) {
		var row struct{ Scan, Split string }
		d.decode(line, &row)
		out[row.Split] = append(out[row.Split], row.Scan)
	}
	return out
}

// last is the last letter, which is the number of a scan.
func last(s string) string { return s[len(s)-1:] }
