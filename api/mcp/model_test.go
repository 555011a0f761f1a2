package mcp_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satgraph/api/mcp"
	"satgraph/inference"
	"satgraph/jobs/jobtest"
)

// coarse is a model beside the test's own: it knows the spleen and draws it as the
// other draws the atrium, in other voxels.
type coarse struct{ jobtest.Model }

func (m *coarse) Manifest() *inference.Manifest {
	manifest := m.Model.Manifest()
	manifest.Name, manifest.Version, manifest.Demo, manifest.Notice = "coarse", "2", false, ""
	manifest.Spacing = [3]float64{2.5, 3, 3}
	manifest.Prompts = []inference.Prompt{
		{Name: jobtest.Bright, Modalities: manifest.Modalities}, {Name: "spleen", Modalities: manifest.Modalities},
	}
	return manifest
}

func (m *coarse) Encode(ctx context.Context, prompts []string, modality inference.Modality) ([][]float32, error) {
	same := make([]string, len(prompts))
	for i := range prompts {
		same[i] = jobtest.Bright
	}
	return m.Model.Encode(ctx, same, modality)
}

// An agent finds out which models there are, and segments, measures, draws and
// compares with one that is not the default.
func TestModels(t *testing.T) {
	a := startWith(t, several{&jobtest.Model{}, &coarse{}})
	a.scan("s.nii.gz", box)
	var listed struct {
		Models []struct {
			Name, Version string
			Default, Demo bool
			Classes       int
			SpacingMM     [3]float64 `json:"spacingMm"`
			Modalities    []string
		}
	}
	a.must("list_models", nil, &listed)
	if got := fmt.Sprintf("%+v", listed.Models); got != "[{Name:test-only Version:0 Default:true Demo:true Classes:3 SpacingMM:[3 3 3] Modalities:[ct]} "+
		"{Name:coarse Version:2 Default:false Demo:false Classes:2 SpacingMM:[2.5 3 3] Modalities:[ct]}]" {
		t.Errorf("models %s", got)
	}
	var plan struct {
		Model string
		Terms []struct{ ByModel string }
	}
	for model, want := range map[string]string{"": "test-only [{segmentable} {not_segmentable}]", "coarse": "coarse [{segmentable} {segmentable}]"} {
		if a.must("what_can_be_segmented", map[string]any{"query": "left atrium, spleen", "modality": "ct", "model": model}, &plan); fmt.Sprint(plan.Model, " ", plan.Terms) != want {
			t.Errorf("by model %q: %+v", model, plan)
		}
	}
	segment := func(model string) (j struct{ Job, Model, Notice string }) {
		a.must("segment", map[string]any{"scan": "s.nii.gz", "query": "left atrium, spleen", "model": model, "wait": 60}, &j)
		return j
	}
	fine, other := segment(""), segment("coarse")
	if fine.Model != "test-only" || other.Model != "coarse" || strings.Contains(other.Notice, "Test-only") {
		t.Errorf("%+v, %+v", fine, other)
	}
	var measured struct {
		Model      string
		Structures []struct{ Name, Status string }
	}
	a.must("measure", map[string]any{"job": other.Job}, &measured)
	if fmt.Sprint(measured) != "{coarse [{left cardiac atrium segmented} {spleen segmented}]}" {
		t.Errorf("%+v", measured)
	}
	var drawn struct{ Model, Caption string }
	a.must("picture", map[string]any{"job": other.Job}, &drawn)
	if drawn.Model != "coarse" || !strings.Contains(drawn.Caption, "the model coarse") {
		t.Errorf("%+v", drawn)
	}
	var c struct {
		BeforeModel, AfterModel string
		SameScan                bool
		Cautions                []string
		Structures              []struct {
			Name       string
			Comparable bool
			Dice       *float64
		}
	}
	a.must("compare_scans", map[string]any{"before": fine.Job, "after": other.Job}, &c)
	if c.BeforeModel != "test-only" || c.AfterModel != "coarse" || !c.SameScan || !strings.Contains(strings.Join(c.Cautions, ";"), "different models") {
		t.Errorf("%+v", c)
	}
	if one := c.Structures[0]; !one.Comparable || one.Dice == nil || *one.Dice < 0.5 || *one.Dice > 0.99 {
		t.Errorf("%+v", one)
	}
	a.must("compare_scans", map[string]any{"before": fine.Job, "after": fine.Job}, &c)
	if one := c.Structures[0]; one.Dice == nil || *one.Dice != 1 {
		t.Errorf("a mask and itself: %+v", one)
	}
	var ground struct{ Query, Model string }
	for _, arguments := range []map[string]any{{"modality": "ct", "model": "coarse"}, {"job": other.Job}, {"modality": "ct"}} {
		arguments["draft"] = "The spleen is normal. The right atrium is large."
		ground.Query, ground.Model = "", ""
		a.must("findings_skeleton", arguments, &ground)
		want := "UBERON:0002106 coarse"
		if arguments["job"] != nil {
			want = " " // the job has it already
		} else if arguments["model"] == nil {
			want = rightAtrium + " test-only"
		}
		if ground.Query+" "+ground.Model != want {
			t.Errorf("%v: %+v", arguments, ground)
		}
	}
	for _, tool := range []string{"segment", "what_can_be_segmented", "findings_skeleton"} {
		arguments := map[string]any{"model": "corse", "query": "spleen", "scan": "s.nii.gz", "draft": "The spleen."}
		for _, k := range map[string][]string{"segment": {"draft"}, "what_can_be_segmented": {"draft", "scan"}, "findings_skeleton": {"query", "scan"}}[tool] {
			delete(arguments, k)
		}
		if _, failed := a.call(tool, arguments, nil); !strings.HasPrefix(failed, "NO_SUCH_MODEL") || !strings.Contains(failed, "Candidates: test-only, coarse") {
			t.Errorf("%s: %s", tool, failed)
		}
	}
}

