package corpus_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/internal/sharedtest"
)

func records(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func classes(t testing.TB) []catalog.Class {
	t.Helper()
	c, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func released(t testing.TB) *corpus.Index {
	t.Helper()
	x, err := corpus.ReadList(context.Background(), sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz"), records(t))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The numbers come out of the released list, and of the records alone.
func TestTheNumbersComeOut(t *testing.T) {
	x := released(t)
	list := x.Stats(classes(t), corpus.Options{})
	alone := corpus.StatsOf(records(t), classes(t), corpus.Options{})
	for _, st := range []*corpus.Stats{list, alone} {
		for what, n := range map[string][2]int{
			"datasets": {st.Datasets, 72}, "rows": {st.Rows, 28186}, "scans": {st.Scans, 22176}, "images": {st.Images, 21895},
			"classes": {st.Classes, 498}, "names": {st.Names, 451}, "abnormal": {st.Abnormal, 24},
			"annotations": {st.Annotations, 385930}, "as written": {st.Written, 386026},
			"ct rows": {st.ByRow["ct"], 13483}, "mri rows": {st.ByRow["mri"], 13678}, "pet rows": {st.ByRow["pet"], 1025},
			"ct images": {st.ByImage["ct"], 7192}, "mri images": {st.ByImage["mri"], 13678}, "pet images": {st.ByImage["pet"], 1025},
			"ct pairs": {st.Pairs["ct"], 306}, "mri pairs": {st.Pairs["mri"], 189}, "pet pairs": {st.Pairs["pet"], 3},
			"train": {st.Sides[corpus.Train], 22429}, "test": {st.Sides[corpus.Test], 5755}, "both": {st.Sides[corpus.Both], 2},
			"split train": {st.Splits["train"], 22337}, "split test": {st.Splits["test"], 1504}, "split unknown": {st.Splits["unknown"], 4157},
			"split val": {st.Splits["val"], 20}, "split valid": {st.Splits["valid"], 168},
		} {
			if n[0] != n[1] {
				t.Errorf("%s: %s: got %d, want %d", st.Source, what, n[0], n[1])
			}
		}
		want := map[string]int{"abdomen": 57, "brain": 137, "head and neck": 92, "lower limb": 10, "pelvis": 29, "spine": 56, "thorax": 102, "upper limb": 9, "whole body": 6}
		if fmt.Sprint(st.Regions) != fmt.Sprint(want) {
			t.Errorf("%s: regions %v, want %v", st.Source, st.Regions, want)
		}
		if len(st.Differences) != 3 || st.Differences[0].Paper != 22186 || st.Differences[2].Paper != 302033 {
			t.Errorf("%s: differences %+v", st.Source, st.Differences)
		}
	}
	if fmt.Sprintf("%+v", list.PerDataset) != fmt.Sprintf("%+v", alone.PerDataset) {
		t.Errorf("datasets differ between list and records:\n%+v\n%+v", list.PerDataset, alone.PerDataset)
	}
	published := x.Stats(classes(t), corpus.Options{AsPublished: true})
	if published.Scans != 28186 || published.Annotations != 386026 {
		t.Errorf("as published: %d scans, %d annotations", published.Scans, published.Annotations)
	}
	ids := 0
	for _, d := range records(t).Datasets() {
		ids += d.Published.Patients
	}
	if published.Patients != ids {
		t.Errorf("as published: %d patients, the facts have %d ids", published.Patients, ids)
	}
}

// The reason of a difference is that of what was counted: rows as published, or a
// list that is not the released one.
func TestDifferencesOfOtherCounts(t *testing.T) {
	x := released(t)
	published := x.Stats(classes(t), corpus.Options{AsPublished: true}).Differences[0]
	if published.Released != 28186 || !strings.Contains(published.Reason, "six times") || !strings.Contains(published.Reason, "gives 22176 here") {
		t.Errorf("as published: %+v", published)
	}
	var rows bytes.Buffer
	f, err := os.Open(sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		if n > 0 {
			_, _ = rows.Write(append(lines.Bytes(), '\n'))
		}
	}
	at := filepath.Join(t.TempDir(), "shorter.jsonl")
	if err := os.WriteFile(at, rows.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	shorter, err := corpus.ReadList(t.Context(), at, records(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, d := range map[string]corpus.Difference{"scans": shorter.Stats(classes(t), corpus.Options{}).Differences[0], "annotations": shorter.Stats(classes(t), corpus.Options{}).Differences[2]} {
		if d.What != what || !strings.Contains(d.Reason, "are not those released") {
			t.Errorf("one row less: %+v", d)
		}
	}
}

// Each pair has the rows and images that the facts give.
func TestRowsOfEachClass(t *testing.T) {
	text, err := os.ReadFile(sharedtest.Path(t, "facts/sat-ds/classes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []struct {
		Name, Modality string
		Rows, Images   int
		Datasets       []string
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	x := released(t)
	rows, images, sets := map[string]int{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	for i := range x.Len() {
		s := x.Scan(i)
		for _, c := range s.Classes {
			key := string(s.Modality) + "_" + c
			rows[key]++
			if images[key] == nil {
				images[key], sets[key] = map[string]bool{}, map[string]bool{}
			}
			images[key][s.Image], sets[key][s.Dataset] = true, true
		}
	}
	for _, w := range want {
		key := w.Modality + "_" + w.Name
		if rows[key] != w.Rows || len(images[key]) != w.Images || len(sets[key]) != len(w.Datasets) {
			t.Errorf("%s: %d rows, %d images, %d datasets; want %d, %d, %d", key, rows[key], len(images[key]), len(sets[key]), w.Rows, w.Images, len(w.Datasets))
		}
	}
}

func TestFindingsOfTheReleasedList(t *testing.T) {
	got := map[string]int{}
	var leak []string
	for _, f := range released(t).Findings() {
		got[f.Gate+" "+f.Dataset]++
		if f.Gate == corpus.GateBothSides && f.Dataset == "MSD_Prostate" {
			leak = append(leak, f.Subject)
		}
	}
	if !slices.Equal(leak, []string{"prostate_28"}) {
		t.Errorf("MSD_Prostate: both sides: %q, want prostate_28", leak)
	}
	for key, want := range map[string]int{
		"both-sides BraTS2023_GLI": 41, "both-sides BraTS2023_MEN": 10, "both-sides CMRxMotion": 10, "both-sides BraTS2023_MET": 0, "both-sides ACDC": 0,
		"patient-id ACDC": 1, "patient-id ATLASR2": 1, "patient-id BraTS2023_GLI": 1, "patient-id BTCV": 0,
		"duplicate-label VerSe": 1, "missing-row BraTS2023_MET": 1, "missing-row BraTS2023_GLI": 0, "missing-row CHAOS_MRI": 0,
		"spelling FLARE22": 1, "spelling BTCV": 0, "spelling HAN_Seg": 1,
		"ids-without-rows COVID19": 1, "ids-without-rows Couinaud_Liver": 1, "ids-without-rows MM_WHS_CT": 1,
		"shared-images Couinaud_Liver": 1, "shared-images SegRap2023_Task1": 1, "shared-images TotalSegmentator_Cardiac": 5,
		"duplicate-row ACDC": 0, "counts ACDC": 0, "place DAP_Atlas": 0,
	} {
		if got[key] != want {
			t.Errorf("%s: %d findings, want %d", key, got[key], want)
		}
	}
}

// row is a line of a small list.
func row(image, mask, labels, side string) string {
	return fmt.Sprintf(`{"dataset":"ACDC","image":%q,"mask":%q,"modality":"MRI","labels":%s,"split":"train","sat_split":%q,"patient":"p"}`, image, mask, labels, side)
}

const (
	acdc   = `["left heart ventricle","right heart ventricle","myocardium","heart ventricle"]`
	acdcAt = "data/nii/ACDC/database/training/patient001/patient001_frame01"
)

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBadLists(t *testing.T) {
	good := row(acdcAt+".nii.gz", acdcAt+"_gt.nii.gz", acdc, "train") + "\n"
	var many strings.Builder
	for i := range 3000 {
		fmt.Fprintln(&many, row(fmt.Sprintf("data/nii/ACDC/database/training/patient%03d/patient%03d_frame01.nii.gz", i, i), "m", acdc, "test"))
	}
	packed := zip(t, many.String())
	damaged := slices.Clone(packed)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		text []byte
		line int
		kind error
	}{
		"empty":            {nil, 0, corpus.ErrList},
		"blank":            {[]byte("\n\n"), 0, corpus.ErrList},
		"truncated gzip":   {packed[:len(packed)/2], -1, corpus.ErrListTruncated},
		"damaged gzip":     {damaged, -1, corpus.ErrList},
		"no gzip":          {[]byte{0x1f, 0x8b, 1, 2, 3}, 1, nil},
		"10 MB line":       {[]byte(good + `{"dataset":"` + strings.Repeat("x", 10<<20) + "\"}\n" + good), 2, corpus.ErrListTooLarge},
		"unknown dataset":  {[]byte(good + strings.Replace(good, "ACDC", "ACDD", 1)), 2, corpus.ErrUnknownDataset},
		"missing image":    {[]byte(good + strings.Replace(good, `"image"`, `"picture"`, 1)), 2, corpus.ErrMissingKey},
		"missing labels":   {[]byte(strings.Replace(good, `"labels"`, `"classes"`, 1)), 1, corpus.ErrMissingKey},
		"null dataset":     {[]byte(strings.Replace(good, `"dataset":"ACDC"`, `"dataset":null`, 1)), 1, corpus.ErrMissingKey},
		"labels no list":   {[]byte(good + strings.Replace(good, acdc, `"heart"`, 1)), 2, corpus.ErrBadValue},
		"no labels":        {[]byte(good + strings.Replace(good, acdc, `[]`, 1)), 2, corpus.ErrBadValue},
		"unknown class":    {[]byte(good + strings.Replace(good, "myocardium", "liver", 1)), 2, corpus.ErrUnknownClass},
		"unknown side":     {[]byte(good + strings.Replace(good, `"sat_split":"train"`, `"sat_split":"left"`, 1)), 2, corpus.ErrBadValue},
		"another modality": {[]byte(good + strings.Replace(good, `"MRI"`, `"CT"`, 1)), 2, corpus.ErrBadValue},
		"no object":        {[]byte(good + "[1]\n"), 2, corpus.ErrList},
		"no JSON":          {[]byte(good + "dataset,image\n"), 2, corpus.ErrList},
		"deep JSON":        {[]byte(good + strings.Repeat("[", 100_000) + "\n"), 2, corpus.ErrList},
		"not UTF-8":        {[]byte(good + "{\"dataset\":\"\xff\"}\n"), 2, corpus.ErrList},
	} {
		_, err := corpus.ReadList(t.Context(), write(t, "scans.jsonl", c.text), records(t))
		var list *corpus.ListError
		if !errors.As(err, &list) || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v, want a ListError of %v", name, err, c.kind)
			continue
		}
		at := list.Problems[len(list.Problems)-1].Line
		if c.line >= 0 && at != c.line || c.line < 0 && at < 2 {
			t.Errorf("%s: got line %d, want %d: %v", name, at, c.line, err)
		}
		if len(err.Error()) > 3000 {
			t.Errorf("%s: a message of %d bytes", name, len(err.Error()))
		}
	}
	var wrong strings.Builder
	for range 1000 {
		wrong.WriteString("{}\n")
	}
	var list *corpus.ListError
	if _, err := corpus.ReadList(t.Context(), write(t, "s", []byte(wrong.String())), records(t)); !errors.As(err, &list) || len(list.Problems) != 100 || list.More != 900 {
		t.Errorf("1000 bad lines: %v", err)
	}
	if _, err := corpus.ReadList(t.Context(), filepath.Join(t.TempDir(), "none"), records(t)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// The keys of the lists that SAT's own code reads are read as well.
func TestOtherKeys(t *testing.T) {
	text := `{"image":"` + acdcAt + `.nii.gz","mask":"m","label":["Left  Heart Ventricle","myocardium"],"modality":"MRI","dataset":"ACDC","official_split":"train","patient_id":"x","more":[1]}`
	x, err := corpus.ReadList(t.Context(), write(t, "s", []byte(text)), records(t))
	if err != nil {
		t.Fatal(err)
	}
	s := x.Scan(0)
	if !slices.Equal(s.Classes, []string{"left heart ventricle", "myocardium"}) || s.Split != "train" || s.Patient != "x" || s.Side != "" || x.Person(0) != "patient001" {
		t.Errorf("got %+v of %s", *s, x.Person(0))
	}
}

func TestDiff(t *testing.T) {
	at := func(n int) (string, string) {
		p := fmt.Sprintf("data/nii/ACDC/database/training/patient%03d/patient%03d_frame01", n, n)
		return p + ".nii.gz", p + "_gt.nii.gz"
	}
	line := func(n int, labels, side string) string {
		image, mask := at(n)
		return row(image, mask, labels, side) + "\n"
	}
	read := func(text string) *corpus.Index {
		x, err := corpus.ReadList(t.Context(), write(t, "s", []byte(text)), records(t))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	a := read(line(1, acdc, "train") + line(2, acdc, "train") + line(3, acdc, "test"))
	if same := a.Compare(read(line(3, acdc, "test") + line(1, acdc, "train") + line(2, acdc, "train"))); !same.Same || same.From != a.Version() {
		t.Errorf("the same rows in another order: %+v", same)
	}
	d := a.Compare(read(line(1, acdc, "test") + line(2, `["myocardium"]`, "train") + line(4, acdc, "train")))
	three, _ := at(3)
	four, _ := at(4)
	if d.Same || d.Added != 1 || d.Removed != 1 || d.Changed != 2 || d.Datasets[0].Added[0] != four || d.Datasets[0].Removed[0] != three {
		t.Fatalf("got %+v", d)
	}
	if got := d.Datasets[0].Changed[0].Fields; !slices.Equal(got, []string{"side: train -> test"}) {
		t.Errorf("got %q", got)
	}
	want := []corpus.ClassChange{{"heart ventricle", [2]int{3, 2}}, {"left heart ventricle", [2]int{3, 2}}, {"right heart ventricle", [2]int{3, 2}}}
	if !slices.Equal(d.Datasets[0].Classes, want) {
		t.Errorf("classes: %+v", d.Datasets[0].Classes)
	}
}

func FuzzReadList(f *testing.F) {
	f.Add([]byte(row(acdcAt+".nii.gz", "m", acdc, "train")))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	c := records(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "s")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := corpus.ReadList(t.Context(), path, c)
		var list *corpus.ListError
		if err != nil && !errors.As(err, &list) {
			t.Errorf("got %v, want a ListError", err)
		}
		if err == nil {
			x.Stats(nil, corpus.Options{})
			x.Findings()
		}
	})
}

func BenchmarkReadList(b *testing.B) {
	path := sharedtest.Path(b, "facts/sat-ds/scans.jsonl.gz")
	c := records(b)
	for b.Loop() {
		if _, err := corpus.ReadList(b.Context(), path, c); err != nil {
			b.Fatal(err)
		}
	}
}
