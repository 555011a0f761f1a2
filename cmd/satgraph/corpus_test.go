package main

import (
	"encoding/json"
	"testing"
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