// A scan asked twice is computed once; one that has changed since is not measured
// as if it were the same.
func TestScansAreKnownByTheirContent(t *testing.T) {
	var looked atomic.Int32
	a := start(t, &jobtest.Model{Look: func(context.Context) error { looked.Add(1); return nil }})
	a.scan("s.nii", box)
	one := a.segment("s.nii")
	times := looked.Load()
	two := a.segment("s.nii")
	if one.Job == two.Job || looked.Load() != times || times == 0 {
		t.Errorf("jobs %s, %s; the model looked %d times, then %d", one.Job, two.Job, times, looked.Load())
	}
	a.must("measure", map[string]any{"job": two.Job}, nil)
	other := box
	other.Max[0] += 4
	a.scan("s.nii", other)
	for tool, arguments := range map[string]map[string]any{
		"measure": {"job": two.Job}, "picture": {"job": two.Job}, "findings_skeleton": {"job": two.Job, "draft": "The left atrium is large."},
	} {
		if _, failed := a.call(tool, arguments, nil); !strings.HasPrefix(failed, "SCAN_CHANGED") {
			t.Errorf("%s: %s", tool, failed)
		}
	}
	if a.segment("s.nii"); looked.Load() == times {
		t.Error("the changed scan was taken for the former one")
	}
}

// A file is read again only where it is another, by size, time or place.
func TestFolderKeepsHashes(t *testing.T) {
	dir := t.TempDir()
	folder, err := mcp.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	path := filepath.Join(dir, "a.nii")
	long := time.Now().Add(-time.Hour)
	write := func(path, text string, at time.Time) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	hash := func() string {
		scan, err := folder.Find(t.Context(), "a.nii")
		if err != nil {
			t.Fatal(err)
		}
		sum, err := folder.Hash(t.Context(), scan)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	const ofABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	write(path, "abc", long)
	if got := hash(); got != ofABC {
		t.Errorf("hash %s", got)
	}
	write(path, "xyz", long) // nothing tells that it is another: it is not read
	if got := hash(); got != ofABC {
		t.Errorf("the file was read again: %s", got)
	}
	seen := map[string]bool{ofABC: true}
	changed := func(how string) {
		if got := hash(); seen[got] {
			t.Errorf("%s: the hash is still %s", how, got)
		} else {
			seen[got] = true
		}
	}
	write(path, "xyz", long.Add(time.Second))
	changed("another time")
	write(path, "xyzz", long.Add(time.Second))
	changed("another size")
	write(path+".new", "1234", long.Add(time.Second))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	changed("another file")
	// Just written: a change within the clock's grain would not show.
	now := time.Now()
	write(path, "abcd", now)
	changed("new")
	write(path, "efgh", now)
	changed("new again, at the same moment")

	if err := os.Mkdir(filepath.Join(dir, "series"), 0o750); err != nil {
		t.Fatal(err)
	}
	if sum, err := folder.Hash(t.Context(), mcp.Scan{ID: "series", Path: filepath.Join(dir, "series")}); sum != "" || err != nil {
		t.Errorf("a folder: %q, %v", sum, err)
	}
	if _, err := folder.Hash(t.Context(), mcp.Scan{ID: "x", Path: "/etc/hostname"}); err == nil {
		t.Error("a file outside of the folder was read")
	}
}
