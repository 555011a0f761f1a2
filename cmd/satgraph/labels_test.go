package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLabelsSuggest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "labels.txt")
	if err := os.WriteFile(file, []byte("LK\nliver\nlabel_7\n=cmd|' /C calc'!A0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := satgraph(t, "labels", "suggest", file, "--modality", "ct", "--top", "3", "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	var doc struct {
		Labels []suggestionRow `json:"labels"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Labels) != 4 {
		t.Fatalf("%d labels of 4", len(doc.Labels))
	}
	first := doc.Labels[0]
	if first.Raw != "LK" || first.Abstained || first.Suggestions[0].Name != "left kidney" || first.Suggestions[0].Base != "UBERON:0002113" ||
		first.Suggestions[0].Laterality != "left" || len(first.Suggestions[0].Reasons) == 0 || len(first.Suggestions) > 3 {
		t.Errorf("LK: %+v", first)
	}
	if l := doc.Labels[2]; !l.Abstained || l.Why == "" {
		t.Errorf("label_7: %+v", l)
	}
	if code, _, _ := satgraph(t, "labels", "suggest", file, "--modality", "us"); code != 2 {
		t.Errorf("an unknown modality exits %d", code)
	}
	if code, _, errOut := satgraph(t, "labels", "suggest", file+".none"); code != 2 || errOut == "" {
		t.Errorf("a missing file exits %d: %s", code, errOut)
	}
}

// A spreadsheet runs nothing of what a label, a dataset or a curator is called.
func TestExportedFormulas(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "labels.txt")
	if err := os.WriteFile(file, []byte("=cmd|' /C calc'!A0\n+1\n-2\n@SUM(1)\n＝1\nliver\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "s.db"), "labels"}, args...)...)
		if code != exitDone {
			t.Fatalf("%v: exit %d: %s", args, code, errOut)
		}
		return out
	}
	do("import", file, "--dataset", "=D")
	do("accept", "liver", "--dataset", "=D", "--by", "=HYPERLINK(1)")
	rows, err := csv.NewReader(strings.NewReader(do("export", "--dataset", "=D", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.IndexAny(cell, "=+-@＝") == 0 {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
}
