package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTreeStats(t *testing.T) {
	code, out, _ := satgraph(t, "tree", "stats", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	var stats struct {
		Terms     int            `json:"terms"`
		Relations map[string]int `json:"relations"`
		Roots     int            `json:"roots"`
		MaxDepth  int            `json:"maxDepth"`
	}
	if err := json.Unmarshal([]byte(out), &stats); err != nil {
		t.Fatal(err)
	}
	if stats.Terms != 6502 || stats.Relations["is_a"] == 0 || stats.Relations["part_of"] == 0 || stats.Roots == 0 || stats.MaxDepth == 0 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestTreeShow(t *testing.T) {
	code, out, _ := satgraph(t, "tree", "show", "heart", "--relation", "part_of", "--json")
	if code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	var term termDocument
	if err := json.Unmarshal([]byte(out), &term); err != nil {
		t.Fatal(err)
	}
	if term.ID != "UBERON:0000948" {
		t.Errorf("heart has the id %s", term.ID)
	}
	for _, want := range []string{"UBERON:0002079", "UBERON:0002078", "UBERON:0002084", "UBERON:0002080"} { // the four chambers
		if !slices.ContainsFunc(term.Children, func(c childDocument) bool { return c.ID == want }) {
			t.Errorf("heart has no child %s", want)
		}
	}
}

func TestResolveJSON(t *testing.T) {
	code, out, _ := satgraph(t, "resolve", "children of heart", "--modality", "ct", "--json")
	if code != exitPartial {
		t.Fatalf("exit code %d", code)
	}
	var plan struct {
		Query    string `json:"query"`
		Modality string `json:"modality"`
		Terms    []struct {
			ID, Name, Status, Reason string
			Classes, Missing         []string
		} `json:"terms"`
		Calls []struct{ Class, Prompt, Modality string } `json:"calls"`
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	if err := decoder.Decode(&plan); err != nil {
		t.Fatal(err)
	}
	if plan.Query != "children of heart" || plan.Modality != "ct" {
		t.Errorf("query %q, modality %q", plan.Query, plan.Modality)
	}
	for _, term := range plan.Terms {
		if term.Status == "not_segmentable" && term.Reason == "" {
			t.Errorf("%s is refused without a reason", term.Name)
		}
	}
	for _, class := range []string{"left heart ventricle", "right heart ventricle", "left heart atrium", "right heart atrium"} {
		if !slices.ContainsFunc(plan.Calls, func(c struct{ Class, Prompt, Modality string }) bool { return c.Class == class && c.Modality == "ct" }) {
			t.Errorf("no call for %q", class)
		}
	}
}

// Every way of asking badly ends in one line that names the thing, and in its
// exit code, without a file left behind.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	notNIfTI := filepath.Join(dir, "text.nii")
	if err := os.WriteFile(notNIfTI, []byte(strings.Repeat("not a scan ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.nii.gz")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("this is no database at all, but a file of somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command of that name", []string{"segmnt"}, exitUsage, "segmnt"},
		{"unknown flag", []string{"resolve", "heart", "--modalty", "ct"}, exitUsage, "modalty"},
		{"no query", []string{"resolve"}, exitUsage, "resolve"},
		{"unknown modality", []string{"resolve", "heart", "--modality", "ultrasound"}, exitUsage, "ultrasound"},
		{"unknown term", []string{"resolve", "flux capacitor"}, exitRefused, "flux capacitor"},
		{"children of an unknown term", []string{"resolve", "children of flux capacitor"}, exitRefused, "flux capacitor"},
		{"term without a class", []string{"resolve", "mitral valve", "--modality", "ct"}, exitRefused, "mitral valve"},
		{"unknown term to show", []string{"tree", "show", "flux capacitor"}, exitRefused, "flux capacitor"},
		{"bad relation", []string{"tree", "show", "heart", "--relation", "eats"}, exitUsage, "eats"},
		{"missing image", []string{"segment", filepath.Join(dir, "none.nii.gz"), "--query", "heart", "-o", out}, exitUsage, "none.nii.gz"},
		{"no NIfTI file", []string{"segment", notNIfTI, "--query", "heart", "-o", out}, exitUsage, "text.nii"},
		{"empty file", []string{"segment", empty, "--query", "heart", "-o", out}, exitUsage, "empty.nii.gz"},
		{"image of the demo", []string{"demo", "--image", notNIfTI, "-o", out}, exitUsage, "text.nii"},
		{"neither query nor prompt", []string{"segment", notNIfTI, "-o", out}, exitUsage, "--query"},
		{"no output folder", []string{"segment", notNIfTI, "--query", "heart"}, exitUsage, "-o"},
		{"file of somebody as store", []string{"--store", "sqlite:" + foreign, "tree", "stats"}, exitFailed, "foreign.db"},
		{"unknown store", []string{"--store", "mongodb://x", "tree", "stats"}, exitUsage, "mongodb"},
		{"info of no NIfTI file", []string{"volume", "info", notNIfTI}, exitUsage, "text.nii"},
		{"model folder missing", []string{"model", "verify", filepath.Join(dir, "nowhere")}, exitUsage, "manifest.json"},
		{"address others reach", []string{"serve", "--addr", "0.0.0.0:0", "--data", dir, "--log-level", "warn"}, exitRefused, "0.0.0.0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := satgraph(t, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d; it says: %s", code, tt.code, stderr)
			}
			if !strings.Contains(stderr, tt.says) {
				t.Errorf("it says %q, which does not name %q", stderr, tt.says)
			}
			if n := strings.Count(strings.TrimSpace(stderr), "\n"); n != 0 {
				t.Errorf("it says %d lines, want one: %s", n+1, stderr)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(out, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRefusalStillPrintsItsDocument(t *testing.T) {
	code, out, _ := satgraph(t, "resolve", "mitral valve", "--modality", "ct", "--json")
	if code != exitRefused {
		t.Errorf("exit code %d, want %d", code, exitRefused)
	}
	var plan struct {
		Terms []struct{ Status string }
		Calls []any
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatalf("no document: %v", err)
	}
	if len(plan.Terms) != 1 || plan.Terms[0].Status != "not_segmentable" || len(plan.Calls) != 0 {
		t.Errorf("the document is %s", out)
	}
}

// "hip" is a region in anatomy and a bone in the corpus; the class decides.
func TestResolveTakesTheCorpusName(t *testing.T) {
	code, out, _ := satgraph(t, "resolve", "hip", "--modality", "ct", "--json")
	if code != exitDone || !strings.Contains(out, "UBERON:0001272") {
		t.Errorf("exit code %d, and the document is %s", code, out)
	}
}
