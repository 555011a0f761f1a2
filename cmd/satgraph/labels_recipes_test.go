package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recipesOf is a store with one dataset whose labels are settled.
func recipesOf(t *testing.T, labels ...string) (at func(args ...string) (int, string)) {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("value,label\n")
	for i, l := range labels {
		fmt.Fprintf(&text, "%d,%s\n", i+1, l)
	}
	file := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	at = func(args ...string) (int, string) {
		t.Helper()
		code, out, errOut := satgraph(t, append([]string{"--store", "sqlite:" + filepath.Join(dir, "s.db"), "labels"}, args...)...)
		return code, out + errOut
	}
	for _, args := range [][]string{{"import", file, "--dataset", "D", "--modality", "ct"}, {"accept", "--all", "--dataset", "D"}} {
		if code, out := at(args...); code != exitDone {
			t.Fatalf("%v: exit %d: %s", args, code, out)
		}
	}
	return at
}

func TestRecipesAreReviewed(t *testing.T) {
	at := recipesOf(t, "kidney", "kidney tumor", "left lung", "right lung", "vertebra L1", "adrenal gland", "liver")
	do := func(want int, args ...string) string {
		t.Helper()
		code, out := at(append(append([]string{"recipes"}, args...), "--dataset", "D")...)
		if code != want {
			t.Fatalf("recipes %s: exit %d: %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	var doc struct{ Recipes []recipeRow }
	if err := json.Unmarshal([]byte(do(exitDone, "propose", "--guess-sides", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	proposed := map[string]recipeRow{}
	for _, r := range doc.Recipes {
		proposed[r.Class] = r
	}
	if r := proposed["kidney"]; r.Expr != "{1, 2}" || r.Definition != "includes kidney tumor" || !r.Complete || len(r.Concerns) > 0 {
		t.Errorf("kidney: %+v", r)
	}
	if r := proposed["lung"]; r.Expr != "{3, 4}" || !r.Complete {
		t.Errorf("lung: %+v", r)
	}
	if r := proposed["left adrenal gland"]; r.Expr != "left of the middle of {6}" || r.Risk == "" || len(r.Concerns) != 1 {
		t.Errorf("a guessed side: %+v", r)
	}
	if r, ok := proposed["lumbar vertebrae"]; ok && r.Complete {
		t.Errorf("one vertebra of five is complete: %+v", r)
	}
	out := do(exitDone, "accept", "--all", "--preview")
	if strings.Contains(out, "guess") || !strings.Contains(out, "kidney tumor") {
		t.Errorf("what --all takes: %s", out)
	}
	do(exitDone, "accept", "--all", "--by", "ann")
	if out := do(exitDone, "check"); !strings.Contains(out, "0 concerns") {
		t.Errorf("what --all took: %s", out)
	}
	// A reviewer means the kidney without its tumour, and takes the liver's voxels by mistake.
	do(exitDone, "accept", "kidney", "--expr", "{1}", "--definition", "without kidney tumor", "--by", "ann")
	var wrong struct{ Batch string }
	if err := json.Unmarshal([]byte(do(exitDone, "accept", "lung", "--expr", "{3, 4, 7}", "--by", "ann", "--json")), &wrong); err != nil {
		t.Fatal(err)
	}
	out = do(exitPartial, "check")
	for _, want := range []string{"outside", "overlap"} {
		if !strings.Contains(out, want) {
			t.Errorf("check misses %s: %s", want, out)
		}
	}
	do(exitDone, "undo", wrong.Batch)
	if out := do(exitDone, "show", "lung"); !strings.Contains(out, "= {3, 4}") || !strings.Contains(out, "undo") {
		t.Errorf("after the undo: %s", out)
	}
	do(exitDone, "accept", "left adrenal gland", "--guess-sides")
	if code, out := at("recipes", "accept", "right adrenal gland", "--expr", "right components of {6}", "--dataset", "D"); code != exitUsage || !strings.Contains(out, "risk") {
		t.Errorf("a guess without its risk: %d: %s", code, out)
	}
	do(exitDone, "reject", "lumbar vertebrae 1 (l1)", "--never", "--comment", "only cut slices")
	if out := do(exitDone, "list"); !strings.Contains(out, "refused") {
		t.Errorf("list: %s", out)
	}
	if code, _ := at("recipes", "accept", "spleen", "--dataset", "D"); code != exitRefused {
		t.Errorf("a class that the labels do not make exits %d", code)
	}
	if code, out := at("recipes", "accept", "liver", "--expr", "{1", "--dataset", "D"); code != exitUsage {
		t.Errorf("a malformed recipe exits %d: %s", code, out)
	}
	code, out := at("recipes", "compare", "kidney")
	if code != exitDone || !strings.Contains(out, "without kidney tumor") || !strings.Contains(out, "KiTS23") {
		t.Errorf("compare: %d: %s", code, out)
	}
	if code, out := at("recipes", "compare"); code != exitDone || !strings.Contains(out, "D: without kidney tumor") {
		t.Errorf("classes meant differently: %d: %s", code, out)
	}
}

// Two reviewers of recipes, as of labels.
func TestRecipesOfTwoReviewers(t *testing.T) {
	at := recipesOf(t, "liver", "liver tumor")
	do := func(want int, args ...string) string {
		t.Helper()
		code, out := at(append(args, "--dataset", "D")...)
		if code != want {
			t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, out)
		}
		return out
	}
	do(exitDone, "policy", "--reviewers", "2")
	do(exitRefused, "recipes", "accept", "liver") // whose label awaits a second reviewer
	do(exitDone, "accept", "--all", "--by", "second")
	do(exitDone, "recipes", "accept", "liver", "--by", "ann")
	do(exitDone, "recipes", "accept", "liver", "--expr", "{1}", "--definition", "without liver tumor", "--by", "bob")
	if out := do(exitDone, "recipes", "list", "--status", "disputed"); !strings.Contains(out, "1 recipes") {
		t.Errorf("they disagree: %s", out)
	}
	do(exitRefused, "recipes", "accept", "liver", "--adjudicate", "--by", "ann")
	do(exitDone, "recipes", "accept", "liver", "--adjudicate", "--by", "carol")
	if out := do(exitDone, "recipes", "list"); !strings.Contains(out, "= {1, 2}  includes liver tumor  (carol)") {
		t.Errorf("settled: %s", out)
	}
}
