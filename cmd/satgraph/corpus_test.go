package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/internal/sharedtest"
)

func TestCorpusClasses(t *testing.T) {
	code, out, _ := satgraph(t, "corpus", "classes", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	var doc struct{ Classes []classDocument }
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Classes) != 498 {
		t.Errorf("%d classes", len(doc.Classes))
	}
	want := map[string]struct{ id, base, kind, side, site string }{
		"left kidney":           {"UBERON:0004538", "UBERON:0002113", "anatomy", "left", ""},
		"liver tumor":           {"SATG:0000250", "SATG:0000250", "finding", "", "UBERON:0002107"},
		"left kidney cyst":      {"SATG:0000247", "SATG:0000246", "finding", "left", "UBERON:0004538"},
		"heart tissue":          {"SATG:0000001", "SATG:0000001", "group", "", ""},
		"left mandible":         {"SATG:0000055", "UBERON:0001684", "anatomy", "left", ""},
		"left lung":             {"UBERON:0002168", "UBERON:0002048", "anatomy", "left", ""},
		"right iliac vena":      {"SATG:0000011", "UBERON:0005610", "anatomy", "right", ""},
		"vestibular schwannoma": {"SATG:0000260", "SATG:0000260", "finding", "", "UBERON:0003723"},
	}
	seen := 0
	for _, c := range doc.Classes {
		w, ok := want[c.Name]
		if !ok {
			continue
		}
		seen++
		if c.Term.ID != w.id || c.Term.Base != w.base || string(c.Term.Kind) != w.kind || string(c.Term.Laterality) != w.side || c.Site != w.site {
			t.Errorf("%s: got %+v, site %q; want %+v", c.Name, c.Term, c.Site, w)
		}
	}
	if seen < len(want) {
		t.Errorf("only %d of %d classes are there", seen, len(want))
	}
	if code, _, _ := satgraph(t, "corpus", "classes", "--modality", "xray"); code != exitUsage {
		t.Errorf("a wrong modality: exit code %d", code)
	}
}

func TestCorpusStats(t *testing.T) {
	code, out, errs := satgraph(t, "corpus", "stats", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var doc statsDocument
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Datasets != 72 || doc.Scans != 22176 || doc.Classes != 498 || doc.Annotations != 385930 || doc.Pairs["ct"] != 306 || len(doc.Differences) != 3 || len(doc.Anomalies) < 70 {
		t.Errorf("got %+v", *doc.Stats)
	}
	if code, out, _ := satgraph(t, "corpus", "stats", "--as-published"); code != exitDone || !strings.Contains(out, "28186 scans") || !strings.Contains(out, "302033 in the paper") {
		t.Errorf("as published: exit code %d\n%s", code, out)
	}
	bad := filepath.Join(t.TempDir(), "scans.jsonl")
	if err := os.WriteFile(bad, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := satgraph(t, "corpus", "stats", "--scans", bad); code != exitUsage || !strings.Contains(errs, "line 1: a key is missing: dataset") {
		t.Errorf("a bad list: exit code %d, %s", code, errs)
	}
	if code, _, _ := satgraph(t, "corpus", "stats", "--scans", filepath.Join(t.TempDir(), "none")); code != exitUsage {
		t.Errorf("no list: exit code %d", code)
	}
}

func TestCorpusDiff(t *testing.T) {
	list := sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz")
	if code, out, errs := satgraph(t, "corpus", "diff", list, list); code != exitDone || !strings.Contains(out, "the same rows") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestDatasets(t *testing.T) {
	code, out, _ := satgraph(t, "datasets", "list", "--json")
	var list struct{ Datasets []listedDataset }
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitDone || len(list.Datasets) != 72 {
		t.Fatalf("exit code %d, %v, %d datasets", code, err, len(list.Datasets))
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"verse"}, "{8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 28}"},
		{[]string{"VerSe", "--as-published"}, "{8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 26}"},
		{[]string{"HAN_Seg"}, "{case}_OAR_Eye_AL.seg.nrrd"},
		{[]string{"MSD_Prostate"}, "both-sides"},
		{[]string{"ACDC", "--json"}, `"expr": "{1, 3}"`},
	} {
		code, out, errs := satgraph(t, append([]string{"datasets", "show"}, c.args...)...)
		if code != exitDone || !strings.Contains(out, c.want) {
			t.Errorf("show %q: exit code %d, %s; want %q in\n%s", c.args, code, errs, c.want, out)
		}
	}
	if code, _, errs := satgraph(t, "datasets", "show", "Total"); code != exitRefused || !strings.Contains(errs, "TotalSegmentator_Ribs") {
		t.Errorf("half a name: exit code %d, %s", code, errs)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte("name: X\nlicense: MIT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := satgraph(t, "datasets", "list", "--catalog", dir); code != exitUsage || !strings.Contains(errs, "x.yaml, line 2") {
		t.Errorf("a bad record: exit code %d, %s", code, errs)
	}
}

func TestCorpusCard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "card")
	if code, _, errs := satgraph(t, "corpus", "card", "--title", "SAT-DS", "-o", dir); code != exitDone {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "card.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# SAT-DS", "| classes (pairs of modality and name) | 498 |", "| annotations | 385930 | 302033 |", "| CC-BY-SA-4.0 | 10 |", "![images by modality](modalities.svg)", "| VerSe | ct | whole body | 96 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the card lacks %q", want)
		}
	}
	for _, name := range []string{"modalities.svg", "regions.svg", "datasets.svg", "classes.svg"} {
		plot, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var root struct{ XMLName xml.Name }
		if err := xml.Unmarshal(plot, &root); err != nil || root.XMLName.Local != "svg" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
